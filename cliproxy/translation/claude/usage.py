"""Token usage of Messages bodies, there and back (translation.md 1.9): Claude's input excludes what was cached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliproxy.translation.events import Usage
from cliproxy.translation.reading import count

FIELDS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")


def decode(node: Mapping[str, Any]) -> Usage | None:
    """A ``usage`` object; None when nothing is in it."""
    uncached, read, creation, output = (count(node, field) for field in FIELDS)
    usage = Usage(uncached + read + creation, output, read, creation)
    return usage if usage.sum else None


def encode(usage: Usage | None) -> dict[str, int]:
    """The ``usage`` object; cache fields only when they say something."""
    usage = usage or Usage()
    shape = {"input_tokens": max(0, usage.input - usage.cache_read - usage.cache_creation)}
    if usage.cache_creation:
        shape["cache_creation_input_tokens"] = usage.cache_creation
    if usage.cache_read:
        shape["cache_read_input_tokens"] = usage.cache_read
    shape["output_tokens"] = usage.output
    return shape
