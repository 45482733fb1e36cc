"""Answers for Gemini and Gemini CLI clients (translation.md 3.6)."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from translation.exchanges import ALIAS, Talk, events, in_halves, payloads, per_byte
from translation.gemini.gemini_talk import PNG, user
from upstream import chat as chat_voice
from upstream import claude as claude_voice
from upstream import codex as codex_voice
from upstream.content import THINKING, TWO_TOOLS, Reply

from cliproxy.translation import exactjson
from cliproxy.translation.events import (
    End,
    Finish,
    PartStart,
    PartStop,
    Start,
    TextDelta,
    ThinkingDelta,
    WholePart,
)
from cliproxy.translation.formats import Format
from cliproxy.translation.gemini.codec import GeminiCliCodec, GeminiCodec
from cliproxy.translation.model import Image

VOICES: dict[Format, Any] = {"openai": chat_voice, "claude": claude_voice, "codex": codex_voice}
CLIENTS: tuple[Format, ...] = ("gemini", "gemini-cli")
TRAFFIC = "PROVISIONED_THROUGHPUT"


def talk(upstream: Format, client: Format = "gemini") -> Talk:
    asked: dict[str, Any] = {"contents": [user("u")]}
    return Talk(client, upstream, {"request": asked} if client == "gemini-cli" else asked)


def chunks(upstream: Format, sent: Any, client: Format = "gemini", chop: Any = lambda data: [data]) -> list[Any]:
    found = talk(upstream, client).payloads(sent, chop)
    return [one["response"] for one in found] if client == "gemini-cli" else found


def parts(found: list[Any]) -> list[Any]:
    return [part for one in found for part in one["candidates"][0]["content"]["parts"]]


def delta(finish: Any = None, **fields: Any) -> dict[str, Any]:
    return {"id": "c1", "created": 1735689600, "choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


@pytest.mark.case("translation:61")
def test_claudes_stop_reason() -> None:
    message = {"id": "msg_1", "model": "up", "usage": {"input_tokens": 10, "cache_read_input_tokens": 5}}
    block = {"type": "content_block_delta", "index": 0}
    found = chunks("claude", [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {**block, "delta": {"type": "thinking_delta", "thinking": "T"}},
        {**block, "delta": {"type": "signature_delta", "signature": "S"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {**block, "index": 1, "delta": {"type": "text_delta", "text": "a"}},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    ])  # fmt: skip
    assert parts(found) == [{"thought": True, "text": "T"}, {"text": "a"}]
    assert [one["candidates"][0].get("finishReason") for one in found] == [None, None, "MAX_TOKENS"]
    assert found[-1]["usageMetadata"] == {
        "promptTokenCount": 15, "candidatesTokenCount": 7, "totalTokenCount": 22, "cachedContentTokenCount": 5,
        "trafficType": TRAFFIC,
    }  # fmt: skip


@pytest.mark.case("translation:69")
def test_null_is_no_finish_reason() -> None:
    found = chunks("openai", [delta(role="assistant"), delta(content="a"), delta("stop"), "[DONE]"])
    assert [one["candidates"][0].get("finishReason") for one in found] == [None, "STOP"]
    assert parts(found) == [{"text": "a"}]


@pytest.mark.case("translation:70")
@pytest.mark.parametrize("finish", ["tool_calls", "length", None])
def test_parallel_calls_of_chat(finish: Any) -> None:
    first = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"l": Par'}}
    second = {"index": 1, "id": "c2", "type": "function", "function": {"name": "g", "arguments": '{"x"'}}
    rest = [{"index": 1, "function": {"arguments": ":1}"}}, {"index": 0, "function": {"arguments": 'is, "n": 3}'}}]
    found = chunks("openai", [
        delta(tool_calls=[first]), delta(tool_calls=[second]), *(delta(tool_calls=[one]) for one in rest),
        delta(finish), "[DONE]",
    ])  # fmt: skip
    assert [one["candidates"][0]["content"]["parts"] for one in found] == [
        [{"functionCall": {"name": "f", "args": {"l": "Paris", "n": 3}, "id": "c1"}}],
        [{"functionCall": {"name": "g", "args": {"x": 1}, "id": "c2"}}],
        [],
    ]
    assert found[-1]["candidates"][0]["finishReason"] == "STOP"


@pytest.mark.case("translation:70")
def test_filtered_content_of_chat() -> None:
    found = chunks("openai", [delta(content="a"), delta("content_filter"), "[DONE]"])
    assert found[-1]["candidates"][0]["finishReason"] == "SAFETY"


@pytest.mark.case("translation:75")
def test_a_call_of_codex_comes_once() -> None:
    item = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": '{"a":1}'}
    text = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "t"}]}
    response = {
        "id": "resp_1",
        "model": "up",
        "created_at": 1,
        "output": [item, text],
        "usage": {"input_tokens": 1, "output_tokens": 2},
    }
    found = chunks("codex", [
        {"type": "response.created", "response": {"id": "resp_1", "model": "up", "created_at": 1}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "arguments": ""}},
        {"type": "response.function_call_arguments.delta", "output_index": 0, "item_id": "fc_1", "delta": '{"a":1}'},
        {"type": "response.function_call_arguments.done", "output_index": 0, "item_id": "fc_1", "arguments": '{"a":1}'},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.output_item.added", "output_index": 1, "item": {**text, "content": []}},
        {"type": "response.content_part.added", "output_index": 1, "content_index": 0, "part": {"type": "output_text", "text": ""}},
        {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "t"},
        {"type": "response.output_item.done", "output_index": 1, "item": text},
        {"type": "response.completed", "response": response},
    ])  # fmt: skip
    assert parts(found) == [{"functionCall": {"name": "f", "args": {"a": 1}, "id": "c1"}}, {"text": "t"}]
    assert found[-1]["usageMetadata"]["trafficType"] == TRAFFIC


@pytest.mark.parametrize("upstream", VOICES)
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("reply", [THINKING, TWO_TOOLS])
@pytest.mark.parametrize("chop", [lambda data: [data], per_byte, in_halves])
def test_whole_exchanges(upstream: Format, client: Format, reply: Reply, chop: Any) -> None:
    voice = VOICES[upstream]
    stream = b"".join(voice.events(reply, "up", {"stream_options": {"include_usage": True}}))
    found = chunks(upstream, stream, client, chop)
    said = parts(found)
    assert "".join(part["text"] for part in said if "text" in part and not part.get("thought")) == reply.joined
    if reply.thinking:
        assert "".join(part["text"] for part in said if part.get("thought")) == reply.thoughts
    calls = [part["functionCall"] for part in said if "functionCall" in part]
    assert calls == [{"name": one.name, "args": json.loads(one.arguments), "id": one.id} for one in reply.calls]
    assert all(one["modelVersion"] == ALIAS for one in found)
    assert len({one["responseId"] for one in found}) == 1
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", one["createTime"]) for one in found)
    assert [("finishReason" in one["candidates"][0], "usageMetadata" in one) for one in found] == [(False, False)] * (
        len(found) - 1
    ) + [(True, True)]
    assert all(("model" in one) == (upstream == "openai") for one in found)
    counted = found[-1]["usageMetadata"]
    assert counted["promptTokenCount"] == reply.usage.prompt
    assert counted["totalTokenCount"] == reply.usage.total
    assert counted.get("trafficType") == (None if upstream == "openai" else TRAFFIC)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("upstream", ["openai", "claude"])
def test_whole_bodies(upstream: Format, client: Format) -> None:
    body = talk(upstream, client).body(VOICES[upstream].body(TWO_TOOLS, "up", {}))
    body = body["response"] if client == "gemini-cli" else body
    candidate = body["candidates"][0]
    assert candidate["content"]["role"] == "model"
    assert candidate["content"]["parts"] == [
        {"text": "Looking."},
        *(
            {"functionCall": {"name": one.name, "args": json.loads(one.arguments), "id": one.id}}
            for one in TWO_TOOLS.calls
        ),
    ]
    assert (candidate["finishReason"], candidate["index"]) == ("STOP", 0)
    assert body["modelVersion"] == ALIAS
    assert body["usageMetadata"]["totalTokenCount"] == TWO_TOOLS.usage.total


def test_neighbours_are_one_part() -> None:
    content: list[Any] = [
        {"type": "thinking", "thinking": "a", "signature": "S"}, {"type": "thinking", "thinking": "b", "signature": "S"},
        {"type": "text", "text": "c"}, {"type": "text", "text": "d"}, {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": "e"}, {"type": "tool_use", "id": "i", "name": "f", "input": {}}, {"type": "text", "text": "g"},
    ]  # fmt: skip
    body = talk("claude").body({"type": "message", "id": "m", "content": content, "stop_reason": "end_turn"})
    assert body["candidates"][0]["content"]["parts"] == [
        {"thought": True, "text": "ab"}, {"text": "cde"}, {"functionCall": {"name": "f", "args": {}, "id": "i"}},
        {"text": "g"},
    ]  # fmt: skip


def test_images_of_chat() -> None:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    inline = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    assert parts(chunks("openai", [delta(images=[image]), delta("stop"), "[DONE]"])) == [inline]
    body = talk("openai").body({"choices": [{"message": {"images": [image]}, "finish_reason": "stop"}]})
    assert body["candidates"][0]["content"]["parts"] == [inline]


def test_a_stream_that_breaks_off_is_closed() -> None:
    found = chunks("openai", [delta(content="a")])
    assert [one["candidates"][0].get("finishReason") for one in found] == [None, "STOP"]
    assert found[-1]["usageMetadata"] == {"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0}


def test_reasoning_tokens_are_thoughts() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 4}}
    found = chunks("openai", [delta(content="a"), {**delta("stop"), "usage": usage}, "[DONE]"])
    assert found[-1]["usageMetadata"] == {
        "promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 4, "totalTokenCount": 19,
    }  # fmt: skip


def test_only_the_first_candidate() -> None:
    speaker = talk("openai")
    encoder = speaker.hub.encoder(speaker.exchange())
    said = [
        TextDelta(0, "a"),
        PartStop(0, "a"),
        TextDelta(1, "b", 1),
        ThinkingDelta(2, "c", 1),
        WholePart(3, Image("image/png", PNG), 1),
    ]
    stream = encoder.events(
        [Start("r", "m", 1), PartStart(0, "text"), *said, Finish("length", candidate=1), Finish("stop"), End()]
    )
    found = payloads(stream)
    assert parts(found) == [{"text": "a"}]
    assert found[-1]["candidates"][0]["finishReason"] == "STOP"


def test_only_the_first_choice() -> None:
    other = {"choices": [{"index": 1, "delta": {"content": "x"}}]}
    assert parts(chunks("openai", [delta(content="a"), other, delta("stop"), "[DONE]"])) == [{"text": "a"}]


def test_numbers_in_arguments_keep_their_spelling() -> None:
    one = {"index": 0, "id": "c1", "function": {"name": "f", "arguments": '{"a":1e3,"b":2.50}'}}
    stream = talk("openai").stream(events(delta(tool_calls=[one]), delta("tool_calls"), "[DONE]"))
    assert b'"args":{"a":1e3,"b":2.50}' in stream


def test_framing() -> None:
    for client in CLIENTS:
        stream = talk("openai", client).stream(events(delta(content="\u2028 \ud83d"), delta("stop"), "[DONE]"))
        lines = stream.split(b"\n\n")
        assert lines[-1] == b""
        assert len(lines) == 3
        assert all(
            line.startswith(b'data: {"response":' if client == "gemini-cli" else b'data: {"candidates"')
            for line in lines[:-1]
        )


@pytest.mark.parametrize("codec", [GeminiCodec(), GeminiCliCodec()])
def test_counts(codec: GeminiCodec) -> None:
    assert exactjson.loads(codec.count(7)) == {
        "totalTokens": 7, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 7}],
    }  # fmt: skip


def test_line_separators_are_escaped() -> None:
    """Google's SDK for JavaScript ends a line at U+2028 and then misses the rest of the event."""
    said = "a\u2028b\u2029c\u2027d"
    stream = Talk("gemini", "openai", {"contents": []}).stream([{"choices": [{"delta": {"content": said}}]}, "[DONE]"])
    assert not {"\u2028", "\u2029"} & set(stream.decode())
    assert payloads(stream)[0]["candidates"][0]["content"]["parts"] == [{"text": said}]
