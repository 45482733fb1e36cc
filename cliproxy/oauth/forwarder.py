"""Sends a browser from the port that a provider redirects to on to the callback page of this server.

It listens on 127.0.0.1 only, so it helps when the browser runs on this machine (management-api.md 12.2). Plain sockets
and threads: under gevent's patches these are greenlets.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any

log = logging.getLogger(__name__)

_SECONDS = 5.0
"""How long a browser may take for each part of its request, and of its answer."""
_GRACE = 2.0
_LOOK = 0.1
"""Seconds between two looks at whether to stop."""
_BACKLOG = 16


class Forwarder:
    """One listener. ``target``: the URL of the callback page; queries are appended as they came."""

    def __init__(self, port: int, target: str) -> None:
        self.port, self.target = port, target
        self._stopping = threading.Event()
        self._quiet = threading.Condition()
        self._connections: set[socket.socket] = set()
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        state = "off" if self._socket is None else f"{len(self._connections)} connections"
        return f"<Forwarder {self.port} -> {self.target}, {state}>"

    def start(self) -> None:
        """Begin to listen.

        :raises OSError: the port is taken, or cannot be used.
        """
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self.port))
            listener.listen(_BACKLOG)
            listener.settimeout(_LOOK)
        except (OSError, OverflowError) as error:
            listener.close()
            raise error if isinstance(error, OSError) else OSError(str(error)) from error
        self._socket = listener
        self._thread = threading.Thread(
            target=self._accept, args=(listener,), name=f"login-forwarder-{self.port}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Close the port. A browser that is being answered has two seconds to take its answer. Safe to call twice."""
        self._stopping.set()
        listener, self._socket = self._socket, None
        if listener is None:
            return
        if self._thread is not None:
            self._thread.join(_GRACE)
        listener.close()
        with self._quiet:
            self._quiet.wait_for(lambda: not self._connections, _GRACE)
            left = list(self._connections)
        for connection in left:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError as error:
                if self._stopping.wait(_LOOK):  # too many open files: they may become fewer
                    break
                log.warning("login forwarder on port %d: %s", self.port, error)
                continue
            with self._quiet:
                self._connections.add(connection)
            threading.Thread(target=self._answer, args=(connection,), name="login-forward", daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        try:
            with contextlib.suppress(OSError):  # the browser has hung up
                _Handler(connection, self.target)
        finally:
            with contextlib.suppress(OSError):
                connection.close()
            with self._quiet:
                self._connections.discard(connection)
                self._quiet.notify_all()


class _Handler(BaseHTTPRequestHandler):
    """One request: whatever its path and method, it is sent on."""

    timeout = _SECONDS
    server_version, sys_version = "cliproxy", ""

    def __init__(self, connection: socket.socket, target: str) -> None:
        self._target = target
        super().__init__(connection, ("", 0), None)  # type: ignore[arg-type]  # nothing here uses the server

    def _forward(self) -> None:
        query = self.path.partition("?")[2]
        self.send_response(302)
        self.send_header("Location", f"{self._target}?{query}" if query else self._target)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _forward  # noqa: N815 - the base's names

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing: queries hold codes."""


class Forwarders:
    """At most one forwarder per port: the newest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[int, Forwarder] = {}

    def __repr__(self) -> str:
        return f"<Forwarders {sorted(self._running)}>"

    def start(self, port: int, target: str) -> Forwarder:
        """A forwarder for this port; an older one is stopped first.

        :raises OSError: the port is taken by another program.
        """
        with self._lock:
            older = self._running.pop(port, None)
            if older is not None:
                older.stop()
            forwarder = Forwarder(port, target)
            forwarder.start()
            self._running[port] = forwarder
            return forwarder

    def stop(self, forwarder: Forwarder) -> None:
        """Stop this one if it is still the current one of its port."""
        with self._lock:
            if self._running.get(forwarder.port) is forwarder:
                del self._running[forwarder.port]
                forwarder.stop()
