"""Following main.log."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cliproxy.records import log_tail
from cliproxy.records.log_tail import Tail
from cliproxy.records.rotating import RotatingFile


@pytest.fixture
def file(tmp_path: Path) -> RotatingFile:
    made = RotatingFile(tmp_path, 10)
    made.write([b"old\n"])
    return made


def everything(tail: Tail) -> bytes:
    return b"".join(iter(tail.read, b""))


def test_what_is_added(file: RotatingFile) -> None:
    with Tail(file.directory) as tail:
        assert tail.start == 4
        assert tail.read() == b""
        file.write([b"new\n"])
        assert everything(tail) == b"new\n"
        assert tail.read() == b""


def test_nothing_is_lost_in_rotations(file: RotatingFile) -> None:
    with Tail(file.directory) as tail:
        written = b""
        for number in range(20):
            entry = b"%05d\n" % number
            file.write([entry])
            written += entry
            if number in (3, 9):
                assert everything(tail) == written
                written = b""
        assert everything(tail) == written
    file.close()


def test_a_rotation_between_two_looks(file: RotatingFile) -> None:
    with Tail(file.directory) as tail:
        file.write([b"last\n", b"first\n"])
        assert everything(tail) == b"last\nfirst\n"


def test_a_rotation_during_a_look(file: RotatingFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that comes when the end of the file was seen, and the rotation just behind it."""
    with Tail(file.directory) as tail:
        known = log_tail._is

        def late(path: Path, inode: int) -> bool:
            monkeypatch.undo()
            file.write([b"late\n", b"next one\n"])
            return known(path, inode)

        monkeypatch.setattr(log_tail, "_is", late)
        assert tail.read() == b"late\n"
        assert everything(tail) == b"next one\n"


def test_a_file_that_comes_later(tmp_path: Path) -> None:
    with Tail(tmp_path / "logs") as tail:
        assert tail.read() == b""
        RotatingFile(tmp_path / "logs").write([b"a\n"])
        assert everything(tail) == b"a\n"


def test_somebody_empties_it(file: RotatingFile) -> None:
    with Tail(file.directory) as tail:
        os.truncate(file.path, 0)
        file.write([b"b\n"])
        assert everything(tail) == b"b\n"


def test_somebody_deletes_it(file: RotatingFile) -> None:
    with Tail(file.directory) as tail:
        file.path.unlink()
        assert tail.read() == b""
        file.write([b"b\n"])
        assert everything(tail) == b"b\n"
