"""Parsing what upstreams send: quick for the common case, tolerant for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from cliproxy.translation import exactjson


def event_object(data: bytes) -> Mapping[str, Any] | None:
    """The JSON object in one event; None for anything else."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return exact_object(data)  # lone surrogates
    return value if isinstance(value, dict) else None


def exact_object(data: bytes | str) -> Mapping[str, Any] | None:
    """The same with numbers that keep their spelling."""
    try:
        value = exactjson.loads(data)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
