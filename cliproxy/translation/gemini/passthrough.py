"""generateContent on both sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliproxy.records.usage import Tokens
from cliproxy.translation import model_name, sse, usage
from cliproxy.translation.passthrough import Passthrough, load
from cliproxy.translation.stream_errors import stream_error

_MODEL = ("modelVersion",)


class GeminiStream(Passthrough):
    """Chunks of a streamGenerateContent answer with ``alt=sse``. Few and large, so each one is parsed."""

    def untouched(self, events: bytes) -> bool:
        """Never: ``modelVersion`` is in every chunk."""
        return False

    def event(self, event: bytes) -> bytes:
        """One chunk."""
        data = sse.data_of(event)
        if not data or data == b"[DONE]":
            return b""
        chunk = load(data)
        if chunk is None:
            return sse.frame(data)
        if chunk.get("error"):
            self.error = stream_error(data, chunk["error"])
            return b""
        if tokens := usage.gemini(chunk):
            self.tokens = tokens
        self.ending = self.ending or _finished(chunk)
        self.reported(model_name.lookup(chunk, _MODEL))
        return sse.frame(model_name.replace(data, chunk, _MODEL, self.client_model))


def _finished(chunk: Mapping[str, Any]) -> bool:
    """True for a chunk with a finish reason, or with a refused prompt."""
    candidates = chunk.get("candidates")
    ended = isinstance(candidates, list) and any(isinstance(c, dict) and c.get("finishReason") for c in candidates)
    feedback = chunk.get("promptFeedback")
    return ended or (isinstance(feedback, dict) and bool(feedback.get("blockReason")))


def body(data: bytes, client_model: str, sent_model: str) -> tuple[bytes, str, Tokens]:
    """A whole GenerateContentResponse: (client's body, upstream's model name, usage)."""
    parsed = load(data.lstrip())
    if parsed is None:
        return data, sent_model, usage.NONE
    named = model_name.lookup(parsed, _MODEL) or sent_model
    return model_name.replace(data, parsed, _MODEL, client_model), named, usage.gemini(parsed)
