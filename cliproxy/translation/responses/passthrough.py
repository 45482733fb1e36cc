"""Responses on both sides: the Codex dialect upstream, a Responses client (translation.md 4.8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliproxy.errors import UpstreamStatus
from cliproxy.translation import model_name, rawjson, sse, usage
from cliproxy.translation.passthrough import Passthrough, load
from cliproxy.translation.stream_errors import status_of, stream_error

CUT_SHORT = "stream error: stream disconnected before completion: stream closed before response.completed"
"""The text of the 408 for a stream that ended too early (translation.md 0.5)."""

_MODEL = ("response", "model")
_ENDS = ("response.completed", "response.incomplete")
_WITH_INSTRUCTIONS = ("response.created", "response.in_progress", "response.completed")


class ResponsesStream(Passthrough):
    """Events of a Codex stream. ``instructions`` is the client's own text, put back where the upstream echoes one."""

    def __init__(self, client_model: str, sent_model: str, instructions: str = "") -> None:
        super().__init__(client_model, sent_model)
        self._instructions = instructions

    def untouched(self, events: bytes) -> bool:
        """True for delta and item events: none carries a ``response`` object or an error.

        A raw ``"response":`` cannot stand inside a JSON string, so text never looks like one.
        """
        return b'"response":' not in events and b'"error"' not in events and b"event: error" not in events

    def event(self, event: bytes) -> bytes:
        """One event."""
        data = sse.data_of(event)
        if data == b"[DONE]":
            return b""
        body = load(data) if data else None
        kind = body.get("type") if body else None
        if body is None or kind is None:
            return event + b"\n\n"
        if kind in ("response.failed", "error"):
            self.error = failure_of(data, body)
            return b""
        if isinstance(body.get("response"), dict):
            self.reported(model_name.lookup(body, _MODEL))
            event = event.replace(data, self.restored(data, body), 1)
        if kind in _ENDS:
            self.tokens = usage.codex(body)
            self.complete = True
        return event + b"\n\n"

    def restored(self, data: bytes, body: Mapping[str, Any]) -> bytes:
        """An event's data with the client's model name and instructions in its ``response``."""
        data = model_name.replace(data, body, _MODEL, self.client_model)
        response = body["response"]
        wanted = body.get("type") in _WITH_INSTRUCTIONS and "instructions" in response
        if not wanted or response["instructions"] == self._instructions:
            return data
        root = rawjson.parse(data)
        inner = root.object("response")
        if inner is not None:
            inner.set_value("instructions", self._instructions)
        return root.encode()


def failure_of(data: bytes, body: Mapping[str, Any]) -> UpstreamStatus:
    """The exception for a ``response.failed`` or ``error`` event (providers.md 12.4): its error object as text."""
    response = body.get("response")
    error = response.get("error") if isinstance(response, Mapping) else body.get("error")
    if isinstance(error, Mapping):
        text = rawjson.dumps({"error": dict(error)})
        return UpstreamStatus(text, status=status_of(error))
    if body.get("message"):  # the flat form of an error event
        flat = {key: body[key] for key in ("message", "code", "param") if body.get(key) is not None}
        return UpstreamStatus(rawjson.dumps({"error": flat}), status=status_of(flat))
    return stream_error(data, error)


class CompletedCollector:
    """Reads a whole Codex stream for a client that wants one body: the ``response`` of the event that ends it."""

    def __init__(self, stream: ResponsesStream) -> None:
        self._stream = stream
        self._events = sse.EventBuffer()

    def collect(self, text: bytes) -> bytes:
        """The response object as JSON.

        :raises UpstreamStatus: the stream reported a failure, or ended without a completed response (408).
        """
        stream = self._stream
        for event in sse.split(self._events.feed(text) + self._events.rest()):
            data = sse.data_of(event)
            body = load(data)
            if body is None:
                continue
            stream.event(event)
            if stream.error is not None:
                raise stream.error
            if stream.complete:
                response = rawjson.parse(stream.restored(data, body)).raw("response")
                return (response or "{}").encode()
        raise UpstreamStatus(CUT_SHORT, status=408)
