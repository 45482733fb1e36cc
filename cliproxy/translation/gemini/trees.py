"""Copy-on-write over arrays and members of JSON trees: what does not change stays the same object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cliproxy.translation.edits import Body, put


def each(values: list[Any], change: Callable[[Any], Any]) -> list[Any]:
    """``change`` applied to all values; the same list when none of them became another object."""
    new = [change(value) for value in values]
    return values if all(a is b for a, b in zip(values, new, strict=True)) else new


def changed(node: Body, key: str, change: Callable[[Body], Body]) -> Body:
    """``node`` with ``change`` applied to the objects of the array under ``key``, if it has one."""
    values = node.get(key)
    if not isinstance(values, list):
        return node
    return put(node, (key,), each(values, lambda value: change(value) if isinstance(value, dict) else value))


def renamed(node: Body, old: str, new: str) -> Body:
    """``node`` with a member under another name at the same place; one that already has the name is replaced."""
    if old not in node:
        return node
    return {new if key == old else key: value for key, value in node.items() if key == old or key != new}
