"""Logging in to Google for Gemini CLI: the flow, and the whole command at a terminal (oauth-login.md 3, 4, 17)."""

from __future__ import annotations

import io
import json
import re
import signal
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from oauth.authority import Answer
from oauth.gemini_cloud import CLIENT, SCOPES, SECRET, GeminiCloud, onboarded, refused
from oauth.pty_shell import PtyShell
from oauth.shell import Shell, visit

from cliproxy.cli.logins.gemini import LoginWithProjects, PersonAtTerminal
from cliproxy.cli.terminal import Terminal
from cliproxy.config.settings import Settings
from cliproxy.errors import LoginError, UpstreamError
from cliproxy.oauth.flow import Callback
from cliproxy.oauth.gemini import GeminiFlow, GoogleSession, file_name, token_file
from cliproxy.providers.credential import Credential
from cliproxy.providers.http import HttpClient
from cliproxy.providers.token_times import expiry
from cliproxy.providers.tokens.apps import APPS, OAuthApp
from cliproxy.providers.tokens.client import TokenClient

FRONT, BACK = "gen-lang-client-0123", "mystic-victor-77"
TOKEN_KEYS = [
    "access_token", "client_id", "client_secret", "expires_in", "expiry", "refresh_token", "scopes", "token_type",
    "token_uri", "universe_domain",
]  # fmt: skip
KEYS = ["token", "project_id", "email", "auto", "checked", "type"]
QUESTION = r"Enter choice \[1\]: "


@pytest.fixture
def shell(tmp_path: Path, cloud: GeminiCloud) -> PtyShell:
    return PtyShell(tmp_path, cloud.world())


def free_account(cloud: GeminiCloud, *finals: str) -> None:
    cloud.has(FRONT)
    cloud.manages({FRONT: BACK})
    for final in finals:
        cloud.service(final)


# the command at a terminal


@pytest.mark.case("oauth-login:F1")
def test_a_free_account_takes_the_backend(shell: PtyShell, cloud: GeminiCloud) -> None:
    free_account(cloud, BACK)
    with shell.login("gemini", *shell.code_options(), "--prefix", "/team/") as command:
        seen = visit(command.address())
        command.sees(rf"Project id, number, or ALL \[{FRONT}\]: ")
        command.types("")
        command.sees(QUESTION)
        assert shell.files() == {}
        command.types("")
        output = command.ends()
    assert (seen.status, seen.url.partition("?")[0]) == (200, f"http://localhost:{shell.port}/oauth2callback")
    assert "Authentication successful" in seen.text
    assert output.count("Enter choice") == 1
    assert f"ssh -L {shell.port}:127.0.0.1:{shell.port} root@" in output
    assert f"user@example.com ({BACK}): logged in." in output
    assert not re.search("ya29|1//refresh|code-1|GOCSPX", output)
    path = shell.auths / f"user@example.com-{BACK}.json"
    assert f"Saved to {path}" in output.replace("\r\n", "\n")
    assert path.stat().st_mode & 0o777 == 0o600
    assert (path.read_text().endswith("}\n"), path.read_text().count("\n")) == (True, 1)
    ((name, content),) = shell.files().items()
    assert name == path.name
    assert list(content) == [*KEYS, "prefix"]
    token = content.pop("token")
    assert content == {
        "project_id": BACK, "email": "user@example.com", "auto": False, "checked": True, "type": "gemini",
        "prefix": "team",
    }  # fmt: skip
    assert list(token) == TOKEN_KEYS
    ends = datetime.fromisoformat(token.pop("expiry")).timestamp() - datetime.now(UTC).timestamp()
    assert 3500 < ends < 3600
    assert token == {
        "access_token": "ya29.1", "client_id": CLIENT, "client_secret": SECRET, "expires_in": 3599,
        "refresh_token": "1//refresh", "scopes": list(SCOPES), "token_type": "Bearer",
        "token_uri": f"{cloud.url}/token", "universe_domain": "googleapis.com",
    }  # fmt: skip
    redirect = cloud.requests("/token")[0].form["redirect_uri"]
    assert redirect == f"http://localhost:{shell.port}/oauth2callback"
    assert re.fullmatch("[0-9a-f]{32}", cloud.requests("/o/oauth2/auth")[0].query["state"])


