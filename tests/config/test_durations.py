"""Spans of time in text."""

from __future__ import annotations

import pytest

from cliproxy.config.durations import parse_duration, short_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90), ("1h30m", 5400), (" 2H ", 7200), ("500ms", 0.5), ("1.5h", 5400), ("600", 600), ("0.84s", 0.84),
        ("10m0s", 600), ("0", 0), (".5s", 0.5), ("2us", 2e-6), ("1d", 86400),
    ],
)  # fmt: skip
def test_spans(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "5 m", "1h x", "-5s", "-5", "nan", "inf", "h", "1.2.3s"])
def test_no_spans(text: str) -> None:
    assert parse_duration(text) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0s"), (0, "0s"), (0.2, "1s"), (59, "59s"), (60, "1m"), (95, "1m 35s"), (3600, "1h"), (3661, "1h 1m"), (90000, "1d 1h")],
)  # fmt: skip
def test_for_people(seconds: float, text: str) -> None:
    assert short_duration(seconds) == text
