"""Reading Chat Completions requests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from end_to_end.matrix.seen import Answered, Seen, limits, runs


def read(body: Mapping[str, Any]) -> Seen:
    """What a request says."""
    messages = body["messages"]
    system = [message for message in messages if message["role"] in ("system", "developer")]
    said = [(message["role"], _text(message)) for message in messages if message["role"] in ("user", "assistant")]
    return Seen(
        "".join(map(_text, system)), runs(said), _answered(messages), _pictures(messages),
        {tool["function"]["name"]: tool["function"].get("parameters") for tool in _functions(body)},
        _choice(body.get("tool_choice", "auto")), body.get("reasoning_effort"),
        body.get("response_format", {}).get("json_schema", {}).get("schema"),
        limits(body, "max_tokens", "temperature", "stop"),
    )  # fmt: skip


def _functions(body: Mapping[str, Any]) -> list[Any]:
    return [tool for tool in body.get("tools", []) if tool.get("type") == "function"]


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def _answered(messages: list[Any]) -> tuple[Answered, ...]:
    results = {message["tool_call_id"]: _text(message) for message in messages if message["role"] == "tool"}
    calls = [call for message in messages for call in message.get("tool_calls") or []]
    return tuple(
        Answered(call["function"]["name"], json.loads(call["function"]["arguments"]), results[call["id"]])
        for call in calls
    )


def _pictures(messages: list[Any]) -> tuple[tuple[str, str], ...]:
    parts = [part for message in messages if isinstance(message.get("content"), list) for part in message["content"]]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    return tuple(picture_of(url) for url in urls)


def picture_of(url: str) -> tuple[str, str]:
    """(MIME type, base64) of a data URL."""
    head, _, data = url.partition(";base64,")
    return head.removeprefix("data:"), data


def _choice(choice: Any) -> str:
    return choice if isinstance(choice, str) else str(choice["function"]["name"])
