"""Gemini's field names, which every client and the API itself may write in camelCase or in snake_case."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_CAPITAL = re.compile(r"[A-Z]")


@lru_cache(maxsize=256)
def snake(name: str) -> str:
    """``camelCase`` as ``snake_case``."""
    return _CAPITAL.sub(lambda match: f"_{match[0].lower()}", name)


def get(node: Mapping[str, Any], name: str) -> Any:
    """The field ``name`` (given in camelCase) in either spelling; None when it is not there."""
    return node[name] if name in node else node.get(snake(name))


def spelled(node: Mapping[str, Any], name: str) -> str | None:
    """The key under which ``node`` has the field ``name``; None when it has not."""
    if name in node:
        return name
    return snake(name) if snake(name) in node else None


def objects(value: Any) -> list[Mapping[str, Any]]:
    """The objects of an array; a lone object counts as an array of one, as in Google's own parser."""
    if isinstance(value, dict):
        return [value]
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
