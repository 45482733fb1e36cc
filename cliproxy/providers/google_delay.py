"""How long Google asks to be left alone, out of the body of a 429 (providers.md 4). No I/O."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cliproxy.errors import UpstreamStatus

_RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
_ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_PART = r"(\d+\.?\d*|\.\d+)(h|ms|m|s|us|µs|μs|ns)"
_DURATION = re.compile(rf"([+-]?)((?:{_PART})+)", re.ASCII)
_PARTS = re.compile(_PART, re.ASCII)
_IN_WORDS = re.compile(r"after\s+(\d+)s\.?", re.ASCII)


def google_delay(text: str) -> float | None:
    """Seconds until the next try may succeed; None when the body does not say.

    ``RetryInfo`` outranks ``quotaResetDelay``, which outranks the words of the message. A ``RetryInfo`` that makes no
    sense means None: the others are not asked then.
    """
    error = _error_of(text)
    details = [item for item in _list(error.get("details")) if isinstance(item, Mapping)]
    for item in _of_type(details, _RETRY_INFO):
        if (delay := item.get("retryDelay")) not in (None, ""):
            return _seconds(delay)
    for item in _of_type(details, _ERROR_INFO):
        metadata = item.get("metadata")
        delay = metadata.get("quotaResetDelay") if isinstance(metadata, Mapping) else None
        if (seconds := _seconds(delay)) is not None:
            return seconds
    message = error.get("message")
    found = _IN_WORDS.search(message) if isinstance(message, str) else None
    return _finite(float(found[1])) if found else None


def with_google_delay(error: UpstreamStatus) -> UpstreamStatus:
    """The error itself; of a 429 the delay in its body outranks its ``Retry-After``."""
    if error.status == 429 and (delay := google_delay(error.text)) is not None:
        error.retry_after = delay
        error.headers = {**error.headers, "Retry-After": str(math.ceil(delay))}
    return error


@contextmanager
def google_delays() -> Iterator[None]:
    """Answers raised inside carry the delay that Google names in their bodies."""
    try:
        yield
    except UpstreamStatus as error:
        with_google_delay(error)
        raise


def _error_of(text: str) -> Mapping[str, Any]:
    """The ``error`` object; streams without SSE wrap it in an array."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if isinstance(body, list) and body:
        body = body[0]
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def _of_type(details: list[Mapping[str, Any]], kind: str) -> Iterator[Mapping[str, Any]]:
    return (item for item in details if item.get("@type") == kind)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _seconds(value: object) -> float | None:
    """A duration such as ``1h16m0.667923083s``; one that lies in the past is 0."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    total = sum(float(number) * _UNITS[unit] for number, unit in _PARTS.findall(found[2]))
    return _finite(0.0 if found[1] == "-" else total)


def _finite(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) else None
