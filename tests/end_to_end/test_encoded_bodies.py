"""Compressed request bodies, honest and hostile (client-api.md 2.3)."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from functools import cache

import brotli
import pytest
import zstandard
from end_to_end.families import ALL, CHAT, CLAUDE, PROTOCOLS, Family
from end_to_end.proxy import Proxy
from upstream.content import TEXT
from upstream.server import FakeUpstream

ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: bytes(brotli.compress(data, quality=1)),
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
    "identity": lambda data: data,
}
COMPRESSING = [name for name in ENCODERS if name != "identity"]


@pytest.mark.parametrize("encoding", ENCODERS)
@pytest.mark.parametrize("family", ALL, ids=repr)
def test_encoded_body(server: Proxy, upstream: FakeUpstream, family: Family, encoding: str) -> None:
    body = ENCODERS[encoding](json.dumps(family.body()).encode())
    answer = server.post(family.path(), body, Content_Encoding=encoding)
    assert family.text(answer.json) == TEXT.joined
    assert "content-encoding" not in upstream.requests[0].headers


def test_streaming_zstd(server: Proxy) -> None:
    """Without the content size in its frame, as clients that compress on the fly send it."""
    compressor = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    body = compressor.compress(json.dumps(CHAT.body()).encode()) + compressor.flush()
    assert server.post(CHAT.path(), body, Content_Encoding="zstd").status == 200


def test_list_of_encodings(server: Proxy) -> None:
    body = ENCODERS["zstd"](gzip.compress(json.dumps(CHAT.body()).encode()))
    assert server.post(CHAT.path(), body, Content_Encoding="gzip, zstd").status == 200


@cache
def bomb(encoding: str) -> bytes:
    made = ENCODERS[encoding](b'{"model":"x","padding":"' + bytes(200 << 20) + b'"}')
    assert len(made) < 1 << 20
    return made


@pytest.mark.parametrize("encoding", COMPRESSING)
@pytest.mark.parametrize("family", PROTOCOLS, ids=repr)
def test_bomb(server: Proxy, upstream: FakeUpstream, family: Family, encoding: str) -> None:
    """200 MiB of nothing in a small body: refused by what it becomes, not by what it is."""
    answer = server.post(family.path(), bomb(encoding), Content_Encoding=encoding)
    assert answer.status == 413
    assert "larger than 50 MiB" in answer.json["error"]["message"]
    assert upstream.requests == []


@pytest.mark.parametrize("encoding", COMPRESSING)
@pytest.mark.parametrize("damage", ["cut", "garbage"])
def test_damaged(server: Proxy, encoding: str, damage: str) -> None:
    good = ENCODERS[encoding](json.dumps(CLAUDE.body(padding="0123456789" * 100)).encode())
    body = good[: len(good) // 2] if damage == "cut" else b"this is not compressed at all"
    answer = server.post(CLAUDE.path(), body, Content_Encoding=encoding)
    assert (answer.status, answer.json["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize("family", PROTOCOLS, ids=repr)
def test_unknown_encoding(server: Proxy, upstream: FakeUpstream, family: Family) -> None:
    answer = server.post(family.path(), b"{}", Content_Encoding="compress")
    assert answer.status == 415
    assert "compress" in answer.json["error"]["message"]
    assert upstream.requests == []
