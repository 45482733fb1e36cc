"""One structured record per routing decision (amp-routing.md 14)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime

from cliproxy.routing.decision import RoutingDecision

log = logging.getLogger(__name__)

_LOCAL = {"cost": "free", "source": "local_oauth"}
_CREDITS = {"cost": "amp_credits", "source": "ampcode.com"}
_NOBODY = {"cost": "none", "source": "error"}


def log_decision(decision: RoutingDecision, path: str) -> None:
    """Write it down: what costs Amp credits or fails as a warning, the rest for debugging only."""
    if decision.is_local:
        if log.isEnabledFor(logging.DEBUG):
            _local(decision, path)
        return
    model = decision.requested_model
    if decision.should_proxy:
        log.warning(
            "forwarding to ampcode.com for Amp credits: model %s is offered by no local account and no mapping; to use "
            "a local model instead, add to ampcode.model-mappings: {from: %s, to: <local model>}",
            model,
            model,
            extra=_fields(decision, path, {**_CREDITS, "model_id": model}),
        )
    else:
        log.warning(
            "no provider for model %s: no local account offers it and no Amp upstream is configured",
            model,
            extra=_fields(decision, path, {**_NOBODY, "model_id": model}),
        )


def _local(decision: RoutingDecision, path: str) -> None:
    mapping = f"{decision.requested_model} -> {decision.resolved_model}"
    if decision.is_mapped:
        log.debug("model mapping: %s", mapping, extra=_fields(decision, path, {**_LOCAL, "mapping": mapping}))
    else:
        log.debug("local model: %s", decision.requested_model, extra=_fields(decision, path, _LOCAL))


def _fields(decision: RoutingDecision, path: str, more: Mapping[str, str]) -> dict[str, str]:
    fields = {
        "component": "amp-routing",
        "route_type": decision.route_type.value,
        "requested_model": decision.requested_model,
        "path": path,
        "timestamp": datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    if decision.resolved_model != decision.requested_model:
        fields["resolved_model"] = decision.resolved_model
    if decision.provider_name:
        fields["provider"] = decision.provider_name
    return {**fields, **more}
