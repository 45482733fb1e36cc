"""The text of the access line (logging.md 2)."""

from __future__ import annotations

import logging

import pytest

from cliproxy.records.access_log import access_level, access_line, client_address, latency_text, shown_path


@pytest.mark.case("logging:1")
def test_the_example() -> None:
    line = access_line(200, 23.5594, "127.0.0.1", "POST", "/v1/chat/completions")
    assert line == '200 |       23.559s |       127.0.0.1 | POST    "/v1/chat/completions"'


def test_errors_are_appended() -> None:
    assert access_line(502, 0, "::1", "OPTIONS", "/", "first; second") == (
        '502 |            0s |             ::1 | OPTIONS "/" | first; second'
    )


def test_long_fields_push_the_others() -> None:
    line = access_line(200, 360000 + 3599, "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "PROPFIND", "/")
    assert line == '200 |    100h59m59s | 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff | PROPFIND "/"'


@pytest.mark.case("logging:2")
@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (90.7, "1m30s"), (0.0004, "0s"), (60.0, "1m0s"), (3723, "1h2m3s"), (0, "0s"), (0.45, "450ms"), (1, "1s"),
        (1.5, "1.5s"), (23.5594, "23.559s"), (0.9999, "999ms"), (59.9999, "59.999s"), (1.001, "1.001s"), (0.29, "290ms"),
        (1.01, "1.01s"), (10, "10s"), (20.1, "20.1s"), (60.9999, "1m0s"), (3600, "1h0m0s"), (3599.9, "59m59s"), (-1, "0s"),
        (0.001, "1ms"),
    ],
)  # fmt: skip
def test_latency(seconds: float, text: str) -> None:
    assert latency_text(seconds) == text


@pytest.mark.parametrize(
    ("status", "level"),
    [(200, logging.INFO), (399, logging.INFO), (400, logging.WARNING), (499, logging.WARNING), (500, logging.ERROR)],
)
def test_levels(status: int, level: int) -> None:
    assert access_level(status) == level


@pytest.mark.parametrize(
    ("forwarded", "real", "peer", "shown"),
    [
        ("203.0.113.9, 10.0.0.1", "", "127.0.0.1", "203.0.113.9"), ("203.0.113.9", "198.51.100.1", "1.2.3.4", "203.0.113.9"),
        ("203.0.113.9, unknown", "", "127.0.0.1", "127.0.0.1"), ("203.0.113.9, ", "198.51.100.1", "1.2.3.4", "198.51.100.1"),
        ("203.0.113.9:80", "", "1.2.3.4", "1.2.3.4"), ("fe80::1%eth0", "", "1.2.3.4", "1.2.3.4"), ("2001:db8::1", "", "::1", "2001:db8::1"),
        ("", " 198.51.100.1 ", "1.2.3.4", "198.51.100.1"), ("", "nonsense", "1.2.3.4", "1.2.3.4"), ("", "", "::1", "::1"),
        ("", "", "::ffff:10.0.0.7", "10.0.0.7"), ("", "", "", ""), ("\x00", "\u20ac", "1.2.3.4", "1.2.3.4"),
    ],
)  # fmt: skip
def test_client(forwarded: str, real: str, peer: str, shown: str) -> None:
    assert client_address(forwarded, real, peer) == shown


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/v1/models", "/v1/models"), ("/a b", "/a b"), ("/\n[2026-01-01 00:00:00] forged", "/\\n[2026-01-01 00:00:00] forged"),
        ("/\x1b[31m", "/\\x1b[31m"), ("/é".encode().decode("latin-1"), "/é"), ("/\xff", "/\\xff"),
        ("/\u2028".encode().decode("latin-1"), "/\\u2028"),
    ],
)  # fmt: skip
def test_paths(path: str, shown: str) -> None:
    assert shown_path(path) == shown
