"""Anthropic Messages as an upstream speaks it (client-api.md 16)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from upstream.content import Reply, halves

_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}


def usage(reply: Reply) -> dict[str, Any]:
    """The usage object; input excludes what came from the cache."""
    counts = reply.usage
    return {
        "input_tokens": counts.prompt - counts.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": counts.cached,
        "output_tokens": counts.completion,
    }


def stop_reason(reply: Reply) -> str:
    """Why the model stopped."""
    return "tool_use" if reply.all_calls else _STOP_REASONS[reply.stop]


def body(reply: Reply, model: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """A whole ``message``."""
    return _message(reply, model) | {
        "content": [block for block, _ in _blocks(reply)],
        "stop_reason": stop_reason(reply),
        "usage": usage(reply),
    }


def events(reply: Reply, model: str, request: Mapping[str, Any]) -> Iterator[bytes]:
    """The stream, one SSE event each."""
    yield _event({"type": "message_start", "message": _message(reply, model)})
    yield _event({"type": "ping"})
    for index, (block, deltas) in enumerate(_blocks(reply)):
        yield _event({"type": "content_block_start", "index": index, "content_block": _opened(block)})
        for delta in deltas:
            yield _event({"type": "content_block_delta", "index": index, "delta": delta})
        yield _event({"type": "content_block_stop", "index": index})
    end = {"stop_reason": stop_reason(reply), "stop_sequence": None}
    yield _event({"type": "message_delta", "delta": end, "usage": {"output_tokens": reply.usage.completion}})
    yield _event({"type": "message_stop"})


Block = tuple[dict[str, Any], list[dict[str, Any]]]


def _blocks(reply: Reply) -> Iterator[Block]:
    """(finished block, its deltas) in order."""
    for segment in reply.segments:
        yield from _segment(segment)


def _segment(part: Reply) -> Iterator[Block]:
    if part.thinking:
        block = {"type": "thinking", "thinking": "".join(part.thinking), "signature": part.signature}
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in part.thinking]
        yield block, [*deltas, {"type": "signature_delta", "signature": part.signature}]
    if part.text:
        yield (
            {"type": "text", "text": "".join(part.text)},
            [{"type": "text_delta", "text": piece} for piece in part.text],
        )
    for call in part.calls:
        block = {"type": "tool_use", "id": call.id, "name": call.name, "input": json.loads(call.arguments)}
        yield block, [{"type": "input_json_delta", "partial_json": piece} for piece in halves(call.arguments)]


def _opened(block: Mapping[str, Any]) -> dict[str, Any]:
    """The block as it stands in its start event: nothing in it yet."""
    empty: dict[str, Any] = {"text": "", "thinking": "", "signature": "", "input": {}}
    return {key: empty.get(key, value) if key != "type" else value for key, value in block.items()}


def _message(reply: Reply, model: str) -> dict[str, Any]:
    return {
        "id": f"msg_{reply.id}", "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": usage(reply) | {"output_tokens": 1},
    }  # fmt: skip


def _event(data: Mapping[str, Any]) -> bytes:
    return f"event: {data['type']}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def error(status: int, message: str) -> dict[str, Any]:
    """The error body of a status."""
    return {"type": "error", "error": {"type": _KINDS.get(status, "api_error"), "message": message}}


def error_event(message: str) -> bytes:
    """An error inside a stream."""
    return _event(error(529, message))
