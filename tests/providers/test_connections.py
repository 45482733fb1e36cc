"""Kept connections, redirects, waits and odd answers, over real sockets (providers.md 2, 4)."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import zlib
from collections.abc import Iterator

import brotli
import pytest
import zstandard
from providers.forwarding import Scripted, read_head
from upstream.plan import Plan
from upstream.server import FakeUpstream

from cliproxy.config.settings import Settings, TimeLimits
from cliproxy.errors import FirstByteTimeout, UpstreamStatus, UpstreamTransport
from cliproxy.providers import http as http_module
from cliproxy.providers.http import HttpClient, Outgoing, Reply, parse_retry_after

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def client() -> Iterator[HttpClient]:
    client = HttpClient(Settings, {})
    yield client
    client.close()


def post(client: HttpClient, url: str, headers: dict[str, str] | None = None, **limits: float) -> Reply:
    return client.fetch(Outgoing(url, headers or {}, b"{}", TimeLimits(**limits)))


def scripted(*connections: tuple[bytes, ...]) -> Scripted:
    """One tuple per connection: its answers; after the last one the next request is read and left without answer."""
    server = Scripted(lambda connection: None)
    server._scripts = [server.answering(*answers) for answers in connections]
    return server


# A kept connection that the upstream closes in the moment our request arrives. A server that closes earlier is
# noticed by urllib3, so only this way the second try is ours.


def test_a_stale_connection_is_tried_once_more(client: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "_STALE_AFTER", 0.0)
    with scripted((OK,), (OK,)) as server:
        assert post(client, f"{server.url}/1").body == b"ok"
        assert post(client, f"{server.url}/2").body == b"ok"
        assert [head.split(b" ")[1] for head in server.heads] == [b"/1", b"/2", b"/2"]
        assert server.connections == 2


def test_but_not_for_ever(client: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "_STALE_AFTER", 0.0)
    with scripted((OK,), ()) as server:
        post(client, f"{server.url}/1")
        with pytest.raises(UpstreamTransport):
            post(client, f"{server.url}/2")
        assert server.connections == 2


def test_a_connection_just_used_is_not_stale(client: HttpClient) -> None:
    """The upstream took the request and hung up: to send it again could do the work twice."""
    with scripted((OK,), (OK,)) as server:
        post(client, f"{server.url}/1")
        with pytest.raises(UpstreamTransport):
            post(client, f"{server.url}/2")
        assert server.connections == 1


def test_an_answer_that_began_is_never_asked_for_again(client: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "_STALE_AFTER", 0.0)
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"

    def half(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(OK)
        read_head(connection)
        connection.sendall(cut)

    with Scripted(half) as server:
        post(client, f"{server.url}/1")
        with pytest.raises(UpstreamTransport, match="before its answer was complete"):
            post(client, f"{server.url}/2")
        assert server.connections == 1


def redirect(status: int, target: str) -> bytes:
    return b"HTTP/1.1 %d X\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (status, target.encode())


SECRETS = {
    "Authorization": "Bearer k-0", "x-api-key": "k-1", "x-goog-api-key": "k-2", "Api-Key": "k-3", "X-Auth-Token": "k-4",
    "X-My-Secret": "k-5", "Cookie": "k-6", "Proxy-Authorization": "k-7",
}  # fmt: skip


def test_secrets_stay_with_the_host_they_are_for(client: HttpClient) -> None:
    with scripted((OK,)) as stranger, scripted((redirect(307, f"{stranger.url}/there"),)) as server:
        post(client, f"{server.url}/here", {**SECRETS, "X-Plain": "p"})
        assert all(f": {value}".encode() in server.heads[0] for value in SECRETS.values())
        assert stranger.heads[0].startswith(b"POST /there HTTP/1.1\r\n")
        assert b"X-Plain: p" in stranger.heads[0]
        assert b"k-" not in stranger.heads[0]


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ("http://a.example/x", "https://a.example/x", True), ("http://a.example:80/x", "https://a.example:443/y", True),
        ("https://a.example/x", "https://A.example:443/y", True), ("https://a.example/x", "http://a.example/x", False),
        ("https://a.example/x", "https://b.example/x", False), ("https://a.example/x", "https://a.example:8443/x", False),
        ("http://a.example:8080/x", "https://a.example/x", False), ("https://a.example/x", "//b.example/x", False),
        ("https://a.example/x/y", "../z", True),
    ],
)  # fmt: skip
def test_which_hosts_are_the_same(old: str, new: str, kept: bool) -> None:
    request = Outgoing(old, {"Authorization": "Bearer k", "X-Other": "1"}, b"{}", TimeLimits())
    after = http_module.redirected(request, 308, new)
    assert ("Authorization" in after.headers) is kept
    assert after.headers["X-Other"] == "1"
    assert (after.method, after.body) == ("POST", b"{}")


def test_a_redirect_without_a_target_is_an_answer(client: HttpClient) -> None:
    with scripted((b"HTTP/1.1 302 X\r\nContent-Length: 4\r\n\r\nlost",)) as server:
        with pytest.raises(UpstreamStatus) as caught:
            post(client, server.url)
    assert (caught.value.status, caught.value.text) == (302, "lost")


@pytest.mark.parametrize(
    "target", ["ftp://x.invalid/", "file:///etc/passwd", "http://", "http://h:99999/", "http://[bad"]
)
def test_a_redirect_to_nonsense(client: HttpClient, target: str) -> None:
    with scripted((redirect(307, target),)) as server:
        with pytest.raises(UpstreamTransport):
            post(client, server.url)


def test_the_head_alone_is_no_first_byte(client: HttpClient) -> None:
    """Headers came at once, the body never: the limit is for the body's first byte."""
    gone = threading.Event()

    def silent(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        if not connection.recv(1):
            gone.set()

    with Scripted(silent) as server:
        began = time.monotonic()
        with pytest.raises(FirstByteTimeout) as caught:
            post(client, server.url, first_byte=0.3, idle=30)
        assert 0.25 < time.monotonic() - began < 2
        assert (caught.value.status, caught.value.text) == (504, "upstream sent no data within 0.3s")
        assert gone.wait(2)


def test_an_error_whose_body_never_comes_keeps_its_status(client: HttpClient) -> None:
    def silent(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(b"HTTP/1.1 429 X\r\nRetry-After: 3\r\nContent-Length: 100\r\n\r\nhalf")
        connection.recv(1)

    with Scripted(silent) as server:
        with pytest.raises(UpstreamStatus) as caught:
            post(client, server.url, first_byte=5, idle=0.2)
    assert (caught.value.status, caught.value.retry_after) == (429, 3.0)


@pytest.mark.parametrize(
    "text", ["inf", "-inf", "nan", "1e999", "99:99", "Wed, 99 Oct 2015 07:28:00 GMT", "\x00", "0x10", "1,5"]
)
def test_senseless_waits(client: HttpClient, text: str) -> None:
    assert parse_retry_after(text) is None
    if text.isprintable():
        answer = b"HTTP/1.1 429 X\r\nRetry-After: %s\r\nContent-Length: 1\r\n\r\nx" % text.encode()
        with scripted((answer,)) as server, pytest.raises(UpstreamStatus) as caught:
            post(client, server.url)
        assert (caught.value.status, caught.value.retry_after, caught.value.headers) == (429, None, {})


def test_a_wait_goes_on_in_whole_seconds(client: HttpClient) -> None:
    with scripted((b"HTTP/1.1 429 X\r\nRetry-After: 1.2\r\nContent-Length: 0\r\n\r\n",)) as server:
        with pytest.raises(UpstreamStatus) as caught:
            post(client, server.url)
    assert (caught.value.retry_after, caught.value.headers) == (1.2, {"Retry-After": "2"})


def test_a_date_to_wait_for(client: HttpClient) -> None:
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 100)).encode()
    with scripted((b"HTTP/1.1 429 X\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n" % date,)) as server:
        with pytest.raises(UpstreamStatus) as caught:
            post(client, server.url)
    assert 90 < (caught.value.retry_after or 0) <= 100


