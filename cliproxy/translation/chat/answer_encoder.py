"""Answers for Chat Completions clients (translation.md 3.2)."""

from __future__ import annotations

from typing import Any

from cliproxy.translation import exactjson
from cliproxy.translation.chat import usage as chat_usage
from cliproxy.translation.codec import Exchange
from cliproxy.translation.events import (
    AnswerCall,
    AnswerText,
    AnswerThinking,
    ArgumentsDelta,
    Candidate,
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
from cliproxy.translation.formats import ANTIGRAVITY, GEMINI, GEMINI_CLI
from cliproxy.translation.ids import random_id
from cliproxy.translation.media import data_url
from cliproxy.translation.model import Image

_REASONS: dict[FinishReason, str] = {
    "stop": "stop", "length": "length", "tool_calls": "tool_calls", "stop_sequence": "stop",
    "content_filter": "content_filter", "pause": "stop",
}  # fmt: skip
_TAIL = b'},"finish_reason":null,"native_finish_reason":null}]}\n\n'
_GEMINI_FAMILY = (GEMINI, GEMINI_CLI, ANTIGRAVITY)


class ChatEncoder:
    """Writes one answer."""

    is_steady = True

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._head = b""
        self._heads: dict[int, bytes] = {}
        self._calls: dict[int, int] = {}
        """Tool calls so far, by candidate."""
        self._images: dict[int, int] = {}
        self._opened: dict[int, PartStart] = {}
        self._waiting: PartStart | None = None
        """A call whose first chunk may still take its arguments with it."""
        self._finishes: list[Finish] = []

    def __repr__(self) -> str:
        return f"<ChatEncoder {self._exchange.client_model!r}>"

    def events(self, events: list[Event]) -> bytes:
        """Chunks, as SSE events."""
        out: list[bytes] = []
        for event in events:
            kind = type(event)
            if kind is TextDelta:
                out.append(self._chunk(event.candidate, b'"content":' + exactjson.dumps(event.text)))  # type: ignore[union-attr]
            elif kind is ThinkingDelta:
                text = exactjson.dumps(event.text)  # type: ignore[union-attr]
                out.append(self._chunk(event.candidate, b'"reasoning_content":' + text))  # type: ignore[union-attr]
            else:
                self._other(event, out)
        self._flush(out)
        return b"".join(out)

    def body(self, response: Response) -> bytes:
        """A ``chat.completion``."""
        start = response.start
        whole: dict[str, Any] = {
            "id": start.id or random_id("chatcmpl-"),
            "object": "chat.completion",
            "created": start.created,
            "model": self._exchange.client_model,
            "choices": [self._choice(found) for found in response.candidates],
            "usage": chat_usage.encode(response.usage),
        }
        return exactjson.dumps(whole)

    def _other(self, event: Event, out: list[bytes]) -> None:
        match event:
            case ArgumentsDelta():
                self._arguments(event.candidate, event.text, out)
            case PartStart():
                self._flush(out)
                self._opened[event.n] = event
                if event.kind == "tool":
                    self._waiting = event
            case PartStop():
                self._stop(event, out)
            case WholePart(part=Image() as image):
                self._image(event.candidate, image, out)
            case Start():
                self._start(event)
                out.append(self._chunk(0, b""))
            case Finish():
                self._finishes.append(event)
            case End():
                self._end(event.usage, out)
            case _:
                pass  # Chat has no place for it

    def _start(self, event: Start) -> None:
        identifier, model = event.id or random_id("chatcmpl-"), self._exchange.client_model
        self._head = b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b,"choices":[{"index":' % (
            exactjson.dumps(identifier), event.created, exactjson.dumps(model),
        )  # fmt: skip

    def _chunk(self, candidate: int, delta: bytes) -> bytes:
        """One chunk; the first of a candidate says its role, alone or with what it brings."""
        head = self._heads.get(candidate)
        if head is not None:
            return head + delta + _TAIL
        head = self._heads[candidate] = self._head + b'%d,"delta":{' % candidate
        role = head + b'"role":"assistant"' + _TAIL
        return role + head + delta + _TAIL if delta else role

    def _arguments(self, candidate: int, text: str, out: list[bytes]) -> None:
        if self._waiting is not None:
            self._flush(out, text)
            return
        number = self._calls[candidate]
        delta = b'"tool_calls":[{"index":%d,"function":{"arguments":%b}}]' % (number, exactjson.dumps(text))
        out.append(self._chunk(candidate, delta))

    def _flush(self, out: list[bytes], arguments: str = "") -> None:
        """The first chunk of the call that has just begun."""
        opened, self._waiting = self._waiting, None
        if opened is None:
            return
        number = self._calls[opened.candidate] = self._calls.get(opened.candidate, -1) + 1
        delta = b'"tool_calls":[{"index":%d,"id":%b,"type":"function","function":{"name":%b,"arguments":%b}}]' % (
            number, exactjson.dumps(opened.id), exactjson.dumps(opened.name), exactjson.dumps(arguments),
        )  # fmt: skip
        out.append(self._chunk(opened.candidate, delta))

    def _stop(self, event: PartStop, out: list[bytes]) -> None:
        opened = self._opened.pop(event.n)
        if opened.kind == "tool":
            if not event.text:
                self._arguments(event.candidate, "{}", out)
        elif opened.summary:
            out.append(self._chunk(event.candidate, b'"reasoning_content":"\\n\\n"'))

    def _image(self, candidate: int, image: Image, out: list[bytes]) -> None:
        if image.data or image.url:
            number = self._images[candidate] = self._images.get(candidate, -1) + 1
            out.append(self._chunk(candidate, b'"images":[%b]' % exactjson.dumps(_image_shape(image, number))))

    def _end(self, usage: Usage | None, out: list[bytes]) -> None:
        last = len(self._finishes) - 1
        for position, finish in enumerate(self._finishes):
            if finish.candidate not in self._heads:
                out.append(self._chunk(finish.candidate, b""))
            reason, native = _REASONS[finish.reason], self._native(finish)
            chunk = self._heads[finish.candidate] + b'},"finish_reason":%b,"native_finish_reason":%b}]' % (
                exactjson.dumps(reason), exactjson.dumps(native),
            )  # fmt: skip
            if position == last and usage is not None:
                chunk += b',"usage":' + exactjson.dumps(chat_usage.encode(usage))
            out.append(chunk + b"}\n\n")

    def _native(self, finish: Finish) -> str:
        """The upstream's own word (non-standard, kept); lower case for the Gemini family."""
        native = finish.native or _REASONS[finish.reason]
        return native.lower() if self._exchange.upstream in _GEMINI_FAMILY else native

    def _choice(self, candidate: Candidate) -> dict[str, Any]:
        parts = candidate.parts
        text = "".join(part.text for part in parts if isinstance(part, AnswerText))
        calls = [_call(part) for part in parts if isinstance(part, AnswerCall)]
        message: dict[str, Any] = {"role": "assistant", "content": text or (None if calls else "")}
        thoughts = [part for part in parts if isinstance(part, AnswerThinking) and part.text]
        if thoughts:
            separator = "\n\n" if any(part.summary for part in thoughts) else ""
            message["reasoning_content"] = separator.join(part.text for part in thoughts)
        if calls:
            message["tool_calls"] = calls
        images = [part for part in parts if isinstance(part, Image) and (part.data or part.url)]
        if images:
            message["images"] = [_image_shape(image, position) for position, image in enumerate(images)]
        finish = candidate.finish
        return {
            "index": finish.candidate, "message": message, "finish_reason": _REASONS[finish.reason],
            "native_finish_reason": self._native(finish),
        }  # fmt: skip


def _call(call: AnswerCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    return {"id": call.id, "type": "function", "function": function}


def _image_shape(image: Image, number: int) -> dict[str, Any]:
    url = image.url or data_url(image.mime or "image/png", image.data)
    return {"type": "image_url", "image_url": {"url": url}, "index": number}
