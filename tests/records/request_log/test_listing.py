"""The list of request logs: what is read of files that the real writer made, and of damaged ones."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from cliproxy.records.log_reader import LogFileError
from cliproxy.records.request_log import listing
from cliproxy.records.request_log.listing import RequestLog, request_logs
from cliproxy.records.request_log.logger import FileRequestLogger, LoggedAnswer, LoggedRequest

ARRIVED = 1_767_340_984.25
PATH = "/v1/responses"


def write(folder: Path, request_id: str, *, stream: bool = False, body: bytes = b"{}", **more: object) -> None:
    """A log as the server writes it. ``error_only`` and ``status`` as in the logger."""
    logger = FileRequestLogger(folder, True)
    request = LoggedRequest(f"{PATH}?key=abcd...ijkl", "POST", (), (b"{}",), request_id)
    status = int(str(more.get("status", 200)))
    if stream:
        log = logger.open_stream(request, status, (("Content-Type", "text/event-stream"),), ARRIVED)
        log.write_chunk(body)
        log.set_first_chunk_time(ARRIVED + 1.25)
        log.close()
    else:
        logger.log_request(
            request, LoggedAnswer(status, (), (body,)), ARRIVED, None, error_only=bool(more.get("error_only"))
        )


def at(folder: Path, request_id: str, moment: float) -> None:
    """Set when a log was written."""
    (path,) = folder.glob(f"*-{request_id}.log")
    os.utime(path, (moment, moment))


def one(folder: Path) -> RequestLog:
    """The only one."""
    (found,) = request_logs(folder, 100)
    return found


def test_a_whole_answer(tmp_path: Path) -> None:
    write(tmp_path, "a1b2c3d4", status=201)
    at(tmp_path, "a1b2c3d4", ARRIVED + 3.5)
    found = one(tmp_path)
    (path,) = tmp_path.iterdir()
    assert found == RequestLog(
        "a1b2c3d4", path.name, path.stat().st_size, int(ARRIVED + 3.5), False, "POST", f"{PATH}?key=abcd...ijkl", 201,
        None, 3500.0,
    )  # fmt: skip


def test_a_stream(tmp_path: Path) -> None:
    write(tmp_path, "a1b2c3d4", stream=True)
    at(tmp_path, "a1b2c3d4", ARRIVED + 2)
    found = one(tmp_path)
    assert (found.status, found.ttfb_ms, found.duration_ms, found.error) == (200, 1250.0, 2000.0, False)


def test_an_error_log(tmp_path: Path) -> None:
    write(tmp_path, "7", status=502, error_only=True)
    found = one(tmp_path)
    assert (found.id, found.error, found.status) == ("7", True, 502)
    assert found.name.startswith("error-v1-responses-")


@pytest.mark.parametrize("size", [0, 1, 15_000, 16_384, 17_000, 900_000])
def test_the_status_before_a_long_answer(tmp_path: Path, size: int) -> None:
    write(tmp_path, "a1b2c3d4", stream=True, status=418, body=b"x" * size)
    assert one(tmp_path).status == 418


def test_a_status_that_is_too_far_away(tmp_path: Path) -> None:
    write(tmp_path, "a1b2c3d4", stream=True, body=b"x" * (1 << 20))
    found = one(tmp_path)
    assert (found.status, found.method, found.ttfb_ms) == (None, "POST", 1250.0)


def test_newest_first_and_only_as_many(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path, f"0000000{number}")
        at(tmp_path, f"0000000{number}", ARRIVED + (number * 7) % 5)
    assert [found.id[-1] for found in request_logs(tmp_path, 3)] == ["2", "4", "1"]
    assert len(request_logs(tmp_path, 100)) == 5


def test_other_files_are_none(tmp_path: Path) -> None:
    write(tmp_path, "a1b2c3d4")
    names = (
        "main.log", "main-2026-01-02T03-04-05.678.log", "usage.sqlite3", "v1-responses-2026-01-02T030405-.log",
        "response-body-1.tmp", "-2026-01-02T030405-1.log", "v1-2026-01-02T030405-1.log.gz",
    )  # fmt: skip
    for name in names:
        (tmp_path / name).write_text("=== REQUEST INFO ===\n")
    (tmp_path / "folder-2026-01-02T030405-1.log").mkdir()
    (tmp_path / "link-2026-01-02T030405-1.log").symlink_to(tmp_path / "main.log")
    assert one(tmp_path).id == "a1b2c3d4"


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 5000, b"\xff\xfe\n\n", b"=== REQUEST INFO ===", b"=== REQUEST INFO ===\n", b"hello\nMethod: GET\n\n"],
)
def test_damaged_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a-2026-01-02T030405-1.log").write_bytes(content)
    found = one(tmp_path)
    assert (found.id, found.size) == ("1", len(content))
    assert (found.method, found.url, found.status, found.ttfb_ms, found.duration_ms) == (None,) * 5


@pytest.mark.parametrize(
    ("line", "ttfb", "duration"),
    [
        ("TTFB: 1.5ms", 1.5, None),
        ("TTFB: -1ms", None, None),
        ("TTFB: 99999999999ms", None, None),
        ("TTFB: soon", None, None),
        ("Timestamp: yesterday", None, None),
        ("Timestamp: 2026-99-99T00:00:00Z", None, None),
        ("Timestamp: 2999-01-01T00:00:00Z", None, None),
        ("Timestamp: 2026-01-02T03:04:05.25+01:00", None, 750.0),
    ],
)
def test_damaged_fields(tmp_path: Path, line: str, ttfb: float | None, duration: float | None) -> None:
    path = tmp_path / "a-2026-01-02T030405-1.log"
    path.write_text(f"=== REQUEST INFO ===\n{line}\n\nTTFB: 7ms\n\n=== RESPONSE ===\nStatus: many\n")
    os.utime(path, (1_767_319_446,) * 2)
    found = one(tmp_path)
    assert (found.ttfb_ms, found.duration_ms, found.status) == (ttfb, duration, None)


def test_the_last_section_counts(tmp_path: Path) -> None:
    """What a body says in its own lines comes before it."""
    path = tmp_path / "a-2026-01-02T030405-1.log"
    path.write_bytes(
        b"=== REQUEST INFO ===\nMethod: POST\n\n=== REQUEST BODY ===\n\n=== RESPONSE ===\nStatus: 200\n\n"
        b"\n=== RESPONSE ===\nStatus: 404\nA: b\n\n{}\n"
    )
    assert one(tmp_path).status == 404


def test_random_bytes_never_break_the_list(tmp_path: Path) -> None:
    write(tmp_path, "a1b2c3d4", stream=True)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    dice = random.Random(5)
    for _ in range(300):
        begin = dice.randrange(len(whole))
        end = dice.randrange(begin, len(whole))
        path.write_bytes(whole[:begin] + dice.randbytes(dice.randrange(20)) + whole[end:])
        assert one(tmp_path).id == "a1b2c3d4"


def test_names_that_are_no_text(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/a\xff-2026-01-02T030405-1.log")).write_text("")
    found = one(tmp_path)
    assert (found.id, found.name.encode()) == ("1", b"a?-2026-01-02T030405-1.log")


def test_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "a1b2c3d4")

    def refuse(self: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(listing.Path, "open", refuse)
    found = one(tmp_path)
    assert (found.id, found.method, found.status) == ("a1b2c3d4", None, None)


def test_no_directory(tmp_path: Path) -> None:
    assert request_logs(tmp_path / "missing", 10) == []
    (tmp_path / "file").touch()
    with pytest.raises(LogFileError, match="failed to list request logs: Not a directory"):
        request_logs(tmp_path / "file", 10)


def test_many_files_are_quick(tmp_path: Path) -> None:
    """Five hundred of thousands: only the ends of those that are shown are read."""
    write(tmp_path, "a1b2c3d4", body=b"x" * 100_000)
    (path,) = tmp_path.iterdir()
    data = path.read_bytes()
    for number in range(2000):
        (tmp_path / f"v1-2026-01-02T030405-{number}.log").write_bytes(data if number % 20 == 0 else b"")
    begin = time.process_time()
    assert len(request_logs(tmp_path, 500)) == 500
    assert time.process_time() - begin < 2
