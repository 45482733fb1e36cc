"""What the fake upstream does with one request: which answer, cut into which bytes, broken in which way."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import brotli
import zstandard
from upstream.content import TEXT, Reply

Chop = Callable[[Iterable[bytes]], Iterator[bytes]]


def per_event(events: Iterable[bytes]) -> Iterator[bytes]:
    """Each event as it is."""
    yield from events


def at_once(events: Iterable[bytes]) -> Iterator[bytes]:
    """All events in one piece."""
    yield b"".join(events)


def per_byte(events: Iterable[bytes]) -> Iterator[bytes]:
    """Each byte alone."""
    for byte in b"".join(events):
        yield bytes([byte])


def at_random(seed: int, longest: int = 400) -> Chop:
    """Pieces of 1 to ``longest`` bytes, the same for the same seed, across events."""

    def chop(events: Iterable[bytes]) -> Iterator[bytes]:
        dice, data, start = random.Random(seed), b"".join(events), 0
        while start < len(data):
            end = start + dice.randint(1, longest)
            yield data[start:end]
            start = end

    return chop


class Framing(StrEnum):
    """How the end of a body is told."""

    CHUNKED = "chunked"
    LENGTH = "length"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer to one request. Counts are pieces of the body; ``None`` = never."""

    reply: Reply = TEXT
    status: int = 200
    message: str = "upstream says no"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    """These bytes in place of what the protocol would say."""
    pieces: tuple[bytes, ...] | None = None
    """The same in several writes."""
    kind: str = "application/json"
    """The content type of ``body`` and ``pieces``; empty = none."""
    events: tuple[bytes, ...] | None = None
    """These events in place of the reply's, in streams."""
    refuse: bool = False
    """Close the connection without a word."""
    delay: float = 0.0
    """Seconds before the first byte."""
    stall_before: bool = False
    """Send nothing until released or left."""
    stall_after: int | None = None
    """Stop after so many pieces until released or left."""
    cut_after: int | None = None
    """Close after so many pieces, without the end that the framing wants."""
    error_after: int | None = None
    """An error event of the protocol in place of what follows."""
    pause: float = 0.0
    """Seconds between two pieces."""
    chop: Chop = per_event
    framing: Framing = Framing.CHUNKED
    encoding: str = ""


REFUSE = Plan(refuse=True)
EMPTY = Plan(events=())


def compressed(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The pieces as a flushed stream of ``gzip``, ``br`` or ``zstd``; each can be read as soon as it has arrived."""
    feed, end = _compressor(encoding)
    for piece in pieces:
        yield feed(piece)
    if tail := end():
        yield tail


def _compressor(encoding: str) -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    if encoding == "gzip":
        gzip = zlib.compressobj(wbits=31)
        return lambda data: gzip.compress(data) + gzip.flush(zlib.Z_SYNC_FLUSH), gzip.flush
    if encoding == "br":
        br = brotli.Compressor()
        return lambda data: bytes(br.process(data) + br.flush()), lambda: bytes(br.finish())
    if encoding == "zstd":
        zstd = zstandard.ZstdCompressor().compressobj()
        return lambda data: zstd.compress(data) + zstd.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK), zstd.flush
    raise ValueError(f"unknown encoding {encoding!r}")
