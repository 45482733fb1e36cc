"""Answers of the Codex back end, streamed or whole (translation.md 3.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliproxy.errors import UpstreamError
from cliproxy.records.usage import Tokens
from cliproxy.translation import exactjson, usage
from cliproxy.translation.builder import AnswerBuilder
from cliproxy.translation.chat import usage as chat_usage
from cliproxy.translation.claude.answer_decoder import REASONS
from cliproxy.translation.codec import Exchange
from cliproxy.translation.events import FinishReason
from cliproxy.translation.parsing import event_object, exact_object
from cliproxy.translation.reading import integer, obj, objects, text
from cliproxy.translation.responses.item_stream import ItemStream
from cliproxy.translation.responses.passthrough import failure_of
from cliproxy.translation.stream_errors import stream_error

_INCOMPLETE: Mapping[str, FinishReason] = {"max_output_tokens": "length", "content_filter": "content_filter"}
_BEGINNINGS = ("response.created", "response.in_progress", "response.queued")
_ENDS = ("response.completed", "response.incomplete")
_FAILURES = ("response.failed", "error")


class ResponsesDecoder:
    """Reads one answer. ``completed``: the upstream said that it is over; a stream may just stop (0.5)."""

    def __init__(self, exchange: Exchange) -> None:
        self.builder = AnswerBuilder()
        self.tokens: Tokens = usage.NONE
        self.upstream_model = exchange.sent_model
        self.error: UpstreamError | None = None
        self.completed = False
        self._items = ItemStream(self.builder, exchange.names)

    def __repr__(self) -> str:
        return f"<ResponsesDecoder {self.upstream_model!r} {self.builder!r}>"

    def feed(self, data: bytes) -> None:
        """One event."""
        if self.builder.ended or self.error is not None:
            return
        if data == b"[DONE]":
            self.finish()
            return
        event = event_object(data)
        if event is None:
            return
        kind = text(event.get("type"))
        if not self._items.feed(kind, event):
            self._response_event(kind, event, data)

    def body(self, data: bytes) -> None:
        """A whole ``response`` object, or the event that brings it."""
        whole = exact_object(data.strip()) or {}
        kind = text(whole.get("type"))
        inner = whole.get("response")
        if kind in _FAILURES or (kind in _ENDS and isinstance(inner, dict)):
            self._response_event(kind, whole, data)
        elif whole.get("error") and not whole.get("output"):
            self._fail(whole, data)
        else:
            self._end({"response": whole})

    def finish(self) -> None:
        """The stream has ended, with or without saying so."""
        if self.error is None and not self.builder.ended:
            self._items.flush()
            self.builder.end()

    def _response_event(self, kind: str, event: Mapping[str, Any], data: bytes) -> None:
        if kind in _BEGINNINGS:
            self._start(obj(event.get("response")))
        elif kind in _ENDS:
            self._end(event)
        elif kind in _FAILURES or (not kind and event.get("error")):
            self._fail(event, data)

    def _start(self, response: Mapping[str, Any]) -> None:
        if model := text(response.get("model")):
            self.upstream_model = model
        self.builder.start(text(response.get("id")), self.upstream_model, integer(response.get("created_at")) or 0)

    def _end(self, event: Mapping[str, Any]) -> None:
        response = obj(event.get("response"))
        self._start(response)
        self._items.flush()
        self._items.add_missing(objects(response.get("output")))
        self.tokens = usage.codex(event)
        self.completed = True
        self._finish_reason(response, incomplete=event.get("type") == "response.incomplete")
        self.builder.end(chat_usage.decode(response.get("usage")))

    def _finish_reason(self, response: Mapping[str, Any], *, incomplete: bool) -> None:
        word, sequence = text(response.get("stop_reason")), text(response.get("stop_sequence"))
        if incomplete or response.get("status") == "incomplete":
            why = text(obj(response.get("incomplete_details")).get("reason"))
            self.builder.finish(_INCOMPLETE.get(why, "length"), word or why, sequence or None)
        else:
            default: FinishReason = "stop_sequence" if sequence and not word else "stop"
            self.builder.finish(REASONS.get(word, default), word, sequence or None)

    def _fail(self, event: Mapping[str, Any], data: bytes) -> None:
        """An error object as the exception that stands for it; its text may hold what the quick writer refuses."""
        try:
            self.error = failure_of(data, event)
        except TypeError:
            error = obj(event.get("response")).get("error") or event.get("error") or {"message": event.get("message")}
            self.error = stream_error(exactjson.dumps({"error": error}), error)
