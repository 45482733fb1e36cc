"""Gemini generateContent as an upstream speaks it, on AI Studio's and on Vertex's paths (client-api.md 17)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from upstream.content import Reply

_FINISH = {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}


def usage(reply: Reply) -> dict[str, Any]:
    """The usageMetadata object; candidates exclude thoughts."""
    counts = reply.usage
    return {
        "promptTokenCount": counts.prompt,
        "cachedContentTokenCount": counts.cached,
        "candidatesTokenCount": counts.completion - counts.reasoning,
        "thoughtsTokenCount": counts.reasoning,
        "totalTokenCount": counts.total,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": counts.prompt}],
    }


def body(reply: Reply, model: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """A whole GenerateContentResponse."""
    parts: list[dict[str, Any]] = []
    for segment in reply.segments:
        parts += [{"text": "".join(segment.thinking), "thought": True}] if segment.thinking else []
        parts += [{"text": "".join(segment.text)}] if segment.text else []
        parts += _calls(segment)
    return _response(reply, model, parts, _FINISH[reply.stop]) | {"usageMetadata": usage(reply)}


def events(reply: Reply, model: str, request: Mapping[str, Any]) -> Iterator[bytes]:
    """The stream, one SSE event each; the last one has finishReason and the final usage."""
    early = {"promptTokenCount": reply.usage.prompt, "totalTokenCount": reply.usage.prompt}
    pieces: list[dict[str, Any]] = []
    for segment in reply.segments:
        pieces += [{"text": piece, "thought": True} for piece in segment.thinking]
        pieces += [{"text": piece} for piece in segment.text]
        pieces += _calls(segment)
    for piece in pieces:
        yield _event(_response(reply, model, [piece], None) | {"usageMetadata": early})
    yield _event(_response(reply, model, [{"text": ""}], _FINISH[reply.stop]) | {"usageMetadata": usage(reply)})


def enveloped_body(reply: Reply, model: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """The same as Code Assist wraps it."""
    return {"response": body(reply, model, request), "traceId": f"t-{reply.id}"}


def enveloped_events(reply: Reply, model: str, request: Mapping[str, Any]) -> Iterator[bytes]:
    """The stream as Code Assist wraps it."""
    for event in events(reply, model, request):
        yield _event({"response": json.loads(event.removeprefix(b"data: ")), "traceId": f"t-{reply.id}"})


def count(reply: Reply) -> dict[str, Any]:
    """The answer of countTokens."""
    total = reply.usage.prompt
    return {"totalTokens": total, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": total}]}


def _calls(reply: Reply) -> list[dict[str, Any]]:
    """One part per call, without an id where the reply has none; only the first carries the thought signature."""
    parts: list[dict[str, Any]] = []
    for call in reply.calls:
        said = {"name": call.name, "args": json.loads(call.arguments)}
        parts.append({"functionCall": {"id": call.id, **said} if call.id else said})
    if parts and reply.signature:
        parts[0]["thoughtSignature"] = reply.signature
    return parts


def _response(reply: Reply, model: str, parts: list[dict[str, Any]], reason: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": parts}}
    if reason:
        candidate["finishReason"] = reason
    return {"candidates": [candidate], "modelVersion": model, "responseId": f"r-{reply.id}"}


def _event(data: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\r\n\r\n"


_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


def error(status: int, message: str) -> dict[str, Any]:
    """The error body of a status."""
    return {"error": {"code": status, "message": message, "status": _NAMES.get(status, "UNKNOWN")}}


def error_event(message: str) -> bytes:
    """An error inside a stream."""
    return _event(error(503, message))
