"""What comes back from the provider: pasted, or at the listener (oauth-login.md 1.5, 1.8)."""

from __future__ import annotations

import http.client
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from end_to_end.proxy import free_port
from upstream.waiting import eventually

from cliproxy.errors import LoginError
from cliproxy.oauth.callback import PORT_IN_USE, CallbackListener, parse_callback
from cliproxy.oauth.flow import Callback
from cliproxy.providers.tokens.apps import APPS


def p(number: int, text: str, *expected: str, claude: tuple[str, ...] | None = None, id: str = "") -> object:
    """Case ``P<number>``: what comes of ``text`` for most providers, and for Claude where that differs."""
    marks = pytest.mark.case(f"oauth-login:P{number}")
    return pytest.param(text, expected, expected if claude is None else claude, marks=marks, id=id or f"P{number}")


A_S = ("A", "S")
CB = "http://localhost/cb"


@pytest.mark.parametrize(
    ("text", "expected", "for_claude"),
    [
        p(2, "http://localhost:54545/callback?code=A&state=S", *A_S),
        p(3, "?code=A&state=S", *A_S),
        p(4, "code=A&state=S", *A_S),
        p(5, "localhost:1455/auth/callback?code=A&state=S", *A_S),
        p(6, f"{CB}#code=A&state=S", *A_S),
        p(7, f"{CB}?code=A%23S", *A_S),
        p(8, f"{CB}?code=A#S", "A", "", claude=A_S),
        p(11, f"{CB}?error=access_denied&error_description=No", "", "", "access_denied", "No"),
        p(12, f"{CB}?error_description=No", "", "", "No"),
        p(14, "code=4/0Abc&state=S", "4/0Abc", "S"),
        p(14, "state=S&code=4/0Abc", "4/0Abc", "S", id="P14 state first"),
        p(14, "error=a/b&error_description=c:d", "", "", "a/b", "c:d", id="P14 error first"),
        p(2, f"  {CB}?code=%20A%20&state=+S+ \n", *A_S, id="blanks"),
        p(2, "https://other.example/x/y?state=S&code=A&scope=a+b", *A_S, id="any host"),
        p(6, f"{CB}?code=A#state=S", *A_S, id="half and half"),
        p(6, f"{CB}?code=&state=S#code=A", *A_S, id="empty ones come from the fragment"),
        p(7, f"{CB}?code=A%23B%23S", "A", "B#S", id="the first number sign splits"),
        p(7, f"{CB}?code=A%23B&state=S", "A#B", "S", id="a state that is there stays"),
        p(11, f"{CB}?error=x&code=A&state=S", "A", "S", "x", id="error beside a code"),
        p(3, "?code=a%2Bb&state=S", "a+b", "S", id="encoded"),
        p(3, "127.0.0.1?code=A&state=S", *A_S, id="host and query"),
    ],
)
def test_pasted(text: str, expected: tuple[str, ...], for_claude: tuple[str, ...]) -> None:
    assert parse_callback(text) == Callback(*expected)
    assert parse_callback(text, code_holds_state=True) == Callback(*for_claude)


@pytest.mark.case("oauth-login:P1")
@pytest.mark.parametrize("text", ["", " ", "\t \r\n"])
@pytest.mark.parametrize("claude", [False, True])
def test_blanks(text: str, claude: bool) -> None:
    assert parse_callback(text, code_holds_state=claude) is None


@pytest.mark.case("oauth-login:P10")
def test_code_and_state_as_claudes_console_shows_them() -> None:
    assert parse_callback(" A#S \n", code_holds_state=True) == Callback("A", "S")
    with pytest.raises(LoginError, match="callback URL missing code"):
        parse_callback("A#S")


@pytest.mark.parametrize("claude", [False, True])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("ABC", "invalid callback URL", marks=pytest.mark.case("oauth-login:P9")),
        pytest.param(CB, "callback URL missing code", marks=pytest.mark.case("oauth-login:P13")),
        pytest.param(f"{CB}?state=S", "callback URL missing code", marks=pytest.mark.case("oauth-login:P13")),
        ("http://[::1/cb?code=A&state=S", "invalid callback URL"),
        ("a b c", "invalid callback URL"),
        ("state=S", "callback URL missing code"),
        ("code=&state=S", "callback URL missing code"),
        ("?", "callback URL missing code"),
        ("x=y", "callback URL missing code"),
    ],
)
def test_mistakes(text: str, words: str, claude: bool) -> None:
    with pytest.raises(LoginError, match=re.escape(words)) as caught:
        parse_callback(text, code_holds_state=claude)
    assert (caught.value.text, caught.value.exit_code) == (words, 1)


@dataclass(frozen=True, slots=True)
class Shown:
    """One answer of the listener; header names in lower case."""

    status: int
    text: str
    headers: dict[str, str]


