"""The fake upstream: a real HTTP/1.1 server on a free loopback port that does what each test planned.

One thread per connection, keep-alive, everything recorded. ``stop`` closes all connections and joins all threads.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from upstream.plan import Framing, Plan, compressed
from upstream.routes import LISTING, Asked, Malformed, understand
from upstream.waiting import eventually

_LONGEST_HOLD = 60.0
_STATUS_WORDS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 429: "Too Many Requests"}


@dataclass(slots=True)
class Recorded:
    """One request as it came in, and what became of it. Times are ``time.monotonic()``."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: int
    fields: tuple[tuple[str, str], ...] = ()
    """All headers as they were sent, names too."""
    at: float = field(default_factory=time.monotonic)
    answered: float | None = None
    """When the whole answer had been written."""
    left: float | None = None
    """When the peer was seen to have closed before the answer was complete."""

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def credential(self) -> str:
        """Who asks."""
        return self.headers.get("x-goog-api-key") or self.headers.get("authorization", "")

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


class _Gone(Exception):
    """The peer has closed."""


class _TooShort(Exception):
    """The peer has closed before its request was complete."""


class FakeUpstream:
    """Listens from the start; use as a context manager, or call ``stop``."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.requests: list[Recorded] = []
        self.refusals: list[str] = []
        """Why requests were answered 400 as malformed."""
        self.broken = 0
        """Requests whose client left before they were complete."""
        self._plans: deque[Plan] = deque()
        self._default = Plan()
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._stopping = False
        self._numbers = itertools.count()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._acceptor = threading.Thread(target=self._accept, name="fake-upstream")
        self._acceptor.start()

    def __repr__(self) -> str:
        return f"<FakeUpstream {self.url} {len(self.requests)} requests, {len(self._plans)} planned>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def plan(self, *plans: Plan) -> None:
        """The next requests get these answers, one each, in order of arrival."""
        with self._lock:
            self._plans.extend(plans)

    def always(self, plan: Plan) -> None:
        """What requests get for which nothing else was planned."""
        self._default = plan

    def release(self) -> None:
        """Let everything go on that stalls now; what stalls later needs another call after ``reset``."""
        self._released.set()

    def reset(self) -> None:
        """Forget plans and records, for the next test. Ends what still stalls first."""
        self.release()
        eventually(lambda: not self.busy, "the fake upstream is idle")
        self._released.clear()
        self._plans.clear()
        self.requests.clear()
        self.refusals.clear()
        self._default = Plan()

    @property
    def busy(self) -> int:
        """Requests that are neither answered nor left."""
        return sum(1 for request in list(self.requests) if request.answered is None and request.left is None)

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._open)

    def wait_for(self, number: int, seconds: float = 10.0) -> list[Recorded]:
        """The records, once ``number`` requests have arrived."""
        eventually(lambda: len(self.requests) >= number, f"{number} requests at {self!r}", seconds=seconds)
        return self.requests

    def stop(self) -> None:
        """Close everything and wait for all threads."""
        self._stopping = True
        self._released.set()
        _shut(self._listener)
        self._acceptor.join()
        self._listener.close()
        for connection, thread in list(self._open.items()):
            _shut(connection)
            thread.join()

    def _accept(self) -> None:
        while not self._stopping:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), name="fake-upstream-connection")
            self._open[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        number = next(self._numbers)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with connection, connection.makefile("rb") as reader:
                while not self._stopping and (request := _read_request(reader, number)) is not None:
                    if not self._answer(connection, request):
                        break
        except _TooShort:
            self.broken += 1
        except OSError:
            pass
        finally:
            self._open.pop(connection, None)

    def _answer(self, connection: socket.socket, request: Recorded) -> bool:
        """Carry out the plan; False when the connection ends with it."""
        plan = self._take(request)
        try:
            asked = self.understand(request)
        except Malformed as error:
            self.refusals.append(f"{request.method} {request.target}: {error}")
            plan = Plan(status=400, body=json.dumps({"error": {"message": f"malformed: {error}"}}).encode())
            asked = None
        try:
            stays = self._perform(_Wire(connection, self._released), plan, asked, request)
            request.answered = time.monotonic()
            return stays
        except (_Gone, OSError):
            request.left = time.monotonic()
            return False

    def understand(self, request: Recorded) -> Asked | None:
        """What the request asks for; None = whatever, the plan's own bytes answer.

        :raises Malformed: no client should send that.
        """
        return understand(request.method, request.target, request.headers, request.body)

    def _take(self, request: Recorded) -> Plan:
        with self._lock:
            if request.path.endswith(f":{LISTING}"):
                return Plan()
            self.requests.append(request)
            return self._plans.popleft() if self._plans else self._default

    def _perform(self, wire: _Wire, plan: Plan, asked: Asked | None, request: Recorded) -> bool:
        if plan.stall_before:
            wire.hold()
        elif plan.delay:
            wire.hold(plan.delay)
        if plan.refuse:
            return False
        kind, pieces = _content(plan, asked)
        if plan.encoding:
            pieces = compressed(pieces, plan.encoding)
        framing = plan.framing
        if request.method == "HEAD" or plan.status in (204, 304):
            wire.head(replace(plan, framing=Framing.LENGTH), kind, length=sum(map(len, pieces)))
            return True
        if framing is Framing.LENGTH:
            whole = list(pieces)
            wire.head(plan, kind, length=sum(map(len, whole)))
            pieces = iter(whole)
        else:
            wire.head(plan, kind)
        for number, piece in enumerate(pieces):
            if number and plan.pause:
                wire.hold(plan.pause)
            if number == plan.stall_after:
                wire.hold()
            if number == plan.cut_after:
                return False
            wire.write(piece, chunked=framing is Framing.CHUNKED)
        if framing is Framing.CHUNKED:
            wire.raw(b"0\r\n\r\n")
        return framing is not Framing.CLOSE


def _content(plan: Plan, asked: Asked | None) -> tuple[str, Iterator[bytes]]:
    """(content type, pieces) of the answer."""
    if plan.pieces is not None:
        return plan.kind, iter(plan.pieces)
    if plan.body is not None or asked is None:
        return plan.kind, iter([plan.body] if plan.body else [])
    voice = asked.voice
    if not 200 <= plan.status < 300:
        return "application/json", iter([json.dumps(voice.error(plan.status, plan.message)).encode()])
    if asked.stream:
        return "text/event-stream", plan.chop(_events(plan, asked))
    answer = asked.fixed(plan.reply) if asked.fixed else voice.body(plan.reply, asked.model, asked.request)
    return "application/json", plan.chop([json.dumps(answer, ensure_ascii=False).encode()])


def _events(plan: Plan, asked: Asked) -> Iterator[bytes]:
    spoken = asked.voice.events(plan.reply, asked.model, asked.request)
    events = iter(plan.events) if plan.events is not None else spoken
    if plan.error_after is None:
        yield from events
        return
    yield from itertools.islice(events, plan.error_after)
    yield asked.voice.error_event(plan.message)


class _Wire:
    """The writing end of one connection."""

    def __init__(self, connection: socket.socket, released: threading.Event) -> None:
        self._socket = connection
        self._released = released

    def head(self, plan: Plan, kind: str, length: int | None = None) -> None:
        """Status line and headers, as one write."""
        lines = [f"HTTP/1.1 {plan.status} {_STATUS_WORDS.get(plan.status, 'Whatever')}"]
        if kind:
            lines.append(f"Content-Type: {kind}")
        if plan.encoding:
            lines.append(f"Content-Encoding: {plan.encoding}")
        if length is not None:
            lines.append(f"Content-Length: {length}")
        lines.append("Connection: close" if plan.framing is Framing.CLOSE else "Connection: keep-alive")
        if plan.framing is Framing.CHUNKED:
            lines.append("Transfer-Encoding: chunked")
        lines += [f"{name}: {value}" for name, value in plan.headers]
        self.raw("\r\n".join(lines).encode() + b"\r\n\r\n")

    def write(self, piece: bytes, *, chunked: bool) -> None:
        """One piece of the body, as one write."""
        if piece:
            self.raw(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)

    def raw(self, data: bytes) -> None:
        """Bytes as they are."""
        self._socket.sendall(data)

    def hold(self, seconds: float = _LONGEST_HOLD) -> None:
        """Wait until released or for ``seconds``.

        :raises _Gone: the peer closed meanwhile.
        """
        end = time.monotonic() + seconds
        while not self._released.is_set() and (left := end - time.monotonic()) > 0:
            readable, _, _ = select.select([self._socket], [], [], min(left, 0.02))
            if readable and not self._socket.recv(1, socket.MSG_PEEK):
                raise _Gone


def _read_request(reader: Any, connection: int) -> Recorded | None:
    """The next request, None at the end of the connection."""
    line = reader.readline(65537)
    if not line.strip():
        return None
    method, target, _ = line.decode("latin-1").split(" ", 2)
    fields = []
    while header := reader.readline(65537).strip():
        name, _, value = header.decode("latin-1").partition(":")
        fields.append((name, value.strip()))
    headers = {name.lower(): value for name, value in fields}
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = b"".join(_chunks(reader))
    else:
        body = _exactly(reader, int(headers.get("content-length", "0")))
    return Recorded(method, target, headers, body, connection, tuple(fields))


def _chunks(reader: Any) -> Iterator[bytes]:
    while size := int(reader.readline().split(b";")[0] or b"-1", 16):
        yield _exactly(reader, size)
        reader.readline()
    reader.readline()


def _exactly(reader: Any, size: int) -> bytes:
    data: bytes = reader.read(size) if size > 0 else b""
    if len(data) != size:
        raise _TooShort
    return data


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
