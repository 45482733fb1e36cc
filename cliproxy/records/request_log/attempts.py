"""What was sent to upstreams for one request, and what they answered (logging.md 11).

Recorded only when request logs are on. Bytes of answers go into spools as they arrive; everything else is put into
words when the log is written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cliproxy.masking import mask_header, mask_key
from cliproxy.records.request_log.layout import timestamp
from cliproxy.records.request_log.spool import Spool

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Auth:
    """Whose credential an attempt uses; blank parts are left out. ``value`` is shown masked, never for logins."""

    provider: str = ""
    auth_id: str = ""
    label: str = ""
    kind: str = ""
    value: str = ""

    def words(self) -> str:
        """As the log shows it, empty when nothing is known."""
        named = (("provider", self.provider), ("auth_id", self.auth_id), ("label", self.label))
        parts = [f"{name}={value}" for name, value in named if value.strip()]
        kind = self.kind.strip().lower()
        if kind:
            shown = mask_key(self.value.strip()) if kind != "oauth" else ""
            parts.append(f"type={kind} value={shown}" if shown else f"type={kind}")
        return ", ".join(parts)


class Attempt:
    """One call of an upstream."""

    def __init__(self, owner: Attempts, number: int, request: _Request | None, spool: Spool) -> None:
        self._owner, self._number, self._request, self._spool = owner, number, request, spool
        self._lines = True
        self._began: float | None = None
        self._status = 0
        self._headers: Headers | None = None
        self._errors: list[str] = []

    def __repr__(self) -> str:
        return f"<Attempt {self._number} status {self._status}>"

    def answered(self, status: int, headers: Headers) -> None:
        """The upstream's status and headers; the first ones count."""
        self._begin()
        if self._headers is None:
            self._status, self._headers = status, tuple(headers)
            kind = next((value for name, value in headers if name.lower() == "content-type"), "text/event-stream")
            self._lines = "event-stream" in kind

    def chunk(self, data: bytes) -> None:
        """Bytes of its body."""
        if self._began is None:
            self._begin()
        self._spool.write(data)

    def failed(self, text: str) -> None:
        """The attempt failed on the way."""
        self._begin()
        self._errors.append(text)

    def _begin(self) -> None:
        if self._began is None:
            self._began = self._owner.responded()

    def request_text(self) -> Iterator[bytes]:
        """The part about the request (11.1)."""
        if self._request is None:
            yield b"=== API REQUEST %d ===\n<missing>\n\n" % self._number
        else:
            yield from self._request.text(self._number)

    @property
    def has_response(self) -> bool:
        """True once anything came back, an error included."""
        return self._began is not None

    def response_text(self) -> Iterator[bytes]:
        """The part about the answer (11.2), without a line break at its end. In the disk's thread."""
        assert self._began is not None
        yield f"=== API RESPONSE {self._number} ===\nTimestamp: {timestamp(self._began)}\n\n".encode()
        if self._headers is not None:
            status = f"Status: {self._status}\n" if self._status > 0 else ""
            yield f"{status}Headers:\n{_headers_text(self._headers)}\n".encode()
        elif len(self._spool):
            yield b"Headers:\n<none>\n\n"
        body = False
        for piece in _chunks(self._spool.pieces(), lines=self._lines):
            yield piece if body else b"Body:\n" + piece
            body = True
        if self._spool.dropped or self._spool.failed:
            yield b"\n[LOG TRUNCATED: %d chunks dropped]" % self._spool.dropped
        before = "\n\n" if body else ""
        for text in self._errors:
            yield f"{before}Error: {text}\n".encode()
            before = "\n"

    def close(self) -> None:
        """Remove what is on disk. In the disk's thread."""
        self._spool.close()


@dataclass(frozen=True, slots=True)
class _Request:
    url: str
    method: str
    headers: Headers
    body: bytes
    auth: str
    sent: float

    def text(self, number: int) -> Iterator[bytes]:
        head = [f"=== API REQUEST {number} ===", f"Timestamp: {timestamp(self.sent)}"]
        head.append(f"Upstream URL: {self.url or '<unknown>'}")
        if self.method:
            head.append(f"HTTP Method: {self.method}")
        if self.auth:
            head.append(f"Auth: {self.auth}")
        yield "\n".join([*head, "", f"Headers:\n{_headers_text(self.headers)}", "Body:\n"]).encode()
        yield self.body or b"<empty>"
        yield b"\n\n"


class Attempts:
    """All attempts of one request. ``auth`` is that of the attempt that begins next.

    ``make_spool`` makes the place for one answer; ``clock`` gives Unix seconds. ``first_response`` is when the first
    upstream answered, or failed.
    """

    def __init__(self, make_spool: Callable[[], Spool], clock: Callable[[], float] = time.time) -> None:
        self._make_spool, self._clock = make_spool, clock
        self._attempts: list[Attempt] = []
        self.auth = Auth()
        self.first_response: float | None = None

    def __repr__(self) -> str:
        return f"<Attempts {self._attempts}>"

    def begin(self, url: str, method: str, headers: Mapping[str, str], body: bytes) -> Attempt:
        """One call begins."""
        return self._added(_Request(url, method, tuple(headers.items()), body, self.auth.words(), self._clock()))

    def missing(self) -> Attempt:
        """An answer of which nobody recorded the request."""
        return self._attempts[-1] if self._attempts else self._added(None)

    def _added(self, request: _Request | None) -> Attempt:
        attempt = Attempt(self, len(self._attempts) + 1, request, self._make_spool())
        self._attempts.append(attempt)
        return attempt

    def responded(self) -> float:
        """Note that something came back, and when."""
        now = self._clock()
        if self.first_response is None:
            self.first_response = now
        return now

    def request_text(self) -> Iterator[bytes]:
        """All request parts."""
        for attempt in self._attempts:
            yield from attempt.request_text()

    def response_text(self) -> Iterator[bytes]:
        """All answers, one blank line between them (11.3). In the disk's thread."""
        before = False
        for attempt in self._attempts:
            if not attempt.has_response:
                continue
            if before:
                yield b"\n"
            last = b""
            for last in attempt.response_text():
                yield last
            if not last.endswith(b"\n"):
                yield b"\n"
            before = True

    def close(self) -> None:
        """Remove what is on disk. In the disk's thread."""
        for attempt in self._attempts:
            attempt.close()


def _headers_text(headers: Headers) -> str:
    """Sorted and masked, a blank line after them."""
    if not headers:
        return "<none>\n"
    lines = (f"{name}: {mask_header(name, value)}".rstrip() for name, value in sorted(headers, key=_lower_name))
    return "".join(f"{line}\n" for line in lines)


def _lower_name(header: tuple[str, str]) -> str:
    return header[0].lower()


def _chunks(pieces: Iterator[bytes], *, lines: bool) -> Iterator[bytes]:
    """The body as the log shows it: trimmed, for streams a blank line between two lines that are not empty."""
    if not lines:
        if whole := b"".join(pieces).strip():
            yield whole
        return
    rest, between = b"", b""
    for piece in pieces:
        complete, newline, rest = (rest + piece).rpartition(b"\n")
        if newline and (text := _apart(complete)):
            yield between + text
            between = b"\n\n"
    if last := rest.strip():
        yield between + last


def _apart(lines: bytes) -> bytes:
    """Every line that is not empty, trimmed, with a blank line between two."""
    return b"\n\n".join(filter(None, map(bytes.strip, lines.split(b"\n"))))
