"""Messages on both sides: every line passes, ``event:`` lines, comments and unknown events included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliproxy.records.usage import Tokens
from cliproxy.translation import model_name, sse, usage
from cliproxy.translation.passthrough import Passthrough, load
from cliproxy.translation.stream_errors import stream_error

_MODEL = ("model",)
_START_MODEL = ("message", "model")


class ClaudeStream(Passthrough):
    """Events of a Messages stream. Only ``message_*`` and ``error`` events are looked at."""

    def feed(self, data: bytes) -> bytes:
        """The events that ``data`` completes, as the client gets them."""
        # The straight way for whole content events that arrive with nothing waiting.
        if (
            self.begun
            and data.endswith(b"\n\n")
            and not (self._events.waiting or self.complete or b"\r" in data)
            and self.untouched(data)
        ):
            return data
        return super().feed(data)

    def untouched(self, events: bytes) -> bool:
        """True for blocks of content events, unless their text happens to hold a word that we look for."""
        return b"message_" not in events and b'"error"' not in events

    def event(self, event: bytes) -> bytes:
        """One event; its lines stay as they are but for the model name in ``message_start``."""
        data = sse.data_of(event)
        body = load(data) if data else None
        kind = body.get("type") if body else None
        if body is None or kind is None:
            return event + b"\n\n"
        if kind == "error":
            self.error = stream_error(data, body.get("error"))
            return b""
        if kind == "message_start":
            return self._start(event, data, body)
        if kind == "message_delta":
            self.tokens = usage.claude(body, self.tokens)
        elif kind == "message_stop":
            self.complete = True
        return event + b"\n\n"

    def _start(self, event: bytes, data: bytes, body: Mapping[str, Any]) -> bytes:
        message = body.get("message")
        if isinstance(message, dict):
            self.tokens = usage.claude(message)
            self.reported(model_name.lookup(body, _START_MODEL))
            changed = model_name.replace(data, body, _START_MODEL, self.client_model)
            event = event.replace(data, changed, 1)
        return event + b"\n\n"


def body(data: bytes, client_model: str, sent_model: str) -> tuple[bytes, str, Tokens]:
    """A whole message: (client's body, upstream's model name, usage)."""
    parsed = load(data.lstrip())
    if parsed is None:
        return data, sent_model, usage.NONE
    named = model_name.lookup(parsed, _MODEL) or sent_model
    return model_name.replace(data, parsed, _MODEL, client_model), named, usage.claude(parsed)