def fresh_port() -> int:
    """A free port without remains of earlier connections, which keep a listener without SO_REUSEADDR away."""

    def found() -> int:
        port = free_port()
        try:
            with socket.socket() as plain:
                plain.bind(("", port))
        except OSError:
            return 0
        return port

    return eventually(found, "a port is free")


@dataclass
class Listening:
    """A listener on a port of its own, and what it heard."""

    port: int = field(default_factory=fresh_port)
    heard: list[Callback] = field(default_factory=list)

    def on(self, provider: str) -> CallbackListener:
        return CallbackListener(APPS[provider], self.port, self.heard.append)

    def ask(self, target: str, method: str = "GET", host: str = "127.0.0.1") -> Shown:
        connection = http.client.HTTPConnection(host, self.port, timeout=10)
        try:
            connection.request(method, target)
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return Shown(answer.status, answer.read().decode(), headers)
        finally:
            connection.close()


@pytest.fixture
def listening() -> Iterator[Listening]:
    before = set(threading.enumerate())
    yield Listening()
    assert {one for one in threading.enumerate() if one.name == "oauth-callback"} <= before


GOOD = "code=A&state=S"
CASES = [
    ("claude", GOOD, 302, "", "/success"),
    ("claude", "error=access_denied&error_description=No&state=S", 400, "OAuth error: access_denied", ""),
    ("claude", "state=S", 400, "no authorization code", ""),
    ("claude", "code=A", 400, "no state parameter", ""),
    ("claude", "", 400, "no authorization code", ""),
    ("codex", GOOD, 302, "", "/success"),
    ("codex", "error=x", 400, "OAuth error: x", ""),
    ("codex", "code=A", 400, "no state parameter", ""),
    ("gemini", GOOD, 200, "successful", ""),
    ("gemini", "error=access_denied", 200, "access_denied", ""),
    ("gemini", "state=S", 200, "no code was found", ""),
    ("iflow", GOOD, 302, "", "https://iflow.cn/oauth/success"),
    ("iflow", "error=x", 302, "", "https://iflow.cn/oauth/error"),
    ("iflow", "state=S", 302, "", "https://iflow.cn/oauth/error"),
    ("antigravity", GOOD, 200, "<h1>Login successful</h1>", ""),
    ("antigravity", "error=x&code=A", 200, "<h1>Login failed</h1>", ""),
    ("antigravity", "", 200, "<h1>Login failed</h1>", ""),
]


@pytest.mark.parametrize(("provider", "query", "status", "words", "location"), CASES)
def test_answers(
    listening: Listening, provider: str, query: str, status: int, words: str, location: str
) -> None:
    with listening.on(provider):
        seen = listening.ask(f"{APPS[provider].redirect_path}?{query}")
        if location == "/success":
            assert listening.ask(location).status == 200  # as the browser does
    assert (seen.status, seen.headers.get("location", "")) == (status, location)
    assert words in seen.text
    wanted = dict(part.split("=") for part in query.split("&") if part)
    assert listening.heard == [
        Callback(
            wanted.get("code", ""), wanted.get("state", ""), wanted.get("error", ""), wanted.get("error_description", "")
        )
    ]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "HEAD"])
@pytest.mark.parametrize("provider", ["claude", "codex", "iflow"])
def test_other_methods(listening: Listening, provider: str, method: str) -> None:
    with listening.on(provider):
        seen = listening.ask(f"{APPS[provider].redirect_path}?{GOOD}", method)
    assert (seen.status, listening.heard) == (405, [])


@pytest.mark.parametrize("target", ["/", "/favicon.ico", "/callback/", "/callback2?code=A&state=S", "/oauth2callback?code=A"])
def test_other_places(listening: Listening, target: str) -> None:
    with listening.on("claude"):
        assert listening.ask(target).status == 404
    assert listening.heard == []


def test_the_success_page_is_claudes_and_codexs_only(listening: Listening) -> None:
    with listening.on("gemini"):
        assert listening.ask("/success").status == 404


def test_only_the_first_callback_counts(listening: Listening) -> None:
    with listening.on("claude"):
        first = listening.ask("/callback?error=denied")
        eventually(lambda: listening.heard, "it is taken: answers go out before")
        second = listening.ask(f"/callback?{GOOD}")
        listening.ask("/success")
    assert (first.status, second.status) == (400, 302)
    assert listening.heard == [Callback(error="denied")]


