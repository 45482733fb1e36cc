"""What an OpenAI Chat Completions upstream refuses (clients.md 2, client-api.md 14.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from upstream.refusals.shapes import (
    Reasons,
    ids,
    is_base64,
    is_data_url,
    is_json,
    is_object_schema,
    is_picture_url,
    is_text,
    member,
    objects,
    repeated,
)

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PARTS: Mapping[str, tuple[str, ...]] = {
    "system": ("text",),
    "developer": ("text",),
    "user": ("text", "image_url", "input_audio", "file"),
    "assistant": ("text", "refusal"),
    "tool": ("text",),
    "function": ("text",),
}
_PROVIDER_TOOLS = ("google_search", "code_execution", "url_context")
"""Members that make a tool a built-in of one provider (translation.md 1.3); compatible services know some."""


def reasons(request: Mapping[str, Any]) -> Reasons:
    """Every fault of one request."""
    if "stream_options" in request and not request.get("stream"):
        yield "stream_options without stream"
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages or len(objects(messages)) != len(messages):
        yield "messages: not a list of at least one message"
    for index, message in enumerate(objects(messages)):
        yield from _message(message, f"messages[{index}]")
    yield from _pairs(objects(messages))
    yield from _tools(request)
    yield from _format(request.get("response_format"))


def _message(message: Mapping[str, Any], where: str) -> Reasons:
    role = str(message.get("role"))
    if role not in _PARTS:
        yield f"{where}: unknown role {role!r}"
        return
    calls = message.get("tool_calls")
    if calls is not None and (role != "assistant" or not objects(calls)):
        yield f"{where}: tool_calls that are no calls of the assistant"
    content = message.get("content")
    if content is None and (role != "assistant" or not (calls or message.get("refusal"))):
        yield f"{where}: no content"
    elif content is not None:
        yield from _content(content, _PARTS[role], where)
    if not isinstance(message.get("reasoning_content", ""), str):
        yield f"{where}: reasoning_content is no text"
    for number, call in enumerate(objects(calls)):
        yield from _call(call, f"{where}.tool_calls[{number}]")


def _content(content: object, kinds: tuple[str, ...], where: str) -> Reasons:
    if isinstance(content, str):
        return
    if not isinstance(content, list) or not content or len(objects(content)) != len(content):
        yield f"{where}: content is neither text nor a list of parts"
        return
    for part in objects(content):
        kind = str(part.get("type"))
        if kind not in kinds:
            yield f"{where}: a part of type {kind!r}"
        elif not _is_part(kind, part):
            yield f"{where}: a malformed part of type {kind!r}"


def _is_part(kind: str, part: Mapping[str, Any]) -> bool:
    value = part.get(kind)
    if kind in ("text", "refusal"):
        return isinstance(value, str)
    if not isinstance(value, dict):
        return False
    if kind == "image_url":
        return is_picture_url(value.get("url"))
    if kind == "input_audio":
        return is_base64(value.get("data")) and is_text(value.get("format"))
    return is_text(value.get("file_id")) or is_data_url(value.get("file_data"))


def _call(call: Mapping[str, Any], where: str) -> Reasons:
    if not is_text(call.get("id")):
        yield f"{where}: no id"
    kind = str(call.get("type"))
    said = call.get(kind) if kind in ("function", "custom") else None
    if not isinstance(said, dict):
        yield f"{where}: no call of type {kind!r}"
        return
    if not _named(said):
        yield f"{where}: name {said.get('name')!r}"
    if kind == "function" and not is_json(said.get("arguments")):
        yield f"{where}: arguments are not JSON: {said.get('arguments')!r}"


def _pairs(messages: list[dict[str, Any]]) -> Reasons:
    """Each call is answered by one tool message directly after it, and nothing else is."""
    waiting: set[str] = set()
    for index, message in enumerate([*messages, {"role": "end"}]):
        where = f"messages[{index}]"
        if message.get("role") == "tool":
            (answered,) = ids([message.get("tool_call_id")])
            if answered not in waiting:
                yield f"{where}: result of no call that waits for one: {answered}"
            waiting.discard(answered)
            continue
        if waiting:
            yield f"{where}: calls without results before it: {sorted(waiting)}"
        called = ids(call.get("id") for call in objects(message.get("tool_calls")))
        if repeated(called):
            yield f"{where}: call ids twice: {repeated(called)}"
        waiting = set(called)


def _tools(request: Mapping[str, Any]) -> Reasons:
    tools = objects(request.get("tools"))
    if "tools" in request and (not tools or tools != request["tools"]):
        yield "tools: not a list of at least one tool"
    for index, tool in enumerate(tools):
        yield from _tool(tool, f"tools[{index}]")
    choice = request.get("tool_choice")
    if choice is not None and not tools:
        yield "tool_choice without tools"
    if isinstance(choice, dict) and choice.get("type") == "function":
        forced = member(choice.get("function"), "name")
        if forced not in [member(tool.get("function"), "name") for tool in tools]:
            yield f"tool_choice: no tool {forced!r}"
    elif isinstance(choice, str) and choice not in ("none", "auto", "required"):
        yield f"tool_choice {choice!r}"
    if "parallel_tool_calls" in request and not tools:
        yield "parallel_tool_calls without tools"


def _tool(tool: Mapping[str, Any], where: str) -> Reasons:
    kind = tool.get("type")
    if kind == "function":
        function = tool.get("function")
        if not isinstance(function, dict) or not _named(function):
            yield f"{where}: no function with a good name: {tool}"
        elif "parameters" in function and not is_object_schema(function["parameters"]):
            yield f"{where}: parameters are no schema of an object"
    elif kind == "custom":
        if not isinstance(tool.get("custom"), dict) or not _named(tool["custom"]):
            yield f"{where}: no custom tool with a good name"
    elif not str(kind).startswith("web_search") and not any(name in tool for name in _PROVIDER_TOOLS):
        yield f"{where}: unknown type {kind!r}"


def _format(wanted: object) -> Reasons:
    if not isinstance(wanted, dict):
        return
    if wanted.get("type") not in ("text", "json_object", "json_schema"):
        yield f"response_format: type {wanted.get('type')!r}"
    if wanted.get("type") == "json_schema":
        schema = wanted.get("json_schema")
        if not isinstance(schema, dict) or not _named(schema) or not isinstance(schema.get("schema", {}), dict):
            yield "response_format: no json_schema with a name"


def _named(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("name"), str) and _NAME.fullmatch(value["name"]) is not None
