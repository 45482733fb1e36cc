"""What the routes of lists and maps share: raw or wrapped bodies, positions in query strings (management-api.md 7)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from flask import request

from cliproxy.config.settings import Settings
from cliproxy.errors import RequestError
from cliproxy.web.management.answers import ManagementError, invalid_body
from cliproxy.web.management.bodies import json_value

T = TypeVar("T")

_INTEGER = re.compile(r" *([+-]?\d{1,9})(?!\d)", re.ASCII)


def setting(settings: Settings, key: str) -> Any:
    """The value of a top-level key."""
    return getattr(settings, key.replace("-", "_"))


def with_setting(settings: Settings, key: str, value: Any) -> Settings:
    """Settings with another value of a top-level key."""
    return replace(settings, **{key.replace("-", "_"): value})


def raw_value() -> Any:
    """The body as exactly one JSON value, whatever its type.

    :raises ManagementError: 400 ``failed to read body`` when it broke off, ``invalid body`` when it is no JSON.
    """
    try:
        return json_value()
    except ManagementError:
        raise
    except RequestError as error:
        if error.status == 400:
            raise ManagementError("failed to read body") from error
        raise


def list_body() -> list[Any]:
    """The elements of ``[...]`` or ``{"items": [...]}``. Only the first form may be empty, or null.

    :raises ManagementError: 400, as ``raw_value``.
    """
    value = raw_value()
    if value is None or isinstance(value, list):
        return value or []
    items = value.get("items") if isinstance(value, dict) else None
    if not isinstance(items, list) or not items:
        raise invalid_body()
    return items


def index_in(items: Sequence[Any]) -> int | None:
    """The query's ``index`` if there is an element at it. Read as the original does: ``2abc`` is 2."""
    found = _INTEGER.match(request.args.get("index", ""))
    index = int(found[1]) if found else -1
    return index if 0 <= index < len(items) else None


def put_at(items: tuple[T, ...], index: int, *new: T) -> tuple[T, ...]:
    """``items`` with ``new`` in the place of one of them; none = without it, behind the last = appended."""
    return (*items[:index], *new, *items[index + 1 :])
