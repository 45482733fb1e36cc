"""Loggers of others: what they are given can be read at once, and is gone afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from cliproxy.records.request_log.embedded import EmbeddedLogger
from cliproxy.records.request_log.layout import Headers
from cliproxy.records.request_log.logger import LoggedAnswer, LoggedRequest
from cliproxy.records.request_log.spool import LogDisk


class Own:
    """Writes down everything in words; ``broken`` raises."""

    def __init__(self, *, broken: bool = False) -> None:
        self.enabled, self.broken = True, broken
        self.told: list[object] = []

    def log_request(
        self, request: LoggedRequest, answer: LoggedAnswer, request_timestamp: float,
        api_response_timestamp: float | None, *, error_only: bool = False,
        finished: Callable[[], object] = lambda: None,
    ) -> None:  # fmt: skip
        if self.broken:
            raise ValueError("no")
        finished()
        parts = (request.body, answer.body, answer.api_request, answer.api_response)
        self.told += [*(b"".join(part) for part in parts), answer.status, answer.api_errors, error_only]
        self.told += [request_timestamp, api_response_timestamp, request.url, request.headers]

    def open_stream(self, request: LoggedRequest, status: int, headers: Headers, request_timestamp: float) -> OwnStream:
        self.told += [b"".join(request.body), status, headers, request_timestamp]
        return OwnStream(self)


class OwnStream:
    def __init__(self, owner: Own) -> None:
        self._told, self._broken = owner.told, owner.broken

    def write_chunk(self, data: bytes) -> None:
        self._told.append(data)

    def set_first_chunk_time(self, moment: float | None) -> None:
        self._told.append(moment)

    def write_api_request(self, text: Iterable[bytes]) -> None:
        self._told.append(b"".join(text))

    def write_api_response(self, text: Iterable[bytes]) -> None:
        self._told.append(b"".join(text))

    def close(self, finished: Callable[[], object] = lambda: None) -> None:
        if self._broken:
            raise ValueError("no")
        finished()
        self._told.append("closed")


@pytest.fixture
def disk(tmp_path: Path) -> LogDisk:
    return LogDisk(tmp_path)


def fresh() -> tuple[LoggedRequest, LoggedAnswer]:
    """Bodies can be read once."""
    request = LoggedRequest("/v1/x", "POST", (("A", "b"),), iter((b"as", b"ked")), "a1b2c3d4")
    return request, LoggedAnswer(201, (), iter((b"told",)), iter((b"sent",)), iter((b"got",)), ((500, "why"),))


def test_a_whole_answer(disk: LogDisk) -> None:
    own, finished = Own(), list[str]()
    logger = EmbeddedLogger(own, disk)
    logger.log_request(*fresh(), 1.0, 2.0, error_only=True, finished=lambda: finished.append("done"))
    assert own.told == [
        b"asked", b"told", b"sent", b"got", 201, ((500, "why"),), True, 1.0, 2.0, "/v1/x", (("A", "b"),),
    ]  # fmt: skip
    assert finished == ["done"]


def test_a_stream(disk: LogDisk) -> None:
    own, finished = Own(), list[str]()
    stream = EmbeddedLogger(own, disk).open_stream(fresh()[0], 200, (("X", "y"),), 1.0)
    stream.write_chunk(b"chunk")
    stream.set_first_chunk_time(3.0)
    stream.write_api_request(iter((b"sent",)))
    stream.write_api_response(iter((b"got",)))
    assert finished == []
    stream.close(lambda: finished.append("done"))
    assert own.told == [b"asked", 200, (("X", "y"),), 1.0, b"chunk", 3.0, b"sent", b"got", "closed"]
    assert finished == ["done"]


def test_what_waits_is_removed_though_it_fails(disk: LogDisk) -> None:
    finished: list[str] = []
    logger = EmbeddedLogger(Own(broken=True), disk)
    with pytest.raises(ValueError, match="no"):
        logger.log_request(*fresh(), 1.0, None, finished=lambda: finished.append("whole"))
    with pytest.raises(ValueError, match="no"):
        logger.open_stream(fresh()[0], 200, (), 1.0).close(lambda: finished.append("stream"))
    assert finished == ["whole", "stream"]


def test_it_decides_itself(disk: LogDisk) -> None:
    own = Own()
    logger = EmbeddedLogger(own, disk)
    assert logger.enabled
    own.enabled = False
    assert not logger.enabled
