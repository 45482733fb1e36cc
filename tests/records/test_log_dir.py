"""ResolveLogDirectory (logging.md 5.1)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cliproxy.records.log_dir import resolve_log_directory


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """A working directory with a ``logs`` of its own."""
    here = tmp_path / "work"
    (here / "logs").mkdir(parents=True)
    return here


@pytest.mark.case("logging:10")
@pytest.mark.parametrize("variable", ["WRITABLE_PATH", "writable_path"])
def test_the_environment_comes_first(local: Path, variable: str) -> None:
    assert resolve_log_directory({variable: "/x"}, "/auth", local) == Path("/x/logs")
    assert resolve_log_directory({variable: "  /x/ "}, "/auth", local) == Path("/x/logs")


@pytest.mark.case("logging:10")
@pytest.mark.parametrize("blank", ["", "  ", "\t"])
def test_blank_variables_do_not_count(local: Path, blank: str) -> None:
    assert resolve_log_directory({"WRITABLE_PATH": blank}, "/auth", local) == local / "logs"
    assert resolve_log_directory({"WRITABLE_PATH": blank, "writable_path": "/y"}, "/auth", local) == Path("/y/logs")


def test_capitals_come_before_small_letters() -> None:
    assert resolve_log_directory({"WRITABLE_PATH": "/x", "writable_path": "/y"}, None) == Path("/x/logs")


def test_a_relative_path_begins_in_the_working_directory(local: Path) -> None:
    assert resolve_log_directory({"WRITABLE_PATH": "data"}, None, local) == local / "data/logs"
    assert resolve_log_directory({}, "auths", local.parent) == local.parent / "auths/logs"


@pytest.mark.case("logging:11")
def test_logs_that_can_be_written(local: Path) -> None:
    assert resolve_log_directory({}, "/auth", local) == local / "logs"
    assert list((local / "logs").iterdir()) == []


@pytest.mark.case("logging:11")
@pytest.mark.parametrize("auth_dir", ["~/auths", " ~/auths ", "~auths"])
def test_else_the_auth_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, auth_dir: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert resolve_log_directory({}, auth_dir, tmp_path) == tmp_path / "home/auths/logs"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.case("logging:11")
def test_logs_that_cannot_be_written(local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *rest: object) -> None:
        raise PermissionError(path)  # also root may not

    monkeypatch.setattr(Path, "touch", refuse)
    assert resolve_log_directory({}, "/auth", local) == Path("/auth/logs")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_directory_without_rights(local: Path) -> None:
    (local / "logs").chmod(0o555)
    assert resolve_log_directory({}, "/auth", local) == Path("/auth/logs")


def test_a_file_named_logs_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("")
    assert resolve_log_directory({}, "/auth", tmp_path) == Path("/auth/logs")


@pytest.mark.parametrize("auth_dir", [None, "", "  "])
def test_nothing_else_left(tmp_path: Path, auth_dir: str | None) -> None:
    assert resolve_log_directory({}, auth_dir, tmp_path) == tmp_path / "logs"
    assert list(tmp_path.iterdir()) == []


def test_the_process_has_a_working_directory(local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(local)
    assert resolve_log_directory({}, "/auth") == local / "logs"
