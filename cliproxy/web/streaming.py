"""Writing a streamed answer to the client (client-api.md 7).

The pool hands over a stream whose first unit has arrived; from here on each block is one write, keep-alive comments
fill long silences, and an error ends the stream in the client's own form.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from flask import Response

from cliproxy.errors import CliproxyError, PoolError
from cliproxy.records.request_log.exchange import current
from cliproxy.translation.formats import Format
from cliproxy.web.disconnect import ClientWatch
from cliproxy.web.errors import own_text
from cliproxy.web.protocols import JSON, note_error
from cliproxy.web.protocols import Protocol as ClientProtocol

if TYPE_CHECKING:
    from cliproxy.pool.dispatch import StartedStream

log = logging.getLogger(__name__)

Headers = tuple[tuple[str, str], ...]
SSE_HEADERS: Headers = (
    ("Content-Type", "text/event-stream"),
    ("Cache-Control", "no-cache"),
    ("X-Accel-Buffering", "no"),
)
UPSTREAM_MODEL = "X-Upstream-Model"

Convert = Callable[[bytes], bytes]


def start_with_retries(start: Callable[[], StartedStream], retries: int) -> StartedStream:
    """Start a stream; on an eligible failure before its first unit start again, ``retries`` times (client-api.md 7.4).

    :raises CliproxyError: the failure to report.
    """
    try:
        return start()
    except CliproxyError as error:
        failure = error
    while retries > 0 and _eligible(failure):
        retries -= 1
        try:
            return start()
        except PoolError:
            raise
        except CliproxyError as error:
            failure = error
    raise failure


def _eligible(error: CliproxyError) -> bool:
    return error.status is None or error.status in (401, 402, 403, 408, 429) or error.status >= 500


class Framing(Protocol):
    """How the events of a stream reach the client. One object per answer."""

    @property
    def headers(self) -> Headers:
        """Response headers."""

    @property
    def keepalive(self) -> bytes:
        """What may stand between events in a long silence; empty = nothing may."""

    @property
    def convert(self) -> Convert | None:
        """Reshapes each block; None = blocks are written as they are."""

    def error(self, status: int, text: str, last: bytes) -> bytes:
        """What ends a started stream that failed; ``last`` is the newest block written."""

    def end(self) -> bytes:
        """What follows the last block of a stream that ended well."""


class SseFraming:
    """Server-sent events of one client protocol; ``convert`` reshapes blocks (legacy completions)."""

    headers = SSE_HEADERS

    def __init__(self, protocol: ClientProtocol, convert: Convert | None = None) -> None:
        self._protocol = protocol
        self.keepalive = protocol.keepalive
        self.convert = convert or protocol.convert

    def error(self, status: int, text: str, last: bytes) -> bytes:
        """The protocol's error event."""
        return self._protocol.stream_error(status, text, last)

    def end(self) -> bytes:
        """The protocol's terminator, if it has one."""
        return self._protocol.terminator


class Body:
    """A response body that the server iterates directly; ``close`` runs whether or not it was ever begun.

    werkzeug's own wrapper would add a generator to every block, and does not close a passed-through one.
    """

    __slots__ = ("_blocks", "close")

    def __init__(self, blocks: Iterator[bytes], close: Callable[[], None]) -> None:
        self._blocks = blocks
        self.close = close

    def __iter__(self) -> Iterator[bytes]:
        return self._blocks


class StreamWriter:
    """Turns a started stream into the response body."""

    def __init__(
        self, started: StartedStream, framing: Framing, watch: ClientWatch, keepalive: float, client: Format
    ) -> None:
        self._started = started
        self._client = client
        self._framing = framing
        self._watch = watch
        self._keepalive = keepalive if framing.keepalive else 0.0

    def response(self) -> Response:
        """The response that streams; the upstream is closed with it."""
        response = Response(Body(self._blocks(), self._close), direct_passthrough=True)
        response.headers.clear()
        response.headers.extend(self._framing.headers)
        set_upstream_model(response, self._started.stream.upstream_model)
        return response

    def _blocks(self) -> Iterator[bytes]:
        stream, framing = self._started.stream, self._framing
        stream.set_keepalive(self._keepalive)
        last = self._started.first
        convert = framing.convert
        try:
            if out := convert(last) if convert else last:
                yield out
            for block in stream:
                if not block:
                    yield framing.keepalive
                elif convert is None:
                    last = block
                    yield block
                elif last := convert(block):
                    yield last
        except CliproxyError as error:
            told = framing.error(error.status or 500, own_text(error, self._client), last)
            note_error(error, told)
            yield told
        except Exception:
            log.exception("stream broke off")
            yield framing.error(500, "internal server error", last)
        else:
            if out := framing.end():
                yield out

    def _close(self) -> None:
        self._watch.stop()
        self._started.stream.close()


def set_upstream_model(response: Response, model: str) -> None:
    """Name the upstream's model in the response headers (design D20), as far as a header can carry it."""
    if model and model.isprintable():
        response.headers[UPSTREAM_MODEL] = model if model.isascii() else model.encode().decode("latin-1")


def noted(body: bytes) -> bytes:
    """``body``, written down in the request's log as what the execution layer answered (logging.md 11.4)."""
    exchange = current()
    if exchange is not None:
        exchange.payload(body)
    return body


def json_body(body: bytes, upstream_model: str = "") -> Response:
    """A whole answer of the execution layer."""
    response = Response(noted(body), content_type=JSON)
    set_upstream_model(response, upstream_model)
    return response
