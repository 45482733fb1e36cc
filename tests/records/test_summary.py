"""What a log line says of an upstream's error (logging.md 4.2)."""

from __future__ import annotations

import pytest

from cliproxy.records.summary import failure_summary


@pytest.mark.parametrize(
    ("kind", "body", "summary"),
    [
        ("text/html; charset=utf-8", "<p>x</p><title> Bad &amp;\n  gateway </title>", "Bad & gateway"),
        ("Text/HTML", "nothing", "[html body omitted]"),
        ("", "  \n<!DOCTYPE HTML><TITLE lang=en>Oh</TITLE>", "Oh"),
        ("application/json", "<html><body>x</body></html>", "[html body omitted]"),
        ("", "<html><title>  </title>", "[html body omitted]"),
        ("application/json", '{"error":{"message":"no quota","code":1}}', "no quota"),
        ("", '{"error":{"message":""}}', '{"error":{"message":""}}'),
        ("", '{"error":{"message":17}}', "17"),
        ("", '{"error":"text"}', '{"error":"text"}'),
        ("", '{"message":"x"}', '{"message":"x"}'),
        ("", "[1]", "[1]"),
        ("", "plain words", "plain words"),
        ("", "", ""),
    ],
)
def test_summary(kind: str, body: str, summary: str) -> None:
    assert failure_summary(kind, body) == summary
