"""Entries on their way to the disk (logging.md 4.3): under gevent in processes of their own, see ``log_writer.py``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        ("order", {"lines": 5000, "sorted": True, "own thread": True, "few writes": True}),
        ("stuck", {"ticks": True, "warnings": 1, "lost": True, "resumed": True, "told": True}),
        ("full", {"warnings": 1, "entries": ["2 lost", "four"]}),
        ("two outages", {"warnings": 2, "entries": ["1 lost", "b", "1 lost", "d"]}),
        ("threads", {"lines": 400, "missing": 0}),
        ("exit", {"lines": 1001}),
        ("hanging exit", {"quick": True, "lost": 2}),
        ("reconfigured", {"first": 100, "second": 100}),
    ],
)
def test_under_gevent(tmp_path: Path, scenario: str, expected: dict[str, Any]) -> None:
    script = Path(__file__).with_name("log_writer.py")
    command = [sys.executable, "-W", "error", str(script), scenario, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    if scenario == "exit":
        assert {"lines": (tmp_path / "main.log").read_text().count("\n")} == expected
    else:
        assert json.loads(done.stdout) == expected
