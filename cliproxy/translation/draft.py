"""A request body on its way to an upstream (translation.md 6).

A ``Draft`` that comes from a client's body keeps the body's text. Edits are copy-on-write, so what has changed is known
by identity, and only that is written anew: all other bytes stay as the client sent them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from cliproxy.translation import exactjson, model_name, rawjson

Edit = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Draft:
    """``body`` is what will be sent. ``origin`` is the client's body that it was made from, ``payload`` its text."""

    body: dict[str, Any]
    origin: Mapping[str, Any] | None = None
    payload: bytes = b""
    member: str = ""
    """Where the origin stands in ``body``: empty = it is the body, ``request`` = inside an envelope."""

    def __repr__(self) -> str:
        return f"<Draft {'edited' if self.origin is not None else 'new'} {list(self.body)}>"

    def edited(self, edit: Edit) -> Draft:
        """The draft after one more copy-on-write edit."""
        body = edit(self.body)
        return self if body is self.body else replace(self, body=body)

    def encode(self) -> bytes:
        """The bytes to send."""
        if self.origin is None:
            return exactjson.dumps(self.body)
        if not self.member:
            return _rewritten(self.payload, self.origin, self.body)
        inner = self.body.get(self.member)
        if not isinstance(inner, dict):
            return exactjson.dumps(self.body)
        raw = orjson.Fragment(_rewritten(self.payload, self.origin, inner))
        return exactjson.dumps({**self.body, self.member: raw})


def _rewritten(payload: bytes, before: Mapping[str, Any], after: Mapping[str, Any]) -> bytes:
    """``payload``, the text of ``before``, as the text of ``after``."""
    if after is before:
        return payload
    if _only_model_differs(before, after):
        return model_name.replace(payload, before, ("model",), after["model"])
    root = rawjson.parse(payload)
    _apply(root, before, after)
    return root.encode()


def _only_model_differs(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    if len(before) != len(after) or not (isinstance(before.get("model"), str) and isinstance(after.get("model"), str)):
        return False
    return all(key == "model" or after.get(key, before) is value for key, value in before.items())


def _apply(raw: rawjson.RawObject, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    gone = [key for key in before if key not in after]
    for key, value in after.items():
        old = before.get(key, _ABSENT)
        if value is old:
            continue
        moved = next((name for name in gone if before[name] is value), None) if old is _ABSENT else None
        if moved is not None:
            raw.rename(moved, key)
            gone.remove(moved)
        elif not _inside(raw, key, old, value):
            raw.set(key, exactjson.text(value))
    raw.delete(*gone)


def _inside(raw: rawjson.RawObject, key: str, old: Any, value: Any) -> bool:
    """Edit within a member where that keeps bytes; False when it must be written anew."""
    if isinstance(old, dict) and isinstance(value, dict):
        inner = raw.object(key)
        if inner is not None:
            _apply(inner, old, value)
        return inner is not None
    if isinstance(old, list) and isinstance(value, list):
        listed = raw.array(key)
        return listed is not None and _items(listed, old, value)
    return False


def _items(raw: rawjson.RawArray, old: list[Any], value: list[Any]) -> bool:
    """The same for an array: items that are the same objects keep their text, wherever they moved to."""
    if len(raw) != len(old):
        return False
    places = {id(item): number for number, item in enumerate(old) if isinstance(item, dict | list)}
    before = list(raw.items)
    out: list[Any] = []
    for number, item in enumerate(value):
        place = places.get(id(item))
        if place is None and number < len(old) and item is old[number]:
            place = number
        if place is not None:
            out.append(before[place])
        elif number < len(old) and isinstance(item, dict) and isinstance(old[number], dict):
            out.append(_object(raw, number, old[number], item))
        else:
            out.append(exactjson.text(item))
    raw.items[:] = out
    return True


def _object(raw: rawjson.RawArray, number: int, old: Mapping[str, Any], value: Mapping[str, Any]) -> Any:
    opened = raw.object(number)
    if opened is None:
        return exactjson.text(value)
    _apply(opened, old, value)
    return opened


class _Absent:
    """Stands for a member that is not there."""


_ABSENT = _Absent()
