"""Notice at once that a client has gone, also while the upstream is silent.

A WSGI worker sees a closed client only at its next write. An I/O watcher on the client's socket wakes the request's
greenlet with ``ClientDisconnected`` instead, from the arrival of the request on, so that the wait for the first token
is covered too (design 5, anchors.md 3.3). Servers without gevent sockets get a watch that does nothing.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Mapping
from typing import Any

import gevent
from gevent.socket import socket as GeventSocket  # noqa: N812 - it is a class

log = logging.getLogger(__name__)

_READ = 1
_TLS_ALERT = b"\x15"  # a TLS client says goodbye with an alert record before it closes


class ClientDisconnected(gevent.GreenletExit):  # type: ignore[misc]
    """The client closed its connection; passes through everything up to the server, which ends the request quietly."""


def cut(environ: Mapping[str, Any]) -> ClientDisconnected:
    """Close the client's connection under a started answer, so that it counts as broken off and not as ended.

    Returns what to raise then: the server ends the request without a word.
    """
    client = environ.get("gunicorn.socket")
    if client is not None:
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
    return ClientDisconnected()


class ClientWatch:
    """Watches one client connection until ``stop``. Safe to stop twice."""

    __slots__ = ("_greenlet", "_socket", "_watcher")

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self._watcher: Any = None
        client = environ.get("gunicorn.socket")
        if not isinstance(client, GeventSocket):
            return
        self._socket = getattr(client, "_sock", client)
        self._greenlet = gevent.getcurrent()
        self._watcher = gevent.get_hub().loop.io(client.fileno(), _READ)
        self._watcher.start(self._readable)

    def stop(self) -> None:
        """Stop watching."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.stop()
            watcher.close()

    def _readable(self) -> None:
        """Runs in the hub. Bytes of a next request are not an end, but hide it: then the next write has to notice."""
        try:
            data: bytes = self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.stop()
        if not data or data == _TLS_ALERT:
            self._greenlet.throw(ClientDisconnected())
