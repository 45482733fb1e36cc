"""Gemini's projects and Qwen's device login from the web (management-api.md 12.7, 13; oauth-login.md 13)."""

from __future__ import annotations

import re

import pytest
from oauth.authority import Answer
from oauth.gemini_cloud import GeminiCloud
from oauth.house import House, Visit
from oauth.qwen_authority import PENDING, Qwen
from oauth.sites import ANTIGRAVITY, BACK, FRONT, GEMINI, browse, callback_of
from upstream.waiting import eventually

from cliproxy.errors import LoginError
from cliproxy.oauth.web_flows import WEB_PROVIDERS


@pytest.mark.parametrize(
    ("project", "final", "auto"), [("", BACK, True), (FRONT, BACK, False), ("all", "b1,b2", False)]
)  # fmt: skip
def test_free_accounts_get_the_backend_project(house: House, at: Visit, project: str, final: str, auto: bool) -> None:
    visitor = at(GEMINI)
    if project == "all":
        visitor.authority.several({"gen-lang-client-1": "b1", "gen-lang-client-2": "b1", "x": "b2"}, "b1", "b2")
    assert visitor.log_in(project) == "ok"
    ((name, content),) = house.files().items()
    assert name == f"gemini-user@example.com-{'all' if ',' in final else final}.json"
    assert (content["project_id"], content["auto"], content["checked"]) == (final, auto, True)


def test_an_onboarding_keeps_the_session_and_ends_with_it(
    house: House, at: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cliproxy.oauth.gemini_projects.PAUSE", 0.01)
    visitor = at(GEMINI)
    cloud: GeminiCloud = visitor.authority
    cloud.managed[FRONT] = [{"done": False}]
    login = visitor.start()
    house.deliver("gemini", callback_of(browse(cloud, login.url)))
    ends: set[float] = set()

    def renewed() -> bool:
        session = house.sessions.get(login.state)
        assert session is not None
        ends.add(session.ends)
        return len(ends) > 3

    eventually(renewed, "its end moves on", every=0.01)
    assert house.logins.cancel(login.state)
    assert house.ended(login.state) == "ok"
    assert len(cloud.onboardings()) < 60
    assert house.files() == {}


def test_an_onboarding_is_cancelled_while_it_sleeps(house: House, at: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cliproxy.oauth.gemini_projects.PAUSE", 60.0)
    visitor = at(GEMINI)
    visitor.authority.managed[FRONT] = [{"done": False}]
    login = visitor.start()
    house.deliver("gemini", callback_of(browse(visitor.authority, login.url)))
    eventually(visitor.authority.onboardings, "the first question")
    assert house.logins.cancel(login.state)
    assert house.ended(login.state) == "ok"
    assert house.files() == {}


# Antigravity's project


def test_the_wait_for_a_project_is_cancelled(house: House, at: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cliproxy.providers.tokens.antigravity._PAUSE", 60.0)
    visitor = at(ANTIGRAVITY)
    visitor.authority.project, visitor.authority.polls = "", [{"done": False}]
    login = visitor.start()
    house.deliver("antigravity", callback_of(browse(visitor.authority, login.url)))
    eventually(lambda: visitor.authority.requests("/v1internal:onboardUser"), "the first question")
    assert house.logins.cancel(login.state)
    assert house.ended(login.state) == "ok"
    assert house.files() == {}


# Qwen


def test_a_device_login(house: House, device_login: Qwen) -> None:
    device_login.answers = [PENDING, PENDING]
    login = house.logins.start("qwen", server="http://127.0.0.1:1")
    assert login.url == f"{device_login.url}/authorize?user_code=ABCD-EFGH"
    assert re.fullmatch("gem-[0-9a-f]{32}", login.state)
    assert house.ended(login.state) == "ok"
    ((name, content),) = house.files().items()
    assert re.fullmatch(r"qwen-\d{13}\.json", name)
    assert content["email"] == name[5:-5]
    assert house.used == [[name]]


def test_a_device_login_is_denied(house: House, device_login: Qwen) -> None:
    device_login.answers = [PENDING, Answer({"error": "access_denied"}, 400)]
    login = house.logins.start("qwen")
    assert house.ended(login.state) == "Authentication failed"
    assert house.files() == {}


def test_a_device_login_cannot_begin(house: House, device_login: Qwen) -> None:
    device_login.routes["POST /device"] = lambda asked: Answer(b"no", 500)
    with pytest.raises(LoginError) as caught:
        house.logins.start("qwen")
    assert caught.value.code == "device_code_failed"
    assert repr(house.sessions) == "<LoginSessions 0>"


def test_a_device_login_is_cancelled_while_it_sleeps(
    house: House, device_login: Qwen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cliproxy.oauth.qwen.INTERVAL", 60.0)
    device_login.answers = [PENDING]
    login = house.logins.start("qwen")
    eventually(lambda: device_login.requests("/token"), "the first question")
    assert house.logins.cancel(login.state)
    assert house.ended(login.state) == "ok"
    assert len(device_login.requests("/token")) == 1
    assert house.files() == {}


def test_repr() -> None:
    assert repr(WEB_PROVIDERS["qwen"]) == "<WebProvider qwen>"
