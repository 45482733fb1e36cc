"""The clients: raw sockets in a process of their own. Prints one JSON line: seconds, events, TTFB in ms."""

from __future__ import annotations

import json
import sys
import time

from gevent import monkey

monkey.patch_all()

import gevent  # noqa: E402
from gevent import socket  # noqa: E402


def request_bytes(port: int, path: str, mode: str, padding: int) -> bytes:
    body: dict[str, object] = {
        "model": "bench-model", "messages": [{"role": "user", "content": "hello " + "x" * padding}], "max_tokens": 10,
        "cache_control": None,
    }  # fmt: skip
    if "messages" in path:
        body["system"] = [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]
    if mode:
        body["stream"] = True
        body["metadata"] = {"bench": mode}
    data = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer bench-key\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


def read_answer(sock: socket.socket, started: float) -> tuple[float, int]:
    """(TTFB in ms, bytes); returns when the answer has ended."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(65536) or _gone()
    head, _, rest = data.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise SystemExit(f"bad answer: {data[:500]!r}")
    first = 0.0
    lower = head.lower()
    size = len(rest)
    if b"content-length:" in lower:
        left = int(lower.split(b"content-length:")[1].split(b"\r\n")[0]) - len(rest)
        first = time.monotonic() - started
        while left > 0:
            more = sock.recv(65536) or _gone()
            left -= len(more)
            size += len(more)
        return first * 1000, size
    tail = rest
    if rest:
        first = time.monotonic() - started
    while not tail.endswith(b"0\r\n\r\n"):
        more = sock.recv(65536) or _gone()
        first = first or time.monotonic() - started
        size += len(more)
        tail = (tail + more)[-16:]
    return first * 1000, size


def _gone() -> bytes:
    raise SystemExit("connection closed")


def client(port: int, data: bytes, count: int, firsts: list[float], sizes: list[int]) -> None:
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(count):
        started = time.monotonic()
        sock.sendall(data)
        first, size = read_answer(sock, started)
        firsts.append(first)
        sizes.append(size)
    sock.close()


def main() -> None:
    port, path, mode, clients, count, padding = sys.argv[1:7]
    data = request_bytes(int(port), path, mode, int(padding))
    firsts: list[float] = []
    sizes: list[int] = []
    started = time.monotonic()
    jobs = [gevent.spawn(client, int(port), data, int(count), firsts, sizes) for _ in range(int(clients))]
    gevent.joinall(jobs, raise_error=True)
    firsts.sort()
    print(
        json.dumps(
            {
                "seconds": time.monotonic() - started,
                "p50": firsts[len(firsts) // 2],
                "p99": firsts[min(len(firsts) - 1, int(len(firsts) * 0.99))],
                "bytes": sum(sizes),
            }
        )
    )


if __name__ == "__main__":
    main()
