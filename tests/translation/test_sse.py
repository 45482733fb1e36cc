"""Events out of a byte stream, at any border (providers.md 2.3)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.translation import sse
from cliproxy.translation.sse import EventBuffer, EventTooLong

LINE = st.text(st.sampled_from('ab:{}"\\é\u2028\u2029\x85\x0b 1'), max_size=12).map(lambda text: "data: " + text)
EVENT = st.lists(LINE, min_size=1, max_size=3).map("\n".join)


@given(
    events=st.lists(EVENT, max_size=6), points=st.lists(st.integers(0, 10**6), max_size=30),
    crlf=st.booleans(), tail=st.sampled_from(["", "data: rest", "data: rest\n"]),
)  # fmt: skip
def test_any_border(events: list[str], points: list[int], crlf: bool, tail: str) -> None:
    text = "".join(event + "\n\n" for event in events)
    data = (text + tail).replace("\n", "\r\n" if crlf else "\n").encode()
    edges = [0, *sorted(point % (len(data) + 1) for point in points), len(data)]
    buffer = EventBuffer()
    got = [buffer.feed(data[start:end]) for start, end in itertools.pairwise(edges)]
    assert b"".join(got) == text.encode()
    assert all(not block or block.endswith(b"\n\n") for block in got)
    assert buffer.rest().replace(b"\r", b"") == tail.encode()


def test_several_at_once_come_in_one_block() -> None:
    buffer = EventBuffer()
    assert buffer.feed(b"data: 1\n\ndata: 2\n\ndata: 3") == b"data: 1\n\ndata: 2\n\n"
    assert buffer.waiting
    assert buffer.feed(b"\n\n") == b"data: 3\n\n"
    assert not buffer.waiting


def test_an_event_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 1000)
    buffer = EventBuffer()
    with pytest.raises(EventTooLong):
        for _ in range(20):
            buffer.feed(b"x" * 100)


def test_a_long_event_in_small_pieces_is_not_slow() -> None:
    """Joining at each read would take minutes here."""
    buffer = EventBuffer()
    for _ in range(100_000):
        buffer.feed(b"x" * 100)
    assert len(buffer.feed(b"\n\n")) == 10_000_002


@pytest.mark.parametrize(
    ("event", "data", "name"),
    [
        (b"data: x", b"x", ""), (b"data:x", b"x", ""), (b"event: e\ndata: x", b"x", "e"), (b"data: a\ndata: b", b"a\nb", ""),
        (b": comment", b"", ""), (b"event: only", b"", "only"), (b"id: 1\ndata: x\nretry: 3", b"x", ""),
    ],
)  # fmt: skip
def test_one_event(event: bytes, data: bytes, name: str) -> None:
    assert (sse.data_of(event), sse.name_of(event)) == (data, name)


def test_split_and_frame() -> None:
    assert list(sse.split(b"data: 1\n\n\n\nevent: e\ndata: 2\n\n")) == [b"data: 1", b"event: e\ndata: 2"]
    assert sse.frame(b"x") == b"data: x\n\n"
    assert sse.frame(b"x", "e") == b"event: e\ndata: x\n\n"
