"""Reading request bodies strictly (management-api.md 1.2): the content type does not matter, types must fit exactly."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from flask import request

from cliproxy.web.bodies import read_body
from cliproxy.web.management.answers import invalid_body

T = TypeVar("T", bool, int, str, list[Any], dict[str, Any])

_DECODER = json.JSONDecoder(parse_constant=lambda constant: _refuse(constant))
MOST = 64 << 20
"""Bytes of a body that no route needs to exceed, but the import of usage."""
_SPACE = " \t\r\n"


def json_object() -> dict[str, Any]:
    """The first JSON value of the body, an object; null counts as an empty one, what follows it is ignored.

    :raises ManagementError: 400 ``invalid body``.
    """
    value, _ = _first_value(raw_body())
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid_body()
    return value


def json_value() -> Any:
    """The body as exactly one JSON value.

    :raises ManagementError: 400 ``invalid body``.
    """
    value, rest = _first_value(raw_body())
    if rest.strip(_SPACE):
        raise invalid_body()
    return value


def raw_body(limit: int = MOST) -> bytes:
    """The body's bytes without their Content-Encoding. ``limit`` in bytes, 0 = none.

    :raises RequestError: 400, 413 or 415.
    """
    return read_body(request.environ, limit)


def field(body: dict[str, Any], name: str, kind: type[T]) -> T | None:
    """A field of exactly this JSON type; None when it is absent or null.

    :raises ManagementError: 400 ``invalid body``; the type is another one (a bool is no int, 1.0 neither).
    """
    value = body.get(name)
    if value is None:
        return None
    if type(value) is not kind:
        raise invalid_body()
    return value


def required(body: dict[str, Any], name: str, kind: type[T]) -> T:
    """As ``field``; absent or null is an error as well."""
    value = field(body, name, kind)
    if value is None:
        raise invalid_body()
    return value


def strings(value: Any) -> list[str]:
    """A list of strings, where null elements count as empty ones.

    :raises ManagementError: 400 ``invalid body``.
    """
    if not isinstance(value, list) or any(item is not None and type(item) is not str for item in value):
        raise invalid_body()
    return [item or "" for item in value]


def _first_value(data: bytes) -> tuple[Any, str]:
    """(the first JSON value, the text behind it)."""
    try:
        text = data.decode("utf-8").lstrip(_SPACE)
        value, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        raise invalid_body() from None
    return value, text[end:]


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