@pytest.mark.case("oauth-login:F3")
def test_a_free_account_keeps_the_frontend(shell: PtyShell, cloud: GeminiCloud) -> None:
    free_account(cloud, FRONT)
    with shell.login("gemini", *shell.code_options(), "--project-id", FRONT) as command:
        visit(command.address())
        command.sees(QUESTION)
        command.types("2")
        output = command.ends()
    assert "Project id, number, or ALL" not in output
    assert "warning: preview models may be unavailable" in output
    assert [(name, content["project_id"]) for name, content in shell.files().items()] == [
        (f"user@example.com-{FRONT}.json", FRONT)
    ]


@pytest.mark.case("oauth-login:F6")
def test_the_end_of_input_is_the_default(shell: PtyShell, cloud: GeminiCloud) -> None:
    free_account(cloud, BACK)
    with shell.login("gemini", *shell.code_options()) as command:
        visit(command.address())
        command.sees("or ALL")
        command.ends_input()
        output = command.ends()
    assert "Enter choice" in output
    assert list(shell.files()) == [f"user@example.com-{BACK}.json"]


@pytest.mark.case("oauth-login:F25")
def test_all_projects_of_a_free_account(shell: PtyShell, cloud: GeminiCloud) -> None:
    cloud.has("gen-lang-client-1", "gen-lang-client-2", "gen-lang-client-3")
    cloud.manages({"gen-lang-client-1": "b1", "gen-lang-client-2": "b1", "gen-lang-client-3": "b1"})
    cloud.service("gen-lang-client-1")
    cloud.service("b1")
    with shell.login("gemini", *shell.code_options()) as command:
        visit(command.address())
        command.sees("or ALL")
        command.types("all")
        for number, answer in enumerate(("2", "", "1"), 1):
            command.sees(f"(?s)({QUESTION}.*){{{number}}}")
            command.types(answer)
        command.ends()
    ((name, content),) = shell.files().items()
    assert (name, content["project_id"]) == ("gemini-user@example.com-all.json", "gen-lang-client-1,b1")
    assert cloud.checked() == ["gen-lang-client-1", "b1"]


@pytest.mark.case("oauth-login:F11")
def test_a_paid_account_keeps_its_project(shell: PtyShell, cloud: GeminiCloud) -> None:
    cloud.has("my-a", "my-proj")
    cloud.tier("standard-tier")
    cloud.manages({"my-proj": "other-proj"})
    cloud.service("my-proj")
    with shell.login("gemini", *shell.code_options()) as command:
        visit(command.address())
        command.sees("or ALL")
        command.types("2")
        output = command.ends()
    assert "Enter choice" not in output
    assert "other-proj" in output
    assert list(shell.files()) == ["user@example.com-my-proj.json"]


def test_an_interrupt_at_the_question(shell: PtyShell, cloud: GeminiCloud) -> None:
    free_account(cloud)
    with shell.login("gemini", *shell.code_options(), "--project-id", FRONT) as command:
        visit(command.address())
        command.sees(QUESTION)
        command.process.send_signal(signal.SIGINT)
        assert "nothing was saved" in command.ends(130)
    assert shell.files() == {}


@pytest.mark.parametrize(
    ("deny", "words", "page"),
    [
        ({"error": "access_denied", "code": ""}, "the login was cancelled or denied (access_denied)", "access_denied"),
        ({"code": ""}, "the callback has no authorization code", "no code"),
        ({"state": "0" * 32}, "its state differs", "Authentication successful"),
        ({"state": "state-token"}, "its state differs", "Authentication successful"),
        ({"state": ""}, "the callback has no state", "Authentication successful"),
    ],
)  # fmt: skip
def test_no_login(shell: PtyShell, cloud: GeminiCloud, deny: dict[str, str], words: str, page: str) -> None:
    cloud.deny = deny
    with shell.login("gemini", *shell.code_options()) as command:
        seen = visit(command.address())
        output = command.ends(1)
    assert (seen.status, page in seen.text) == (200, True)
    assert f"error: {words}" in output or f"({words})" in output
    assert cloud.requests("/token") == []
    assert shell.files() == {}


