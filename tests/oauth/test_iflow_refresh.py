"""Renewing iFlow's keys and tokens (oauth-login.md 8, providers.md 18)."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from oauth.authority import Answer
from oauth.iflow_authority import Iflow, app_at

from cliproxy.errors import RefreshRejected, UpstreamError, UpstreamStatus
from cliproxy.providers.tokens import iflow as tokens
from cliproxy.providers.tokens.client import TokenClient

OAUTH = {"access_token": "old", "refresh_token": "ref-0", "api_key": "sk-0", "expired": "2026-01-01T00:00:00Z",
         "email": "u", "cookie": "", "type": "iflow", "note": "mine"}  # fmt: skip
BY_COOKIE = {"api_key": "sk-0", "email": "138****0000", "cookie": "BXAuth=bx-value;", "refresh_token": "", "note": "mine"}


def test_a_refresh(here: Iflow, client: TokenClient) -> None:
    here.expected = {"grant_type": "refresh_token", "refresh_token": "ref-0"}
    new = tokens.refreshed(client, app_at(here), OAUTH)
    last, expired = (datetime.fromisoformat(new.pop(key)) for key in ("last_refresh", "expired"))
    assert (expired - last).total_seconds() == 172800
    assert new == {
        "access_token": "acc/1+", "refresh_token": "ref-1", "api_key": "sk-iflow-1", "email": "u", "cookie": "",
        "type": "iflow", "note": "mine",
    }  # fmt: skip


def test_new_tokens_are_kept_when_the_key_is_not_told(here: Iflow, client: TokenClient) -> None:
    here.expected = {"grant_type": "refresh_token", "refresh_token": "ref-0"}
    here.routes["GET /user"] = lambda asked: Answer(b"", 500)
    new = tokens.refreshed(client, app_at(here), OAUTH)
    assert (new["access_token"], new["refresh_token"], new["api_key"]) == ("acc/1+", "ref-1", "sk-0")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer({"error": "invalid_grant"}, 400), RefreshRejected),
        (Answer(b"down", 503), UpstreamStatus),
        (Answer({"refresh_token": "x"}), UpstreamError),
    ],
)
def test_refreshes_that_fail(here: Iflow, client: TokenClient, answer: Answer, kind: type[UpstreamError]) -> None:
    here.routes["POST /token"] = lambda asked: answer
    with pytest.raises(UpstreamError) as caught:
        tokens.refreshed(client, app_at(here), OAUTH)
    assert type(caught.value) is kind


def test_a_refresh_without_a_client_secret(here: Iflow, client: TokenClient) -> None:
    with pytest.raises(UpstreamError, match="CLIPROXY_IFLOW_CLIENT_SECRET"):
        tokens.refreshed(client, app_at(here, ""), OAUTH)
    assert here.asked == []


def test_nothing_to_refresh_with(here: Iflow, client: TokenClient) -> None:
    for metadata in ({**OAUTH, "refresh_token": ""}, {**BY_COOKIE, "email": ""}):
        assert tokens.refreshed(client, app_at(here), metadata) == metadata
    assert here.asked == []


def in_hours(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%d %H:%M")


def test_a_key_that_is_good_for_long_stays(here: Iflow, client: TokenClient) -> None:
    metadata = {**BY_COOKIE, "expired": in_hours(48.1)}
    assert tokens.refreshed(client, app_at(here, ""), metadata) == metadata
    assert here.asked == []


@pytest.mark.parametrize("expired", [47.9, -5.0, "some day", "", None])
def test_a_new_key_for_the_cookie(here: Iflow, client: TokenClient, expired: float | str | None) -> None:
    expired = in_hours(expired) if isinstance(expired, float) else expired
    here.expected = {"cookie": "BXAuth=bx-value;"}
    before = int(time.time())
    new = tokens.refreshed(client, app_at(here, ""), {**BY_COOKIE, "expired": expired})
    assert datetime.fromisoformat(new.pop("last_refresh")).timestamp() >= before
    assert new == {
        "api_key": "sk-iflow-rotated", "expired": "2026-02-08 12:30", "email": "138****0000",
        "cookie": "BXAuth=bx-value;", "type": "iflow", "refresh_token": "", "note": "mine",
    }  # fmt: skip
    assert [asked.method for asked in here.asked] == ["POST"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(b"who?", 401), RefreshRejected),
        (Answer(b"down", 503), UpstreamStatus),
        (Answer({"success": True, "data": {"apiKey": "", "expireTime": "2030-01-01 00:00"}}), UpstreamError),
    ],
)
def test_no_new_key(here: Iflow, client: TokenClient, answer: Answer, kind: type[UpstreamError]) -> None:
    here.routes["POST /key"] = lambda asked: answer
    with pytest.raises(UpstreamError) as caught:
        tokens.refreshed(client, app_at(here, ""), BY_COOKIE)
    assert type(caught.value) is kind
