"""HTTP body framing and the demo (providers/framing.py)."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.providers.framing import Chunked, Counted, FramingError, UntilClose


def chunked(*pieces: bytes, trailer: bytes = b"", extension: bytes = b"") -> bytes:
    parts = [b"%x%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in pieces]
    return b"".join(parts) + b"0\r\n" + trailer + b"\r\n"


def cut(data: bytes, points: list[int]) -> list[bytes]:
    edges = [0, *sorted(point % (len(data) + 1) for point in points), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@given(
    pieces=st.lists(st.binary(min_size=1, max_size=40), max_size=8), points=st.lists(st.integers(0, 10**6), max_size=30),
    trailer=st.sampled_from([b"", b"X-Sum: 1\r\n", b"A: b\r\nC: d\r\n"]), extension=st.sampled_from([b"", b";a=b"]),
)  # fmt: skip
def test_chunks_at_any_border(pieces: list[bytes], points: list[int], trailer: bytes, extension: bytes) -> None:
    framing = Chunked()
    got = b"".join(
        framing.feed(block) for block in cut(chunked(*pieces, trailer=trailer, extension=extension), points) if block
    )
    assert (got, framing.done, framing.at_eof()) == (b"".join(pieces), True, True)


@pytest.mark.parametrize("length", range(1, 30))
def test_a_cut_body_is_not_done(length: int) -> None:
    data = chunked(b"hello", b"world" * 3)
    framing = Chunked()
    framing.feed(data[: min(length, len(data) - 1)])
    assert not framing.done
    assert not framing.at_eof()


@pytest.mark.parametrize("data", [b"xyz\r\nab\r\n", b"-\r\n", b"5" * 20000])
def test_sizes_that_are_none(data: bytes) -> None:
    with pytest.raises(FramingError):
        Chunked().feed(data)


def test_thousands_of_small_chunks() -> None:
    pieces = [b"x" * random.Random(number).randint(1, 200) for number in range(3000)]
    framing = Chunked()
    data = chunked(*pieces)
    assert b"".join(framing.feed(data[start : start + 777]) for start in range(0, len(data), 777)) == b"".join(pieces)
    assert framing.done


def test_counted() -> None:
    framing = Counted(5)
    assert (framing.feed(b"ab"), framing.done, framing.at_eof()) == (b"ab", False, False)
    assert (framing.feed(b"cde and more"), framing.done) == (b"cde", True)
    assert Counted(0).done


def test_until_close() -> None:
    framing = UntilClose()
    assert (framing.feed(b"ab"), framing.done, framing.at_eof()) == (b"ab", False, True)
