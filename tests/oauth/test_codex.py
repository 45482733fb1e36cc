"""Logging in to Codex, from the command to the file (oauth-login.md 6, 17)."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from oauth.authority import Answer
from oauth.openai_authority import AUTH, REDIRECT, TEN_DAYS, OpenAI, claims_of, jwt
from oauth.shell import Shell, visit

from cliproxy.config.settings import Settings
from cliproxy.errors import LoginError
from cliproxy.oauth.codex import CodexFlow, account_part, file_name, plan_part
from cliproxy.oauth.flow import Callback, TokenFile
from cliproxy.providers.http import HttpClient
from cliproxy.providers.tokens.apps import APPS
from cliproxy.providers.tokens.client import TokenClient
from cliproxy.providers.tokens.codex import Account, account_of


@pytest.fixture
def openai() -> Iterator[OpenAI]:
    with OpenAI() as authority:
        yield authority
    assert authority.refusals == []


@pytest.fixture
def shell(tmp_path: Path, openai: OpenAI) -> Shell:
    return Shell(tmp_path, openai.world())


def go(shell: Shell, openai: OpenAI, address: str) -> str:
    """Log in at the address; the callback URL as a tunnel brings it: to the port where the command listens."""
    return openai.go(address).replace("localhost:1455", f"127.0.0.1:{shell.port}")


def test_a_login(shell: Shell, openai: OpenAI) -> None:
    with shell.login("codex", *shell.code_options()) as command:
        address = command.address()
        assert f"ssh -L 1455:127.0.0.1:{shell.port} root@" in command.output
        query = dict(parse_qsl(urlsplit(address).query))
        assert query["redirect_uri"] == REDIRECT
        assert re.fullmatch("[0-9a-f]{32}", query["state"])
        assert list(query) == sorted(query)
        seen = visit(go(shell, openai, address))
        output = command.ends()
    assert (seen.status, "Authentication successful" in seen.text) == (200, True)
    assert "https://platform.openai.com" in seen.text
    assert "user@example.com: logged in." in output
    (name, content), = shell.files().items()
    assert name == "codex-user@example.com-plus.json"
    renewed, ends = (datetime.fromisoformat(content.pop(key)) for key in ("last_refresh", "expired"))
    assert (ends - renewed).total_seconds() == TEN_DAYS
    assert content == {
        "id_token": openai.id_token, "access_token": "eyJ-access-1", "refresh_token": "rt_1", "account_id": "acct-123",
        "email": "user@example.com", "type": "codex",
    }  # fmt: skip
    path = shell.auths / name
    assert path.stat().st_mode & 0o777 == 0o600
    assert shell.auths.stat().st_mode & 0o777 == 0o700
    text = path.read_text()
    assert (text.endswith("}\n"), text.count("\n")) == (True, 1)
    assert list(json.loads(text)) == [
        "id_token", "access_token", "refresh_token", "account_id", "last_refresh", "email", "type", "expired",
    ]  # fmt: skip
    assert not any(secret in output for secret in ("eyJ-access", "rt_1", openai.id_token, "code-1"))


def test_a_prefix_and_another_client(shell: Shell, openai: OpenAI) -> None:
    """``oauth-clients`` of the configuration; an answer with little in it."""
    config = {"auth-dir": str(shell.auths), "oauth-clients": {"codex": {"client-id": "app_other"}}}
    (shell.folder / "config.yaml").write_text(json.dumps(config))
    openai.routes["GET /oauth/authorize"] = openai.authorizing(
        client_id="app_other", response_type="code", scope="openid email profile offline_access", prompt="login",
        id_token_add_organizations="true", codex_cli_simplified_flow="true",
    )  # fmt: skip
    openai.routes["POST /oauth/token"] = lambda asked: (
        {"id_token": openai.id_token, "access_token": "a", "expires_in": "60"}
        if asked.form["client_id"] == "app_other" else Answer(b"", 400)
    )  # fmt: skip
    with shell.login("codex", *shell.code_options(), "--prefix", "team") as command:
        visit(go(shell, openai, command.address()))
        command.ends()
    content = shell.files()["codex-user@example.com-plus.json"]
    assert (content["prefix"], content["refresh_token"]) == ("team", "")


def test_a_second_login_keeps_what_people_added(shell: Shell, openai: OpenAI) -> None:
    shell.auths.mkdir()
    old = {"type": "codex", "email": "user@example.com", "note": "mine", "proxy_url": "socks5://p", "disabled": True,
           "refresh_token": "old", "session_id": "old"}  # fmt: skip
    (shell.auths / "codex-user@example.com-plus.json").write_text(json.dumps(old))
    with shell.login("codex", *shell.code_options()) as command:
        visit(go(shell, openai, command.address()))
        command.ends()
    content = shell.files()["codex-user@example.com-plus.json"]
    assert (content["note"], content["proxy_url"], content["disabled"]) == ("mine", "socks5://p", True)
    assert content["refresh_token"] == "rt_1"
    assert "session_id" not in content


@pytest.mark.parametrize(
    ("deny", "words", "page"),
    [
        ({"error": "access_denied", "code": ""}, "the login was cancelled or denied (access_denied)", "access_denied"),
        ({"code": ""}, "the callback has no authorization code", "no authorization code"),
        ({"state": ""}, "the callback has no state", "no state parameter"),
    ],
)  # fmt: skip
def test_no_login(shell: Shell, openai: OpenAI, deny: dict[str, str], words: str, page: str) -> None:
    openai.deny = deny
    with shell.login("codex", *shell.code_options()) as command:
        seen = visit(go(shell, openai, command.address()))
        output = command.ends(1)
    assert (seen.status, page in seen.text) == (400, True)
    assert f"error: {words}" in output
    assert openai.requests("/oauth/token") == []
    assert shell.files() == {}


def test_somebody_elses_callback(shell: Shell, openai: OpenAI) -> None:
    openai.deny = {"state": "0" * 32}
    with shell.login("codex", *shell.code_options()) as command:
        visit(go(shell, openai, command.address()))
        assert "its state differs" in command.ends(1)
    assert openai.requests("/oauth/token") == []
    assert shell.files() == {}


def test_the_token_endpoint_refuses(shell: Shell, openai: OpenAI) -> None:
    openai.routes["POST /oauth/token"] = lambda asked: Answer({"error": "invalid_grant"}, 400)
    with shell.login("codex", *shell.code_options()) as command:
        visit(go(shell, openai, command.address()))
        output = command.ends(1)
    assert 'error: token exchange failed with status 400: {"error": "invalid_grant"}' in output
    assert len(openai.requests("/oauth/token")) == 1
    assert shell.files() == {}


def test_no_address(shell: Shell, openai: OpenAI) -> None:
    openai.id_token = jwt({AUTH: {"chatgpt_account_id": "acct-123"}})
    with shell.login("codex", *shell.code_options()) as command:
        visit(go(shell, openai, command.address()))
        assert "error: the id token has no account information (e-mail address)" in command.ends(1)
    assert shell.files() == {}


# The same without a terminal.


@pytest.fixture
def http() -> Iterator[HttpClient]:
    client = HttpClient(Settings, {})
    yield client
    client.close()


def made(openai: OpenAI, http: HttpClient) -> TokenFile:
    """The file of a login."""
    app = replace(APPS["codex"], authorize_url=f"{openai.url}/oauth/authorize", token_url=f"{openai.url}/oauth/token")
    flow = CodexFlow(app, TokenClient(http))
    begun = flow.start(9455)
    query = dict(parse_qsl(urlsplit(openai.go(begun.url)).query))
    return flow.finish(begun, Callback(query["code"], query["state"]))


@pytest.mark.parametrize(
    ("email", "plan", "account", "name"),
    [
        pytest.param("u@x.com", None, None, "codex-u@x.com.json", marks=pytest.mark.case("oauth-login:C1")),
        pytest.param("u@x.com", None, "acct-123", "codex-u@x.com.json", marks=pytest.mark.case("oauth-login:C1")),
        pytest.param(" u@x.com ", "Plus", None, "codex-u@x.com-plus.json", marks=pytest.mark.case("oauth-login:C2")),
        pytest.param(
            "u@x.com", "team", "acct-123", "codex-3abf465e-u@x.com-team.json", marks=pytest.mark.case("oauth-login:C3")
        ),
        pytest.param("u@x.com", "team", None, "codex--u@x.com-team.json", marks=pytest.mark.case("oauth-login:C4")),
        pytest.param(
            "u@x.com", "Team Plan", "acct-123", "codex-u@x.com-team-plan.json", marks=pytest.mark.case("oauth-login:C5")
        ),
        ("u/../x@y", "--", "acct-123", "codex-u_.._x@y.json"),
    ],
)  # fmt: skip
def test_file_names(
    openai: OpenAI, http: HttpClient, email: str, plan: str | None, account: str | None, name: str
) -> None:
    openai.id_token = jwt(claims_of(email, plan, account))
    file = made(openai, http)
    assert file.name == name
    assert file.label == file.content["email"] == email.strip()
    assert file.content["account_id"] == (account or "")


@pytest.mark.parametrize(
    ("plan", "part"),
    [
        (" Team Plan ", "team-plan"), ("Plus", "plus"), ("--", ""), ("", ""), ("PRO_2.5", "pro-2-5"), ("Équipe", "équipe"),
        ("a²b", "a-b"),
    ],
)  # fmt: skip
def test_plans(plan: str, part: str) -> None:
    assert plan_part(plan) == part


def test_accounts_in_names() -> None:
    assert (account_part(" acct-123 "), account_part(" ")) == ("3abf465e", "")
    assert file_name(Account("u@x.com", " ", " TEAM ")) == "codex--u@x.com-team.json"


EXPECTED = Account("u@x.com", "acct-123", "plus")


@pytest.mark.parametrize(
    "more",
    [
        {"aud": "plain text", "iat": "then", "exp": None, "sub": 5},
        {AUTH: {"chatgpt_account_id": "acct-123", "chatgpt_plan_type": "plus", "organizations": "none",
                "chatgpt_subscription_last_checked": "yesterday", "chatgpt_subscription_active_start": [1]}},
    ],
)  # fmt: skip
def test_claims_of_other_types_do_no_harm(more: dict[str, Any]) -> None:
    assert account_of(jwt({**claims_of("u@x.com", "plus", "acct-123"), **more})) == EXPECTED


@pytest.mark.parametrize(
    ("claims", "account"),
    [
        ({"email": "u@x.com"}, Account("u@x.com")), ({"email": 5, AUTH: {"chatgpt_plan_type": "pro"}}, Account(plan="pro")),
        ({"email": "u@x.com", AUTH: "none"}, Account("u@x.com")), ({"email": "u@x.com", AUTH: [1]}, Account("u@x.com")),
        ({"email": "u@x.com", AUTH: {"chatgpt_plan_type": 1, "chatgpt_account_id": "a"}}, Account("u@x.com", "a")),
        ({"email": "u@x.com", AUTH: {"chatgpt_plan_type": "pro", "chatgpt_account_id": None}}, Account("u@x.com", plan="pro")),
        ({}, Account()),
    ],
)  # fmt: skip
def test_each_claim_is_read_on_its_own(
    claims: dict[str, Any], account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    assert account_of(jwt(claims)) == account
    assert caplog.records == []


@pytest.mark.parametrize("email", ["u@x.com", "uu@x.com", "uuu@x.com", "uuuu@x.com", "ü>>?~@x.com"])
def test_all_lengths_of_the_middle_part(email: str) -> None:
    header, middle, signature = jwt({"email": email}).split(".")
    assert account_of(f"{header}.{middle}.{signature}").email == email
    assert account_of(f"{header}.{middle}{'=' * (-len(middle) % 4)}.{signature}").email == email


@pytest.mark.parametrize(
    "token",
    [
        "", "secret", jwt({"email": "u@x.com"}).rpartition(".")[0], jwt({"email": "u@x.com"}) + ".more",
        jwt(["u@x.com"]), jwt("u@x.com"), "a.!!!!.c", "a.ü.c", "a.AAAAA.c", "a.-_-_.c", "a..c",
    ],
)  # fmt: skip
def test_tokens_that_cannot_be_read(token: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert account_of(token) == Account()
    assert [record.getMessage() for record in caplog.records] == ["the id token of a Codex login cannot be read"]


@pytest.mark.parametrize("id_token", ["", None, "not.a-token", 7])
def test_a_login_without_a_readable_id_token(openai: OpenAI, http: HttpClient, id_token: Any) -> None:
    openai.more = {"id_token": id_token}
    with pytest.raises(LoginError, match="no account information") as caught:
        made(openai, http)
    assert caught.value.code == "missing_account"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(b"busy", 503), "token exchange failed with status 503: busy"),
        (Answer(b"<html>"), "token exchange failed: the answer of .* is not JSON"),
        (Answer(["x"]), "token exchange failed: the answer of .* is not a JSON object"),
        (Answer({"id_token": "x", "refresh_token": "y"}), "token exchange failed: the answer has no access token"),
    ],
)  # fmt: skip
def test_answers_that_are_no_tokens(openai: OpenAI, http: HttpClient, answer: Answer, words: str) -> None:
    openai.routes["POST /oauth/token"] = lambda asked: answer
    with pytest.raises(LoginError, match=words) as caught:
        made(openai, http)
    assert caught.value.code == "code_exchange_failed"
