"""The listener on loopback that sends browsers on to a callback page (management-api.md 12.2)."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator

import pytest
from end_to_end.proxy import free_port
from oauth.house import listens
from upstream.waiting import eventually

from cliproxy.oauth.forwarder import Forwarder, Forwarders

TARGET = "http://127.0.0.1:8317/codex/callback"


@pytest.fixture
def forwarders() -> Iterator[Forwarders]:
    made = Forwarders()
    yield made
    for forwarder in list(made._running.values()):
        made.stop(forwarder)


def ask(port: int, target: str, method: str = "GET") -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, target)
        answer = connection.getresponse()
        assert answer.read() == b""
        return answer
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("GET", "/auth/callback?code=a%2Fb&state=s+t", "?code=a%2Fb&state=s+t"), ("GET", "/", ""), ("GET", "/x?", ""),
        ("HEAD", "/any/where?a=1?b=2", "?a=1?b=2"), ("POST", "/?x=%0d%0aSet-Cookie:1", "?x=%0d%0aSet-Cookie:1"),
        ("GET", "http://localhost:1455/auth/callback?code=c", "?code=c"),
    ],
)  # fmt: skip
def test_whatever_is_asked_is_sent_on(forwarders: Forwarders, method: str, path: str, query: str) -> None:
    port = free_port()
    forwarders.start(port, TARGET)
    answer = ask(port, path, method)
    assert answer.status == 302
    assert answer.headers["Location"] == TARGET + query
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Connection"] == "close"


def test_no_header_can_be_slipped_in(forwarders: Forwarders) -> None:
    port = free_port()
    forwarders.start(port, TARGET)
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(b"GET /?a=1\rX-Evil:1\x85\x0bb HTTP/1.1\r\n\r\n")
        seen = connection.makefile("rb").read()
    assert seen.startswith(b"HTTP/1.")
    assert b"\nX-Evil" not in seen
    assert b"\rX-Evil" not in seen


def test_only_loopback(forwarders: Forwarders) -> None:
    """All of 127/8 is loopback; a wildcard listener would answer on every address of it."""
    port = free_port()
    forwarders.start(port, TARGET)
    assert listens(port)
    assert not listens(port, "127.0.0.2")


def test_stopping_closes_the_port(forwarders: Forwarders) -> None:
    port = free_port()
    forwarder = forwarders.start(port, TARGET)
    assert repr(forwarder) == f"<Forwarder {port} -> {TARGET}, 0 connections>"
    assert repr(forwarders) == f"<Forwarders [{port}]>"
    forwarders.stop(forwarder)
    assert not listens(port)
    assert repr(forwarder).endswith("off>")
    assert repr(forwarders) == "<Forwarders []>"
    forwarder.stop()


def test_a_newer_one_takes_over_and_is_not_stopped_by_the_older(forwarders: Forwarders) -> None:
    port = free_port()
    older = forwarders.start(port, TARGET)
    newer = forwarders.start(port, "http://127.0.0.1:1/new")
    assert ask(port, "/?code=c").headers["Location"] == "http://127.0.0.1:1/new?code=c"
    forwarders.stop(older)
    assert ask(port, "/?code=c").headers["Location"] == "http://127.0.0.1:1/new?code=c"
    forwarders.stop(newer)
    assert not listens(port)


def test_a_silent_browser_does_not_keep_it(forwarders: Forwarders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cliproxy.oauth.forwarder._GRACE", 0.1)
    monkeypatch.setattr("cliproxy.oauth.forwarder._Handler.timeout", 60.0)
    port = free_port()
    forwarder = forwarders.start(port, TARGET)
    with socket.create_connection(("127.0.0.1", port), 10) as silent:
        eventually(lambda: "1 connections" in repr(forwarder), "the connection is seen")
        assert ask(port, "/?code=c").status == 302  # nor does it keep others waiting
        forwarders.stop(forwarder)
        assert silent.recv(100) == b""
    assert not listens(port)


def test_it_gives_up_on_a_silent_browser(forwarders: Forwarders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cliproxy.oauth.forwarder._Handler.timeout", 0.05)
    port = free_port()
    forwarders.start(port, TARGET)
    with socket.create_connection(("127.0.0.1", port), 10) as silent:
        assert silent.recv(100) == b""


def test_a_taken_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        forwarder = Forwarder(taken.getsockname()[1], TARGET)
        with pytest.raises(OSError, match="in use"):
            forwarder.start()
        forwarder.stop()


def test_no_port() -> None:
    with pytest.raises(OSError, match="0-65535"):
        Forwarder(70000, TARGET).start()
