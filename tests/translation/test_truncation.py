"""Streams that break off anywhere, errors anywhere, borders anywhere (providers.md 2.3, 11.6, 12.4; translation.md 6)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from upstream import chat, claude, codex, gemini
from upstream.content import THINKING, TWO_TOOLS, long_text

from cliproxy.errors import UpstreamError, UpstreamStatus, UpstreamTransport
from cliproxy.records.usage import Tokens
from cliproxy.translation import sse
from cliproxy.translation.chat.passthrough import ChatStream
from cliproxy.translation.claude.passthrough import ClaudeStream
from cliproxy.translation.gemini.passthrough import GeminiStream
from cliproxy.translation.passthrough import Passthrough
from cliproxy.translation.responses.passthrough import CompletedCollector, ResponsesStream

Kind = Callable[[], Passthrough]
UP, CLIENT = "up-model", "alias"
USAGE = {"stream_options": {"include_usage": True}}
FORMATS: dict[str, tuple[Any, Kind]] = {
    "chat": (chat, lambda: ChatStream(CLIENT, "sent")),
    "claude": (claude, lambda: ClaudeStream(CLIENT, "sent")),
    "codex": (codex, lambda: ResponsesStream(CLIENT, "sent")),
    "gemini": (gemini, lambda: GeminiStream(CLIENT, "sent")),
}
EACH = pytest.mark.parametrize("name", FORMATS)
LAST = {
    "chat": b'"finish_reason": "', "claude": b'"type": "message_stop"', "codex": b'"type": "response.completed"',
    "gemini": b'"finishReason"',
}  # fmt: skip
"""What the event that ends an answer has and no other."""


def spoken(name: str, reply: Any) -> bytes:
    events = b"".join(FORMATS[name][0].events(reply, UP, USAGE))
    return events.replace(b"\r\n", b"\n")


def run(name: str, pieces: Iterator[bytes]) -> tuple[bytes, Passthrough]:
    """As AnswerStream does it."""
    transform, out = FORMATS[name][1](), b""
    for piece in pieces:
        out += transform.feed(piece)
        if transform.complete or transform.error is not None:
            return out, transform
    return out + transform.finish(), transform


def ends_at(name: str, stream: bytes) -> int:
    """Where the event that ends the answer is whole, its blank line not counted."""
    return stream.index(b"\n\n", stream.index(LAST[name]))


@EACH
@pytest.mark.parametrize("reply", [TWO_TOOLS, THINKING], ids=["tools", "thinking"])
def test_cut_at_every_byte(name: str, reply: Any) -> None:
    """Before the end of the last event it is an error (or, without a single event, an empty stream); after it none."""
    stream = spoken(name, reply)
    first, last = stream.index(b"\n\n"), ends_at(name, stream)
    complete, _ = run(name, iter([stream]))
    for length in range(len(stream) + 1):
        got, transform = run(name, iter([stream[:length]]))
        if length < first:
            assert (got, transform.error) == (b"", None), length
        elif length < last:
            assert isinstance(transform.error, UpstreamTransport), stream[:length][-80:]
            assert transform.error.status is None
        else:
            assert transform.error is None, stream[:length][-80:]
        assert complete.startswith(got), length
        assert got.count(b"\n\n") == len(list(sse.split(got)))


@EACH
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_many_borders(name: str, data: st.DataObject) -> None:
    stream = spoken(name, long_text(12))
    if data.draw(st.booleans()):
        stream = stream.replace(b"\n", b"\r\n")
    points = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=40)))
    edges = [0, *points, len(stream)]
    got, transform = run(name, (stream[start:end] for start, end in itertools.pairwise(edges)))
    expected, other = run(name, iter([spoken(name, long_text(12))]))
    assert got == expected
    assert (transform.error, transform.tokens, transform.upstream_model) == (None, other.tokens, UP)


@EACH
def test_an_error_at_every_place(name: str) -> None:
    """What came before it is handed out unharmed, nothing after it, in one block or in single events."""
    voice = FORMATS[name][0]
    events = [event + b"\n\n" for event in sse.split(spoken(name, long_text(5)))]
    broken = voice.error_event("out of order").replace(b"\r\n", b"\n")
    for place in range(ends_before(name, events)):
        expected, _ = run_open(name, events[:place])
        for pieces in (
            [b"".join([*events[:place], broken, *events[place:]])],
            [*events[:place], broken, *events[place:]],
        ):
            got, transform = run(name, iter(pieces))
            assert isinstance(transform.error, UpstreamStatus), place
            assert "out of order" in transform.error.text
            assert got == expected, place


def ends_before(name: str, events: list[bytes]) -> int:
    return next(number for number, event in enumerate(events) if LAST[name] in event)


def run_open(name: str, events: list[bytes]) -> tuple[bytes, Passthrough]:
    transform = FORMATS[name][1]()
    return b"".join(transform.feed(event) for event in events), transform


@EACH
def test_only_the_models_bytes_change(name: str) -> None:
    stream = spoken(name, TWO_TOOLS)
    got, _ = run(name, iter([stream]))
    if name == "chat":
        stream = stream.replace(b"data: [DONE]\n\n", b"")
    elif name == "codex":
        # the instructions are put back too, which opens and closes these events
        got, stream = _plain(got), _plain(stream.replace(b'"instructions": null', b'"instructions": ""'))
    assert got == stream.replace(b'"up-model"', b'"alias"')


def _plain(stream: bytes) -> bytes:
    return b"".join(json.dumps(json.loads(sse.data_of(event))).encode() for event in sse.split(stream))


def test_codex_events_pass_in_the_bytes_when_instructions_agree() -> None:
    """Nothing but the model's name, spacing included."""
    data = b'data: {"type": "response.created" ,"response": {"n":1.0,"model" : "up","instructions":"mine"}}\n\n'
    transform = ResponsesStream(CLIENT, "sent", "mine")
    assert transform.feed(data) == data.replace(b'"up"', b'"alias"')


