"""Prompt-cache ids for Codex, so that the turns of one conversation find their cached beginning (providers.md 12.3)."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from cliproxy.providers.base import Call
from cliproxy.translation.formats import CLAUDE, RESPONSES
from cliproxy.translation.reading import obj, text

LIFETIME = 3600.0
"""Seconds from its making for which an id is used."""
_MOST = 10_000


class PromptCacheIds:
    """One random id per (model, user) of Claude clients. ``clock`` gives seconds; nothing here waits."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ids: dict[str, tuple[str, float]] = {}

    def __repr__(self) -> str:
        return f"<PromptCacheIds {len(self._ids)}>"

    def of(self, call: Call, model: str) -> str:
        """The id of a call, empty for clients that say nothing to make one from; one that a header can carry."""
        if call.format == RESPONSES:
            key = text(call.body.get("prompt_cache_key"))
            return key if key.isascii() and key.isprintable() else ""
        user = text(obj(call.body.get("metadata")).get("user_id")) if call.format == CLAUDE else ""
        return self._id(f"{model}-{user}") if user else ""

    def _id(self, key: str) -> str:
        now = self._clock()
        found = self._ids.get(key)
        if found is not None and now - found[1] < LIFETIME:
            return found[0]
        if len(self._ids) >= _MOST:
            self._ids = {name: entry for name, entry in self._ids.items() if now - entry[1] < LIFETIME}
            while len(self._ids) >= _MOST:
                self._ids.pop(next(iter(self._ids)))
        made = str(uuid.uuid4())
        self._ids[key] = (made, now)
        return made
