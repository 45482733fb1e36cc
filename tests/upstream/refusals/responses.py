"""What OpenAI Responses refuses, as the Codex backend speaks it (clients.md 2, client-api.md 15.1, translation.md 2.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from upstream.content import ENCRYPTED
from upstream.refusals.shapes import (
    Reasons,
    ids,
    is_data_url,
    is_object_schema,
    is_picture_url,
    is_text,
    member,
    objects,
    repeated,
)

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LONGEST_ID = 64
_UNSUPPORTED = (
    "max_output_tokens", "max_completion_tokens", "max_tokens", "temperature", "top_p", "top_k", "n", "stop",
    "service_tier", "previous_response_id", "prompt_cache_retention", "safety_identifier", "messages",
    "response_format", "reasoning_effort",
)  # fmt: skip
_ASKED = ("input_text", "input_image", "input_file")
_PARTS: Mapping[str, tuple[str, ...]] = {
    "user": _ASKED,
    "system": _ASKED,
    "developer": _ASKED,
    "assistant": ("output_text", "refusal"),
}
_CALLS = {"function_call": "function_call_output", "custom_tool_call": "custom_tool_call_output"}
_ID_BEGINS = {"message": "msg_", "reasoning": "rs_", "function_call": "fc_", "custom_tool_call": "ctc_"}
_OTHER_ITEMS = frozenset((
    "web_search_call", "file_search_call", "local_shell_call", "local_shell_call_output", "image_generation_call",
    "code_interpreter_call", "item_reference", "compaction",
))  # fmt: skip
_BUILT_IN = frozenset((
    "web_search", "web_search_preview", "image_generation", "local_shell", "file_search", "code_interpreter", "mcp",
    "shell", "apply_patch", "tool_search", "computer_use_preview",
))  # fmt: skip


def reasons(request: Mapping[str, Any]) -> Reasons:
    """Every fault of a request for a response."""
    if request.get("stream") is not True:
        yield "stream is not true"
    if request.get("store") is not False:
        yield "store is not false"
    if not isinstance(request.get("instructions"), str):
        yield "no instructions"
    for name in _UNSUPPORTED:
        if name in request:
            yield f"unsupported parameter {name}"
    yield from input_reasons(request)
    yield from _tools(request)
    yield from _format(member(request.get("text"), "format"))


def input_reasons(request: Mapping[str, Any]) -> Reasons:
    """Every fault of the input items alone."""
    items = request.get("input")
    if not isinstance(items, list) or not items or len(objects(items)) != len(items):
        yield "input: not a list of at least one item"
    for index, item in enumerate(objects(items)):
        yield from _item(item, f"input[{index}]")
    for call, output in _CALLS.items():
        yield from _pairs(objects(items), call, output)


def _item(item: Mapping[str, Any], where: str) -> Reasons:
    kind = str(item.get("type") or ("message" if "role" in item else None))
    begins = _ID_BEGINS.get(kind, "")
    for name in ("id", "call_id"):
        if item.get(name) is not None and (not is_text(item[name]) or len(item[name]) > _LONGEST_ID):
            yield f"{where}: {name} {item[name]!r}"
    if isinstance(item.get("id"), str) and not item["id"].startswith(begins):
        yield f"{where}: an id of {kind} that does not begin with {begins}: {item['id']!r}"
    if kind == "message":
        yield from _message(item, where)
    elif kind == "reasoning":
        yield from _reasoning(item, where)
    elif kind in _CALLS:
        yield from _call(item, where)
    elif kind in _CALLS.values():
        yield from _output(item, where)
    elif kind not in _OTHER_ITEMS:
        yield f"{where}: unknown type {kind!r}"


def _message(item: Mapping[str, Any], where: str) -> Reasons:
    role, content = str(item.get("role")), item.get("content")
    if role not in _PARTS:
        yield f"{where}: unknown role {role!r}"
    elif isinstance(content, list):
        yield from _parts(content, _PARTS[role], where)
    elif not isinstance(content, str):
        yield f"{where}: no content"


def _parts(parts: list[Any], kinds: tuple[str, ...], where: str) -> Reasons:
    for part in parts:
        kind = member(part, "type")
        if kind not in kinds:
            yield f"{where}: a part of type {kind!r}"
        elif not _is_part(str(kind), part):
            yield f"{where}: a malformed part of type {kind!r}"


def _is_part(kind: str, part: Mapping[str, Any]) -> bool:
    if kind == "input_image":
        return is_text(part.get("file_id")) or is_picture_url(part.get("image_url"))
    if kind == "input_file":
        return is_data_url(part.get("file_data")) or is_text(part.get("file_url")) or is_text(part.get("file_id"))
    return isinstance(part.get("refusal" if kind == "refusal" else "text"), str)


def _reasoning(item: Mapping[str, Any], where: str) -> Reasons:
    if not isinstance(item.get("summary"), list):
        yield f"{where}: reasoning without summary"
    opaque = item.get("encrypted_content")
    if opaque is None and item.get("id"):
        yield f"{where}: reasoning that was not stored"
    if opaque is not None and opaque != ENCRYPTED:
        yield f"{where}: encrypted_content of somebody else: {opaque!r}"


def _call(item: Mapping[str, Any], where: str) -> Reasons:
    if not is_text(item.get("call_id")):
        yield f"{where}: no call_id"
    if not _named(item):
        yield f"{where}: name {item.get('name')!r}"
    said = "arguments" if item.get("type") == "function_call" else "input"
    if not isinstance(item.get(said), str):
        yield f"{where}: {said} is no text"


def _output(item: Mapping[str, Any], where: str) -> Reasons:
    output = item.get("output")
    if isinstance(output, list):
        yield from _parts(output, _ASKED, where)
    elif not isinstance(output, str):
        yield f"{where}: no output"


def _pairs(items: list[dict[str, Any]], call: str, output: str) -> Reasons:
    """Each call has exactly one output somewhere after it."""
    called: list[str] = []
    answered: list[str] = []
    for item in items:
        if item.get("type") == call:
            called += ids([item.get("call_id")])
        elif item.get("type") == output:
            answered += ids([item.get("call_id")])
            if answered[-1] not in called:
                yield f"{output} without its call: {answered[-1]!r}"
    for name in called:
        if name not in answered:
            yield f"{call} without its output: {name!r}"
    for known in (called, answered):
        if repeated(known):
            yield f"{call}: call_id twice: {repeated(known)}"


def _tools(request: Mapping[str, Any]) -> Reasons:
    tools = objects(request.get("tools"))
    for index, tool in enumerate(tools):
        yield from _tool(tool, f"tools[{index}]")
    choice = request.get("tool_choice")
    if isinstance(choice, dict):
        if "function" in choice:
            yield "tool_choice in Chat shape"
        elif choice.get("type") == "function" and choice.get("name") not in [tool.get("name") for tool in tools]:
            yield f"tool_choice: no tool {choice.get('name')!r}"


def _tool(tool: Mapping[str, Any], where: str) -> Reasons:
    kind = str(tool.get("type"))
    if kind == "function":
        if "function" in tool or not _named(tool):
            yield f"{where}: no flat function with a good name: {tool}"
        schema = tool.get("parameters")
        if schema is not None and not (is_object_schema(schema) and "properties" in schema):
            yield f"{where}: parameters are no schema of an object with properties"
    elif kind in ("custom", "namespace"):
        if not _named(tool):
            yield f"{where}: name {tool.get('name')!r}"
        for number, inner in enumerate(objects(tool.get("tools"))):
            yield from _tool(inner, f"{where}.tools[{number}]")
    elif kind not in _BUILT_IN:
        yield f"{where}: unknown type {kind!r}"


def _format(wanted: object) -> Reasons:
    if not isinstance(wanted, dict):
        return
    if wanted.get("type") not in ("text", "json_object", "json_schema"):
        yield f"text.format: type {wanted.get('type')!r}"
    if wanted.get("type") == "json_schema" and not (_named(wanted) and isinstance(wanted.get("schema"), dict)):
        yield "text.format: a json_schema without name or schema"


def _named(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("name"), str) and _NAME.fullmatch(value["name"]) is not None
