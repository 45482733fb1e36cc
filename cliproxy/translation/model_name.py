"""The model's name in a body: read it, and replace only its bytes (design D20, translation.md 0.8)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from cliproxy.translation import rawjson

Path = tuple[str, ...]


@lru_cache(maxsize=32)
def _pattern(key: str) -> re.Pattern[bytes]:
    return re.compile(rb'"' + re.escape(key.encode()) + rb'"[ \t\n\r]*:[ \t\n\r]*("(?:[^"\\]|\\.)*")')


@lru_cache(maxsize=512)
def quoted(name: str) -> bytes:
    """``name`` as a JSON string."""
    return orjson.dumps(name)


def lookup(body: Mapping[str, Any], path: Path) -> str | None:
    """The string at ``path``, None when there is none."""
    node: Any = body
    for key in path:
        if not isinstance(node, dict):
            return None
        node = node.get(key)
    return node if isinstance(node, str) else None


def replace(data: bytes, body: Mapping[str, Any], path: Path, name: str) -> bytes:
    """``data`` with the string at ``path`` replaced by ``name``; all other bytes stay.

    ``body`` is ``data`` parsed. A body without that field comes back as it is. A raw ``"key": "text"`` cannot stand
    inside a JSON string (its quotes would be escaped), so a single match is the right one; with more, the text is
    walked through.
    """
    current = lookup(body, path)
    if current is None or current == name:
        return data
    matches = list(_pattern(path[-1]).finditer(data))
    if len(matches) == 1:
        start, end = matches[0].span(1)
        return b"%b%b%b" % (data[:start], quoted(name), data[end:])
    return _replace_walking(data, path, name)


def _replace_walking(data: bytes, path: Path, name: str) -> bytes:
    root = rawjson.parse(data)
    node: rawjson.RawObject | None = root
    for key in path[:-1]:
        node = node.object(key) if node is not None else None
    if node is None or path[-1] not in node:
        return data
    node.set_value(path[-1], name)
    return root.encode()
