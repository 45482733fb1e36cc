"""The server's end of a WebSocket: pings, deadlines, limits (client-api.md 13.3). gevent sockets, no server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gevent.socket import socketpair
from wsproto import ConnectionType, WSConnection
from wsproto.events import CloseConnection, Event, Message, Ping, Request, TextMessage

from cliproxy.web import relay
from cliproxy.web.relay import BadHandshake, Connection, handshake

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = {
    "HTTP_UPGRADE": "websocket", "HTTP_CONNECTION": "Upgrade", "HTTP_SEC_WEBSOCKET_KEY": KEY,
    "HTTP_SEC_WEBSOCKET_VERSION": "13", "HTTP_HOST": "h", "PATH_INFO": "/v1/ws",
}  # fmt: skip


@pytest.fixture
def ends() -> Iterator[tuple[Any, Any]]:
    ours, theirs = socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


def open_connection(ends: tuple[Any, Any], **options: float) -> tuple[Connection, WSConnection, Any]:
    """Both ends after the handshake, frames only: (ours, their protocol, their socket)."""
    ours, theirs = ends
    theirs.settimeout(5)
    client = WSConnection(ConnectionType.CLIENT)
    raw = client.send(Request(host="h", target="/v1/ws")).decode()
    lines = dict(line.split(": ", 1) for line in raw.split("\r\n")[1:] if line)
    environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in lines.items()}
    connection = Connection.accept({**environ, "PATH_INFO": "/v1/ws", "gunicorn.socket": ours})
    for name, value in options.items():
        setattr(connection, f"_{name}", value)
    client.receive_data(theirs.recv(65536))
    assert len(list(client.events())) == 1
    return connection, client, theirs


def read_until(client: WSConnection, sock: Any, kind: type[Event]) -> Event:
    while True:
        client.receive_data(sock.recv(1 << 20) or None)
        for event in client.events():
            if isinstance(event, kind):
                return event


def test_it_pings_with_the_word_ping(ends: tuple[Any, Any]) -> None:
    connection, client, sock = open_connection(ends, ping_every=0.01)
    reader = gevent.spawn(list, connection.messages())
    ping = read_until(client, sock, Ping)
    assert isinstance(ping, Ping)
    assert bytes(ping.payload) == b"ping"
    connection.close("done")
    assert reader.get(timeout=5) == []


def test_silence_ends_it(ends: tuple[Any, Any]) -> None:
    connection, client, sock = open_connection(ends, ping_every=0.01, deadline=0.03)
    reader = gevent.spawn(list, connection.messages())
    event = read_until(client, sock, CloseConnection)
    assert isinstance(event, CloseConnection)
    assert (event.code, event.reason) == (1008, "nothing heard for 0.03s")
    assert reader.get(timeout=5) == []
    assert connection.cause == "nothing heard for 0.03s"


def test_any_frame_shows_life(ends: tuple[Any, Any]) -> None:
    connection, client, sock = open_connection(ends, ping_every=0.02, deadline=0.2)
    got: list[str] = []

    def read() -> None:
        got.extend(connection.messages())

    reader = gevent.spawn(read)
    for number in range(30):  # three times the deadline
        sock.sendall(client.send(Message(str(number))))
        gevent.sleep(0.02)
    assert connection.cause == ""
    connection.close("")
    reader.get(timeout=5)
    assert got == [str(number) for number in range(30)]


def test_fragments_make_one_message(ends: tuple[Any, Any]) -> None:
    connection, client, sock = open_connection(ends)
    word = "ä€😀" * 5000
    for start in range(0, len(word), 1000):
        piece = word[start : start + 1000]
        sock.sendall(client.send(TextMessage(piece, message_finished=start + 1000 >= len(word))))
    data = word.encode()
    sock.sendall(client.send(Message(data[:7], message_finished=False)) + client.send(Message(data[7:])))
    sock.sendall(client.send(CloseConnection(1000)))
    reader = gevent.spawn(list, connection.messages())
    assert reader.get(timeout=5) == [word, word]
    assert connection.cause == ""


def test_a_message_that_is_too_large(ends: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "MAX_MESSAGE", 1000)
    connection, client, sock = open_connection(ends)
    sock.sendall(client.send(Message("x" * 1001)))
    reader = gevent.spawn(list, connection.messages())
    event = read_until(client, sock, CloseConnection)
    assert isinstance(event, CloseConnection)
    assert event.code == 1009
    assert reader.get(timeout=5) == []


def test_a_peer_that_does_not_read(ends: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "WRITE_DEADLINE", 0.05)
    connection, *_ = open_connection(ends)
    with pytest.raises(TimeoutError, match="does not read"):
        connection.send("x" * (8 << 20))


def test_nothing_is_sent_after_the_end(ends: tuple[Any, Any]) -> None:
    connection, *_ = open_connection(ends)
    connection.close("over")
    with pytest.raises(ConnectionError):
        connection.send("late")


def test_the_browser_vanishes(ends: tuple[Any, Any]) -> None:
    connection, _, sock = open_connection(ends)
    sock.close()
    assert gevent.spawn(list, connection.messages()).get(timeout=5) == []
    assert connection.cause == "connection lost"


def test_garbage_instead_of_frames(ends: tuple[Any, Any]) -> None:
    connection, _, sock = open_connection(ends)
    sock.sendall(b"\xff" * 40)
    assert gevent.spawn(list, connection.messages()).get(timeout=5) == []
    assert connection.cause


@pytest.mark.parametrize("missing", ["HTTP_UPGRADE", "HTTP_CONNECTION", "HTTP_SEC_WEBSOCKET_KEY"])
def test_handshakes_that_are_none(missing: str) -> None:
    handshake(UPGRADE)
    with pytest.raises(BadHandshake):
        handshake({name: value for name, value in UPGRADE.items() if name != missing})


def test_a_server_without_its_socket() -> None:
    with pytest.raises(BadHandshake, match="gunicorn"):
        Connection.accept(UPGRADE)
