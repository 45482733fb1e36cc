"""What logs may show of secrets (config.md 14, 22.3)."""

from __future__ import annotations

import pytest

from cliproxy.masking import mask_header, mask_key, mask_query, redact_proxy


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("sk-123456789", "sk-1...6789"), ("123456789", "1234...6789"), ("12345678", "12...78"), ("12345", "12...45"),
        ("1234", "1...4"), ("123", "1...3"), ("12", "12"), ("", ""), ("abcdefghi", "abcd...fghi"), ("abcdef", "ab...ef"),
        ("abc", "a...c"), ("ab", "ab"),
    ],
)  # fmt: skip
@pytest.mark.case("logging:15")
def test_keys(key: str, shown: str) -> None:
    assert mask_key(key) == shown


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Authorization", "Bearer sk-123456789", "Bearer sk-1...6789"), ("Authorization", "sk-123456789", "sk-1...6789"),
        ("Proxy-Authorization", "Basic 123456789", "Basic 1234...6789"), ("X-Api-Key", "123456789", "1234...6789"),
        ("X-Auth-Token", "123456789", "1234...6789"), ("Cookie", "a=123456789", "a=12...6789"), ("Accept", "text/html", "text/html"),
        pytest.param("Authorization", "Bearer sk-1234567890abcd", "Bearer sk-1...abcd", marks=pytest.mark.case("logging:16")),
        pytest.param("Authorization", " sk-1234567890abcd ", "sk-1...abcd", marks=pytest.mark.case("logging:16")),
        pytest.param("X-Goog-Api-Key", "123456789", "1234...6789", marks=pytest.mark.case("logging:17")),
        pytest.param("Client-Secret", "123456789", "1234...6789", marks=pytest.mark.case("logging:17")),
        pytest.param("User-Agent", "123456789", "123456789", marks=pytest.mark.case("logging:17")),
        ("Set-Cookie", "123456789", "1234...6789"),
    ],
)  # fmt: skip
def test_headers(name: str, value: str, shown: str) -> None:
    assert mask_header(name, value) == shown


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ""), ("alt=sse&x=%41", "alt=sse&x=%41"), ("key=123456789&alt=sse", "key=1234...6789&alt=sse"),
        ("auth_token=123456789", "auth_token=1234...6789"), ("monkey=123456789", "monkey=123456789"),
        ("a=1&client_secret[]=123456789&&b", "a=1&client_secret[]=1234...6789&&b"), ("key=", "key="), ("key", "key="),
        ("KEY=a%20b%20c", "KEY=a+...+c"), ("key=%20123456789%20", "key=1234...6789"), ("x%5Fapi%5Fkey=abc", "x%5Fapi%5Fkey=a...c"),
        ("code=4/0AbCdEfG&state=s&zipcode=123456789", "code=4%2F0A...dEfG&state=s&zipcode=123456789"),
        ("redirect_url=http://localhost/?code=123456789", "redirect_url=http...6789"),
        pytest.param("a=1&auth_token=abcdefghijkl&key", "a=1&auth_token=abcd...ijkl&key=", marks=pytest.mark.case("logging:18")),
        pytest.param("a=1&b=2", "a=1&b=2", marks=pytest.mark.case("logging:18")),
    ],
)  # fmt: skip
def test_queries(query: str, shown: str) -> None:
    assert mask_query(query) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("", "<none>"), (" ", "<none>"), ("socks5://u:p@h:1/x?q#f", "socks5://h:1"), ("http://h", "http://h"), ("h:1/x", "h:1"),
        ("http://[::1]:8080", "http://[::1]:8080"), ("http://", "<redacted>"), ("http://h:port", "<redacted>"),
    ],
)  # fmt: skip
def test_proxies(url: str, shown: str) -> None:
    assert redact_proxy(url) == shown
