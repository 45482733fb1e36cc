"""Times as token files have them: RFC 3339, whole seconds, the local zone's offset (oauth-login.md 2)."""

from __future__ import annotations

from datetime import datetime


def rfc3339(moment: float) -> str:
    """Unix seconds as ``2026-02-01T20:15:30+08:00``, or with ``Z`` in UTC."""
    return datetime.fromtimestamp(int(moment)).astimezone().isoformat(timespec="seconds").replace("+00:00", "Z")
