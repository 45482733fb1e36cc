"""Edits of JSON trees by path: new containers along the path, everything else shared, nothing mutated.

A path names members of nested objects, outermost first. An edit that changes nothing returns the tree it got, so
that callers see by identity whether anything happened.
"""

from __future__ import annotations

from typing import Any, Final

Body = dict[str, Any]
Path = tuple[str, ...]
_PLAIN = frozenset({str, int, float, bool})


class _Missing:
    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""What ``get`` gives for a member that is not there; false."""


def get(body: Any, path: Path) -> Any:
    """The value at ``path``, ``MISSING`` when there is none; a present null is None."""
    for key in path:
        if not isinstance(body, dict):
            return MISSING
        body = body.get(key, MISSING)
    return body


def put(body: Body, path: Path, value: Any) -> Body:
    """``body`` with ``value`` at ``path``, at its old place or last; objects on the way are made, others replaced."""
    key = path[0]
    old = body.get(key, MISSING)
    if len(path) > 1:
        value = put(old if isinstance(old, dict) else {}, path[1:], value)
    return body if same(old, value) else {**body, key: value}


def drop(body: Body, path: Path) -> Body:
    """``body`` without the member at ``path``."""
    key = path[0]
    if key not in body:
        return body
    if len(path) == 1:
        return {name: value for name, value in body.items() if name != key}
    old = body[key]
    new = drop(old, path[1:]) if isinstance(old, dict) else old
    return body if new is old else {**body, key: new}


def same(old: Any, new: Any) -> bool:
    """True when putting ``new`` in the place of ``old`` would change nothing; containers are told by identity."""
    return old is new or (type(old) is type(new) and type(new) in _PLAIN and bool(old == new))
