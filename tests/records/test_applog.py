"""The application log: lines, destinations, live changes (logging.md 4)."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cliproxy.records import applog
from cliproxy.records.output import LogOutput, LogPlan

log = logging.getLogger("cliproxy.tested")
STAMP = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] ")


@pytest.fixture(autouse=True)
def own_handlers() -> Iterator[None]:
    """The root logger as a server has it; as it was afterwards."""
    root = logging.getLogger()
    before, levels = root.handlers[:], (root.level, logging.getLogger("cliproxy").level)
    root.handlers[:] = []
    applog.install()
    yield
    applog.configure(None)
    root.handlers[:] = before
    root.setLevel(levels[0])
    logging.getLogger("cliproxy").setLevel(levels[1])
    applog.set_request_id(applog.NO_REQUEST)


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    """What was printed, without the times."""
    return STAMP.sub("", capsys.readouterr().out)


def written(directory: Path) -> str:
    """The content of main.log, without the times."""
    return STAMP.sub("", (directory / "main.log").read_text())


def output_of_the_process() -> applog.Output:
    (output,) = (handler for handler in logging.getLogger().handlers if isinstance(handler, applog.Output))
    return output


class TestLines:
    """Section 4.1."""

    def test_a_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        applog.set_request_id("a1b2c3d4")
        log.info("hello %s", "you")
        out = capsys.readouterr().out
        assert re.fullmatch(
            r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] \[a1b2c3d4\] \[info \] \[test_applog\.py:\d+\] hello you\n", out
        )

    @pytest.mark.case("logging:7")
    def test_warnings_and_fields(self, capsys: pytest.CaptureFixture[str]) -> None:
        log.warning("careful", extra={"error": "e 1", "model": "m", "foo": "f"})
        out = printed(capsys)
        assert "[--------] [warn ] [" in out
        assert out.endswith("] careful model=m error=e 1\n")
        assert "foo" not in out
        assert "warning" not in out.lower().replace("test_warnings", "")

    @pytest.mark.parametrize(
        ("level", "name"),
        [(logging.DEBUG, "debug"), (logging.INFO, "info "), (logging.ERROR, "error"), (logging.CRITICAL, "fatal")],
    )
    def test_levels(self, capsys: pytest.CaptureFixture[str], level: int, name: str) -> None:
        applog.install(debug=True)
        log.log(level, "x")
        assert f"[{name}] " in printed(capsys)

    @pytest.mark.case("logging:8")
    @pytest.mark.parametrize("message", ["a\r\n", "a", "a\n\n"])
    def test_one_line_end(self, capsys: pytest.CaptureFixture[str], message: str) -> None:
        log.info(message)
        assert printed(capsys).endswith("] a\n")

    def test_inner_line_ends_stay(self, capsys: pytest.CaptureFixture[str]) -> None:
        log.info("a\nb\n", extra={"provider": "p"})
        assert printed(capsys).endswith("] a\nb provider=p\n")

    def test_an_unknown_caller(self) -> None:
        record = logging.LogRecord("x", logging.INFO, "(unknown file)", 0, "text", (), None)
        assert applog.LineFormatter().format(record).endswith("[--------] [info ] text")

    def test_a_traceback_follows(self, capsys: pytest.CaptureFixture[str]) -> None:
        try:
            raise ValueError("no")
        except ValueError:
            log.exception("broke")
        out = printed(capsys)
        assert "] broke\nTraceback (most recent call last):\n" in out
        assert out.endswith("ValueError: no\n")

    def test_the_time_follows_the_clock(self) -> None:
        formatter = applog.LineFormatter()
        times = []
        for created in (1_700_000_000.9, 1_700_000_001.1, 1_700_000_000.1):
            record = logging.LogRecord("x", logging.INFO, "f.py", 1, "t", (), None)
            record.created = created
            times.append(formatter.format(record)[18:20])
        assert times == ["20", "21", "20"]

    def test_text_that_is_no_text(self, tmp_path: Path) -> None:
        applog.configure(tmp_path)
        output_of_the_process().handle(
            logging.LogRecord("x", logging.INFO, "f.py", 1, "half \ud800 character", (), None)
        )
        assert written(tmp_path).endswith("half \\ud800 character\n")


class TestLevel:
    """Section 4.2."""

    def test_a_change_is_said(self, capsys: pytest.CaptureFixture[str]) -> None:
        log.debug("unseen")
        applog.set_debug(True)
        applog.set_debug(True)
        log.debug("seen")
        applog.set_debug(False)
        out = printed(capsys)
        assert "log level changed from info to debug (debug=true)" in out
        assert "log level changed from debug to info (debug=false)" in out
        assert out.count("changed") == 2
        assert "unseen" not in out
        assert out.count("seen") == 1

    def test_installing_again_adds_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        applog.install(debug=True)
        applog.install()
        log.info("once")
        assert printed(capsys).count("once") == 1


class TestDestination:
    """Section 4.3."""

    def test_to_a_file_and_back(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        directory = tmp_path / "a/logs"
        log.info("one")
        applog.configure(directory)
        assert applog.log_file() == directory / "main.log"
        log.info("two")
        writer = output_of_the_process().writer
        applog.configure(directory)
        assert output_of_the_process().writer is writer
        log.info("three")
        applog.configure(None)
        log.info("four")
        assert applog.log_file() is None
        text = written(directory)
        assert ["two" in text, "three" in text, text.count("\n")] == [True, True, 2]
        out = printed(capsys)
        assert ["one" in out, "four" in out, out.count("\n")] == [True, True, 2]

    def test_rights(self, tmp_path: Path) -> None:
        applog.configure(tmp_path / "logs")
        assert (tmp_path / "logs").stat().st_mode & 0o777 == 0o755
        assert (tmp_path / "logs/main.log").stat().st_mode & 0o777 == 0o600

    def test_a_directory_that_cannot_be_made(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        applog.configure(tmp_path / "good")
        with pytest.raises(OSError, match="file"):
            applog.configure(tmp_path / "file/logs")
        log.info("still there")
        assert "still there" in written(tmp_path / "good")

    def test_what_comes_after_the_end_is_written_too(self, tmp_path: Path) -> None:
        applog.configure(tmp_path)
        log.info("before")
        applog.close()
        log.info("after")
        assert written(tmp_path).count("\n") == 2

    def test_a_disk_that_fails_is_told_once(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        applog.configure(tmp_path / "logs")
        with monkeypatch.context() as broken:
            broken.setattr("os.write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
            for _ in range(3):
                log.info("lost")
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert "[warn ] cannot write" in err
        assert "No space left on device" in err
        log.info("again")
        lines = written(tmp_path / "logs").splitlines()
        assert "3 log entries were lost" in lines[0]
        assert lines[1].endswith("again")
        assert len(lines) == 2

    def test_a_broken_stream_stops_nobody(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        class Closed:
            def write(self, text: str) -> None:
                raise ValueError("I/O operation on closed file")

        monkeypatch.setattr(sys, "stdout", Closed())
        log.info("nobody hears this")
        assert "closed file" in capsys.readouterr().err

    def test_a_terminal_that_knows_few_characters(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        with (tmp_path / "out").open("w", encoding="ascii") as stream:
            monkeypatch.setattr(sys, "stdout", stream)
            log.info("naïve")
        assert (tmp_path / "out").read_text().endswith("na\\xefve\n")


class TestOutput:
    """What the configuration says."""

    def test_it_follows_the_plan(self, tmp_path: Path) -> None:
        auths = str(tmp_path / "auths")
        output = LogOutput(LogPlan(False, auths), {}, cwd=tmp_path)
        output.apply(LogPlan(False, auths))
        assert applog.log_file() is None
        assert output.directory == tmp_path / "auths/logs"
        assert not output.directory.exists()
        output.reapply(LogPlan(True, auths))
        assert applog.log_file() == tmp_path / "auths/logs/main.log"
        output.reapply(LogPlan(True, str(tmp_path / "others")))
        assert applog.log_file() == tmp_path / "others/logs/main.log"
        assert output.directory == tmp_path / "others/logs"
        output.close()
        log.info("end")
        assert "end" in written(tmp_path / "others/logs")

    def test_a_plan_that_fails_live_is_an_error_and_no_more(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "file").write_text("")
        good, bad = LogPlan(True, str(tmp_path)), LogPlan(True, str(tmp_path / "file"))
        output = LogOutput(good, {}, cwd=tmp_path / "work")
        output.apply(good)
        output.reapply(bad)
        assert "[error]" in written(tmp_path / "logs")
        assert "failed to configure log output: " in written(tmp_path / "logs")
        assert output.directory == tmp_path / "logs"
        with pytest.raises(OSError, match="file"):
            output.apply(bad)

    def test_the_cap_is_kept_at_once(self, tmp_path: Path) -> None:
        output = LogOutput(LogPlan(), {"WRITABLE_PATH": str(tmp_path)})
        output.apply(LogPlan())
        (tmp_path / "logs").mkdir()
        (tmp_path / "logs/main.log").write_bytes(b"x" * (1 << 20))
        (tmp_path / "logs/other.log").write_bytes(b"x")
        output.reapply(LogPlan(True, None, 2))
        assert len(list((tmp_path / "logs").iterdir())) == 2
        output.reapply(LogPlan(True, None, 1))
        assert [path.name for path in (tmp_path / "logs").iterdir()] == ["main.log"]
        output.reapply(LogPlan(False, None, 0))
        (tmp_path / "logs/main.log").write_bytes(b"x" * (1 << 21))
        output.reapply(LogPlan(False, None, 1))
        assert list((tmp_path / "logs").iterdir()) == []
