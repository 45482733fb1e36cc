"""A streamed answer tells exactly once how it ended, and never reads on after that (providers/base.py)."""

from __future__ import annotations

from typing import Any

import pytest

from cliproxy.errors import IdleTimeout, UpstreamStatus, UpstreamTransport
from cliproxy.providers.base import AnswerStream
from cliproxy.translation.chat.passthrough import ChatStream

CHUNK = b'data: {"id":"1","model":"up","choices":[{"delta":{"content":"x"}}]}\n\n'
OURS = CHUNK.replace(b'"up"', b'"mine"')
LAST = (
    b'data: {"id":"1","model":"up","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}\n\n'
)
DONE = b"data: [DONE]\n\n"
ERROR = b'data: {"error":{"code":"rate_limit_exceeded","message":"slow"}}\n\n'


class Tape:
    """A source of prepared blocks and errors that notes what is done to it."""

    def __init__(self, *items: bytes | Exception) -> None:
        self.keepalive = 0.0
        self._items = list(items)
        self.done: list[str] = []

    def read(self) -> bytes | None:
        self.done.append("read")
        item = self._items.pop(0) if self._items else None
        if isinstance(item, Exception):
            raise item
        return item

    def close(self) -> None:
        self.done.append("close")

    def release(self) -> None:
        self.done.append("release")


def started(*items: bytes | Exception) -> tuple[AnswerStream, Tape, list[Any]]:
    tape, told = Tape(*items), []  # type: tuple[Tape, list[Any]]
    stream = AnswerStream(tape, ChatStream("mine", "sent"))
    stream.on_end = lambda found, error: told.append((found is stream, error))
    stream.on_abort = lambda: told.append("abort")
    return stream, tape, told


def test_a_whole_answer() -> None:
    stream, tape, told = started(CHUNK, b"", CHUNK, LAST, DONE, CHUNK)
    assert stream.upstream_model == "sent"
    got = list(stream)
    assert got == [OURS, b"", OURS, LAST.replace(b'"up"', b'"mine"')]
    assert (told, tape.done) == ([(True, None)], ["read"] * 5 + ["release"])  # not a read beyond [DONE]
    assert (stream.upstream_model, stream.tokens.total) == ("up", 3)
    stream.close()
    assert (told, tape.done[-1]) == ([(True, None)], "release")
    assert list(stream) == []


@pytest.mark.parametrize("error", [UpstreamTransport("cut"), IdleTimeout(3)])
def test_an_upstream_that_fails(error: Any) -> None:
    stream, tape, told = started(CHUNK, error)
    assert next(stream) == OURS
    with pytest.raises(type(error)) as caught:
        next(stream)
    stream.close()
    assert caught.value is error
    assert (told, tape.done) == ([(True, error)], ["read", "read", "close"])


def test_an_error_event_comes_after_what_came_before_it() -> None:
    stream, tape, told = started(CHUNK + ERROR + CHUNK)
    assert next(stream) == OURS
    with pytest.raises(UpstreamStatus, match="slow") as caught:
        next(stream)
    assert caught.value.status == 429
    assert (told, tape.done) == ([(True, caught.value)], ["read", "close"])


def test_an_answer_that_just_stops() -> None:
    stream, tape, told = started(CHUNK, CHUNK[:30])
    assert next(stream) == OURS
    with pytest.raises(UpstreamTransport, match="before the answer was complete"):
        list(stream)
    assert len(told) == 1
    assert tape.done[-1] == "close"


@pytest.mark.parametrize("reads", [0, 1])
def test_an_abort(reads: int) -> None:
    stream, tape, told = started(CHUNK, CHUNK, DONE)
    for _ in range(reads):
        next(stream)
    stream.close()
    stream.close()
    assert told == ["abort"]
    assert tape.done[: reads + 1] == ["read"] * reads + ["close"]
    assert set(tape.done[reads:]) == {"close"}
    assert list(stream) == []


def test_keepalives_are_asked_from_the_source() -> None:
    stream, tape, _ = started(DONE)
    stream.set_keepalive(2.5)
    assert tape.keepalive == 2.5


def test_nobody_has_to_listen() -> None:
    assert list(AnswerStream(Tape(CHUNK, DONE), ChatStream("mine", "sent"))) == [OURS]
