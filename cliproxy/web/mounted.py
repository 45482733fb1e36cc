"""Below which path of a host this application is mounted (PEP 3333's ``SCRIPT_NAME``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote


def prefix_of(environ: Mapping[str, Any]) -> str:
    """The path, percent-encoded, without a slash at its end; empty at the root."""
    return quote(environ.get("SCRIPT_NAME", "").encode("latin-1"))
