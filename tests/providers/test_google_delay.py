"""Retry delays in Google's error bodies (providers.md 4)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cliproxy.errors import UpstreamStatus
from cliproxy.providers.google_delay import google_delay, with_google_delay

RETRY = "type.googleapis.com/google.rpc.RetryInfo"
INFO = "type.googleapis.com/google.rpc.ErrorInfo"


def retry(delay: Any) -> dict[str, Any]:
    return {"@type": RETRY, "retryDelay": delay}


def info(delay: Any) -> dict[str, Any]:
    return {"@type": INFO, "reason": "RATE_LIMIT_EXCEEDED", "metadata": {"quotaResetDelay": delay}}


def body(*details: Any, message: Any = "Resource exhausted") -> str:
    return json.dumps({"error": {"code": 429, "message": message, "details": list(details)}})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (body(retry("0.847655010s")), 0.847655010),
        (body(retry("34s")), 34),
        (body(retry("0s")), 0),
        (body(retry("+5s")), 5),
        (body(retry("-5s")), 0),
        (body(info("373.801628ms")), 0.373801628),
        (body(info("1h16m0.667923083s")), 4560.667923083),
        (body(info("12µs")), 12e-6),
        (body(info("12us")), 12e-6),
        (body(info("3ns")), 3e-9),
        (body(info("1.5h")), 5400),
        (body(info(".5m")), 30),
        (body(message="Your quota will reset after 17s."), 17),
        (body(message="Your quota will reset after  7s"), 7),
        (body(info("8s"), retry("3s"), message="reset after 99s"), 3),
        (body(info("8s"), message="reset after 99s"), 8),
        (body(info("soon"), info("8s")), 8),
        (body(info("soon"), message="reset after 9s"), 9),
        (body(retry(""), retry("6s")), 6),
        (body(retry(""), info("6s")), 6),
        (body("odd", {"@type": INFO}, {"@type": RETRY}, {"@type": INFO, "metadata": 3}, info("6s")), 6),
        (f"[{body(retry('4s'))}]", 4),
        ('{"error": {"message": "reset after 2s"}}', 2),
    ],
)
def test_a_delay(text: str, seconds: float) -> None:
    assert google_delay(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        body(retry("soon"), info("8s"), message="reset after 9s"),  # no fallback from a RetryInfo that makes no sense
        body(retry(5), info("8s")),
        body(retry("5")), body(retry("5 s")), body(retry("s")), body(retry("1.2.3s")), body(retry("1d")),
        body(retry("٣s")), body(retry("5s ")), body(retry("9" * 400 + "s")),
        body({"@type": "other", "retryDelay": "5s"}),
        body(message="reset soon"), body(message="after noon"), body(message=["after 5s"]),
        "", "busy: retry after 5s", "[]", "[[]]", "null", '"after 5s"', '{"error": "after 5s"}', '{"error": {"details": {}}}',
        "[" * 100_000,
    ],
)  # fmt: skip
def test_no_delay(text: str) -> None:
    assert google_delay(text) is None


@pytest.mark.parametrize(
    ("status", "text", "delay", "header"),
    [
        (429, body(retry("3.2s")), 3.2, "4"),
        (429, body(), 60.0, "60"),
        (503, body(retry("3.2s")), 60.0, "60"),
    ],
)
def test_what_an_error_says(status: int, text: str, delay: float, header: str) -> None:
    error = UpstreamStatus(text, status=status, retry_after=60.0, headers={"Retry-After": "60"})
    assert with_google_delay(error) is error
    assert (error.retry_after, error.headers, error.text) == (delay, {"Retry-After": header}, text)
