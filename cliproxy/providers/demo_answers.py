"""A text answer in each client format, whole and as a stream (client-api.md 14-17), for the demo."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from cliproxy.translation import sse
from cliproxy.translation.formats import CLAUDE, GEMINI, OPENAI, RESPONSES, Format


@dataclass(frozen=True, slots=True)
class Echo:
    """What is answered: the text under the client's model name, and its token counts."""

    model: str
    text: str
    input_tokens: int
    output_tokens: int
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:24])
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def pieces(self) -> list[str]:
        """The text word by word, spaces kept."""
        return re.findall(r"\s*\S+\s*\Z|\s*\S+", self.text) or [self.text]


@dataclass(frozen=True, slots=True)
class Encoder:
    """One format: ``body`` makes the whole answer, ``events`` the stream's events."""

    body: Callable[[Echo], dict[str, Any]]
    events: Callable[[Echo], Iterator[bytes]]


def _chat_usage(echo: Echo) -> dict[str, int]:
    total = echo.input_tokens + echo.output_tokens
    return {"prompt_tokens": echo.input_tokens, "completion_tokens": echo.output_tokens, "total_tokens": total}


def _chat_body(echo: Echo) -> dict[str, Any]:
    message = {"role": "assistant", "content": echo.text, "refusal": None}
    return {
        "id": f"chatcmpl-{echo.id}", "object": "chat.completion", "created": echo.created, "model": echo.model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": _chat_usage(echo),
    }  # fmt: skip


def _chat_events(echo: Echo) -> Iterator[bytes]:
    head = {
        "id": f"chatcmpl-{echo.id}", "object": "chat.completion.chunk", "created": echo.created, "model": echo.model,
    }  # fmt: skip

    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return sse.frame(orjson.dumps({**head, "choices": [choice], **more}))

    yield chunk({"role": "assistant", "content": ""})
    for piece in echo.pieces:
        yield chunk({"content": piece})
    yield chunk({}, "stop", usage=_chat_usage(echo))


def _claude_body(echo: Echo) -> dict[str, Any]:
    return {
        "id": f"msg_{echo.id}", "type": "message", "role": "assistant", "model": echo.model,
        "content": [{"type": "text", "text": echo.text}], "stop_reason": "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": echo.input_tokens, "output_tokens": echo.output_tokens},
    }  # fmt: skip


def _claude_events(echo: Echo) -> Iterator[bytes]:
    def event(kind: str, **fields: Any) -> bytes:
        return sse.frame(orjson.dumps({"type": kind, **fields}), kind)

    start = {**_claude_body(echo), "content": [], "stop_reason": None}
    start["usage"] = {"input_tokens": echo.input_tokens, "output_tokens": 0}
    yield event("message_start", message=start)
    yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    for piece in echo.pieces:
        yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
    yield event("content_block_stop", index=0)
    yield event(
        "message_delta",
        delta={"stop_reason": "end_turn", "stop_sequence": None},
        usage={"input_tokens": echo.input_tokens, "output_tokens": echo.output_tokens},
    )
    yield event("message_stop")


def _gemini_chunk(echo: Echo, text: str, *, last: bool) -> dict[str, Any]:
    candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": [{"text": text}]}}
    shape: dict[str, Any] = {"candidates": [candidate], "modelVersion": echo.model, "responseId": echo.id}
    if last:
        candidate["finishReason"] = "STOP"
        shape["usageMetadata"] = {
            "promptTokenCount": echo.input_tokens, "candidatesTokenCount": echo.output_tokens,
            "totalTokenCount": echo.input_tokens + echo.output_tokens,
        }  # fmt: skip
    return shape


def _gemini_body(echo: Echo) -> dict[str, Any]:
    return _gemini_chunk(echo, echo.text, last=True)


def _gemini_events(echo: Echo) -> Iterator[bytes]:
    for number, piece in enumerate(echo.pieces, 1):
        yield sse.frame(orjson.dumps(_gemini_chunk(echo, piece, last=number == len(echo.pieces))))


def _response(echo: Echo, status: str) -> dict[str, Any]:
    return {
        "id": f"resp_{echo.id}", "object": "response", "created_at": echo.created, "status": status, "error": None,
        "incomplete_details": None, "instructions": None, "max_output_tokens": None, "model": echo.model, "output": [],
        "parallel_tool_calls": True, "previous_response_id": None, "reasoning": {"effort": None, "summary": None},
        "store": False, "temperature": 1.0, "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [],
        "top_p": 1.0, "truncation": "disabled", "metadata": {}, "usage": None,
    }  # fmt: skip


def _message(echo: Echo, status: str, content: list[Any]) -> dict[str, Any]:
    return {"id": f"msg_{echo.id}", "type": "message", "status": status, "role": "assistant", "content": content}


def _text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _response_body(echo: Echo) -> dict[str, Any]:
    return {
        **_response(echo, "completed"),
        "output": [_message(echo, "completed", [_text_part(echo.text)])],
        "usage": {
            "input_tokens": echo.input_tokens, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": echo.output_tokens, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": echo.input_tokens + echo.output_tokens,
        },
    }  # fmt: skip


def _response_events(echo: Echo) -> Iterator[bytes]:
    place = {"item_id": f"msg_{echo.id}", "output_index": 0, "content_index": 0}
    done = _message(echo, "completed", [_text_part(echo.text)])
    steps: list[tuple[str, dict[str, Any]]] = [
        ("response.created", {"response": _response(echo, "in_progress")}),
        ("response.in_progress", {"response": _response(echo, "in_progress")}),
        ("response.output_item.added", {"output_index": 0, "item": _message(echo, "in_progress", [])}),
        ("response.content_part.added", {**place, "part": _text_part("")}),
        *(("response.output_text.delta", {**place, "delta": piece, "logprobs": []}) for piece in echo.pieces),
        ("response.output_text.done", {**place, "text": echo.text, "logprobs": []}),
        ("response.content_part.done", {**place, "part": _text_part(echo.text)}),
        ("response.output_item.done", {"output_index": 0, "item": done}),
        ("response.completed", {"response": _response_body(echo)}),
    ]
    for number, (kind, fields) in enumerate(steps, 1):
        yield sse.frame(orjson.dumps({"type": kind, "sequence_number": number, **fields}), kind)


ENCODERS: dict[Format, Encoder] = {
    OPENAI: Encoder(_chat_body, _chat_events),
    CLAUDE: Encoder(_claude_body, _claude_events),
    GEMINI: Encoder(_gemini_body, _gemini_events),
    RESPONSES: Encoder(_response_body, _response_events),
}
