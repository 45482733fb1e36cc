"""Providers that an embedding program brings along: their implementation, and the models they offer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from cliproxy.config.settings import Settings
from cliproxy.providers.base import Provider
from cliproxy.providers.credential import Credential
from cliproxy.providers.http import HttpClient
from cliproxy.providers.pipeline import Pipeline
from cliproxy.providers.registry import Providers
from cliproxy.routing.tables import ModelInfo


class EmbeddedProvider(Provider, Protocol):
    """A provider with models of its own; ``providers/local.py`` and ``providers/http.py`` have bases for one."""

    models: Sequence[ModelInfo]


@dataclass(frozen=True, slots=True)
class ProviderParts:
    """What the house's own providers are made of. ``settings`` gives those in force."""

    http: HttpClient
    settings: Callable[[], Settings]
    pipeline: Pipeline


MakeProvider = Callable[[ProviderParts], EmbeddedProvider]


class EmbeddedProviders:
    """All that one application was given. Each is asked with one credential, which is named like its key.

    :raises ValueError: a key is empty, not in lower case, or there already.
    """

    def __init__(self, makers: Iterable[MakeProvider], parts: ProviderParts, providers: Providers) -> None:
        self._models: dict[str, tuple[ModelInfo, ...]] = {}
        for make in makers:
            provider = make(parts)
            key = provider.key
            if not key or key != key.lower().strip() or key in providers:
                raise ValueError(f"a provider needs a key of its own in lower case, not {key!r}")
            providers.register(key, provider)
            self._models[key] = tuple(provider.models)

    def __repr__(self) -> str:
        return f"<EmbeddedProviders {self.keys}>"

    @property
    def keys(self) -> tuple[str, ...]:
        """Their provider keys."""
        return tuple(self._models)

    def models_of(self, credential: Credential) -> tuple[ModelInfo, ...] | None:
        """The models of a credential that was made for one of them; None for all others."""
        return self._models.get(credential.provider) if credential.id == credential.provider else None
