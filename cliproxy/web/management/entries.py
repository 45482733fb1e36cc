"""Entries of the provider key lists in JSON bodies: strictly typed, unknown fields ignored (management-api.md 8.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cliproxy.config.settings import CompatKey, CompatProvider, KeyEntry, Model
from cliproxy.web.management.answers import invalid_body
from cliproxy.web.management.bodies import field, strings

Object = dict[str, Any]


def objects(value: Any) -> list[Object]:
    """A list of objects, where null elements count as empty ones.

    :raises ManagementError: 400 ``invalid body``.
    """
    if not isinstance(value, list) or any(item is not None and not isinstance(item, dict) for item in value):
        raise invalid_body()
    return [item or {} for item in value]


def text(body: Object, name: str) -> str:
    """A text field; absent = empty."""
    return field(body, name, str) or ""


def _whole(body: Object, name: str) -> int:
    return field(body, name, int) or 0


def _texts(body: Object, name: str) -> tuple[str, ...]:
    return tuple(strings(field(body, name, list) or []))


def _headers(body: Object, name: str) -> Mapping[str, str]:
    pairs = field(body, name, dict) or {}
    return dict(zip(pairs, strings(list(pairs.values())), strict=True))


def _models(body: Object, name: str) -> tuple[Model, ...]:
    return tuple(Model(text(item, "name"), text(item, "alias")) for item in objects(field(body, name, list) or []))


def _compat_keys(body: Object, name: str) -> tuple[CompatKey, ...]:
    items = objects(field(body, name, list) or [])
    return tuple(CompatKey(text(item, "api-key"), text(item, "proxy-url")) for item in items)


def _object(body: Object, name: str) -> Object | None:
    return field(body, name, dict)


_READERS: dict[str, Callable[[Object, str], Any]] = {
    "api-key": text, "name": text, "prefix": text, "base-url": text, "proxy-url": text, "priority": _whole,
    "headers": _headers, "models": _models, "excluded-models": _texts, "api-key-entries": _compat_keys,
    "cloak": _object,
}  # fmt: skip


def read_entry(kind: type[KeyEntry] | type[CompatProvider], body: Object, names: Iterable[str]) -> Any:
    """A new entry of these fields.

    :raises ManagementError: 400 ``invalid body``; a field has another type.
    """
    return kind(**{name.replace("-", "_"): _READERS[name](body, name) for name in names})


def read_changes(body: Object, names: Iterable[str]) -> dict[str, Any]:
    """Values for those of these fields that are there, by attribute. Raises as ``read_entry``."""
    present = (name for name in names if body.get(name) is not None)
    return {name.replace("-", "_"): _READERS[name](body, name) for name in present}
