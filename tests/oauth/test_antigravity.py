"""Logging in to Antigravity, from the command to the file (oauth-login.md 9, 17)."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from oauth.antigravity_authority import CLIENT, SCOPES, SECRET, Google
from oauth.authority import Answer, Asked
from oauth.shell import Shell, visit

from cliproxy.errors import LoginError, UpstreamError
from cliproxy.oauth.antigravity import AntigravityFlow
from cliproxy.oauth.flow import Authorization, Callback
from cliproxy.providers.tokens import antigravity as tokens
from cliproxy.providers.tokens.apps import APPS
from cliproxy.providers.tokens.client import TokenClient


@pytest.fixture
def google() -> Iterator[Google]:
    with Google() as authority:
        yield authority
    assert authority.refusals == []


@pytest.fixture
def shell(tmp_path: Path, google: Google) -> Shell:
    shell = Shell(tmp_path, google.world(), {"oauth-clients": {"antigravity": {"client-secret": SECRET}}})
    google.redirect = f"http://localhost:{shell.port}/oauth-callback"
    return shell


def go(google: Google, address: str) -> str:
    """Log in at the address; the callback URL to which the browser is sent."""
    parts = urlsplit(address)
    asked = Asked("GET", parts.path, dict(parse_qsl(parts.query)), {}, b"")
    assert asked.query["redirect_uri"] == google.redirect
    return google.answer(asked).headers["Location"]


def log_in(shell: Shell, google: Google, *arguments: str, code: int = 0) -> tuple[str, str]:
    """(what the command printed, what the browser showed)."""
    with shell.login("antigravity", *shell.code_options(), *arguments) as command:
        seen = visit(go(google, command.address()))
        assert seen.status == 200
        return command.ends(code), seen.text


def test_a_login(shell: Shell, google: Google) -> None:
    before = time.time()
    output, page = log_in(shell, google)
    assert "Login successful" in page
    assert f"ssh -L {shell.port}:127.0.0.1:{shell.port} root@" in output
    assert "user@example.com: logged in." in output
    assert re.search(r"(?m)^Account: user@example\.com\nProject: mystic-victor-77$", output)
    (name, content), = shell.files().items()
    assert name == "antigravity-user@example.com.json"
    assert list(content) == [
        "access_token", "disabled", "email", "expired", "expires_in", "project_id", "refresh_token", "timestamp", "type",
    ]  # fmt: skip
    issued, ends = content.pop("timestamp"), content.pop("expired")
    assert content == {
        "access_token": "ya29.1", "disabled": False, "email": "user@example.com", "expires_in": 3599,
        "project_id": "mystic-victor-77", "refresh_token": "1//1", "type": "antigravity",
    }  # fmt: skip
    assert before * 1000 - 1 <= issued <= time.time() * 1000
    assert tokens.ends_at({"expired": ends}) == issued // 1000 + 3599
    path = shell.auths / name
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().count("\n") == 1
    assert not re.search(r"ya29|1//1|code-\d|ours-alone", output)


@pytest.mark.parametrize(
    ("project", "polls", "expected"),
    [
        ({"id": " from-object "}, [], "from-object"),
        ("", [{"done": True, "response": {"cloudaicompanionProject": {"id": "made"}}}], "made"),
        ({"name": "x"}, [{"done": True, "response": {"cloudaicompanionProject": "made-too"}}], "made-too"),
    ],
)
def test_where_the_project_comes_from(
    shell: Shell, google: Google, project: Any, polls: list[Any], expected: str
) -> None:
    google.project, google.polls = project, [*polls]
    output, _ = log_in(shell, google)
    assert f"Project: {expected}\n" in output
    assert shell.files()["antigravity-user@example.com.json"]["project_id"] == expected
    assert len(google.requests("/v1internal:onboardUser")) == len(polls)


def test_a_login_without_a_project_is_a_login(shell: Shell, google: Google) -> None:
    google.routes["POST /v1internal:loadCodeAssist"] = lambda asked: Answer(b"no " * 200, 403)
    output, page = log_in(shell, google)
    assert "Login successful" in page
    warning = re.search("(?m)^warning: (.*)$", output)
    assert warning is not None
    reason = f"loadCodeAssist failed with status 403: {('no ' * 200)[:200]}"
    assert warning[1] == (
        f"antigravity: the account's project is not known ({reason}): it is looked for again at each renewal"
    )
    assert "Project: not known yet" in output
    content = shell.files()["antigravity-user@example.com.json"]
    assert "project_id" not in content
    assert content["access_token"] == "ya29.1"


def test_a_second_login_keeps_the_project_and_what_people_added(shell: Shell, google: Google) -> None:
    google.routes["POST /v1internal:loadCodeAssist"] = lambda asked: Answer({}, 500)
    shell.auths.mkdir()
    old = {"type": "antigravity", "email": "user@example.com", "project_id": "kept", "note": "mine",
           "access_token": "old", "timestamp": 1, "disabled": True}  # fmt: skip
    (shell.auths / "antigravity-user@example.com.json").write_text(json.dumps(old))
    log_in(shell, google, "--prefix", "team")
    content = shell.files()["antigravity-user@example.com.json"]
    assert (content["project_id"], content["note"], content["prefix"]) == ("kept", "mine", "team")
    assert (content["access_token"], content["disabled"]) == ("ya29.1", False)


def test_without_a_client_secret(shell: Shell, google: Google, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(json.dumps({"auth-dir": str(shell.auths)}))
    with shell.login("antigravity", *shell.code_options()) as command:
        output = command.ends(1)
    assert output == (
        "error: Antigravity needs a client secret, which is not part of this program: set "
        "oauth-clients.antigravity.client-secret in the configuration, or the environment variable "
        "CLIPROXY_ANTIGRAVITY_CLIENT_SECRET\n"
    )
    assert google.asked == []
    with shell.login("antigravity", *shell.code_options(), CLIPROXY_ANTIGRAVITY_CLIENT_SECRET=SECRET) as command:
        visit(go(google, command.address()))
        command.ends()
    assert list(shell.files()) == ["antigravity-user@example.com.json"]


@pytest.mark.parametrize(
    ("deny", "words", "page"),
    [
        (
            {"error": "access_denied", "code": "", "state": "0" * 32}, "authentication failed: access_denied",
            "Login failed",
        ),
        ({"state": "0" * 32}, "invalid state", "Login successful"),
    ],
)  # fmt: skip
def test_no_login(shell: Shell, google: Google, deny: dict[str, str], words: str, page: str) -> None:
    google.deny = deny
    output, seen = log_in(shell, google, code=1)
    assert page in seen
    assert output.endswith(f"error: antigravity: {words}\n")
    assert google.requests("/token") == []
    assert shell.files() == {}


def test_the_token_endpoint_refuses(shell: Shell, google: Google) -> None:
    google.routes["POST /token"] = lambda asked: Answer(b"x" * 9000, 400)
    output, _ = log_in(shell, google, code=1)
    assert f"error: antigravity: token exchange failed with status 400: {'x' * 8192}\n" in output
    assert shell.files() == {}


def test_an_account_without_an_address(shell: Shell, google: Google) -> None:
    google.email = " "
    output, _ = log_in(shell, google, code=1)
    assert "error: antigravity: the account has no e-mail address\n" in output
    assert shell.files() == {}


# Without a command: the flow itself


@pytest.fixture
def moved(google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "CODE_ASSIST", google.url)


def test_the_default_redirect(client: TokenClient) -> None:
    flow = AntigravityFlow(APPS["antigravity"], client)
    one, other = flow.start(), flow.start()
    query = dict(parse_qsl(urlsplit(one.url).query))
    assert one.url.startswith("https://accounts.google.com/o/oauth2/v2/auth?access_type=offline&client_id=")
    assert query == {
        "access_type": "offline", "client_id": CLIENT, "prompt": "consent", "response_type": "code", "scope": SCOPES,
        "redirect_uri": "http://localhost:51121/oauth-callback", "state": one.state,
    }  # fmt: skip
    assert re.fullmatch("[0-9a-f]{32}", one.state)
    assert one.state != other.state
    assert dict(parse_qsl(urlsplit(flow.start(9).url).query))["redirect_uri"] == "http://localhost:9/oauth-callback"


@pytest.mark.parametrize(
    ("callback", "code", "words"),
    [
        (Callback(error="odd", description="why"), "oauth_error", "antigravity: authentication failed: odd (why)"),
        (Callback(code="c", error="odd"), "oauth_error", "antigravity: authentication failed: odd"),
        (Callback(code="c", state="t"), "invalid_state", "antigravity: invalid state"),
        (Callback(code="c", state="ü"), "invalid_state", "antigravity: invalid state"),
        (Callback(code="c"), "invalid_state", "antigravity: invalid state"),
        (Callback(), "invalid_state", "antigravity: invalid state"),
        (Callback(state="s"), "no_code", "antigravity: missing authorization code"),
    ],
)
def test_the_order_of_the_checks(client: TokenClient, callback: Callback, code: str, words: str) -> None:
    flow = AntigravityFlow(APPS["antigravity"], client)
    with pytest.raises(LoginError) as caught:
        flow.finish(Authorization("", "s", ""), callback)
    assert (caught.value.code, caught.value.text) == (code, words)


@pytest.mark.usefixtures("moved")
def test_onboarding_takes_a_while(google: Google, client: TokenClient) -> None:
    slept: list[float] = []
    google.project, google.tiers = None, [{"id": "paid"}, {"id": 5, "isDefault": True}]
    google.polls = [{"done": False}, {"done": "true", "response": {"cloudaicompanionProject": "early"}}, {},
                    {"done": True, "response": {"cloudaicompanionProject": "late"}}]  # fmt: skip
    assert tokens.project_of(client, "ya29.1", slept.append) == "late"
    assert slept == [2.0, 2.0, 2.0]


@pytest.mark.usefixtures("moved")
def test_onboarding_that_does_not_end(google: Google, client: TokenClient) -> None:
    slept: list[float] = []
    google.project, google.tiers, google.polls = "", None, [{}] * 9
    assert tokens.project_of(client, "ya29.1", slept.append) == ""
    assert slept == [2.0] * 4
    assert len(google.requests("/v1internal:onboardUser")) == 5


@pytest.mark.parametrize(
    ("poll", "words"),
    [
        ({"done": True}, "onboardUser made no project"),
        ({"done": True, "response": {"cloudaicompanionProject": {"id": ""}}}, "onboardUser made no project"),
        (Answer(b" " + b"n" * 300, 500), f"onboardUser failed with status 500: {'n' * 200}"),
    ],
)
@pytest.mark.usefixtures("moved")
def test_onboarding_that_fails(google: Google, client: TokenClient, poll: Any, words: str) -> None:
    google.project, google.polls = "", [poll]
    with pytest.raises(UpstreamError) as caught:
        tokens.project_of(client, "ya29.1", lambda seconds: None)
    assert caught.value.text == words


@pytest.mark.usefixtures("moved")
def test_a_project_that_google_does_not_get_done(google: Google, client: TokenClient) -> None:
    google.project, google.polls = "", [{}] * 5
    app = replace(
        APPS["antigravity"], token_url=f"{google.url}/token", user_info_url=f"{google.url}/userinfo?alt=json",
        client_secret=SECRET,
    )  # fmt: skip
    google.redirect, google.challenges = "http://localhost/r", {"c": ""}
    flow = AntigravityFlow(app, client, lambda seconds: None)
    made = flow.finish(Authorization("", "s", google.redirect), Callback("c", "s"))
    assert "project_id" not in made.content
    assert [note for note in made.notes if "Google has not made one yet" in note] == list(made.notes) != []
