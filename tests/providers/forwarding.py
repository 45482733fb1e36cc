"""Real forwarding proxies on loopback, HTTP and SOCKS5, and a server that says prepared bytes per connection."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import urlsplit

_PATIENCE = 10.0


class Listener:
    """Accepts connections, one thread each; ``stop`` ends and joins them all."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self._open: list[tuple[socket.socket, threading.Thread]] = []
        self._acceptor = threading.Thread(target=self._accept)
        self._acceptor.start()

    def serve(self, connection: socket.socket) -> None:
        """What happens on one connection; it is closed afterwards."""
        raise NotImplementedError

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join()
        for connection, thread in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            connection.settimeout(_PATIENCE)
            thread = threading.Thread(target=self._run, args=(connection,))
            self._open.append((connection, thread))
            thread.start()

    def _run(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            self.serve(connection)


class Scripted(Listener):
    """Runs the next prepared function on each connection, the last one again and again."""

    def __init__(self, *scripts: Callable[[socket.socket], None]) -> None:
        self._scripts = list(scripts)
        self.heads: list[bytes] = []
        super().__init__()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self, connection: socket.socket) -> None:
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        script(connection)

    def answering(self, *answers: bytes) -> Callable[[socket.socket], None]:
        """A script: read a request, send the next answer, hang up when there is none left for it."""

        def script(connection: socket.socket) -> None:
            for answer in (*answers, None):
                head = read_head(connection)
                if not head:
                    return
                self.heads.append(head)
                if answer is None:
                    return
                connection.sendall(answer)

        return script


class HttpProxy(Listener):
    """Forwards absolute-URI requests, and tunnels after CONNECT. Records request lines and Proxy-Authorization."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.credentials: list[str] = []
        super().__init__()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def serve(self, connection: socket.socket) -> None:
        while self._forward(connection, read_head(connection)):
            pass

    def _forward(self, connection: socket.socket, head: bytes) -> bool:
        """One request; True when the client sends another one on the same connection."""
        if not head:
            return False
        line, *headers = head.decode("latin-1").split("\r\n")
        self.lines.append(line)
        self.credentials += [h.partition(":")[2].strip() for h in headers if h.lower().startswith("proxy-auth")]
        method, target, _ = line.split(" ", 2)
        if method == "CONNECT":
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return False
        parts = urlsplit(target)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        kept = [header for header in headers if not header.lower().startswith("proxy-auth")]
        with socket.create_connection((parts.hostname or "", parts.port or 80), _PATIENCE) as upstream:
            upstream.sendall("\r\n".join([f"{method} {path} HTTP/1.1", *kept]).encode("latin-1"))
            return _answers(upstream, connection)


class SocksProxy(Listener):
    """SOCKS5 CONNECT by host name. ``hosts`` maps the names it is asked for to ports on loopback."""

    def __init__(self, hosts: dict[str, int], *, login: tuple[str, str] | None = None) -> None:
        self._hosts, self._login = hosts, login
        self.asked: list[tuple[str, int]] = []
        self.logins: list[tuple[str, str]] = []
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        methods = _exactly(connection, _exactly(connection, 2)[1])
        if self._login is not None:
            assert 2 in methods
            connection.sendall(b"\x05\x02")
            user = _exactly(connection, _exactly(connection, 2)[1]).decode()
            word = _exactly(connection, _exactly(connection, 1)[0]).decode()
            self.logins.append((user, word))
            connection.sendall(b"\x01\x00" if (user, word) == self._login else b"\x01\x01")
            if (user, word) != self._login:
                return
        else:
            connection.sendall(b"\x05\x00")
        kind = _exactly(connection, 4)[3]
        host = _exactly(connection, _exactly(connection, 1)[0]).decode() if kind == 3 else f"address type {kind}"
        port = int.from_bytes(_exactly(connection, 2), "big")
        self.asked.append((host, port))
        if host not in self._hosts:
            connection.sendall(b"\x05\x04\x00\x01\x00\x00\x00\x00\x00\x00")
            return
        with socket.create_connection(("127.0.0.1", self._hosts[host]), _PATIENCE) as upstream:
            connection.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
            _pump(connection, upstream)


def read_head(connection: socket.socket) -> bytes:
    """A request up to its body's end, if it has a Content-Length; empty when the peer closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    body += _exactly(connection, (int(lengths[0]) if lengths else 0) - len(body))
    return head + b"\r\n\r\n" + body


def _exactly(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        piece = connection.recv(length - len(data))
        if not piece:
            raise OSError("closed")
        data += piece
    return data


def _answers(upstream: socket.socket, client: socket.socket) -> bool:
    """The upstream's bytes for the client, until one side closes (False) or the client has another request (True)."""
    while True:
        readable, _, _ = select.select([upstream, client], [], [], _PATIENCE)
        if client in readable:
            return bool(client.recv(1, socket.MSG_PEEK))
        data = upstream.recv(65536) if readable else b""
        if not data:
            return False
        client.sendall(data)


def _pump(one: Any, other: Any) -> None:
    """Both ways until one side closes."""
    while True:
        readable, _, _ = select.select([one, other], [], [], _PATIENCE)
        for source in readable:
            data = source.recv(65536)
            if not data:
                return
            (other if source is one else one).sendall(data)
        if not readable:
            return
