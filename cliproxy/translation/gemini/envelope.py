"""Answers of the internal API for clients of the Gemini family: same bytes, the envelope off (translation.md 4.3).

An envelope is ``{"response":{<GenerateContentResponse>},"traceId":".."}``, whole or as the data of one event. A Gemini
client gets what is inside, a Gemini CLI client the whole; only the model's name changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from json import JSONDecoder
from re import compile as pattern
from typing import Any

from cliproxy.records.usage import Tokens
from cliproxy.translation import model_name, rawjson, sse
from cliproxy.translation.formats import GEMINI_CLI, Format
from cliproxy.translation.gemini import passthrough
from cliproxy.translation.passthrough import load

_MODEL = ("response", "modelVersion")
_FIRST = pattern(rb'\s*\{\s*"response"\s*:\s*')
_DECODE = JSONDecoder(parse_float=len, parse_int=len, parse_constant=len).raw_decode
"""Only where a value ends matters here, and int() refuses more than 4300 digits."""


def opened(data: bytes) -> bytes:
    """The bytes of the response in an envelope; anything else as it is."""
    if (first := _FIRST.match(data)) is not None:  # as nearly always: no need to look at what comes after it
        with suppress(ValueError, RecursionError):
            text = data[first.end() :].decode()
            response, end = _DECODE(text)
            return text[:end].encode() if isinstance(response, dict) else data
    outer = load(data.strip())
    if outer is None or not isinstance(outer.get("response"), dict):
        return data
    return (rawjson.parse(data).raw("response") or "{}").encode()


class OpenedStream(passthrough.GeminiStream):
    """Chunks without their envelopes, for a Gemini client."""

    def event(self, event: bytes) -> bytes:
        """One chunk."""
        return super().event(b"data: " + opened(sse.data_of(event)))


class WrappedStream(OpenedStream):
    """Chunks in their envelopes, for a Gemini CLI client."""

    def event(self, event: bytes) -> bytes:
        """One chunk."""
        data = sse.data_of(event)
        outer = load(data)
        inside = super().event(event)
        if not inside or outer is None or "response" not in outer:
            return inside
        return sse.frame(_named(data, outer, self.client_model))


def stream(client: Format, client_model: str, sent_model: str) -> passthrough.GeminiStream:
    """The transform of a streamed answer."""
    kind = WrappedStream if client == GEMINI_CLI else OpenedStream
    return kind(client_model, sent_model)


def body(client: Format, data: bytes, client_model: str, sent_model: str) -> tuple[bytes, str, Tokens]:
    """A whole answer: (client's body, upstream's model name, usage)."""
    inside, named, tokens = passthrough.body(opened(data), client_model, sent_model)
    outer = load(data.strip()) if client == GEMINI_CLI else None
    return (inside if outer is None else _named(data, outer, client_model)), named, tokens


def _named(data: bytes, outer: Mapping[str, Any], client_model: str) -> bytes:
    return model_name.replace(data, outer, _MODEL, client_model)
