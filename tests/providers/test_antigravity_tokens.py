"""Antigravity's tokens, their renewal, and the models of an account (providers.md 16.5, 16.6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from oauth.authority import Answer, Asked
from providers.antigravity_hosts import (
    ALL,
    BUSY,
    FULL,
    MODELS,
    NOW,
    NOWHERE,
    Bench,
    Work,
    bench_of,
    good,
    login,
    whole,
)

from cliproxy.errors import RefreshRejected, UpstreamError, UpstreamStatus, UpstreamTransport
from cliproxy.providers import antigravity, antigravity_models
from cliproxy.providers.antigravity_models import ListedModel
from cliproxy.providers.credential import Credential
from cliproxy.providers.http import Outgoing, Reply
from cliproxy.providers.tokens.antigravity import ends_at
from cliproxy.providers.tokens.client import TokenClient
from cliproxy.providers.tokens.deadline import Deadline


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with bench_of(monkeypatch) as made:
        yield made


@pytest.mark.parametrize("work", ALL)
def test_everything_renews_tokens(bench: Bench, work: Work) -> None:
    bench.daily.answers = [good(work)]
    bench.keeper.gives = login(access_token="new")
    work(bench, login(timestamp=(NOW - 599) * 1000))
    assert bench.keeper.asked == ["id.json"]
    assert bench.daily.asked[0].headers["authorization"] == "Bearer new"


@pytest.mark.parametrize(
    ("times", "renews"),
    [
        ({"timestamp": (NOW - 599) * 1000, "expires_in": 3599}, True),  # 3000 s left
        ({"timestamp": (NOW - 598) * 1000, "expires_in": 3599}, False),
        ({"timestamp": str(NOW * 1000), "expires_in": "3599"}, False),
        ({"expired": "2027-01-15T08:50:01Z", "expires_in": 3599, "timestamp": 1}, False),
        ({"expired": "2027-01-15T08:50:00Z", "expires_in": 3599, "timestamp": NOW * 1000}, True),
        ({"expired": "soon", "timestamp": NOW * 1000, "expires_in": 3599}, False),
        ({"timestamp": None, "expires_in": 3599}, True), ({"timestamp": "x"}, True), ({"access_token": " "}, True),
        ({"timestamp": (NOW - 700) * 1000, "expires_in": 1800}, False), ({"timestamp": (NOW - 901) * 1000, "expires_in": 1800}, True),
    ],
)  # fmt: skip
def test_when_a_token_is_renewed(bench: Bench, times: dict[str, Any], renews: bool) -> None:
    bench.keeper.gives = login(access_token="new", project_id="p-2")
    whole(bench, login(**times))
    asked, = bench.daily.asked
    assert bench.keeper.asked == (["id.json"] if renews else [])
    assert asked.headers["authorization"] == ("Bearer new" if renews else "Bearer tok")
    assert asked.json["project"] == ("p-2" if renews else "p-1")


def test_a_failed_renewal_matters_when_the_token_has_ended(bench: Bench) -> None:
    bench.keeper.gives = UpstreamError("log in again: no", status=401)
    whole(bench, login(timestamp=(NOW - 1000) * 1000))
    assert (bench.keeper.asked, len(bench.daily.asked)) == (["id.json"], 1)
    for ended in ({"timestamp": (NOW - 3580) * 1000}, {"access_token": None}, {"timestamp": None}):
        with pytest.raises(UpstreamError, match="log in again: no") as caught:
            whole(bench, login(**ended))
        assert caught.value.status == 401
    assert len(bench.daily.asked) == 1


def test_what_is_missing(bench: Bench) -> None:
    with pytest.raises(UpstreamStatus, match=r"^missing refresh token$") as caught:
        whole(bench, login(access_token=None, refresh_token=None))
    assert (caught.value.status, bench.keeper.asked) == (401, [])
    whole(bench, login(timestamp=(NOW - 1000) * 1000, refresh_token=None))  # good for a while
    bench.keeper.gives = login(access_token=None)
    with pytest.raises(UpstreamStatus, match=r"^missing access token$") as caught:
        whole(bench, login(timestamp=1))
    assert caught.value.status == 401


# Renewal

OLD = {"access_token": "old", "refresh_token": "ref", "email": "e", "note": 1.5, "type": "Antigravity", "expired": "x"}


def old(**metadata: Any) -> Credential:
    return Credential("id.json", "antigravity", metadata={**OLD, **metadata})


def renewing(bench: Bench, answer: Any) -> None:
    def route(asked: Asked) -> Any:
        assert asked.headers["user-agent"] == "antigravity/1.104.0 darwin/arm64"
        assert asked.form == {
            "client_id": "1071006060591-tmhssin2h21lcre235vtolojh4g403ep.apps.googleusercontent.com",
            "client_secret": "sec", "grant_type": "refresh_token", "refresh_token": "ref",
        }  # fmt: skip
        return answer

    bench.daily.routes["POST /token"] = route


def test_a_renewal(bench: Bench) -> None:
    renewing(bench, {"access_token": "new", "expires_in": 3599})
    found = bench.provider.refresh(old(project_id="p-1"))
    assert (found.id, dict(found.metadata)) == ("id.json", {
        "access_token": "new", "refresh_token": "ref", "email": "e", "note": 1.5, "type": "antigravity",
        "project_id": "p-1", "expires_in": 3599, "timestamp": int(NOW * 1000), "expired": found.metadata["expired"],
    })  # fmt: skip
    assert ends_at(found.metadata) == NOW + 3599
    assert bench.daily.paths == ["/token"]
    renewing(bench, {"access_token": "new", "refresh_token": "ref-2", "expires_in": "60"})
    found = bench.provider.refresh(old(project_id="p-1"))
    assert (found.metadata["refresh_token"], found.metadata["expires_in"]) == ("ref-2", 60)


def test_a_renewal_finds_the_project(bench: Bench) -> None:
    renewing(bench, {"access_token": "new", "expires_in": 3599})
    polls = iter([{}, {"done": True, "response": {"cloudaicompanionProject": {"id": "made"}}}])

    def ask(asked: Asked) -> Any:
        assert asked.headers["authorization"] == "Bearer new"
        return {} if asked.path.endswith("loadCodeAssist") else next(polls)

    bench.daily.routes |= {"POST /v1internal:loadCodeAssist": ask, "POST /v1internal:onboardUser": ask}
    assert bench.provider.refresh(old(project_id="")).metadata["project_id"] == "made"
    assert bench.slept == [2.0]


def test_a_renewal_without_a_project_is_one(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    renewing(bench, {"access_token": "new", "expires_in": 3599})
    bench.daily.routes["POST /v1internal:loadCodeAssist"] = lambda asked: Answer(b"no", 500)
    found = bench.provider.refresh(old())
    assert ("project_id" in found.metadata, found.metadata["access_token"]) == (False, "new")
    assert "loadCodeAssist failed with status 500: no" in caplog.text


def test_a_renewal_that_is_refused(bench: Bench) -> None:
    renewing(bench, Answer({"error": "invalid_grant"}, 400))
    with pytest.raises(RefreshRejected) as rejected:
        bench.provider.refresh(old())
    assert rejected.value.status == 400
    renewing(bench, BUSY)
    with pytest.raises(UpstreamStatus) as caught:
        bench.provider.refresh(old())
    assert (caught.value.status, caught.value.retry_after) == (429, 7.0)
    renewing(bench, {"error": "odd"})
    with pytest.raises(UpstreamStatus, match=r"^missing access token$"):
        bench.provider.refresh(old())
    with pytest.raises(RefreshRejected, match=r"^missing refresh token$") as rejected:
        bench.provider.refresh(old(refresh_token=None))
    assert rejected.value.status == 401


def test_a_renewal_without_a_client_secret(bench: Bench) -> None:
    bench.environment.clear()
    words = r"oauth-clients\.antigravity\.client-secret .*CLIPROXY_ANTIGRAVITY_CLIENT_SECRET$"
    with pytest.raises(UpstreamError, match=words):
        bench.provider.refresh(old())
    assert bench.daily.asked == []


# Models

LISTED = {
    "models": {
        "claude-sonnet-4-5": {"displayName": "Claude Sonnet 4.5", "maxTokens": 1}, "gemini-3-flash": {}, "odd": "odd",
        "gpt-oss-120b-medium": {"displayName": " "}, "chat_20706": {}, "chat_23310": {}, "gemini-2.5-flash-thinking": {},
        "gemini-3-pro-low": {}, "gemini-2.5-pro": {"displayName": "x"}, " ": {},
    }
}  # fmt: skip


def test_the_models(bench: Bench) -> None:
    bench.daily.answers = [LISTED]
    assert bench.provider.fetch_models(login(user_agent="ua")) == (
        ListedModel("claude-sonnet-4-5", "Claude Sonnet 4.5"), ListedModel("gemini-3-flash", "gemini-3-flash"),
        ListedModel("odd", "odd"), ListedModel("gpt-oss-120b-medium", "gpt-oss-120b-medium"),
    )  # fmt: skip
    asked, = bench.daily.asked
    assert (asked.method, asked.path, asked.query, asked.body) == ("POST", MODELS, {}, b"{}")
    assert {name: value for name, value in asked.headers.items() if name != "host"} == {
        "content-type": "application/json", "authorization": "Bearer tok", "user-agent": "ua",
        "accept-encoding": "gzip", "content-length": "2",
    }  # fmt: skip


def test_the_models_of_the_next_host(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.daily.answers, bench.sandbox.answers = [BUSY], [LISTED]
    assert len(bench.provider.fetch_models(login())) == 4
    monkeypatch.setattr(antigravity, "DAILY_BASE", NOWHERE)
    assert len(bench.provider.fetch_models(login())) == 4
    assert len(bench.sandbox.asked) == 2


@pytest.mark.parametrize(
    "answer",
    [FULL, Answer(b"", 401), Answer(b"nonsense"), [], {}, {"models": ["m"]}, {"models": None}, {"models": {}}, Answer({}, 500)],
)
def test_no_models(bench: Bench, answer: Any) -> None:
    bench.daily.answers = [answer]
    assert bench.provider.fetch_models(login()) == ()
    assert bench.sandbox.asked == []


def test_no_models_anywhere(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.daily.answers = bench.sandbox.answers = [BUSY]
    assert bench.provider.fetch_models(login()) == ()
    monkeypatch.setattr(antigravity, "DAILY_BASE", NOWHERE)
    monkeypatch.setattr(antigravity, "SANDBOX_BASE", NOWHERE)
    assert bench.provider.fetch_models(login()) == ()


def test_models_need_a_token(bench: Bench) -> None:
    bench.daily.answers = [LISTED]
    assert bench.provider.fetch_models(login(access_token=None)) == ()
    assert bench.daily.asked == []
    bench.keeper.gives = login(access_token="new")
    assert len(bench.provider.fetch_models(login(access_token=None))) == 4
    assert bench.daily.asked[0].headers["authorization"] == "Bearer new"


class Slow:
    """Each call takes ten seconds of its clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.limits: list[tuple[float, float]] = []

    def clock(self) -> float:
        return self.now

    def fetch(self, request: Outgoing) -> Reply:
        self.limits.append((request.limits.first_byte, request.limits.idle))
        self.now += 10
        raise UpstreamTransport("broken")


def test_a_listing_takes_15_seconds_in_all() -> None:
    slow = Slow()
    hurried = Deadline(slow, antigravity_models.SECONDS, slow.clock)
    assert antigravity_models.fetch(hurried, ["a", "b", "c"], {}) == ()
    assert slow.limits == [(15, 15), (5, 5)]


def test_a_deadline_shortens_limits() -> None:
    slow = Slow()
    client = TokenClient(Deadline(slow, 25, slow.clock))
    for words in ("broken", "broken", "broken", "not done within 25s"):
        with pytest.raises(UpstreamError, match=words):
            client.get("http://x.example")
    assert slow.limits == [(25, 25), (15, 15), (5, 5)]
