"""Numbers in query strings of routes of ours."""

from __future__ import annotations

import re

from flask import request

from cliproxy.web.management.answers import ManagementError

_DIGITS = re.compile(r"\d{1,15}", re.ASCII)


def number(name: str, default: int, least: int, most: int) -> int:
    """The query's value of ``name``; absent or empty = ``default``.

    :raises ManagementError: 400 ``invalid <name>: ...``; it is no whole number from ``least`` to ``most``.
    """
    text = request.args.get(name, "").strip()
    if not text:
        return default
    value = int(text) if _DIGITS.fullmatch(text) else -1
    if not least <= value <= most:
        raise ManagementError(f"invalid {name}: must be a whole number from {least} to {most}")
    return value
