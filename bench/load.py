"""The clients: raw sockets in a process of their own. Prints one JSON line: seconds, events, TTFB in ms."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator

from gevent import monkey

monkey.patch_all()

import gevent  # noqa: E402
from gevent import socket  # noqa: E402

LARGE = "large"


def request_bytes(port: int, path: str, mode: str, model: str) -> bytes:
    text = f"bench:{mode} hello " + "x" * 100
    body: dict[str, object] = {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 10}
    if "messages" in path:
        body["system"] = [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]
    if mode == LARGE:
        body |= {"messages": list(large_history()), "tools": [large_tool(number) for number in range(20)]}
    elif mode:
        body["stream"] = True
    data = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer bench-key\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


def large_history() -> Iterator[dict[str, object]]:
    """100 turns of a coding session in Messages form, together about 200 kB with the tools."""
    for number in range(25):
        call = {
            "type": "tool_use",
            "id": f"toolu_{number}",
            "name": f"tool_{number % 20}",
            "input": {"path": "a/b.py", "n": 1.5},
        }
        result = {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": "line of a file\n" * 200}
        yield {"role": "user", "content": f"Please look at {number}. " + "word " * 100}
        yield {"role": "assistant", "content": [{"type": "text", "text": "I look. " * 20}, call]}
        yield {"role": "user", "content": [result]}
        yield {"role": "assistant", "content": "It says this. " * 120}
    yield {"role": "user", "content": "go on"}


def large_tool(number: int) -> dict[str, object]:
    properties = {
        f"argument_{index}": {"type": "string", "description": "What it is for. " * 6, "enum": ["a", "b"]}
        for index in range(8)
    }
    schema = {"type": "object", "properties": properties, "required": ["argument_0"], "additionalProperties": False}
    return {"name": f"tool_{number}", "description": "Does something useful. " * 20, "input_schema": schema}


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
    port, path, mode, clients, count, model = sys.argv[1:7]
    data = request_bytes(int(port), path, mode, model)
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
