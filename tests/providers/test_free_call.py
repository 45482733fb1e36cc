"""Requests as somebody wrote them (management-api.md 18): redirects, encodings, limits, the way out."""

from __future__ import annotations

import contextlib
import gzip
import socket
import time
from collections.abc import Iterator
from threading import Event

import pytest
from oauth.authority import Answer, Asked, Authority
from providers.forwarding import HttpProxy, Scripted, read_head

from cliproxy.config.settings import Settings, TimeLimits
from cliproxy.errors import UpstreamError
from cliproxy.providers.free_call import Answered, BodyLost, call
from cliproxy.providers.http import HttpClient, Outgoing


@pytest.fixture
def place() -> Iterator[Authority]:
    with Authority() as authority:
        yield authority


@pytest.fixture
def client() -> Iterator[HttpClient]:
    client = HttpClient(Settings, {"http_proxy": "http://127.0.0.1:9"})  # of the environment: must not count
    yield client
    client.close()


def send(
    client: HttpClient, url: str, method: str = "GET", body: bytes | None = None, seconds: float = 10, secret: str = "",
    proxy_url: str = "", **headers: str,
) -> Answered:  # fmt: skip
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return call(client, Outgoing(url, named, body, TimeLimits(), proxy_url, method), seconds, {secret})


def to(path: str, status: int = 302) -> Answer:
    return Answer(b"", status, {"Location": path})


@pytest.mark.parametrize("status", [200, 204, 304, 400, 404, 500, 302])
def test_whatever_is_answered(client: HttpClient, place: Authority, status: int) -> None:
    """Also a redirect to nowhere."""
    body = b"" if status in (204, 304) else b"text"
    place.routes["GET /x"] = lambda asked: Answer(body, status, {"X-Mine": "1"})
    answered = send(client, f"{place.url}/x?q=1")
    assert (answered.status, answered.body) == (status, body)
    assert ("X-Mine", "1") in answered.headers
    assert place.asked[0].query == {"q": "1"}