CLAUDE_LINES = (
    b": a comment\n\n"
    b'event: message_start\nid: 7\ndata: {"type":"message_start", "message":{"model":"up","usage":{"input_tokens":3}}}\n\n'
    b'event: ping\ndata: {"type": "ping"}\n\n'
    b'event: unheard_of\ndata: {"type":"unheard_of","n":1.0,"u":"\\u00e9\\/"}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"S=="}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"AA+/"}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"message_start \\"error\\" event: error"}}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)


@pytest.mark.parametrize("length", [1, 7, 100, 10_000])
def test_every_line_of_claude_passes(length: int) -> None:
    got, transform = run("claude", (CLAUDE_LINES[at : at + length] for at in range(0, len(CLAUDE_LINES), length)))
    assert got == CLAUDE_LINES.replace(b'"up"', b'"alias"')
    assert transform.tokens == Tokens(input=3, output=5, total=8)
    assert (transform.complete, transform.upstream_model) == (True, "up")


HEAD = b'data: {"id":"1","model":"up","choices":[{"delta":{"content":"x"}}]}\n\n'


@pytest.mark.parametrize(
    "error",
    [
        b'data: {"id":"1","model":"up","error":{"code":429,"message":"slow"}}\n\n',
        b'data: {"id":"1","model":"up","choices":[],"error":{"code":429,"message":"slow"}}\n\n',
        b'data: {"error":{"code":429,"message":"slow"}}\n\n',
        b'data: {"id":"1","model":"up","choices":[{"delta":{},"finish_reason":"error"}],"error":{"code":429}}\n\n',
    ],
)
def test_an_error_that_looks_like_a_chunk(error: bytes) -> None:
    """It has the head that every chunk has; it must not slip through because of that."""
    transform = ChatStream(CLIENT, "sent")
    assert transform.feed(HEAD) + transform.feed(HEAD * 2) == HEAD.replace(b'"up"', b'"alias"') * 3
    assert transform.feed(error) == b""
    assert isinstance(transform.error, UpstreamError)
    assert transform.error.status == 429


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (b'data: {"model":"up","usage":null,"choices":[]}\n\n', Tokens()),
        (b'data: {"model":"up","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":9,'
         b'"prompt_tokens_details":{"cached_tokens":1},"completion_tokens_details":{"reasoning_tokens":2}}}\n\n',
         Tokens(input=3, output=4, reasoning=2, cached=1, total=9)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", [0, 1, 3])
def test_usage_of_a_chat_stream(event: bytes, expected: Tokens, before: int) -> None:
    """However many chunks taught it the head."""
    transform = ChatStream(CLIENT, "sent")
    for _ in range(before):
        transform.feed(b'data: {"model":"up","choices":[{"delta":{"content":"x"}}]}\n\n')
    transform.feed(event)
    assert transform.tokens == expected


def test_the_last_usage_that_says_something_counts() -> None:
    transform = GeminiStream(CLIENT, "sent")
    for usage in (
        '{"promptTokenCount":3}',
        '{"promptTokenCount":3,"candidatesTokenCount":4,"thoughtsTokenCount":2}',
        "{}",
        "null",
    ):
        transform.feed(f'data: {{"candidates":[],"usageMetadata":{usage}}}\n\n'.encode())
    assert transform.tokens == Tokens(input=3, output=4, reasoning=2, total=9)


@pytest.mark.parametrize(("feedback", "broken"), [({"blockReason": "SAFETY"}, False), ({}, True)])
def test_a_prompt_that_gemini_refuses_is_an_end(feedback: dict[str, str], broken: bool) -> None:
    transform = GeminiStream(CLIENT, "sent")
    transform.feed(b"data: %s\n\n" % json.dumps({"promptFeedback": feedback}).encode())
    transform.finish()
    assert (transform.error is not None) is broken


def test_a_collected_codex_stream_at_every_cut() -> None:
    """Before its last event is whole: 408; then the response object."""
    stream = spoken("codex", TWO_TOOLS)
    last = ends_at("codex", stream)
    for length in [*range(0, last, 37), last - 1, last, len(stream)]:
        collector = CompletedCollector(ResponsesStream(CLIENT, "sent"))
        if length < last:
            with pytest.raises(UpstreamStatus) as caught:
                collector.collect(stream[:length])
            assert (caught.value.status, caught.value.text) == (
                408, "stream error: stream disconnected before completion: stream closed before response.completed",
            )  # fmt: skip
        else:
            body = json.loads(collector.collect(stream[:length]))
            assert (body["object"], body["model"], body["status"]) == ("response", CLIENT, "completed")
            assert len(body["output"]) == 3


def test_an_event_without_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 1000)
    for name in FORMATS:
        _, transform = run(name, itertools.repeat(b"data: " + b"x" * 94, 20))
        assert isinstance(transform.error, UpstreamTransport), name
        assert "1000 bytes" in transform.error.text


def test_the_longest_event_is_the_specified_one() -> None:
    assert sse.MAX_EVENT == 52_428_800
