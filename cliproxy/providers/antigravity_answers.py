"""Antigravity's answers for clients of the Gemini family: taken out of their envelope, else byte for byte.

Each chunk is ``{"response": {...}, "traceId": "..."}`` (translation.md 4.3). A client of the format ``gemini-cli`` gets
the envelope too. Also: a stream collected into one such body (providers.md 16.4).
"""

from __future__ import annotations

from cliproxy.errors import UpstreamStatus
from cliproxy.providers.pipeline import Same
from cliproxy.records.usage import Tokens
from cliproxy.translation import exactjson, rawjson, sse, usage
from cliproxy.translation.gemini import passthrough
from cliproxy.translation.gemini.aggregate import aggregate
from cliproxy.translation.parsing import exact_object
from cliproxy.translation.stream_errors import stream_error

_INNER = "response"


class EnvelopeStream(passthrough.GeminiStream):
    """A streamed answer. ``keep``: leave the chunks in their envelope."""

    def __init__(self, client_model: str, sent_model: str, keep: bool = False) -> None:
        super().__init__(client_model, sent_model)
        self._keep = keep

    def event(self, event: bytes) -> bytes:
        """One chunk; what is no JSON object is left out."""
        opened = _opened(sse.data_of(event))
        if opened is None:
            return b""
        if (inner := opened.raw(_INNER)) is None or _fault(opened) is not None:
            return super().event(event)
        self.tokens = _outer_tokens(opened) or self.tokens
        out = super().event(b"data: " + inner.encode())
        if not out or not self._keep:
            return out
        opened.set(_INNER, sse.data_of(out.strip()).decode())
        return sse.frame(opened.encode())


def body(data: bytes, client_model: str, sent_model: str, keep: bool = False) -> Same:
    """A whole answer: (client's body, upstream's model name, usage).

    :raises UpstreamStatus: it is an error.
    """
    opened = _opened(data.strip())
    if opened is None:
        return data, sent_model, usage.NONE
    inner = opened.raw(_INNER)
    if (error := _fault(opened) or _fault(_opened((inner or "").encode()))) is not None:
        raise error
    if inner is None:
        return passthrough.body(data, client_model, sent_model)
    out, named, tokens = passthrough.body(inner.encode(), client_model, sent_model)
    if keep:
        opened.set(_INNER, out.decode())
        out = opened.encode()
    return out, named, tokens or _outer_tokens(opened)


def collected(stream: bytes) -> bytes:
    """One body, in its envelope, of a whole event stream."""
    events = sse.split(stream.replace(b"\r\n", b"\n"))
    return exactjson.dumps(aggregate(data for event in events if (data := sse.data_of(event)).startswith(b"{")))


def _opened(data: bytes) -> rawjson.RawObject | None:
    if not data.startswith(b"{"):
        return None
    try:
        return rawjson.parse(data)
    except (ValueError, RecursionError):
        return None


def _fault(opened: rawjson.RawObject | None) -> UpstreamStatus | None:
    """The error in an answer."""
    if opened is None or "error" not in opened:
        return None
    text = opened.encode()
    error = (exact_object(text) or {}).get("error")
    return stream_error(text, error) if error else None


def _outer_tokens(opened: rawjson.RawObject) -> Tokens:
    """Usage beside the response."""
    found = opened.raw("usageMetadata") or opened.raw("usage_metadata")
    return usage.gemini(exact_object(f'{{"usageMetadata":{found}}}') or {}) if found else usage.NONE
