"""``GET /v1/ws``: browsers that offer to make Gemini calls for us connect here (client-api.md 13).

The request's greenlet reads the socket for as long as the session lives; other greenlets write to it.
"""

from __future__ import annotations

import logging
import secrets
import socket
import string
from collections.abc import Iterable, Iterator, Mapping
from time import monotonic
from typing import Any

import gevent
from flask import Blueprint, Response, request
from gevent.lock import BoundedSemaphore
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, Message, Ping, Pong, Request
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from cliproxy.providers.relay import BadMessage, Relays, Session
from cliproxy.web.authentication import Refused
from cliproxy.web.services import services

log = logging.getLogger(__name__)

blueprint = Blueprint("relay", __name__)

PING_EVERY = 30.0
READ_DEADLINE = 60.0
WRITE_DEADLINE = 10.0
"""Seconds (client-api.md 13.3)."""
MAX_MESSAGE = 64 << 20
_BLOCK = 1 << 16
_MAX_REASON = 120
"""A close frame carries at most 123 bytes of words."""
_LETTERS = string.ascii_lowercase + string.digits


class BadHandshake(Exception):
    """The request is no WebSocket upgrade; the text says what it lacks."""


class Hijacked(Response):
    """Ends a request whose socket was taken over: gunicorn closes the connection and writes nothing."""

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """Gunicorn's word for it."""
        raise StopIteration


@blueprint.get("/v1/ws")
@blueprint.get("/v1/ws", websocket=True)
def connect() -> Response:
    """Upgrade and serve the session until it ends."""
    found, environ = services(), request.environ
    if found.settings().ws_auth:
        try:
            found.authenticator.check(environ)
        except Refused as refusal:
            return refusal.response
    try:
        connection = Connection.accept(environ)
    except BadHandshake as error:
        return Response(f"Bad Request: {error}\n", 400, content_type="text/plain")
    serve(connection, found.relays)
    return Hijacked()


def serve(connection: Connection, relays: Relays) -> None:
    """Run one session from connect to disconnect."""
    name = "aistudio-" + "".join(secrets.choice(_LETTERS) for _ in range(16))
    session = Session(name, connection.send, connection.close)
    relays.connect(session)
    cause = ""
    try:
        for frame in connection.messages():
            session.receive(frame)
        cause = connection.cause
    except (BadMessage, OSError) as error:
        cause = str(error) or type(error).__name__
    finally:
        relays.disconnect(session, cause)
        connection.close(cause)