def test_the_port_is_in_use(shell: PtyShell, cloud: GeminiCloud) -> None:
    with socket.create_server(("", shell.port)):
        with shell.login("gemini", *shell.code_options()) as command:
            output = command.ends(13)
    assert str(shell.port) in output
    assert cloud.asked == []


# the command with pipes


def test_piped_answers_are_not_lost(tmp_path: Path, cloud: GeminiCloud) -> None:
    shell = Shell(tmp_path, cloud.world())
    cloud.has("gen-lang-client-1", "gen-lang-client-2")
    cloud.manages({"gen-lang-client-1": "b1", "gen-lang-client-2": "b1"})
    cloud.service("gen-lang-client-1")
    cloud.service("b1")
    with shell.login("gemini", *shell.code_options(), "--project-id", "ALL") as command:
        command.types("2\n\n")
        visit(command.address())
        command.ends()
    assert shell.files()["gemini-user@example.com-all.json"]["project_id"] == "gen-lang-client-1,b1"


def test_without_any_project(tmp_path: Path, cloud: GeminiCloud) -> None:
    shell = Shell(tmp_path, cloud.world())
    with shell.login("gemini", *shell.code_options()) as command:
        visit(command.address())
        output = command.ends(1)
    assert "No Google Cloud projects are available" in output
    assert "cliproxy login gemini --project-id PROJECT_ID" in output
    assert "error: no project selected" in output
    assert shell.files() == {}


def test_a_failing_set_up_saves_nothing(tmp_path: Path, cloud: GeminiCloud) -> None:
    shell = Shell(tmp_path, cloud.world())
    free_account(cloud)
    cloud.service(BACK, {"state": "DISABLED"}, refused(403, "denied"))
    with shell.login("gemini", *shell.code_options(), "--project-choice", "backend") as command:
        command.types("")
        visit(command.address())
        output = command.ends(1)
    assert "error: project activation required: denied" in output
    assert "Enter choice" not in output
    assert shell.files() == {}


def test_options(tmp_path: Path, cloud: GeminiCloud) -> None:
    shell = Shell(tmp_path, cloud.world())
    with shell.login("gemini", "--project-choice", "both") as command:
        assert "'ask', 'backend', 'frontend'" in command.ends(2)
    with shell.login("gemini", "--help") as command:
        output = command.ends()
    for option in (
        "--project-id",
        "--project-choice",
        "--no-browser",
        "--callback-port",
        "--timeout",
        "--no-ip-lookup",
    ):
        assert option in output


# the flow


@pytest.fixture
def app(cloud: GeminiCloud) -> OAuthApp:
    from dataclasses import replace

    fields = {name.rpartition(".")[2]: url for name, url in cloud.world().items() if name.startswith("apps.")}
    return replace(APPS["gemini"], **fields)  # type: ignore[arg-type]


def begun_login(flow: GeminiFlow, cloud: GeminiCloud, **options: Any) -> tuple[Any, Callback]:
    begun = flow.start(**options)
    state = parse_qs(urlsplit(begun.url).query)["state"][0]
    cloud.challenges["the code"] = ""
    return begun, Callback("the code", state)


