"""Reading log files back (logging.md 14, management-api.md 16)."""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path

import pytest

from cliproxy.errors import CliproxyError
from cliproxy.records import log_reader
from cliproxy.records.log_reader import (
    LogFileError,
    clear_log,
    error_log_path,
    error_logs,
    log_files,
    read_log,
    request_log_path,
)

T0 = 1_767_300_000


def line(second: int, text: str) -> str:
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(T0 + second))
    return f"[{moment}] [--------] [info ] {text}"


def put(directory: Path, name: str, *lines: str, end: str = "\n") -> Path:
    path = directory / name
    data = ("\n".join(lines) + end).encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Files of every kind, one line each but the last."""
    put(tmp_path, "main-2026-01-02T03-04-05.678.log", line(20, "stamped 2"))
    put(tmp_path, "main-2026-01-02T03-04-05.log", line(10, "stamped 1"))
    put(tmp_path, "main-2025-12-31T03-04-05.001.log.gz", line(0, "zipped"))
    put(tmp_path, "main.log.2", line(40, "numbered 2"))
    put(tmp_path, "main.log.10", line(30, "numbered 10"))
    put(tmp_path, "main.log", line(50, "begin"), "  continued", line(60, "end"))
    for name in (
        "main.log.x",
        "main-1.log",
        "main.txt",
        "error-a-1.log",
        "v1-models-2026-01-02T030405-1.log",
        "usage.sqlite3",
    ):
        put(tmp_path, name, line(99, "other"))
    return tmp_path


def texts(lines: list[str]) -> list[str]:
    return [text.rpartition("] ")[2].strip() for text in lines]


ALL = ["zipped", "stamped 1", "stamped 2", "numbered 10", "numbered 2", "begin", "continued", "end"]


class TestReading:
    """16.1."""

    def test_everything_oldest_first(self, logs: Path) -> None:
        page = read_log(logs)
        assert texts(page.lines) == ALL
        assert (page.line_count, page.latest) == (8, T0 + 60)

    @pytest.mark.parametrize("limit", range(1, 10))
    def test_the_last_ones(self, logs: Path, limit: int) -> None:
        page = read_log(logs, limit=limit)
        assert texts(page.lines) == ALL[-limit:]
        assert (page.line_count, page.latest) == (8, T0 + 60)

    @pytest.mark.parametrize(
        ("after", "rest"),
        [(T0 - 1, 8), (T0, 7), (T0 + 39, 4), (T0 + 40, 3), (T0 + 49, 3), (T0 + 50, 1), (T0 + 60, 0), (T0 + 999, 0)],
    )
    def test_only_what_is_newer(self, logs: Path, after: int, rest: int) -> None:
        """Lines without a time go with the one before."""
        page = read_log(logs, after=after)
        assert texts(page.lines) == ALL[len(ALL) - rest :]
        assert (page.line_count, page.latest) == (8, max(after, T0 + 60))

    def test_both(self, logs: Path) -> None:
        page = read_log(logs, after=T0 + 15, limit=2)
        assert texts(page.lines) == ["continued", "end"]
        assert page.line_count == 8

    def test_a_line_without_time_at_the_beginning(self, tmp_path: Path) -> None:
        put(tmp_path, "main.log", "first", line(10, "x"))
        assert texts(read_log(tmp_path).lines) == ["first", "x"]
        assert texts(read_log(tmp_path, after=T0).lines) == ["x"]

    def test_a_missing_directory(self, tmp_path: Path) -> None:
        page = read_log(tmp_path / "none", after=7)
        assert (page.lines, page.line_count, page.latest) == ([], 0, 7)
        assert read_log(tmp_path / "none", limit=3).lines == []

    @pytest.mark.parametrize("limit", [0, 100])
    def test_ends_of_lines(self, tmp_path: Path, limit: int) -> None:
        (tmp_path / "main.log").write_bytes(b"a\r\n\nb\xff\r\nlast")
        page = read_log(tmp_path, limit=limit)
        assert page.lines == ["a", "", "b\ufffd", "last"]
        assert page.line_count == 4

    @pytest.mark.parametrize("content", [b"", b"\n", b"\n\n", b"a", b"a\n", b"a\n\n"])
    def test_both_ways_agree(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "main.log").write_bytes(content)
        forward, backward = read_log(tmp_path), read_log(tmp_path, limit=99)
        assert forward == backward
        assert len(forward.lines) == forward.line_count

    @pytest.mark.parametrize("block", [1, 2, 3, 7, 64])
    def test_borders_of_blocks(self, logs: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
        whole = read_log(logs)
        monkeypatch.setattr(log_reader, "_BLOCK", block)
        assert read_log(logs) == whole
        for limit in (1, 2, 3, 8, 50):
            assert read_log(logs, limit=limit).lines == whole.lines[-limit:]

    def test_only_a_beginning_of_the_file(self, logs: Path) -> None:
        end = len(line(50, "begin")) + 1
        assert texts(read_log(logs, end=end).lines) == ALL[:6]
        assert texts(read_log(logs, limit=2, end=end).lines) == ["numbered 2", "begin"]
        assert texts(read_log(logs, limit=2, end=0).lines) == ["numbered 10", "numbered 2"]
        assert read_log(logs, limit=2, end=0).line_count == 5

    @pytest.mark.parametrize("limit", [0, 3])
    def test_lines_that_are_too_long(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
        assert log_reader.MAX_LINE == 8 * 1024 * 1024
        monkeypatch.setattr(log_reader, "MAX_LINE", 100)
        monkeypatch.setattr(log_reader, "_BLOCK", 16)
        path = put(tmp_path, "main.log", "x" * 200)
        with pytest.raises(LogFileError, match="a line is longer") as caught:
            read_log(tmp_path, limit=limit)
        assert caught.value.text.startswith(f"failed to read log file {path}: ")

    @pytest.mark.parametrize("limit", [0, 30])
    def test_a_broken_archive_is_left_out(self, logs: Path, limit: int) -> None:
        (logs / "main-2025-12-31T03-04-05.001.log.gz").write_bytes(b"no archive")
        assert texts(read_log(logs, limit=limit).lines) == ALL[1:]
        (logs / "main-2025-12-31T03-04-05.001.log.gz").write_bytes(gzip.compress(b"x\n" * 999)[:20])
        assert texts(read_log(logs, limit=limit).lines) == ALL[1:]

    @pytest.mark.parametrize("limit", [0, 30])
    def test_a_file_that_goes_away_meanwhile(self, logs: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
        files = log_files(logs)
        (logs / "main.log.2").unlink()
        monkeypatch.setattr(log_reader, "log_files", lambda directory: files)
        assert "numbered 2" not in texts(read_log(logs, limit=limit).lines)

    @pytest.mark.parametrize("limit", [0, 30])
    def test_a_file_that_cannot_be_read(self, logs: Path, limit: int) -> None:
        (logs / "main.log.2").unlink()
        (logs / "main.log.2").mkdir()
        with pytest.raises(LogFileError, match=r"failed to read log file .*main\.log\.2: "):
            read_log(logs, limit=limit)

    def test_a_directory_that_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(LogFileError, match="failed to list log files: ") as caught:
            read_log(tmp_path / "file")
        assert caught.value.status == 500


class TestClearing:
    """16.2."""

    def test_main_log_is_emptied_and_rotations_go(self, logs: Path) -> None:
        others = set(os.listdir(logs)) - {path.name for path in log_files(logs)}
        assert clear_log(logs) == 5
        assert (logs / "main.log").read_bytes() == b""
        assert set(os.listdir(logs)) == others | {"main.log"}

    def test_nothing_there(self, tmp_path: Path) -> None:
        assert clear_log(tmp_path) == 0
        with pytest.raises(CliproxyError, match="log directory not found") as caught:
            clear_log(tmp_path / "none")
        assert caught.value.status == 404

    def test_what_cannot_be_removed(self, logs: Path) -> None:
        (logs / "main.log.2").unlink()
        (logs / "main.log.2").mkdir()
        with pytest.raises(LogFileError, match=r"failed to remove main\.log\.2: "):
            clear_log(logs)

    def test_what_cannot_be_emptied(self, logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "truncate", refuse)
        with pytest.raises(LogFileError, match="failed to truncate log file: Permission denied"):
            clear_log(logs)


class TestErrorLogs:
    """16.3 and 16.4."""

    def test_newest_first(self, tmp_path: Path) -> None:
        for age, name in enumerate(("error-b-1.log", "error-a-2.log", "error-c-3.log")):
            os.utime(put(tmp_path, name, "x" * age), (T0 - age, T0 - age))
        for name in ("error-x.txt", "v1-error-.log", "error-y.log.gz"):
            put(tmp_path, name, "x")
        (tmp_path / "error-folder.log").mkdir()
        found = error_logs(tmp_path)
        assert [(file.name, file.size, file.modified) for file in found] == [
            ("error-b-1.log", 1, T0), ("error-a-2.log", 2, T0 - 1), ("error-c-3.log", 3, T0 - 2),
        ]  # fmt: skip
        assert error_logs(tmp_path / "none") == []

    def test_one_of_them(self, tmp_path: Path) -> None:
        path = put(tmp_path, "error-a-1.log", "x")
        assert error_log_path(tmp_path, "error-a-1.log") == path

    @pytest.mark.parametrize(
        ("name", "status", "text"),
        [
            ("", 400, "invalid log file name"), ("  ", 400, "invalid log file name"), ("../x.log", 400, "invalid log file name"),
            ("error-\\x.log", 400, "invalid log file name"), ("main.log", 404, "log file not found"),
            ("error-none.log", 404, "log file not found"), ("error-link.log", 400, "invalid log file path"),
            ("error-folder.log", 400, "invalid log file"),
        ],
    )  # fmt: skip
    def test_names_that_are_none(self, tmp_path: Path, name: str, status: int, text: str) -> None:
        directory = tmp_path / "logs"
        directory.mkdir()
        put(directory, "main.log", "x")
        put(tmp_path, "secret", "x")
        (directory / "error-link.log").symlink_to("../secret")
        (directory / "error-folder.log").mkdir()
        with pytest.raises(CliproxyError) as caught:
            error_log_path(directory, name)
        assert (caught.value.status, caught.value.text) == (status, text)


class TestRequestLogs:
    """16.5."""

    def test_the_first_by_name(self, tmp_path: Path) -> None:
        put(tmp_path, "v1-messages-2026-01-02T030405-a1b2c3d4.log", "x")
        first = put(tmp_path, "error-v1-messages-2026-01-02T030405-a1b2c3d4.log", "x")
        put(tmp_path, "error-v1-messages-2026-01-02T030405-00000001.log", "x")
        assert request_log_path(tmp_path, " a1b2c3d4 ") == first

    @pytest.mark.parametrize(
        ("wanted", "status", "text"),
        [
            ("", 400, "missing request ID"), (" ", 400, "missing request ID"), ("a/b", 400, "invalid request ID"),
            ("..\\b", 400, "invalid request ID"), ("ffffffff", 404, "log file not found for the given request ID"),
            ("1b2c3d4", 404, "log file not found for the given request ID"),
        ],
    )  # fmt: skip
    def test_ids_that_are_none(self, tmp_path: Path, wanted: str, status: int, text: str) -> None:
        put(tmp_path, "v1-messages-2026-01-02T030405-a1b2c3d4.log", "x")
        with pytest.raises(CliproxyError) as caught:
            request_log_path(tmp_path, wanted)
        assert (caught.value.status, caught.value.text) == (status, text)

    def test_no_directory(self, tmp_path: Path) -> None:
        with pytest.raises(CliproxyError, match="log directory not found"):
            request_log_path(tmp_path / "none", "1")
