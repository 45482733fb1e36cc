"""The reading end of an upstream answer: blocks of body bytes as they arrive, with both time limits.

Nothing is paid per event for the limits and keep-alives: one lazy timer per answer looks, when it fires, how long the
current read has been waiting, and only then wakes the reader by an exception. Without gevent (command line, tests)
the socket's own timeout does the limits, and there are no keep-alive pauses.
"""

from __future__ import annotations

import http.client
import io
from time import monotonic
from typing import Any

import gevent
from gevent import getcurrent
from gevent.socket import socket as GeventSocket  # noqa: N812 - it is a class
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from cliproxy.compression import BadEncoding, stream_decoder
from cliproxy.config.settings import TimeLimits
from cliproxy.errors import FirstByteTimeout, IdleTimeout, UpstreamError, UpstreamTransport
from cliproxy.providers.framing import Chunked, Counted, Framing, FramingError, UntilClose
from cliproxy.records.request_log.attempts import Attempt

_BLOCK = max(1 << 15, io.DEFAULT_BUFFER_SIZE)
"""Bytes to read at once; not less than http.client's buffer holds, so that the first read empties it."""
_LINGER = 2.0
"""Seconds that a complete answer may take to end its body before the connection is given up."""

TRANSPORT_FAULTS = (OSError, HTTPError, http.client.HTTPException)


class _Pause(BaseException):
    """Thrown into a waiting reader: a keep-alive is due."""


class _Expired(BaseException):
    """Thrown into a waiting reader: it has waited too long."""


