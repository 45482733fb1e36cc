"""Calls over real connections: limits, decoding, redirects, proxies, aborts (providers.md 2, 4)."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from upstream.content import TEXT, long_text
from upstream.plan import Framing, Plan, at_random, per_byte
from upstream.server import FakeUpstream
from upstream.waiting import eventually

from cliproxy.config.settings import Settings, TimeLimits
from cliproxy.errors import FirstByteTimeout, IdleTimeout, UpstreamError, UpstreamStatus, UpstreamTransport
from cliproxy.providers.http import HttpClient, Outgoing, parse_retry_after

BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer k", "Accept-Encoding": "identity"}


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake
        fake.release()
        assert fake.refusals == []


@pytest.fixture
def client() -> Iterator[HttpClient]:
    client = HttpClient(Settings, {})
    yield client
    client.close()


def outgoing(
    upstream: FakeUpstream, *, stream: bool = False, limits: TimeLimits | None = None, **more: Any
) -> Outgoing:
    body = BODY.replace(b"}]}", b'}],"stream":true}') if stream else BODY
    return Outgoing(f"{upstream.url}/v1/chat/completions", HEADERS, body, limits or TimeLimits(), **more)


def read(source: Any) -> bytes:
    return b"".join(iter(source.read, None))


def test_a_whole_answer(client: HttpClient, upstream: FakeUpstream) -> None:
    for framing in Framing:
        upstream.plan(Plan(framing=framing, headers=(("X-Mine", "1"),)))
        reply = client.fetch(outgoing(upstream))
        assert (reply.status, reply.headers["x-mine"]) == (200, "1")
        assert TEXT.joined.encode() in reply.body


@pytest.mark.parametrize("framing", list(Framing))
@pytest.mark.parametrize("encoding", ["", "gzip", "br", "zstd"])
def test_streams_at_any_border(client: HttpClient, upstream: FakeUpstream, framing: Framing, encoding: str) -> None:
    upstream.plan(Plan(reply=long_text(30)))
    expected = read(client.stream(outgoing(upstream, stream=True)))
    assert expected.endswith(b"data: [DONE]\n\n")
    for chop in (per_byte, at_random(1, 50), at_random(2, 5000)):
        upstream.plan(Plan(reply=long_text(30), framing=framing, encoding=encoding, chop=chop))
        assert read(client.stream(outgoing(upstream, stream=True))) == expected


def test_connections_are_kept(client: HttpClient, upstream: FakeUpstream) -> None:
    for stream in (False, True, False):
        if stream:
            read(client.stream(outgoing(upstream, stream=True)))
        else:
            client.fetch(outgoing(upstream))
    assert {request.connection for request in upstream.requests} == {0}


@pytest.mark.parametrize("encoding", ["", "gzip", "zstd"])
def test_an_error_body_is_the_text(client: HttpClient, upstream: FakeUpstream, encoding: str) -> None:
    upstream.plan(Plan(status=418, body=b'{"a": 1.0}', encoding=encoding))
    with pytest.raises(UpstreamStatus) as caught:
        client.fetch(outgoing(upstream))
    assert (caught.value.status, caught.value.text, caught.value.headers) == (418, '{"a": 1.0}', {})


def test_an_error_without_words(client: HttpClient, upstream: FakeUpstream) -> None:
    upstream.plan(Plan(status=503, body=b" "))
    with pytest.raises(UpstreamStatus, match="status 503"):
        client.stream(outgoing(upstream, stream=True))


@pytest.mark.parametrize(("status", "seconds"), [(429, 7.0), (503, None)])
def test_retry_after(client: HttpClient, upstream: FakeUpstream, status: int, seconds: float | None) -> None:
    upstream.plan(Plan(status=status, headers=(("Retry-After", "7"),)))
    with pytest.raises(UpstreamStatus) as caught:
        client.fetch(outgoing(upstream))
    assert caught.value.retry_after == seconds
    assert caught.value.headers == ({"Retry-After": "7"} if seconds else {})


@pytest.mark.parametrize(("key", "low", "high"), [("resets_in_seconds", 90, 90), ("resets_at", 80, 90)])
def test_retry_after_in_the_body(client: HttpClient, upstream: FakeUpstream, key: str, low: float, high: float) -> None:
    """Codex says it there, and the client gets it as a header."""
    error = {"type": "usage_limit_reached", key: 90 + (int(time.time()) if key == "resets_at" else 0)}
    upstream.plan(Plan(status=429, body=json.dumps({"error": error}).encode()))
    with pytest.raises(UpstreamStatus) as caught:
        client.fetch(outgoing(upstream))
    assert caught.value.retry_after is not None
    assert low <= caught.value.retry_after <= high
    assert low <= int(caught.value.headers["Retry-After"]) <= high


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0), (" 0.5 ", 0.5), ("-3", 0.0), ("", None), ("soon", None),
        ("Wed, 21 Oct 2015 07:28:10 GMT", 10.0), ("Wed, 21 Oct 2015 07:27:00 GMT", 0.0),
    ],
)  # fmt: skip
def test_retry_after_values(text: str, seconds: float | None) -> None:
    assert parse_retry_after(text, now=1445412480.0) == seconds


def test_first_byte_limit(client: HttpClient, upstream: FakeUpstream) -> None:
    upstream.always(Plan(stall_before=True))
    for send in (client.fetch, client.stream):
        with pytest.raises(FirstByteTimeout) as caught:
            send(outgoing(upstream, limits=TimeLimits(0.2, 5)))
        assert (caught.value.status, caught.value.text) == (504, "upstream sent no data within 0.2s")
    eventually(lambda: all(request.left for request in upstream.requests), "both calls were dropped")


def test_idle_limit(client: HttpClient, upstream: FakeUpstream) -> None:
    upstream.plan(Plan(stall_after=2))
    source = client.stream(outgoing(upstream, stream=True, limits=TimeLimits(5, 0.2)))
    with pytest.raises(IdleTimeout, match=r"within 0\.2s"):
        read(source)
    eventually(lambda: upstream.requests[0].left, "the call was dropped", seconds=2)


def test_abort_closes_at_once(client: HttpClient, upstream: FakeUpstream) -> None:
    upstream.plan(Plan(stall_after=2))
    source = client.stream(outgoing(upstream, stream=True))
    assert source.read()
    source.close()
    source.close()
    assert source.read() is None
    eventually(lambda: upstream.requests[0].left, "the call was dropped", seconds=1)


@pytest.mark.parametrize("framing", [Framing.CHUNKED, Framing.LENGTH])
def test_a_cut_answer_is_an_error(client: HttpClient, upstream: FakeUpstream, framing: Framing) -> None:
    upstream.plan(Plan(cut_after=2, framing=framing, chop=at_random(1, 60)))
    with pytest.raises(UpstreamTransport):
        client.fetch(outgoing(upstream))


def test_nobody_is_there(client: HttpClient) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/secret-path?key=secret"
        with pytest.raises(UpstreamTransport) as caught:
            client.fetch(Outgoing(url, {}, b"", TimeLimits()))
    assert "refused" in caught.value.text
    assert "secret" not in caught.value.text
    assert caught.value.status is None


@pytest.mark.parametrize("url", ["ftp://x/", "http://", "http://127.0.0.1:99999/", "nonsense"])
def test_urls_that_make_no_sense(client: HttpClient, url: str) -> None:
    with pytest.raises(UpstreamError):
        client.fetch(Outgoing(url, {}, b"", TimeLimits()))


def test_a_header_that_makes_no_sense(client: HttpClient, upstream: FakeUpstream) -> None:
    with pytest.raises(UpstreamError):
        client.fetch(Outgoing(upstream.url, {"X": "a\r\nb: c"}, b"", TimeLimits()))
    assert upstream.requests == []


class Server:
    """Answers each request with the next prepared bytes; keeps what was asked."""

    def __init__(self, *answers: bytes, then_close: bool = False) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.answers = list(answers)
        self.asked: list[bytes] = []
        self.connections = 0
        self.closed = threading.Event()
        self._then_close = then_close
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                connection.settimeout(5)
                with contextlib.suppress(OSError):
                    self._serve(connection)
            self.closed.set()

    def _serve(self, connection: socket.socket) -> None:
        while self.answers:
            data = b""
            while b"\r\n\r\n" not in data:
                piece = connection.recv(65536)
                if not piece:
                    return
                data += piece
            self.asked.append(data)
            connection.sendall(self.answers.pop(0))
            if self._then_close:
                return

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._thread.join()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def redirect(status: int, target: str) -> bytes:
    return b"HTTP/1.1 %d X\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (status, target.encode())


@pytest.mark.parametrize(("status", "method"), [(307, b"POST"), (308, b"POST"), (302, b"GET"), (303, b"GET")])
def test_redirects(client: HttpClient, status: int, method: bytes) -> None:
    with Server(redirect(status, "/there?x=1"), OK, then_close=True) as server:
        headers = {"Authorization": "Bearer k", "Content-Type": "application/json"}
        reply = client.fetch(Outgoing(f"{server.url}/here", headers, b"{}", TimeLimits()))
        assert reply.body == b"ok"
        assert server.asked[1].startswith(method + b" /there?x=1 ")
        assert b"Bearer k" in server.asked[1]


def test_a_redirect_to_a_stranger_takes_no_secrets_along(client: HttpClient) -> None:
    with Server(OK) as stranger, Server(redirect(307, f"{stranger.url}/x"), then_close=True) as server:
        secrets = {"Authorization": "Bearer k", "x-api-key": "k", "X-Goog-Api-Key": "k", "X-Other": "stays"}
        client.fetch(Outgoing(f"{server.url}/here", secrets, b"{}", TimeLimits()))
        (asked,) = stranger.asked
        assert b"X-Other: stays" in asked
        assert b": k" not in asked
        assert b"Bearer" not in asked


def test_redirects_without_end(client: HttpClient) -> None:
    with Server(*[redirect(307, "/again")] * 7) as server:
        with pytest.raises(UpstreamTransport, match="too many redirects"):
            client.fetch(Outgoing(f"{server.url}/here", {}, b"{}", TimeLimits()))


def test_a_connection_that_went_stale_is_tried_anew(client: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(OK, OK, then_close=True) as server:
        request = Outgoing(f"{server.url}/", {}, b"{}", TimeLimits())
        assert client.fetch(request).body == b"ok"
        assert server.closed.wait(5)
        transport = client.transport("", request.url)
        monkeypatch.setattr(transport, "idle_seconds", lambda url: 5.0)
        assert client.fetch(request).body == b"ok"
        assert server.connections == 2


def test_a_fresh_connection_that_hangs_up_is_not(client: HttpClient) -> None:
    with Server(b"", OK, then_close=True) as server:
        with pytest.raises(UpstreamTransport):
            client.fetch(Outgoing(f"{server.url}/", {}, b"{}", TimeLimits()))
        assert len(server.asked) == 1


@pytest.mark.parametrize("place", ["credential", "config", "environment"])
def test_an_http_proxy_is_used(place: str) -> None:
    with Server(OK) as proxy:
        url = proxy.url.replace("http://", "http://me:word@")
        settings = Settings(proxy_url=url if place == "config" else "")
        environment = {"HTTP_PROXY": url} if place == "environment" else {}
        client = HttpClient(lambda: settings, environment)
        request = Outgoing(
            "http://nowhere.invalid/x", {}, b"{}", TimeLimits(), proxy_url=url if place == "credential" else ""
        )
        assert client.fetch(request).body == b"ok"
        assert proxy.asked[0].startswith(b"POST http://nowhere.invalid/x HTTP/1.1\r\n")
        assert b"roxy-" in proxy.asked[0]  # Proxy-Authorization
        client.close()


def test_the_credentials_proxy_wins(client: HttpClient) -> None:
    settings = Settings(proxy_url="http://config.invalid:1")
    with Server(OK) as proxy:
        client = HttpClient(lambda: settings, {"HTTP_PROXY": "http://environment.invalid:1"})
        request = Outgoing("http://nowhere.invalid/x", {}, b"{}", TimeLimits(), proxy_url=proxy.url)
        assert client.fetch(request).body == b"ok"
        client.close()


def test_no_proxy_is_honoured(upstream: FakeUpstream) -> None:
    client = HttpClient(Settings, {"HTTP_PROXY": "http://environment.invalid:1", "NO_PROXY": "127.0.0.1"})
    assert client.fetch(outgoing(upstream)).status == 200
    client.close()


def test_senseless_proxies_are_warned_of_once(upstream: FakeUpstream, caplog: pytest.LogCaptureFixture) -> None:
    client = HttpClient(Settings, {})
    for proxy in ("gopher://u:secret@x", "gopher://u:secret@x", "::::"):
        assert client.fetch(outgoing(upstream, proxy_url=proxy)).status == 200
    assert caplog.text.count("ignored") == 2
    assert "secret" not in caplog.text
    client.close()


def test_socks_resolves_at_the_proxy() -> None:
    """A tiny SOCKS5 server: it must get the host's name, not an address."""
    listener = socket.create_server(("127.0.0.1", 0))
    seen: list[bytes] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(262)
            connection.sendall(b"\x05\x00")
            seen.append(connection.recv(262))
            connection.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
            connection.recv(65536)
            connection.sendall(OK)

    thread = threading.Thread(target=serve)
    thread.start()
    client = HttpClient(Settings, {})
    proxy = f"socks5://127.0.0.1:{listener.getsockname()[1]}"
    reply = client.fetch(Outgoing("http://upstream.invalid/x", {}, b"{}", TimeLimits(), proxy_url=proxy))
    thread.join()
    listener.close()
    client.close()
    assert reply.body == b"ok"
    assert seen == [b"\x05\x01\x00\x03\x10upstream.invalid\x00\x50"]


