"""Decides where a model call goes (amp-routing.md 5, 13.3). Pure table look-ups; nothing here waits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cliproxy.routing.decision import RouteType, RoutingDecision, RoutingRequest
from cliproxy.routing.mapper import ModelMapper, with_suffix
from cliproxy.routing.route_providers import ProviderRegistry, RouteProvider
from cliproxy.translation.names import base_name, split_suffix


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody to ask, and the model name to ask with (suffix included)."""

    provider: RouteProvider
    model: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """A model's candidates, best first. ``resolved_model`` is the mapped base name."""

    requested_model: str
    resolved_model: str
    candidates: tuple[Candidate, ...]


class Router:
    """Reads the provider registry, the mapper and its alias table as they are at each call."""

    def __init__(self, providers: ProviderRegistry, mapper: ModelMapper) -> None:
        self._providers, self._mapper = providers, mapper

    def __repr__(self) -> str:
        return f"<Router over {self._providers!r}, {self._mapper!r}>"

    def decide(self, request: RoutingRequest) -> RoutingDecision:
        """The way of one call (section 5)."""
        requested, forced = request.requested_model, request.force_model_mapping
        base, suffix = split_suffix(requested)
        base = base.strip()
        local = [] if forced else self.candidates(base, suffix)
        if not local and (targets := self._mapper.map(requested)):
            return self._mapped(requested, targets)
        if forced:
            local = self.candidates(base, suffix)
        if local:
            others = tuple(candidate.model for candidate in local[1:])
            return RoutingDecision(RouteType.LOCAL_PROVIDER, requested, requested, local[0].provider.name, others)
        kind = RouteType.AMP_CREDITS if request.proxy_available else RouteType.NO_PROVIDER
        return RoutingDecision(kind, requested, requested)

    def _mapped(self, requested: str, targets: tuple[str, ...]) -> RoutingDecision:
        first, suffix = targets[0], split_suffix(targets[0])[1]
        provider = self.candidates(base_name(first), suffix)[0].provider.name
        aliases = (with_suffix(alias, suffix) for alias in self._offered_aliases(base_name(first)))
        fallbacks = _once([*targets[1:], *aliases], first)
        return RoutingDecision(RouteType.MODEL_MAPPING, requested, first, provider, fallbacks)

    def _offered_aliases(self, base: str) -> list[str]:
        return [alias for alias in self._mapper.aliases.of(base) if self._providers.find(base_name(alias))]

    def candidates(self, model: str, suffix: str | None = None) -> list[Candidate]:
        """Who offers a base name, by priority; each with the name to ask with."""
        found = sorted(self._providers.find(model), key=lambda provider: provider.priority)
        name = with_suffix(model, suffix)
        return [Candidate(provider, name) for provider in found]

    def resolve(self, model: str, *, force: bool = False) -> Resolution:
        """Everybody who could answer ``model``: those of the model it stands for, then of its OAuth aliases."""
        decision = self.decide(RoutingRequest(model, force_model_mapping=force))
        base, suffix = split_suffix(decision.resolved_model)
        base = base.strip()
        found = self.candidates(base, suffix)
        for alias in self._mapper.aliases.of(base):
            found += self.candidates(*_named(alias, suffix))
        found.sort(key=lambda candidate: candidate.provider.priority)
        return Resolution(model, base, tuple(found))


def _named(alias: str, suffix: str | None) -> tuple[str, str | None]:
    """(base, suffix) of an alias; its own suffix wins."""
    base, own = split_suffix(alias)
    return base, own if own is not None else suffix


def _once(names: Iterable[str], first: str) -> tuple[str, ...]:
    """Each name once, ignoring case, without ``first``."""
    kept = {first.lower(): first}
    for name in names:
        kept.setdefault(name.lower(), name)
    return tuple(kept.values())[1:]
