"""Token numbers of answers, through the codecs that read them (logging.md 15.3)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from cliproxy.records.usage import Tokens
from cliproxy.translation import sse
from cliproxy.translation.chat import passthrough as chat
from cliproxy.translation.claude import passthrough as claude
from cliproxy.translation.codec import Target
from cliproxy.translation.gemini import envelope
from cliproxy.translation.gemini import passthrough as gemini
from cliproxy.translation.hub import Hub
from cliproxy.translation.responses.passthrough import ResponsesStream

CHAT_USAGE = {
    "prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 5},
}  # fmt: skip
RESPONSES_USAGE = {
    "input_tokens": 10, "output_tokens": 20, "total_tokens": 30, "input_tokens_details": {"cached_tokens": 7},
    "output_tokens_details": {"reasoning_tokens": 9},
}  # fmt: skip
CHAT, RESPONSES = Tokens(1, 2, 5, 4, 3), Tokens(10, 20, 9, 7, 30)


def data(body: Any) -> bytes:
    return json.dumps(body).encode()


def events(*bodies: Any) -> bytes:
    return b"".join(sse.frame(body if isinstance(body, bytes) else data(body)) for body in bodies)


def read(transform: Any, stream: bytes) -> Tokens:
    transform.feed(stream)
    if not transform.complete:
        transform.finish()
    assert transform.error is None
    tokens: Tokens = transform.tokens
    return tokens


def translated(upstream: Any, stream: bytes, client: Any) -> Tokens:
    """What a stream of one format counts on its way to a client of another."""
    hub = Hub()
    exchange = hub.exchange(client, upstream, {"messages": []}, "mine", Target("m", True))
    return read(hub.stream(exchange), stream)


def chat_chunk(finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": "x"}, "finish_reason": finish}
    return {"id": "a", "object": "chat.completion.chunk", "model": "m", "choices": [choice], **more}


@pytest.mark.case("logging:43")
@pytest.mark.parametrize(
    ("usage", "wanted"), [(CHAT_USAGE, CHAT), (RESPONSES_USAGE, RESPONSES)], ids=["chat", "responses"]
)
def test_openai_style(usage: Mapping[str, Any], wanted: Tokens) -> None:
    assert chat.body(data({"model": "m", "usage": usage}), "mine", "sent")[2] == wanted
    ways: Sequence[Callable[[bytes], Tokens]] = (
        lambda stream: read(chat.ChatStream("mine", "sent"), stream),
        lambda stream: translated("openai", stream, "claude"),
    )
    for way in ways:
        assert way(events(chat_chunk(), chat_chunk("stop", usage=usage), b"[DONE]")) == wanted


@pytest.mark.case("logging:43")
def test_codex_completed() -> None:
    done = {"type": "response.completed", "response": {"id": "r", "model": "m", "output": [], "usage": RESPONSES_USAGE}}
    assert read(ResponsesStream("mine", "sent"), events(done)) == RESPONSES


@pytest.mark.parametrize("client", ["openai", "claude"])
def test_the_last_usage_that_is_not_zero_counts(client: str) -> None:
    early = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    nothing = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    stream = events(
        chat_chunk(usage=None), chat_chunk(usage=early), chat_chunk("stop", usage=None),
        {**chat_chunk(), "choices": [], "usage": CHAT_USAGE}, {**chat_chunk(), "choices": [], "usage": nothing}, b"[DONE]",
    )  # fmt: skip
    if client == "openai":
        assert read(chat.ChatStream("mine", "sent"), stream) == CHAT
    else:
        assert translated("openai", stream, client) == CHAT


def test_no_usage_is_nothing() -> None:
    assert not chat.body(data({"model": "m"}), "mine", "sent")[2]
    assert not read(chat.ChatStream("mine", "sent"), events(b"junk", chat_chunk("stop"), b"[DONE]"))


@pytest.mark.case("logging:44")
def test_claude_with_new_cache_entries_only() -> None:
    usage = {"input_tokens": 3, "output_tokens": 4, "cache_creation_input_tokens": 50}
    assert claude.body(data({"model": "m", "usage": usage}), "mine", "sent")[2] == Tokens(3, 4, cached=50, total=7)
    usage = {"input_tokens": 3, "output_tokens": 4, "cache_creation_input_tokens": 50, "cache_read_input_tokens": 6}
    assert claude.body(data({"model": "m", "usage": usage}), "mine", "sent")[2] == Tokens(3, 4, cached=6, total=7)


@pytest.mark.case("logging:44")
@pytest.mark.parametrize("client", ["claude", "openai"])
def test_a_claude_stream_begins_with_its_input(client: str) -> None:
    start = {"input_tokens": 3, "output_tokens": 1, "cache_creation_input_tokens": 50}
    message = {"id": "a", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": start}
    stream = events(
        {"type": "message_start", "message": message},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}},
        {"type": "message_stop"},
    )
    wanted = Tokens(3, 4, cached=50, total=7)
    if client == "claude":
        assert read(claude.ClaudeStream("mine", "sent"), stream) == wanted
    else:
        assert translated("claude", stream, client) == wanted


COUNTS = {"promptTokenCount": 5, "candidatesTokenCount": 6, "thoughtsTokenCount": 7}


@pytest.mark.case("logging:45")
@pytest.mark.parametrize("name", ["usageMetadata", "usage_metadata"])
def test_gemini_without_a_total(name: str) -> None:
    wanted = Tokens(5, 6, reasoning=7, total=18)
    answer = {"modelVersion": "m", name: COUNTS}
    assert gemini.body(data(answer), "mine", "sent")[2] == wanted
    assert envelope.body("gemini-cli", data({"response": answer}), "mine", "sent")[2] == wanted


def gemini_chunk(text: str, finish: str = "", name: str = "usageMetadata", **counts: int) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], name: counts, "modelVersion": "m"}


PARTIAL = gemini_chunk("a", promptTokenCount=5, candidatesTokenCount=1, totalTokenCount=6)
FINAL = gemini_chunk("b", "STOP", promptTokenCount=5, candidatesTokenCount=6, totalTokenCount=11)
WHOLE = Tokens(5, 6, total=11)


@pytest.mark.case("logging:53")
def test_only_the_last_chunk_of_gemini_counts_and_its_own_clients_see_all() -> None:
    stream = events(PARTIAL, FINAL)
    transform = gemini.GeminiStream("m", "m")
    assert transform.feed(stream) + transform.finish() == stream
    assert transform.tokens == WHOLE
    wrapped = events({"response": PARTIAL}, {"response": FINAL})
    transform = envelope.stream("gemini-cli", "m", "m")
    assert transform.feed(wrapped) + transform.finish() == wrapped
    assert transform.tokens == WHOLE


@pytest.mark.case("logging:53")
@pytest.mark.parametrize("client", ["openai", "claude", "openai-response"])
@pytest.mark.parametrize("upstream", ["gemini", "gemini-cli", "antigravity"])
def test_the_decoders_take_a_renamed_count_for_the_same(upstream: str, client: str) -> None:
    """Whether partial counts reach them under their own name or as ``cpaUsageMetadata`` makes no difference."""
    renamed = {**PARTIAL, "cpaUsageMetadata": PARTIAL["usageMetadata"]}
    del renamed["usageMetadata"]
    seen = []
    for first in (PARTIAL, renamed):
        chunks = [first, FINAL] if upstream == "gemini" else [{"response": first}, {"response": FINAL}]
        hub = Hub()
        exchange = hub.exchange(client, upstream, {"messages": []}, "mine", Target("m", True))  # type: ignore[arg-type]
        stream: Any = hub.stream(exchange)
        out = stream.feed(events(*chunks)) + (b"" if stream.complete else stream.finish())
        assert (stream.tokens, stream.error) == (WHOLE, None)
        assert b"UsageMetadata" not in out
        seen.append(re.findall(rb'"(\w*tokens)":(\d+)', out))
    assert seen[0] == seen[1] != []
    if (client, upstream) == ("claude", "antigravity"):
        assert seen[0][0] == (b"input_tokens", b"5")  # known from the first chunk on
