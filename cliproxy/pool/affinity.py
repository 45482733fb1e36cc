"""Which credential a conversation uses, so that upstream prompt caches keep hitting (beyond.md 5.1).

A binding lives for its time to live after the last request and is replaced as soon as its credential cannot be asked.
Pure state: the pool holds its lock and passes the time (Unix seconds).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

Key = tuple[str, str, str]
"""(caller, model's base name, session id)."""

_MOST = 20_000


class Bindings:
    """Credential ids by conversation; the one that was used longest ago goes first when there are too many."""

    def __init__(self, ttl: float, most: int = _MOST) -> None:
        self.ttl = ttl
        self._most = most
        self._bound: OrderedDict[Key, tuple[str, float]] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Bindings {len(self._bound)} conversations, {self.ttl:g}s>"

    def __len__(self) -> int:
        return len(self._bound)

    def find(self, keys: Sequence[Key], now: float) -> str | None:
        """The credential id of the first key that has a living binding."""
        for key in keys:
            found = self._bound.get(key)
            if found is not None and now < found[1]:
                return found[0]
        return None

    def bind(self, keys: Sequence[Key], credential_id: str, now: float) -> None:
        """Bind, or extend, all keys of a conversation."""
        for key in keys:
            self._bound[key] = (credential_id, now + self.ttl)
            self._bound.move_to_end(key)
        while len(self._bound) > self._most:
            self._bound.popitem(last=False)

    def clear(self) -> None:
        """Forget all."""
        self._bound.clear()
