"""Content-Encoding of answers, piece by piece (providers.md 2.2)."""

from __future__ import annotations

import gzip
import itertools
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.compression import BadEncoding, stream_decoder

TEXT = b"data: w\xc3\xb6rld\n\n" * 20


def raw_deflate(data: bytes) -> bytes:
    encoder = zlib.compressobj(wbits=-15)
    return encoder.compress(data) + encoder.flush()


ENCODERS = {
    "gzip": gzip.compress, "zlib": zlib.compress, "raw": raw_deflate, "br": brotli.compress, "zstd": zstandard.compress,
}  # fmt: skip
NAMES = {"zlib": "deflate", "raw": "deflate"}
EACH = pytest.mark.parametrize("kind", ENCODERS)


def decode(kind: str, pieces: list[bytes]) -> bytes:
    decoder = stream_decoder(NAMES.get(kind, kind))
    assert decoder is not None
    return b"".join(decoder.feed(piece) for piece in pieces)


@EACH
def test_every_split_in_two_and_bytewise(kind: str) -> None:
    data = ENCODERS[kind](TEXT)
    for middle in range(len(data) + 1):
        assert decode(kind, [data[:middle], data[middle:]]) == TEXT, middle
    assert decode(kind, [data[at : at + 1] for at in range(len(data))]) == TEXT
    assert decode(kind, [b"", data, b""]) == TEXT


@EACH
@given(text=st.binary(max_size=3000), points=st.lists(st.integers(0, 10**6), max_size=12))
def test_anything_at_any_border(kind: str, text: bytes, points: list[int]) -> None:
    data = ENCODERS[kind](text)
    edges = [0, *sorted(point % (len(data) + 1) for point in points), len(data)]
    assert decode(kind, [data[start:end] for start, end in itertools.pairwise(edges)]) == text


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_several_members_at_every_split(kind: str) -> None:
    encode = ENCODERS[kind]
    data = encode(b"one ") + encode(b"") + encode(b"two")
    for middle in range(len(data) + 1):
        assert decode(kind, [data[:middle], data[middle:]]) == b"one two", middle


@pytest.mark.parametrize("padding", [b"\0", b"\0" * 512, b"trailing words"])
def test_what_follows_gzip_is_no_harm(padding: bytes) -> None:
    assert decode("gzip", [gzip.compress(b"text") + padding]) == b"text"
    assert decode("gzip", [gzip.compress(b"text"), padding]) == b"text"


@EACH
def test_data_is_handed_on_as_it_arrives(kind: str) -> None:
    """A flushed piece can be read at once: an event must not wait for the next one."""
    if kind == "br":
        encoder = brotli.Compressor()
        pieces = [bytes(encoder.process(TEXT) + encoder.flush()) for _ in range(3)]
    elif kind == "zstd":
        writer = zstandard.ZstdCompressor().compressobj()
        pieces = [writer.compress(TEXT) + writer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK) for _ in range(3)]
    else:
        packer = zlib.compressobj(wbits={"gzip": 31, "zlib": 15, "raw": -15}[kind])
        pieces = [packer.compress(TEXT) + packer.flush(zlib.Z_SYNC_FLUSH) for _ in range(3)]
    decoder = stream_decoder(NAMES.get(kind, kind))
    assert decoder is not None
    assert [decoder.feed(piece) for piece in pieces] == [TEXT] * 3


@pytest.mark.parametrize("kind", ["gzip", "zlib", "br", "zstd"])
def test_damaged_data(kind: str) -> None:
    data = ENCODERS[kind](bytes(range(256)) * 8)
    with pytest.raises(BadEncoding):
        decode(kind, [data[:4] + b"\xff" * 40 + data[44:]])


@pytest.mark.parametrize("header", ["", " ", "identity", ",", "identity, ", "unheard-of", "chunked"])
def test_nothing_to_decode(header: str) -> None:
    assert stream_decoder(header) is None
