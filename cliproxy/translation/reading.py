"""Reading parsed JSON without trusting it: a wrong type counts as absent (translation.md 0.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def obj(value: Any) -> Mapping[str, Any]:
    """``value`` when it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """``value`` when it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def objects(value: Any) -> list[Mapping[str, Any]]:
    """The objects in ``value`` when it is an array."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """``value`` when it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def number(value: Any) -> float | None:
    """``value`` when it is a number (not a boolean); None otherwise."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def integer(value: Any) -> int | None:
    """``value`` as a whole number when it is one; None otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return value
    return int(value) if value.is_integer() else None


def boolean(value: Any) -> bool | None:
    """``value`` when it is true or false; None otherwise."""
    return value if isinstance(value, bool) else None


def count(node: Mapping[str, Any], key: str) -> int:
    """A token count; anything odd or negative is 0."""
    return max(0, integer(node.get(key)) or 0)


def get(node: Mapping[str, Any], *keys: str) -> Any:
    """The first of several spellings of a field that is there, None when none is."""
    for key in keys:
        if key in node:
            return node[key]
    return None
