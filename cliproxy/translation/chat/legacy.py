"""Legacy text completions as chat, there and back (client-api.md 8.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from cliproxy.translation import exactjson, sse
from cliproxy.translation.passthrough import load

_NUMBERS = ("temperature", "top_p", "frequency_penalty", "presence_penalty")
_INTEGERS = ("max_tokens", "top_logprobs")
_BOOLEANS = ("stream", "echo", "logprobs")
_DEFAULT_PROMPT = "Complete this:"


def to_chat(body: Mapping[str, Any]) -> dict[str, Any]:
    """The chat request for a completions request; what is not listed in the spec is dropped."""
    chat: dict[str, Any] = {
        "model": body.get("model", ""),
        "messages": [{"role": "user", "content": _prompt(body.get("prompt"))}],
    }
    for key in (*_NUMBERS, *_INTEGERS):
        value = body.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            chat[key] = int(value) if key in _INTEGERS else value
    if body.get("stop") is not None:
        chat["stop"] = body["stop"]
    for key in _BOOLEANS:
        if isinstance(body.get(key), bool | int | float):
            chat[key] = bool(body[key])
    return chat


def _prompt(prompt: Any) -> str:
    if isinstance(prompt, list) and all(isinstance(item, str) for item in prompt):
        prompt = "\n".join(prompt)
    if isinstance(prompt, str):
        return prompt or _DEFAULT_PROMPT
    return exactjson.text(prompt) if prompt else _DEFAULT_PROMPT


def from_chat(data: bytes) -> bytes:
    """The ``text_completion`` of a ``chat.completion``; reasoning and tool calls are lost."""
    source = load(data.strip())
    if source is None:
        return data
    choices = [_choice(choice) for choice in _choices(source)]
    return orjson.dumps(_envelope(source, choices))


def events_from_chat(events: bytes) -> bytes:
    """Chat chunks as completion chunks; those without text, end or usage are left out."""
    out = []
    for event in sse.split(events):
        source = load(sse.data_of(event))
        if source is not None and (chunk := _chunk(source)) is not None:
            out.append(sse.frame(orjson.dumps(chunk)))
    return b"".join(out)


def _chunk(source: Mapping[str, Any]) -> dict[str, Any] | None:
    choices = _choices(source)
    useful = any(_text(choice) or choice.get("finish_reason") for choice in choices)
    if not useful and not source.get("usage"):
        return None
    return _envelope(source, [_choice(choice) for choice in choices] if useful else [])


def _envelope(source: Mapping[str, Any], choices: list[dict[str, Any]]) -> dict[str, Any]:
    envelope = {
        "id": source.get("id", ""),
        "object": "text_completion",
        "created": source.get("created", 0),
        "model": source.get("model", ""),
        "choices": choices,
    }
    if source.get("usage"):
        envelope["usage"] = source["usage"]
    return envelope


def _choices(source: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    choices = source.get("choices")
    return [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []


def _text(choice: Mapping[str, Any]) -> str:
    for key in ("message", "delta"):
        part = choice.get(key)
        if isinstance(part, dict):
            content = part.get("content")
            return content if isinstance(content, str) else ""
    return ""


def _choice(source: Mapping[str, Any]) -> dict[str, Any]:
    choice: dict[str, Any] = {"index": source.get("index", 0), "text": _text(source)}
    if "finish_reason" in source:
        choice["finish_reason"] = source["finish_reason"] or None
    if "logprobs" in source:
        choice["logprobs"] = source["logprobs"]
    return choice
