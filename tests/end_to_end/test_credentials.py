"""Accounts of a running server: cooldowns over restarts, the command line, conversations that stay (credentials.md)."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from end_to_end.families import CHAT, CLAUDE, RESPONSES, Family, entry
from end_to_end.proxy import AUTHORIZED, KEY, ROOT, Answer, Proxy, environment
from upstream.plan import Plan
from upstream.server import FakeUpstream
from upstream.waiting import eventually

LIMITED = Plan(status=429, message="slow down", headers=(("Retry-After", "300"),))


class Host:
    """One machine on which a server is started again and again: same folder, same port, same files."""

    def __init__(self, folder: Path, upstream: FakeUpstream, **settings: Any) -> None:
        self.folder = folder
        self.config = {
            "api-keys": [KEY], "auth-dir": "~/auths",
            "openai-compatibility": entry(CHAT, upstream.url, "gpt-test", "one"), **settings,
        }  # fmt: skip
        self.proxy = self.start()

    @property
    def auths(self) -> Path:
        return self.folder / "home" / "auths"

    @property
    def state(self) -> Any:
        path = self.auths / ".cliproxy-state"
        return json.loads(path.read_bytes())["credentials"] if path.exists() else {}

    def start(self) -> Proxy:
        self.proxy = Proxy(self.folder, self.config)
        self.proxy.wait_until_up()
        return self.proxy

    def ask(self, family: Family = CHAT, **headers: str) -> Answer:
        return self.proxy.post(family.path(), family.body(), **headers)

    def command(self, *arguments: str, code: int = 0) -> str:
        """``flask cliproxy credentials ...`` as a person types it."""
        line = [sys.executable, "-m", "flask", "--app", "wsgi", "cliproxy", "credentials", *arguments]
        done = subprocess.run(
            line, cwd=ROOT, env=environment(self.folder, self.proxy.config_path), capture_output=True, text=True, timeout=60
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def models(self) -> set[str]:
        answer = self.proxy.ask("GET", "/v1/models", headers=AUTHORIZED)
        return {model["id"] for model in answer.json["data"]}


@pytest.fixture
def host(tmp_path: Path, upstream: FakeUpstream) -> Iterator[Host]:
    host = Host(tmp_path, upstream)
    yield host
    upstream.release()
    if host.proxy.process.poll() is None:
        host.proxy.stop()


def blocks(host: Host) -> list[Mapping[str, Any]]:
    return [model["block"] for state in host.state.values() for model in state["models"].values() if model["block"]]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["TERM", "KILL"])
def test_a_cooldown_survives_a_restart(host: Host, upstream: FakeUpstream, how: signal.Signals) -> None:
    upstream.plan(LIMITED)
    answer = host.ask()
    assert (answer.status, answer.headers["retry-after"]) == (429, "300")
    if how == signal.SIGKILL:
        eventually(lambda: blocks(host), "the cooldown is saved", seconds=5)
        host.proxy.kill()
    else:
        host.proxy.stop()
    host.start()
    answer = host.ask()
    assert (answer.status, answer.json["error"]["code"]) == (429, "model_cooldown")
    assert 280 <= int(answer.headers["retry-after"]) <= 300
    assert len(upstream.requests) == 1
    assert "blocked" in host.command("list")
    assert "slow down" in host.command("show", "chat")
    assert "reset (was blocked: gpt-test)" in host.command("reset", "openai")
    assert host.ask().status == 200
    assert blocks(host) == []


def test_usage_is_counted(host: Host) -> None:
    for _ in range(3):
        assert host.ask().status == 200
    host.proxy.stop()
    host.start()
    assert "3 calls" in host.command()


def test_a_login_is_switched_off_and_on(host: Host) -> None:
    login = {"type": "claude", "email": "me@example.com", "access_token": "sesame", "expired": "2035-01-01T00:00:00Z"}
    (host.auths / "me.json").write_text(json.dumps(login))
    model = "claude-opus-4-5-20251101"
    eventually(lambda: model in host.models(), "the login is noticed")
    assert host.command("disable", "me@example.com") == "me.json: disabled\n"
    assert model not in host.models()
    assert json.loads((host.auths / "me.json").read_text()) == {**login, "disabled": True}
    host.proxy.stop()
    host.start()
    assert model not in host.models()
    host.command("enable", "me")
    assert model in host.models()
    assert "Traceback" not in host.proxy.log


def test_without_a_server(host: Host) -> None:
    host.proxy.stop()
    (host.auths / "me.json").write_text(json.dumps({"type": "claude", "email": "me@example.com"}))
    assert host.command("disable", "me") == "me.json: disabled\n"
    assert json.loads((host.auths / "me.json").read_text())["disabled"] is True
    assert "there is no credential 'you'" in host.command("show", "you", code=1)


def conversation(family: Family, number: int) -> tuple[dict[str, Any], dict[str, str]]:
    """(body, headers) as the tools send them: Claude Code, Codex, and a client that names nothing."""
    if family is CLAUDE:
        user = json.dumps({"device_id": "d", "account_uuid": "", "session_id": f"session-{number}"})
        return {"metadata": {"user_id": user}}, {}
    if family is RESPONSES:
        return {"prompt_cache_key": f"key-{number}"}, {"Session_id": f"session-{number}"}
    return {"messages": [{"role": "user", "content": f"conversation {number}"}]}, {}


@pytest.mark.parametrize("family", [CLAUDE, RESPONSES, CHAT], ids=repr)
def test_conversations_stay_with_their_account(tmp_path: Path, upstream: FakeUpstream, family: Family) -> None:
    """Three accounts, five conversations in turns: each stays where its prompt cache is, until that account fails."""
    accounts = [item for number in range(3) for item in entry(family, upstream.url, family.model, f"account{number}")]
    host = Host(tmp_path, upstream, **{family.section: accounts, "routing": {"session-affinity": True}})
    seen: dict[int, set[str]] = {number: set() for number in range(5)}
    try:
        for turn in range(4):
            for number in seen:
                body, headers = conversation(family, number)
                sent = family.body(stream=turn % 2 == 1, **body)
                answer = host.proxy.ask("POST", family.path(stream=turn % 2 == 1), sent, {**AUTHORIZED, **headers})
                assert answer.status == 200, answer.body
                seen[number].add(upstream.requests[-1].credential)
        assert [len(used) for used in seen.values()] == [1] * 5
        assert len(set.union(*seen.values())) == 3
        body, headers = conversation(family, 0)
        upstream.plan(LIMITED)
        for _ in range(3):
            host.proxy.ask("POST", family.path(), family.body(**body), {**AUTHORIZED, **headers})
        left, *stayed = [request.credential for request in upstream.requests[-4:]]
        assert {left} == seen[0]
        assert len(set(stayed)) == 1
        assert left not in stayed
    finally:
        host.proxy.stop()
