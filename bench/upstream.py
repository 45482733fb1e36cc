"""A fake upstream for the benchmark: chat and Claude, whole, as a burst and paced. Its own process, plain gevent."""

from __future__ import annotations

import json
import re
import sys
from urllib.parse import urlsplit

from gevent import monkey

monkey.patch_all()

import gevent  # noqa: E402
from gevent import socket  # noqa: E402
from gevent.server import StreamServer  # noqa: E402

WORD = "lorem ipsum dolor sit amet"


def chat_event(number: int) -> bytes:
    chunk = {
        "id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1700000000, "model": "up-model",
        "choices": [{"index": 0, "delta": {"content": f"{WORD} {number}"}, "logprobs": None, "finish_reason": None}],
    }  # fmt: skip
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


def claude_event(number: int) -> bytes:
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": f"{WORD} {number}"}}
    return b"event: content_block_delta\ndata: " + json.dumps(delta, separators=(",", ":")).encode() + b"\n\n"


CHAT_BODY = json.dumps(
    {
        "id": "chatcmpl-bench", "object": "chat.completion", "created": 1700000000, "model": "up-model",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": WORD * 20}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 100, "total_tokens": 110},
    }
).encode()  # fmt: skip
CLAUDE_START = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",'
    b'"model":"up-model","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":5,"output_tokens":1}}}'
    b'\n\nevent: content_block_start\ndata: {"type":"content_block_start","index":0,'
    b'"content_block":{"type":"text","text":""}}\n\n'
)
CLAUDE_END = (
    b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},'
    b'"usage":{"output_tokens":9}}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n'
)
CHAT_END = (
    b'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"up-model",'
    b'"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)
BURST = 10  # events per packet in a burst


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def answer(sock, path: str, body: bytes) -> None:  # type: ignore[no-untyped-def]
    """What the request's text says: ``bench:burst-N``, ``bench:paced-N``; anything else is a whole body."""
    claude = "messages" in urlsplit(path).path
    asked = re.search(rb"bench:(burst|paced)-(\d+)", body)
    if asked is None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(CHAT_BODY)
        sock.sendall(head + CHAT_BODY)
        return
    event = claude_event if claude else chat_event
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    if claude:
        sock.sendall(chunk(CLAUDE_START))
    kind, total = asked[1], int(asked[2])
    if kind == b"burst":
        for start in range(0, total, BURST):
            sock.sendall(b"".join(chunk(event(n)) for n in range(start, min(total, start + BURST))))
            gevent.sleep(0)
    else:
        for number in range(total):
            sock.sendall(chunk(event(number)))
            gevent.sleep(0.01)
    sock.sendall(chunk(CLAUDE_END if claude else CHAT_END) + b"0\r\n\r\n")


def serve(sock, address) -> None:  # type: ignore[no-untyped-def]
    data = b""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        while True:
            while b"\r\n\r\n" not in data:
                more = sock.recv(65536)
                if not more:
                    return
                data += more
            head, _, data = data.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
            length = int(headers.get("content-length", "0"))
            while len(data) < length:
                data += sock.recv(65536)
            body, data = data[:length], data[length:]
            answer(sock, lines[0].split(" ")[1], body)
    except (ConnectionError, OSError):
        return


if __name__ == "__main__":
    StreamServer(("127.0.0.1", int(sys.argv[1])), serve, backlog=1024).serve_forever()