class BodySource:
    """Body of one upstream response. ``read`` it to its end, or ``close`` it to abort.

    ``started`` is the monotonic time at which the request was sent; the first-byte limit counts from there.
    ``decode`` False leaves the body's Content-Encoding alone; ``log`` is told what is read.
    """

    def __init__(
        self,
        response: BaseHTTPResponse,
        limits: TimeLimits,
        started: float,
        *,
        decode: bool = True,
        log: Attempt | None = None,
    ) -> None:
        self._log = log
        self.keepalive = 0.0
        self._response = response
        self._reader = _reader_of(response)
        self._take: Any = getattr(self._reader, "read1", None)
        self._framing = _framing_of(response)
        self._decoder = stream_decoder(response.headers.get("content-encoding", "")) if decode else None
        self._limits = limits
        self._since = started  # when the current silence began
        self._paused = started  # when the last keep-alive pause was taken
        self._begun = False
        self._waiter: Any = None
        self._timer: Any = None
        self._socket: Any = _socket_of(response)
        self._lazy = isinstance(self._socket, GeventSocket)
        self._ended = False
        if self._lazy:
            self._socket.settimeout(None)

    def __repr__(self) -> str:
        state = "ended" if self._ended else "waiting" if self._waiter is not None else "open"
        return f"<BodySource {type(self._framing).__name__} {state}>"

    def read(self) -> bytes | None:
        """The next bytes, ``b""`` for a keep-alive pause, None at the end.

        :raises FirstByteTimeout, IdleTimeout: silence beyond a limit.
        :raises UpstreamTransport: the connection broke or the body ended too early.
        """
        if self._ended:
            return None
        framing = self._framing
        try:
            while not framing.done:
                data = self._wait()
                if not data:
                    if data is None:
                        return b""
                    if not framing.at_eof():
                        raise UpstreamTransport("upstream closed the connection before its answer was complete")
                    break
                self._begun = True
                body = framing.feed(data)
                if self._decoder is not None and body:
                    body = self._decoder.feed(body)
                if framing.done:
                    self._end()
                if body:
                    if self._log is not None:
                        self._log.chunk(body)
                    return body
        except UpstreamError as error:
            self._break_off(error)
            raise
        except (FramingError, BadEncoding) as error:
            damaged = UpstreamTransport(f"upstream sent a damaged answer: {error}")
            self._break_off(damaged)
            raise damaged from error
        self._end()
        return None

    def read_all(self) -> bytes:
        """The whole rest of the body."""
        blocks = []
        while (block := self.read()) is not None:
            blocks.append(block)
        return blocks[0] if len(blocks) == 1 else b"".join(blocks)

    def release(self) -> None:
        """The answer is complete: read the body's end in the background to keep the connection, or give it up."""
        if self._ended:
            return
        if self._lazy:
            gevent.spawn(self._linger)
        else:
            self.close()

    def close(self) -> None:
        """Abort: close the connection at once, never drain it. Does nothing when the body has ended."""
        if self._ended:
            return
        self._ended = True
        self._stop_timer()
        self._response.close()

    def _break_off(self, error: UpstreamError) -> None:
        self.close()
        if self._log is not None:
            self._log.failed(error.text)

    def _linger(self) -> None:
        self.keepalive = 0.0
        with gevent.Timeout(_LINGER, False):
            try:
                while self.read() is not None:
                    pass
            except UpstreamError:
                pass
        self.close()

    def _end(self) -> None:
        self._ended = True
        self._stop_timer()
        inner = getattr(self._response, "_fp", None)
        if isinstance(self._framing, UntilClose) or inner is None or inner.will_close:
            self._response.close()
            return
        inner.close()  # tells http.client that the connection is free; the socket stays open
        self._response.release_conn()

    def _wait(self) -> bytes | None:
        """One read of what has arrived; waits when nothing has. None when interrupted for a keep-alive."""
        if self._timer is None:
            if self._reader is None:
                return b""
            if not self._lazy:
                return self._wait_with_socket_timeout()
            self._start_timer()
        self._waiter = getcurrent()
        try:
            data: bytes = self._take(_BLOCK)
        except _Pause:
            return None
        except _Expired:
            raise self._expired() from None
        except TRANSPORT_FAULTS as error:
            raise UpstreamTransport(_words(error)) from error
        finally:
            self._waiter = None
        if not self._begun:
            # The first read has emptied http.client's buffer: from now on straight from the socket.
            self._take = self._socket.recv
        self._since = self._paused = monotonic()
        return data

    def _wait_with_socket_timeout(self) -> bytes:
        limit = self._limits.idle if self._begun else self._limits.first_byte
        left = max(0.001, self._since + limit - monotonic()) if limit else None
        if self._socket is not None:
            self._socket.settimeout(left)
        try:
            assert self._reader is not None
            data: bytes = self._reader.read1(_BLOCK)
        except TimeoutError:
            raise self._expired() from None
        except TRANSPORT_FAULTS as error:
            raise UpstreamTransport(_words(error)) from error
        self._since = monotonic()
        return data

    def _expired(self) -> UpstreamError:
        return IdleTimeout(self._limits.idle) if self._begun else FirstByteTimeout(self._limits.first_byte)

    def _start_timer(self) -> None:
        self._timer = gevent.get_hub().loop.timer(self._next_look(monotonic()))
        self._timer.start(self._look)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None

    def _next_look(self, now: float) -> float:
        """Seconds until something can be due at the earliest; at least 5 ms, at most 1 s while a limit is near."""
        due = [self._since + self._limit()] if self._limit() else []
        if self.keepalive > 0:
            due.append(self._paused + self.keepalive)
        wait = min(due) - now if due else 1.0
        return max(0.005, min(wait, 1.0))

    def _limit(self) -> float:
        return self._limits.idle if self._begun else self._limits.first_byte

    def _look(self) -> None:
        """Runs in the hub: wake the reader if it has waited for as long as something allows."""
        now = monotonic()
        waiter, limit = self._waiter, self._limit()
        thrown: type[BaseException] | None = None
        if waiter is not None:
            if limit and now - self._since >= limit:
                thrown = _Expired
            elif 0 < self.keepalive <= now - self._paused:
                self._paused = now
                thrown = _Pause
        elif self._begun:  # busy writing to a slow client: that is not the upstream's silence
            self._since = self._paused = now
        self._stop_timer()
        if thrown is not _Expired:
            self._start_timer()
        if thrown is not None:
            waiter.throw(thrown)


def _words(error: Exception) -> str:
    text = str(error).strip()
    return text or type(error).__name__


def _reader_of(response: BaseHTTPResponse) -> Any:
    """The buffered socket below http.client's response; None when there is no body at all."""
    inner = getattr(response, "_fp", None)
    return getattr(inner, "fp", None)


def _socket_of(response: BaseHTTPResponse) -> Any:
    connection = getattr(response, "_connection", None)
    found = getattr(connection, "sock", None)
    if found is None:  # http.client hands the socket over when the connection will close
        raw = getattr(_reader_of(response), "raw", None)
        found = getattr(raw, "_sock", None)
    return found


def _framing_of(response: BaseHTTPResponse) -> Framing:
    inner = getattr(response, "_fp", None)
    if inner is None or inner.fp is None:
        return Counted(0)
    if inner.chunked:
        return Chunked()
    return UntilClose() if inner.length is None else Counted(inner.length)
