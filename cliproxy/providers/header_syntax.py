"""What HTTP lets be a header (RFC 9110 5), for headers that people write themselves."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def is_token(text: str) -> bool:
    """True for what may be a header's name, or a method."""
    return _TOKEN.fullmatch(text) is not None


def is_header(name: str, value: str) -> bool:
    """True for what can be sent: a name, and a value of one line."""
    return is_token(name) and not _CONTROL.search(value)
