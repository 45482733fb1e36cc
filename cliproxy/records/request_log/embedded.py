"""An embedding program's own ``RequestLogger``: called in the request's greenlet, with bodies that can be read there.

Our own writer reads bodies in the thread that has put them on disk. Others need not know about it: what they are given
can be iterated, once, until the call (of a stream: ``close``) returns; then it is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from cliproxy.blocking import off_hub
from cliproxy.records.request_log.layout import Headers
from cliproxy.records.request_log.logger import LoggedAnswer, LoggedRequest, RequestLogger, StreamLog
from cliproxy.records.request_log.spool import LogDisk


class EmbeddedLogger:
    """Stands between the server and such a logger. ``disk`` is where bodies wait that are too large for memory."""

    def __init__(self, logger: RequestLogger, disk: LogDisk) -> None:
        self._logger, self._disk = logger, disk

    def __repr__(self) -> str:
        return f"<EmbeddedLogger of {self._logger!r}>"

    @property
    def enabled(self) -> bool:
        """As the logger says."""
        return self._logger.enabled

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
        """One whole answer."""
        told = replace(
            answer, body=self._readable(answer.body), api_request=self._readable(answer.api_request),
            api_response=self._readable(answer.api_response),
        )  # fmt: skip
        try:
            self._logger.log_request(
                self._told(request), told, request_timestamp, api_response_timestamp, error_only=error_only
            )
        finally:
            self._disk.submit(finished)

    def open_stream(self, request: LoggedRequest, status: int, headers: Headers, request_timestamp: float) -> StreamLog:
        """A streamed answer begins."""
        stream = self._logger.open_stream(self._told(request), status, headers, request_timestamp)
        return _Stream(stream, self._disk, self._readable)

    def _told(self, request: LoggedRequest) -> LoggedRequest:
        return replace(request, body=self._readable(request.body))

    def _readable(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The same, once everything is on disk that has to be."""
        self._disk.drain()
        iterator = iter(pieces)
        while (piece := off_hub(lambda: next(iterator, None))) is not None:
            yield piece


class _Stream:
    """The log of a stream of such a logger."""

    def __init__(
        self, stream: StreamLog, disk: LogDisk, readable: Callable[[Iterable[bytes]], Iterator[bytes]]
    ) -> None:
        self._stream, self._disk, self._readable = stream, disk, readable
        self.write_chunk, self.set_first_chunk_time = stream.write_chunk, stream.set_first_chunk_time

    def __repr__(self) -> str:
        return f"<_Stream of {self._stream!r}>"

    def write_api_request(self, text: Iterable[bytes]) -> None:
        """What upstreams were asked."""
        self._stream.write_api_request(self._readable(text))

    def write_api_response(self, text: Iterable[bytes]) -> None:
        """What they answered."""
        self._stream.write_api_response(self._readable(text))

    def close(self, finished: Callable[[], object] = lambda: None) -> None:
        """The answer is over."""
        try:
            self._stream.close()
        finally:
            self._disk.submit(finished)
