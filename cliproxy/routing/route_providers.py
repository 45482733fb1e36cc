"""Who can answer a model, as the router sees it: providers with priority, support and availability (13.2).

Without any registered provider object the registry of models speaks for all credentials (``RegistryProvider``), which
is how the server itself runs; embedders may register providers of their own. How a call is run is the pool's business:
providers only say with which credentials, and under which name.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from cliproxy.config.settings import KeyEntry
from cliproxy.errors import AuthNotFound
from cliproxy.pool.dispatch import StartedStream
from cliproxy.providers.base import Answer, Call
from cliproxy.providers.credential import Credential
from cliproxy.routing.mapper import with_suffix
from cliproxy.translation.names import base_name, split_suffix


class ProviderType(enum.StrEnum):
    """How a provider's credentials prove who they are."""

    OAUTH = "oauth"
    API_KEY = "api_key"
    VERTEX = "vertex"


class Upstreams(Protocol):
    """What providers need of the pool and the registry of models."""

    def offers(self, credential_id: str, model: str) -> bool:
        """True when the credential registered the base name."""

    def blocked(self, credential_id: str, model: str) -> bool:
        """True while the credential must not be asked for the base name."""

    def execute(self, providers: Sequence[str], call: Call) -> Answer:
        """One whole answer; raises the pool's errors."""

    def stream(self, providers: Sequence[str], call: Call) -> StartedStream:
        """A stream with its first unit."""


class RouteProvider(Protocol):
    """One that can answer models. Model names may carry a suffix; comparisons ignore it."""

    name: str
    type: ProviderType
    priority: int
    """The lower comes first."""

    def supports(self, model: str) -> bool:
        """True when the model is one of its own."""

    def available(self, model: str) -> bool:
        """True when it could answer now."""

    def execute(self, model: str, call: Call) -> Answer:
        """One whole answer of ``model`` to the call.

        :raises CliproxyError: nobody answered.
        """

    def execute_stream(self, model: str, call: Call) -> StartedStream:
        """A stream with its first unit. Raises as ``execute``."""


class OAuthProvider:
    """Logins, as records that the pool knows too; only these are asked."""

    type = ProviderType.OAUTH

    def __init__(
        self, name: str, upstreams: Upstreams, credentials: Iterable[Credential] = (), *, priority: int = 10
    ) -> None:
        self.name, self.priority, self._upstreams = name, priority, upstreams
        self._credentials = {credential.id: credential for credential in credentials}

    def __repr__(self) -> str:
        return f"<OAuthProvider {self.name}, {len(self._credentials)} credentials>"

    def add(self, credential: Credential) -> None:
        """Add or replace a login."""
        self._credentials[credential.id] = credential

    def remove(self, credential_id: str) -> None:
        """Take a login out. Unknown ids are no error."""
        self._credentials.pop(credential_id, None)

    def supports(self, model: str) -> bool:
        """True when one of the logins registered the model."""
        return any(self._upstreams.offers(id_, base_name(model)) for id_ in self._credentials)

    def available(self, model: str) -> bool:
        """True when one of those is not blocked for it."""
        return bool(self._free(base_name(model)))

    def execute(self, model: str, call: Call) -> Answer:
        """Ask the logins that are free, in the pool's order."""
        keys, restricted = self._restricted(model, call)
        return self._upstreams.execute(keys, restricted)

    def execute_stream(self, model: str, call: Call) -> StartedStream:
        """The same as a stream."""
        keys, restricted = self._restricted(model, call)
        return self._upstreams.stream(keys, restricted)

    def _free(self, base: str) -> list[Credential]:
        upstreams = self._upstreams
        return [
            credential
            for id_, credential in self._credentials.items()
            if upstreams.offers(id_, base) and not upstreams.blocked(id_, base)
        ]

    def _restricted(self, model: str, call: Call) -> tuple[tuple[str, ...], Call]:
        free = self._free(base_name(model))
        if not free:
            raise AuthNotFound(f"no available OAuth auth for model {model}")
        keys = tuple(dict.fromkeys(credential.executor_key for credential in free))
        return keys, replace(call, route_model=model, only_credentials=frozenset(c.id for c in free))