def test_all_connections_share_one_tls_context(client: HttpClient) -> None:
    first, second = client.transport("", "https://a"), client.transport("http://p:1", "https://b")
    assert first._pool("https", "a", None).conn_kw["ssl_context"] is second._pool("https", "b", None).conn_kw["ssl_context"]  # type: ignore[attr-defined]  # fmt: skip


GEVENT = """
from gevent import monkey; monkey.patch_all()
import sys, time
sys.path[:0] = [{tests!r}]
import gevent
from cliproxy.config.settings import Settings, TimeLimits
from cliproxy.errors import FirstByteTimeout, IdleTimeout
from cliproxy.providers.http import HttpClient, Outgoing
from cliproxy.providers.source import BodySource
client = HttpClient(Settings, {{}})
def go(body, first, idle):
    return Outgoing({url!r} + "/v1/chat/completions", {headers!r}, body, TimeLimits(first, idle))
assert client._context.__class__.__module__.startswith("gevent")
stream = {body!r}.replace(b"}}]}}", b'}}],"stream":true}}')

def expect(kind, work):
    began = time.monotonic()
    try:
        work()
    except kind:
        assert time.monotonic() - began < 1.5, "late"
        return
    raise AssertionError(kind)

def read_all(source):
    while source.read() is not None:
        pass

expect(FirstByteTimeout, lambda: client.fetch(go({body!r}, 0.2, 5)))
expect(IdleTimeout, lambda: read_all(client.stream(go(stream, 5, 0.3))))
source = client.stream(go(stream, 5, 5))
source.keepalive = 0.1
pauses, data = 0, b""
while (block := source.read()) is not None:
    pauses += not block
    data += block
    if pauses == 3:
        break
assert data and pauses == 3, (data, pauses)
source.close()
ticks = []
def tick():
    while True:
        gevent.sleep(0.01)
        ticks.append(1)
ticker = gevent.spawn(tick)
expect(FirstByteTimeout, lambda: client.fetch(go({body!r}, 0.3, 5)))
assert len(ticks) > 10, "the hub stood still"
ticker.kill()
client.close()
print("fine")
"""