class Connection:
    """The server's end of one WebSocket. ``messages`` is for one greenlet, everything else for any."""

    def __init__(
        self, sock: Any, protocol: WSConnection, *, ping_every: float = PING_EVERY, deadline: float = READ_DEADLINE
    ) -> None:
        self.cause = ""
        """Why the connection ended, empty when the browser closed it in order."""
        self._socket, self._protocol = sock, protocol
        self._ping_every, self._deadline = ping_every, deadline
        self._heard = monotonic()
        self._open = True
        self._writing = BoundedSemaphore(1)
        sock.settimeout(None)

    def __repr__(self) -> str:
        return f"<Connection {'open' if self._open else f'closed {self.cause}'}>"

    @classmethod
    def accept(cls, environ: Mapping[str, Any]) -> Connection:
        """Answer the upgrade request.

        :raises BadHandshake: it is none, or this server cannot hand its socket over.
        """
        protocol = handshake(environ)
        sock = environ.get("gunicorn.socket")
        if sock is None:
            raise BadHandshake("WebSockets need gunicorn")
        connection = cls(sock, protocol)
        connection._write(protocol.send(AcceptConnection()))
        return connection

    def messages(self) -> Iterator[str]:
        """Whole messages until the connection ends.

        :raises OSError: the connection broke.
        """
        ticker = gevent.spawn(self._tick)
        pieces: list[Any] = []
        size = 0
        try:
            while self._open:
                for event in self._receive():
                    if isinstance(event, Message):
                        size += len(event.data)
                        if size > MAX_MESSAGE:
                            self._fail("message is larger than 64 MiB", CloseReason.MESSAGE_TOO_BIG)
                            return
                        pieces.append(event.data)
                        if event.message_finished:
                            yield _text(pieces)
                            pieces, size = [], 0
                    elif not self._control(event):
                        return
        finally:
            ticker.kill(block=False)

    def send(self, text: str) -> None:
        """One text frame.

        :raises OSError: it could not be written within 10 s; the connection is closed then.
        """
        if not self._open:
            raise ConnectionError("the connection is closed")
        try:
            self._write(self._protocol.send(Message(text)))
        except LocalProtocolError as error:
            raise ConnectionError(str(error)) from error

    def close(self, cause: str) -> None:
        """Say goodbye and end the reading greenlet. Safe to call twice."""
        self._fail(cause, CloseReason.NORMAL_CLOSURE)

    def _fail(self, cause: str, code: CloseReason) -> None:
        if not self._open:
            return
        self._open = False
        self.cause = self.cause or cause
        try:
            self._write(self._protocol.send(CloseConnection(code, cause[:_MAX_REASON] or None)))
        except (OSError, LocalProtocolError) as error:
            log.debug("close frame not sent: %s", error)
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            log.debug("socket already gone: %s", error)

    def _receive(self) -> Iterator[Event]:
        try:
            data = self._socket.recv(_BLOCK)
        except OSError:
            if self._open:
                raise
            return  # closed by us while we waited
        self._heard = monotonic()
        if not data:
            if self._open:
                self._open = False
                self.cause = "connection lost"
            return
        try:
            self._protocol.receive_data(data)
            yield from self._protocol.events()
        except RemoteProtocolError as error:
            self._fail(str(error), CloseReason.PROTOCOL_ERROR)

    def _control(self, event: Event) -> bool:
        """Answer pings and closes; False when the connection is over."""
        if isinstance(event, Ping):
            self._write(self._protocol.send(event.response()))
        elif isinstance(event, CloseConnection):
            self._open = False
            if event.code not in (CloseReason.NORMAL_CLOSURE, CloseReason.GOING_AWAY, CloseReason.NO_STATUS_RCVD):
                self.cause = f"closed by the browser: {int(event.code)} {event.reason or ''}".strip()
            try:
                self._write(self._protocol.send(event.response()))
            except LocalProtocolError as error:
                log.debug("close frame not answered: %s", error)
            return False
        elif not isinstance(event, Pong):
            log.debug("websocket event ignored: %s", type(event).__name__)
        return True

    def _tick(self) -> None:
        """Pings, and the end of a connection on which nothing arrives."""
        while self._open:
            gevent.sleep(self._ping_every)
            if monotonic() - self._heard > self._deadline:
                self._fail(f"nothing heard for {self._deadline:g}s", CloseReason.POLICY_VIOLATION)
                return
            try:
                self._write(self._protocol.send(Ping(b"ping")))
            except (OSError, LocalProtocolError) as error:
                self._fail(f"ping failed: {error}", CloseReason.POLICY_VIOLATION)

    def _write(self, data: bytes) -> None:
        """Frames of different greenlets never mix; a peer that does not read is given up after 10 s."""
        with gevent.Timeout(WRITE_DEADLINE, TimeoutError("the browser does not read")), self._writing:
            self._socket.sendall(data)


def handshake(environ: Mapping[str, Any]) -> WSConnection:
    """The protocol's state after the upgrade request.

    :raises BadHandshake: the request is none.
    """
    names = ("Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Host")
    headers = [
        (name.encode(), environ[variable].encode("latin-1"))
        for name in names
        if (variable := f"HTTP_{name.upper().replace('-', '_')}") in environ
    ]
    protocol = WSConnection(ConnectionType.SERVER)
    try:
        protocol.initiate_upgrade_connection(headers, str(environ.get("PATH_INFO", "/")))
        event = next(protocol.events(), None)
    except RemoteProtocolError as error:
        raise BadHandshake(str(error)) from None
    if not isinstance(event, Request):
        raise BadHandshake("not a WebSocket upgrade")
    return protocol


def _text(pieces: list[Any]) -> str:
    """One message of its fragments; binary ones are taken for text too."""
    if isinstance(pieces[0], str):
        return "".join(pieces)
    return b"".join(pieces).decode("utf-8", "replace")
