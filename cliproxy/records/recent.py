"""The newest model calls, for the control panel's live view. In memory; nothing here waits."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from cliproxy.records.access_log import AccessRecord

KEPT = 500


@dataclass(frozen=True, slots=True)
class RecentRequest:
    """One request. ``seq`` counts from 1 since the start; ``at`` is when it was over (Unix seconds)."""

    seq: int
    at: float
    done: AccessRecord


class RecentRequests:
    """Keeps the last ``kept`` of them. ``clock`` gives Unix seconds.

    ``finished`` is to be called at the end of each request.
    """

    def __init__(self, kept: int = KEPT, clock: Callable[[], float] = time.time) -> None:
        self._ring: deque[RecentRequest] = deque(maxlen=kept)
        self._clock = clock
        self.latest = 0
        """The newest number, 0 before any request."""

    def __repr__(self) -> str:
        return f"<RecentRequests {len(self._ring)} of {self.latest}>"

    def finished(self, done: AccessRecord) -> None:
        """Remember a request; none but model calls."""
        if done.is_model_call:
            self.latest += 1
            self._ring.append(RecentRequest(self.latest, self._clock(), done))

    def after(self, seq: int, limit: int) -> list[RecentRequest]:
        """At most ``limit`` requests later than ``seq``, newest first.

        A number that was not given yet is from before a restart of the server: then all of them are later.
        """
        later = min(limit, self.latest - seq if seq <= self.latest else self.latest)
        return list(islice(reversed(self._ring), later))
