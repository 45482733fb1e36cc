"""Whole files: layouts, names, retention (logging.md 10, 12)."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

import pytest

from cliproxy.records.request_log.layout import timestamp
from cliproxy.records.request_log.logger import FileRequestLogger, LoggedAnswer, LoggedRequest

ARRIVED, ANSWERED = 1_767_340_984.25, 1_767_340_985.5
HEADERS = (("X-B", "2"), ("Authorization", "Bearer sk-1234567890abcd"))


def request(path: str = "/v1/responses?key=abcd...ijkl", request_id: str = "a1b2c3d4", **more: Any) -> LoggedRequest:
    return LoggedRequest(path, "POST", HEADERS, (b'{"n":', b"1}"), request_id, **more)


def logged(logger: FileRequestLogger, **more: Any) -> str:
    """The text of the only log that this writes."""
    before = set(logger.disk.folder.glob("*")) if logger.disk.folder.exists() else set()
    logger.log_request(request(), LoggedAnswer(200, (("A", "1"),), (b"bo", b"dy"), **more), ARRIVED, ANSWERED)
    (file,) = set(logger.disk.folder.glob("*")) - before
    return file.read_text()


@pytest.mark.case("logging:20", "logging:21")
def test_a_whole_answer(tmp_path: Path) -> None:
    text = logged(
        FileRequestLogger(tmp_path, True), api_request=[b"=== API REQUEST 1 ===\nasked\n\n"],
        api_response=[b"=== API RESPONSE 1 ===\ntold"], api_errors=((500, "broken"),),
    )  # fmt: skip
    version = re.search("Version: (.*)", text)
    assert version is not None
    assert text == (
        f"=== REQUEST INFO ===\nVersion: {version[1]}\nURL: /v1/responses?key=abcd...ijkl\nMethod: POST\n"
        f"Timestamp: {timestamp(ARRIVED)}\n\n"
        "=== HEADERS ===\nAuthorization: Bearer sk-1...abcd\nX-B: 2\n\n"
        '=== REQUEST BODY ===\n{"n":1}\n\n'
        "=== API REQUEST 1 ===\nasked\n\n\n"
        "=== API ERROR RESPONSE ===\nHTTP Status: 500\nbroken\n\n"
        "=== API RESPONSE 1 ===\ntold\n\n"
        "=== RESPONSE ===\nStatus: 200\nA: 1\n\nbody\n"
    )


@pytest.mark.case("logging:24")
def test_the_time_of_an_answer_without_headings(tmp_path: Path) -> None:
    text = logged(FileRequestLogger(tmp_path, True), api_response=[b"told"])
    assert f"=== API RESPONSE ===\nTimestamp: {timestamp(ANSWERED)}\ntold\n\n=== RESPONSE ===" in text


def stream(logger: FileRequestLogger, first: float | None = ANSWERED, **more: Any) -> str:
    log = logger.open_stream(request(), 200, (("Content-Type", "text/event-stream"),), ARRIVED)
    for number in range(3):
        log.write_chunk(b"data: %d\n\n" % number)
    log.set_first_chunk_time(first)
    log.write_api_request([b"=== API REQUEST 1 ===\nasked\n\n"])
    log.write_api_response(more.get("api_response", [b"told"]))
    log.set_first_chunk_time(None)
    finished = []
    log.close(lambda: finished.append(True))
    assert finished == [True]
    (file,) = logger.disk.folder.glob("*")
    return file.read_text()


@pytest.mark.case("logging:31", "logging:21", "logging:35")
def test_a_stream(tmp_path: Path) -> None:
    text = stream(FileRequestLogger(tmp_path, True))
    assert f"Timestamp: {timestamp(ARRIVED)}\nFirst Chunk: {timestamp(ANSWERED)}\nTTFB: 1250.0ms\n\n=== HEADERS" in text
    assert f"=== API RESPONSE ===\nTimestamp: {timestamp(ANSWERED)}\ntold\n\n=== RESPONSE ===" in text
    assert text.endswith(
        "=== RESPONSE ===\nStatus: 200\nContent-Type: text/event-stream\n\ndata: 0\n\ndata: 1\n\ndata: 2\n\n"
    )


@pytest.mark.case("logging:34")
def test_a_stream_without_a_chunk(tmp_path: Path) -> None:
    text = stream(FileRequestLogger(tmp_path, True), first=None)
    assert "=== API RESPONSE ===\ntold\n" in text
    assert "First Chunk" not in text


def test_headings_of_attempts_stay_alone(tmp_path: Path) -> None:
    text = stream(FileRequestLogger(tmp_path, True), api_response=[b"=== API RESPONSE 1 ===\ntold\n"])
    assert "=== API RESPONSE 1 ===\ntold\n\n=== RESPONSE ===" in text


@pytest.mark.case("logging:26")
def test_requests_without_an_id_are_numbered(tmp_path: Path) -> None:
    logger = FileRequestLogger(tmp_path, True)
    for _ in range(3):
        logger.log_request(request("/x", ""), LoggedAnswer(200), ARRIVED, None)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [name.rpartition("-")[2] for name in names] == ["1.log", "2.log", "3.log"]


def fail(logger: FileRequestLogger, number: int) -> None:
    logger.log_request(request("/x", f"e{number}"), LoggedAnswer(500), ARRIVED, None, error_only=True)
    for path in logger.disk.folder.glob(f"*-e{number}.log"):
        os.utime(path, (time.time() - 100 + number,) * 2)


def left(folder: Path) -> list[str]:
    return sorted(path.name.rpartition("-")[2] for path in folder.glob("error-*"))


@pytest.mark.case("logging:40")
def test_error_logs_that_are_kept(tmp_path: Path) -> None:
    logger = FileRequestLogger.with_options(tmp_path, False, error_logs_max_files=3)
    logger.log_request(request("/x", "ordinary"), LoggedAnswer(200), ARRIVED, None)
    (tmp_path / "main.log").touch()
    for number in range(5):
        fail(logger, number)
    assert left(tmp_path) == ["e2.log", "e3.log", "e4.log"]
    logger.set_error_logs_max_files(1)
    assert len(left(tmp_path)) == 3
    fail(logger, 5)
    assert left(tmp_path) == ["e5.log"]
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.case("logging:40")
@pytest.mark.parametrize(("count", "kept"), [(0, 15), (-1, 10), (-7, 10), (2, 2)])
def test_numbers_with_a_meaning(tmp_path: Path, count: int, kept: int) -> None:
    logger = FileRequestLogger.with_options(tmp_path, False, error_logs_max_files=count)
    for number in range(15):
        fail(logger, number)
    assert len(left(tmp_path)) == kept


def test_ten_are_kept_when_nobody_says(tmp_path: Path) -> None:
    logger = FileRequestLogger(tmp_path, False)
    for number in range(12):
        fail(logger, number)
    assert len(left(tmp_path)) == 10


@pytest.mark.parametrize(("folder", "place"), [("logs", "conf/logs"), ("../logs", "logs"), ("/ABS", "ABS")])
def test_where_a_folder_is_meant_from(tmp_path: Path, folder: str, place: str) -> None:
    folder = folder.replace("/ABS", str(tmp_path / "ABS"))
    for logger in (
        FileRequestLogger(folder, True, tmp_path / "conf"),
        FileRequestLogger.with_options(folder, True, tmp_path / "conf", error_logs_max_files=1),
    ):
        assert logger.disk.folder.resolve() == tmp_path / place
        assert logger.enabled


def test_switching(tmp_path: Path) -> None:
    logger = FileRequestLogger(tmp_path, False)
    assert not logger.enabled
    logger.set_enabled(True)
    assert logger.enabled