def test_the_address() -> None:
    begun = GeminiFlow(APPS["gemini"], TokenClient(HttpClient(Settings, {}))).start()
    base, _, query = begun.url.partition("?")
    found = parse_qs(query, strict_parsing=True)
    assert base == "https://accounts.google.com/o/oauth2/auth"
    assert found == {
        "access_type": ["offline"], "client_id": [CLIENT], "prompt": ["consent"],
        "redirect_uri": ["http://localhost:8085/oauth2callback"], "response_type": ["code"],
        "scope": [" ".join(SCOPES)], "state": [begun.state],
    }  # fmt: skip
    assert list(found) == sorted(found)
    assert re.fullmatch("[0-9a-f]{32}", begun.state)


def test_the_state_of_a_web_login(app: OAuthApp, client: TokenClient, cloud: GeminiCloud) -> None:
    flow = GeminiFlow(app, client)
    begun, callback = begun_login(flow, cloud, state_prefix="gem-")
    assert re.fullmatch("gem-[0-9a-f]{32}", begun.state)
    assert flow.finish(begun, callback).email == "user@example.com"


def test_the_state_is_verified(app: OAuthApp, client: TokenClient, cloud: GeminiCloud) -> None:
    flow = GeminiFlow(app, client)
    begun, callback = begun_login(flow, cloud)
    with pytest.raises(LoginError) as caught:
        flow.finish(begun, Callback(callback.code, "state-token"))
    assert caught.value.code == "invalid_state"
    assert cloud.asked == []


def test_a_session(app: OAuthApp, client: TokenClient, cloud: GeminiCloud) -> None:
    flow = GeminiFlow(app, client, clock=lambda: 1000.0)
    session = flow.finish(*begun_login(flow, cloud))
    assert (session.access_token, session.refresh_token, session.expiry) == ("ya29.1", "1//refresh", 4599.0)
    assert session.answer["id_token"] == "e30.e30.e30"
    assert "ya29" not in repr(session)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer({"error": "invalid_grant"}, 400), 'token exchange failed with status 400: {"error": "invalid_grant"}'),
        ({"error": "odd", "error_description": "So odd"}, "token exchange failed: So odd"),
        ({"token_type": "Bearer"}, "token exchange failed: the answer has no access token"),
    ],
)  # fmt: skip
def test_a_refused_exchange(app: OAuthApp, client: TokenClient, cloud: GeminiCloud, answer: Any, words: str) -> None:
    cloud.routes["POST /token"] = lambda asked: answer
    flow = GeminiFlow(app, client)
    with pytest.raises(LoginError, match=f"^{re.escape(words)}$"):
        flow.finish(*begun_login(flow, cloud))
    assert cloud.requests("/oauth2/v1/userinfo") == []


def test_no_address_no_login(app: OAuthApp, client: TokenClient, cloud: GeminiCloud) -> None:
    cloud.email = ""
    flow = GeminiFlow(app, client)
    with pytest.raises(LoginError, match="no e-mail address"):
        flow.finish(*begun_login(flow, cloud))


def test_a_token_that_ends_meanwhile_is_renewed(app: OAuthApp, client: TokenClient, cloud: GeminiCloud) -> None:
    now = [1000.0]
    answer = {"access_token": "ya29.1", "refresh_token": "1//refresh", "expires_in": 100, "token_type": "Bearer"}
    session = GoogleSession(app, client, "user@example.com", answer, lambda: now[0])
    cloud.routes["GET /x"] = lambda asked: {"bearer": asked.headers["authorization"]}
    cloud.routes["POST /x"] = lambda asked: {"bearer": asked.headers["authorization"], "body": asked.json}
    cloud.routes["POST /token"] = lambda asked: {"access_token": "ya29.2", "expires_in": 200, "token_type": "Bearer"}
    now[0] = 1089.9
    assert session.get(f"{cloud.url}/x") == {"bearer": "Bearer ya29.1"}
    assert cloud.requests("/token") == []
    now[0] = 1090.0
    assert session.post(f"{cloud.url}/x", {"a": 1}) == {"bearer": "Bearer ya29.2", "body": {"a": 1}}
    session.get(f"{cloud.url}/x")
    (asked,) = cloud.requests("/token")
    assert asked.form == {
        "grant_type": "refresh_token", "refresh_token": "1//refresh", "client_id": CLIENT, "client_secret": SECRET,
    }  # fmt: skip
    token = session.token()
    assert (token["access_token"], token["refresh_token"], token["expires_in"]) == ("ya29.2", "1//refresh", 200)
    assert datetime.fromisoformat(token["expiry"]).timestamp() == 1290
    cloud.routes["POST /token"] = lambda asked: Answer({"error": "invalid_grant"}, 400)
    now[0] = 1300.0
    with pytest.raises(UpstreamError):
        session.get(f"{cloud.url}/x")