def test_head_has_no_body(client: HttpClient) -> None:
    def headed(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.recv(1)

    with Scripted(headed) as server:
        assert send(client, server.url, "HEAD", seconds=5).body == b""


@pytest.mark.parametrize("asked_for", [False, True])
def test_compressed(client: HttpClient, place: Authority, asked_for: bool) -> None:
    """Undone, with its headers, unless the request itself asked for an encoding."""
    data = gzip.compress(b"text" * 100)
    place.routes["GET /x"] = lambda asked: Answer(data, 200, {"Content-Encoding": "gzip", "ETag": "e"})
    wish = {"accept_encoding": "br"} if asked_for else {}
    answered = send(client, f"{place.url}/x", **wish)
    names = {name.lower() for name, _ in answered.headers}
    assert place.asked[0].headers["accept-encoding"] == ("br" if asked_for else "gzip")
    assert answered.body == (data if asked_for else b"text" * 100)
    assert {"content-encoding", "content-length"} & names == (
        {"content-encoding", "content-length"} if asked_for else set()
    )
    assert "etag" in names


def test_damaged(client: HttpClient, place: Authority) -> None:
    place.routes["GET /x"] = lambda asked: Answer(b"not gzip", 200, {"Content-Encoding": "gzip"})
    with pytest.raises(BodyLost, match="gzip"):
        send(client, f"{place.url}/x")


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "POST", "GET"),
        (302, "PUT", "GET"),
        (303, "POST", "GET"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (302, "HEAD", "HEAD"),
    ],
)
def test_redirects(client: HttpClient, status: int, method: str, then: str) -> None:
    head = f"HTTP/1.1 {status} x\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n".encode()
    with Scripted(lambda c: None) as server:
        server._scripts = [server.answering(head), server.answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")]
        send(
            client,
            server.url,
            method,
            None if method == "HEAD" else b"body",
            Content_Type="text/plain",
            Host="named.example",
        )
        first, second = (sent.decode() for sent in server.heads)
    assert first.startswith(f"{method} / ")
    assert second.startswith(f"{then} /there ")
    assert ("text/plain" in second) == (then in ("POST",))
    assert "named.example" in first
    assert "named.example" in second  # the same place


def test_ten_redirects_and_no_more(client: HttpClient, place: Authority) -> None:
    def step(asked: Asked) -> Answer:
        left = int(asked.query["left"])
        return to(f"/x?left={left - 1}") if left else Answer(b"end")

    place.routes["GET /x"] = step
    assert send(client, f"{place.url}/x?left=10").body == b"end"
    with pytest.raises(UpstreamError, match="10 redirects"):
        send(client, f"{place.url}/x?left=11")


def test_secrets_go_to_their_place_only(client: HttpClient, place: Authority) -> None:
    with Authority({"GET /y": lambda asked: Answer(b"")}) as other:
        place.routes["GET /near"] = lambda asked: Answer(b"")
        for start, path in (("/a", "/near"), ("/b", f"{other.url}/y")):
            place.routes[f"GET {start}"] = lambda asked, path=path: to(path)  # type: ignore[misc]
            send(
                client, place.url + start, secret="X-Mine", X_Mine="s", X_Other="o", Authorization="t", Host="h.example"
            )
        near, far = place.asked[1].headers, other.asked[0].headers
    assert (near["x-mine"], near["authorization"], near["x-other"], near["host"]) == ("s", "t", "o", "h.example")
    assert far["x-other"] == "o"
    assert far["host"] == other.url.removeprefix("http://")
    assert not {"x-mine", "authorization"} & set(far)


def test_the_way_out(place: Authority) -> None:
    """The request's own proxy, else the global one; what makes no sense is passed over; never the environment's."""
    place.routes["GET /x"] = lambda asked: Answer(b"")
    with HttpProxy() as own, HttpProxy() as everybodys:
        urls = {"own": f"http://{own.address}", "all": f"http://{everybodys.address}", "odd": "gopher://x", "": ""}
        for mine, general, expected in (
            ("own", "all", own),
            ("odd", "all", everybodys),
            ("", "all", everybodys),
            ("odd", "", None),
        ):
            client = HttpClient(
                lambda general=general: Settings(proxy_url=urls[general]), {"http_proxy": "http://127.0.0.1:9"}
            )  # type: ignore[misc]
            before = [len(proxy.lines) for proxy in (own, everybodys)]
            assert send(client, f"{place.url}/x", proxy_url=urls[mine]).status == 200
            after = [len(proxy.lines) for proxy in (own, everybodys)]
            assert [b - a for a, b in zip(before, after, strict=True)] == [
                proxy is expected for proxy in (own, everybodys)
            ]
            client.close()


def drip(connection: socket.socket) -> None:
    """A body that comes byte by byte, for ever."""
    read_head(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(b"x")
            Event().wait(0.02)


def silent(connection: socket.socket) -> None:
    """No answer."""
    read_head(connection)
    connection.recv(1)


def test_slow_bodies_end_in_time(client: HttpClient) -> None:
    with Scripted(drip) as server:
        began = time.monotonic()
        with pytest.raises(BodyLost, match=r"not answered completely within 0\.3s"):
            send(client, server.url, seconds=0.3)
        assert time.monotonic() - began < 3


def test_no_answer_in_time(client: HttpClient) -> None:
    with Scripted(silent) as server, pytest.raises(UpstreamError, match="no data within") as caught:
        send(client, server.url, seconds=0.3)
    assert not isinstance(caught.value, BodyLost)


def test_a_body_that_breaks_off(client: HttpClient) -> None:
    def cut(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")

    with Scripted(cut) as server:
        with pytest.raises(BodyLost, match="before its answer was complete"):
            send(client, server.url)


@pytest.mark.parametrize("coded", [False, True])
def test_too_large(client: HttpClient, place: Authority, coded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cliproxy.providers.free_call._LARGEST", 1 << 16)
    data = bytes(1 << 18)
    coding = {"Content-Encoding": "gzip"} if coded else {}
    place.routes["GET /x"] = lambda asked: Answer(gzip.compress(data) if coded else data, 200, coding)
    with pytest.raises(BodyLost, match="larger"):
        send(client, f"{place.url}/x")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/",
        "ftp://127.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://a b/",
        "http://\u00e4\u00e4.invalid/",
    ],
)
def test_nobody_there(client: HttpClient, url: str) -> None:
    with pytest.raises(UpstreamError):
        send(client, url)
