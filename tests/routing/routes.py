"""Routers around providers that know a few names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from cliproxy.config.settings import AmpMapping, OAuthAlias
from cliproxy.errors import UpstreamStatus
from cliproxy.pool.dispatch import StartedStream
from cliproxy.providers.base import Answer, Call
from cliproxy.routing.mapper import ModelMapper
from cliproxy.routing.oauth_aliases import OAuthAliases
from cliproxy.routing.route_providers import ProviderRegistry, ProviderType
from cliproxy.routing.router import Router
from cliproxy.translation.names import base_name


class Named:
    """A provider of some models; ``fails`` makes every call fail with that status."""

    type = ProviderType.API_KEY

    def __init__(self, name: str, *models: str, priority: int = 10, free: bool = True, fails: int = 0) -> None:
        self.name, self.models, self.priority, self.free, self.fails = name, models, priority, free, fails
        self.asked: list[str] = []

    def supports(self, model: str) -> bool:
        return base_name(model) in self.models

    def available(self, model: str) -> bool:
        return self.free

    def execute(self, model: str, call: Call) -> Answer:
        self.asked.append(model)
        if self.fails:
            raise UpstreamStatus(f"{self.name} says no", status=self.fails)
        return Answer(self.name.encode(), model)

    def execute_stream(self, model: str, call: Call) -> StartedStream:
        return StartedStream(self.execute(model, call).body, cast(Any, None))


class Models:
    """A registry of models: provider keys by model id."""

    def __init__(self, **by_model: tuple[str, ...]) -> None:
        self.by_model: dict[str, tuple[str, ...]] = dict(by_model)

    @classmethod
    def of(cls, provider: str, *models: str) -> Models:
        found = cls()
        found.by_model = dict.fromkeys(models, (provider,))
        return found

    def providers_of(self, model: str) -> tuple[str, ...]:
        return self.by_model.get(model, ())


def aliases(**channels: Iterable[tuple[str, str]]) -> OAuthAliases:
    """``aliases(channel=[(name, alias), ...])``."""
    return OAuthAliases({channel: [OAuthAlias(*pair) for pair in pairs] for channel, pairs in channels.items()})


def router(
    *providers: Named,
    mapping: Mapping[str, str] | None = None,
    aliases: OAuthAliases | None = None,
    models: Models | None = None,
) -> Router:
    """A router over these providers, or over a registry of models."""
    registry = ProviderRegistry(models or Models(), cast(Any, None))
    for provider in providers:
        registry.register(provider)
    mappings = [AmpMapping(*pair) for pair in (mapping or {}).items()]
    return Router(registry, ModelMapper(lambda model: bool(registry.find(model)), mappings, aliases))
