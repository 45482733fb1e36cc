"""From the client's model name to providers (client-api.md 5.3, credentials.md 4.1)."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from cliproxy.errors import UnknownModel
from cliproxy.routing.registry import ModelRegistry
from cliproxy.translation.names import split_suffix

log = logging.getLogger(__name__)

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Route:
    """Where a call goes: the resolved name with its suffix, and the provider keys that offer it."""

    model: str
    providers: tuple[str, ...]


class Resolver:
    """Resolves names against a registry."""

    def __init__(self, registry: ModelRegistry) -> None:
        self._registry = registry

    def resolve(self, client_model: str) -> Route:
        """The route of a name as the client wrote it.

        :raises UnknownModel: nobody offers it.
        """
        base, suffix = split_suffix(client_model)
        model = client_model
        if base == AUTO:
            base = self._newest()
            model = base if suffix is None else f"{base}({suffix})"
        providers = self._registry.providers_of(base.strip())
        if not providers and suffix is not None:
            providers = self._registry.providers_of(model.strip())
        if not providers:
            raise UnknownModel(client_model)
        return Route(model, providers)

    def _newest(self) -> str:
        newest = self._registry.newest()
        if newest is None:
            log.warning("model auto: no model is available")
        return newest or AUTO
