"""Signatures of earlier thinking, for clients that do not send them back (translation.md 4.5, providers.md 26).

Keys are the model's group and a hash of the thinking text. Nothing here waits, so no other greenlet comes between;
expired entries go when somebody reads or stores.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable

SKIP_SIGNATURE = "skip_thought_signature_validator"
"""The documented stand-in for a signature that is not known; Gemini models accept it."""

SHORTEST = 50
"""Characters that a real signature has at least."""

LIFETIME = 3 * 60 * 60.0
"""Seconds that an entry lives after it was stored or last read."""

SWEEP_INTERVAL = 10 * 60.0
"""Seconds between two sweeps at least."""

MOST_ENTRIES = 20_000
"""Entries of one group; the one unused for longest goes first."""


def group_of(model: str) -> str:
    """The family whose signatures ``model`` understands: ``gpt``, ``claude``, ``gemini``, else the name itself."""
    return next((group for group in ("gpt", "claude", "gemini") if group in model), model)


def is_valid(model: str, signature: str) -> bool:
    """True when ``signature`` can be a real one, or is the stand-in and the model takes it."""
    if len(signature) >= SHORTEST:
        return True
    return signature == SKIP_SIGNATURE and group_of(model) == "gemini"


def prefixed(group: str, signature: str) -> str:
    """The form that Claude clients get: ``group#signature``."""
    return f"{group}#{signature}"


def split_prefixed(text: str) -> tuple[str, str] | None:
    """(group, signature) of that form; None for a text without one of both."""
    group, _, signature = text.partition("#")
    return (group, signature) if group and signature else None


class SignatureCache:
    """Signature by model group and thinking text. ``clock`` gives seconds that never go back."""

    def __init__(self, clock: Callable[[], float], most_entries: int = MOST_ENTRIES) -> None:
        self._clock = clock
        self._most = most_entries
        self._groups: dict[str, OrderedDict[str, tuple[str, float]]] = {}  # entries in the order of their last use
        self._swept = clock()

    def __repr__(self) -> str:
        sizes = {group: len(entries) for group, entries in self._groups.items()}
        return f"<SignatureCache {sizes}>"

    def __len__(self) -> int:
        return sum(map(len, self._groups.values()))

    def store(self, model: str, text: str, signature: str) -> None:
        """Remember the signature of ``text``; without text, or with less than a real signature, nothing happens."""
        if not text or len(signature) < SHORTEST:
            return
        now = self._clock()
        self._sweep(now)
        entries = self._groups.setdefault(group_of(model), OrderedDict())
        key = _key(text)
        entries[key] = (signature, now)
        entries.move_to_end(key)
        if len(entries) > self._most:
            entries.popitem(last=False)

    def get(self, model: str, text: str) -> str:
        """The signature of ``text``, living on from now; else the stand-in for Gemini models, empty for others."""
        group = group_of(model)
        return self._found(group, text) or (SKIP_SIGNATURE if group == "gemini" else "")

    def clear(self, model: str = "") -> None:
        """Forget the group of ``model``, without a name everything."""
        if model:
            self._groups.pop(group_of(model), None)
        else:
            self._groups.clear()

    def _found(self, group: str, text: str) -> str:
        entries = self._groups.get(group)
        if not entries or not text:
            return ""
        key = _key(text)
        signature, used = entries.get(key, ("", 0.0))
        if not signature:
            return ""
        now = self._clock()
        if now - used > LIFETIME:
            del entries[key]
            return ""
        entries[key] = (signature, now)
        entries.move_to_end(key)
        return signature

    def _sweep(self, now: float) -> None:
        """Drop expired entries and empty groups, not too often."""
        if now - self._swept < SWEEP_INTERVAL:
            return
        self._swept = now
        for group, entries in list(self._groups.items()):
            while entries and now - next(iter(entries.values()))[1] > LIFETIME:
                entries.popitem(last=False)
            if not entries:
                del self._groups[group]


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
