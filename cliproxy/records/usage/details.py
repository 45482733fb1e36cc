"""One counted attempt as the statistics keep it (logging.md 16, management-api.md 17.1)."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import orjson

from cliproxy.records.moments import Moment
from cliproxy.records.usage.record import UNKNOWN, Tokens, UsageRecord


@dataclass(frozen=True, slots=True)
class Detail:
    """One row of ``details`` and where it belongs. ``provider`` is empty for imported ones."""

    api: str
    model: str
    moment: Moment
    source: str
    auth_index: str
    tokens: Tokens
    failed: bool
    provider: str = ""

    @classmethod
    def of(cls, record: UsageRecord) -> Detail:
        """What is kept of a record."""
        return cls(
            api=plain(record.group),
            model=plain(record.model.strip()) or UNKNOWN,
            moment=Moment.of(record.requested_at),
            source=plain(record.source),
            auth_index=plain(record.auth_index),
            tokens=with_total(record.tokens),
            failed=record.counts_as_failed,
            provider=plain(record.provider),
        )

    @property
    def counted_tokens(self) -> int:
        """What it adds to the global counters: an imported negative total counts as 0 there."""
        return max(0, self.tokens.total)

    @property
    def json(self) -> str:
        """The object in ``details``."""
        tokens = self.tokens
        return orjson.dumps(
            {
                "timestamp": self.moment.text,
                "source": self.source,
                "auth_index": self.auth_index,
                "tokens": {
                    "input_tokens": tokens.input,
                    "output_tokens": tokens.output,
                    "reasoning_tokens": tokens.reasoning,
                    "cached_tokens": tokens.cached,
                    "total_tokens": tokens.total,
                },
                "failed": self.failed,
            }
        ).decode()

    @property
    def fingerprint(self) -> int:
        """64 bits that two details share exactly when one is a duplicate of the other (management-api.md 17.3)."""
        moment, tokens = self.moment, self.tokens
        parts = (
            self.api, self.model, moment.second, moment.nanosecond, self.source, self.auth_index, self.failed,
            tokens.input, tokens.output, tokens.reasoning, tokens.cached, tokens.total,
        )  # fmt: skip
        digest = blake2b(repr(parts).encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True)


def with_total(tokens: Tokens) -> Tokens:
    """With a total: as given, else input + output + reasoning, else that + cached."""
    if tokens.total:
        return tokens
    total = tokens.input + tokens.output + tokens.reasoning
    total = total or total + tokens.cached
    return Tokens(tokens.input, tokens.output, tokens.reasoning, tokens.cached, total)


def plain(text: str) -> str:
    """Text that can be written anywhere: lone surrogates, which some names hold, become question marks."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
