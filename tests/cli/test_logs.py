"""``cliproxy logs``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from upstream.waiting import eventually

from cliproxy.cli import cliproxy, logs
from cliproxy.records.log_reader import LogPage, read_log
from cliproxy.records.log_tail import Tail
from cliproxy.records.rotating import RotatingFile


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration that logs to a file, with some log."""
    (tmp_path / "config.yaml").write_text("logging-to-file: true\n")
    file = RotatingFile(tmp_path / "logs", 40)
    file.write([b"[t] line %d\n" % number for number in range(10)])
    file.close()
    return tmp_path


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    environment = {"CLIPROXY_CONFIG": str(folder / "config.yaml"), "WRITABLE_PATH": str(folder)}
    result = CliRunner().invoke(cliproxy, ["logs", *arguments], env=environment)
    return result.exit_code, result.output


def test_the_log_oldest_first(folder: Path) -> None:
    code, output = run(folder)
    assert code == 0
    assert output.splitlines() == [f"[t] line {number}" for number in range(10)]


def test_the_last_lines(folder: Path) -> None:
    assert run(folder, "-n", "4")[1].splitlines() == [f"[t] line {number}" for number in range(6, 10)]
    assert run(folder, "-n", "0")[0] == 2


def test_logging_to_file_is_off(folder: Path) -> None:
    (folder / "config.yaml").write_text("port: 1234\n")
    code, output = run(folder)
    assert code == 1
    assert "logging-to-file: true" in output
    assert str(folder / "config.yaml") in output
    assert f"{folder}/logs/main.log" in output


def test_nothing_written_yet(folder: Path) -> None:
    for path in (folder / "logs").iterdir():
        path.unlink()
    assert run(folder) == (0, "")


def test_error_logs(folder: Path) -> None:
    for age, name in enumerate(
        ("error-v1-messages-2026-01-02T030405-a1b2c3d4.log", "error-root-2026-01-02T030405-7.log")
    ):
        path = folder / "logs" / name
        path.write_bytes(b"=== REQUEST INFO ===\n%d \xff\n" % age)
        os.utime(path, (1_767_300_000 - age,) * 2)
    (folder / "config.yaml").write_text("")  # these are written anyway
    lines = run(folder, "--errors")[1].splitlines()
    assert [line.split()[-2:] for line in lines] == [
        ["25", "error-v1-messages-2026-01-02T030405-a1b2c3d4.log"], ["25", "error-root-2026-01-02T030405-7.log"],
    ]  # fmt: skip
    assert len(run(folder, "--errors", "-n", "1")[1].splitlines()) == 1
    for name in ("a1b2c3d4", "error-v1-messages-2026-01-02T030405-a1b2c3d4.log"):
        code, output = run(folder, "--errors", name)
        assert code == 0
        assert output.startswith("=== REQUEST INFO ===\n0 ")


def test_any_request_log(folder: Path) -> None:
    (folder / "logs/v1-messages-2026-01-02T030405-a1b2c3d4.log").write_text("whole\n")
    assert run(folder, "a1b2c3d4") == (0, "whole\n")
    assert run(folder, "v1-messages-2026-01-02T030405-a1b2c3d4.log") == (0, "whole\n")


def test_following_begins_where_the_last_lines_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is written between the two is printed once."""

    def late(directory: Path, **options: int) -> LogPage:
        RotatingFile(directory, 1000).write([b"late\n"])
        return read_log(directory, **options)

    def once(tail: Tail) -> bytes:
        monkeypatch.setattr(Tail, "read", interrupted)
        return really(tail)

    def interrupted(tail: Tail) -> bytes:
        raise KeyboardInterrupt

    really = Tail.read
    monkeypatch.setattr(logs, "read_log", late)
    monkeypatch.setattr(Tail, "read", once)
    assert run(folder, "-f", "-n", "1") == (0, "[t] line 9\nlate\n")


@pytest.mark.parametrize("name", ["ffffffff", "error-none.log", "../config.yaml", "../outside.log", "../../etc/x.log"])
def test_no_such_log(folder: Path, name: str) -> None:
    (folder / "outside.log").write_text("secret")
    code, output = run(folder, "--errors", name)
    assert code == 1
    assert output.startswith("Error: ")
    assert "logging-to-file" not in output.partition("Error")[2]


def test_no_error_logs(folder: Path) -> None:
    assert run(folder, "--errors") == (0, f"no error logs in {folder}/logs\n")


def test_a_configuration_that_is_broken(folder: Path) -> None:
    (folder / "config.yaml").write_text("port: many\n")
    code, output = run(folder)
    assert code == 1
    assert "line 1: port" in output


def test_a_directory_that_cannot_be_read(folder: Path) -> None:
    for path in (folder / "logs").iterdir():
        path.unlink()
    (folder / "logs").rmdir()
    (folder / "logs").write_text("")
    code, output = run(folder)
    assert code == 1
    assert "failed to list log files" in output


def test_following(folder: Path) -> None:
    """Until Ctrl-C, through rotations."""
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "CLIPROXY_CONFIG": str(folder / "config.yaml"),
        "WRITABLE_PATH": str(folder), "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    output = folder / "output"
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("cliproxy"), "logs", "-f", "-n", "2"],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        eventually(lambda: output.read_text().splitlines() == ["[t] line 8", "[t] line 9"], "the last two lines")
        file = RotatingFile(folder / "logs", 40)
        expected = ["[t] line 8", "[t] line 9"]
        for number in range(10, 30):
            file.write([b"[t] line %d\n" % number])
            expected.append(f"[t] line {number}")
            if number % 7 == 0:
                eventually(lambda: output.read_text().splitlines() == expected, "the new lines")
        file.close()
        eventually(lambda: output.read_text().splitlines() == expected, "all lines")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert output.read_text().splitlines() == expected
    finally:
        process.kill()
        process.wait(10)
