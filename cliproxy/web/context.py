"""What is known about one request, from its arrival to the pool: one typed object, passed on explicitly (design 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cliproxy.config.settings import Settings
from cliproxy.web.authentication import Principal
from cliproxy.web.bodies import read_json

if TYPE_CHECKING:
    from cliproxy.routing.decision import RoutingDecision


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One authenticated request with its body.

    ``payload`` is the body after decompression and, when a mapping says so, with another model; ``body`` the same
    parsed. ``decision`` is None on routes that are not routed, and for requests without a model.
    """

    environ: Mapping[str, Any]
    principal: Principal
    payload: bytes
    body: dict[str, Any]
    decision: RoutingDecision | None = None

    @property
    def mapped_model(self) -> str:
        """The model that answers instead of the client's, suffix included; empty without a mapping."""
        decision = self.decision
        return decision.resolved_model if decision is not None and decision.is_mapped else ""

    @property
    def fallback_models(self) -> tuple[str, ...]:
        """What the pool goes on with when it has nobody for ``mapped_model``."""
        decision = self.decision
        return decision.fallback_models if decision is not None and decision.is_mapped else ()

    def client_model(self, name: str) -> str:
        """The name that the answer has to carry, for a request that asks the handler for ``name`` (design D20)."""
        decision = self.decision
        return decision.requested_model if decision is not None and decision.is_mapped else name


def read_request(environ: Mapping[str, Any], principal: Principal, settings: Settings) -> RequestContext:
    """The context of an authenticated request that is not routed.

    :raises RequestError: a body that cannot be used.
    """
    payload, body = read_json(environ, settings.max_request_body_mb << 20)
    return RequestContext(environ, principal, payload, body)
