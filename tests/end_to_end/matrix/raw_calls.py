"""Tool calls in the event streams of the four client formats."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from end_to_end import sse
from end_to_end.families import CHAT, CLAUDE, GEMINI, RESPONSES, Family

Calls = list[tuple[str, str, Any]]
"""(namespace, name, arguments) each."""


def calls_of(family: Family, stream: bytes) -> Calls:
    """All the calls of one answer."""
    return _READERS[family.name](sse.payloads(stream))


def _chat(chunks: list[Any]) -> Calls:
    names: dict[int, str] = {}
    arguments: dict[int, str] = {}
    for chunk in chunks:
        for choice in chunk["choices"]:
            for call in choice["delta"].get("tool_calls", []):
                function = call["function"]
                names[call["index"]] = names.get(call["index"], "") + (function.get("name") or "")
                arguments[call["index"]] = arguments.get(call["index"], "") + (function.get("arguments") or "")
    return [("", name, json.loads(arguments[index])) for index, name in names.items()]


def _claude(events: list[Any]) -> Calls:
    names: dict[int, str] = {}
    arguments: dict[int, str] = {}
    for event in events:
        if event["type"] == "content_block_start" and event["content_block"]["type"] == "tool_use":
            names[event["index"]] = event["content_block"]["name"]
        elif event["type"] == "content_block_delta" and event["delta"]["type"] == "input_json_delta":
            arguments[event["index"]] = arguments.get(event["index"], "") + event["delta"]["partial_json"]
    return [("", name, json.loads(arguments.get(index) or "{}")) for index, name in names.items()]


def _gemini(chunks: list[Any]) -> Calls:
    parts = [part for chunk in chunks for part in chunk["candidates"][0]["content"].get("parts", [])]
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    return [("", call["name"], call["args"]) for call in calls]


def _responses(events: list[Any]) -> Calls:
    items = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    calls: Calls = []
    for item in items:
        if item["type"] == "function_call":
            calls.append((item.get("namespace", ""), item["name"], json.loads(item["arguments"])))
        elif item["type"] == "custom_tool_call":
            calls.append((item.get("namespace", ""), item["name"], item["input"]))
    return calls


_READERS: Mapping[str, Callable[[list[Any]], Calls]] = {
    CHAT.name: _chat, CLAUDE.name: _claude, GEMINI.name: _gemini, RESPONSES.name: _responses,
}  # fmt: skip
