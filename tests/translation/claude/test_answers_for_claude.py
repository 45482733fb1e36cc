"""Answers of Chat upstreams for Messages clients (translation.md 3.1, 3.4, 5.5)."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from translation.exchanges import ALIAS, Chop, Talk, events, in_halves, payloads, per_byte

from cliproxy.translation import sse
from cliproxy.translation.claude.passthrough import ClaudeStream

TALK = Talk("claude", "openai", {"max_tokens": 9, "messages": [{"role": "user", "content": "U"}]})
CHOPS = [lambda data: [data], per_byte, in_halves]


def chunk(finish: str | None = None, usage: Any = None, **delta: Any) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "up",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }  # fmt: skip
    return shape | ({"usage": usage} if usage is not None else {})


def late(usage: Any) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "model": "up", "choices": [], "usage": usage}


def call(index: int, arguments: str = "", call_id: str | None = None, name: str | None = None) -> dict[str, Any]:
    function = {"arguments": arguments} | ({"name": name} if name else {})
    fragment: dict[str, Any] = {"index": index, "function": function}
    if call_id:
        fragment |= {"id": call_id, "type": "function"}
    return fragment


def outline(found: list[Any]) -> list[Any]:
    """Events in short: starts by their kind, deltas by their text."""
    out: list[Any] = []
    for event in found:
        kind = event["type"]
        if kind == "content_block_start":
            out.append((event["index"], event["content_block"]["type"]))
        elif kind == "content_block_delta":
            delta = event["delta"]
            out.append((event["index"], next(delta[key] for key in ("text", "thinking", "partial_json") if key in delta)))
        else:
            out.append(kind.removeprefix("content_block_"))
    return out


@pytest.mark.case("translation:63")
@pytest.mark.parametrize("chop", CHOPS)
def test_order(chop: Chop) -> None:
    upstream = [
        chunk(role="assistant"), chunk(reasoning_content="r"), chunk(content="c"),
        chunk(tool_calls=[call(0, '{"a"', "k", "f")]), chunk(tool_calls=[call(0, ":")]), chunk(tool_calls=[call(0, "1}")]),
        chunk("tool_calls"), late({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}), "[DONE]",
    ]  # fmt: skip
    found = TALK.payloads(upstream, chop)
    assert outline(found) == [
        "message_start", (0, "thinking"), (0, "r"), "stop", (1, "text"), (1, "c"), "stop",
        (2, "tool_use"), (2, '{"a":1}'), "stop", "message_delta", "message_stop",
    ]  # fmt: skip
    assert found[0]["message"]["model"] == ALIAS
    assert found[0]["message"]["usage"] == {"input_tokens": 0, "output_tokens": 0}
    assert found[-2]["delta"] == {"stop_reason": "tool_use", "stop_sequence": None}
    assert found[-2]["usage"] == {"input_tokens": 7, "output_tokens": 3}


def test_framing() -> None:
    for event in sse.split(TALK.stream([chunk(content="c"), "[DONE]"])):
        assert sse.name_of(event) == json.loads(sse.data_of(event))["type"]


@pytest.mark.case("translation:64")
def test_a_call_comes_first() -> None:
    found = TALK.payloads([chunk(tool_calls=[call(0, "{}", "k", "f")]), chunk("tool_calls"), "[DONE]"])
    assert outline(found)[:3] == ["message_start", (0, "tool_use"), (0, "{}")]


@pytest.mark.case("translation:65")
def test_no_usage_at_all() -> None:
    found = TALK.payloads([chunk(content="c"), chunk("stop"), "[DONE]"])
    assert found[-2]["usage"] == {"input_tokens": 0, "output_tokens": 0}
    assert [event["type"] for event in found].count("message_stop") == 1


@pytest.mark.case("translation:66")
def test_cached_tokens() -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 40}}
    wanted = {"input_tokens": 60, "cache_read_input_tokens": 40, "output_tokens": 1}
    assert TALK.payloads([chunk(content="c"), chunk("stop", usage), "[DONE]"])[-2]["usage"] == wanted
    assert TALK.body({"choices": [{"message": {"content": "c"}, "finish_reason": "stop"}], "usage": usage})["usage"] == wanted


@pytest.mark.case("translation:67")
def test_single_quotes() -> None:
    upstream = [chunk(tool_calls=[call(0, "{'a': 'x\"y'}", "k", "f")]), chunk("tool_calls"), "[DONE]"]
    assert (0, '{"a": "x\\"y"}') in outline(TALK.payloads(upstream))
    assert TALK.collected(upstream)["content"][0]["input"] == {"a": 'x"y'}


def test_arguments_beyond_repair() -> None:
    upstream = [chunk(tool_calls=[call(0, "oops", "k", "f")]), chunk("tool_calls"), "[DONE]"]
    assert (0, "oops") in outline(TALK.payloads(upstream))
    assert TALK.collected(upstream)["content"][0]["input"] == {}


@pytest.mark.case("translation:68")
def test_a_cut_stream_is_closed() -> None:
    found = TALK.payloads([chunk(role="assistant"), chunk(content="c")])
    assert outline(found)[2:] == [(0, "c"), "stop", "message_delta", "message_stop"]
    assert found[-2]["delta"]["stop_reason"] == "end_turn"


def test_a_stream_without_any_event_stays_empty_until_nobody_is_left() -> None:
    transform = TALK.hub.stream(TALK.exchange())
    assert transform.feed(b": hello\n\n") + transform.finish() == b""
    assert [event["type"] for event in payloads(transform.closing())] == ["message_start", "message_delta", "message_stop"]


@pytest.mark.case("translation:62")
@pytest.mark.parametrize("chop", CHOPS)
def test_claude_to_claude_changes_only_the_model(chop: Chop) -> None:
    upstream = (
        b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","model": "claude-up","x":1.0}}\n\n'
        b'event: ping\ndata: {"type": "ping"}\n\n: a comment\n\nevent: new_kind\ndata: {"type":"new_kind","model":"claude-up"}\n\n'
        b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"type":"signature_delta"}}\n\n'
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )
    stream = ClaudeStream("mine", "claude-up")
    out = b"".join(stream.feed(piece) for piece in chop(upstream)) + stream.finish()
    assert out == upstream.replace(b'"model": "claude-up"', b'"model": "mine"')


def test_parallel_calls_in_pieces_between_each_other() -> None:
    upstream = [
        chunk(tool_calls=[call(0, '{"a":', "k0", "f"), call(1, '{"b"', "k1", "g")]),
        chunk(tool_calls=[call(1, ":2}")]), chunk(tool_calls=[call(0, "1}")]), chunk("tool_calls"), "[DONE]",
    ]  # fmt: skip
    body = TALK.collected(upstream)
    assert [(block["id"], block["name"], block["input"]) for block in body["content"]] == [
        ("k0", "f", {"a": 1}), ("k1", "g", {"b": 2}),
    ]  # fmt: skip
    assert TALK.collected(upstream)["stop_reason"] == "tool_use"


def test_a_finished_call_does_not_wait_for_the_next() -> None:
    transform = TALK.hub.stream(TALK.exchange())
    transform.feed(events(chunk(tool_calls=[call(0, "{}", "k0", "f")])))
    out = payloads(transform.feed(events(chunk(tool_calls=[call(1, "", "k1", "g")]))))
    assert outline(out) == [(0, "{}"), "stop", (1, "tool_use")]


@pytest.mark.parametrize("extra", [{"id": "", "name": None}, {"id": "k", "name": "f"}, {}])
def test_repeated_and_empty_names(extra: dict[str, Any]) -> None:
    """Services repeat ids and names, or send them empty, in later fragments."""
    second = {"index": 0, "id": extra.get("id"), "function": {"name": extra.get("name"), "arguments": "1}"}}
    upstream = [chunk(tool_calls=[call(0, '{"a":', "k", "f")]), chunk(tool_calls=[second]), chunk("tool_calls"), "[DONE]"]
    assert [(block["id"], block["name"], block["input"]) for block in TALK.collected(upstream)["content"]] == [("k", "f", {"a": 1})]


def test_a_name_that_comes_late_and_an_id_that_never_comes() -> None:
    late_name = {"index": 0, "function": {"name": "f", "arguments": "1}"}}
    upstream = [chunk(tool_calls=[call(0, '{"a":')]), chunk(tool_calls=[late_name]), chunk("tool_calls"), "[DONE]"]
    (block,) = TALK.collected(upstream)["content"]
    assert (block["name"], block["input"]) == ("f", {"a": 1})
    assert re.fullmatch(r"toolu_[A-Za-z0-9]{24}", block["id"])


def test_whole_calls_without_an_index() -> None:
    calls = [{"id": f"k{n}", "type": "function", "function": {"name": "f", "arguments": "{}"}} for n in range(2)]
    upstream = [chunk(tool_calls=[calls[0]]), chunk(tool_calls=[calls[1]]), chunk("tool_calls"), "[DONE]"]
    assert [block["id"] for block in TALK.collected(upstream)["content"]] == ["k0", "k1"]


def test_text_after_calls() -> None:
    upstream = [chunk(tool_calls=[call(0, "{}", "k", "f")]), chunk(content="t"), chunk("stop"), "[DONE]"]
    assert outline(TALK.payloads(upstream))[1:] == [
        (0, "tool_use"), (0, "{}"), "stop", (1, "text"), (1, "t"), "stop", "message_delta", "message_stop",
    ]  # fmt: skip


def test_usage_in_every_chunk_counts_once_and_last() -> None:
    usages = [{"prompt_tokens": 5, "completion_tokens": n} for n in (1, 2)]
    upstream = [chunk(None, usages[0], content="a"), chunk("stop", usages[1]), late({"completion_tokens": 99}), "[DONE]"]
    assert TALK.payloads(upstream)[-2]["usage"] == {"input_tokens": 5, "output_tokens": 2}


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None}, "x", 3])
def test_odd_usage(usage: Any) -> None:
    found = TALK.payloads([chunk(content="a", usage=usage), chunk("stop"), "[DONE]"])
    assert found[-2]["usage"] == {"input_tokens": 0, "output_tokens": 0}


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning": "r"}, {"reasoning_content": ["r"]}, {"reasoning_content": {"text": "r"}},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "r"}]}]},
    ],
)  # fmt: skip
def test_spellings_of_reasoning(delta: dict[str, Any]) -> None:
    assert outline(TALK.payloads([chunk(**delta), chunk("stop"), "[DONE]"]))[1:3] == [(0, "thinking"), (0, "r")]


def test_a_whole_answer() -> None:
    message = {
        "role": "assistant", "reasoning_content": "r", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        "tool_calls": [call(0, '{"x":1.0}', "k", "f")],
    }  # fmt: skip
    body = TALK.body({"id": "chatcmpl-1", "model": "up", "choices": [{"index": 0, "message": message, "finish_reason": "length"}]})
    assert body == {
        "id": "chatcmpl-1", "type": "message", "role": "assistant", "model": ALIAS,
        "content": [
            {"type": "thinking", "thinking": "r"}, {"type": "text", "text": "ab"},
            {"type": "tool_use", "id": "k", "name": "f", "input": {"x": 1.0}},
        ],
        "stop_reason": "tool_use", "stop_sequence": None, "usage": {"input_tokens": 0, "output_tokens": 0},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("finish", "reason"),
    [("stop", "end_turn"), ("length", "max_tokens"), ("content_filter", "end_turn"), ("odd", "end_turn")],
)
def test_stop_reasons(finish: str, reason: str) -> None:
    assert TALK.payloads([chunk(content="a"), chunk(finish), "[DONE]"])[-2]["delta"]["stop_reason"] == reason


def test_an_error_inside_the_stream() -> None:
    error = TALK.error([chunk(content="a"), {"error": {"message": "M", "type": "rate_limit_error", "code": "x"}}])
    assert (error.status, error.format) == (429, "openai")
    assert json.loads(error.text)["error"]["message"] == "M"


def test_answers_without_an_id_get_one_each() -> None:
    upstream = [{"choices": [{"delta": {"content": "a"}}]}, "[DONE]"]
    ids = {TALK.payloads(upstream)[0]["message"]["id"] for _ in range(3)}
    assert len(ids) == 3
    assert all(re.fullmatch(r"msg_[A-Za-z0-9]{24}", found) for found in ids)


def test_split_surrogates_and_odd_characters() -> None:
    raw = b'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\ndata: {"choices":[{"delta":{"content":"\\ude00\xe2\x80\xa8"}}]}\n\n'
    assert [text for _, text in outline(TALK.payloads(raw))[2:4]] == ["\ud83d", "\ude00\u2028"]