def test_limits_and_pauses_under_gevent(upstream: FakeUpstream) -> None:
    upstream.plan(Plan(stall_before=True), Plan(stall_after=2), Plan(stall_after=2), Plan(stall_before=True))
    tests = str(Path(__file__).resolve().parents[1])
    script = GEVENT.format(tests=tests, url=upstream.url, headers=HEADERS, body=BODY)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, cwd=Path(tests).parent, check=False
    )
    assert (done.stdout, done.returncode) == ("fine\n", 0), done.stderr
    eventually(lambda: all(request.left for request in upstream.requests), "all calls were dropped", seconds=3)


def test_a_gzip_body_that_is_cut(client: HttpClient) -> None:
    data = gzip.compress(b"x" * 5000)[:30]
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (
        len(data),
        b"no gzip" + data[7:],
    )
    with Server(answer) as server, pytest.raises(UpstreamTransport, match="damaged"):
        client.fetch(Outgoing(server.url, {}, b"{}", TimeLimits()))


def test_it_does_not_wait_when_there_is_no_limit(client: HttpClient, upstream: FakeUpstream) -> None:
    upstream.plan(Plan(delay=0.1, pause=0.02))
    began = time.monotonic()
    assert read(client.stream(outgoing(upstream, stream=True, limits=TimeLimits(0, 0)))).endswith(b"[DONE]\n\n")
    assert time.monotonic() - began < 5
