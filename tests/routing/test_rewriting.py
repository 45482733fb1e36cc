"""Other models in, the client's names out (amp-routing.md 6.2, 8, 16.6)."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.routing.rewriting import Rewriter, filtered_betas, rewriter_for, with_model

JSON, SSE = "application/json; charset=utf-8", "text/event-stream"
THINKING, TEXT, TOOL = {"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}, {"type": "tool_use"}
REDACTED = {"type": "redacted_thinking", "data": "x"}


def make(kind: str = JSON, requested: str = "gpt-4", resolved: str = "claude-local") -> Rewriter:
    found = rewriter_for(requested, resolved, kind)
    assert found is not None
    return found


def whole(body: bytes, requested: str = "gpt-4") -> bytes:
    found = make(requested=requested)
    return found.feed(body) + found.finish()


def sent(body: bytes, model: str) -> bytes:
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    return with_model(body, parsed, model)


@pytest.mark.case("amp-routing:R1")
def test_a_request_for_another_model() -> None:
    assert sent(b'{"model":"gpt-4.1","messages":[]}', "claude-local") == b'{"model":"claude-local","messages":[]}'


@pytest.mark.case("amp-routing:R2")
@pytest.mark.parametrize("body", [b"", b'{"messages":[]}', b"\x00\xff\xfe\x01", b"not valid json", b"[1]"])
def test_a_request_without_a_model_stays(body: bytes) -> None:
    assert sent(body, "claude-local") == body


@pytest.mark.parametrize("old", ["123", "null", '{"a":1}', '["x"]', '"\\u0061"'])
def test_whatever_the_model_was(old: str) -> None:
    body = f'{{ "n": 1.50 ,"model" : {old}, "deep":{{"model":"inner"}} }}'.encode()
    changed = sent(body, 'q"uoted')
    assert json.loads(changed) == {"n": 1.5, "model": 'q"uoted', "deep": {"model": "inner"}}
    assert list(json.loads(changed)) == ["n", "model", "deep"]
    assert b"1.50" in changed


def test_only_the_name_of_a_request_is_written_anew() -> None:
    body = b'{ "temperature" : 0.70, "model" :  "a", "messages": [ ] }'
    assert sent(body, "b(high)") == b'{ "temperature" : 0.70, "model" :  "b(high)", "messages": [ ] }'


@pytest.mark.case("amp-routing:R3")
def test_an_answer_gets_the_clients_name() -> None:
    assert json.loads(whole(b'{"model":"claude-local","content":"hello"}')) == {"model": "gpt-4", "content": "hello"}


@pytest.mark.case("amp-routing:R4")
@pytest.mark.parametrize(("requested", "resolved"), [("m", "m"), ("", "m"), ("m", "")])
def test_nothing_to_restore(requested: str, resolved: str) -> None:
    assert rewriter_for(requested, resolved, JSON) is None


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        pytest.param({"modelVersion": "claude-local"}, {"modelVersion": "gpt-4"}, marks=pytest.mark.case("amp-routing:R5")),
        pytest.param(
            {"response": {"modelVersion": "x"}}, {"response": {"modelVersion": "gpt-4"}},
            marks=pytest.mark.case("amp-routing:R6"),
        ),
        pytest.param(
            {"message": {"model": "x"}}, {"message": {"model": "gpt-4"}}, marks=pytest.mark.case("amp-routing:R6")
        ),
        ({"response": {"model": None, "id": 1}}, {"response": {"model": "gpt-4", "id": 1}}),
        ({"model": 5, "modelVersion": ["x"]}, {"model": "gpt-4", "modelVersion": "gpt-4"}),
        ({"error": {"model": "x", "message": "no"}}, {"error": {"model": "x", "message": "no"}}),
        ({"choices": [{"model": "x"}]}, {"choices": [{"model": "x"}]}),
        ({"message": "text", "response": [{"model": "x"}]}, {"message": "text", "response": [{"model": "x"}]}),
    ],
)  # fmt: skip
def test_where_names_stand(body: Any, changed: Any) -> None:
    assert json.loads(whole(json.dumps(body).encode())) == changed
    stream = make(SSE)
    assert json.loads(stream.feed(f"data: {json.dumps(body)}\n\n".encode())[6:]) == changed


@pytest.mark.case("amp-routing:R7")
def test_each_chunk_of_a_stream_goes_on_at_once() -> None:
    stream = make(SSE)
    for number in range(2):
        out = stream.feed(b'data: {"model":"claude-local","n":%d}\n\n' % number)
        assert out == b'data: {"model":"gpt-4","n":%d}\n\n' % number
    assert stream.finish() == b""


@pytest.mark.case("amp-routing:R8")
def test_two_lines_in_one_chunk() -> None:
    out = make(SSE).feed(b'data: {"model":"a"}\n\ndata:{"model":"b"}\r\n\r\n')
    assert out == b'data: {"model":"gpt-4"}\n\ndata:{"model":"gpt-4"}\r\n\r\n'


@pytest.mark.case("amp-routing:R9")
def test_a_line_over_two_chunks() -> None:
    stream = make(SSE)
    assert stream.feed(b': a\ndata: {"mod') == b": a\n"
    assert stream.feed(b'el":"claude-local"}\n\n') == b'data: {"model":"gpt-4"}\n\n'
    assert stream.feed(b'data: {"model":"claude-local"}') == b""
    assert stream.finish() == b'data: {"model":"gpt-4"}'
    assert stream.finish() == b""


@pytest.mark.case("amp-routing:R10")
@pytest.mark.parametrize(
    "line",
    [b"data: [DONE]\n\n", b"event: model\n", b': "model":"x"\n\n', b'data: "model"\n', b"\n", b'data: {"model":"x"\n'],
)
def test_other_lines_pass(line: bytes) -> None:
    assert make(SSE).feed(line) == line


@pytest.mark.case("amp-routing:R11")
@pytest.mark.parametrize("kind", [JSON, SSE])
def test_no_body(kind: str) -> None:
    found = make(kind)
    assert found.feed(b"") + found.finish() == b""


@pytest.mark.case("amp-routing:R12")
def test_a_whole_answer_is_written_once() -> None:
    found = make()
    assert found.feed(b'{"model":"cl') == b""
    assert found.feed(b'aude-local"}') == b""
    assert found.finish() == b'{"model":"gpt-4"}'
    assert found.finish() == b""


def test_keepalive_newlines_are_not_held_back() -> None:
    found = make()
    assert found.feed(b"\n") == b"\n"
    assert found.feed(b'\n {"model":"x"}') == b"\n "
    assert found.finish() == b'{"model":"gpt-4"}'


def test_what_is_no_object_is_not_held_back() -> None:
    found = make()
    assert found.feed(b'[{"model":"x"},') == b'[{"model":"x"},'
    assert found.feed(b"{}]") == b"{}]"
    assert found.finish() == b""


@pytest.mark.parametrize("body", [b'{"model":"x"', b'{"model":"x"}{"model":"y"}', b"{\xff}", b"{}"])
def test_broken_bodies_pass(body: bytes) -> None:
    assert whole(body) == body


@pytest.mark.case("amp-routing:R14")
def test_other_fields_keep_their_bytes() -> None:
    body = b'{"temperature":0.70,"usage":{ "prompt_tokens" : 10 },"model":"x","big":123456789012345678901234567890}'
    assert whole(body) == body.replace(b'"x"', b'"gpt-4"')


@pytest.mark.parametrize(
    ("content", "left"),
    [
        pytest.param([THINKING, TEXT, TOOL], [TEXT, TOOL], marks=pytest.mark.case("amp-routing:R15")),
        pytest.param([THINKING, TEXT], [THINKING, TEXT], marks=pytest.mark.case("amp-routing:R16")),
        pytest.param([REDACTED, TOOL], [REDACTED, TOOL], marks=pytest.mark.case("amp-routing:R17")),
        ([TOOL, THINKING, REDACTED, THINKING, TEXT], [TOOL, REDACTED, TEXT]),
        ([THINKING, "tool_use"], [THINKING, "tool_use"]),
        ("thinking and tool_use", "thinking and tool_use"),
    ],
)
def test_thinking_beside_tool_calls(content: Any, left: Any) -> None:
    body = {"model": "gpt-4", "id": 1, "content": content}
    assert json.loads(whole(orjson.dumps(body))) == {**body, "content": left}
    event = make(SSE).feed(b"data: " + orjson.dumps(body) + b"\n\n")
    assert json.loads(event[6:]) == {**body, "content": left}


def test_events_of_a_claude_stream_keep_their_thinking() -> None:
    events = b"".join(
        b"data: " + orjson.dumps({"type": "content_block_start", "index": 0, "content_block": block}) + b"\n\n"
        for block in (THINKING, TOOL)
    )
    assert make(SSE).feed(events) == events


def test_answers_that_carry_the_name_keep_their_bytes() -> None:
    body = b'{"model" :\n "gpt-4", "message": {"model":"gpt-4"}}'
    assert whole(body) == body


@given(st.text(), st.text(), st.binary(max_size=6))
def test_any_name(requested: str, resolved: str, more: bytes) -> None:
    """Whatever a client calls a model is what it reads, at any cut of the stream."""
    found = rewriter_for(requested, resolved, SSE)
    if found is None:
        return
    event = b"data: " + orjson.dumps({"model": resolved, "content": [1]}) + b"\n\n"
    out = b"".join(found.feed(event[at : at + 3]) for at in range(0, len(event), 3)) + found.finish()
    assert orjson.loads(out[6:]) == {"model": requested, "content": [1]}
    assert whole(more, requested or "x") == more


@pytest.mark.parametrize(
    ("header", "left"),
    [
        ("a,context-1m-2025-08-07,b", "a,b"),
        ("context-1m-2025-08-07", ""),
        ("a, context-1m-2025-08-07 , b", "a,b"),
        (" a ,, b,", "a,b"),
        ("", ""),
    ],
)
def test_betas(header: str, left: str) -> None:
    assert filtered_betas(header) == left
