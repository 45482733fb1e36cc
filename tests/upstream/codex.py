"""OpenAI Responses as the Codex backend speaks it: always a stream, except for compaction (client-api.md 15)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from upstream.content import ENCRYPTED, Reply, halves

Step = tuple[str, dict[str, Any]]
_NOTHING_YET: dict[str, dict[str, Any]] = {
    "reasoning": {"summary": []},
    "message": {"content": []},
    "function_call": {"arguments": ""},
}


_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def usage(reply: Reply) -> dict[str, Any]:
    """The usage object."""
    counts = reply.usage
    return {
        "input_tokens": counts.prompt,
        "input_tokens_details": {"cached_tokens": counts.cached},
        "output_tokens": counts.completion,
        "output_tokens_details": {"reasoning_tokens": counts.reasoning},
        "total_tokens": counts.total,
    }


def body(reply: Reply, model: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """The finished ``response`` object."""
    reason = _INCOMPLETE.get(reply.stop)
    return _response(reply, model, request) | {
        "status": "incomplete" if reason else "completed", "output": [item for item, _ in _items(reply)],
        "usage": usage(reply), "incomplete_details": {"reason": reason} if reason else None,
    }  # fmt: skip


def compaction(request: Mapping[str, Any]) -> dict[str, Any]:
    """What /responses/compact answers: the kept user messages and one opaque item."""
    kept = [item for item in request["input"] if item.get("role") == "user"]
    item = {"type": "compaction", "id": "cmp_1", "encrypted_content": "b3BhcXVl"}
    return {"id": "resp_c1", "object": "response.compaction", "created_at": 1700000000, "output": [*kept, item]}


def events(reply: Reply, model: str, request: Mapping[str, Any]) -> Iterator[bytes]:
    """The stream, one SSE event each, numbered from 0."""
    for number, (kind, fields) in enumerate(_steps(reply, model, request)):
        yield _event(kind, fields, number)


def _steps(reply: Reply, model: str, request: Mapping[str, Any]) -> Iterator[Step]:
    opened, finished = _response(reply, model, request), body(reply, model, request)
    yield "response.created", {"response": opened}
    yield "response.in_progress", {"response": opened}
    for index, (item, steps) in enumerate(_items(reply)):
        start = item | _NOTHING_YET[item["type"]] | {"status": "in_progress"}
        start.pop("encrypted_content", None)
        yield "response.output_item.added", {"output_index": index, "item": start}
        for kind, fields in steps:
            yield kind, {"item_id": item["id"], "output_index": index, **fields}
        yield "response.output_item.done", {"output_index": index, "item": item}
    yield f"response.{finished['status']}", {"response": finished}


def _items(reply: Reply) -> Iterator[tuple[dict[str, Any], list[Step]]]:
    for number, segment in enumerate(reply.segments):
        yield from _segment(replace(segment, id=f"{reply.id}{number or ''}", then=None))


def _segment(reply: Reply) -> Iterator[tuple[dict[str, Any], list[Step]]]:
    if reply.thinking:
        item = {
            "id": f"rs_{reply.id}", "type": "reasoning", "encrypted_content": ENCRYPTED if reply.signature else None,
            "summary": [{"type": "summary_text", "text": reply.thoughts}],
        }  # fmt: skip
        yield item, list(_summary(reply))
    if reply.text:
        yield _message(reply), list(_text(reply))
    for number, call in enumerate(reply.calls):
        item = {
            "id": f"fc_{reply.id}{number}", "type": "function_call", "status": "completed",
            "call_id": call.id, "name": call.name, "arguments": call.arguments,
        }  # fmt: skip
        deltas: list[Step] = [
            ("response.function_call_arguments.delta", {"delta": piece}) for piece in halves(call.arguments)
        ]
        yield item, [*deltas, ("response.function_call_arguments.done", {"arguments": call.arguments})]


def _summary(reply: Reply) -> Iterator[Step]:
    where = {"summary_index": 0}
    yield "response.reasoning_summary_part.added", {**where, "part": {"type": "summary_text", "text": ""}}
    for piece in reply.thinking:
        yield "response.reasoning_summary_text.delta", {**where, "delta": piece}
    yield "response.reasoning_summary_text.done", {**where, "text": reply.thoughts}
    yield "response.reasoning_summary_part.done", {**where, "part": {"type": "summary_text", "text": reply.thoughts}}


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _message(reply: Reply) -> dict[str, Any]:
    return {
        "id": f"msg_{reply.id}", "type": "message", "status": "completed", "role": "assistant",
        "content": [_part(reply.joined)],
    }  # fmt: skip


def _text(reply: Reply) -> Iterator[Step]:
    where = {"content_index": 0}
    yield "response.content_part.added", {**where, "part": _part("")}
    for piece in reply.text:
        yield "response.output_text.delta", {**where, "delta": piece, "logprobs": []}
    yield "response.output_text.done", {**where, "text": reply.joined, "logprobs": []}
    yield "response.content_part.done", {**where, "part": _part(reply.joined)}


def _response(reply: Reply, model: str, request: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": f"resp_{reply.id}", "object": "response", "created_at": 1700000000, "status": "in_progress",
        "error": None, "incomplete_details": None, "instructions": request.get("instructions"),
        "max_output_tokens": None, "model": model, "output": [], "parallel_tool_calls": True,
        "previous_response_id": None, "reasoning": {"effort": None, "summary": None}, "store": False,
        "temperature": 1.0, "text": {"format": {"type": "text"}}, "tool_choice": "auto",
        "tools": request.get("tools", []), "top_p": 1.0, "truncation": "disabled", "metadata": {}, "usage": None,
    }  # fmt: skip


def _event(kind: str, fields: Mapping[str, Any], number: int) -> bytes:
    data = {"type": kind, "sequence_number": number, **fields}
    return f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def error(status: int, message: str) -> dict[str, Any]:
    """The error body of a status."""
    return {"error": {"message": message, "type": "upstream_said_so", "param": None, "code": None}}


def error_event(message: str) -> bytes:
    """An error inside a stream."""
    return _event("error", {"code": "server_error", "message": message, "param": None}, 99)
