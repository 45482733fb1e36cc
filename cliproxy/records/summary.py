"""What a log line says of an upstream's error body (logging.md 4.2)."""

from __future__ import annotations

import re
from html import unescape

import orjson

_TITLE = re.compile(r"<title[^>]*>(.*?)</title\s*>", re.IGNORECASE | re.DOTALL)
_NO_TITLE = "[html body omitted]"


def failure_summary(content_type: str, body: str) -> str:
    """The title of a web page, the ``error.message`` of JSON, else the whole body.

    :param content_type: as the upstream sent it, any case; empty when unknown.
    """
    start = body.lstrip()[:16].lower()
    if "text/html" in content_type.lower() or start.startswith(("<!doctype html", "<html")):
        title = _TITLE.search(body)
        words = " ".join(unescape(title.group(1)).split()) if title is not None else ""
        return words or _NO_TITLE
    return _message(body) or body


def _message(body: str) -> str:
    try:
        value = orjson.loads(body)
    except ValueError:
        return ""
    error = value.get("error") if isinstance(value, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    if message is None or isinstance(message, str):
        return message or ""
    return orjson.dumps(message).decode()
