"""Logging in to Claude, from the command to the file (oauth-login.md 5, 17)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from oauth.authority import Answer, Asked
from oauth.claude_authority import Claude
from oauth.shell import Shell, visit


@pytest.fixture
def claude() -> Iterator[Claude]:
    with Claude() as authority:
        yield authority
    assert authority.refusals == []


@pytest.fixture
def shell(tmp_path: Path, claude: Claude) -> Shell:
    return Shell(tmp_path, claude.world())


def at_listener(shell: Shell, url: str) -> str:
    """The callback URL as a tunnel brings it: to the port where the command listens."""
    return url.replace("localhost:54545", f"127.0.0.1:{shell.port}")


def go(shell: Shell, claude: Claude, address: str) -> str:
    """Log in at the address; the callback URL to which the browser is sent."""
    asked = claude.answer(_request(address))
    return at_listener(shell, asked.headers["Location"])


def _request(address: str) -> Asked:
    from urllib.parse import parse_qsl, urlsplit

    parts = urlsplit(address)
    return Asked("GET", parts.path, dict(parse_qsl(parts.query)), {}, b"")


def test_a_login(shell: Shell, claude: Claude) -> None:
    with shell.login("claude", *shell.code_options(), "--prefix", "/team/", "--proxy-url", "") as command:
        address = command.address()
        assert f"ssh -L 54545:127.0.0.1:{shell.port} root@" in command.output
        seen = visit(go(shell, claude, address))
        output = command.ends()
    assert (seen.status, "Authentication successful" in seen.text) == (200, True)
    assert "user@example.com: logged in." in output
    (name, content), = shell.files().items()
    assert name == "claude-user@example.com.json"
    assert list(content) == [
        "id_token", "access_token", "refresh_token", "last_refresh", "email", "type", "expired", "prefix",
    ]  # fmt: skip
    assert (content["id_token"], content["access_token"], content["type"]) == ("", "sk-ant-oat-1", "claude")
    assert content["prefix"] == "team"
    path = shell.auths / name
    assert path.stat().st_mode & 0o777 == 0o600
    assert shell.auths.stat().st_mode & 0o777 == 0o700
    text = path.read_text()
    assert text.endswith("}\n")
    assert text.count("\n") == 1
    assert "sk-ant" not in output


def test_a_second_login_keeps_what_people_added(shell: Shell, claude: Claude) -> None:
    shell.auths.mkdir()
    old = {"type": "claude", "email": "user@example.com", "Expires_In": 5, "note": "mine", "proxy_url": "socks5://p",
           "refresh_token": "old", "id_token": "old"}  # fmt: skip
    (shell.auths / "claude-user@example.com.json").write_text(json.dumps(old))
    with shell.login("claude", *shell.code_options()) as command:
        visit(go(shell, claude, command.address()))
        command.ends()
    content = shell.files()["claude-user@example.com.json"]
    assert (content["note"], content["proxy_url"], content["refresh_token"]) == ("mine", "socks5://p", "sk-ant-ort-1")
    assert "Expires_In" not in content


@pytest.mark.parametrize(
    ("deny", "words", "page"),
    [
        ({"error": "access_denied", "code": ""}, "the login was cancelled or denied (access_denied)", "access_denied"),
        ({"error": "odd", "error_description": "Try later", "code": ""}, "Try later (odd)", "odd"),
        ({"code": ""}, "the callback has no authorization code", "no authorization code"),
        ({"state": ""}, "the callback has no state", "no state parameter"),
    ],
)  # fmt: skip
def test_no_login(shell: Shell, claude: Claude, deny: dict[str, str], words: str, page: str) -> None:
    claude.deny = deny
    with shell.login("claude", *shell.code_options()) as command:
        seen = visit(go(shell, claude, command.address()))
        output = command.ends(1)
    assert (seen.status, page in seen.text) == (400, True)
    assert f"error: {words}" in output
    assert shell.files() == {}


def test_somebody_elses_callback(shell: Shell, claude: Claude) -> None:
    claude.deny = {"state": "0" * 32}
    with shell.login("claude", *shell.code_options()) as command:
        visit(go(shell, claude, command.address()))
        assert "its state differs" in command.ends(1)
    assert claude.requests("/token") == []
    assert shell.files() == {}


def test_the_token_endpoint_refuses(shell: Shell, claude: Claude) -> None:
    claude.routes["POST /token"] = lambda asked: Answer({"error": "invalid_grant"}, 400)
    with shell.login("claude", *shell.code_options()) as command:
        visit(go(shell, claude, command.address()))
        output = command.ends(1)
    assert 'token exchange failed with status 400: {"error": "invalid_grant"}' in output
    assert shell.files() == {}


def test_no_account(shell: Shell, claude: Claude) -> None:
    claude.email = ""
    with shell.login("claude", *shell.code_options()) as command:
        visit(go(shell, claude, command.address()))
        assert "no account information" in command.ends(1)
    assert shell.files() == {}
