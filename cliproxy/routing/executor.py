"""Runs a call along its candidates, for callers that bring no route of their own (amp-routing.md 13.4).

The server's model routes do not use it: there the decision's fallback models go to the pool, which moves on by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cliproxy.config.settings import Settings
from cliproxy.errors import CliproxyError, PoolError
from cliproxy.pool.attempts import ends_round
from cliproxy.pool.dispatch import Dispatcher, StartedStream
from cliproxy.pool.pool import Pool
from cliproxy.providers.base import Answer, Call
from cliproxy.routing.mapper import ModelMapper
from cliproxy.routing.oauth_aliases import OAuthAliases
from cliproxy.routing.registry import ModelRegistry
from cliproxy.routing.route_providers import ProviderRegistry, RouteProvider
from cliproxy.routing.router import Router

T = TypeVar("T")


class RoutingExecutor:
    """Asks candidates in order until one answers."""

    def __init__(self, router: Router) -> None:
        self._router = router

    def __repr__(self) -> str:
        return f"<RoutingExecutor of {self._router!r}>"

    def execute(self, call: Call) -> Answer:
        """One whole answer to ``call.route_model``.

        :raises CliproxyError: the last candidate's error, or that of one that ends the round.
        """
        return self._first(call, lambda provider, model: provider.execute(model, call))

    def execute_stream(self, call: Call) -> StartedStream:
        """A stream with its first unit. Raises as ``execute``."""
        return self._first(call, lambda provider, model: provider.execute_stream(model, call))

    def _first(self, call: Call, ask: Callable[[RouteProvider, str], T]) -> T:
        last: CliproxyError | None = None
        candidates = self._router.resolve(call.route_model).candidates
        for provider, model in {(id(c.provider), c.model): (c.provider, c.model) for c in candidates}.values():
            try:
                return ask(provider, model)
            except CliproxyError as error:
                if ends_round(error):
                    raise
                last = error
        raise last or PoolError("no available providers")


class PoolUpstreams:
    """The pool and the registry of models, as providers ask them."""

    def __init__(self, pool: Pool, registry: ModelRegistry, dispatcher: Dispatcher) -> None:
        self._pool, self._registry, self._dispatcher = pool, registry, dispatcher

    def __repr__(self) -> str:
        return f"<PoolUpstreams {self._pool!r}>"

    def offers(self, credential_id: str, model: str) -> bool:
        """True when the credential registered the base name."""
        return self._registry.supports(credential_id, model)

    def blocked(self, credential_id: str, model: str) -> bool:
        """True while it must not be asked, also when the pool does not know it (any more)."""
        return self._pool.blocked(credential_id, model)

    def execute(self, providers: Sequence[str], call: Call) -> Answer:
        """One whole answer."""
        return self._dispatcher.execute(providers, call)

    def stream(self, providers: Sequence[str], call: Call) -> StartedStream:
        """A stream with its first unit."""
        return self._dispatcher.stream(providers, call)


@dataclass(frozen=True, slots=True)
class Routing:
    """The routing of one application: register providers in ``providers``, ask ``router`` or ``executor``."""

    providers: ProviderRegistry
    mapper: ModelMapper
    router: Router
    executor: RoutingExecutor

    @classmethod
    def of(cls, pool: Pool, registry: ModelRegistry, dispatcher: Dispatcher, settings: Settings) -> Routing:
        """Wire it for a pool, under the current settings."""
        providers = ProviderRegistry(registry, PoolUpstreams(pool, registry, dispatcher))
        mapper = ModelMapper(lambda model: bool(providers.find(model)))
        router = Router(providers, mapper)
        routing = cls(providers, mapper, router, RoutingExecutor(router))
        routing.update(settings)
        return routing

    def update(self, settings: Settings) -> None:
        """Take over mappings and OAuth aliases."""
        self.mapper.update(settings.ampcode.model_mappings)
        self.mapper.update_aliases(OAuthAliases(settings.oauth_model_alias))
