"""How a credential did lately: its attempts in steps of ten minutes, as listings show them (management-api.md 23)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

STEP = 600
STEPS = 20
"""Seconds of a step, and how many of them are remembered."""


@dataclass(frozen=True, slots=True)
class Step:
    """Attempts in the ten minutes from ``start`` (Unix seconds) on."""

    start: int
    succeeded: int = 0
    failed: int = 0

    def as_json(self) -> dict[str, Any]:
        """``{"time": "15:00-15:10", "success", "failed"}``, in the server's local time."""
        first, last = (time.strftime("%H:%M", time.localtime(at)) for at in (self.start, self.start + STEP))
        return {"time": f"{first}-{last}", "success": self.succeeded, "failed": self.failed}


@dataclass(slots=True)
class RecentAttempts:
    """``counts``: (succeeded, failed) by number of the step, for steps in which something happened. Bounded in size."""

    counts: dict[int, tuple[int, int]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.counts)

    def add(self, now: float, *, failed: bool) -> None:
        """Count one attempt. ``now`` in Unix seconds."""
        number, counts = int(now // STEP), self.counts
        if number not in counts and len(counts) >= STEPS:
            for old in [key for key in counts if not number - STEPS < key <= number]:
                del counts[old]
        succeeded, lost = counts.get(number, (0, 0))
        counts[number] = (succeeded + (not failed), lost + failed)

    def copy(self) -> RecentAttempts:
        """The same counts, apart from what comes later."""
        return RecentAttempts(dict(self.counts))

    def steps(self, now: float) -> tuple[Step, ...]:
        """The last ``STEPS`` steps up to ``now``, oldest first, those without attempts too."""
        last = int(now // STEP)
        return tuple(
            Step(number * STEP, *self.counts.get(number, (0, 0))) for number in range(last - STEPS + 1, last + 1)
        )


def sums(parts: Iterable[Sequence[Step]]) -> tuple[Step, ...]:
    """Step by step the sum of several series that were taken at the same time."""
    return tuple(
        Step(column[0].start, sum(step.succeeded for step in column), sum(step.failed for step in column))
        for column in zip(*parts, strict=True)
    )
