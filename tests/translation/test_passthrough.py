"""Same format on both sides, replayed whole, byte by byte and at random splits (translation.md 6, design D20)."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from upstream import chat, claude, codex, gemini
from upstream.content import TEXT, TWO_TOOLS, long_text

from cliproxy.errors import UpstreamStatus, UpstreamTransport
from cliproxy.translation.chat.passthrough import ChatStream
from cliproxy.translation.claude.passthrough import ClaudeStream
from cliproxy.translation.gemini.passthrough import GeminiStream
from cliproxy.translation.passthrough import Passthrough
from cliproxy.translation.responses.passthrough import ResponsesStream

UP, CLIENT = "up-model", "client/model (high)"
WITH_USAGE = {"stream_options": {"include_usage": True}}
Kind = Callable[[], Passthrough]
FORMATS: dict[str, tuple[Any, Kind]] = {
    "chat": (chat, lambda: ChatStream(CLIENT, "sent")),
    "claude": (claude, lambda: ClaudeStream(CLIENT, "sent")),
    "codex": (codex, lambda: ResponsesStream(CLIENT, "sent")),
    "gemini": (gemini, lambda: GeminiStream(CLIENT, "sent")),
}
EACH = pytest.mark.parametrize(("voice", "make"), FORMATS.values(), ids=FORMATS)
REPLIES = {"text": TEXT, "tools": TWO_TOOLS, "long": long_text(40)}


def whole(data: bytes) -> Iterator[bytes]:
    yield data


def bytewise(data: bytes) -> Iterator[bytes]:
    for number in range(len(data)):
        yield data[number : number + 1]


def randomly(seed: int, longest: int) -> Callable[[bytes], Iterator[bytes]]:
    def cut(data: bytes) -> Iterator[bytes]:
        dice, start = random.Random(seed), 0
        while start < len(data):
            end = start + dice.randint(1, longest)
            yield data[start:end]
            start = end

    return cut


def run(transform: Passthrough, pieces: Iterator[bytes]) -> bytes:
    out = []
    for piece in pieces:
        out.append(transform.feed(piece))
        if transform.error is not None:  # where every reader stops
            return b"".join(out)
    assert all(not block or block.endswith(b"\n\n") for block in out), "half an event was handed out"
    return b"".join(out) + transform.finish()


def spoken(voice: Any, reply: Any) -> list[bytes]:
    """The upstream's events with plain line ends."""
    return [event.replace(b"\r\n", b"\n") for event in voice.events(reply, UP, WITH_USAGE)]


def payloads(stream: bytes) -> list[Any]:
    lines = [line for line in stream.decode().split("\n") if line.startswith("data:")]
    return [json.loads(line[5:]) for line in lines if line != "data: [DONE]"]


def renamed(value: Any) -> Any:
    """What D20 says: the model's name, and nothing else (but the instructions that Codex echoes)."""
    if isinstance(value, dict):
        own = {"model": CLIENT, "modelVersion": CLIENT, "instructions": ""}
        return {key: own[key] if key in own else renamed(item) for key, item in value.items()}
    return [renamed(item) for item in value] if isinstance(value, list) else value


@EACH
@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
@pytest.mark.parametrize(
    "cut", [whole, bytewise, randomly(1, 40), randomly(2, 700)], ids=["whole", "bytes", "40", "700"]
)
@pytest.mark.parametrize("crlf", [False, True])
def test_transcripts(voice: Any, make: Kind, reply: Any, cut: Any, crlf: bool) -> None:
    stream = b"".join(spoken(voice, reply))
    sent = stream.replace(b"\n", b"\r\n") if crlf else stream
    transform = make()
    got = run(transform, cut(sent))
    assert payloads(got) == renamed(payloads(stream))
    assert transform.error is None
    assert transform.complete or transform.ending
    assert transform.upstream_model == UP
    assert transform.tokens.input > 0
    assert transform.tokens.output > 0


