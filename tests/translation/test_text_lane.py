"""The short cut for text deltas says exactly what the long way says."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from translation.exchanges import Talk, events, payloads
from upstream import chat, claude, codex, gemini
from upstream.content import Reply, ToolCall

from cliproxy.translation.formats import Format
from cliproxy.translation.hub import TranslatedStream
from cliproxy.translation.text_lane import TextLane

VOICES: dict[Format, Any] = {"openai": chat, "claude": claude, "gemini": gemini, "codex": codex}
REQUESTS: dict[Format, Any] = {
    "openai": {"messages": [{"role": "user", "content": "U"}]}, "claude": {"messages": [{"role": "user", "content": "U"}]},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "U"}]}]}, "openai-response": {"input": "U"},
}  # fmt: skip
PAIRS = [
    pytest.param(client, upstream, id=f"{client}-{upstream}")
    for client in REQUESTS
    for upstream in VOICES
    if client != upstream and (client, upstream) != ("openai-response", "codex")
]


def run(stream: TranslatedStream, pieces: list[bytes]) -> list[Any]:
    """The client's events, without what differs from run to run."""
    out = b"".join(stream.feed(piece) for piece in pieces if not stream.complete)
    out += b"" if stream.complete else stream.finish()
    return [_steady(event) for event in payloads(out)]


VARYING = {"id", "item_id", "call_id", "responseId", "created", "created_at", "createTime"}


def _steady(value: Any) -> Any:
    """Without ids that are made up and times."""
    if isinstance(value, dict):
        return {key: _steady(item) for key, item in value.items() if key not in VARYING}
    return [_steady(item) for item in value] if isinstance(value, list) else value


def both(client: Format, upstream: Format, pieces: list[bytes]) -> tuple[list[Any], list[Any]]:
    """(with the short cut, without it)."""
    talk = Talk(client, upstream, REQUESTS[client])
    quick, slow = talk.hub.stream(talk.exchange()), talk.hub.stream(talk.exchange())
    slow._lane = None
    return run(quick, pieces), run(slow, pieces)


TEXTS = st.text(st.characters(), max_size=12) | st.sampled_from(
    ["content", "text", "", '"', "\\", "\u2028", "é\u2029", "\n\n", 'a"}}\n\ndata: {"x":"b', "\ud83d", "assistant", "0"]
)
REPLIES = st.builds(
    Reply,
    st.lists(TEXTS, max_size=8).map(tuple),
    st.lists(TEXTS, max_size=3).map(tuple),
    calls=st.lists(st.just(ToolCall("c1", "f", '{"a":1}')), max_size=1).map(tuple),
)


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
@settings(max_examples=40, deadline=None)
@given(reply=REPLIES, sizes=st.lists(st.integers(1, 4), min_size=1, max_size=6), escaped=st.booleans())
def test_it_makes_no_difference(client: Format, upstream: Format, reply: Reply, sizes: list[int], escaped: bool) -> None:
    spoken = [_utf8(event, escaped) for event in VOICES[upstream].events(_sendable(reply), "up", {})]
    pieces, position = [], 0
    while position < len(spoken):  # blocks of several events
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(b"".join(spoken[position : position + size]))
        position += size
    quick, slow = both(client, upstream, pieces)
    assert quick == slow


def _sendable(reply: Reply) -> Reply:
    """Lone surrogates can only be sent as escapes, which the voices do not write."""
    clean = [tuple(text.encode("utf-8", "replace").decode() for text in texts) for texts in (reply.text, reply.thinking)]
    return Reply(text=clean[0], thinking=clean[1], calls=reply.calls)


def _utf8(event: bytes, escaped: bool) -> bytes:
    """The event, its JSON written with escapes if wanted."""
    if not escaped:
        return event
    head, mark, data = event.partition(b"data: ")
    if not mark or data.startswith(b"[DONE]"):
        return event
    return head + mark + json.dumps(json.loads(data)).encode() + b"\n\n"


def delta(text: str, **more: Any) -> bytes:
    return events({"id": "x", "model": "up", "choices": [{"index": 0, "delta": {"content": text}, **more}]})


def opened() -> TranslatedStream:
    """A stream to a Claude client with the short cut learned."""
    talk = Talk("claude", "openai", REQUESTS["claude"])
    stream = talk.hub.stream(talk.exchange())
    stream.feed(delta("first"))
    stream.feed(delta("second"))
    return stream


def texts(out: bytes) -> list[str]:
    return [event["delta"]["text"] for event in payloads(out) if event["type"] == "content_block_delta"]


def watched(stream: TranslatedStream, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What still goes the long way."""
    seen: list[bytes] = []
    feed: Callable[[bytes], None] = stream._decoder.feed

    def noted(data: bytes) -> None:
        seen.append(data)
        feed(data)

    monkeypatch.setattr(stream._decoder, "feed", noted)
    return seen


def test_the_short_cut_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = opened()
    long_way = watched(stream, monkeypatch)
    assert texts(stream.feed(delta("third"))) == ["third"]
    assert texts(stream.feed(delta('fo"urth') + delta("f\u00efft") + delta("\\"))) == ['fo"urth', "f\u00efft", "\\"]
    assert long_way == []


@pytest.mark.parametrize(
    "data",
    [
        delta(""), delta("x", finish_reason="stop"), delta("x\u2028"), events({"choices": [{"delta": {"content": "x"}}]}),
        delta("x").replace(b'"x"', b'"\xff"'), delta("x").replace(b'"x"', b'"a\tb"'), delta("x").replace(b'"x"', b'"\\q"'),
        delta("x").replace(b'"x"', b'"a","b":"c"'), delta("x").replace(b'"x"', b"null"), delta("a") + delta(""),
        b": comment\n\n", delta("x") + b"data: [DONE]\n\n",
    ],
)  # fmt: skip
def test_everything_else_goes_the_long_way(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    stream = opened()
    long_way = watched(stream, monkeypatch)
    stream.feed(data)
    assert long_way or data.startswith(b":")


def test_what_went_the_short_way_counts_as_said() -> None:
    stream = opened()
    stream.feed(delta("third \u00e9\ud83d".encode("utf-8", "replace").decode()))
    builder = stream._decoder.builder
    builder.take()
    stream._decoder.finish()
    assert builder.take()[0].text == "firstsecondthird \u00e9?"


def test_numbered_deltas_are_given_up() -> None:
    talk = Talk("claude", "openai", REQUESTS["claude"])
    stream = talk.hub.stream(talk.exchange())
    for number in range(40):
        assert texts(stream.feed(delta(f"t{number}", obfuscation=f"r{number}")))
    assert stream._lane is None


@pytest.mark.parametrize(("event", "said"), [(b'{"a":"x","b":"x"}', "x"), (b'{"x":"x"}', "x"), (b'{"a":"y"}', "x")])
def test_only_what_is_clear_is_learned(event: bytes, said: str) -> None:
    lane = TextLane()
    lane.learn(event, said, b'{"t":"x"}')
    assert lane.match(event) is None
    assert "closed" in repr(lane)
