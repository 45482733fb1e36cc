"""Calls over a browser's session in the request log (logging.md 11)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cliproxy.errors import UpstreamTransport
from cliproxy.providers.relay import Incoming, Session
from cliproxy.records.request_log.exchange import Exchange, set_current
from cliproxy.records.request_log.spool import LogDisk

HEADERS = {"Content-Type": ["application/json"], "X-Two": ["a", "b"]}


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    found = Exchange(LogDisk(tmp_path), full=True)
    set_current(found)
    yield found
    set_current(None)


def text(exchange: Exchange) -> str:
    return b"".join([*exchange.api_request(), *exchange.api_response()]).decode()


def session() -> Session:
    return Session("me", lambda frame: None, lambda cause: None)


def test_what_was_asked_and_answered(exchange: Exchange) -> None:
    call = session().request("POST", "https://google/x", HEADERS, '{"n":1}')
    kind = {"Content-Type": "text/event-stream"}
    for message in (Incoming("stream_start", status=200, headers=kind), Incoming("stream_chunk", "data: 1\n\ndata: 2")):
        call.inbox.put(message)
        assert call.next(1) == message
    assert "Upstream URL: https://google/x\nHTTP Method: POST\n" in text(exchange)
    assert 'X-Two: a, b\n\nBody:\n{"n":1}\n' in text(exchange)
    assert "Status: 200\nHeaders:\nContent-Type: text/event-stream\n\nBody:\ndata: 1\n\ndata: 2\n" in text(exchange)


def test_an_error(exchange: Exchange) -> None:
    call = session().request("POST", "https://google/x", {}, "")
    call.inbox.put(Incoming("error", "no such page", status=404))
    call.next(1)
    assert "Error: wsrelay: no such page (status=404)\n" in text(exchange)


def test_nothing_when_nobody_wants_to_know() -> None:
    call = session().request("POST", "https://google/x", HEADERS, "")
    call.inbox.put(Incoming("stream_chunk", "x"))
    assert call.next(1) is not None


def test_a_session_that_has_ended(exchange: Exchange) -> None:
    found = session()
    found.ended("closed")
    with pytest.raises(UpstreamTransport):
        found.request("POST", "https://google/x", HEADERS, "")
    assert "=== API REQUEST 1 ===" in text(exchange)
