"""What a Messages body still needs before the Claude API takes it (providers.md 11.3, 11.4). Copy-on-write."""

from __future__ import annotations

import operator
from typing import Any

from cliproxy.translation.edits import drop, put
from cliproxy.translation.reading import integer, number, obj, objects, text
from cliproxy.translation.signatures import split_prefixed

_LEAST_BUDGET, _USUAL_BUDGET = 1024, 8192
_NOT_COUNTED = frozenset({"max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences", "metadata"})
"""Fields that ``count_tokens`` does not know."""

Body = dict[str, Any]


def with_system_prefix(body: Body, prefix: str) -> Body:
    """``system`` as blocks with the configured text first; a text of the client becomes the second block."""
    system = body.get("system")
    if isinstance(system, list) and system and obj(system[0]).get("text") == prefix:
        return body
    blocks: list[Any] = [{"type": "text", "text": prefix}]
    if isinstance(system, str):
        blocks += [{"type": "text", "text": system}] if system else []
    else:
        blocks += [block for block in objects(system) if block.get("type") == "text"]
    return {**body, "system": blocks}


def without_betas(body: Body) -> Body:
    """The body field ``betas`` goes into a header."""
    return drop(body, ("betas",))


def without_foreign_thinking(body: Body) -> Body:
    """Without earlier thinking that another upstream has produced: the API refuses its signatures (clients.md 2).

    A conversation that began with another model has thinking blocks with an empty signature, or one that names its
    group (translation.md 4.5). A message that holds nothing else is left out.
    """
    messages = body.get("messages")
    if not isinstance(messages, list):
        return body
    kept = [found for message in messages if (found := _with_own_thinking(message)) is not None]
    return body if len(kept) == len(messages) and all(map(operator.is_, kept, messages)) else {**body, "messages": kept}


def _with_own_thinking(message: Any) -> Any:
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list) or message.get("role") != "assistant":
        return message
    kept = [block for block in content if not _is_foreign_thought(block)]
    if len(kept) == len(content):
        return message
    return {**message, "content": kept} if kept else None


def _is_foreign_thought(block: Any) -> bool:
    if not isinstance(block, dict) or block.get("type") != "thinking":
        return False
    signature = text(block.get("signature"))
    return not signature or split_prefixed(signature) is not None


def without_forced_thinking(body: Body) -> Body:
    """The API refuses thinking together with a forced tool."""
    forced = obj(body.get("tool_choice")).get("type") in ("any", "tool")
    return drop(body, ("thinking",)) if forced else body


def countable(body: Body) -> Body:
    """What ``count_tokens`` takes of a translated request."""
    return {key: value for key, value in body.items() if key not in _NOT_COUNTED}


def with_consistent_thinking(body: Body) -> Body:
    """A budget within the limits, no sampling beside it, no thinking where a signed thought would have to come first.

    For bodies that the proxy has written: the client could not know what goes together (clients.md 2).
    """
    thinking = obj(body.get("thinking"))
    if thinking.get("type") != "enabled":
        return body
    if _unsigned_tool_turn(body.get("messages")):
        return drop(body, ("thinking",))
    limit = integer(body.get("max_tokens")) or 0
    if limit <= _LEAST_BUDGET:
        return drop(body, ("thinking",))
    budget = integer(thinking.get("budget_tokens")) or _USUAL_BUDGET
    body = put(body, ("thinking", "budget_tokens"), min(max(budget, _LEAST_BUDGET), limit - 1))
    for key in ("temperature", "top_k"):
        if key in body and number(body[key]) != 1:
            body = drop(body, (key,))
    top_p = number(body.get("top_p"))
    return drop(body, ("top_p",)) if top_p is not None and not 0.95 <= top_p <= 1 else body


def _unsigned_tool_turn(messages: Any) -> bool:
    """True when the tool calls that are being answered stand in a message that does not begin with a signed thought."""
    for message in reversed(objects(messages)):
        blocks = objects(message.get("content"))
        if message.get("role") != "assistant":
            if not any(block.get("type") == "tool_result" for block in blocks):
                return False
        elif any(block.get("type") == "tool_use" for block in blocks):
            return blocks[0].get("type") not in ("thinking", "redacted_thinking")
        else:
            return False
    return False