def raw_deflate(data: bytes) -> bytes:
    encoder = zlib.compressobj(wbits=-15)
    return encoder.compress(data) + encoder.flush()


ENCODERS = {
    "gzip": gzip.compress, "GZIP": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress, " deflate ": raw_deflate,
    "br": brotli.compress, "zstd": zstandard.compress, "identity, br": brotli.compress, "br,": brotli.compress,
    "identity": bytes, "unheard-of": bytes, "": bytes, "unheard-of, gzip": gzip.compress, "gzip, unheard-of": gzip.compress,
}  # fmt: skip


@pytest.mark.parametrize("encoding", ENCODERS)
@pytest.mark.parametrize("status", [200, 418])
@pytest.mark.parametrize("piece", [1, 10_000])
def test_encodings(client: HttpClient, encoding: str, status: int, piece: int) -> None:
    """Answers and error bodies, in pieces of any size; the first name that is known decides."""
    text = b'{"text": "' + b"w\xc3\xb6rld " * 50 + b'"}'
    data = ENCODERS[encoding](text)
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(data[at : at + piece]), data[at : at + piece]) for at in range(0, len(data), piece)
    )
    head = b"HTTP/1.1 %d X\r\nTransfer-Encoding: chunked\r\nContent-Encoding: %s\r\n\r\n" % (status, encoding.encode())

    def bytewise(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        read_head(connection)
        connection.sendall(head)
        for at in range(0, len(chunks), piece):
            connection.sendall(chunks[at : at + piece])
        connection.sendall(b"0\r\n\r\n")

    with Scripted(bytewise) as server:
        if status == 200:
            assert post(client, server.url).body == text
        else:
            with pytest.raises(UpstreamStatus) as caught:
                post(client, server.url)
            assert (caught.value.status, caught.value.text.encode()) == (418, text)


def test_an_aborted_whole_answer_leaves_nothing_behind(client: HttpClient) -> None:
    """The connection of a broken answer is never used again."""
    with FakeUpstream() as upstream:
        upstream.plan(Plan(cut_after=0), Plan())
        request = Outgoing(
            f"{upstream.url}/v1/chat/completions",
            {"Content-Type": "application/json", "Authorization": "Bearer k"}, b'{"model":"m","messages":[{"role":"user","content":"hi"}]}', TimeLimits(),
        )  # fmt: skip
        with pytest.raises(UpstreamTransport):
            client.fetch(request)
        assert client.fetch(request).status == 200
        assert [asked.connection for asked in upstream.requests] == [0, 1]


def test_several_members_of_one_body(client: HttpClient) -> None:
    """Concatenated gzip members and zstd frames are one body."""
    for name, encode in (("gzip", gzip.compress), ("zstd", zstandard.compress)):
        data = encode(b"one ") + encode(b"two ") + encode(b"three")
        head = b"HTTP/1.1 200 X\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (name.encode(), len(data))
        for middle in (0, 5, len(encode(b"one ")), len(data) - 1):

            def two(
                connection: socket.socket, first: bytes = head + data[:middle], rest: bytes = data[middle:]
            ) -> None:
                read_head(connection)
                connection.sendall(first)
                connection.sendall(rest)

            with Scripted(two) as server:
                assert post(client, server.url).body == b"one two three"
