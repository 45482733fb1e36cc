"""Answers of Messages upstreams for Chat clients (translation.md 3.2, 3.3, 5.5)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from translation.exchanges import ALIAS, Chop, Talk, in_halves, per_byte

from cliproxy.web.protocols import CHAT

TALK = Talk("openai", "claude", {"messages": [{"role": "user", "content": "U"}]})


def start(**usage: int) -> dict[str, Any]:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-up", "content": [], "usage": usage}
    return {"type": "message_start", "message": message}


def block(index: int, shape: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": shape},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def end(reason: str, **usage: int) -> list[dict[str, Any]]:
    delta = {"stop_reason": reason, "stop_sequence": None}
    return [{"type": "message_delta", "delta": delta, "usage": usage}, {"type": "message_stop"}]


def text(*pieces: str, index: int = 0) -> list[dict[str, Any]]:
    return block(index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": piece} for piece in pieces))


def thinking(*pieces: str, index: int = 0) -> list[dict[str, Any]]:
    deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
    signature = {"type": "signature_delta", "signature": "sig"}
    return block(index, {"type": "thinking", "thinking": "", "signature": ""}, *deltas, signature)


def use(*pieces: str, index: int = 0, name: str = "f") -> list[dict[str, Any]]:
    shape = {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}}
    return block(index, shape, *({"type": "input_json_delta", "partial_json": piece} for piece in pieces))


def deltas(chunks: list[Any]) -> list[Any]:
    return [chunk["choices"][0]["delta"] for chunk in chunks]


@pytest.mark.case("translation:56")
@pytest.mark.parametrize("chop", [lambda data: [data], per_byte, in_halves])
def test_stream(chop: Chop) -> None:
    upstream = [start(input_tokens=10), *text("Hi"), *use('{"a"', ":1}", index=1), *end("tool_use", output_tokens=5)]
    chunks = TALK.payloads(upstream, chop)
    found = deltas(chunks)
    assert found[:2] == [{"role": "assistant"}, {"content": "Hi"}]
    calls = [call for delta in found for call in delta.get("tool_calls", [])]
    assert {call["index"] for call in calls} == {0}
    assert calls[0]["id"] == "toolu_1"
    assert (calls[0]["type"], calls[0]["function"]["name"]) == ("function", "f")
    assert all("id" not in call and "name" not in call["function"] for call in calls[1:])
    assert "".join(call["function"]["arguments"] for call in calls) == '{"a":1}'
    assert found[-1] == {}
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assert chunks[-1]["usage"] == {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    assert all(chunk["model"] == ALIAS and chunk["id"] == "msg_1" for chunk in chunks)
    assert all(chunk["choices"][0]["finish_reason"] is None and "usage" not in chunk for chunk in chunks[:-1])


CACHED = {"input_tokens": 10, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 5}
COUNTED = {
    "prompt_tokens": 105, "completion_tokens": 7, "total_tokens": 112, "prompt_tokens_details": {"cached_tokens": 90},
}  # fmt: skip


@pytest.mark.case("translation:57")
def test_cached_tokens() -> None:
    chunks = TALK.payloads([start(**CACHED, output_tokens=1), *text("x"), *end("end_turn", output_tokens=7)])
    assert chunks[-1]["usage"] == COUNTED
    assert TALK.body(whole([], usage={**CACHED, "output_tokens": 7}))["usage"] == COUNTED


def whole(content: list[Any], reason: str = "end_turn", usage: Any = None) -> dict[str, Any]:
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-up", "content": content,
        "stop_reason": reason, "stop_sequence": None, "usage": usage or {"input_tokens": 1, "output_tokens": 2},
    }  # fmt: skip


@pytest.mark.case("translation:58")
def test_thinking() -> None:
    upstream = [start(), *thinking("a", "b"), *text("c", index=1), *end("end_turn")]
    assert deltas(TALK.payloads(upstream))[1:3] == [{"reasoning_content": "a"}, {"reasoning_content": "b"}]
    content = [{"type": "thinking", "thinking": "ab", "signature": "s"}, {"type": "text", "text": "c"}]
    for body in (TALK.body(whole(content)), TALK.collected(upstream)):
        assert body["choices"][0]["message"] == {"role": "assistant", "content": "c", "reasoning_content": "ab"}


@pytest.mark.case("translation:59")
def test_error_event() -> None:
    event = {"type": "error", "error": {"type": "overloaded_error", "message": "M"}}
    error = TALK.error([start(), *text("x"), event])
    assert (error.status, error.format) == (529, "claude")
    assert json.loads(CHAT.body_of(error)) == {"error": {"message": "M", "type": "overloaded_error"}}


@pytest.mark.parametrize(
    ("reason", "finish", "native"),
    [
        ("end_turn", "stop", "end_turn"),
        ("max_tokens", "length", "max_tokens"),
        ("model_context_window_exceeded", "length", "model_context_window_exceeded"),
        ("refusal", "content_filter", "refusal"),
        ("stop_sequence", "stop", "stop_sequence"),
        ("pause_turn", "stop", "pause_turn"),
        ("odd", "stop", "odd"),
    ],
)
def test_finish_reasons(reason: str, finish: str, native: str) -> None:
    upstream = [start(), *text("x"), *end(reason)]
    choice = TALK.payloads(upstream)[-1]["choices"][0]
    assert (choice["finish_reason"], choice["native_finish_reason"]) == (finish, native)
    assert TALK.body(whole([], reason))["choices"][0]["finish_reason"] == finish


def test_a_call_beats_the_length() -> None:
    chunks = TALK.payloads([start(), *use("{}"), *end("max_tokens")])
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_calls_without_arguments() -> None:
    upstream = [start(), *use(), *use("", index=1, name="g"), *end("tool_use")]
    calls = [call for delta in deltas(TALK.payloads(upstream)) for call in delta.get("tool_calls", [])]
    by_index = {number: [call for call in calls if call["index"] == number] for number in (0, 1)}
    for found in by_index.values():
        assert "".join(call["function"]["arguments"] for call in found) == "{}"


def test_whole_calls() -> None:
    content = [{"type": "tool_use", "id": "t", "name": "f", "input": {"b": 1, "a": 2}}]
    message = TALK.body(whole(content, "tool_use"))["choices"][0]["message"]
    function = {"name": "f", "arguments": '{"b":1,"a":2}'}
    assert message == {
        "role": "assistant", "content": None, "tool_calls": [{"id": "t", "type": "function", "function": function}],
    }  # fmt: skip


def test_numbers_in_whole_arguments_keep_their_spelling() -> None:
    raw = b'{"type":"message","content":[{"type":"tool_use","id":"t","name":"f","input":{"a":1e3,"b":0.10}}]}'
    call = TALK.body(raw)["choices"][0]["message"]["tool_calls"][0]
    assert call["function"]["arguments"] == '{"a":1e3,"b":0.10}'


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_cut_stream_is_closed(cut: int) -> None:
    upstream = [start(input_tokens=3), *thinking("a"), *text("b", index=1), *use("{}", index=2), *end("end_turn")][:cut]
    chunks = TALK.payloads(upstream)
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant"}
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks][-1] == "stop"
    assert chunks[-1]["usage"]["prompt_tokens"] == 3


def test_names_come_back_as_the_client_knows_them() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("a_b", "a.b")]
    talk = Talk("openai", "claude", {"messages": [{"role": "user", "content": "U"}], "tools": tools})
    sent = [tool["name"] for tool in talk.exchange().sent["tools"]]
    call = talk.body(whole([{"type": "tool_use", "id": "t", "name": sent[1], "input": {}}]))["choices"][0]["message"]
    assert call["tool_calls"][0]["function"]["name"] == "a.b"


def test_server_tools_and_redacted_thinking_have_no_place() -> None:
    upstream = [
        start(), *block(0, {"type": "redacted_thinking", "data": "x"}),
        *block(1, {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}), *text("t", index=2),
        {"type": "ping"}, {"type": "from_the_future"}, *end("end_turn"),
    ]  # fmt: skip
    assert deltas(TALK.payloads(upstream)) == [{"role": "assistant"}, {"content": "t"}, {}]
