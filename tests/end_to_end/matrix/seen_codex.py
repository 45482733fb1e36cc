"""Reading requests to the Codex backend."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from end_to_end.matrix.seen import Answered, Seen, limits, runs
from end_to_end.matrix.seen_chat import picture_of

_CALLS = ("function_call", "custom_tool_call")
_OUTPUTS = ("function_call_output", "custom_tool_call_output")


def read(body: Mapping[str, Any]) -> Seen:
    """What a request says."""
    items = body["input"]
    messages = [item for item in items if "role" in item]
    system = [item for item in messages if item["role"] in ("system", "developer")]
    parts = [part for item in messages if isinstance(item["content"], list) for part in item["content"]]
    return Seen(
        body["instructions"] + "".join(map(_text, system)),
        runs([(item["role"], _text(item)) for item in messages if item["role"] in ("user", "assistant")]),
        _answered(items), tuple(picture_of(part["image_url"]) for part in parts if part["type"] == "input_image"),
        {tool["name"]: tool["parameters"] for tool in body.get("tools", []) if tool["type"] == "function"},
        _choice(body.get("tool_choice", "auto")), body.get("reasoning", {}).get("effort"),
        body.get("text", {}).get("format", {}).get("schema"),
        limits(body, "max_output_tokens", "temperature", "stop"),
    )  # fmt: skip


def _text(item: Mapping[str, Any]) -> str:
    content = item["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def _answered(items: list[Any]) -> tuple[Answered, ...]:
    results = {item["call_id"]: _output(item["output"]) for item in items if item.get("type") in _OUTPUTS}
    calls = [item for item in items if item.get("type") in _CALLS]
    return tuple(Answered(call["name"], _arguments(call), results[call["call_id"]]) for call in calls)


def _arguments(call: Mapping[str, Any]) -> Any:
    return json.loads(call["arguments"]) if "arguments" in call else {"input": call["input"]}


def _output(output: Any) -> str:
    return output if isinstance(output, str) else "".join(part.get("text", "") for part in output)


def _choice(choice: Any) -> str:
    return choice if isinstance(choice, str) else str(choice["name"])
