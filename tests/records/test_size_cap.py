"""The size cap of the log directory (logging.md 6)."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from cliproxy.records.size_cap import SizeCap, trim

PROTECTED = ("main.log",)


def put(directory: Path, name: str, size: int, age: int) -> None:
    """A file of ``size`` bytes, ``age`` seconds old."""
    path = directory / name
    path.write_bytes(b"x" * size)
    os.utime(path, (1_700_000_000 - age, 1_700_000_000 - age))


def names(directory: Path) -> set[str]:
    return set(os.listdir(directory))


@pytest.mark.case("logging:12")
def test_the_oldest_goes(tmp_path: Path) -> None:
    put(tmp_path, "old.log", 60, 30)
    put(tmp_path, "mid.log", 60, 20)
    put(tmp_path, "main.log", 60, 10)
    assert trim(tmp_path, 120, PROTECTED).deleted == 1
    assert names(tmp_path) == {"mid.log", "main.log"}


@pytest.mark.case("logging:13")
def test_the_protected_file_counts_and_stays(tmp_path: Path) -> None:
    put(tmp_path, "main.log", 200, 30)
    put(tmp_path, "other.log", 50, 10)
    assert trim(tmp_path, 100, PROTECTED).deleted == 1
    assert names(tmp_path) == {"main.log"}


def test_main_log_goes_too_when_nobody_writes_it(tmp_path: Path) -> None:
    put(tmp_path, "main.log", 200, 30)
    put(tmp_path, "other.log", 50, 10)
    assert trim(tmp_path, 100).deleted == 1
    assert names(tmp_path) == {"other.log"}


@pytest.mark.case("logging:14")
def test_what_counts(tmp_path: Path) -> None:
    for name in ("a.tmp", "a.txt", "log", "a.log.bak", "a.gz"):
        put(tmp_path, name, 1000, 50)
    (tmp_path / "folder.log").mkdir()
    put(tmp_path / "folder.log", "inside.log", 1000, 50)
    (tmp_path / "link.log").symlink_to(tmp_path / "a.txt")
    put(tmp_path, "A.LOG.GZ", 60, 40)
    put(tmp_path, "new.log", 60, 10)
    before = names(tmp_path)
    assert trim(tmp_path, 120).deleted == 0
    assert trim(tmp_path, 60).deleted == 1
    assert names(tmp_path) == before - {"A.LOG.GZ"}
    assert (tmp_path / "folder.log/inside.log").exists()


def test_exactly_the_limit_is_enough(tmp_path: Path) -> None:
    put(tmp_path, "a.log", 60, 10)
    assert trim(tmp_path, 60).deleted == 0
    assert trim(tmp_path, 59).deleted == 1


def test_a_missing_directory_is_empty(tmp_path: Path) -> None:
    assert trim(tmp_path / "none", 1).deleted == 0


def refuse(monkeypatch: pytest.MonkeyPatch, stubborn: str, error: type[OSError]) -> None:
    """One file cannot be deleted."""
    unlink = Path.unlink

    def try_to(path: Path, missing_ok: bool = False) -> None:
        if path.name == stubborn:
            raise error(13, "Permission denied")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", try_to)


def test_a_file_that_stays_does_not_stop_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, name in enumerate(("a.log", "b.log", "c.log")):
        put(tmp_path, name, 60, 30 - number)
    refuse(monkeypatch, "a.log", PermissionError)
    result = trim(tmp_path, 120)
    assert (result.deleted, result.failures) == (1, (("a.log", "Permission denied"),))
    assert names(tmp_path) == {"a.log", "c.log"}


def test_a_file_that_somebody_else_deleted_is_not_counted_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a.log", 60, 30)
    put(tmp_path, "b.log", 60, 20)
    refuse(monkeypatch, "a.log", FileNotFoundError)
    assert trim(tmp_path, 60) == trim(tmp_path, 60)
    assert "b.log" in names(tmp_path)


class TestSizeCap:
    """The object that a housekeeping job runs."""

    def test_it_says_what_it_did(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG, logger="cliproxy")
        cap = SizeCap()
        put(tmp_path, "a.log", 60, 30)
        put(tmp_path, "b.log", 60, 20)
        assert cap.run() == 0
        cap.set(tmp_path, 60)
        assert cap.run() == 1
        assert caplog.messages == ["removed 1 old log file(s) to enforce the total size limit"]
        assert cap.run() == 0
        assert len(caplog.messages) == 1

    @pytest.mark.parametrize("limit", [0, -1])
    def test_no_limit(self, tmp_path: Path, limit: int) -> None:
        cap = SizeCap()
        put(tmp_path, "a.log", 60, 30)
        cap.set(tmp_path, limit)
        assert cap.run() == 0
        assert names(tmp_path) == {"a.log"}
        assert "off" in repr(cap)

    def test_the_limit_and_the_protection_change_live(self, tmp_path: Path) -> None:
        cap = SizeCap()
        put(tmp_path, "main.log", 100, 30)
        cap.set(tmp_path, 50, PROTECTED)
        assert cap.run() == 0
        cap.set(tmp_path, 50)
        assert cap.run() == 1

    def test_failures_are_warnings(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        put(tmp_path, "a.log", 60, 30)
        refuse(monkeypatch, "a.log", PermissionError)
        cap = SizeCap()
        cap.set(tmp_path, 10)
        assert cap.run() == 0
        assert caplog.messages == ["failed to remove old log file a.log: Permission denied"]

    def test_a_directory_that_is_none(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        (tmp_path / "file").write_text("")
        cap = SizeCap()
        cap.set(tmp_path / "file", 10)
        assert cap.run() == 0
        assert "failed to enforce" in caplog.text
