"""Prompt-cache marks for Claude when a client sets none (providers.md 11.5). Copy-on-write."""

from __future__ import annotations

from typing import Any

from cliproxy.translation.reading import items, objects

_MARK = {"type": "ephemeral"}

Body = dict[str, Any]


def marked(body: Body) -> Body:
    """The body with up to three marks, unless any direct element of system, tools or message contents has one."""
    if _any(body.get("system")) or _any(body.get("tools")) or any(map(_any, _contents(body))):
        return body
    return mark_messages(mark_system(mark_tools(body)))


def mark_tools(body: Body) -> Body:
    """With the last tool marked, unless one is marked already."""
    return _with_last_marked(body, "tools")


def mark_system(body: Body) -> Body:
    """With the last system block marked; a text becomes a block."""
    return _with_last_marked(body, "system")


def mark_messages(body: Body) -> Body:
    """With the last block of the second-to-last user message marked, unless any message has a mark."""
    messages = items(body.get("messages"))
    users = [index for index, item in enumerate(messages) if isinstance(item, dict) and item.get("role") == "user"]
    if len(users) < 2 or any(map(_any, _contents(body))):
        return body
    place = users[-2]
    message = _with_last_marked(messages[place], "content")
    if message is messages[place]:
        return body
    return {**body, "messages": [*messages[:place], message, *messages[place + 1 :]]}


def _with_last_marked(owner: Body, key: str) -> Body:
    found = owner.get(key)
    if isinstance(found, str):  # the API refuses empty text blocks
        return {**owner, key: [{"type": "text", "text": found, "cache_control": _MARK}]} if found else owner
    listed = items(found)
    if not listed or not isinstance(listed[-1], dict) or _any(listed):
        return owner
    return {**owner, key: [*listed[:-1], {**listed[-1], "cache_control": _MARK}]}


def _contents(body: Body) -> list[Any]:
    return [message.get("content") for message in objects(body.get("messages"))]


def _any(found: Any) -> bool:
    return isinstance(found, list) and any(isinstance(item, dict) and "cache_control" in item for item in found)
