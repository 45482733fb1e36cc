"""The model registry: which credential offers which model, and the lists that clients see (credentials.md 11).

Decisions are made under one short lock; nothing here waits for anything.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, field
from typing import Any

from cliproxy.routing.observer import Notifier, Observer
from cliproxy.routing.tables import ModelInfo, static_model
from cliproxy.translation.thinking.support import Capability

QUOTA_SECONDS = 300.0
"""How long a quota mark counts in listings."""


@dataclass(slots=True)
class _Entry:
    """One model id."""

    info: ModelInfo
    by_provider: dict[str, ModelInfo] = field(default_factory=dict)
    providers: Counter[str] = field(default_factory=Counter)
    quota: dict[str, float] = field(default_factory=dict)
    suspended: dict[str, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return self.providers.total()


@dataclass(frozen=True, slots=True)
class _Client:
    """One credential's registration."""

    provider: str
    models: tuple[ModelInfo, ...]
    names: frozenset[str]


class ModelRegistry:
    """Counts credentials per model. ``clock`` gives Unix seconds; ``observer`` is told of changes, never waited for."""

    def __init__(self, clock: Callable[[], float] = time.time, observer: Observer | None = None) -> None:
        self._clock = clock
        self._notifier = Notifier(observer) if observer is not None else None
        self._lock = threading.RLock()
        self._entries: dict[str, _Entry] = {}
        self._clients: dict[str, _Client] = {}
        self._providers_cache: dict[str, tuple[str, ...]] = {}

    def __repr__(self) -> str:
        return f"<ModelRegistry {len(self._entries)} models of {len(self._clients)} credentials>"

    def register(self, client: str, provider: str, models: Iterable[ModelInfo]) -> None:
        """Replace a credential's models; none = ``unregister``. Its marks on these models are cleared."""
        wanted = [model for model in models if model.id]
        with self._lock:
            old = self._clients.get(client)
            self._forget(client)
            if wanted:
                self._add(client, provider.lower(), wanted)
            self._providers_cache.clear()
            if self._notifier is None:
                return
            if wanted:
                self._notifier.registered(provider.lower(), client, wanted)
            elif old is not None:
                self._notifier.unregistered(old.provider, client)

    def unregister(self, client: str) -> None:
        """Take a credential out; a model that nobody else offers disappears."""
        self.register(client, "", ())

    def _add(self, client: str, provider: str, models: list[ModelInfo]) -> None:
        seen: set[str] = set()
        for model in models:
            entry = self._entries.setdefault(model.id, _Entry(model))
            entry.providers[provider] += 1  # also for a repeated id, whose first entry counts
            if model.id not in seen:
                seen.add(model.id)
                entry.info = entry.by_provider[provider] = model
        names = frozenset(model.id.strip().lower() for model in models)
        self._clients[client] = _Client(provider, tuple(models), names)

    def _forget(self, client: str) -> None:
        old = self._clients.pop(client, None)
        if old is None:
            return
        for model in old.models:
            entry = self._entries[model.id]
            entry.providers[old.provider] -= 1
            entry.quota.pop(client, None)
            entry.suspended.pop(client, None)
            if entry.providers[old.provider] <= 0:
                del entry.providers[old.provider]
                entry.by_provider.pop(old.provider, None)
            if not entry.providers:
                del self._entries[model.id]

    def mark_quota(self, client: str, model: str) -> None:
        """Note that the credential's quota for the model is used up; counts for five minutes."""
        with self._lock:
            if (entry := self._offered(client, model)) is not None:
                entry.quota[client] = self._clock()

    def clear_quota(self, client: str, model: str) -> None:
        """Take the quota mark off."""
        with self._lock:
            if (entry := self._entries.get(model)) is not None:
                entry.quota.pop(client, None)

    def suspend(self, client: str, model: str, reason: str) -> None:
        """Leave the credential out of the model's count; the first reason stays."""
        with self._lock:
            if (entry := self._offered(client, model)) is not None:
                entry.suspended.setdefault(client, reason)

    def resume(self, client: str, model: str) -> None:
        """Count the credential again."""
        with self._lock:
            if (entry := self._entries.get(model)) is not None:
                entry.suspended.pop(client, None)

    def _offered(self, client: str, model: str) -> _Entry | None:
        """The model's entry if this credential offers it: a late result of one that is gone must leave no mark."""
        return self._entries.get(model) if self.supports(client, model) else None

    def names_of(self, client: str) -> Set[str]:
        """All names that a credential registered, in lower case."""
        found = self._clients.get(client)
        return found.names if found is not None else frozenset()

    def supports(self, client: str, model: str) -> bool:
        """True when the credential registered the model, ignoring case and outer blanks."""
        found = self._clients.get(client)
        return found is not None and model.strip().lower() in found.names

    def providers_of(self, model: str) -> tuple[str, ...]:
        """Provider keys that offer the model: most credentials first, then by name."""
        cached = self._providers_cache.get(model)
        if cached is not None:
            return cached
        with self._lock:
            entry = self._entries.get(model)
            if entry is None:
                return ()
            order = sorted(entry.providers.items(), key=lambda pair: (-pair[1], pair[0]))
            found = self._providers_cache[model] = tuple(provider for provider, _ in order)
        return found

    def count(self, model: str) -> int:
        """Credentials that can be used for the model right now."""
        with self._lock:
            entry = self._entries.get(model)
            if entry is None:
                return 0
            out = {*self._fresh(entry), *entry.suspended}
            return max(0, entry.count - len(out))

    def info(self, model: str, provider: str = "") -> ModelInfo | None:
        """The provider's entry of a model, else the latest one, else the static table's."""
        with self._lock:
            entry = self._entries.get(model)
            if entry is not None:
                return entry.by_provider.get(provider, entry.info)
        return static_model(model)

    def capability(self, model: str, provider: str = "") -> Capability | None:
        """What thinking needs to know of a model (providers.md 21); None when nobody knows it."""
        found = self.info(model, provider)
        if found is None:
            return None
        return Capability(found.id, found.thinking, found.user_defined, found.max_completion_tokens)

    def models_of(self, client: str) -> tuple[ModelInfo, ...]:
        """A credential's own entries, each id once."""
        found = self._clients.get(client)
        return tuple({model.id: model for model in reversed(found.models)}.values())[::-1] if found else ()

    def available(self) -> list[ModelInfo]:
        """Models that lists show, by id (credentials.md 11.5)."""
        with self._lock:
            found = [entry.info for entry in self._entries.values() if self._listed(entry)]
        return sorted(found, key=lambda model: model.id)

    def newest(self) -> str | None:
        """The model that ``auto`` stands for: the newest available one with a usable credential."""
        models = sorted(self.available(), key=lambda model: -model.created)
        return next((model.id for model in models if self.count(model.id) > 0), None)

    def _fresh(self, entry: _Entry) -> list[str]:
        since = self._clock() - QUOTA_SECONDS
        return [client for client, moment in entry.quota.items() if moment > since]

    def _listed(self, entry: _Entry) -> bool:
        quota = len(self._fresh(entry))
        cooling = sum(reason == "quota" for reason in entry.suspended.values())
        other = len(entry.suspended) - cooling
        return entry.count - quota - other > 0 or (other == 0 and (quota > 0 or cooling > 0))

    def openai_models(self) -> list[dict[str, Any]]:
        """``data`` of ``GET /v1/models`` (client-api.md 8.1)."""
        return [_openai(model) for model in self.available()]

    def claude_models(self) -> list[dict[str, Any]]:
        """``data`` of the list in Claude's shape (client-api.md 10.3)."""
        return [_claude(model) for model in self.available()]

    def gemini_models(self) -> list[dict[str, Any]]:
        """``models`` of ``GET /v1beta/models`` (client-api.md 11.1), each name once."""
        found = {shape["name"]: shape for shape in map(_gemini, reversed(self.available()))}
        return list(found.values())[::-1]


def _openai(model: ModelInfo) -> dict[str, Any]:
    shape: dict[str, Any] = {"id": model.id, "object": "model"}
    if model.created:
        shape["created"] = model.created
    return {**shape, "owned_by": model.owned_by}


def _claude(model: ModelInfo) -> dict[str, Any]:
    shape: dict[str, Any] = {"id": model.id, "object": "model", "owned_by": model.owned_by}
    if model.type:
        shape["type"] = "model"
    if model.created:
        shape["created_at"] = model.created
    if model.display_name:
        shape["display_name"] = model.display_name
    return shape


def _gemini(model: ModelInfo) -> dict[str, Any]:
    plain = model.id  # an alias or prefix may have kept the original's name: the registered id decides
    shape = {
        "name": plain if plain.startswith("models/") else f"models/{plain}",
        "version": model.version,
        "displayName": model.display_name or plain,
        "description": model.description or plain,
        "inputTokenLimit": model.input_limit,
        "outputTokenLimit": model.output_limit,
        "supportedGenerationMethods": list(model.methods) or ["generateContent"],
    }
    return {key: value for key, value in shape.items() if value}
