"""What stands in a request log, as pieces of bytes (logging.md 10.3-10.5, 11). Pure; no disk, no clock."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from cliproxy import __version__
from cliproxy.compression import KNOWN, BadEncoding, decompress, encodings_of
from cliproxy.masking import mask_header
from cliproxy.records.moments import Moment

Headers = Sequence[tuple[str, str]]

API_REQUEST, API_RESPONSE = b"=== API REQUEST", b"=== API RESPONSE"
_UNSAFE = re.compile(r'[/:<>"|?*\\\s\x00-\x1f\x7f]')
_RUNS = re.compile("-{2,}")
_LONGEST_NAME = 150


def timestamp(moment: float) -> str:
    """RFC 3339 of Unix seconds with the local offset; the fraction without trailing zeros, ``Z`` for UTC."""
    return Moment.of(moment).text


def file_name(path: str, moment: float, request_id: str, *, error: bool = False) -> str:
    """The name of a log (10.1). ``path`` without query; ``moment`` in Unix seconds."""
    safe = _RUNS.sub("-", _UNSAFE.sub("-", path.removeprefix("/"))).strip("-")[:_LONGEST_NAME].rstrip("-") or "root"
    when = time.strftime("%Y-%m-%dT%H%M%S", time.localtime(moment))
    return f"{'error-' if error else ''}{safe}-{when}-{request_id}.log"


def header_lines(headers: Headers) -> str:
    """One masked line per value, sorted by name."""
    return "".join(f"{name}: {mask_header(name, value)}\n" for name, value in sorted(headers, key=_name))


def _name(header: tuple[str, str]) -> str:
    return header[0].lower()


def request_info(url: str, method: str, arrived: float, first_chunk: float | None = None) -> bytes:
    """The first section. ``url`` is the path with its masked query; times in Unix seconds.

    ``first_chunk`` (ours): when the first bytes of the answer went out, with the time to it in milliseconds.
    """
    lines = [
        "=== REQUEST INFO ===",
        f"Version: {__version__}",
        f"URL: {url}",
        f"Method: {method}",
        f"Timestamp: {timestamp(arrived)}",
    ]
    if first_chunk is not None:
        lines.append(f"First Chunk: {timestamp(first_chunk)}")
        lines.append(f"TTFB: {max(0.0, first_chunk - arrived) * 1000:.1f}ms")
    return "\n".join([*lines, "", ""]).encode()


def request_headers(headers: Headers) -> bytes:
    """The second section."""
    return f"=== HEADERS ===\n{header_lines(headers)}\n".encode()


def request_body(body: Iterable[bytes]) -> Iterator[bytes]:
    """The third section."""
    yield b"=== REQUEST BODY ===\n"
    yield from body
    yield b"\n\n"


def api_section(marker: bytes, payload: Iterable[bytes], moment: float | None = None) -> Iterator[bytes]:
    """What upstreams got or said (10.4): a payload with headings of its own as it is, any other below a heading."""
    pieces = iter(payload)
    first = next((piece for piece in pieces if piece), None)
    if first is None:
        return
    if first.startswith(marker):
        last = b""
        for last in chain([first], pieces):
            yield last
        yield b"\n" if last.endswith(b"\n") else b"\n\n"
        return
    yield marker + b" ===\n"
    if moment is not None:
        yield f"Timestamp: {timestamp(moment)}\n".encode()
    yield first
    yield from pieces
    yield b"\n\n"


def api_errors(errors: Iterable[tuple[int, str]]) -> Iterator[bytes]:
    """One section per terminal error of an upstream (11.4): status and text."""
    for status, text in errors:
        yield f"=== API ERROR RESPONSE ===\nHTTP Status: {status}\n{text}\n\n".encode()


def response(status: int, headers: Headers, body: Iterable[bytes]) -> Iterator[bytes]:
    """The last section: what the client got, unpacked (10.3)."""
    yield response_head(status, headers)
    data = b"".join(body)
    yield from unpacked(data, next((value for name, value in headers if name.lower() == "content-encoding"), ""))
    yield b"\n"


def response_head(status: int, headers: Headers) -> bytes:
    """Its beginning, for streams too; status 0 = none was recorded."""
    line = f"Status: {status}\n" if status else ""
    return f"=== RESPONSE ===\n{line}{header_lines(headers)}\n".encode()


def unpacked(data: bytes, encoding: str) -> Iterator[bytes]:
    """A body without its Content-Encoding; one that cannot be unpacked as it is, with a note."""
    names = encodings_of(encoding)
    if not all(name in KNOWN for name in names):
        yield data
        return
    plain = data
    try:
        for name in reversed(names):
            plain = decompress(plain, name)
    except BadEncoding as error:
        yield data
        yield f"\n[DECOMPRESSION ERROR: {error}]".encode()
    else:
        yield plain
