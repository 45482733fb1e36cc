"""How long an upstream asks to be left alone, where a 429 says so in its JSON body (beyond.md 13.2)."""

from __future__ import annotations

import json
import math
import time

from cliproxy.providers.token_times import parse_time


def delay_in_body(text: str, now: float | None = None) -> float | None:
    """Seconds by ``error.resets_in_seconds`` or ``error.resets_at`` (Unix seconds), as Codex reports its limits."""
    if "resets_" not in text:
        return None
    try:
        body = json.loads(text)
    except ValueError:
        return None
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return None
    seconds = error.get("resets_in_seconds")
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and math.isfinite(seconds):
        return max(0.0, float(seconds))
    moment = parse_time(error.get("resets_at"))
    return None if moment is None else max(0.0, moment - (time.time() if now is None else now))
