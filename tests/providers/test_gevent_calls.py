"""Calls in a gevent-patched process, as under gunicorn: limits, aborts, proxies, kept connections (providers.md 2).

Each scenario is a function below, run by this file itself in a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

_SCENARIOS: dict[str, Callable[[], None]] = {}
_HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer k", "Accept-Encoding": "identity"}
_BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
_STREAM = b'{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true}'
_READY = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def scenario(run: Callable[[], None]) -> Callable[[], None]:
    _SCENARIOS[run.__name__] = run
    return run


@scenario
def first_byte_with_and_without_head() -> None:
    from upstream.plan import Plan
    from upstream.server import FakeUpstream

    from cliproxy.errors import FirstByteTimeout

    with FakeUpstream() as upstream:
        client = _client()
        upstream.plan(Plan(stall_before=True), Plan(stall_after=0), Plan(stall_after=0))
        for body, send in ((_BODY, client.fetch), (_STREAM, _whole(client)), (_BODY, client.fetch)):
            error, took = _failing(FirstByteTimeout, lambda b=body, s=send: s(_to(upstream.url, b, 0.3, 30)))
            assert (error.status, error.text) == (504, "upstream sent no data within 0.3s")
            assert 0.25 < took < 1.5, took
        _soon(lambda: all(request.left for request in upstream.requests), 1)
        client.close()


@scenario
def idle_limit_counts_from_the_last_byte() -> None:
    """Pieces 0.1 s apart for longer than the limit are fine; silence is not."""
    from upstream.content import long_text
    from upstream.plan import Plan
    from upstream.server import FakeUpstream

    from cliproxy.errors import IdleTimeout

    with FakeUpstream() as upstream:
        client = _client()
        upstream.plan(Plan(reply=long_text(8), pause=0.1), Plan(reply=long_text(8), stall_after=3))
        assert _whole(client)(_to(upstream.url, _STREAM, 5, 0.5)).endswith(b"data: [DONE]\n\n")
        error, took = _failing(IdleTimeout, lambda: _whole(client)(_to(upstream.url, _STREAM, 5, 0.3)))
        assert (error.status, error.text) == (None, "upstream sent no data within 0.3s")
        assert took < 1.5, took
        _soon(lambda: upstream.requests[-1].left, 1)
        client.close()


@scenario
def a_call_ends_in_time_wherever_it_waits() -> None:
    """Neither silence nor a last byte shortly before the end makes it longer."""
    import gevent
    from providers.forwarding import Scripted, read_head

    from cliproxy.config.settings import TimeLimits
    from cliproxy.errors import UpstreamError
    from cliproxy.providers.free_call import BodyLost, call
    from cliproxy.providers.http import Outgoing

    def late(connection):  # type: ignore[no-untyped-def]
        read_head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na")
        gevent.sleep(0.8)
        connection.sendall(b"b")
        connection.recv(1)

    def silent(connection):  # type: ignore[no-untyped-def]
        read_head(connection)
        connection.recv(1)

    client = _client()
    for script, kind in ((late, BodyLost), (silent, UpstreamError)):
        with Scripted(script) as server:
            request = Outgoing(server.url, {}, None, TimeLimits(), method="GET")
            error, took = _failing(kind, lambda request=request: call(client, request, 1.0))
            assert 0.9 < took < 1.6, took
            assert isinstance(error, BodyLost) == (kind is BodyLost)
    client.close()


@scenario
def a_slow_client_is_not_the_upstreams_silence() -> None:
    """The reader is busy elsewhere for longer than the idle limit; the next byte is waited for with a fresh limit."""
    import gevent
    from providers.forwarding import Scripted, read_head

    with _serving(lambda go: Scripted(lambda c: (read_head(c), c.sendall(_READY + b"1\r\na\r\n"), go.wait(5), c.sendall(b"1\r\nb\r\n0\r\n\r\n")))) as (server, go):  # fmt: skip
        client = _client()
        source = client.stream(_to(server.url, _BODY, 5, 1.0))
        assert source.read() == b"a"
        gevent.sleep(1.5)  # the slow client
        gevent.spawn_later(0.1, go.set)
        assert source.read() == b"b"
        assert source.read() is None
        client.close()


@scenario
def abort_from_another_greenlet() -> None:
    """While the reader waits, before and after the first byte: closed at the upstream within a second."""
    import time

    import gevent
    from upstream.plan import Plan
    from upstream.server import FakeUpstream

    with FakeUpstream() as upstream:
        client = _client()
        for plan, body in ((Plan(stall_before=True), _BODY), (Plan(stall_after=2), _STREAM)):
            upstream.plan(plan)
            expected = len(upstream.requests) + 1
            reader = gevent.spawn(_whole(client), _to(upstream.url, body, 30, 30))
            _soon(lambda n=expected: len(upstream.requests) == n, 2)
            gevent.sleep(0.05)
            began = time.monotonic()
            reader.kill()
            source = [found for found in _sources() if not found._ended]
            for open_source in source:
                open_source.close()
            _soon(lambda: upstream.requests[-1].left, 1)
            assert time.monotonic() - began < 1
        client.close()


@scenario
def a_complete_answer_gives_its_connection_back() -> None:
    """``release`` reads the body's late end in the background; without an end the connection is given up."""
    import gevent
    from providers.forwarding import Scripted, read_head

    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    with _serving(lambda go: Scripted(lambda c: (read_head(c), c.sendall(_READY + b"1\r\na\r\n"), go.wait(5), c.sendall(b"0\r\n\r\n"), read_head(c), c.sendall(ok)))) as (server, go):  # fmt: skip
        client = _client()
        source = client.stream(_to(server.url, _BODY, 5, 5))
        assert source.read() == b"a"
        source.release()
        gevent.spawn_later(0.1, go.set)
        _soon(lambda: source._ended, 2)
        assert client.fetch(_to(server.url, _BODY, 5, 5)).body == b"ok"
        assert server.connections == 1
        client.close()


