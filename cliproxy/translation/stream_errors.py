"""Errors that an upstream reports inside a 200 stream: which HTTP status they stand for.

Before the first unit such an error is a failed attempt with that status (credentials.md 4.3); later it ends the stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliproxy.errors import UpstreamStatus

_BY_WORD = {
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "usage_limit_reached": 429,
    "insufficient_quota": 429,
    "tokens": 429,
    "requests": 429,
    "RESOURCE_EXHAUSTED": 429,
    "context_length_exceeded": 400,
    "invalid_prompt": 400,
    "invalid_request_error": 400,
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "invalid_api_key": 401,
    "authentication_error": 401,
    "UNAUTHENTICATED": 401,
    "billing_error": 402,
    "permission_error": 403,
    "PERMISSION_DENIED": 403,
    "model_not_found": 404,
    "not_found_error": 404,
    "NOT_FOUND": 404,
    "request_too_large": 413,
    "api_error": 500,
    "server_error": 500,
    "INTERNAL": 500,
    "server_is_overloaded": 503,
    "UNAVAILABLE": 503,
    "timeout_error": 504,
    "DEADLINE_EXCEEDED": 504,
    "overloaded_error": 529,
}
_UNKNOWN = 502


def status_of(error: Any) -> int:
    """The status an error object stands for: a numeric code or status, else its words, else 502."""
    if not isinstance(error, Mapping):
        return _UNKNOWN
    for key in ("code", "status", "type"):
        value = error.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599:
            return value
        if isinstance(value, str):
            if value.isascii() and value.isdigit() and len(value) == 3 and 400 <= int(value) <= 599:
                return int(value)
            if value in _BY_WORD:
                return _BY_WORD[value]
    return _UNKNOWN


def stream_error(text: bytes, error: Any) -> UpstreamStatus:
    """The exception for an error event; ``text`` is the JSON that the client will see."""
    return UpstreamStatus(text.decode("utf-8", "replace"), status=status_of(error))