@EACH
def test_every_split_in_two(voice: Any, make: Kind) -> None:
    stream = b"".join(spoken(voice, TEXT))
    expected = run(make(), whole(stream))
    for position in range(len(stream)):
        assert run(make(), iter([stream[:position], stream[position:]])) == expected, position


@EACH
def test_one_event_at_a_time_is_handed_on_at_once(voice: Any, make: Kind) -> None:
    transform = make()
    for event in spoken(voice, long_text(20)):
        if transform.complete or event.startswith(b"data: [DONE]"):
            break
        assert transform.feed(event).count(b"\n\n") == event.count(b"\n\n")


@EACH
def test_an_error_event(voice: Any, make: Kind) -> None:
    events = spoken(voice, long_text(20))
    data = b"".join(events[:8]) + voice.error_event("out of order") + b"".join(events[8:])
    for cut in (whole, bytewise):
        transform = make()
        got = run(transform, cut(data))
        assert payloads(got) == renamed(payloads(b"".join(events[:8])))
        assert isinstance(transform.error, UpstreamStatus)
        assert "out of order" in transform.error.text
        assert not transform.complete


@EACH
def test_a_stream_that_breaks_off(voice: Any, make: Kind) -> None:
    events = spoken(voice, long_text(20))
    transform = make()
    run(transform, whole(b"".join(events[:8])))
    assert isinstance(transform.error, UpstreamTransport)


@EACH
def test_nothing_at_all_is_no_broken_stream(voice: Any, make: Kind) -> None:
    transform = make()
    assert run(transform, whole(b"")) == b""
    assert transform.error is None


@EACH
def test_nothing_counts_after_the_end(voice: Any, make: Kind) -> None:
    stream = b"".join(spoken(voice, TEXT))
    transform = make()
    transform.feed(stream)
    if transform.complete:
        assert transform.feed(stream) == b""


@EACH
def test_a_last_event_without_its_blank_line(voice: Any, make: Kind) -> None:
    stream = b"".join(spoken(voice, TEXT))
    assert payloads(run(make(), whole(stream.rstrip(b"\n")))) == renamed(payloads(stream))


def test_the_models_name_inside_text_stays() -> None:
    """Words that look like the head of a chunk, inside a text."""
    head = b'data: {"id":"1","model":"up-model","choices":[{"delta":{"content":'
    plain = head + b'"hello"}}]}\n\n'
    tricky = head + b'"\\"model\\":\\"up-model\\" data: {\\"id\\":\\"1\\",\\"model\\":\\"up-model\\""}}]}\n\n'
    done = b'data: {"id":"1","model":"up-model","choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    transform = ChatStream("new", "sent")
    got = b"".join(transform.feed(piece) for piece in (plain, plain, tricky, plain + tricky, done))
    expected = plain * 2 + tricky + plain + tricky + done.replace(b"data: [DONE]\n\n", b"")
    assert got == expected.replace(b'"1","model":"up-model"', b'"1","model":"new"')


def test_usage_in_a_late_chunk_is_seen() -> None:
    transform = ChatStream("new", "sent")
    chunk = b'data: {"id":"1","model":"up","choices":[{"delta":{"content":"x"}}]}\n\n'
    end = b'data: {"id":"1","model":"up","choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
    usage = b'data: {"id":"1","model":"up","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}\n\n'
    for piece in (chunk, chunk + chunk, end, usage):
        transform.feed(piece)
    assert (transform.ending, transform.complete) == (True, False)
    assert transform.tokens.total == 3
    transform.feed(b"data: [DONE]\n\n")
    assert transform.complete


@pytest.mark.parametrize(
    "junk", [b"data: not json\n\n", b'data: {"choices": 5}\n\n', b"data: []\n\n", b'data: "text"\n\n']
)
def test_what_is_not_understood_passes(junk: bytes) -> None:
    assert ChatStream("c", "s").feed(junk) == junk
