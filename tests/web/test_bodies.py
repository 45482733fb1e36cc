"""Request bodies: encodings, limits, JSON (client-api.md 2.3, 5.1)."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable
from typing import Any

import brotli
import pytest
import zstandard

from cliproxy.errors import RequestError
from cliproxy.web.bodies import read_body, read_json

TEXT = b'{"model":"m","n":1.0}'


def environ(data: bytes, encoding: str = "", chunked: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {"wsgi.input": io.BytesIO(data)}
    if chunked:
        found["wsgi.input_terminated"] = True
    else:
        found["CONTENT_LENGTH"] = str(len(data))
    if encoding:
        found["HTTP_CONTENT_ENCODING"] = encoding
    return found


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


ENCODERS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("br", brotli.compress),
    ("ZSTD", zstandard.compress),
    ("identity", bytes),
    ("", bytes),
]


@pytest.mark.parametrize(("name", "encode"), ENCODERS)
@pytest.mark.parametrize("chunked", [False, True])
def test_encodings(name: str, encode: Callable[[bytes], bytes], chunked: bool) -> None:
    data, body = read_json(environ(encode(TEXT), name, chunked), 1000)
    assert data == TEXT
    assert body == {"model": "m", "n": 1.0}


def test_stacked_encodings_are_undone_last_first() -> None:
    assert read_body(environ(zstandard.compress(gzip.compress(TEXT)), "gzip, identity, zstd"), 0) == TEXT


def test_unknown_encoding_is_415() -> None:
    with pytest.raises(RequestError, match="gzip, deflate, br, zstd") as error:
        read_body(environ(TEXT, "compress"), 0)
    assert error.value.status == 415


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_damaged_bodies_are_400(name: str) -> None:
    encode = dict(ENCODERS[2:6] + ENCODERS[:1] + [("zstd", zstandard.compress)])[name]
    whole = encode(TEXT * 50)
    for damaged in (TEXT, whole[: len(whole) // 2]):
        with pytest.raises(RequestError, match="Invalid request") as error:
            read_body(environ(damaged, name), 0)
        assert error.value.status == 400


@pytest.mark.parametrize(("name", "encode"), ENCODERS[:6])
def test_the_limit_counts_after_decompression(name: str, encode: Callable[[bytes], bytes]) -> None:
    bomb = encode(b" " * 5_000_000)
    assert len(bomb) < 20_000
    with pytest.raises(RequestError) as error:
        read_body(environ(bomb, name), 1 << 20)
    assert error.value.status == 413
    assert len(read_body(environ(bomb, name), 0)) == 5_000_000


@pytest.mark.parametrize("chunked", [False, True])
def test_too_large_before_reading_it_all(chunked: bool) -> None:
    source = environ(b"x" * 3_000_000, chunked=chunked)
    with pytest.raises(RequestError) as error:
        read_body(source, 1 << 20)
    assert error.value.status == 413
    assert source["wsgi.input"].tell() <= 2 << 20


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b'"text"', b"null", b'{"a":NaN}', b"\xff\xfe", b"[" * 200_000])
def test_anything_but_a_json_object_is_400(data: bytes) -> None:
    with pytest.raises(RequestError, match="Invalid request: body is") as error:
        read_json(environ(data), 0)
    assert error.value.status == 400


def test_a_body_that_ends_early_is_400() -> None:
    source = environ(TEXT)
    source["CONTENT_LENGTH"] = "500"
    with pytest.raises(RequestError, match="ended after 21 of 500"):
        read_body(source, 0)


def test_no_length_and_no_chunks_is_an_empty_body() -> None:
    assert read_body({"wsgi.input": io.BytesIO(b"never read")}, 0) == b""
