"""``cliproxy credentials``: a table, details, and changes with and without a server."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pool.bench import status

from cliproxy.cli import cliproxy
from cliproxy.cli.credentials import accounts
from cliproxy.pool.auth_lock import AuthLock
from cliproxy.pool.state_keeper import StateKeeper
from cliproxy.records.usage import Tokens

CONFIG = """\
auth-dir: {auths}
claude-api-key: [{{api-key: sk-ant-0123456789, prefix: team}}]
openai-compatibility:
  - {{name: Router, base-url: "http://127.0.0.1:1", api-key-entries: [{{api-key: sk-x}}], models: [{{name: up, alias: mine}}]}}
"""


@dataclass
class Shell:
    """A person at the prompt."""

    folder: Path
    auths: Path

    def run(self, *arguments: str, code: int = 0) -> str:
        environment = {"CLIPROXY_CONFIG": str(self.folder / "config.yaml")}
        result = CliRunner().invoke(cliproxy, ["credentials", *arguments], env=environment)
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result.output

    def write(self, name: str, **content: Any) -> None:
        (self.auths / name).write_text(json.dumps({"type": "claude", **content}))

    def read(self, name: str) -> Any:
        return json.loads((self.auths / name).read_text())

    def row(self, name: str) -> list[str]:
        """The cells of a row of the list."""
        (line,) = [line for line in self.run("list").splitlines() if line.startswith(name)]
        return [cell.strip() for cell in line.split("  ") if cell.strip()]


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    auths = tmp_path / "auths"
    auths.mkdir()
    (tmp_path / "config.yaml").write_text(CONFIG.format(auths=auths))
    shell = Shell(tmp_path, auths)
    shell.write("ann.json", email="ann@example.com", access_token="sesame", expired="2035-01-01T00:00:00Z")
    shell.write("bob.json", email="bob@example.com")
    return shell


class Server:
    """What of a running server matters here, in this process; ``work`` is its housekeeping."""

    def __init__(self, shell: Shell) -> None:
        self.found = accounts(str(shell.folder / "config.yaml"))
        self.keeper = StateKeeper(self.found.pool, self.found.source)
        self.keeper.look()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        while not self._stop.wait(0.02):
            self.found.source.catch_up()  # the watcher
            self.keeper.look()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self.keeper.stop()

    def fails(self, credential_id: str, model: str, error: Any) -> None:
        entry = self.found.pool.get(credential_id)
        assert entry is not None
        self.found.pool.failed(entry, model, error)
        self.found.pool.count(entry, Tokens(), failed=True)

    def kind(self, beginning: str) -> str:
        return next(entry.id for entry in self.found.pool.list() if entry.id.startswith(beginning))


@pytest.fixture
def server(shell: Shell) -> Iterator[Server]:
    server = Server(shell)
    yield server
    server.stop()


def save(server: Server) -> None:
    server.found.pool.touch()
    server.keeper.save()


def test_a_table(shell: Shell, server: Server) -> None:
    body = '{"error":{"message":"slow down","code":"rate_limit_exceeded"}}'
    server.fails("ann.json", "claude-opus-4-5-20251101", status(429, body, retry_after=3600))
    for number in range(3):
        server.fails("bob.json", f"m{number}", status(403, "no [bold] access"))
    server.fails(server.kind("openai"), "mine", status(503, "x" * 300))
    entry = server.found.pool.get("ann.json")
    assert entry is not None
    server.found.pool.count(entry, Tokens(1_500_000, 250_000), failed=False)
    save(server)
    head = shell.run().splitlines()[0].split()
    assert head == ["credential", "provider", "account", "state", "cooling", "recovers", "last", "error", "usage"]
    assert shell.row("ann.json")[1:5] == ["claude", "ann@example.com", "cooling", "claude-opus-4-5-20251101"]
    assert shell.row("ann.json")[5].startswith(("in 59m", "in 1h"))
    assert shell.row("ann.json")[6:] == ["429 slow down", "2 calls (1 failed), 1.8M tokens"]
    assert shell.row("bob.json")[3:5] == ["cooling", "3 of 8 models"]
    assert shell.row("bob.json")[6] == "403 no [bold] access"
    router = shell.row("openai-compatibility:router")
    assert router[3:5] == ["blocked", "mine"]
    assert router[6].endswith("...")
    claude = shell.row("claude:apikey")
    assert claude[2:] == ["sk-a...6789", "active", "-", "-", "-", "-"]
    assert "no server uses" not in shell.run()
    assert "sesame" not in shell.run() + shell.run("show", "ann") + shell.run("--config", "config.yaml", "list", "--json")


def test_for_scripts(shell: Shell, server: Server) -> None:
    server.fails("ann.json", "m", status(429, "slow", retry_after=3600))
    save(server)
    (ann,) = [item for item in json.loads(shell.run("list", "--json")) if item["id"] == "ann.json"]
    assert (ann["provider"], ann["account"], ann["status"], ann["unavailable"]) == (
        "claude", "ann@example.com", "error", False,
    )  # fmt: skip
    assert [(c["model"], c["reason"], c["message"]) for c in ann["cooldowns"]] == [("m", "429", "slow")]
    assert ann["quota"]["exceeded"] is True
    assert ann["next_retry_after"] == ann["cooldowns"][0]["until"] == ann["quota"]["next_recover_at"]
    assert ann["last_error"] == {"code": "", "message": "slow", "http_status": 429}
    assert ann["expires_at"] == "2035-01-01T00:00:00Z"
    assert ann["usage"]["attempts"] == 1
    shown = json.loads(shell.run("show", "ann.json", "--json"))
    assert "claude-opus-4-5-20251101" in shown["models"]
    assert {**shown, "models": 0} == {**ann, "models": 0}


def test_details(shell: Shell, server: Server) -> None:
    server.fails("bob.json", "m", status(401, '{"error":{"code":"invalid_api_key","message":"key was revoked"}}'))
    save(server)
    text = shell.run("show", "bob@example.com")
    for words in ("bob.json", "blocked", "invalid_api_key", "key was revoked", "all models", "in 30m", "in 10m", "1 call "):
        assert words in text, (words, text)
    assert "2035-01-01T00:00:00Z (in " in shell.run("show", "ann")
    assert "team/claude-opus-4-5-20251101" in shell.run("show", "claude:api")


@pytest.mark.parametrize("name", ["ann.json", "ann", "ANN", "ann@example.com", "an", "366af0920e4cef82"])
def test_names(shell: Shell, name: str) -> None:
    shell.write("claude-me.json", email="x@y")
    wanted = "claude-me.json" if name.startswith("366") else "ann.json"
    assert wanted in shell.run("show", name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nobody", "there is no credential 'nobody'. There are:\n  ann.json"), ("", "there is no credential ''"),
        ("cl", "'cl' can mean several credentials:\n  ann.json\n  bob.json\n  claude:apikey"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["show", "enable", "disable", "reset"])
def test_no_such_name(shell: Shell, command: str, name: str, words: str) -> None:
    assert words in shell.run(command, name, code=1)


def test_no_credentials(shell: Shell) -> None:
    (shell.folder / "config.yaml").write_text(f"auth-dir: {shell.folder}/none\n")
    assert "no credentials: add keys to the configuration" in shell.run()


def test_a_configuration_that_cannot_be_used(shell: Shell) -> None:
    (shell.folder / "config.yaml").write_text("port: many\n")
    assert "line 1: port:" in shell.run(code=1)
    (shell.folder / "config.yaml").write_text(f"auth-dir: {shell.folder}/config.yaml\n")
    assert "the auth directory cannot be used" in shell.run(code=1)


@pytest.mark.parametrize("served", [True, False], ids=["server", "no server"])
def test_switched_off_and_on(shell: Shell, served: bool) -> None:
    server = Server(shell) if served else None
    try:
        assert shell.run("disable", "ann") == "ann.json: disabled\n"
        assert shell.read("ann.json")["disabled"] is True
        assert shell.read("ann.json")["access_token"] == "sesame"
        assert shell.row("ann.json")[3] == "disabled"
        if server is not None:
            entry = server.found.pool.get("ann.json")
            assert entry is not None
            assert entry.credential.disabled
        assert shell.run("enable", "ann") == "ann.json: enabled\n"
        assert shell.read("ann.json")["disabled"] is False
        assert shell.row("ann.json")[3] == "active"
        assert (shell.auths / "ann.json").stat().st_mode & 0o777 == 0o600
    finally:
        if server is not None:
            server.stop()


@pytest.mark.parametrize("served", [True, False], ids=["server", "no server"])
def test_reset(shell: Shell, served: bool) -> None:
    server = Server(shell)
    server.fails("ann.json", "m", status(429, retry_after=3600))
    server.fails("ann.json", "n", status(404))
    save(server)
    if not served:
        server.stop()
        assert "no server uses this auth directory" in shell.run()
    try:
        assert shell.row("ann.json")[3] == "cooling"
        assert shell.run("reset", "ann") == "ann.json: reset (was blocked: m, n)\n"
        assert shell.row("ann.json")[3:7] == ["active", "-", "-", "-"]
        assert shell.run("reset", "ann") == "ann.json: reset (nothing was blocked)\n"
        if served:
            view = server.found.pool.view("ann.json")
            assert view is not None
            assert view.cooldowns == ()
    finally:
        if served:
            server.stop()


def test_a_key_of_the_configuration(shell: Shell, server: Server) -> None:
    """The server can leave it alone for as long as it runs; the command line alone cannot."""
    output = shell.run("disable", "router")
    assert "disabled until its entry in the configuration changes or the server restarts" in output
    assert shell.row("openai-compatibility:router")[3] == "disabled"
    shell.run("enable", "router")
    assert shell.row("openai-compatibility:router")[3] == "active"
    shell.run("disable", "router")
    server.stop()
    assert shell.row("openai-compatibility:router")[3] == "active"
    assert "comes from the configuration: without a server" in shell.run("disable", "router", code=1)
    shell.write("g.json", type="gemini", email="g@x", project_id="p1,p2")
    assert "is one project of its file" in shell.run("disable", "g.json::p1", code=1)


def test_connections_of_the_server(shell: Shell, server: Server) -> None:
    server.found.source.connect("aistudio-x")
    save(server)
    assert shell.row("aistudio-x")[1] == "aistudio"


def test_a_server_that_does_not_answer(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cliproxy.cli.credentials._PATIENCE", 0.2)
    with AuthLock(str(shell.auths)) as lock:
        assert lock.acquire()
        assert "did not answer; nothing was changed" in shell.run("disable", "ann", code=1)
    assert [name for name in os.listdir(shell.auths) if "wish" in name] == []
    assert "disabled" not in shell.read("ann.json")


def test_a_disk_that_is_full(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cliproxy.pool.stores.file.atomic_write", full)
    monkeypatch.setattr("cliproxy.pool.state_file.atomic_write", full)
    assert "ann.json could not be written" in shell.run("disable", "ann", code=1)
    assert "No space left" in shell.run("reset", "ann", code=1)


def test_it_is_quick(shell: Shell) -> None:
    """Two hundred files are no reason to wait."""
    for number in range(200):
        shell.write(f"n{number}.json", email=f"{number}@x")
    started = time.monotonic()
    assert len(shell.run().splitlines()) > 200
    assert time.monotonic() - started < 5