def test_both_families(listening: Listening) -> None:
    with listening.on("gemini"):
        assert listening.ask("/oauth2callback?code=A&state=S", host="127.0.0.1").status == 200
        eventually(lambda: listening.heard, "it is taken")
        if socket.has_dualstack_ipv6():
            assert listening.ask("/oauth2callback?code=B&state=S", host="::1").status == 200
    assert listening.heard == [Callback("A", "S")]


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_a_callback_over_ipv6(listening: Listening) -> None:
    with listening.on("gemini"):
        listening.ask("/oauth2callback?code=B&state=S", host="::1")
    assert listening.heard == [Callback("B", "S")]


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1"])
def test_a_port_that_is_taken(listening: Listening, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as other:
        try:
            other.bind((address, listening.port))
        except OSError:
            pytest.skip(f"{address} cannot be used here")
        other.listen()
        with pytest.raises(LoginError) as caught:
            listening.on("claude").__enter__()
    assert (caught.value.code, caught.value.exit_code, PORT_IN_USE) == ("port_in_use", 13, 13)
    assert f"port {listening.port} is in use" in caught.value.text


def patient_visit(port: int, target: str) -> bytes:
    """As a browser that leaves it to the server to close: then the server's side of the connection stays in TIME_WAIT."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return b"".join(iter(lambda: connection.recv(4096), b""))


def test_the_port_is_free_again_at_once(listening: Listening) -> None:
    """For whoever logs in to a second account straight after the first."""
    for _ in range(2):
        with listening.on("gemini"):
            assert patient_visit(listening.port, "/oauth2callback?code=A&state=S").startswith(b"HTTP/1.0 200 ")
    assert len(listening.heard) == 2


def test_a_browser_that_hangs_up(listening: Listening, capfd: pytest.CaptureFixture[str]) -> None:
    with listening.on("claude"):
        with socket.create_connection(("127.0.0.1", listening.port)) as broken:
            broken.sendall(b"GET /callb")
        assert listening.ask("/callback?code=A").status == 400
    assert listening.heard == [Callback("A")]
    assert capfd.readouterr() == ("", "")


def test_codes_are_not_printed(listening: Listening, capfd: pytest.CaptureFixture[str]) -> None:
    with listening.on("gemini") as listener:
        listening.ask("/oauth2callback?code=A&state=S")
        assert repr(listener) == f"<CallbackListener gemini on {listening.port}>"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("provider", "title", "link"),
    [("claude", "Claude", "https://console.anthropic.com/"), ("codex", "Codex", "https://platform.openai.com")],
)
def test_the_success_page(listening: Listening, provider: str, title: str, link: str) -> None:
    with listening.on(provider):
        page = listening.ask("/success")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert re.search(f"<title>{title}\\b.*</title>", page.text)
    assert "Authentication successful" in page.text
    assert "return to the terminal" in page.text
    assert re.search(r'<button [^>]*autofocus[^>]*onclick="window\.close\(\)"', page.text)
    assert '"Escape"' in page.text
    assert f'<a href="{link}">' in page.text
    assert re.search(r'<span id="left">10</span>', page.text)
    assert "setInterval" in page.text
    assert "window.close()" in page.text.partition("<script>")[2]
    assert "further setup" not in page.text


@pytest.mark.parametrize(
    ("query", "setup", "link"),
    [
        ("setup_required=true", True, "https://console.anthropic.com/"),
        ("setup_required=false", False, "https://console.anthropic.com/"),
        ("setup_required=true&platform_url=https%3A%2F%2Fx.example%2F%3Fa%3D1%26b%3D2", True,
         "https://x.example/?a=1&amp;b=2"),
        ("platform_url=https%3A%2F%2Fx.example", False, "https://x.example"),
        ("platform_url=http%3A%2F%2Fx.example", False, "https://console.anthropic.com/"),
        ("platform_url=javascript%3Aalert(1)", False, "https://console.anthropic.com/"),
        ("platform_url=https%3A%2F%2Fx%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E%27", False,
         "https://x&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&#x27;"),
    ],
)  # fmt: skip
def test_the_success_page_says_where_to_go_on(listening: Listening, query: str, setup: bool, link: str) -> None:
    with listening.on("claude"):
        page = listening.ask(f"/success?{query}").text
    assert set(re.findall('href="([^"]*)"', page)) == {link}
    assert page.count(f'href="{link}"') == (2 if setup else 1)
    assert ("further setup" in page) is setup
    assert "<script>alert" not in page


def test_errors_are_no_html(listening: Listening) -> None:
    with listening.on("gemini"):
        seen = listening.ask("/oauth2callback?error=%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert seen.headers["content-type"].startswith("text/plain")


def test_a_listener_ends_without_waiting_for_a_browser_that_never_comes(listening: Listening) -> None:
    """Told ``/success`` but gone: two seconds of grace, not more."""
    with listening.on("claude"):
        assert listening.ask(f"/callback?{GOOD}").status == 302
        begun = time.monotonic()
    took = time.monotonic() - begun
    assert 1.5 < took < 10, took
