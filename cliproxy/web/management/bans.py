"""Wrong management keys of remote clients: counted, and at the fifth banned (management-api.md 2.6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MOST_FAILURES = 5
BAN_SECONDS = 1800.0
_SWEEP_SECONDS = 3600.0
_FORGET_SECONDS = 7200.0


@dataclass(slots=True)
class _Attempts:
    count: int = 0
    last: float = 0.0
    banned_until: float = 0.0


class Bans:
    """Failures by client address, in memory only. ``clock`` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[str, _Attempts] = {}
        self._swept = clock()

    def __repr__(self) -> str:
        return f"<Bans {len(self._known)} addresses>"

    def __len__(self) -> int:
        return len(self._known)

    def left(self, address: str) -> float:
        """Seconds for which the address is still banned; 0 = it is not. A ban that is over is forgotten."""
        found = self._known.get(address)
        if found is None or not found.banned_until:
            return 0.0
        left = found.banned_until - self._clock()
        if left <= 0:
            found.count, found.banned_until = 0, 0.0
            return 0.0
        return left

    def failed(self, address: str) -> None:
        """Count one failure; the fifth begins a ban."""
        now = self._clock()
        self._sweep(now)
        found = self._known.setdefault(address, _Attempts())
        found.count, found.last = found.count + 1, now
        if found.count >= MOST_FAILURES:
            found.count, found.banned_until = 0, now + BAN_SECONDS

    def succeeded(self, address: str) -> None:
        """The right key: the failures so far do not count any more."""
        found = self._known.get(address)
        if found is not None and not found.banned_until:
            del self._known[address]

    def _sweep(self, now: float) -> None:
        """Every hour: forget who is not banned and has not failed for two hours."""
        if now - self._swept < _SWEEP_SECONDS:
            return
        self._swept = now
        self._known = {
            address: found
            for address, found in self._known.items()
            if found.banned_until > now or now - found.last < _FORGET_SECONDS
        }
