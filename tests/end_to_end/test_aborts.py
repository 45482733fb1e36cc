"""A client that goes away stops its upstream call at once (client-api.md 5.5, 18 case 17)."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from end_to_end.families import CHAT, PROTOCOLS, Family, Fresh
from end_to_end.proxy import AUTHORIZED, Proxy, send
from upstream.content import long_text
from upstream.plan import Plan
from upstream.server import FakeUpstream, Recorded
from upstream.waiting import eventually

EACH = pytest.mark.parametrize("family", PROTOCOLS, ids=repr)
PROMPT = 1.0


def seconds_until_left(request: Recorded, since: float) -> float:
    left = eventually(lambda: request.left, "the upstream connection is closed", seconds=10)
    assert request.answered is None
    return left - since


@pytest.mark.case("client-api:17")
@EACH
def test_abort_in_mid_stream(server: Proxy, upstream: FakeUpstream, family: Family) -> None:
    upstream.plan(Plan(reply=long_text(50), stall_after=20))
    connection = server.connect()
    send(connection, "POST", family.path(stream=True), family.body(stream=True), AUTHORIZED)
    response, seen = connection.getresponse(), b""
    while b"w5 " not in seen:
        seen += response.read1()
    gone = time.monotonic()
    response.close()
    connection.close()
    assert seconds_until_left(upstream.requests[0], gone) < PROMPT


@pytest.mark.case("client-api:17")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@EACH
def test_abort_before_the_first_byte(server: Proxy, upstream: FakeUpstream, family: Family, stream: bool) -> None:
    upstream.plan(Plan(stall_before=True))
    connection = server.connect()
    send(connection, "POST", family.path(stream=stream), family.body(stream=stream), AUTHORIZED)
    (request,) = upstream.wait_for(1)
    gone = time.monotonic()
    connection.close()
    assert seconds_until_left(request, gone) < PROMPT


def test_abort_does_not_count_against_the_credential(server: Proxy, upstream: FakeUpstream, fresh: Fresh) -> None:
    """Nothing is recorded for a client that left, and nobody else is asked (credentials.md 4.3)."""
    model = fresh(CHAT)
    upstream.plan(Plan(stall_before=True))
    connection = server.connect()
    send(connection, "POST", CHAT.path(), CHAT.body(model, True), AUTHORIZED)
    (request,) = upstream.wait_for(1)
    connection.close()
    eventually(lambda: request.left, "the upstream connection is closed")
    assert server.post(CHAT.path(), CHAT.body(model)).status == 200
    assert len(upstream.requests) == 2


def test_abort_while_other_streams_run(server: Proxy, upstream: FakeUpstream) -> None:
    upstream.always(Plan(reply=long_text(50), stall_after=10))
    with ThreadPoolExecutor(5) as pool:
        others = [pool.submit(server.post, CHAT.path(), CHAT.body(stream=True)) for _ in range(5)]
        upstream.wait_for(5)
        connection = server.connect()
        send(connection, "POST", CHAT.path(), CHAT.body(stream=True), AUTHORIZED)
        requests = upstream.wait_for(6)
        gone = time.monotonic()
        connection.close()
        assert seconds_until_left(requests[5], gone) < PROMPT
        upstream.release()
        assert all(b"[DONE]" in other.result(20).body for other in others)
    assert sum(1 for request in requests if request.left) == 1


def test_abort_with_newlines_on(ticking: Proxy, upstream: FakeUpstream) -> None:
    """A whole answer whose status has already gone out in keep-alive newlines (client-api.md 5.6)."""
    upstream.plan(Plan(stall_before=True))
    connection = ticking.connect()
    send(connection, "POST", CHAT.path(), CHAT.body(), AUTHORIZED)
    assert connection.getresponse().read1() == b"\n"
    gone = time.monotonic()
    connection.close()
    assert seconds_until_left(upstream.requests[0], gone) < PROMPT


def test_a_pipelined_request_is_not_an_abort(server: Proxy, upstream: FakeUpstream) -> None:
    """Bytes that arrive while an answer is awaited belong to the next request."""
    upstream.plan(Plan(stall_before=True))
    connection = server.connect()
    send(connection, "POST", CHAT.path(), CHAT.body(), AUTHORIZED)
    (request,) = upstream.wait_for(1)
    connection.sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    upstream.release()
    received = b""
    while data := connection.sock.recv(65536):
        received += data
    connection.close()
    assert request.left is None
    assert received.count(b"HTTP/1.1 200") == 2
    assert received.endswith(b'{"status":"ok"}')
