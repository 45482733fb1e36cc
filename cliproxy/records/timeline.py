"""Figures of the last day by the minute, for the control panel's charts. In memory; nothing here waits.

Times to the first byte are counted in a histogram whose buckets grow by an eighth of a doubling. A percentile lies in
the same bucket as the true value, so it is less than 9.1 % away from it (below 1 ms: less than 1 ms; what is above
1048 s counts as that).
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil, log2

from cliproxy.records.access_log import AccessRecord
from cliproxy.records.usage.record import UsageRecord

LONGEST = 1440
"""Minutes that are kept."""
_POINTS = 120
_STEPS = (1, 2, 3, 5, 10, 15)
"""Minutes that one point may stand for."""
_PER_DOUBLING, _DOUBLINGS = 8, 20
_BUCKETS = 1 + _PER_DOUBLING * _DOUBLINGS
"""The first one is for everything below 1 ms."""


@dataclass(frozen=True, slots=True)
class Point:
    """What ended from ``at`` (Unix seconds) on, for one step.

    Answers of 400 and up are ``errors``; a client that leaves is none. TTFB, in milliseconds, is that of the other
    answers; None without any.
    """

    at: int
    requests: int
    errors: int
    ttfb_p50_ms: float | None
    ttfb_p95_ms: float | None
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Overview:
    """``points`` are ``step`` seconds apart, oldest first, the last one still growing; none is left out."""

    step: int
    points: tuple[Point, ...]


class Timeline:
    """Counts model calls and their tokens when they are over. ``clock`` gives Unix seconds.

    ``finished`` is to be called at the end of each request; ``take`` is a consumer of the usage queue.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.started_at = clock()
        self._minutes: list[_Minute | None] = [None] * LONGEST
        """A ring: minute ``n`` since 1970 has place ``n % LONGEST``."""

    def __repr__(self) -> str:
        return f"<Timeline of {sum(minute is not None for minute in self._minutes)} minutes>"

    def finished(self, done: AccessRecord) -> None:
        """Count a request; none but model calls."""
        if not done.is_model_call:
            return
        minute = self._present()
        minute.requests += 1
        if done.status >= 400:
            minute.errors += not done.aborted
        elif done.first_byte is not None:
            minute.first_bytes[_bucket(done.first_byte * 1000)] += 1

    def take(self, records: Sequence[UsageRecord]) -> None:
        """Count the tokens of attempts."""
        minute = self._present()
        for record in records:
            minute.input_tokens += record.tokens.input
            minute.output_tokens += record.tokens.output

    def overview(self, minutes: int) -> Overview:
        """The last ``minutes`` (1 to ``LONGEST``), in at most 120 points."""
        step = next(step for step in _STEPS if ceil(minutes / step) <= _POINTS)
        count = ceil(minutes / step)
        first = (int(self._clock() // 60) // step - count + 1) * step
        return Overview(step * 60, tuple(self._point(first + step * number, step) for number in range(count)))

    def _present(self) -> _Minute:
        now = int(self._clock() // 60)
        found = self._minutes[now % LONGEST]
        if found is None or found.number != now:
            found = self._minutes[now % LONGEST] = _Minute(now)
        return found

    def _point(self, begin: int, step: int) -> Point:
        places = ((number, self._minutes[number % LONGEST]) for number in range(begin, begin + step))
        found = [minute for number, minute in places if minute is not None and minute.number == number]
        first_bytes = _added(minute.first_bytes for minute in found)
        return Point(
            begin * 60,
            sum(minute.requests for minute in found),
            sum(minute.errors for minute in found),
            percentile(first_bytes, 0.5),
            percentile(first_bytes, 0.95),
            sum(minute.input_tokens for minute in found),
            sum(minute.output_tokens for minute in found),
        )


class _Minute:
    """The counters of one minute, 750 bytes."""

    __slots__ = ("errors", "first_bytes", "input_tokens", "number", "output_tokens", "requests")

    def __init__(self, number: int) -> None:
        self.number = number
        self.requests = self.errors = self.input_tokens = self.output_tokens = 0
        self.first_bytes = array("I", bytes(4 * _BUCKETS))


def _bucket(milliseconds: float) -> int:
    if milliseconds < 1:
        return 0
    return min(1 + int(log2(milliseconds) * _PER_DOUBLING), _BUCKETS - 1)


def _added(histograms: Iterable[array[int]]) -> list[int]:
    """One histogram of several; empty of none."""
    return [sum(counts) for counts in zip(*histograms, strict=True)]


def percentile(counts: Sequence[int], share: float) -> float | None:
    """Milliseconds that ``share`` (0 to 1) of the values in a histogram do not exceed; None without values."""
    rank = max(1, ceil(share * sum(counts)))
    before = 0
    for bucket, count in enumerate(counts):
        if before + count >= rank:
            within = (rank - before - 0.5) / count
            value = 2 ** ((bucket - 1 + within) / _PER_DOUBLING) if bucket else within
            return round(value, 1)
        before += count
    return None