@scenario
def nothing_is_lost_between_buffer_and_socket() -> None:
    """A big answer that arrives together with its head, and a reader with a big buffer below."""
    import io

    io.DEFAULT_BUFFER_SIZE = 1 << 17  # as Python 3.14 has it
    from providers.forwarding import Scripted, read_head

    body = bytes(range(256)) * 400
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    with Scripted(lambda c: (read_head(c), c.sendall(head + body))) as server:
        for _ in range(5):
            client = _client()
            assert client.fetch(_to(server.url, _BODY, 2, 2)).body == body
            client.close()


@scenario
def proxies() -> None:
    from providers.forwarding import HttpProxy, SocksProxy
    from upstream.content import long_text
    from upstream.plan import Plan
    from upstream.server import FakeUpstream

    from cliproxy.errors import FirstByteTimeout, IdleTimeout

    with FakeUpstream() as upstream, HttpProxy() as http, SocksProxy({"upstream.invalid": upstream.port}) as socks:
        client = _client()
        for proxy, url in (
            (f"http://{http.address}", upstream.url), (f"socks5://127.0.0.1:{socks.port}", "http://upstream.invalid"),
        ):  # fmt: skip
            upstream.plan(
                Plan(reply=long_text(50)), Plan(stall_before=True), Plan(reply=long_text(50), stall_after=2), Plan()
            )
            assert _whole(client)(_to(url, _STREAM, 5, 5, proxy)).endswith(b"data: [DONE]\n\n")
            _failing(FirstByteTimeout, lambda u=url, p=proxy: client.fetch(_to(u, _BODY, 0.3, 5, p)))
            _failing(IdleTimeout, lambda u=url, p=proxy: _whole(client)(_to(u, _STREAM, 5, 0.3, p)))
            assert client.fetch(_to(url, _BODY, 5, 5, proxy)).status == 200
        assert len(http.lines) == 4
        assert socks.asked[0] == ("upstream.invalid", 80)
        client.close()


