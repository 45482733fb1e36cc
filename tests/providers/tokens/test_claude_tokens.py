"""Renewing the tokens of Claude logins (oauth-login.md 5.2, providers.md 11.6)."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from providers.fake_http import FakeHttp

from cliproxy.errors import RefreshRejected, UpstreamError, UpstreamStatus, UpstreamTransport
from cliproxy.providers.token_times import parse_time
from cliproxy.providers.tokens.apps import APPS
from cliproxy.providers.tokens.claude import refreshed
from cliproxy.providers.tokens.client import TokenClient

APP = APPS["claude"]
OLD = {
    "id_token": "", "access_token": "old-access", "refresh_token": "old-refresh", "email": "u@x.com", "type": "claude",
    "last_refresh": "2026-02-01T12:00:00Z", "expired": "2026-02-01T20:00:00Z", "prefix": "team", "disabled": False,
}  # fmt: skip
NEW = {
    "access_token": "new-access", "refresh_token": "new-refresh", "expires_in": 28800, "token_type": "Bearer",
    "account": {"uuid": "u", "email_address": "new@x.com"}, "organization": {"uuid": "o"},
}  # fmt: skip


def renew(http: FakeHttp, answer: Any, metadata: dict[str, Any] = OLD, proxy_url: str = "") -> dict[str, Any]:
    http.body = answer if isinstance(answer, bytes | Exception) else json.dumps(answer).encode()
    return refreshed(TokenClient(http, proxy_url), APP, metadata)


def test_the_request(http: FakeHttp) -> None:
    renew(http, NEW, proxy_url="socks5://p:1")
    assert (http.last.method, http.last.url) == ("POST", "https://console.anthropic.com/v1/oauth/token")
    assert http.last.headers == {"Accept": "application/json", "Content-Type": "application/json"}
    assert http.json == {
        "client_id": "9d1c250a-e61b-44d9-88ed-5944d1962f5e", "grant_type": "refresh_token",
        "refresh_token": "old-refresh",
    }  # fmt: skip
    assert http.last.proxy_url == "socks5://p:1"
    assert (http.last.limits.first_byte, http.last.limits.idle) == (30.0, 30.0)


def test_new_tokens(http: FakeHttp) -> None:
    before = time.time()
    after = renew(http, NEW)
    renewed, ends = parse_time(after["last_refresh"]), parse_time(after["expired"])
    assert renewed is not None
    assert ends is not None
    assert before - 1 <= renewed <= time.time()
    assert ends - renewed == 28800
    assert after == {
        **OLD, "access_token": "new-access", "refresh_token": "new-refresh", "email": "new@x.com",
        "last_refresh": after["last_refresh"], "expired": after["expired"],
    }  # fmt: skip
    assert (OLD["access_token"], OLD["email"]) == ("old-access", "u@x.com")


@pytest.mark.parametrize("account", [{}, {"account": None}, {"account": {"email_address": " "}}, {"account": "x"}])
def test_what_the_answer_leaves_out_stays(http: FakeHttp, account: dict[str, Any]) -> None:
    after = renew(http, {"access_token": "new-access", "refresh_token": "", "expires_in": 60, **account})
    assert (after["access_token"], after["refresh_token"], after["email"]) == ("new-access", "old-refresh", "u@x.com")


@pytest.mark.parametrize("token", [None, "", " ", 5])
def test_nothing_to_renew(http: FakeHttp, token: Any) -> None:
    metadata = {"access_token": "a", **({"refresh_token": token} if token is not None else {})}
    assert renew(http, NEW, metadata) == metadata
    assert http.sent == []


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, '{"error": "invalid_grant", "error_description": "Refresh token not found or invalid"}'),
        (401, '{"error": {"code": "refresh_token_reused"}}'), (403, '{"error": "token_revoked"}'),
    ],
)  # fmt: skip
def test_a_login_that_is_over(http: FakeHttp, status: int, text: str) -> None:
    with pytest.raises(RefreshRejected) as caught:
        renew(http, UpstreamStatus(text, status=status))
    assert (caught.value.text, caught.value.status, len(http.sent)) == (text, status, 1)


@pytest.mark.parametrize(
    "error",
    [
        UpstreamStatus("busy", status=500), UpstreamStatus("slow down", status=429, retry_after=7.0),
        UpstreamStatus('{"error": "invalid_request"}', status=400), UpstreamStatus("invalid_grant", status=502),
        UpstreamTransport("cannot reach it"),
    ],
)  # fmt: skip
def test_it_failed_this_time(http: FakeHttp, error: UpstreamError) -> None:
    with pytest.raises(UpstreamError) as caught:
        renew(http, error)
    assert not isinstance(caught.value, RefreshRejected)
    assert (caught.value.text, caught.value.status) == (error.text, error.status)
    assert caught.value.retry_after == error.retry_after
    assert len(http.sent) == 1


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", {}, {"access_token": "", "refresh_token": "new-refresh"}])
def test_answers_that_are_no_tokens(http: FakeHttp, answer: Any) -> None:
    with pytest.raises(UpstreamError):
        renew(http, answer)