class ApiKeyProvider:
    """Key entries of one provider key (``claude``, ``gemini``, the name of an OpenAI-compatible service ...)."""

    type = ProviderType.API_KEY

    def __init__(
        self,
        name: str,
        provider_key: str,
        upstreams: Upstreams,
        entries: Iterable[KeyEntry] = (),
        *,
        priority: int = 20,
        type: ProviderType = ProviderType.API_KEY,  # noqa: A002 - the field's name
    ) -> None:
        self.name, self.priority, self.type = name, priority, type
        self._provider_key, self._upstreams, self._entries = provider_key, upstreams, list(entries)

    def __repr__(self) -> str:
        return f"<ApiKeyProvider {self.name}, {len(self._entries)} entries>"

    def add(self, entry: KeyEntry) -> None:
        """Add an entry."""
        self._entries.append(entry)

    def supports(self, model: str) -> bool:
        """True when an entry lists the model by alias or name, ignoring case."""
        return self._registered(model) is not None

    def available(self, model: str) -> bool:
        """The same: keys are not watched here."""
        return self.supports(model)

    def execute(self, model: str, call: Call) -> Answer:
        """Ask the keys that list the model; the pool sends the name behind an alias (credentials.md 9.3)."""
        return self._upstreams.execute((self._provider_key,), self._named(model, call))

    def execute_stream(self, model: str, call: Call) -> StartedStream:
        """The same as a stream."""
        return self._upstreams.stream((self._provider_key,), self._named(model, call))

    def _named(self, model: str, call: Call) -> Call:
        registered = self._registered(model)
        if registered is None:
            raise AuthNotFound("no API key supports the requested model")
        return call.with_model(with_suffix(registered, split_suffix(model)[1]))

    def _registered(self, model: str) -> str | None:
        """The id under which the pool knows the model: the alias, else the name, of the first entry that lists it."""
        wanted = base_name(model).lower()
        for entry in self._entries:
            for listed in entry.models:
                if wanted in (listed.alias.lower(), listed.name.lower()):
                    return listed.alias or listed.name
        return None


class Offers(Protocol):
    """The registry of models, as far as routing asks it."""

    def providers_of(self, model: str) -> tuple[str, ...]:
        """Provider keys that offer a base name."""


class RegistryProvider:
    """All credentials of one provider key, as the registry of models knows them."""

    type = ProviderType.OAUTH
    priority = 0

    def __init__(self, name: str, models: Offers, upstreams: Upstreams) -> None:
        self.name, self._models, self._upstreams = name, models, upstreams

    def __repr__(self) -> str:
        return f"<RegistryProvider {self.name}>"

    def supports(self, model: str) -> bool:
        """True when a credential of this kind registered the model."""
        return self.name in self._models.providers_of(base_name(model))

    def available(self, model: str) -> bool:
        """Always: quota is the pool's business, and its 429 the right answer."""
        return True

    def execute(self, model: str, call: Call) -> Answer:
        """Ask the pool for this provider key."""
        return self._upstreams.execute((self.name,), call.with_model(model))

    def execute_stream(self, model: str, call: Call) -> StartedStream:
        """The same as a stream."""
        return self._upstreams.stream((self.name,), call.with_model(model))


class ProviderRegistry:
    """The registered providers in order; with none, those of the registry of models."""

    def __init__(self, models: Offers, upstreams: Upstreams) -> None:
        self._models, self._upstreams = models, upstreams
        self._providers: list[RouteProvider] = []
        self._of_models: dict[str, RouteProvider] = {}

    def __repr__(self) -> str:
        return f"<ProviderRegistry {self._providers or 'of the model registry'}>"

    def register(self, provider: RouteProvider) -> None:
        """Append a provider."""
        self._providers.append(provider)

    def all(self) -> tuple[RouteProvider, ...]:
        """The registered ones, in order of registration."""
        return tuple(self._providers)

    def find(self, model: str) -> list[RouteProvider]:
        """Those that support the model and are available for it, in order."""
        if self._providers:
            return [provider for provider in self._providers if provider.supports(model) and provider.available(model)]
        return [self._of_model(key) for key in self._models.providers_of(base_name(model))]

    def _of_model(self, key: str) -> RouteProvider:
        found = self._of_models.get(key)
        if found is None:
            found = self._of_models[key] = RegistryProvider(key, self._models, self._upstreams)
        return found
