"""A time limit over several calls: what is left for one more is its limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from cliproxy.config.settings import TimeLimits
from cliproxy.errors import UpstreamError
from cliproxy.providers.http import Outgoing, Reply
from cliproxy.providers.tokens.client import Fetcher


class Deadline:
    """A ``Fetcher`` whose calls end within ``seconds`` from now in all; ``clock`` gives monotonic seconds."""

    def __init__(self, http: Fetcher, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._http, self._clock = http, clock
        self._seconds, self._end = seconds, clock() + seconds

    def __repr__(self) -> str:
        return f"<Deadline {self._end - self._clock():.1f}s left of {self._seconds:g}>"

    def fetch(self, request: Outgoing) -> Reply:
        """As ``HttpClient.fetch``.

        :raises UpstreamError: also when no time is left.
        """
        left = self._end - self._clock()
        if left <= 0:
            raise UpstreamError(f"not done within {self._seconds:g}s")
        limits = request.limits
        shorter = TimeLimits(_least(limits.first_byte, left), _least(limits.idle, left))
        return self._http.fetch(replace(request, limits=shorter))


def _least(limit: float, left: float) -> float:
    """The shorter of both; a limit of 0 is none."""
    return min(limit, left) if limit else left
