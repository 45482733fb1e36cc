"""Rules about one attempt's failure: does the round end, does the next model follow (credentials.md 4.2, 6.1)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cliproxy.config.settings import Settings
from cliproxy.errors import CliproxyError
from cliproxy.pool.health import Cooling

_FINAL = (400, 413, 422)
_MODEL_WORDS = ("model_not_found", "not_found_error", "NOT_FOUND")


def ends_round(error: CliproxyError) -> bool:
    """True for faults of the request itself: every credential would answer the same."""
    return error.status in _FINAL


def is_unknown_model(error: CliproxyError, upstream_model: str) -> bool:
    """True for a 404 that is about the model, not about a wrong URL."""
    if error.status != 404:
        return False
    try:
        body = json.loads(error.text)
    except ValueError:
        return False
    found = body.get("error", body) if isinstance(body, Mapping) else None
    if not isinstance(found, Mapping):
        return False
    words = [found.get(key) for key in ("code", "type", "status")]
    message = found.get("message")
    return any(word in _MODEL_WORDS for word in words) or (
        isinstance(message, str) and bool(upstream_model) and upstream_model in message
    )


def cooling_of(metadata: Mapping[str, Any], settings: Settings) -> Cooling:
    """What may cool down a credential with this metadata (6.1, beyond.md 5.5)."""
    if not _cooling_enabled(metadata, settings.disable_cooling):
        return Cooling(quota=False, transient=0)
    seconds = settings.transient_error_cooldown_seconds
    return Cooling(transient=float(seconds)) if seconds else Cooling()


def _cooling_enabled(metadata: Mapping[str, Any], globally_disabled: bool) -> bool:
    """The credential's own ``disable_cooling`` when it has one, else the global switch turned round."""
    for key in ("disable_cooling", "disable-cooling"):
        value = metadata.get(key)
        if isinstance(value, bool | int | float):
            return not value
        if isinstance(value, str):
            if value in ("1", "t", "T", "TRUE", "true", "True"):
                return False
            if value in ("0", "f", "F", "FALSE", "false", "False"):
                return True
    return not globally_disabled
