"""Bodies between memory and disk, and a disk that does not want to (logging.md 9.3, 10.2)."""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cliproxy.blocking import Worker
from cliproxy.records.request_log import spool
from cliproxy.records.request_log.spool import BACKLOG, REQUEST, RESPONSE, LogDisk, Spool


class Later(Worker):
    """Work is done when a test says so."""

    def __init__(self) -> None:
        super().__init__("later")
        self.jobs: list[tuple[Callable[[], object], Callable[[Exception], object]]] = []

    @property
    def waiting(self) -> int:
        return len(self.jobs)

    def submit(self, work: Callable[[], object], failed: Callable[[Exception], object]) -> None:
        self.jobs.append((work, failed))

    def run(self) -> None:
        jobs, self.jobs = self.jobs, []
        for work, failed in jobs:
            try:
                work()
            except Exception as error:
                failed(error)


@pytest.fixture
def worker() -> Later:
    return Later()


@pytest.fixture
def disk(tmp_path: Path, worker: Later) -> LogDisk:
    return LogDisk(tmp_path / "logs", worker)


def whole(found: Spool) -> bytes:
    return b"".join(found.pieces())


def files(disk: LogDisk) -> list[Path]:
    return sorted(disk.folder.glob("*")) if disk.folder.exists() else []


def test_little_stays_in_memory(disk: LogDisk, worker: Later) -> None:
    body = Spool(disk, REQUEST, 10)
    body.write(b"12345")
    body.write(b"")
    body.write(b"67890")
    assert (worker.waiting, len(body), body.on_disk, body.held()) == (0, 10, False, b"1234567890")
    assert whole(body) == b"1234567890"
    assert files(disk) == []


def test_much_goes_to_a_file(disk: LogDisk, worker: Later) -> None:
    body = Spool(disk, REQUEST, 10)
    for number in range(100):
        body.write(b"%03d." % number)
        if number % 7 == 0:
            worker.run()
    worker.run()
    (file,) = files(disk)
    assert file.name.startswith("request-body-")
    assert file.name.endswith(".tmp")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(disk.folder.stat().st_mode) & 0o022 == 0
    assert whole(body) == b"".join(b"%03d." % number for number in range(100))
    body.close()
    body.close()
    assert files(disk) == []


def test_only_one_flush_waits_at_a_time(disk: LogDisk, worker: Later) -> None:
    body = Spool(disk, REQUEST, 1)
    for _ in range(50):
        body.write(b"abc")
    assert worker.waiting == 1


def test_a_limit(disk: LogDisk) -> None:
    body = Spool(disk, REQUEST, 100, 5)
    for piece in (b"123", b"456", b"789"):
        body.write(piece)
    assert (whole(body), body.truncated, len(body)) == (b"12345", True, 5)


def test_a_slow_disk_costs_pieces(disk: LogDisk, worker: Later) -> None:
    body = Spool(disk, RESPONSE, 1)
    piece = b"x" * (1 << 20)
    for _ in range(BACKLOG // len(piece) + 3):
        body.write(piece)
    assert body.dropped == 3
    worker.run()
    body.write(b"after")
    worker.run()
    assert whole(body) == piece * (BACKLOG // len(piece)) + b"after"
    body.close()


def full(*_: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.case("logging:37")
def test_a_full_disk(
    disk: LogDisk, worker: Later, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The spool gives up, one warning is said, and everything goes on when there is room."""
    with monkeypatch.context() as broken, caplog.at_level(logging.INFO):
        broken.setattr(os, "write", full)
        bodies = [Spool(disk, RESPONSE, 1) for _ in range(3)]
        for body in bodies:
            body.write(b"abc")
        worker.run()
        assert all(body.failed for body in bodies)
        for body in bodies:
            body.write(b"more")
            assert whole(body) == b""
        worker.run()
        assert files(disk) == []
        disk.lost()
        disk.submit(lambda: disk.write("a.log", full()), disk.lost)
        worker.run()
        assert len(caplog.records) == 1
        assert "No space left" in caplog.text
    disk.submit(lambda: disk.write("b.log", [b"x"]))
    worker.run()
    with caplog.at_level(logging.INFO):
        disk.submit(lambda: None)
    assert "written again; 2 were lost" in caplog.text
    assert [file.name for file in files(disk)] == ["b.log"]


def test_a_file_is_whole_or_not_there(disk: LogDisk, worker: Later) -> None:
    def pieces() -> Any:
        yield b"x" * 1_000_000
        full()

    disk.submit(lambda: disk.write("a.log", pieces()))
    worker.run()
    assert files(disk) == []


def test_too_many_jobs_are_refused(disk: LogDisk, worker: Later, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "_MOST_JOBS", 2)
    given_up = []
    for number in range(4):
        disk.submit(lambda: None, lambda number=number: given_up.append(number))
    assert (worker.waiting, given_up) == (2, [2, 3])


def test_a_file_of_the_same_name_is_replaced(disk: LogDisk, worker: Later) -> None:
    for text in (b"long text", b"short"):
        disk.submit(lambda text=text: disk.write("a.log", [text]))
    worker.run()
    (file,) = files(disk)
    assert file.read_bytes() == b"short"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_an_earlier_run_has_left(disk: LogDisk, worker: Later) -> None:
    disk.folder.mkdir()
    for name in (
        "request-body-1.tmp",
        "response-body-2.tmp",
        "other-3.tmp",
        "request-body-4.log",
        "request-body-new.tmp",
    ):
        (disk.folder / name).touch()
        if "new" not in name:
            os.utime(disk.folder / name, (1, 1))
    disk.tidy()
    worker.run()
    assert [file.name for file in files(disk)] == ["other-3.tmp", "request-body-4.log", "request-body-new.tmp"]
