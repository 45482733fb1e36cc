"""Logging in to Qwen, from the command to the file, and its refresh (oauth-login.md 7, 17)."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from end_to_end.proxy import ROOT
from oauth.authority import Answer, Authority
from oauth.qwen_authority import CLIENT, PENDING, SLOW, TOKENS, Qwen
from oauth.shell import HERE, Shell

from cliproxy.errors import LoginError, RefreshRejected, UpstreamError, UpstreamStatus
from cliproxy.oauth.qwen import DeviceLogin, QwenFlow, checked_alias, web_alias
from cliproxy.providers.tokens import qwen as tokens
from cliproxy.providers.tokens.apps import APPS
from cliproxy.providers.tokens.client import TokenClient
from cliproxy.providers.tokens.qwen import PollState


@pytest.fixture
def qwen() -> Iterator[Qwen]:
    with Qwen() as authority:
        yield authority
    assert authority.refusals == []


@pytest.fixture
def shell(tmp_path: Path, qwen: Qwen) -> Shell:
    world: dict[str, Any] = {**qwen.world(), "cliproxy.oauth.qwen.INTERVAL": 0.02}
    return Shell(tmp_path, world)


@pytest.fixture
def flow(qwen: Qwen, client: TokenClient) -> QwenFlow:
    return QwenFlow(app_at(qwen), client)


def app_at(qwen: Authority) -> Any:
    return replace(APPS["qwen"], device_url=f"{qwen.url}/device", token_url=f"{qwen.url}/token")


def hang_up() -> Answer:
    """No answer: the connection ends instead."""
    raise ConnectionResetError


# The command


def test_a_login(shell: Shell, qwen: Qwen) -> None:
    qwen.answers = [PENDING, hang_up, SLOW, PENDING]
    with shell.login("qwen", "--alias", " work/1 ", "--no-browser", "--prefix", "team", "--timeout", "20") as command:
        assert command.address() == f"{qwen.url}/authorize?user_code=ABCD-EFGH"
        output = command.ends()
    assert "ssh -L" not in output
    assert "ABCD-EFGH." in output
    assert output.count("Waiting for the Qwen login ...") == 1
    assert re.search(r"warning: cannot reach http://127\.0\.0\.1:\d+: .+: trying again", output)
    assert "work/1: logged in." in output
    assert "qwen-access" not in output
    assert len(qwen.requests("/token")) == 5
    (name, content), = shell.files().items()
    assert name == "qwen-work_1.json"
    assert list(content) == [
        "access_token", "refresh_token", "last_refresh", "resource_url", "email", "type", "expired", "prefix",
    ]  # fmt: skip
    last, expired = content.pop("last_refresh"), content.pop("expired")
    assert content == {
        "access_token": "qwen-access-1", "refresh_token": "qwen-refresh-1", "resource_url": "portal.qwen.ai",
        "email": "work/1", "type": "qwen", "prefix": "team",
    }  # fmt: skip
    assert (datetime.fromisoformat(expired) - datetime.fromisoformat(last)).total_seconds() == 21600
    path = shell.auths / name
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().endswith("}\n")


def test_the_alias_is_asked_before_anything_else(shell: Shell, qwen: Qwen) -> None:
    with shell.login("qwen", "--no-browser") as command:
        command.sees("E-mail address or alias for this account: ")
        assert qwen.asked == []
        command.types("me@example.com")
        command.ends()
    assert list(shell.files()) == ["qwen-me@example.com.json"]


@pytest.mark.parametrize("typed", ["  ", None])
def test_no_alias(shell: Shell, qwen: Qwen, typed: str | None) -> None:
    with shell.login("qwen", "--no-browser") as command:
        assert command.process.stdin is not None
        if typed is None:
            command.process.stdin.close()
        else:
            command.types(typed)
        assert "please provide an e-mail address or alias for Qwen" in command.ends(1)
    assert qwen.asked == []
    assert shell.files() == {}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer({"error": "expired_token"}, 400), "the device code has expired: start the login again"),
        (Answer({"error": "access_denied"}, 400), "the login was denied in the browser"),
    ],
)
def test_no_login(shell: Shell, qwen: Qwen, answer: Answer, words: str) -> None:
    qwen.answers = [PENDING, answer]
    with shell.login("qwen", "--email", "a", "--no-browser") as command:
        assert f"error: the Qwen login failed: {words}" in command.ends(1)
    assert shell.files() == {}


def test_nobody_logs_in(shell: Shell, qwen: Qwen) -> None:
    qwen.answers = [PENDING] * 1000
    with shell.login("qwen", "--alias", "a", "--no-browser", "--timeout", "0.3") as command:
        assert "error: the Qwen login timed out: try again" in command.ends(1)
    assert shell.files() == {}


def test_the_start_is_refused(shell: Shell, qwen: Qwen) -> None:
    qwen.routes["POST /device"] = lambda asked: Answer({"error": "invalid_client"}, 401)
    with shell.login("qwen", "--alias", "a", "--no-browser") as command:
        assert 'could not begin: status 401: {"error": "invalid_client"}' in command.ends(1)
    assert qwen.requests("/token") == []


def test_on_a_terminal(shell: Shell, qwen: Qwen) -> None:
    """Something moves while it waits, and the line is gone at the end."""
    outer, inner = pty.openpty()
    line = [sys.executable, str(HERE / "world.py"), "login", "qwen", "--alias", "a", "--no-browser"]
    qwen.answers = [PENDING]
    env = shell.env(TERM="xterm")
    with subprocess.Popen(line, cwd=ROOT, env=env, stdin=inner, stdout=inner, stderr=inner) as process:
        os.close(inner)
        seen = b""
        try:
            while chunk := os.read(outer, 4096):
                seen += chunk
        except OSError:
            pass  # how a pty says that its other end is closed
        finally:
            os.close(outer)
        assert process.wait(20) == 0, seen
    assert b"Waiting for the Qwen login ..." in seen
    assert b"\x1b[" in seen
    assert list(shell.files()) == ["qwen-a.json"]


# The flow


def test_start_and_finish(flow: QwenFlow, qwen: Qwen) -> None:
    qwen.device["interval"] = 7
    begun = flow.start()
    assert begun.url == f"{qwen.url}/authorize?user_code=ABCD-EFGH"
    assert (begun.interval, begun.lifetime, begun.device_code) == (7.0, 900.0, "dev-1")
    made = flow.finish(flow.poll(begun), web_alias(1769947200.1234))
    assert (made.name, made.content["email"]) == ("qwen-1769947200123.json", "1769947200123")
    assert "qwen-access-1" not in repr(flow.poll(begun))


@pytest.mark.parametrize(
    ("device", "words"),
    [({"device_code": ""}, "there is no device code"), ({"verification_uri": 1, "verification_uri_complete": ""}, "no address")],
)
def test_a_start_without(flow: QwenFlow, qwen: Qwen, device: dict[str, Any], words: str) -> None:
    qwen.device.update(device)
    with pytest.raises(LoginError, match=words):
        flow.start()


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (PENDING, PollState.PENDING),
        (SLOW, PollState.SLOW_DOWN),
        (Answer({"error": "slow_down"}, 400), PollState.SLOW_DOWN),
        (Answer(b"<html>"), PollState.UNREACHABLE),
        (Answer(TOKENS), PollState.DONE),
    ],
)
def test_polls(flow: QwenFlow, qwen: Qwen, answer: Answer, state: PollState) -> None:
    qwen.answers = [answer]
    assert flow.poll(flow.start()).state is state


@pytest.mark.parametrize(
    ("answer", "words", "code"),
    [
        (Answer({"error": "expired_token"}, 400), "has expired", "expired_token"),
        (Answer({"error": "access_denied"}, 400), "was denied", "access_denied"),
        (Answer({"error": "odd", "error_description": "No way"}, 400), "failed: odd - No way", "login_failed"),
        (Answer({"error": "authorization_pending"}, 500), "failed: authorization_pending - ", "login_failed"),
        (Answer(b"<html>", 502), "failed: status 502: <html>", "login_failed"),
        (Answer({"access_token": ""}), "no access token", "code_exchange_failed"),
    ],
)
def test_polls_that_end_it(flow: QwenFlow, qwen: Qwen, answer: Answer, words: str, code: str) -> None:
    qwen.answers = [answer]
    with pytest.raises(LoginError, match=re.escape(words)) as caught:
        flow.poll(flow.start())
    assert caught.value.code == code


def test_nobody_there(client: TokenClient) -> None:
    app = replace(APPS["qwen"], device_url="http://127.0.0.1:1/d", token_url="http://127.0.0.1:1/t")
    outcome = QwenFlow(app, client).poll(DeviceLogin("u", "", "d", "v"))
    assert outcome.state is PollState.UNREACHABLE
    assert "cannot reach http://127.0.0.1:1" in outcome.trouble
    with pytest.raises(LoginError, match="could not begin: cannot reach"):
        QwenFlow(app, client).start()


@pytest.mark.parametrize(("alias", "code"), [(" ", "email_required"), ("x" * 201, "bad_alias")])
def test_bad_aliases(alias: str, code: str) -> None:
    with pytest.raises(LoginError) as caught:
        checked_alias(alias)
    assert caught.value.code == code


# Renewal

OLD = {"access_token": "a", "refresh_token": "r", "resource_url": "u", "email": "me", "type": "qwen", "note": "mine"}


def refreshed(qwen: Authority, client: TokenClient, answer: Answer, **metadata: Any) -> dict[str, Any]:
    qwen.routes["POST /token"] = lambda asked: answer
    return tokens.refreshed(client, app_at(qwen), {**OLD, **metadata})


def test_a_refresh(qwen: Qwen, client: TokenClient) -> None:
    before = time.time()
    new = refreshed(qwen, client, Answer(TOKENS), email="me")
    (asked,) = qwen.requests("/token")
    assert asked.form == {"grant_type": "refresh_token", "refresh_token": "r", "client_id": CLIENT}
    assert asked.headers["accept"] == "application/json"
    expired, last = (datetime.fromisoformat(new.pop(key)).timestamp() for key in ("expired", "last_refresh"))
    assert int(before) <= last <= time.time()
    assert expired - last == 21600
    assert new == {
        "access_token": "qwen-access-1", "refresh_token": "qwen-refresh-1", "resource_url": "portal.qwen.ai",
        "email": "me", "type": "qwen", "note": "mine",
    }  # fmt: skip


def test_a_refresh_that_tells_little(qwen: Qwen, client: TokenClient) -> None:
    new = refreshed(qwen, client, Answer({"access_token": "b", "expires_in": "60"}))
    assert (new["access_token"], new["refresh_token"], new["resource_url"]) == ("b", "r", "u")


def test_nothing_to_refresh(qwen: Qwen, client: TokenClient) -> None:
    assert refreshed(qwen, client, Answer(TOKENS), refresh_token=" ") == {**OLD, "refresh_token": " "}
    assert qwen.asked == []


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Answer({"error": "invalid_grant", "error_description": "gone"}, 400), RefreshRejected, "invalid_grant - gone"),
        (
            Answer({"error": "invalid_request", "error_description": "Invalid refresh token or client_id"}, 400),
            RefreshRejected, "invalid_request - Invalid refresh token or client_id",
        ),
        (Answer({"error": "invalid_request", "error_description": "what"}, 400), UpstreamStatus, "invalid_request - what"),
        (Answer({"error": "invalid_grant"}, 500), UpstreamStatus, "invalid_grant - "),
        (Answer(b"<html>", 503), UpstreamStatus, "status 503: <html>"),
        (Answer({"expires_in": 5}), UpstreamError, "the answer has no access token"),
    ],
)  # fmt: skip
def test_refreshes_that_fail(
    qwen: Qwen, client: TokenClient, answer: Answer, kind: type[UpstreamError], words: str
) -> None:
    with pytest.raises(UpstreamError) as caught:
        refreshed(qwen, client, answer)
    assert type(caught.value) is kind
    assert caught.value.text == f"token refresh failed: {words}"
    assert json.dumps(OLD["refresh_token"]) not in caught.value.text
