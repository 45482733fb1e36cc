"""Request logs around the application: body in, answer out, both as they pass (logging.md 7, 9).

A WSGI middleware. What is not logged costs a few objects per request and nothing per chunk; the streams of a fully
logged request cost a timestamp and an append per chunk. The file itself is written by the logger, after the answer.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from cliproxy.masking import mask_query
from cliproxy.records.access_log import shown_path
from cliproxy.records.applog import NO_REQUEST, current_request_id
from cliproxy.records.request_log.exchange import BODY_MEMORY, Exchange, set_current
from cliproxy.records.request_log.logger import LoggedAnswer, LoggedRequest, RequestLogger, StreamLog
from cliproxy.records.request_log.spool import LogDisk
from cliproxy.web.headers import headers_of

log = logging.getLogger(__name__)

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
_QUIET_METHODS = ("GET", "HEAD", "OPTIONS")
_CLIENT_GONE = 499


def is_captured(method: str, path: str) -> bool:
    """False for requests that are never logged (section 7)."""
    if method in _QUIET_METHODS or path.startswith(("/v0/management", "/management")):
        return False
    return not path.startswith("/api") or path.startswith("/api/provider")


class Capture:
    """The middleware; ``disk`` is where bodies that are too large for memory go. ``clock`` gives Unix seconds."""

    def __init__(
        self, application: Any, logger: RequestLogger, disk: LogDisk, clock: Callable[[], float] = time.time
    ) -> None:
        self._application, self._logger, self._disk, self._clock = application, logger, disk, clock

    def __repr__(self) -> str:
        return f"<Capture {self._logger!r}>"

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Run one request."""
        if not is_captured(environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")):
            set_current(None)
            return self._application(environ, start_response)  # type: ignore[no-any-return]
        captured = Captured(self._logger, self._disk, environ, start_response, self._clock)
        set_current(captured.exchange)
        try:
            return captured.around(self._application(environ, captured.start_response))
        except BaseException:  # the client went away before there was an answer
            captured.finish(gone=True)
            raise


class Captured:
    """One request on its way. It is the body that the server iterates, too."""

    def __init__(
        self,
        logger: RequestLogger,
        disk: LogDisk,
        environ: Environ,
        start_response: Any,
        clock: Callable[[], float],
    ) -> None:
        full = logger.enabled
        form = environ.get("CONTENT_TYPE", "").startswith("multipart/form-data")
        self.exchange = Exchange(disk, full=full, body=full or not form, clock=clock)
        self._logger, self._environ, self._start_response = logger, environ, start_response
        self._request_id = current_request_id()
        self._status = 0
        self._headers: Headers = []
        self._inner: Any = ()
        self._stream: StreamLog | None = None
        self._body: list[bytes] | None = None
        self._ended = self._finished = False
        self._input: TeeInput | None = None
        if self.exchange.body is not None:
            self._input = environ["wsgi.input"] = TeeInput(environ, self.exchange.body.write)

    def __repr__(self) -> str:
        return f"<Captured {self._status} {self.exchange!r}>"

    def start_response(self, status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], object]:
        """What the application calls; decides how the answer is logged (9.1)."""
        self._status, self._headers = int(status[:3]), headers
        write = self._start_response(status, headers, exc_info) if exc_info else self._start_response(status, headers)
        if self.exchange.full and self._is_stream():
            self._open_stream()
        elif self.exchange.full or self._status >= 400:
            self._body = []

        def logged_write(data: bytes) -> object:
            result = write(data)
            self._chunk(data)
            return result

        return logged_write

    def around(self, inner: Any) -> Iterable[bytes]:
        """The answer's body, watched where that is wanted."""
        self._inner = inner
        return self

    def __iter__(self) -> Iterator[bytes]:
        if self._status and self._stream is None and self._body is None:
            return iter(self._inner)  # nothing per chunk
        return self._watched()

    def _watched(self) -> Iterator[bytes]:
        for data in self._inner:
            self._chunk(data)
            yield data
        self._ended = True

    def close(self) -> None:
        """The answer is over, or its client is gone."""
        try:
            close = getattr(self._inner, "close", None)
            if close is not None:
                close()
        finally:
            self.finish(gone=False)

    def _chunk(self, data: bytes) -> None:
        if self._stream is not None:
            if data:
                self.exchange.chunk()
                self._stream.write_chunk(data)
        elif self._body is not None:
            self._body.append(data)

    def _is_stream(self) -> bool:
        kind = next((value for name, value in self._headers if name.lower() == "content-type"), "").strip()
        if kind:
            return "text/event-stream" in kind
        asked = self.exchange.body.held() if self.exchange.body is not None else b""
        return b'"stream": true' in asked or b'"stream":true' in asked

    def _open_stream(self) -> None:
        try:
            self._stream = self._logger.open_stream(
                self._request(), self._status, tuple(self._headers), self.exchange.arrived
            )
        except Exception:
            log.warning("a request log could not be begun", exc_info=True)
            self._body = []

    def _request(self) -> LoggedRequest:
        environ = self._environ
        query = environ.get("QUERY_STRING", "")
        path = shown_path(environ.get("PATH_INFO", ""))
        return LoggedRequest(
            f"{path}?{mask_query(query)}" if query else path,
            environ["REQUEST_METHOD"],
            tuple(header for header in headers_of(environ) if header[0] != "Host"),
            self.exchange.body_pieces(environ.get("HTTP_CONTENT_ENCODING", "")),
            "" if self._request_id == NO_REQUEST else self._request_id,
        )

    def finish(self, *, gone: bool) -> None:
        """Hand everything to the logger, once; whatever goes wrong there is no fault of the request."""
        if self._finished:
            return
        self._finished = True
        try:
            self._finish(gone=gone)
        except Exception:
            log.warning("a request log could not be written", exc_info=True)
        set_current(None)  # the connection's greenlet lives on, and would keep it all

    def _finish(self, *, gone: bool) -> None:
        exchange = self.exchange
        if gone and self._status == 0:
            self._status = _CLIENT_GONE
        if not exchange.full and not self._is_failure(gone=gone):
            if exchange.body is not None and exchange.body.on_disk:
                exchange.body.discard()
            return
        if self._input is not None and not gone:
            self._input.read_rest(BODY_MEMORY)
        if self._stream is not None:
            self._stream.set_first_chunk_time(exchange.first_chunk)
            self._stream.write_api_request(exchange.api_request())
            self._stream.write_api_response(exchange.api_response())
            self._stream.close(exchange.close)
            return
        answer = LoggedAnswer(
            self._status or 200, tuple(self._headers), tuple(self._body or ()), exchange.api_request(),
            exchange.api_response(), tuple(exchange.errors),
        )  # fmt: skip
        self._logger.log_request(
            self._request(), answer, exchange.arrived, exchange.api_response_at, error_only=not exchange.full,
            finished=exchange.close,
        )  # fmt: skip

    def _is_failure(self, *, gone: bool) -> bool:
        if gone or self.exchange.unrouted:
            return False
        return self.exchange.failed or self._status >= 400


class TeeInput:
    """``wsgi.input`` that tells what is read from it."""

    def __init__(self, environ: Environ, told: Callable[[bytes], object]) -> None:
        self._inner, self._told = environ["wsgi.input"], told
        self._length = int(environ.get("CONTENT_LENGTH") or 0)
        self._chunked = not self._length and bool(environ.get("wsgi.input_terminated"))
        self._seen = 0

    def __repr__(self) -> str:
        return f"<TeeInput of {self._inner!r}, {self._seen} bytes read>"

    def read(self, size: int = -1) -> bytes:
        """As a file's."""
        return self._tell(self._inner.read(size))

    def readline(self, size: int = -1) -> bytes:
        """As a file's."""
        return self._tell(self._inner.readline(size))

    def readlines(self, hint: int = -1) -> list[bytes]:
        """As a file's."""
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        while line := self.readline():
            yield line

    def _tell(self, data: bytes) -> bytes:
        self._seen += len(data)
        self._told(data)
        return data

    def read_rest(self, most: int) -> None:
        """What no handler wanted to read, so that the log is complete; a client that has gone is no error."""
        left = most if self._chunked else min(most, self._length - self._seen)
        if left > 0:
            with contextlib.suppress(OSError, ValueError):
                self.read(left)
