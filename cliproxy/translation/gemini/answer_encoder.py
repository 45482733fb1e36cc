"""Answers for Gemini and Gemini CLI clients (translation.md 3.6)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cliproxy.translation import exactjson
from cliproxy.translation.arguments import tolerant_object
from cliproxy.translation.codec import Exchange
from cliproxy.translation.events import (
    AnswerCall,
    AnswerPart,
    AnswerText,
    AnswerThinking,
    End,
    Event,
    Finish,
    FinishReason,
    PartStart,
    PartStop,
    Response,
    Start,
    TextDelta,
    ThinkingDelta,
    Usage,
    WholePart,
)
from cliproxy.translation.formats import CLAUDE, CODEX, GEMINI_CLI, OPENAI
from cliproxy.translation.gemini import usage as gemini_usage
from cliproxy.translation.ids import random_id
from cliproxy.translation.model import File, Image

_REASONS: dict[FinishReason, str] = {
    "stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "stop_sequence": "STOP", "content_filter": "SAFETY",
    "pause": "STOP",
}  # fmt: skip
_HEAD = b'{"candidates":[{"content":{"role":"model","parts":['
_LATEST = 253_402_300_799
"""The last second that an RFC 3339 time can name."""

Part = dict[str, Any]


class GeminiEncoder:
    """Writes one answer, each chunk a whole response of its own. Only the first candidate."""

    is_steady = True

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._wrapped = exchange.client == GEMINI_CLI
        self._head = b'data: {"response":' + _HEAD if self._wrapped else b"data: " + _HEAD
        self._text, self._thought = self._head + b'{"text":', self._head + b'{"thought":true,"text":'
        self._meta = self._tail = self._text_tail = b""
        self._calls: dict[int, PartStart] = {}
        self._finish = Finish("stop")

    def __repr__(self) -> str:
        return f"<GeminiEncoder {self._exchange.client_model!r}>"

    def events(self, events: list[Event]) -> bytes:
        """Chunks, as SSE events."""
        out: list[bytes] = []
        for event in events:
            if isinstance(event, TextDelta | ThinkingDelta):
                if not event.candidate:
                    head = self._text if isinstance(event, TextDelta) else self._thought
                    out.append(head + exactjson.dumps(event.text) + self._text_tail)
            elif not getattr(event, "candidate", 0):
                self._other(event, out)
        return _on_one_line(b"".join(out))

    def body(self, response: Response) -> bytes:
        """A whole response."""
        candidate = {
            "content": {"role": "model", "parts": _parts(response.parts)},
            "finishReason": _REASONS[response.finish.reason],
            "index": 0,
        }
        whole = {
            "candidates": [candidate],
            "usageMetadata": self._usage(response.usage),
            **self._fields(response.start),
        }
        return exactjson.dumps({"response": whole} if self._wrapped else whole)

    def _other(self, event: Event, out: list[bytes]) -> None:
        match event:
            case PartStart(kind="tool"):
                self._calls[event.n] = event
            case PartStop():
                opened = self._calls.pop(event.n, None)
                if opened is not None:
                    out.append(self._chunk(_call(opened.id, opened.name, event.text)))
            case WholePart(part=Image() | File() as part):
                if part.data:
                    out.append(self._chunk(_inline(part)))
            case Start():
                self._meta = b"," + exactjson.dumps(self._fields(event))[1:-1]
                self._tail = b']},"index":0}]' + self._end_of_chunk()
                self._text_tail = b"}" + self._tail
            case Finish():
                self._finish = event
            case End():
                ending = b']},"finishReason":"%b","index":0}],"usageMetadata":%b' % (
                    _REASONS[self._finish.reason].encode(), exactjson.dumps(self._usage(event.usage)),
                )  # fmt: skip
                out.append(self._head + ending + self._end_of_chunk())
            case _:
                pass  # Gemini says each part in one piece

    def _chunk(self, part: Part) -> bytes:
        return self._head + exactjson.dumps(part) + self._tail

    def _end_of_chunk(self) -> bytes:
        return self._meta + (b"}}\n\n" if self._wrapped else b"}\n\n")

    def _fields(self, start: Start) -> dict[str, Any]:
        """What every chunk repeats."""
        created = datetime.fromtimestamp(min(max(start.created, 0), _LATEST), UTC)
        fields = {
            "modelVersion": self._exchange.client_model,
            "createTime": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "responseId": start.id or random_id(""),
        }
        return fields | {"model": self._exchange.client_model} if self._exchange.upstream == OPENAI else fields

    def _usage(self, usage: Usage | None) -> dict[str, Any]:
        return gemini_usage.encode(usage, traffic=self._exchange.upstream in (CLAUDE, CODEX))


def _on_one_line(events: bytes) -> bytes:
    """Without bare line separators: Google's SDK for JavaScript takes U+2028 and U+2029 for the end of a line."""
    if b"\xe2\x80" not in events:
        return events
    return events.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")


def _parts(parts: tuple[AnswerPart, ...]) -> list[Part]:
    """The parts of a whole answer; neighbouring texts and neighbouring thoughts are one."""
    out: list[Part] = []
    for part in parts:
        shape = _part(part)
        if shape is None:
            continue
        if "text" in shape and out and "text" in out[-1] and out[-1].get("thought") == shape.get("thought"):
            out[-1]["text"] += shape["text"]
        else:
            out.append(shape)
    return out


def _part(part: AnswerPart) -> Part | None:
    if isinstance(part, AnswerText):
        return {"text": part.text}
    if isinstance(part, AnswerThinking):
        return {"thought": True, "text": part.text} if part.text else None
    if isinstance(part, AnswerCall):
        return _call(part.id, part.name, part.arguments)
    return _inline(part) if isinstance(part, Image | File) and part.data else None


def _call(identifier: str, name: str, arguments: str) -> Part:
    return {"functionCall": {"name": name, "args": tolerant_object(arguments), "id": identifier}}


def _inline(part: Image | File) -> Part:
    mime = part.mime or ("image/png" if isinstance(part, Image) else "application/octet-stream")
    return {"inlineData": {"mimeType": mime, "data": part.data}}
