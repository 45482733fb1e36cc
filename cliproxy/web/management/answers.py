"""What the management API answers: JSON, and errors as ``{"error": text}`` (management-api.md 1)."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response

from cliproxy.errors import RequestError
from cliproxy.web.management.authentication import JSON_UTF8

OK: dict[str, Any] = {"status": "ok"}
"""A change was made."""


class ManagementError(RequestError):
    """An error answer: ``{"error": text, **more}``."""

    code = "management"

    def __init__(self, text: str, status: int = 400, **more: Any) -> None:
        super().__init__(text, status=status)
        self.more = more


def invalid_body() -> ManagementError:
    """The body cannot be used (1.3)."""
    return ManagementError("invalid body")


def answer(body: Any, status: int = 200) -> Response:
    """A JSON answer. ``body``: JSON values, or bytes that are JSON already."""
    data = body if isinstance(body, bytes) else orjson.dumps(body, default=_plain)
    return Response(data, status=status, content_type=JSON_UTF8)


def _plain(value: Any) -> Any:
    """Mappings that are no dicts."""
    return dict(value)
