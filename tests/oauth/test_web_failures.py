"""What a dashboard shows of logins that fail, provider by provider (management-api.md 12.7, 13)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from oauth.authority import Answer, Asked
from oauth.gemini_cloud import refused
from oauth.house import House, Visit, listens
from oauth.openai_authority import claims_of, jwt
from oauth.sites import ANTHROPIC, ANTIGRAVITY, BACK, CODEX, GEMINI, IFLOW, Site, browse, callback_of

from cliproxy.oauth.flow import Callback
from cliproxy.oauth.handover import Handover

NOT_EXCHANGED = "Failed to exchange authorization code for tokens"
UNSAVED = "Failed to save authentication tokens"


@pytest.mark.parametrize(
    ("site", "parts", "shown"),
    [
        (ANTHROPIC, {"error": "access_denied"}, "Bad request"),
        (CODEX, {"error": "access_denied"}, "Bad Request"),
        (GEMINI, {"error": "access_denied"}, "Authentication failed"),
        (ANTIGRAVITY, {"error": "access_denied"}, "Authentication failed"),
        (IFLOW, {"error": "access_denied"}, "Authentication failed"),
        (ANTHROPIC, {}, NOT_EXCHANGED),
        (CODEX, {}, NOT_EXCHANGED),
        (GEMINI, {}, "Authentication failed: code not found"),
        (ANTIGRAVITY, {}, "Authentication failed: code not found"),
        (IFLOW, {}, "Authentication failed"),
    ],
)
def test_nothing_good_came_back(house: House, at: Visit, site: Site, parts: dict[str, str], shown: str) -> None:
    visitor = at(site)
    assert visitor.comes_back_with(**parts) == shown
    assert house.files() == {}
    assert visitor.authority.asked == []


@pytest.mark.parametrize(
    ("site", "state", "shown"),
    [
        (ANTHROPIC, "other", "State code error"), (ANTHROPIC, "", "State code error"),
        (CODEX, "other", "State code error"), (CODEX, "", "State code error"),
        (GEMINI, "other", "ok"), (GEMINI, "", "ok"),
        (ANTIGRAVITY, "other", "Authentication failed: state mismatch"), (ANTIGRAVITY, "", "ok"),
        (IFLOW, "other", "Authentication failed"), (IFLOW, "", "Authentication failed"),
    ],
)  # fmt: skip
def test_another_state_in_the_file(house: House, at: Visit, site: Site, state: str, shown: str) -> None:
    visitor = at(site)
    login = visitor.start()
    code = callback_of(browse(visitor.authority, login.url)).code
    Handover(str(house.folder), site.name, login.state).put(Callback(code, state))
    assert house.ended(login.state) == shown
    assert list(house.files()) == ([site.file] if shown == "ok" else [])


@pytest.mark.parametrize(
    ("site", "route", "shown"),
    [
        (ANTHROPIC, "POST /token", NOT_EXCHANGED), (CODEX, "POST /oauth/token", NOT_EXCHANGED),
        (GEMINI, "POST /token", "Failed to exchange token"), (ANTIGRAVITY, "POST /token", "Failed to exchange token"),
        (IFLOW, "POST /token", "Authentication failed"), (IFLOW, "GET /user", "Authentication failed"),
        (GEMINI, "GET /oauth2/v1/userinfo", "Get user info request failed with status 418"),
        (ANTIGRAVITY, "GET /userinfo", "Failed to fetch user info"),
        (GEMINI, "GET /v1/projects", "Failed to complete Gemini CLI onboarding"),
        (GEMINI, "POST /v1internal:loadCodeAssist", "Failed to complete Gemini CLI onboarding"),
        (GEMINI, "POST /v1internal:onboardUser", "Failed to complete Gemini CLI onboarding"),
    ],
)  # fmt: skip
def test_an_endpoint_refuses(house: House, at: Visit, site: Site, route: str, shown: str) -> None:
    visitor = at(site)
    visitor.authority.routes[route] = lambda asked: Answer(b"no", 418)
    assert visitor.log_in() == shown
    assert house.files() == {}
    assert house.used == []


def test_the_api_cannot_be_enabled(house: House, at: Visit) -> None:
    visitor = at(GEMINI)
    visitor.authority.service(BACK, {"state": "DISABLED"}, refused(403, "denied"))
    assert visitor.log_in() == "Failed to verify Cloud AI API status"
    assert house.files() == {}


def _hang_up(asked: Asked) -> Any:
    raise ConnectionResetError


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (lambda asked: {"id": "1"}, "Could not get user info"), (lambda asked: Answer(b"hm"), "Could not get user info"),
        (_hang_up, "Failed to execute request"),
    ],
)  # fmt: skip
def test_googles_account_is_not_known(at: Visit, answer: Callable[[Asked], Any], shown: str) -> None:
    visitor = at(GEMINI)
    visitor.authority.routes["GET /oauth2/v1/userinfo"] = answer
    assert visitor.log_in() == shown


def test_accounts_without_an_address(house: House, at: Visit) -> None:
    claude, codex = at(ANTHROPIC), at(CODEX)
    claude.authority.email = ""
    codex.authority.id_token = jwt(claims_of(""))
    assert claude.log_in() == UNSAVED
    assert codex.log_in() == UNSAVED
    assert house.files() == {}


@pytest.mark.parametrize(
    ("site", "shown"),
    [
        (ANTHROPIC, UNSAVED), (CODEX, UNSAVED), (GEMINI, "Failed to save token to file"),
        (ANTIGRAVITY, "Failed to save token to file"), (IFLOW, UNSAVED),
    ],
)  # fmt: skip
def test_it_cannot_be_saved(house: House, at: Visit, monkeypatch: pytest.MonkeyPatch, site: Site, shown: str) -> None:
    def full(*arguments: Any) -> str:
        raise OSError("disk full")

    monkeypatch.setattr(house.store, "save", full)
    assert at(site).log_in() == shown
    assert house.used == []


@pytest.mark.parametrize(
    ("site", "shown"),
    [
        (ANTHROPIC, "Timeout waiting for OAuth callback"), (CODEX, "Timeout waiting for OAuth callback"),
        (GEMINI, "OAuth flow timed out"), (ANTIGRAVITY, "OAuth flow timed out"), (IFLOW, "Authentication failed"),
    ],
)  # fmt: skip
def test_nobody_comes_back(tmp_path: Path, at: Visit, site: Site, shown: str) -> None:
    visitor = at(site)
    visitor.house = House(tmp_path, patience=0.05)
    try:
        login = visitor.start(server="http://127.0.0.1:1")
        assert visitor.house.ended(login.state) == shown
        assert not listens(visitor.port)
        assert not visitor.house.logins.deliver(site.name, Callback("late", login.state))
        assert list(tmp_path.iterdir()) == []
    finally:
        visitor.house.close()


def test_a_fault_of_ours_is_an_error_too(house: House, at: Visit, caplog: pytest.LogCaptureFixture) -> None:
    visitor = at(ANTIGRAVITY)
    visitor.house.store.save = lambda *arguments: 1 / 0  # type: ignore[method-assign,assignment,return-value]
    assert visitor.log_in() == "Authentication failed"
    assert "login with antigravity failed" in caplog.text


def test_an_account_that_cannot_be_used_yet_is_saved(house: House, at: Visit, caplog: pytest.LogCaptureFixture) -> None:
    house.saved = lambda: 1 / 0
    assert at(CODEX).log_in() == "ok"
    assert list(house.files()) == [CODEX.file]
    assert "is saved, but is not in use yet" in caplog.text


def test_the_log_says_why_and_no_secrets(house: House, at: Visit, caplog: pytest.LogCaptureFixture) -> None:
    visitor = at(CODEX)
    visitor.authority.routes["POST /oauth/token"] = lambda asked: Answer({"error": "no such code"}, 400)
    visitor.log_in()
    assert (
        "login with codex failed: Failed to exchange authorization code for tokens: token exchange failed"
        in caplog.text
    )
    assert "no such code" in caplog.text
    assert "code-1" not in caplog.text
