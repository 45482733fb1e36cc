"""What routing decides about one model call (amp-routing.md 5, 13.1)."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class RouteType(enum.StrEnum):
    """The four ways that a model call can go."""

    LOCAL_PROVIDER = "LOCAL_PROVIDER"
    """Credentials of this proxy offer the model."""
    MODEL_MAPPING = "MODEL_MAPPING"
    """Another model answers that they offer."""
    AMP_CREDITS = "AMP_CREDITS"
    """Amp's own server answers, for Amp credits."""
    NO_PROVIDER = "NO_PROVIDER"
    """Nobody does: the local handler says so."""


@dataclass(frozen=True, slots=True)
class RoutingRequest:
    """What a decision depends on, the tables apart.

    ``prefer_local_provider`` has no effect: local is preferred anyway, unless ``force_model_mapping``.
    ``proxy_available``: Amp's server is configured.
    """

    requested_model: str
    prefer_local_provider: bool = False
    force_model_mapping: bool = False
    proxy_available: bool = True


@dataclass(frozen=True, slots=True)
class RoutingDecision:
    """Which way one call goes.

    ``requested_model`` is the client's name with its suffix, ``resolved_model`` the one to use, with suffix.
    ``fallback_models`` follow when the pool has nobody for it; of ``LOCAL_PROVIDER`` they are information only.
    """

    route_type: RouteType
    requested_model: str
    resolved_model: str
    provider_name: str = ""
    fallback_models: tuple[str, ...] = ()

    @property
    def should_proxy(self) -> bool:
        """True when Amp's server gets the call."""
        return self.route_type is RouteType.AMP_CREDITS

    @property
    def is_local(self) -> bool:
        """True when credentials of this proxy answer."""
        return self.route_type in (RouteType.LOCAL_PROVIDER, RouteType.MODEL_MAPPING)

    @property
    def is_mapped(self) -> bool:
        """True when another model than the requested one answers."""
        return self.route_type is RouteType.MODEL_MAPPING

    @property
    def has_fallbacks(self) -> bool:
        """True when there is something to try after ``resolved_model``."""
        return bool(self.fallback_models)
