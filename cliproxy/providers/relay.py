"""Sessions of the WebSocket relay: a browser that performs HTTP calls for us (client-api.md 13).

Here are the messages and who waits for which; the socket itself belongs to ``web/relay.py``. A session's reader only
puts messages into queues without a limit, so it never blocks and nothing is dropped.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Any

import orjson

from cliproxy.errors import UpstreamError, UpstreamStatus, UpstreamTransport
from cliproxy.records.request_log.attempts import Attempt
from cliproxy.records.request_log.exchange import current_attempts

log = logging.getLogger(__name__)

STOPPED = "wsrelay: manager stopped"
REPLACED = "replaced by new connection"
_FINAL = ("http_response", "stream_end", "error")


class BadMessage(ValueError):
    """A frame that is not a JSON message: the session must end."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message from the browser about one request. ``text`` is the body, the chunk or the error.

    ``status`` is 0 when an error names none; defaults as client-api.md 13.2.
    """

    kind: str
    text: str = ""
    status: int = 0
    headers: Mapping[str, str] | None = None

    @property
    def final(self) -> bool:
        """True for the last message of a request."""
        return self.kind in _FINAL

    def failure(self) -> UpstreamError:
        """What an ``error`` message means: with its status when that is an HTTP error, as a transport fault else."""
        text = f"{self.text} (status={self.status})" if self.status else self.text
        if not text.startswith("wsrelay:"):
            text = f"wsrelay: {text}"
        return UpstreamStatus(text, status=self.status) if 400 <= self.status <= 599 else UpstreamTransport(text)


class Exchange:
    """One request that is under way over a session; ``attempt`` is told what comes back."""

    def __init__(self, session: Session, request_id: str, attempt: Attempt | None = None) -> None:
        self._session, self.id, self._attempt = session, request_id, attempt
        self.inbox: SimpleQueue[Incoming] = SimpleQueue()

    def next(self, seconds: float | None) -> Incoming | None:
        """The next message; None when none came within ``seconds`` (None = no limit)."""
        try:
            message = self.inbox.get(timeout=seconds)
        except Empty:
            return None
        if message.final:
            self.forget()
        if self._attempt is not None:
            _write_down(self._attempt, message)
        return message

    def forget(self) -> None:
        """Nobody waits any more; late messages are ignored."""
        self._session.forget(self.id)


def _write_down(attempt: Attempt, message: Incoming) -> None:
    if message.kind == "error":
        attempt.failed(message.failure().text)
        return
    if message.status or message.headers:
        attempt.answered(message.status, tuple((message.headers or {}).items()))
    attempt.chunk(message.text.encode())


class Session:
    """One connected browser. ``send`` writes one text frame, ``close`` ends the connection giving the cause."""

    def __init__(self, name: str, send: Callable[[str], None], close: Callable[[str], None]) -> None:
        self.name = name
        self._send, self._close = send, close
        self._waiting: dict[str, Exchange] = {}
        self._cause = ""
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Session {self.name} {len(self._waiting)} requests{' ended' if self._cause else ''}>"

    def request(self, method: str, url: str, headers: Mapping[str, list[str]], body: str) -> Exchange:
        """Ask the browser for one HTTP call.

        :raises UpstreamTransport: the session has ended, or the request could not be written.
        """
        attempts = current_attempts()
        shown = {name: ", ".join(values) for name, values in headers.items()}
        attempt = attempts.begin(url, method, shown, body.encode()) if attempts is not None else None
        exchange = Exchange(self, str(uuid.uuid4()), attempt)
        payload = {"method": method, "url": url, "headers": dict(headers), "body": body, "sent_at": _now()}
        with self._lock:
            if self._cause:
                raise UpstreamTransport(f"wsrelay: {self._cause.removeprefix('wsrelay: ')}")
            self._waiting[exchange.id] = exchange
        try:
            self._send(orjson.dumps({"id": exchange.id, "type": "http_request", "payload": payload}).decode())
        except OSError as error:
            exchange.forget()
            raise UpstreamTransport(f"wsrelay: the request could not be sent: {error}") from error
        return exchange

    def receive(self, frame: str) -> None:
        """Take one frame from the browser.

        :raises BadMessage: it is no message.
        """
        try:
            message = orjson.loads(frame)
        except orjson.JSONDecodeError as error:
            raise BadMessage(f"wsrelay: message is not JSON: {error}") from None
        if not isinstance(message, dict):
            raise BadMessage("wsrelay: message is not an object")
        request_id, kind = message.get("id"), message.get("type")
        if kind == "ping":
            self._send(orjson.dumps({"id": request_id, "type": "pong"}).decode())
            return
        exchange = self._waiting.get(request_id) if isinstance(request_id, str) else None
        if exchange is not None and (incoming := decode(kind, message.get("payload"))) is not None:
            exchange.inbox.put(incoming)

    def forget(self, request_id: str) -> None:
        """Ignore whatever comes for a request from now on."""
        self._waiting.pop(request_id, None)

    def close(self, cause: str) -> None:
        """End the connection; its reader will call ``ended``."""
        self.ended(cause)
        self._close(cause)

    def ended(self, cause: str) -> str:
        """The connection is gone: every request that waits hears the cause. Returns the first cause given."""
        with self._lock:
            if self._cause:
                return self._cause
            self._cause = cause or "connection closed"
            waiting = list(self._waiting.values())
        for exchange in waiting:
            exchange.inbox.put(Incoming("error", self._cause))
        return self._cause


class Relays:
    """All sessions by name. ``connected(name)`` and ``gone(name)`` are told, once per name in force."""

    def __init__(self, connected: Callable[[str], object], gone: Callable[[str], object]) -> None:
        self._connected, self._gone = connected, gone
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Relays {list(self._sessions)}>"

    def connect(self, session: Session) -> None:
        """Put a session into force; an earlier one of the same name is closed."""
        with self._lock:
            old = self._sessions.get(session.name)
            self._sessions[session.name] = session
        if old is not None:
            old.close(REPLACED)
        self._connected(session.name)
        log.info("websocket provider connected: %s", session.name)

    def disconnect(self, session: Session, cause: str) -> None:
        """The session's connection has ended. ``cause`` is empty when the browser closed it in order."""
        reason = session.ended(cause)
        with self._lock:
            current = self._sessions.get(session.name)
            if current is session:
                del self._sessions[session.name]
        if current is not session:
            log.info("websocket provider replaced: %s", session.name)
            return
        self._gone(session.name)
        if cause:
            log.warning("websocket provider disconnected: %s (%s)", session.name, reason)
        else:
            log.info("websocket provider disconnected: %s", session.name)

    def find(self, name: str) -> Session:
        """The session of a credential.

        :raises UpstreamTransport: it is not connected.
        """
        session = self._sessions.get(name.strip().lower())
        if session is None:
            raise UpstreamTransport(f"wsrelay: provider {name} not connected")
        return session

    def close_all(self, cause: str = STOPPED) -> None:
        """End every session."""
        for session in list(self._sessions.values()):
            session.close(cause)


