"""``cliproxy usage``: tables and JSON out of the database, while a server writes it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from records.usage_bench import Usage, record, running

from cliproxy.cli import cliproxy

KEY = "client-key-0123456789"
DAY = 86400


@dataclass
class Shell:
    """A person at the prompt."""

    folder: Path

    def run(self, *arguments: str, code: int = 0) -> str:
        environment = {"CLIPROXY_CONFIG": str(self.folder / "config.yaml"), "WRITABLE_PATH": str(self.folder)}
        result = CliRunner().invoke(cliproxy, ["usage", *arguments], env=environment)
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result.output

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run("--json", *arguments))

    def rows(self, *arguments: str) -> list[list[str]]:
        """The cells of all rows."""
        return [
            [cell.strip() for cell in line.split("  ") if cell.strip()] for line in self.run(*arguments).splitlines()
        ]


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    shell = Shell(tmp_path)
    configure(shell)
    return shell


def configure(shell: Shell, **values: str) -> None:
    lines = {"auth-dir": str(shell.folder), "usage-statistics-enabled": "true", **values}
    (shell.folder / "config.yaml").write_text("".join(f"{name}: {value}\n" for name, value in lines.items()))


@pytest.fixture
def server(shell: Shell) -> Iterator[Usage]:
    with running(shell.folder / "logs" / "usage.sqlite3") as usage:
        yield usage


def fill(server: Usage) -> None:
    now = time.time()
    server.put(
        record(KEY, "gpt-5", requested_at=now), record(KEY, "gpt-5", requested_at=now, failed=True, tokens=()),
        record(KEY, "claude-opus", requested_at=now, provider="claude", source="sk-ant-0123456789", auth_index="ff" * 8,
               tokens=(1_000_000, 500, 3, 4)),
        record("", "gpt-5", requested_at=now - 3 * DAY, route="POST /v1/messages", tokens=(1, 1)),
    )  # fmt: skip
    server.queue.flush()


def test_tables(shell: Shell, server: Usage) -> None:
    fill(server)
    rows = shell.rows()
    assert ["models of all time"] in rows
    assert ["model", "requests", "failed", "input", "output", "reasoning", "cached", "total"] in rows
    assert ["gpt-5", "3", "1", "11", "21", "0", "0", "32"] in rows
    assert ["claude-opus", "1", "0", "1,000,000", "500", "3", "4", "1,000,503"] in rows
    assert rows.count(["total", "4", "1", "1,000,011", "521", "3", "4", "1,000,535"]) == 3
    assert ["me@example.com", "0f1e2d3c4b5a6978", "codex", "3", "1", "11", "21", "0", "0", "32"] in rows
    assert ["sk-a...6789", "ff" * 8, "claude", "1", "0", "1,000,000", "500", "3", "4", "1,000,503"] in rows
    assert ["clie...6789", "3", "1", "1,000,010", "520", "3", "4", "1,000,533"] in rows
    assert ["POST /v1/messages", "1", "0", "1", "1", "0", "0", "2"] in rows
    assert rows.index(["gpt-5", "3", "1", "11", "21", "0", "0", "32"]) < rows.index(
        ["claude-opus", "1", "0", "1,000,000", "500", "3", "4", "1,000,503"]
    )
    assert KEY not in shell.run()
    assert "is false" not in shell.run()


def test_the_last_days(shell: Shell, server: Usage) -> None:
    fill(server)
    today = time.strftime("%Y-%m-%d")
    assert [f"models since {today}"] in shell.rows("--days", "1")
    assert [shell.json("--days", days)["totals"]["requests"] for days in ("1", "3", "4")] == [3, 3, 4]
    assert "--days" in shell.run("--days", "0", code=2)


def test_for_scripts(shell: Shell, server: Usage) -> None:
    fill(server)
    found = shell.json()
    assert found["database"] == str(shell.folder / "logs" / "usage.sqlite3")
    assert (found["since"], found["usage_statistics_enabled"]) == (None, True)
    counts = {
        "requests": 4, "failed": 1, "input_tokens": 1_000_011, "output_tokens": 521, "reasoning_tokens": 3,
        "cached_tokens": 4, "total_tokens": 1_000_535,
    }  # fmt: skip
    assert found["totals"] == counts
    assert [line["name"] for line in found["models"]] == ["gpt-5", "claude-opus"]
    assert found["credentials"][0] | counts == {
        "name": "me@example.com", "auth_index": "0f1e2d3c4b5a6978", "provider": "codex", **counts,
    }  # fmt: skip
    assert [line["name"] for line in found["clients"]] == ["clie...6789", "POST /v1/messages"]
    assert KEY not in json.dumps(found)
    assert "sk-ant-0123456789" not in json.dumps(found)


def test_an_account_without_a_name(shell: Shell, server: Usage) -> None:
    server.put(record(KEY, source=KEY, provider="demo"))
    server.queue.flush()
    assert ["-", "0f1e2d3c4b5a6978", "demo", "1", "0", "10", "20", "0", "0", "30"] in shell.rows()
    assert shell.json()["credentials"][0]["name"] == ""


def test_one_line_needs_no_total(shell: Shell, server: Usage) -> None:
    server.put(record(KEY))
    server.queue.flush()
    assert "total  " not in shell.run().replace("cached  total", "")
    assert not [row for row in shell.rows() if row[:1] == ["total"]]


def test_nothing_there(shell: Shell) -> None:
    configure(shell, **{"usage-statistics-enabled": "false"})
    output = shell.run()
    assert "no usage of all time" in output
    assert "usage-statistics-enabled is false" in output
    assert not (shell.folder / "logs").exists()


def test_after_the_server(shell: Shell) -> None:
    place = shell.folder / "elsewhere.db"
    configure(shell, **{"usage-database": str(place)})
    with running(place) as usage:
        usage.put(record(KEY))
    assert shell.json()["totals"]["requests"] == 1
    assert shell.json()["database"] == str(place)


def test_what_cannot_be_read(shell: Shell) -> None:
    (shell.folder / "logs").mkdir()
    (shell.folder / "logs" / "usage.sqlite3").write_text("no database " * 100)
    assert "cannot be read: file is not a database" in shell.run(code=1)
    (shell.folder / "config.yaml").write_text("port: many\n")
    assert "line 1: port:" in shell.run(code=1)


def test_it_is_listed(shell: Shell) -> None:
    assert "usage" in CliRunner().invoke(cliproxy, ["--help"]).output
