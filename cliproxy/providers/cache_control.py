"""Prompt-cache marks for Claude when a client sets none (providers.md 11.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliproxy.translation import rawjson

_MARK = {"type": "ephemeral"}


def wanted(body: Mapping[str, Any]) -> bool:
    """True when no direct element of system, tools or message contents has a mark."""
    return not any(
        _marked(items) for items in (body.get("system"), body.get("tools"), *(c for _, c in _contents(body)))
    )


def apply(root: rawjson.RawObject, body: Mapping[str, Any]) -> None:
    """Mark the last tool, the last system block and the last block of the second-to-last user message."""
    mark_tools(root, body)
    mark_system(root, body)
    mark_messages(root, body)


def mark_tools(root: rawjson.RawObject, body: Mapping[str, Any]) -> None:
    """Mark the last tool, unless one is marked already."""
    if not _marked(body.get("tools")):
        _mark_last(root.array("tools"))


def mark_system(root: rawjson.RawObject, body: Mapping[str, Any]) -> None:
    """Mark the last system block; a text becomes a block."""
    system = body.get("system")
    if isinstance(system, str):
        _mark_text(root, "system", system)
    elif not _marked(system):
        _mark_last(root.array("system"))


def mark_messages(root: rawjson.RawObject, body: Mapping[str, Any]) -> None:
    """Mark the last block of the second-to-last user message, unless any message has a mark."""
    contents = list(_contents(body))
    users = [index for index, _ in contents if body["messages"][index].get("role") == "user"]
    if len(users) < 2 or any(_marked(content) for _, content in contents):
        return
    messages = root.array("messages")
    message = messages.object(users[-2]) if messages is not None else None
    content = body["messages"][users[-2]].get("content")
    if message is None:
        return
    if isinstance(content, str):
        _mark_text(message, "content", content)
    else:
        _mark_last(message.array("content"))


def _contents(body: Mapping[str, Any]) -> list[tuple[int, Any]]:
    messages = body.get("messages")
    if not isinstance(messages, list):
        return []
    return [(index, message.get("content")) for index, message in enumerate(messages) if isinstance(message, dict)]


def _marked(items: Any) -> bool:
    return isinstance(items, list) and any(isinstance(item, dict) and "cache_control" in item for item in items)


def _mark_last(items: rawjson.RawArray | None) -> None:
    last = items.object(len(items) - 1) if items is not None and len(items) else None
    if last is not None:
        last.set_value("cache_control", _MARK)


def _mark_text(owner: rawjson.RawObject, key: str, text: str) -> None:
    if text:  # the API refuses empty text blocks
        owner.set_value(key, [{"type": "text", "text": text, "cache_control": _MARK}])