def test_a_token_without_an_end(app: OAuthApp, client: TokenClient, cloud: GeminiCloud) -> None:
    session = GoogleSession(app, client, "user@example.com", {"access_token": "ya29.1"}, lambda: 1e12)
    cloud.routes["GET /x"] = lambda asked: {}
    session.get(f"{cloud.url}/x")
    assert list(session.token()) == [key for key in TOKEN_KEYS if key not in ("expires_in", "expiry")]


@pytest.mark.parametrize(
    ("project", "cli", "web"),
    [
        ("my-proj", "user@example.com-my-proj.json", "gemini-user@example.com-my-proj.json"),
        (" my-proj ", "user@example.com-my-proj.json", "gemini-user@example.com-my-proj.json"),
        ("a,b", "gemini-user@example.com-all.json", "gemini-user@example.com-all.json"),
        ("All", "gemini-user@example.com-all.json", "gemini-user@example.com-all.json"),
        ("../x", "user@example.com-.._x.json", "gemini-user@example.com-.._x.json"),
    ],
)  # fmt: skip
def test_file_names(project: str, cli: str, web: str) -> None:
    assert file_name("user@example.com", project, web=False) == cli
    assert file_name("user@example.com", project, web=True) == web


def test_the_file(app: OAuthApp, client: TokenClient) -> None:
    answer = {"access_token": "ya29.1", "expires_in": "3599", "id_token": "x", "scope": "y"}
    session = GoogleSession(app, client, "user@example.com", answer, lambda: 1000.0)
    made = token_file(session, "a,b", auto=True, web=True)
    assert list(made.content) == KEYS
    assert list(made.content["token"]) == TOKEN_KEYS
    assert (made.content["auto"], made.content["token"]["refresh_token"]) == (True, "")
    assert made.content["token"]["expires_in"] == 3599
    assert made.label == "user@example.com (a, b)"
    assert json.loads(json.dumps(made.content)) == made.content
    assert expiry(Credential("x", "gemini-cli", "x", metadata=made.content)) == 4599


def test_help_where_a_project_is_required(
    app: OAuthApp, client: TokenClient, cloud: GeminiCloud, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def required(session: GoogleSession, preset: str, person: PersonAtTerminal) -> Any:
        from cliproxy.oauth.gemini_choice import Project

        person.show([Project("my-proj", "Mine")])
        capsys.readouterr()
        raise LoginError("project selection required", code="project_selection_required")

    monkeypatch.setattr("cliproxy.cli.logins.gemini.set_up_for_command", required)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    flow = GeminiFlow(app, client)
    login = LoginWithProjects(flow, "", PersonAtTerminal(Terminal()))
    with pytest.raises(LoginError, match="project selection required"):
        login.finish(*begun_login(flow, cloud))
    printed = capsys.readouterr().out
    assert "  my-proj (Mine)\n" in printed
    assert "cliproxy login gemini --project-id PROJECT_ID" in printed


def test_an_onboarding_without_a_project_asks_nobody(shell: PtyShell, cloud: GeminiCloud) -> None:
    cloud.has(FRONT)
    cloud.managed[FRONT] = [onboarded({})]
    cloud.service(FRONT)
    with shell.login("gemini", *shell.code_options(), "--project-id", "ALL") as command:
        visit(command.address())
        assert "Enter choice" not in command.ends()
    assert list(shell.files()) == [f"user@example.com-{FRONT}.json"]
