"""Renewing the tokens of Codex logins (oauth-login.md 6.2, providers.md 12.4)."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

import pytest
from providers.fake_http import FakeHttp

from cliproxy.errors import (
    FirstByteTimeout,
    IdleTimeout,
    RefreshRejected,
    UpstreamError,
    UpstreamStatus,
    UpstreamTransport,
)
from cliproxy.providers.http import Outgoing, Reply
from cliproxy.providers.token_times import parse_time
from cliproxy.providers.tokens.apps import APPS
from cliproxy.providers.tokens.client import TokenClient
from cliproxy.providers.tokens.codex import refreshed

APP = APPS["codex"]
AUTH = "https://api.openai.com/auth"


def jwt(**claims: Any) -> str:
    return f"h.{base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b'=').decode()}.s"


OLD = {
    "id_token": jwt(email="u@x.com"), "access_token": "old-access", "refresh_token": "old-refresh", "account_id": "acct-1",
    "email": "u@x.com", "type": "codex", "last_refresh": "2026-02-01T12:00:00Z", "expired": "2026-02-11T12:00:00Z",
    "prefix": "team", "disabled": False,
}  # fmt: skip
ID_TOKEN = jwt(email="new@x.com", **{AUTH: {"chatgpt_account_id": "acct-2", "chatgpt_plan_type": "pro"}})
NEW = {"id_token": ID_TOKEN, "access_token": "new-access", "refresh_token": "new-refresh", "expires_in": 864000}


class Scripted(FakeHttp):
    """Gives the next answer or error at each request."""

    def __init__(self, *answers: Any) -> None:
        super().__init__()
        self.answers = list(answers)

    def fetch(self, request: Outgoing) -> Reply:
        answer = self.answers.pop(0)
        self.body = answer if isinstance(answer, bytes | Exception) else json.dumps(answer).encode()
        return super().fetch(request)


def renew(
    *answers: Any, metadata: dict[str, Any] = OLD, proxy_url: str = ""
) -> tuple[dict[str, Any] | UpstreamError, Scripted, Sequence[float]]:
    """(what came of it, the requests, the pauses)."""
    http, pauses = Scripted(*answers), list[float]()
    try:
        return refreshed(TokenClient(http, proxy_url), APP, metadata, sleep=pauses.append), http, pauses
    except UpstreamError as error:
        return error, http, pauses


def test_the_request() -> None:
    _, http, pauses = renew(NEW, proxy_url="socks5://p:1")
    assert (http.last.method, http.last.url) == ("POST", "https://auth.openai.com/oauth/token")
    assert http.last.headers == {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    assert parse_qsl((http.last.body or b"").decode(), strict_parsing=True) == [
        ("client_id", "app_EMoamEEZ73f0CkXaXp7hrann"), ("grant_type", "refresh_token"),
        ("refresh_token", "old-refresh"), ("scope", "openid profile email"),
    ]  # fmt: skip
    assert http.last.proxy_url == "socks5://p:1"
    assert (http.last.limits.first_byte, http.last.limits.idle) == (30.0, 30.0)
    assert (len(http.sent), pauses) == (1, [])


def test_new_tokens() -> None:
    before = time.time()
    after, _, _ = renew(NEW)
    assert isinstance(after, dict)
    renewed, ends = parse_time(after["last_refresh"]), parse_time(after["expired"])
    assert renewed is not None
    assert ends is not None
    assert before - 1 <= renewed <= time.time()
    assert ends - renewed == 864000
    assert after == {
        **OLD, "id_token": ID_TOKEN, "access_token": "new-access", "refresh_token": "new-refresh",
        "account_id": "acct-2", "email": "new@x.com", "last_refresh": after["last_refresh"], "expired": after["expired"],
    }  # fmt: skip
    assert (OLD["access_token"], OLD["email"]) == ("old-access", "u@x.com")


@pytest.mark.parametrize("more", [{}, {"id_token": "", "refresh_token": ""}, {"id_token": None, "refresh_token": 5}])
def test_what_the_answer_leaves_out_stays(more: dict[str, Any]) -> None:
    after, _, _ = renew({"access_token": "new-access", "expires_in": 60, **more})
    assert isinstance(after, dict)
    kept = ("id_token", "refresh_token", "account_id", "email", "prefix", "type")
    assert {key: after[key] for key in kept} == {key: OLD[key] for key in kept}
    assert after["access_token"] == "new-access"


@pytest.mark.parametrize("id_token", [jwt(sub="s"), "not-a-token", jwt(email=7, **{AUTH: []})])
def test_an_id_token_that_says_less(id_token: str) -> None:
    after, _, _ = renew({**NEW, "id_token": id_token})
    assert isinstance(after, dict)
    assert (after["id_token"], after["email"], after["account_id"]) == (id_token, "u@x.com", "acct-1")


@pytest.mark.parametrize("token", [None, "", " ", 5])
def test_nothing_to_renew(token: Any) -> None:
    metadata = {"access_token": "a", **({"refresh_token": token} if token is not None else {})}
    after, http, _ = renew(metadata=metadata)
    assert (after, http.sent) == (metadata, [])


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, '{"error": "invalid_grant"}'),
        (401, '{"error": {"message": "used already", "type": "invalid_request_error", "code": "refresh_token_reused"}}'),
        (401, '{"error": {"code": "refresh_token_expired"}}'),
    ],
)  # fmt: skip
@pytest.mark.parametrize("earlier", [0, 1, 2])
def test_a_login_that_is_over(status: int, text: str, earlier: int) -> None:
    """Never asked again with the same token."""
    failures = [UpstreamStatus("busy", status=500)] * earlier
    error, http, pauses = renew(*failures, UpstreamStatus(text, status=status))
    assert isinstance(error, RefreshRejected)
    assert (error.text, error.status) == (text, status)
    assert (len(http.sent), pauses) == (earlier + 1, [1.0, 2.0][:earlier])


FAULTS = (
    UpstreamStatus("busy", status=500), UpstreamStatus("slow down", status=429, retry_after=7.0),
    UpstreamStatus('{"error": "invalid_request"}', status=400), UpstreamTransport("cannot reach it"), b"<html>", {},
)  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("failures", [1, 2])
def test_it_works_in_the_end(fault: Any, failures: int) -> None:
    after, http, pauses = renew(*[fault] * failures, NEW)
    assert isinstance(after, dict)
    assert after["access_token"] == "new-access"
    assert pauses == [1.0, 2.0][:failures]
    assert {request.body for request in http.sent} == {http.last.body}


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        *zip(FAULTS[:4], ("status 500: busy", "status 429: slow down", 'status 400: {"error": "invalid_request"}', "cannot reach it"), strict=True),
        (b"<html>", "the answer of https://auth.openai.com/oauth/token is not JSON"),
        ({}, "the token endpoint answered without an access token"),
    ],
)  # fmt: skip
def test_three_attempts(fault: Any, words: str) -> None:
    error, http, pauses = renew(*[fault] * 3)
    assert isinstance(error, UpstreamError)
    assert not isinstance(error, RefreshRejected)
    assert error.text == f"token refresh failed after 3 attempts: {words}"
    assert (error.status, error.retry_after) == (getattr(fault, "status", None), getattr(fault, "retry_after", None))
    assert (len(http.sent), pauses) == (3, [1.0, 2.0])


@pytest.mark.parametrize("fault", [FirstByteTimeout(30), IdleTimeout(30)])
@pytest.mark.parametrize("earlier", [0, 1, 2])
def test_a_time_limit_is_not_spent_twice(fault: UpstreamError, earlier: int) -> None:
    error, http, _ = renew(*[UpstreamStatus("busy", status=500)] * earlier, fault)
    assert error is fault
    assert len(http.sent) == earlier + 1