def decode(kind: Any, payload: Any) -> Incoming | None:
    """A message with the defaults of client-api.md 13.2; None for kinds that say nothing to a request."""
    given = payload if isinstance(payload, dict) else {}
    if kind in ("http_response", "stream_start"):
        status = _status(given, 200) if isinstance(payload, dict) else 502
        return Incoming(kind, _text(given, "body"), status, _headers(given.get("headers")))
    if kind == "stream_chunk":
        return Incoming(kind, _text(given, "data"))
    if kind == "stream_end":
        return Incoming(kind)
    if kind == "error":
        default = "wsrelay: upstream error" if isinstance(payload, dict) else "wsrelay: unknown error"
        return Incoming(kind, _text(given, "error") or default, _status(given, 0))
    return None


def _text(payload: Mapping[str, Any], key: str) -> str:
    value = payload.get(key)
    return value if isinstance(value, str) else ""


def _status(payload: Mapping[str, Any], default: int) -> int:
    value = payload.get("status")
    return int(value) if isinstance(value, int | float) and value else default


def _headers(value: Any) -> dict[str, str]:
    """Lower-case names; the first of several values."""
    found = {}
    for name, item in (value if isinstance(value, dict) else {}).items():
        first = item[0] if isinstance(item, list) and item else item
        if isinstance(first, str):
            found[str(name).lower()] = first
    return found


def _now() -> str:
    """RFC 3339 in UTC, to the nanosecond as the reference writes it (ours end in three zeros)."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"