@scenario
def stale_connection() -> None:
    from providers.forwarding import Scripted

    from cliproxy.providers import http as module

    module._STALE_AFTER = 0.0
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    server = Scripted(lambda connection: None)
    server._scripts = [server.answering(ok), server.answering(ok)]
    with server:
        client = _client()
        assert [client.fetch(_to(server.url, _BODY, 5, 5)).body for _ in range(2)] == [b"ok", b"ok"]
        assert (server.connections, len(server.heads)) == (2, 3)
        client.close()


@scenario
def many_streams_wait_at_once() -> None:
    """Sixty silent streams end by their own limits, and the hub goes on meanwhile."""
    import time

    import gevent
    from upstream.plan import Plan
    from upstream.server import FakeUpstream

    from cliproxy.errors import IdleTimeout

    with FakeUpstream() as upstream:
        client = _client()
        upstream.always(Plan(stall_after=2))
        longest, last = 0.0, time.monotonic()

        def tick() -> None:
            nonlocal longest, last
            while True:
                gevent.sleep(0.005)
                now = time.monotonic()
                longest, last = max(longest, now - last), now

        readers = [
            gevent.spawn(lambda: _failing(IdleTimeout, lambda: _whole(client)(_to(upstream.url, _STREAM, 5, 0.5))))
            for _ in range(60)
        ]
        ticker = gevent.spawn(tick)
        gevent.joinall(readers, timeout=10, raise_error=True)
        ticker.kill()
        assert all(reader.successful() for reader in readers)
        assert longest < 0.4, longest
        _soon(lambda: all(request.left for request in upstream.requests), 2)
        client.close()


# What the scenarios share; imports are inside because the patching comes first.


def _client():  # type: ignore[no-untyped-def]
    from cliproxy.config.settings import Settings
    from cliproxy.providers.http import HttpClient

    return HttpClient(Settings, {})


def _to(url, body, first, idle, proxy=""):  # type: ignore[no-untyped-def]
    from cliproxy.config.settings import TimeLimits
    from cliproxy.providers.http import Outgoing

    return Outgoing(f"{url}/v1/chat/completions", _HEADERS, body, TimeLimits(first, idle), proxy_url=proxy)


def _whole(client):  # type: ignore[no-untyped-def]
    def read(request):  # type: ignore[no-untyped-def]
        return client.stream(request).read_all()

    return read


def _failing(kind, work):  # type: ignore[no-untyped-def]
    import time

    began = time.monotonic()
    try:
        work()
    except kind as error:
        return error, time.monotonic() - began
    raise AssertionError(f"no {kind.__name__}")


def _sources():  # type: ignore[no-untyped-def]
    import gc

    from cliproxy.providers.source import BodySource

    return [found for found in gc.get_objects() if isinstance(found, BodySource)]


def _soon(condition, seconds):  # type: ignore[no-untyped-def]
    from upstream.waiting import eventually

    eventually(condition, "in time", seconds=seconds)


def _serving(make):  # type: ignore[no-untyped-def]
    """A server together with the event that lets it go on."""
    import contextlib
    import threading

    @contextlib.contextmanager
    def both():  # type: ignore[no-untyped-def]
        go = threading.Event()
        with make(go) as server:
            yield server, go

    return both()


@pytest.mark.parametrize("name", _SCENARIOS)
def test_under_gevent(name: str) -> None:
    tests = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-W", "error", __file__, name],
        capture_output=True, text=True, timeout=60, cwd=tests.parent, check=False,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("fine\n", 0), done.stderr


def main() -> None:
    from gevent import monkey

    monkey.patch_all()
    tests = str(Path(__file__).resolve().parents[1])
    sys.path[:] = [tests, *(path for path in sys.path if path != str(Path(__file__).resolve().parent))]
    import socket

    from gevent.socket import socket as gevent_socket

    assert socket.socket is gevent_socket
    _SCENARIOS[sys.argv[1]]()
    print("fine")


if __name__ == "__main__":
    main()
