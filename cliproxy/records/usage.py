"""Usage records: one per upstream attempt (logging.md 15), handed to whoever keeps them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol


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


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """What one attempt with one credential used. ``model`` is the upstream's name without thinking suffix."""

    provider: str
    model: str
    client_key: str
    auth_id: str
    auth_index: str
    source: str
    failed: bool
    tokens: Tokens = Tokens()
    requested_at: float = field(default_factory=time.time)


class UsageSink(Protocol):
    """Takes usage records; must return at once and never raise."""

    def record(self, record: UsageRecord) -> None:
        """Take one record."""


class RecentUsage:
    """A sink that keeps the newest records in memory (default 1000) and counts all."""

    def __init__(self, keep: int = 1000) -> None:
        self._records: deque[UsageRecord] = deque(maxlen=keep)
        self.count = 0

    def record(self, record: UsageRecord) -> None:
        """Take one record."""
        self.count += 1
        self._records.append(record)

    def __iter__(self) -> Iterator[UsageRecord]:
        return iter(tuple(self._records))

    def __repr__(self) -> str:
        return f"<RecentUsage {self.count} recorded>"
