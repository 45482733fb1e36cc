"""The client's headers, as a WSGI server hands them on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WITHOUT_PREFIX = {"CONTENT_TYPE": "Content-Type", "CONTENT_LENGTH": "Content-Length"}


def headers_of(environ: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(name in canonical capitals, value) of every header; repeated ones are one, joined with commas."""
    headers = []
    for variable, value in environ.items():
        if variable.startswith("HTTP_"):
            headers.append((variable[5:].replace("_", "-").title(), value))
        elif value and variable in _WITHOUT_PREFIX:
            headers.append((_WITHOUT_PREFIX[variable], value))
    return headers
