"""Content-Encoding, both ways round: whole request bodies with a size limit, upstream answers piece by piece.

Knows ``gzip``, ``deflate`` (zlib-wrapped and raw), ``br`` and ``zstd`` (client-api.md 2.3, providers.md 2.2).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Protocol

import brotli
import zstandard

KNOWN = ("gzip", "deflate", "br", "zstd")
_STEP = 1 << 16
_ZSTD_STEP = 1 << 10
_MAX_WINDOW = 1 << 27
_ANY_WRAPPER = 32 + zlib.MAX_WBITS  # zlib finds out by itself whether it is gzip or zlib


class TooLarge(ValueError):
    """The decompressed text is longer than the limit."""


class BadEncoding(ValueError):
    """The text is not what its Content-Encoding says."""


def encodings_of(header: str) -> list[str]:
    """Split a Content-Encoding value: lower case, ``identity`` and blanks left out, in the order they were applied."""
    names = (name.strip().lower() for name in header.split(","))
    return [{"x-gzip": "gzip"}.get(name, name) for name in names if name and name != "identity"]


def decompress(data: bytes, encoding: str, limit: int = 0) -> bytes:
    """Undo one encoding. ``limit`` in bytes (0 = none) bounds the result while it grows, so a bomb stays small.

    :raises TooLarge: the result would be longer than ``limit``.
    :raises BadEncoding: the data is damaged, cut short, or the encoding unknown.
    """
    out, size = [], 0
    try:
        for piece in _PIECES[encoding](data):
            size += len(piece)
            if limit and size > limit:
                raise TooLarge(f"body is larger than {limit} bytes after decompression")
            out.append(piece)
    except KeyError:
        raise BadEncoding(f"unknown encoding {encoding}") from None
    except (zlib.error, brotli.error, zstandard.ZstdError, EOFError) as error:
        raise BadEncoding(f"not valid {encoding}: {error}") from error
    return b"".join(out)


def _zlib_pieces(data: bytes, wbits: int) -> Iterator[bytes]:
    while data:
        decoder = zlib.decompressobj(wbits)
        rest = data
        while not decoder.eof:
            piece = decoder.decompress(rest, _STEP)
            if not piece and not decoder.unconsumed_tail and not decoder.eof:
                raise EOFError("data ends too early")
            yield piece
            rest = decoder.unconsumed_tail
        data = decoder.unused_data.lstrip(b"\0")  # gzip may hold several members, padded with zeros


def _gzip_pieces(data: bytes) -> Iterator[bytes]:
    return _zlib_pieces(data, 16 + zlib.MAX_WBITS)


def _deflate_pieces(data: bytes) -> Iterator[bytes]:
    return _zlib_pieces(data, _deflate_wbits(data))


def _deflate_wbits(head: bytes) -> int:
    """zlib-wrapped data starts with 0x78-like bytes whose 16-bit value divides by 31; raw deflate has no header."""
    wrapped = len(head) >= 2 and head[0] & 0x0F == 8 and (head[0] << 8 | head[1]) % 31 == 0
    return zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS


def _brotli_pieces(data: bytes) -> Iterator[bytes]:
    decoder = brotli.Decompressor()
    piece = decoder.process(data, output_buffer_limit=_STEP)
    while piece:
        yield piece
        piece = decoder.process(b"", output_buffer_limit=_STEP) if not decoder.is_finished() else b""
    if not decoder.is_finished():
        raise EOFError("data ends too early")


def _zstd_pieces(data: bytes) -> Iterator[bytes]:
    factory, view, position = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW), memoryview(data), 0
    while position < len(view):
        decoder = factory.decompressobj()
        while not decoder.eof:
            if position >= len(view):
                raise EOFError("data ends too early")
            # A four-byte block may stand for 128 KiB, so only small steps keep the result near the limit.
            yield decoder.decompress(view[position : position + _ZSTD_STEP])
            position = min(position + _ZSTD_STEP, len(view)) - len(decoder.unused_data)


_PIECES = {"gzip": _gzip_pieces, "deflate": _deflate_pieces, "br": _brotli_pieces, "zstd": _zstd_pieces}


class StreamDecoder(Protocol):
    """Decodes an answer as it arrives."""

    def feed(self, data: bytes) -> bytes:
        """What ``data`` decodes to, maybe nothing yet.

        :raises BadEncoding: the data is damaged.
        """


class _GzipStream:
    def __init__(self) -> None:
        self._decoder = zlib.decompressobj(_ANY_WRAPPER)

    def feed(self, data: bytes) -> bytes:
        out = []
        try:
            while data:
                if self._decoder.eof:
                    data = data.lstrip(b"\0")
                    if not data.startswith(b"\x1f"):
                        break  # no further member: what follows is padding
                    self._decoder = zlib.decompressobj(_ANY_WRAPPER)
                out.append(self._decoder.decompress(data))
                data = self._decoder.unused_data
        except zlib.error as error:
            raise BadEncoding(str(error)) from error
        return b"".join(out)


class _DeflateStream:
    def __init__(self) -> None:
        self._decoder: zlib._Decompress | None = None
        self._head = b""

    def feed(self, data: bytes) -> bytes:
        if self._decoder is None:
            self._head += data
            if len(self._head) < 2:
                return b""  # two bytes tell whether it is wrapped
            data = self._head
            self._decoder = zlib.decompressobj(_deflate_wbits(data))
        try:
            return self._decoder.decompress(data)
        except zlib.error as error:
            raise BadEncoding(str(error)) from error


class _BrotliStream:
    def __init__(self) -> None:
        self._decoder = brotli.Decompressor()

    def feed(self, data: bytes) -> bytes:
        try:
            return bytes(self._decoder.process(data))
        except brotli.error as error:
            raise BadEncoding(str(error)) from error


class _ZstdStream:
    def __init__(self) -> None:
        self._factory = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
        self._decoder = self._factory.decompressobj()

    def feed(self, data: bytes) -> bytes:
        out = []
        try:
            while data:
                if self._decoder.eof:  # a body may have several frames
                    self._decoder = self._factory.decompressobj()
                out.append(self._decoder.decompress(data))
                data = self._decoder.unused_data
        except zstandard.ZstdError as error:
            raise BadEncoding(str(error)) from error
        return b"".join(out)


def stream_decoder(header: str) -> StreamDecoder | None:
    """The decoder for a Content-Encoding value, None when there is nothing to decode.

    The first known name decides (providers.md 2.2).
    """
    for name in encodings_of(header):
        if name == "gzip":
            return _GzipStream()
        if name == "deflate":
            return _DeflateStream()
        if name == "br":
            return _BrotliStream()
        if name == "zstd":
            return _ZstdStream()
    return None
