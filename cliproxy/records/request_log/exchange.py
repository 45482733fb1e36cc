"""Everything that is written down about one request while it runs (logging.md 7, 9, 11.4, 12).

The capture middleware makes one per request and hands it to the logger at the end; handlers and the execution layer
find it with ``current()`` and tell it what happened. All of that costs a few appends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar

from cliproxy.records.request_log.attempts import Attempts
from cliproxy.records.request_log.layout import unpacked
from cliproxy.records.request_log.spool import REQUEST, RESPONSE, LogDisk, Spool

BODY_MEMORY = 1 << 20
"""Bytes of a request's body that stay in memory."""
ERROR_BODY = 32 << 20
"""Bytes of it that are kept at all when only failures are logged."""
_ATTEMPT_MEMORY = 80 << 10
_SEARCHED = 4 << 20


class Exchange:
    """One request. ``full`` = logged in any case, with its upstream attempts; else only if it fails.

    ``arrived`` and ``first_chunk`` are Unix seconds; the latter is when the first bytes of a stream went to the client.
    """

    def __init__(self, disk: LogDisk, *, full: bool, body: bool = True, clock: Callable[[], float] = time.time) -> None:
        self.full, self.arrived = full, clock()
        self._clock = clock
        self.body = Spool(disk, REQUEST, BODY_MEMORY, None if full else ERROR_BODY) if body else None
        self.attempts = Attempts(lambda: Spool(disk, RESPONSE, _ATTEMPT_MEMORY), clock) if full else None
        self.first_chunk: float | None = None
        self.unrouted = False
        """True when no route took the request: not worth an error log."""
        self.errors: list[tuple[int, str]] = []
        self.failed = False
        """True once an error was told, also inside a stream."""
        self._said_at: float | None = None
        self._notes: list[tuple[str, bytes]] = []

    def __repr__(self) -> str:
        return f"<Exchange {'full' if self.full else 'errors only'}, {len(self._notes)} notes>"

    def chunk(self) -> None:
        """Bytes of a stream go to the client now: the first time counts (9.2)."""
        if self.first_chunk is None:
            self.first_chunk = self._clock()

    def error(self, status: int, text: str, body: bytes, *, upstream: bool) -> None:
        """An error that the client is told, as it is told; ``upstream`` when that is whose fault it is."""
        self.failed = True
        self._said()
        if self.full and upstream:
            self.errors.append((status, text))
        self._notes.append((text, body))

    def payload(self, body: bytes) -> None:
        """A whole answer of the execution layer."""
        if self.full:
            self._said()
            self._notes.append(("", body))

    def _said(self) -> None:
        if self._said_at is None:
            self._said_at = self._clock()

    @property
    def api_response_at(self) -> float | None:
        """When the first upstream, or we for it, answered."""
        first = self.attempts.first_response if self.attempts is not None else None
        return first if first is not None else self._said_at

    def body_pieces(self, encoding: str) -> Iterator[bytes]:
        """The request's body as the handler saw it. In the disk's thread."""
        if self.body is None:
            return
        if encoding:
            yield _decoded(b"".join(self.body.pieces()), encoding)
        else:
            yield from self.body.pieces()
        if self.body.truncated:
            yield f"\n[REQUEST BODY TRUNCATED: captured first {len(self.body)} bytes]".encode()

    def api_request(self) -> Iterator[bytes]:
        """What upstreams were asked. In the disk's thread."""
        if self.attempts is not None:
            yield from self.attempts.request_text()

    def api_response(self) -> Iterator[bytes]:
        """What they answered, and what we said where that does not tell (11.4). In the disk's thread."""
        text = bytearray()
        for piece in self.attempts.response_text() if self.attempts is not None else ():
            if self._notes and len(text) < _SEARCHED:
                text += piece
            yield piece
        for words, body in self._notes:
            body = body.strip()
            if not body or body in text or (words and words.encode() in text):
                continue
            addition = body if not text or text.endswith(b"\n") else b"\n" + body
            text += addition
            yield addition

    def close(self) -> None:
        """Remove what is on disk. In the disk's thread."""
        if self.body is not None:
            self.body.close()
        if self.attempts is not None:
            self.attempts.close()


def _decoded(data: bytes, encoding: str) -> bytes:
    """A body that cannot be unpacked is shown as it is, without the note that answers get."""
    return next(iter(unpacked(data, encoding)))


_CURRENT: ContextVar[Exchange | None] = ContextVar("cliproxy_exchange", default=None)


def set_current(exchange: Exchange | None) -> None:
    """Say whose request the current greenlet works for."""
    _CURRENT.set(exchange)


def current() -> Exchange | None:
    """The exchange of the current request, None when it is not logged."""
    return _CURRENT.get()


def current_attempts() -> Attempts | None:
    """Where upstream attempts are written down, None when nobody wants to know."""
    exchange = _CURRENT.get()
    return exchange.attempts if exchange is not None else None
