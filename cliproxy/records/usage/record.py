"""What one upstream attempt used (logging.md 15.1), and who takes such records."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Protocol

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token counts of one attempt; absent numbers are 0."""

    input: int = 0
    output: int = 0
    reasoning: int = 0
    cached: int = 0
    total: int = 0

    def __bool__(self) -> bool:
        return bool(self.input or self.output or self.reasoning or self.cached or self.total)

    @property
    def sum(self) -> int:
        """``total``, else input + output + reasoning."""
        return self.total or self.input + self.output + self.reasoning


_NONE = Tokens()


@dataclass(slots=True, eq=False)
class ClientRequest:
    """The client's request that attempts were made for; all of them share this one object.

    ``route`` is ``METHOD route-pattern`` (``POST /v1/chat/completions``). ``status`` is that of the answer to the
    client; 0 until it is known, which can be after the records of its attempts were made.
    """

    route: str = ""
    status: int = 0


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """What one attempt with one credential used. ``model`` is the upstream's name without thinking suffix.

    ``requested_at`` is in Unix seconds. ``latency`` and ``ttft`` (first unit of a stream) are seconds since then, 0 =
    not known. ``upstream_status`` is 0 when the upstream gave none.
    """

    provider: str
    model: str
    client_key: str
    auth_id: str
    auth_index: str
    source: str
    failed: bool
    tokens: Tokens = _NONE
    requested_at: float = field(default_factory=time.time)
    latency: float = 0.0
    ttft: float = 0.0
    upstream_status: int = 0
    request: ClientRequest | None = None

    @property
    def group(self) -> str:
        """What it is counted under: client key, else ``METHOD route-pattern``, else provider (logging.md 16)."""
        route = self.request.route if self.request is not None else ""
        return self.client_key.strip() or route.strip() or self.provider.strip() or UNKNOWN

    @property
    def counts_as_failed(self) -> bool:
        """True for a failed attempt, and for one whose client was answered with an error (logging.md 16)."""
        return self.failed or (self.request is not None and self.request.status >= 400)


class UsageSink(Protocol):
    """Takes usage records; must return at once and never raise."""

    def record(self, record: UsageRecord) -> None:
        """Take one record."""
