"""Times in auth files (credentials.md 2.3)."""

from __future__ import annotations

from typing import Any

import pytest

from cliproxy.providers.credential import Credential
from cliproxy.providers.token_times import expiry, last_refresh, parse_time, preferred_interval

MOMENT = 1767225600.0  # 2026-01-01T00:00:00Z


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000Z", "2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00.000000000Z",
        "2026-01-01 00:00:00", "2026-01-01 00:00", "1767225600", 1767225600, 1767225600000, "1767225600000", 1767225600.0,
    ],
)  # fmt: skip
def test_times(value: object) -> None:
    assert parse_time(value) == MOMENT


@pytest.mark.parametrize("value", [None, "", "soon", 0, -5, "0", True, [], {}, float("nan"), float("inf"), 1e300, "2026-13-01"])
def test_no_times(value: object) -> None:
    assert parse_time(value) is None


def credential(**metadata: Any) -> Credential:
    return Credential("a", "claude", metadata=metadata)


@pytest.mark.parametrize("key", ["expired", "expire", "expires_at", "expiresAt", "expiry", "expires"])
def test_expiry(key: str) -> None:
    assert expiry(credential(**{key: MOMENT})) == MOMENT
    assert expiry(credential(token={key: MOMENT})) == MOMENT
    assert expiry(credential(Token={key: MOMENT}, token="text")) == MOMENT
    assert expiry(credential(**{key: "no time"}, token={"expiry": MOMENT})) == MOMENT
    assert expiry(credential(**{key: MOMENT}, token={"expiry": 5})) == MOMENT


@pytest.mark.parametrize("key", ["last_refresh", "lastRefresh", "last_refreshed_at", "lastRefreshedAt"])
def test_last_refresh(key: str) -> None:
    assert last_refresh(credential(**{key: MOMENT})) == MOMENT
    assert last_refresh(Credential("a", "p", attributes={key: "2026-01-01T00:00:00Z"})) == MOMENT
    assert last_refresh(credential()) is None


@pytest.mark.parametrize(
    ("value", "seconds"), [(600, 600), (1.5, 1.5), ("90s", 90), ("1h30m", 5400), ("600", 600), (0, None), (-1, None), ("x", None)]
)
def test_preferred_interval(value: object, seconds: float | None) -> None:
    for key in ("refresh_interval_seconds", "refreshIntervalSeconds", "refresh_interval", "refreshInterval"):
        assert preferred_interval(credential(**{key: value})) == seconds
    assert preferred_interval(Credential("a", "p", attributes={"refresh_interval": "90s"})) == 90
