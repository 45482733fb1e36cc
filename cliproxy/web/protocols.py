"""What differs between the client protocols in an answer: error shapes, stream ends (client-api.md 6, 7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Response

from cliproxy.errors import CliproxyError, UpstreamError
from cliproxy.records.request_log.exchange import current
from cliproxy.translation.formats import CLAUDE, GEMINI, GEMINI_CLI, OPENAI, RESPONSES, Format
from cliproxy.web import errors

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Protocol:
    """One client protocol. ``stream_error(status, text, last block)`` is what a started stream ends with."""

    format: Format
    error_body: errors.ErrorBody
    stream_error: Callable[[int, str, bytes], bytes]
    terminator: bytes = b""
    keepalive: bytes = b": keep-alive\n\n"
    convert: Callable[[bytes], bytes] | None = None
    """What every block of a stream still needs; None = nothing."""

    def body_of(self, error: CliproxyError) -> bytes:
        """The body of an error before anything was sent."""
        return self.error_body(error.status or 500, errors.own_text(error, self.format))

    def told(self, error: CliproxyError) -> bytes:
        """The same, written down in the request's log."""
        body = self.body_of(error)
        note_error(error, body)
        return body

    def error(self, error: CliproxyError) -> Response:
        """The response for an error before anything was sent (client-api.md 6.1)."""
        status = error.status or 500
        response = Response(self.told(error), status=status, content_type=JSON)
        for name, value in error.headers.items():
            response.headers[name] = value
        return response


def note_error(error: CliproxyError, body: bytes) -> None:
    """Have the request's log say what the client is told (logging.md 11.4)."""
    exchange = current()
    if exchange is not None:
        exchange.error(error.status or 500, error.text, body, upstream=isinstance(error, UpstreamError))


def _data(status: int, text: str, last: bytes) -> bytes:
    return b"data: " + _one_line(errors.openai_body(status, text)) + b"\n\n"


def _gemini_data(status: int, text: str, last: bytes) -> bytes:
    return b"data: " + _one_line(errors.gemini_body(status, text)) + b"\n\n"


def _event(body: errors.ErrorBody) -> Callable[[int, str, bytes], bytes]:
    def frame(status: int, text: str, last: bytes) -> bytes:
        return b"event: error\ndata: " + _one_line(body(status, text)) + b"\n\n"

    return frame


def _one_line(body: bytes) -> bytes:
    """Upstream JSON may be spread over lines; between JSON tokens a space means the same."""
    return b" ".join(body.splitlines()) if b"\n" in body or b"\r" in body else body


def _without_line_separators(events: bytes) -> bytes:
    """Events with U+2028 and U+2029 written as escapes, which mean the same in JSON.

    Google's SDK for JavaScript cuts events with a pattern whose dot stops at these two, and then fails.
    """
    for raw, escape in ((b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029")):
        if raw in events:
            events = events.replace(raw, escape)
    return events


CHAT = Protocol(OPENAI, errors.openai_body, _data, b"data: [DONE]\n\n")
RESPONSES_API = Protocol(RESPONSES, errors.openai_body, errors.responses_event)
MESSAGES = Protocol(CLAUDE, errors.claude_body, _event(errors.claude_body))
GENERATE = Protocol(
    GEMINI, errors.gemini_body, _gemini_data, keepalive=b"\n\n", convert=_without_line_separators
)  # fmt: skip
"""Google's SDK takes every line that is neither empty nor ``data: `` for JSON and fails: so neither comments nor event
names here, but blank lines and a chunk with ``error``, which it raises as its own exception."""
INTERNAL = Protocol(GEMINI_CLI, errors.gemini_body, _event(errors.gemini_body))
