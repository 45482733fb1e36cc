"""Model lists that an upstream has to be asked for (credentials.md 12.1): beside everything else, never in its way."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from cliproxy.providers.antigravity_models import ListedModel
from cliproxy.providers.credential import Credential
from cliproxy.routing.tables import TABLES, ModelInfo

log = logging.getLogger(__name__)

Fetch = Callable[[Credential], Sequence[ListedModel]]
"""Asks the upstream; empty when it cannot say. May take 15 s."""

FRESH = 300.0
AGAIN = 60.0
"""Seconds: a list is not asked for again sooner; after a failure."""


class FetchedModels:
    """The lists by credential id. ``changed(id)`` is called when a new one has come. ``clock`` gives Unix seconds."""

    def __init__(
        self,
        fetch: Fetch,
        changed: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.time,
        spawn: Callable[[Callable[[], None]], None] | None = None,
    ) -> None:
        self._fetch, self._changed, self._clock = fetch, changed, clock
        self._spawn = spawn or _thread
        self._lock = threading.Lock()
        self._lists: dict[str, tuple[ModelInfo, ...]] = {}
        self._asked: dict[str, float] = {}
        self._running: set[str] = set()

    def __repr__(self) -> str:
        return f"<FetchedModels of {len(self._lists)} credentials>"

    def of(self, credential: Credential) -> tuple[ModelInfo, ...]:
        """What is known now; asks in the background when that is old, or nothing."""
        found = self._lists.get(credential.id, ())
        pause = FRESH if found else AGAIN
        with self._lock:
            due = self._clock() - self._asked.get(credential.id, 0.0) >= pause and credential.id not in self._running
            if due:
                self._running.add(credential.id)
                self._asked[credential.id] = self._clock()
        if due:
            self._spawn(lambda: self._run(credential))
        return found

    def _run(self, credential: Credential) -> None:
        listed: Sequence[ListedModel] = ()
        try:
            listed = self._fetch(credential)
        except Exception:
            log.exception("the models of %s could not be listed", credential.id)
        finally:
            with self._lock:
                self._running.discard(credential.id)
        known = {model.id: model for model in self._lists.get(credential.id, ())}
        models = tuple(known.get(model.id) or entry_of(model, int(self._clock())) for model in listed)
        if models and models != tuple(known.values()):  # a failure is no reason to forget
            self._lists[credential.id] = models
            self._changed(credential.id)


def entry_of(listed: ListedModel, now: int) -> ModelInfo:
    """A listed model as an entry, with the limits that the table of Antigravity knows (13.6). ``now``: Unix seconds."""
    known = next((model for model in TABLES["antigravity"] if model.id == listed.id), None)
    return ModelInfo(
        listed.id, "antigravity", "antigravity", now, listed.display_name, listed.id, listed.id, listed.display_name,
        max_completion_tokens=known.max_completion_tokens if known else 0, thinking=known.thinking if known else None,
    )  # fmt: skip


def _thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="model-list", daemon=True).start()
