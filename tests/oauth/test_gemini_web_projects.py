"""Projects of a Gemini login in the web: the same set-up, and nobody to ask (oauth-login.md 4.6, 13)."""

from __future__ import annotations

import logging

import pytest
from oauth.authority import Answer
from oauth.gemini_cloud import THREE, TWO, GeminiCloud, facts, refused

from cliproxy.errors import LoginError
from cliproxy.oauth.flow import TokenFile
from cliproxy.oauth.gemini import GoogleSession
from cliproxy.oauth.gemini_projects import Pace, set_up_for_web

FRONT, BACK = "gen-lang-client-0123", "mystic-victor-77"


def on_web(session: GoogleSession, requested: str = "") -> TokenFile:
    return set_up_for_web(session, requested, Pace(lambda seconds: None))


@pytest.mark.parametrize(
    ("requested", "managed", "tier", "final", "auto", "name"),
    [
        pytest.param(FRONT, {FRONT: BACK}, "free-tier", BACK, False, f"gemini-user@example.com-{BACK}.json",
                     marks=pytest.mark.case("oauth-login:W1")),
        pytest.param("", {FRONT: BACK, "next": "n"}, "free-tier", BACK, True, f"gemini-user@example.com-{BACK}.json",
                     marks=pytest.mark.case("oauth-login:W2")),
        pytest.param("", {"my-proj": "other"}, "standard-tier", "my-proj", True, "gemini-user@example.com-my-proj.json",
                     marks=pytest.mark.case("oauth-login:W3")),
        pytest.param("all", THREE, "free-tier", "b1,b2", False, "gemini-user@example.com-all.json",
                     marks=pytest.mark.case("oauth-login:W5")),
        pytest.param("ALL", TWO, "free-tier", "b1", False, "gemini-user@example.com-b1.json",
                     marks=pytest.mark.case("oauth-login:W6")),
        pytest.param("my-proj", {"my-proj": BACK}, "free-tier", BACK, False, f"gemini-user@example.com-{BACK}.json",
                     marks=pytest.mark.case("oauth-login:W7")),
        pytest.param(" my-proj ", {"my-proj": "my-proj"}, "free-tier", "my-proj", False,
                     "gemini-user@example.com-my-proj.json", marks=pytest.mark.case("oauth-login:W9")),
    ],
)  # fmt: skip
def test_a_web_login(
    cloud: GeminiCloud, session: GoogleSession, capsys: pytest.CaptureFixture[str], requested: str,
    managed: dict[str, str], tier: str, final: str, auto: bool, name: str,
) -> None:  # fmt: skip
    cloud.several(managed, *final.split(","), tier=tier)
    assert facts(on_web(session, requested)) == (name, final, auto)
    assert cloud.checked() == final.split(",")
    assert len(cloud.requests("/v1/projects")) == int(requested.strip().lower() in ("", "all"))
    assert capsys.readouterr() == ("", "")


@pytest.mark.case("oauth-login:W1")
def test_a_web_login_logs_the_mapping(
    cloud: GeminiCloud, session: GoogleSession, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.several({FRONT: BACK}, BACK)
    with caplog.at_level(logging.INFO, logger="cliproxy"):
        on_web(session, FRONT)
    assert any(FRONT in line and BACK in line for line in caplog.messages)
    assert "ya29" not in caplog.text


@pytest.mark.case("oauth-login:W4")
@pytest.mark.parametrize("requested", ["", "ALL"])
def test_a_web_login_without_projects(cloud: GeminiCloud, session: GoogleSession, requested: str) -> None:
    with pytest.raises(LoginError, match=r"^Failed to complete Gemini CLI onboarding$") as caught:
        on_web(session, requested)
    assert isinstance(caught.value.__cause__, LoginError)
    assert len(cloud.asked) == 1


@pytest.mark.case("oauth-login:W8")
@pytest.mark.parametrize("requested", ["", "my-proj", "ALL"])
def test_a_web_login_whose_check_fails(cloud: GeminiCloud, session: GoogleSession, requested: str) -> None:
    cloud.several({"my-proj": "my-proj"})
    cloud.service("my-proj", {"state": "DISABLED"}, refused(403, "denied"))
    with pytest.raises(LoginError, match=r"^Failed to verify Cloud AI API status$") as caught:
        on_web(session, requested)
    assert "denied" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    "broken", ["GET /v1/projects", "POST /v1internal:loadCodeAssist", "POST /v1internal:onboardUser"]
)
def test_a_web_login_that_cannot_onboard(cloud: GeminiCloud, session: GoogleSession, broken: str) -> None:
    cloud.several({"my-proj": "my-proj"})
    cloud.routes[broken] = lambda asked: Answer(b"no", 500)
    with pytest.raises(LoginError, match=r"^Failed to complete Gemini CLI onboarding$"):
        on_web(session)


def test_a_web_login_that_nobody_waits_for(cloud: GeminiCloud, session: GoogleSession) -> None:
    cloud.several({"my-proj": "my-proj"})
    cloud.managed["my-proj"] = [{"done": False}]
    with pytest.raises(LoginError) as caught:
        set_up_for_web(session, "my-proj", Pace(lambda seconds: None, lambda: len(cloud.onboardings()) < 3))
    assert caught.value.code == "login_abandoned"
    assert len(cloud.onboardings()) == 3
