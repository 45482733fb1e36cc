"""OpenAI Chat Completions as an upstream speaks it (client-api.md 14)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from upstream.content import Reply, ToolCall, halves

CREATED = 1700000000


def usage(reply: Reply) -> dict[str, Any]:
    """The usage object."""
    counts = reply.usage
    return {
        "prompt_tokens": counts.prompt,
        "completion_tokens": counts.completion,
        "total_tokens": counts.total,
        "prompt_tokens_details": {"cached_tokens": counts.cached},
        "completion_tokens_details": {"reasoning_tokens": counts.reasoning},
    }


def finish(reply: Reply) -> str:
    """The finish reason."""
    return "tool_calls" if reply.all_calls else reply.stop


def body(reply: Reply, model: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """A whole ``chat.completion``."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.joined or None, "refusal": None}
    if reply.thoughts:
        message["reasoning_content"] = reply.thoughts
    if reply.all_calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in reply.all_calls
        ]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish(reply)}
    return {
        "id": f"chatcmpl-{reply.id}", "object": "chat.completion", "created": CREATED, "model": model,
        "choices": [choice], "usage": usage(reply), "system_fingerprint": "fp_1",
    }  # fmt: skip


def events(reply: Reply, model: str, request: Mapping[str, Any]) -> Iterator[bytes]:
    """The stream, one SSE event each."""
    for delta in _deltas(reply):
        yield chunk(reply, model, delta)
    yield chunk(reply, model, {}, finish(reply))
    if (request.get("stream_options") or {}).get("include_usage"):
        yield _event(_head(reply, model) | {"choices": [], "usage": usage(reply)})
    yield b"data: [DONE]\n\n"


def chunk(reply: Reply, model: str, delta: Mapping[str, Any], reason: str | None = None) -> bytes:
    """One ``chat.completion.chunk`` event."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    return _event(_head(reply, model) | {"choices": [choice]})


def _deltas(reply: Reply) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": ""}
    numbers = itertools.count()
    for segment in reply.segments:
        yield from ({"reasoning_content": piece} for piece in segment.thinking)
        yield from ({"content": piece} for piece in segment.text)
        for call, index in zip(segment.calls, numbers, strict=False):
            yield from _call(call, index)


def _call(call: ToolCall, index: int) -> Iterator[dict[str, Any]]:
    function = {"name": call.name, "arguments": ""}
    yield {"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": function}]}
    for piece in halves(call.arguments):
        yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _head(reply: Reply, model: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{reply.id}", "object": "chat.completion.chunk", "created": CREATED, "model": model}


def _event(data: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"


def error(status: int, message: str) -> dict[str, Any]:
    """The error body of a status."""
    kind = {401: "invalid_request_error", 429: "rate_limit_exceeded"}.get(status, "upstream_said_so")
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def error_event(message: str) -> bytes:
    """An error inside a stream."""
    return _event(error(500, message))
