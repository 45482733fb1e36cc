"""Reading Messages requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from end_to_end.matrix.seen import Answered, Seen, limits, runs

_CHOICES = {"any": "required"}


def read(body: Mapping[str, Any]) -> Seen:
    """What a request says."""
    said = [(message["role"], block) for message in body["messages"] for block in _blocks(message["content"])]
    choice = body.get("tool_choice", {"type": "auto"})
    return Seen(
        _text(body.get("system", "")), runs([(role, block.get("text", "")) for role, block in said]),
        _answered([block for _, block in said]),
        tuple((b["source"]["media_type"], b["source"]["data"]) for _, b in said if b["type"] == "image"),
        {tool["name"]: tool["input_schema"] for tool in body.get("tools", []) if "input_schema" in tool},
        choice.get("name") or _CHOICES.get(choice["type"], choice["type"]), body.get("thinking"), None,
        limits(body, "max_tokens", "temperature", "stop_sequences"),
    )  # fmt: skip


def _blocks(content: Any) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _text(content: Any) -> str:
    return "".join(block.get("text", "") for block in _blocks(content))


def _answered(blocks: list[Any]) -> tuple[Answered, ...]:
    results = {block["tool_use_id"]: _text(block["content"]) for block in blocks if block["type"] == "tool_result"}
    calls = [block for block in blocks if block["type"] == "tool_use"]
    return tuple(Answered(call["name"], call["input"], results[call["id"]]) for call in calls)
