"""What an Anthropic Messages upstream refuses (clients.md 2, client-api.md 16.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from upstream.content import SIGNATURE
from upstream.refusals.shapes import (
    Reasons,
    ids,
    is_base64,
    is_object_schema,
    is_text,
    member,
    objects,
    repeated,
    strangers,
)

_ID = re.compile(r"[A-Za-z0-9_-]+")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
_SERVER_TOOL = re.compile(r"[a-z_]+_20\d{6}")
_TOP = frozenset((
    "model", "messages", "max_tokens", "system", "stream", "temperature", "top_p", "top_k", "stop_sequences",
    "metadata", "service_tier", "tools", "tool_choice", "thinking", "output_config", "context_management", "container",
    "mcp_servers", "cache_control", "inference_geo", "speed", "output_format",
))  # fmt: skip
_FIELDS: Mapping[str, frozenset[str]] = {
    "text": frozenset(("type", "text", "cache_control", "citations")),
    "image": frozenset(("type", "source", "cache_control")),
    "document": frozenset(("type", "source", "title", "context", "citations", "cache_control")),
    "thinking": frozenset(("type", "thinking", "signature")),
    "redacted_thinking": frozenset(("type", "data")),
    "tool_use": frozenset(("type", "id", "name", "input", "cache_control", "caller")),
    "tool_result": frozenset(("type", "tool_use_id", "content", "is_error", "cache_control")),
}
_OF_USER = ("text", "image", "document", "tool_result", "search_result", "container_upload")
_OF_ASSISTANT = ("text", "thinking", "redacted_thinking", "tool_use", "server_tool_use")
_OF_RESULT = ("text", "image", "document", "search_result")
_TOOL = frozenset((
    "name", "description", "input_schema", "type", "cache_control", "strict", "input_examples", "defer_loading",
    "allowed_callers", "eager_input_streaming",
))  # fmt: skip
_LEAST_BUDGET = 1024
_MOST_CACHE_MARKS = 4


def reasons(request: Mapping[str, Any]) -> Reasons:
    """Every fault of a request for a message."""
    most = request.get("max_tokens")
    if not isinstance(most, int) or most < 1:
        yield f"max_tokens {most!r}"
    yield from count_reasons(request)
    yield from _thinking(request)
    if "temperature" in request and "top_p" in request:
        yield "temperature and top_p"


def count_reasons(request: Mapping[str, Any]) -> Reasons:
    """Every fault of a request whose tokens are to be counted."""
    yield from strangers(request, _TOP, "body")
    if isinstance(request.get("metadata"), dict):
        yield from strangers(request["metadata"], ("user_id",), "metadata")
    yield from _system(request.get("system", ""))
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages or len(objects(messages)) != len(messages):
        yield "messages: not a list of at least one message"
    turns = _turns(objects(messages))
    for index, message in enumerate(objects(messages)):
        yield from _message(message, f"messages[{index}]")
    if turns and turns[0][0] != "user":
        yield f"the first message is of {turns[0][0]!r}"
    yield from _pairs(turns)
    yield from _tools(request)
    if _cache_marks(request) > _MOST_CACHE_MARKS:
        yield f"{_cache_marks(request)} blocks with cache_control"


def _system(system: object) -> Reasons:
    if isinstance(system, list):
        for block in system:
            if not isinstance(block, dict) or block.get("type") != "text":
                yield "system: a block that is no text"
            else:
                yield from _block(block, ("text",), "system")
    elif not isinstance(system, str):
        yield "system: neither text nor blocks"


def _message(message: Mapping[str, Any], where: str) -> Reasons:
    role, content = str(message.get("role")), message.get("content")
    if role not in ("user", "assistant", "system"):
        yield f"{where}: unknown role {role!r}"
        return
    if role == "system" and where == "messages[0]":
        yield f"{where}: role system in front"  # newer models take one between the turns
    yield from strangers(message, ("role", "content"), where)
    if isinstance(content, str):
        if not content:
            yield f"{where}: empty content"
        return
    if not isinstance(content, list) or not content or len(objects(content)) != len(content):
        yield f"{where}: content is no list of at least one block"
    known = {"user": _OF_USER, "assistant": _OF_ASSISTANT, "system": ("text",)}[role]
    for number, block in enumerate(objects(content)):
        yield from _block(block, known, f"{where}.content[{number}]")
    kinds = [block.get("type") for block in objects(content)]
    if "thinking" in kinds and kinds[0] not in ("thinking", "redacted_thinking"):
        yield f"{where}: thinking after {kinds[0]}"


def _block(block: Mapping[str, Any], known: tuple[str, ...], where: str) -> Reasons:
    kind = str(block.get("type"))
    if kind not in known and not (kind.endswith("_tool_result") and "server_tool_use" in known):
        yield f"{where}: a block of type {kind!r}"
        return
    yield from strangers(block, _FIELDS.get(kind, block), where)
    if kind == "text" and not is_text(block.get("text")):
        yield f"{where}: empty text"
    elif kind in ("image", "document") and not _is_source(block.get("source")):
        yield f"{where}: source {str(block.get('source'))[:80]}"
    elif kind == "thinking" and block.get("signature") != SIGNATURE:
        yield f"{where}: a thinking signature of somebody else: {block.get('signature')!r}"
    elif kind == "tool_use":
        yield from _call(block, where)
    elif kind == "tool_result":
        yield from _result(block, where)


def _is_source(source: object) -> bool:
    if not isinstance(source, dict):
        return False
    kind = source.get("type")
    if kind == "base64":
        return is_base64(source.get("data")) and is_text(source.get("media_type"))
    return kind in ("url", "text", "file", "content")


def _call(block: Mapping[str, Any], where: str) -> Reasons:
    if not _matches(_ID, block.get("id")):
        yield f"{where}: id {block.get('id')!r}"
    if not _matches(_NAME, block.get("name")):
        yield f"{where}: name {block.get('name')!r}"
    if not isinstance(block.get("input"), dict):
        yield f"{where}: input is no object"


def _result(block: Mapping[str, Any], where: str) -> Reasons:
    if not _matches(_ID, block.get("tool_use_id")):
        yield f"{where}: tool_use_id {block.get('tool_use_id')!r}"
    content = block.get("content", "")
    if not isinstance(content, str | list):
        yield f"{where}: content is neither text nor blocks"
    for number, part in enumerate(objects(content)):
        yield from _block(part, _OF_RESULT, f"{where}.content[{number}]")


Turn = tuple[str, list[dict[str, Any]]]


def _turns(messages: list[dict[str, Any]]) -> list[Turn]:
    """The conversation as the API sees it: neighbours of one role are one turn."""
    turns: list[Turn] = []
    for message in messages:
        role = str(message.get("role"))
        if role == "system":
            continue
        if not turns or turns[-1][0] != role:
            turns.append((role, []))
        content = message.get("content")
        turns[-1][1].extend(objects(content) or [{"type": "text", "text": content}])
    return turns


def _pairs(turns: list[Turn]) -> Reasons:
    """Each call has its result at the head of the very next user turn; no id occurs twice."""
    seen: list[str] = []
    waiting: list[str] = []
    for role, blocks in turns:
        if role == "assistant":
            waiting = ids(block.get("id") for block in blocks if block.get("type") == "tool_use")
            seen += waiting
            continue
        kinds = [block.get("type") for block in blocks]
        results = ids(block.get("tool_use_id") for block in blocks if block.get("type") == "tool_result")
        if any(kind != "tool_result" for kind in kinds[: len(results)]):
            yield "tool_result after other blocks"
        if sorted(results) != sorted(waiting):
            yield f"calls {waiting} answered by results {results}"
        waiting = []
    if waiting:
        yield f"calls {waiting} without results at the end"
    if repeated(seen):
        yield f"tool_use ids twice: {repeated(seen)}"


def _tools(request: Mapping[str, Any]) -> Reasons:
    tools = objects(request.get("tools"))
    for index, tool in enumerate(tools):
        yield from _tool(tool, f"tools[{index}]")
    names = [tool.get("name") for tool in tools]
    if repeated(names):
        yield f"tool names twice: {repeated(names)}"
    choice = request.get("tool_choice")
    if choice is None:
        return
    if not tools:
        yield "tool_choice without tools"
    if not isinstance(choice, dict) or choice.get("type") not in ("auto", "any", "none", "tool"):
        yield f"tool_choice {choice!r}"
    elif choice["type"] == "tool" and choice.get("name") not in names:
        yield f"tool_choice: no tool {choice.get('name')!r}"


def _tool(tool: Mapping[str, Any], where: str) -> Reasons:
    if not _matches(_NAME, tool.get("name")):
        yield f"{where}: name {tool.get('name')!r}"
    if tool.get("type", "custom") != "custom":
        if not _matches(_SERVER_TOOL, tool["type"]):
            yield f"{where}: type {tool['type']!r}"
        return
    yield from strangers(tool, _TOOL, where)
    if not is_object_schema(tool.get("input_schema")):
        yield f"{where}: input_schema is no schema of an object"


def _thinking(request: Mapping[str, Any]) -> Reasons:
    thinking = request.get("thinking")
    if thinking is None:
        return
    kind = member(thinking, "type")
    if kind not in ("enabled", "disabled", "adaptive"):
        yield f"thinking {thinking!r}"
    if kind == "enabled":
        budget, most = thinking.get("budget_tokens"), request.get("max_tokens")
        if not isinstance(budget, int) or budget < _LEAST_BUDGET:
            yield f"thinking: budget {budget!r}"
        elif isinstance(most, int) and budget >= most:
            yield f"thinking: budget {budget} of max_tokens {most}"
    elif member(thinking, "budget_tokens") is not None:
        yield f"thinking: {kind} with a budget"
    if kind in ("enabled", "adaptive"):
        if request.get("temperature", 1) != 1:
            yield f"temperature {request['temperature']} with thinking"
        if "top_k" in request:
            yield "top_k with thinking"
        if member(request.get("tool_choice"), "type") in ("any", "tool"):
            yield "a forced tool with thinking"


def _cache_marks(value: object) -> int:
    """How many objects carry ``cache_control``; not looking into inputs and schemas."""
    if isinstance(value, list):
        return sum(map(_cache_marks, value))
    if not isinstance(value, dict):
        return 0
    inner = (member for name, member in value.items() if name not in ("input", "input_schema"))
    return ("cache_control" in value) + sum(map(_cache_marks, inner))


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None
