"""Answers for Messages clients (translation.md 3.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliproxy.translation import exactjson
from cliproxy.translation.arguments import as_object
from cliproxy.translation.claude import usage as claude_usage
from cliproxy.translation.claude.answer_decoder import REASONS
from cliproxy.translation.codec import Exchange
from cliproxy.translation.events import (
    AnswerCall,
    AnswerPart,
    AnswerText,
    AnswerThinking,
    ArgumentsDelta,
    End,
    Event,
    Finish,
    FinishReason,
    PartStart,
    PartStop,
    Response,
    SignatureSeen,
    Start,
    TextDelta,
    ThinkingDelta,
    Usage,
    WholePart,
)
from cliproxy.translation.formats import ANTIGRAVITY, CLAUDE, CODEX
from cliproxy.translation.ids import random_id
from cliproxy.translation.model import Opaque, RedactedThinking, Signature
from cliproxy.translation.signatures import prefixed

_REASONS: Mapping[FinishReason, str] = {
    "stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "stop_sequence": "stop_sequence",
    "content_filter": "end_turn", "pause": "pause_turn",
}  # fmt: skip
_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":'
_STOP = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
_FIELDS = {"text": (b"text_delta", b"text"), "thinking": (b"thinking_delta", b"thinking"),
           "tool": (b"input_json_delta", b"partial_json")}  # fmt: skip


class ClaudeEncoder:
    """Writes one answer. Only the first candidate; block indexes count from 0 without gaps."""

    is_steady = True

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._index = 0
        self._head = b""  # of the open block's deltas
        self._finish = Finish("stop")

    def __repr__(self) -> str:
        return f"<ClaudeEncoder block {self._index}>"

    def events(self, events: list[Event]) -> bytes:
        """SSE events."""
        out: list[bytes] = []
        for event in events:
            kind = type(event)
            if kind is TextDelta or kind is ThinkingDelta or kind is ArgumentsDelta:
                if not event.candidate:  # type: ignore[union-attr]
                    out.append(self._head + exactjson.dumps(event.text) + b"}}\n\n")  # type: ignore[union-attr]
            elif not getattr(event, "candidate", 0):
                self._other(event, out)
        return b"".join(out)

    def body(self, response: Response) -> bytes:
        """A whole ``message``."""
        content = [block for part in response.parts if (block := self._block(part)) is not None]
        message = self._message(response.start) | {
            "content": content,
            **self._ending(response.finish),
            "usage": claude_usage.encode(response.usage),
        }
        return exactjson.dumps(message)

    def _other(self, event: Event, out: list[bytes]) -> None:
        match event:
            case PartStart():
                self._open(event, out)
            case PartStop():
                out.append(_STOP % self._index)
                self._index += 1
            case SignatureSeen():
                if signature := self._signature(event.signature):
                    head = _DELTA % (self._index, b"signature_delta", b"signature")
                    out.append(head + exactjson.dumps(signature) + b"}}\n\n")
            case WholePart():
                if (block := self._whole(event.part)) is not None:
                    out.append(self._block_start(block) + _STOP % self._index)
                    self._index += 1
            case Start():
                message = self._message(event)
                message["usage"] = claude_usage.encode(event.usage)  # the real numbers come with message_delta
                out.append(_event("message_start", {"message": message}))
            case Finish():
                self._finish = event
            case End():
                self._end(event.usage, out)
            case _:
                pass  # Messages has no place for it

    def _open(self, event: PartStart, out: list[bytes]) -> None:
        self._head = _DELTA % (self._index, *_FIELDS[event.kind])
        if event.kind == "text":
            block: dict[str, Any] = {"type": "text", "text": ""}
        elif event.kind == "thinking":
            block = {"type": "thinking", "thinking": "", "signature": ""}
        else:
            block = {"type": "tool_use", "id": event.id or random_id("toolu_"), "name": event.name, "input": {}}
        out.append(self._block_start(block))
        if event.kind == "tool" and self._exchange.upstream == CODEX:  # clients of the real API see the same
            out.append(self._head + b'""}}\n\n')

    def _block_start(self, block: Mapping[str, Any]) -> bytes:
        return _event("content_block_start", {"index": self._index, "content_block": block})

    def _end(self, usage: Usage | None, out: list[bytes]) -> None:
        ending = {"delta": self._ending(self._finish), "usage": claude_usage.encode(usage)}
        out.append(_event("message_delta", ending))
        out.append(_event("message_stop", {}))

    def _message(self, start: Start) -> dict[str, Any]:
        return {
            "id": start.id or random_id("msg_"), "type": "message", "role": "assistant",
            "model": self._exchange.client_model, "content": [], "stop_reason": None, "stop_sequence": None,
        }  # fmt: skip

    def _ending(self, finish: Finish) -> dict[str, Any]:
        reason = _REASONS[finish.reason]
        if self._exchange.upstream == CODEX and (finish.native in REASONS or finish.native == "end_turn"):
            reason = finish.native  # an extension of some Codex services (1.10)
        return {"stop_reason": reason, "stop_sequence": finish.stop_sequence}

    def _signature(self, signature: Signature) -> str:
        """Thinking signatures leave from Antigravity only (3.9), with their group, so that they find back."""
        return prefixed(signature.group, signature.value) if self._exchange.upstream == ANTIGRAVITY else ""

    def _block(self, part: AnswerPart) -> dict[str, Any] | None:
        match part:
            case AnswerText():
                return {"type": "text", "text": part.text} if part.text else None
            case AnswerThinking():
                block = {"type": "thinking", "thinking": part.text}
                if part.signature is not None and (signature := self._signature(part.signature)):
                    block["signature"] = signature
                return block if part.text or "signature" in block else None
            case AnswerCall():
                identifier, given = part.id or random_id("toolu_"), as_object(part.arguments) or {}
                return {"type": "tool_use", "id": identifier, "name": part.name, "input": given}
            case _:
                return self._whole(part)

    @staticmethod
    def _whole(part: object) -> dict[str, Any] | None:
        if isinstance(part, RedactedThinking):
            return {"type": "redacted_thinking", "data": part.data}
        if isinstance(part, Opaque) and part.format == CLAUDE:
            return dict(part.raw)
        return None  # pictures and code: Messages answers have no blocks for them


def _event(kind: str, fields: Mapping[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), exactjson.dumps({"type": kind, **fields}))
