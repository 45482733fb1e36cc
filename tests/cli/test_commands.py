"""The command line: one click group, as ``cliproxy`` and as ``flask cliproxy``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cliproxy import __version__
from cliproxy.cli import cliproxy

BROKEN = "port: many\ndebug: maybe\n"


def run(*arguments: str, **options: str) -> tuple[int, str]:
    result = CliRunner().invoke(cliproxy, list(arguments), env={"CLIPROXY_CONFIG": None, **options})
    return result.exit_code, result.output


def test_help_names_the_commands() -> None:
    code, output = run("--help")
    assert code == 0
    for command in ("serve", "config"):
        assert command in output


def test_version() -> None:
    assert __version__ in run("--version")[1]


def test_a_good_configuration(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("port: 9000\nno-such-key: 1\n")
    code, output = run("config", "check", str(tmp_path / "c.yaml"))
    assert code == 0
    assert "line 2: no-such-key: unknown key, ignored" in output


def test_a_broken_configuration(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(BROKEN)
    code, output = run("config", "check", CLIPROXY_CONFIG=str(tmp_path / "c.yaml"))
    assert code == 1
    assert "line 1: port:" in output
    assert "line 2: debug:" in output
    assert "Traceback" not in output


def test_sample_keys_are_no_good_configuration(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("api-keys: [your-api-key-1]\n")
    code, output = run("config", "check", str(tmp_path / "c.yaml"))
    assert code == 1
    assert "your-api-key-1" in output


def test_checking_changes_nothing(tmp_path: Path) -> None:
    text = "remote-management: {secret-key: plain}\n"
    (tmp_path / "c.yaml").write_text(text)
    assert run("config", "check", str(tmp_path / "c.yaml"))[0] == 0
    assert (tmp_path / "c.yaml").read_text() == text


@pytest.mark.parametrize("command", [["flask", "cliproxy"], ["cliproxy"]])
def test_both_ways_to_call_it(tmp_path: Path, command: list[str]) -> None:
    """As processes: neither may need a configuration, an app or a network."""
    environment = {**os.environ, "HOME": str(tmp_path), "CLIPROXY_CONFIG": str(tmp_path / "none.yaml")}
    done = subprocess.run(
        [Path(sys.executable).with_name(command[0]), *command[1:], "--help"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=30,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Commands:" in done.stdout
    assert "serve" in done.stdout
