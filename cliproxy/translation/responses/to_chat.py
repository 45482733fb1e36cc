"""A Responses-shaped body on the chat endpoint, as a chat request (client-api.md 8.2, translation.md 0.6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

_COPIED = (
    "model", "stream", "temperature", "top_p", "parallel_tool_calls", "metadata", "store", "user", "service_tier",
    "safety_identifier", "prompt_cache_key", "top_logprobs", "stream_options",
)  # fmt: skip
_TEXT_PARTS = ("input_text", "output_text", "text")


def is_responses_shaped(body: Mapping[str, Any]) -> bool:
    """True for a body without ``messages`` that has ``input`` or ``instructions``."""
    return "messages" not in body and ("input" in body or "instructions" in body)


def to_chat(body: Mapping[str, Any]) -> dict[str, Any]:
    """The chat request that says the same."""
    chat: dict[str, Any] = {key: body[key] for key in _COPIED if body.get(key) is not None}
    chat["messages"] = list(_messages(body))
    if isinstance(body.get("max_output_tokens"), int):
        chat["max_tokens"] = body["max_output_tokens"]
    effort = _member(body, "reasoning", "effort")
    if isinstance(effort, str):
        chat["reasoning_effort"] = effort
    if tools := [tool for tool in map(_tool, _list(body.get("tools"))) if tool]:
        chat["tools"] = tools
        if (choice := _tool_choice(body.get("tool_choice"))) is not None:
            chat["tool_choice"] = choice
    if (shape := _response_format(_member(body, "text", "format"))) is not None:
        chat["response_format"] = shape
    return chat


def _messages(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if isinstance(body.get("instructions"), str) and body["instructions"]:
        yield {"role": "system", "content": body["instructions"]}
    source = body.get("input")
    if isinstance(source, str):
        yield {"role": "user", "content": source}
        return
    calls: list[dict[str, Any]] = []
    for item in _list(source):
        kind = item.get("type") or ("message" if "role" in item else "")
        if kind == "function_call":
            calls.append(_call(item))
            continue
        if calls:  # parallel calls belong to one assistant message
            yield {"role": "assistant", "content": None, "tool_calls": calls}
            calls = []
        if kind == "message":
            yield {"role": _role(item.get("role")), "content": _content(item.get("content"))}
        elif kind == "function_call_output":
            yield {"role": "tool", "tool_call_id": item.get("call_id", ""), "content": _output(item.get("output"))}
    if calls:
        yield {"role": "assistant", "content": None, "tool_calls": calls}


def _role(role: Any) -> str:
    if role == "developer":
        return "system"
    return role if isinstance(role, str) and role else "user"


def _call(item: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": item.get("name", ""), "arguments": item.get("arguments") or "{}"}
    return {"id": item.get("call_id", ""), "type": "function", "function": function}


def _content(content: Any) -> Any:
    if isinstance(content, str) or content is None:
        return content or ""
    parts = [part for part in map(_part, _list(content)) if part]
    if all(part["type"] == "text" for part in parts):
        return "".join(part["text"] for part in parts)
    return parts


def _part(part: Mapping[str, Any]) -> dict[str, Any] | None:
    kind = part.get("type")
    if kind in _TEXT_PARTS:
        return {"type": "text", "text": part.get("text") or ""}
    if kind == "refusal":
        return {"type": "text", "text": part.get("refusal") or ""}
    if kind == "input_image" and isinstance(part.get("image_url"), str):
        image = {"url": part["image_url"]}
        if isinstance(part.get("detail"), str):
            image["detail"] = part["detail"]
        return {"type": "image_url", "image_url": image}
    if kind == "input_file":
        file = {key: part[key] for key in ("filename", "file_data", "file_id") if isinstance(part.get(key), str)}
        return {"type": "file", "file": file}
    return None


def _output(output: Any) -> Any:
    if isinstance(output, str):
        return output
    if isinstance(output, list):
        return _content(output)
    return "" if output is None else orjson.dumps(output).decode()


def _tool(tool: Mapping[str, Any]) -> dict[str, Any] | None:
    if tool.get("type") != "function":
        return None
    if isinstance(tool.get("function"), dict):
        return dict(tool)
    keys = ("name", "description", "parameters", "strict")
    return {"type": "function", "function": {key: tool[key] for key in keys if tool.get(key) is not None}}


def _tool_choice(choice: Any) -> Any:
    if isinstance(choice, dict) and choice.get("type") == "function" and isinstance(choice.get("name"), str):
        return {"type": "function", "function": {"name": choice["name"]}}
    return choice if isinstance(choice, str) else None


def _response_format(shape: Any) -> dict[str, Any] | None:
    if not isinstance(shape, dict) or not isinstance(shape.get("type"), str):
        return None
    if shape["type"] != "json_schema":
        return {"type": shape["type"]}
    keys = ("name", "description", "schema", "strict")
    return {"type": "json_schema", "json_schema": {key: shape[key] for key in keys if shape.get(key) is not None}}


def _member(body: Mapping[str, Any], *path: str) -> Any:
    node: Any = body
    for key in path:
        node = node.get(key) if isinstance(node, dict) else None
    return node


def _list(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
