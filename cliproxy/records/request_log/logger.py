"""The writer of request logs. ``RequestLogger`` is what the server needs of it; embedders may bring their own.

Both ways to make a ``FileRequestLogger`` are kept stable: ``(folder, enabled, config_dir)`` and ``with_options``, with
the retention of error logs besides (logging.md 10, 12).
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cliproxy.records.request_log import layout
from cliproxy.records.request_log.layout import Headers
from cliproxy.records.request_log.spool import RESPONSE, LogDisk, Spool

log = logging.getLogger(__name__)

ERROR_LOGS = 10
"""Error logs that are kept when nobody says otherwise."""
STREAM_MEMORY = 80 << 10
"""Bytes of a stream that stay in memory."""


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """What a client asked. ``url`` is path and masked query; ``body`` is read once, in the writer's thread."""

    url: str
    method: str
    headers: Headers = ()
    body: Iterable[bytes] = ()
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class LoggedAnswer:
    """What it got, and what upstreams had to do with it; texts and bodies are read once, in the writer's thread."""

    status: int
    headers: Headers = ()
    body: Iterable[bytes] = ()
    api_request: Iterable[bytes] = ()
    api_response: Iterable[bytes] = ()
    api_errors: tuple[tuple[int, str], ...] = field(default=())


class StreamLog(Protocol):
    """The log of one streamed answer. Nothing here waits, nothing fails."""

    def write_chunk(self, data: bytes) -> None:
        """Bytes that go to the client."""

    def set_first_chunk_time(self, moment: float | None) -> None:
        """When the first ones did (Unix seconds); None is ignored."""

    def write_api_request(self, text: Iterable[bytes]) -> None:
        """What upstreams were asked."""

    def write_api_response(self, text: Iterable[bytes]) -> None:
        """What they answered."""

    def close(self, finished: Callable[[], object] = lambda: None) -> None:
        """Write the file; ``finished`` is called in the writer's thread when the texts are not needed any more."""


class RequestLogger(Protocol):
    """Writes request logs. Both times of an answer are required: arrival, and when the first upstream answered."""

    @property
    def enabled(self) -> bool:
        """True for logs of all requests, False for those of failed ones only."""

    def log_request(
        self,
        request: LoggedRequest,
        answer: LoggedAnswer,
        request_timestamp: float,
        api_response_timestamp: float | None,
        *,
        error_only: bool = False,
        finished: Callable[[], object] = lambda: None,
    ) -> None:
        """One whole answer. Times in Unix seconds, None = no upstream answered; ``finished`` as in ``StreamLog``."""

    def open_stream(self, request: LoggedRequest, status: int, headers: Headers, request_timestamp: float) -> StreamLog:
        """A streamed answer begins."""


