"""main.log on disk: rotation, rights, other hands in it (logging.md 4.3)."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest

from cliproxy.records.rotating import ROTATE_AT, RotatingFile

NOW = 1_767_323_045.678
STAMP = "main-2026-01-02T03-04-05.678.log"


@pytest.fixture
def file(tmp_path: Path) -> RotatingFile:
    made = RotatingFile(tmp_path / "logs", 100, lambda: NOW)
    made.open()
    return made


def content(file: RotatingFile) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in file.directory.iterdir()}


@pytest.mark.case("logging:9")
def test_ten_mebibytes(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path)
    entry = b"x" * 1023 + b"\n"
    assert ROTATE_AT == 10 * 1024 * 1024
    for _ in range(10):
        file.write([entry] * 1024)
    assert list(content(file)) == ["main.log"]
    file.write([b"more\n"])
    file.close()
    found = content(file)
    assert found.pop("main.log") == b"more\n"
    ((name, old),) = found.items()
    assert re.fullmatch(r"main-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}\.log", name)
    assert len(old) == ROTATE_AT


def test_names_are_in_utc_and_never_taken_twice(file: RotatingFile) -> None:
    for number in range(4):
        file.write([b"%d" % number * 99 + b"\n"])
    file.close()
    assert {name: data[:1] for name, data in content(file).items()} == {
        STAMP: b"0", "main-2026-01-02T03-04-05.679.log": b"1", "main-2026-01-02T03-04-05.680.log": b"2", "main.log": b"3",
    }  # fmt: skip


def test_a_batch_is_divided_between_entries(file: RotatingFile) -> None:
    file.write([b"a" * 39 + b"\n", b"b" * 39 + b"\n", b"c" * 39 + b"\n", b"d" * 59 + b"\n", b"e\n"])
    file.close()
    assert [data.count(b"\n") for _, data in sorted(content(file).items())] == [2, 2, 1]


def test_a_batch_fills_a_file_to_the_last_byte(file: RotatingFile) -> None:
    file.write([b"a" * 49 + b"\n", b"b" * 49 + b"\n", b"c" * 49 + b"\n", b"d" * 50 + b"\n"])
    file.close()
    assert sorted(map(len, content(file).values())) == [50, 51, 100]


def test_an_entry_larger_than_a_file_gets_one_of_its_own(file: RotatingFile) -> None:
    file.write([b"a\n", b"b" * 300 + b"\n", b"c\n"])
    file.close()
    assert [len(data) for _, data in sorted(content(file).items())] == [2, 301, 2]


def test_exactly_full_is_not_too_full(file: RotatingFile) -> None:
    file.write([b"a" * 49 + b"\n"])
    file.write([b"b" * 49 + b"\n"])
    assert len(content(file)) == 1
    file.close()


def test_a_file_of_before_that_would_become_full_is_rotated_first(file: RotatingFile) -> None:
    file.write([b"a" * 49 + b"\n"])
    file.close()
    file.write([b"b" * 49 + b"\n"])
    file.close()
    assert set(content(file)) == {STAMP, "main.log"}


def test_a_file_of_before_is_continued(file: RotatingFile) -> None:
    file.write([b"a\n"])
    file.close()
    file.write([b"b\n"])
    file.close()
    assert content(file) == {"main.log": b"a\nb\n"}


def test_rights_are_kept_by_rotation(file: RotatingFile) -> None:
    assert file.path.stat().st_mode & 0o777 == 0o600
    file.path.chmod(0o666)
    file.write([b"a" * 99 + b"\n"])
    file.write([b"b\n"])
    file.close()
    assert file.path.stat().st_mode & 0o777 == 0o666
    assert (file.directory / STAMP).stat().st_mode & 0o777 == 0o666


def test_somebody_empties_it(file: RotatingFile) -> None:
    file.write([b"a" * 80 + b"\n"])
    os.truncate(file.path, 0)
    file.write([b"b" * 60 + b"\n"])
    file.close()
    assert content(file) == {"main.log": b"b" * 60 + b"\n"}


def test_somebody_deletes_or_renames_it(file: RotatingFile) -> None:
    file.write([b"a\n"])
    file.path.rename(file.directory / "away")
    file.write([b"b\n"])
    file.path.unlink()
    file.write([b"c\n"])
    file.close()
    assert content(file) == {"away": b"a\n", "main.log": b"c\n"}


def test_somebody_deletes_the_directory(file: RotatingFile) -> None:
    file.path.unlink()
    file.directory.rmdir()
    file.write([b"a\n"])
    file.close()
    assert content(file) == {"main.log": b"a\n"}


def test_two_processes(file: RotatingFile) -> None:
    other = RotatingFile(file.directory, 100, lambda: NOW)
    other.write([b"o" * 59 + b"\n"])
    file.write([b"f" * 59 + b"\n"])
    other.write([b"o" * 29 + b"\n"])
    file.close()
    other.close()
    assert content(file) == {STAMP: b"o" * 59 + b"\n", "main.log": b"f" * 59 + b"\n" + b"o" * 29 + b"\n"}


def test_half_an_entry_is_taken_back(file: RotatingFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write([b"whole\n"])
    really = os.write
    with monkeypatch.context() as full:
        steps = iter([3, None])

        def write(handle: int, data: bytes) -> int:
            step = next(steps)
            if step is None:
                raise OSError(errno.ENOSPC, "No space left on device")
            return really(handle, data[:step])

        full.setattr(os, "write", write)
        with pytest.raises(OSError, match="No space"):
            file.write([b"broken\n"])
    file.write([b"again\n"])
    file.close()
    assert content(file) == {"main.log": b"whole\nagain\n"}


def test_short_writes_are_continued(file: RotatingFile, monkeypatch: pytest.MonkeyPatch) -> None:
    really = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: really(handle, data[:2]))
    file.write([b"abcdefg\n"])
    file.close()
    assert content(file) == {"main.log": b"abcdefg\n"}