class FileRequestLogger:
    """One file per request in ``folder``; a relative one is meant from the configuration's folder."""

    def __init__(self, folder: str | Path, enabled: bool, config_dir: str | Path = "") -> None:
        self._setup(LogDisk(Path(config_dir, folder)), enabled, ERROR_LOGS)

    @classmethod
    def with_options(
        cls,
        folder: str | Path,
        enabled: bool,
        config_dir: str | Path = "",
        *,
        error_logs_max_files: int = ERROR_LOGS,
        disk: LogDisk | None = None,
    ) -> FileRequestLogger:
        """The same with the number of error logs to keep (0 = all, negative = 10) and a ``disk`` that is shared."""
        made = cls.__new__(cls)
        made._setup(disk or LogDisk(Path(config_dir, folder)), enabled, error_logs_max_files)
        return made

    def _setup(self, disk: LogDisk, enabled: bool, error_logs: int) -> None:
        self.disk = disk
        self._enabled = enabled
        self._numbers = itertools.count(1)
        self.set_error_logs_max_files(error_logs)

    def __repr__(self) -> str:
        return f"<FileRequestLogger {'all' if self._enabled else 'errors only'}, {self.disk!r}>"

    @property
    def enabled(self) -> bool:
        """True for logs of all requests."""
        return self._enabled

    def set_enabled(self, enabled: bool) -> None:
        """Switch; requests that run already keep what they began with."""
        self._enabled = enabled

    def set_error_logs_max_files(self, count: int) -> None:
        """In force from the next error log on."""
        self._error_logs = ERROR_LOGS if count < 0 else count

    def log_request(
        self,
        request: LoggedRequest,
        answer: LoggedAnswer,
        request_timestamp: float,
        api_response_timestamp: float | None,
        *,
        error_only: bool = False,
        finished: Callable[[], object] = lambda: None,
    ) -> None:
        """One whole answer (10.3), or the log of a failure (12)."""
        name = self._name(request, error=error_only)
        keep = self._error_logs

        def pieces() -> Iterable[bytes]:
            yield layout.request_info(request.url, request.method, request_timestamp)
            yield layout.request_headers(request.headers)
            yield from layout.request_body(request.body)
            yield from layout.api_section(layout.API_REQUEST, answer.api_request)
            yield from layout.api_errors(answer.api_errors)
            yield from layout.api_section(layout.API_RESPONSE, answer.api_response, api_response_timestamp)
            yield from layout.response(answer.status, answer.headers, answer.body)

        def work() -> None:
            try:
                self.disk.write(name, pieces())
                if error_only:
                    self.disk.keep_newest("error-*.log", keep)
            finally:
                finished()

        self.disk.submit(work, lambda: self._given_up(finished))

    def _given_up(self, finished: Callable[[], object]) -> None:
        self.disk.lost()
        finished()

    def open_stream(self, request: LoggedRequest, status: int, headers: Headers, request_timestamp: float) -> StreamLog:
        """A streamed answer begins (10.5)."""
        return FileStreamLog(self.disk, self._name(request), request, status, headers, request_timestamp)

    def _name(self, request: LoggedRequest, *, error: bool = False) -> str:
        path = request.url.partition("?")[0]
        number = request.request_id or str(next(self._numbers))
        return layout.file_name(path, time.time(), number, error=error)


class FileStreamLog:
    """The log of a stream: chunks go into a spool, ``close`` has the file written."""

    def __init__(
        self, disk: LogDisk, name: str, request: LoggedRequest, status: int, headers: Headers, arrived: float
    ) -> None:
        self._disk, self._name, self._request = disk, name, request
        self._status, self._headers, self._arrived = status, headers, arrived
        self._chunks = Spool(disk, RESPONSE, STREAM_MEMORY)
        self._first_chunk: float | None = None
        self._api_request: Iterable[bytes] = ()
        self._api_response: Iterable[bytes] = ()

    def __repr__(self) -> str:
        return f"<FileStreamLog {self._name} {self._chunks!r}>"

    def write_chunk(self, data: bytes) -> None:
        """Bytes that go to the client."""
        self._chunks.write(data)

    def set_first_chunk_time(self, moment: float | None) -> None:
        """When the first ones did; None is ignored."""
        if moment is not None:
            self._first_chunk = moment

    def write_api_request(self, text: Iterable[bytes]) -> None:
        """What upstreams were asked."""
        self._api_request = text

    def write_api_response(self, text: Iterable[bytes]) -> None:
        """What they answered; says nothing about the first chunk's time."""
        self._api_response = text

    def close(self, finished: Callable[[], object] = lambda: None) -> None:
        """Have the file written."""

        def work() -> None:
            try:
                if not self._chunks.failed:
                    self._disk.write(self._name, self._pieces())
            finally:
                self._chunks.close()
                finished()

        def given_up() -> None:
            self._disk.lost()
            self._chunks.close()
            finished()

        if self._chunks.failed:
            self._disk.lost()
        self._disk.submit(work, given_up)

    def _pieces(self) -> Iterable[bytes]:
        request, chunks = self._request, self._chunks
        yield layout.request_info(request.url, request.method, self._arrived, self._first_chunk)
        yield layout.request_headers(request.headers)
        yield from layout.request_body(request.body)
        yield from layout.api_section(layout.API_REQUEST, self._api_request)
        yield from layout.api_section(layout.API_RESPONSE, self._api_response, self._first_chunk)
        yield layout.response_head(self._status, self._headers)
        yield from chunks.pieces()
        if chunks.dropped:
            yield b"\n[LOG TRUNCATED: %d chunks dropped]\n" % chunks.dropped
