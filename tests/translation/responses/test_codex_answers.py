"""Answers of the Codex back end for clients of other formats (translation.md 3.7, 5.5)."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from translation.exchanges import ALIAS, Talk, events, in_halves, payloads, per_byte
from upstream import codex
from upstream.content import ENCRYPTED, ONE_TOOL, TEXT, THINKING, TWO_TOOLS, Reply

from cliproxy.errors import UpstreamStatus
from cliproxy.translation.builder import collect
from cliproxy.translation.events import (
    AnswerCall,
    AnswerPart,
    AnswerText,
    AnswerThinking,
    ArgumentsDelta,
    CitationSeen,
    Event,
    Finish,
    PartStart,
    Response,
    SignatureSeen,
    TextDelta,
    ThinkingDelta,
    Usage,
)
from cliproxy.translation.formats import CLAUDE, CODEX, GEMINI, OPENAI
from cliproxy.translation.hub import read_stream
from cliproxy.translation.model import Image, Opaque, Signature
from cliproxy.translation.responses.answer_decoder import ResponsesDecoder
from cliproxy.translation.responses.passthrough import CompletedCollector, ResponsesStream

SHORT = f"mcp__{'a' * 70}__do"
TOOLS = [{"type": "function", "function": {"name": SHORT}}]
ASKED = {"messages": [{"role": "user", "content": "u"}], "tools": TOOLS}
USAGE = {
    "input_tokens": 100, "input_tokens_details": {"cached_tokens": 30}, "output_tokens": 9,
    "output_tokens_details": {"reasoning_tokens": 4}, "total_tokens": 109,
}  # fmt: skip


def created(**more: Any) -> dict[str, Any]:
    return {
        "type": "response.created",
        "response": {"id": "resp_1", "model": "gpt-up", "created_at": 1700000000, **more},
    }


def completed(**more: Any) -> dict[str, Any]:
    return {"type": "response.completed", "response": {"id": "resp_1", "status": "completed", "usage": USAGE, **more}}


def event(kind: str, index: int | None = None, **fields: Any) -> dict[str, Any]:
    found = {"type": f"response.{kind}", **fields}
    return found if index is None else {**found, "output_index": index}


def summary(text: str, index: int | None = None) -> list[dict[str, Any]]:
    return [
        event("reasoning_summary_part.added", index, part={"type": "summary_text", "text": ""}),
        event("reasoning_summary_text.delta", index, delta=text),
        event("reasoning_summary_text.done", index, text=text),
        event("reasoning_summary_part.done", index, part={"type": "summary_text", "text": text}),
    ]


def text(*pieces: str, index: int | None = None) -> list[dict[str, Any]]:
    whole = "".join(pieces)
    return [
        event("content_part.added", index, part={"type": "output_text", "text": ""}),
        *(event("output_text.delta", index, delta=piece) for piece in pieces),
        event("output_text.done", index, text=whole),
        event("content_part.done", index, part={"type": "output_text", "text": whole}),
    ]


def item(call_id: str, name: str = "f", arguments: str = "", **more: Any) -> dict[str, Any]:
    return {
        "type": "function_call",
        "id": f"fc_{call_id}",
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
        **more,
    }


def added(found: dict[str, Any], index: int | None = None) -> dict[str, Any]:
    return event("output_item.added", index, item=found)


def done(found: dict[str, Any], index: int | None = None) -> dict[str, Any]:
    return event("output_item.done", index, item=found)


def arguments(*pieces: str, index: int | None = None) -> list[dict[str, Any]]:
    return [event("function_call_arguments.delta", index, delta=piece) for piece in pieces]


def decoder() -> ResponsesDecoder:
    exchange = Talk(OPENAI, CODEX, ASKED).exchange()
    return ResponsesDecoder(exchange)


def read(*stream: Any) -> list[Event]:
    reader = decoder()
    read_stream(reader, events(*stream))
    assert reader.error is None
    return reader.builder.take()


def response(*stream: Any) -> Response:
    return collect(read(*stream))


def parts(*stream: Any) -> tuple[AnswerPart, ...]:
    return response(*stream).parts


# cases

FULL = [
    created(), *summary("think"), *text("Hel", "lo"),
    added(item("c1")), *arguments('{"a"', ":1}"), done(item("c1", arguments='{"a":1}')), completed(),
]  # fmt: skip


@pytest.mark.case("translation:72")
@pytest.mark.parametrize("chop", [lambda data: [data], per_byte, in_halves], ids=["whole", "bytes", "sevens"])
def test_claude_stream(chop: Callable[[bytes], Iterable[bytes]]) -> None:
    stream = Talk(CLAUDE, CODEX).payloads(FULL, chop)
    starts = [found["content_block"]["type"] for found in stream if found["type"] == "content_block_start"]
    assert starts == ["thinking", "text", "tool_use"]
    (begun,) = [n for n, found in enumerate(stream) if found.get("content_block", {}).get("type") == "tool_use"]
    deltas = [
        found["delta"].get("partial_json") for found in stream[begun + 1 :] if found["type"] == "content_block_delta"
    ]
    assert deltas[0] == ""
    assert "".join(deltas) == '{"a":1}'
    ending = stream[-2]
    assert ending["delta"]["stop_reason"] == "tool_use"
    assert ending["usage"] == {"input_tokens": 70, "cache_read_input_tokens": 30, "output_tokens": 9}


@pytest.mark.case("translation:73")
def test_claude_without_deltas() -> None:
    stream = Talk(CLAUDE, CODEX).payloads(
        [created(), added(item("c1")), done(item("c1", arguments='{"a":1}')), completed()]
    )
    deltas = [found["delta"] for found in stream if found["type"] == "content_block_delta"]
    assert [delta["partial_json"] for delta in deltas if delta["partial_json"]] == ['{"a":1}']


TWO_SUMMARIES = [
    created(), *summary("a"), *summary("b"), added(item("c1", "mcp__do")), done(item("c1", "mcp__do", "{}")), completed(),
]  # fmt: skip


@pytest.mark.case("translation:74")
def test_chat_stream() -> None:
    stream = Talk(OPENAI, CODEX, ASKED).payloads(TWO_SUMMARIES)
    deltas = [chunk["choices"][0]["delta"] for chunk in stream]
    assert [delta["reasoning_content"] for delta in deltas if "reasoning_content" in delta] == [
        "a",
        "\n\n",
        "b",
        "\n\n",
    ]
    calls = [call for delta in deltas for call in delta.get("tool_calls", [])]
    assert (calls[0]["index"], calls[0]["id"], calls[0]["function"]["name"]) == (0, "c1", SHORT)
    assert stream[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assert {chunk["model"] for chunk in stream} == {ALIAS}


@pytest.mark.case("translation:74")
def test_chat_body() -> None:
    (choice,) = Talk(OPENAI, CODEX, ASKED).collected(TWO_SUMMARIES)["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["reasoning_content"] == "a\n\nb"
    assert [call["id"] for call in choice["message"]["tool_calls"]] == ["c1"]


@pytest.mark.case("translation:75")
def test_gemini_gets_a_call_once() -> None:
    stream = Talk(GEMINI, CODEX).payloads(
        [
            created(),
            added(item("c1")),
            *arguments('{"a":1}'),
            done(item("c1", arguments='{"a":1}')),
            *text("t"),
            completed(),
        ]
    )
    found = [part for chunk in stream for part in chunk["candidates"][0]["content"]["parts"]]
    assert [part["functionCall"]["args"] for part in found if "functionCall" in part] == [{"a": 1}]
    assert [part["text"] for part in found if "text" in part] == ["t"]


@pytest.mark.case("translation:76")
@pytest.mark.parametrize(("own", "wanted"), [("mine", "mine"), ("", "")])
def test_responses_get_their_own_instructions(own: str, wanted: str) -> None:
    stream = events(created(), *text("t"), completed(instructions="server text", model="gpt-up"))
    transform = ResponsesStream(ALIAS, "m", own)
    out = transform.feed(stream) + transform.finish()
    assert payloads(out)[-1]["response"] == {
        "id": "resp_1", "status": "completed", "usage": USAGE, "instructions": wanted, "model": ALIAS,
    }  # fmt: skip
    first = stream.index(b"event: response.content_part.added")
    last = stream.index(b"event: response.completed")
    assert stream[first:last] in out


@pytest.mark.case("translation:77")
def test_a_stream_that_just_ends_is_not_complete() -> None:
    cut = [created(), *text("t")]
    reader = decoder()
    read_stream(reader, events(*cut))
    assert (reader.completed, reader.error) == (False, None)
    with pytest.raises(UpstreamStatus, match=r"stream closed before response\.completed") as caught:
        CompletedCollector(ResponsesStream(ALIAS, "m")).collect(events(*cut))
    assert caught.value.status == 408


# what the fake back end says, in every cut


def whole(data: bytes) -> Iterator[bytes]:
    yield data


def randomly(data: bytes) -> Iterator[bytes]:
    dice, start = random.Random(7), 0
    while start < len(data):
        end = start + dice.randint(1, 40)
        yield data[start:end]
        start = end


REPLIES = {"text": TEXT, "thinking": THINKING, "one": ONE_TOOL, "two": TWO_TOOLS}


@pytest.mark.parametrize("chop", [whole, per_byte, randomly])
@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
def test_replies(reply: Reply, chop: Callable[[bytes], Iterator[bytes]]) -> None:
    spoken = b"".join(codex.events(reply, "gpt-up", {}))
    out = Talk(OPENAI, CODEX, ASKED).payloads(spoken, chop)
    deltas = [chunk["choices"][0]["delta"] for chunk in out]
    assert "".join(delta.get("content", "") for delta in deltas) == reply.joined
    assert "".join(delta.get("reasoning_content", "") for delta in deltas).rstrip("\n") == reply.thoughts
    calls = [call for delta in deltas for call in delta.get("tool_calls", [])]
    for number, wanted in enumerate(reply.calls):
        made = [call for call in calls if call["index"] == number]
        assert "".join(call["function"].get("arguments", "") for call in made) == wanted.arguments
        assert (made[0]["id"], made[0]["function"]["name"]) == (wanted.id, wanted.name)


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
def test_stream_and_body_agree(reply: Reply) -> None:
    reader, whole_reader = decoder(), decoder()
    read_stream(reader, b"".join(codex.events(reply, "gpt-up", {})))
    whole_reader.body(json.dumps(codex.body(reply, "gpt-up", {})).encode())
    assert collect(reader.builder.take()) == collect(whole_reader.builder.take())
    assert reader.tokens == whole_reader.tokens
    assert reader.tokens.total == 29
    assert reader.completed
    assert whole_reader.completed
    assert reader.upstream_model == whole_reader.upstream_model == "gpt-up"


def test_the_last_summary_is_signed() -> None:
    found = parts(*codex_stream(THINKING))
    assert found[0] == AnswerThinking(THINKING.thoughts, Signature(ENCRYPTED, "gpt"), summary=True)


def codex_stream(reply: Reply) -> list[bytes]:
    return list(codex.events(reply, "gpt-up", {}))


# each piece once


def test_pieces_only_in_done_events() -> None:
    assert parts(
        created(),
        event("reasoning_summary_text.done", 0, text="a", summary_index=0),
        event("reasoning_summary_part.done", 0, part={"text": "a"}, summary_index=0),
        event("output_text.done", 1, text="b", content_index=0),
        event("content_part.done", 1, part={"type": "output_text", "text": "b"}, content_index=0),
        added(item("c1"), 2), event("function_call_arguments.done", 2, arguments="{}"), done(item("c1", arguments="{}"), 2),
        completed(),
    ) == (AnswerThinking("a", summary=True), AnswerText("b"), AnswerCall("c1", "f", "{}"))  # fmt: skip


REASONING = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}], "encrypted_content": ENCRYPTED}
MESSAGE = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "b"}]}
ALL = (AnswerThinking("a", Signature(ENCRYPTED, "gpt"), summary=True), AnswerText("b"), AnswerCall("c1", "f", "{}"))


def test_pieces_only_in_finished_items() -> None:
    call = item("c1", arguments="{}")
    assert parts(created(), done(REASONING, 0), done(MESSAGE, 1), done(call, 2), completed()) == ALL
    assert parts(created(), done(REASONING), done(MESSAGE), done(call), completed()) == ALL


def test_pieces_only_in_the_finished_answer() -> None:
    output = [REASONING, MESSAGE, item("c1", arguments="{}")]
    assert parts(created(), completed(output=output)) == ALL
    assert parts(completed(output=output)) == ALL


def test_pieces_everywhere_come_once() -> None:
    output = [REASONING, MESSAGE, item("c1", arguments="{}")]
    stream = [
        created(),
        added({"type": "reasoning", "summary": []}, 0), *summary("a", 0), done(REASONING, 0), done(REASONING, 0),
        added({"type": "message", "content": []}, 1), *text("b", index=1), done(MESSAGE, 1),
        added(item("c1"), 2), *arguments("{", "}", index=2), event("function_call_arguments.done", 2, arguments="{}"),
        done(output[2], 2), done(output[2], 2), event("content_part.done", 1, part={"type": "output_text", "text": "b"}),
        completed(output=output), completed(output=output), *text("late"),
    ]  # fmt: skip
    assert parts(*stream) == ALL


def test_a_call_that_only_the_end_knows() -> None:
    output = [MESSAGE, item("c1", arguments="{}")]
    assert parts(created(), *text("b", index=0), done(MESSAGE, 0), completed(output=output)) == ALL[1:]


def test_a_name_that_comes_late() -> None:
    nameless = item("c1", "")
    stream = [created(), added(nameless, 0), *arguments("{", "}", index=0), done(item("c1", "f"), 0), completed()]
    assert parts(*stream) == (AnswerCall("c1", "f", "{}"),)


def test_deltas_without_any_announcement() -> None:
    assert parts(
        created(), event("reasoning_summary_text.delta", delta="a"), event("output_text.delta", delta="b"),
        event("output_text.delta", delta="c"), completed(),
    ) == (AnswerThinking("a", summary=True), AnswerText("bc"))  # fmt: skip


def test_interleaved_items_come_one_after_the_other() -> None:
    found = read(
        created(),
        added(item("c1"), 0), added(item("c2", "g"), 1),
        *arguments("[1", index=0), *arguments("[2", index=1), *arguments("1]", index=0), *arguments("2]", index=1),
        done(item("c2", "g", "[22]"), 1), done(item("c1", arguments="[11]"), 0),
        event("output_text.delta", 2, delta="t"), completed(),
    )  # fmt: skip
    assert collect(found).parts == (AnswerCall("c1", "f", "[11]"), AnswerCall("c2", "g", "[22]"), AnswerText("t"))
    assert [(found.n, found.text) for found in found if isinstance(found, ArgumentsDelta)] == [
        (0, "[1"), (0, "1]"), (1, "[2"), (1, "2]"),
    ]  # fmt: skip


def test_an_upstream_that_numbers_all_items_alike() -> None:
    assert parts(
        created(), *text("a", index=0), done(item("c1", arguments="1"), 0), done(item("c2", arguments="2"), 0),
        added(item("c3"), 0), *arguments("3", index=0), done(item("c3", arguments="3"), 0), *text("b", index=0), completed(),
    ) == (
        AnswerText("a"), AnswerCall("c1", "f", "1"), AnswerCall("c2", "f", "2"), AnswerCall("c3", "f", "3"),
        AnswerText("b"),
    )  # fmt: skip


def test_items_known_by_id() -> None:
    assert parts(
        created(),
        added(item("c1")), added(item("c2")), {**event("function_call_arguments.delta", delta="1"), "item_id": "fc_c1"},
        {**event("function_call_arguments.delta", delta="2"), "item_id": "fc_c2"},
        done(item("c1", arguments="1")), done(item("c2", arguments="2")), completed(),
    ) == (AnswerCall("c1", "f", "1"), AnswerCall("c2", "f", "2"))  # fmt: skip


def test_a_cut_stream_says_what_it_kept_back() -> None:
    found = read(created(), added(item("c1"), 0), *arguments("1", index=0), *text("t", index=1))
    assert collect(found).parts == (AnswerCall("c1", "f", "1"), AnswerText("t"))
    assert collect(found).finish.reason == "tool_calls"


# kinds of content


def test_two_texts_of_one_message() -> None:
    first, second = text("a", index=0), text("b", index=0)
    numbered = [{**found, "content_index": 0} for found in first] + [{**found, "content_index": 1} for found in second]
    found = read(created(), *numbered, completed())
    assert [(found.n, found.text) for found in found if isinstance(found, TextDelta)] == [(0, "a"), (1, "b")]


def test_refusals_are_text() -> None:
    assert parts(
        created(), event("content_part.added", 0, part={"type": "refusal", "refusal": ""}),
        event("refusal.delta", 0, delta="no"), event("refusal.done", 0, refusal="no"),
        event("content_part.done", 0, part={"type": "refusal", "refusal": "no"}), completed(),
    ) == (AnswerText("no"),)  # fmt: skip
    assert parts(completed(output=[{"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}])) == (
        AnswerText("no"),
    )


def test_raw_reasoning() -> None:
    stream = [
        created(), event("content_part.added", 0, part={"type": "reasoning_text", "text": ""}),
        event("reasoning_text.delta", 0, delta="a", content_index=0),
        event("reasoning_text.delta", 0, delta="b", content_index=0),
        event("reasoning_text.done", 0, text="ab", content_index=0),
        event("content_part.done", 0, part={"type": "reasoning_text", "text": "ab"}), *text("t", index=1), completed(),
    ]  # fmt: skip
    assert parts(*stream) == (AnswerThinking("ab"), AnswerText("t"))
    output = [{"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "ab"}]}]
    assert parts(completed(output=output)) == (AnswerThinking("ab"),)


def test_hidden_reasoning_leaves_nothing() -> None:
    hidden = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": ENCRYPTED}
    found = read(created(), added(hidden, 0), done(hidden, 0), *text("t", index=1), completed())
    assert not [event for event in found if isinstance(event, SignatureSeen | ThinkingDelta)]
    assert collect(found).parts == (AnswerText("t"),)


def test_annotations() -> None:
    source = {"type": "url_citation", "url": "https://x", "title": "X", "start_index": 0, "end_index": 1}
    cited = {"type": "output_text", "text": "b", "annotations": [source]}
    streamed = read(
        created(), event("output_text.delta", 0, delta="b", content_index=0),
        event("output_text.annotation.added", 0, annotation=source, content_index=0),
        event("content_part.done", 0, part=cited, content_index=0), completed(),
    )  # fmt: skip
    assert [found.raw for found in streamed if isinstance(found, CitationSeen)] == [source]
    late = read(created(), *text("b", index=0)[:-1], event("content_part.done", 0, part=cited), completed())
    assert [found.raw for found in late if isinstance(found, CitationSeen)] == [source]
    whole_message = {"type": "message", "content": [cited]}
    assert parts(completed(output=[whole_message])) == (AnswerText("b", (source,)),)


def test_pictures_and_server_tools() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}}
    picture = {"type": "image_generation_call", "id": "ig_1", "result": "AAAA", "output_format": "webp"}
    assert parts(
        created(), added(search, 0), event("web_search_call.searching", 0, item_id="ws_1"), done(search, 0),
        added({**picture, "result": None}, 1), done(picture, 1), *text("t", index=2), completed(),
    ) == (Opaque(search, CODEX), Image("image/webp", "AAAA"), AnswerText("t"))  # fmt: skip


def test_custom_calls() -> None:
    call = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c1", "name": "patch", "input": ""}
    finished = {**call, "input": 'say "hi"'}
    assert parts(
        created(), added(call, 0), event("custom_tool_call_input.delta", 0, delta='say "hi"'),
        event("custom_tool_call_input.done", 0, input='say "hi"'), done(finished, 0), completed(output=[finished]),
    ) == (AnswerCall("c1", "patch", '{"input":"say \\"hi\\""}'),)  # fmt: skip


# ends


@pytest.mark.parametrize(
    ("kind", "fields", "finish"),
    [
        ("completed", {}, Finish("stop")),
        ("completed", {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
         Finish("content_filter", "content_filter")),
        ("incomplete", {"incomplete_details": {"reason": "max_output_tokens"}}, Finish("length", "max_output_tokens")),
        ("incomplete", {"incomplete_details": None}, Finish("length")),
        ("completed", {"stop_reason": "max_tokens"}, Finish("length", "max_tokens")),
        ("completed", {"stop_reason": "stop_sequence", "stop_sequence": "END"},
         Finish("stop_sequence", "stop_sequence", "END")),
        ("completed", {"stop_sequence": "END"}, Finish("stop_sequence", "", "END")),
        ("completed", {"stop_reason": "end_turn"}, Finish("stop", "end_turn")),
    ],
)  # fmt: skip
def test_finish(kind: str, fields: dict[str, Any], finish: Finish) -> None:
    ending = {"type": f"response.{kind}", "response": {"id": "resp_1", **fields}}
    assert response(created(), *text("t"), ending).finish == finish


def test_claude_sees_the_stop_sequence() -> None:
    ending = completed(stop_reason="stop_sequence", stop_sequence="END")
    assert Talk(CLAUDE, CODEX).payloads([created(), *text("t"), ending])[-2]["delta"] == {
        "stop_reason": "stop_sequence", "stop_sequence": "END",
    }  # fmt: skip


def test_start_and_usage() -> None:
    found = response(created(), *text("t"), completed())
    assert (found.start.id, found.start.model, found.start.created) == ("resp_1", "gpt-up", 1700000000)
    assert found.usage == Usage(input=100, output=9, cache_read=30, reasoning=4, total=109)


def test_nothing_follows_the_end() -> None:
    reader = decoder()
    for found in (created(), completed()):
        reader.feed(json.dumps(found).encode())
    before = reader.builder.take()
    reader.feed(json.dumps(text("late")[1]).encode())
    reader.feed(b"[DONE]")
    reader.finish()
    assert (len(before), reader.builder.take()) == (3, [])


def test_done_marker_ends_a_stream() -> None:
    assert parts(created(), *text("t"), "[DONE]", *text("late")) == (AnswerText("t"),)


@pytest.mark.parametrize(
    ("failure", "status", "said"),
    [
        (
            {"type": "response.failed", "response": {"error": {"code": "rate_limit_exceeded", "message": "slow"}}},
            429,
            "slow",
        ),
        ({"type": "error", "code": "context_length_exceeded", "message": "long", "param": None}, 400, "long"),
        ({"type": "error", "error": {"type": "server_is_overloaded", "message": "busy"}}, 503, "busy"),
        ({"error": {"message": "odd"}}, 502, "odd"),
        ({"type": "error", "message": "half \ud800"}, 502, "half \ud800"),
        ({"type": "response.failed", "response": None}, 502, None),
    ],
)
def test_failures(failure: dict[str, Any], status: int, said: str | None) -> None:
    reader = decoder()
    for found in (created(), failure, *text("late")):
        reader.feed(json.dumps(found).encode())
    assert reader.error is not None
    assert reader.error.status == status
    if said is not None:
        assert json.loads(reader.error.text)["error"]["message"] == said
    assert not reader.builder.ended
    assert not [found for found in reader.builder.take() if isinstance(found, TextDelta)]


def test_failures_as_bodies() -> None:
    for failed in (
        {"error": {"code": "server_is_overloaded", "message": "busy"}},
        {"status": "failed", "error": {"code": "server_is_overloaded", "message": "busy"}, "output": []},
        {"type": "response.failed", "response": {"error": {"code": "server_is_overloaded", "message": "busy"}}},
    ):
        reader = decoder()
        reader.body(json.dumps(failed).encode())
        assert reader.error is not None
        assert reader.error.status == 503


def test_the_completed_event_as_body() -> None:
    reader = decoder()
    reader.body(json.dumps(completed(output=[MESSAGE])).encode())
    assert collect(reader.builder.take()).parts == (AnswerText("b"),)
    assert reader.tokens.total == 109


def test_half_characters_survive() -> None:
    half = b'{"type":"response.output_text.delta","delta":"a\\ud83d"}'
    reader = decoder()
    reader.feed(half)
    reader.finish()
    assert collect(reader.builder.take()).parts == (AnswerText("a\ud83d"),)


def test_a_megabyte_of_arguments() -> None:
    long = json.dumps({"a": "x" * 1_000_000})
    pieces = arguments(*(long[start : start + 1000] for start in range(0, len(long), 1000)), index=0)
    assert parts(created(), added(item("c1"), 0), *pieces, done(item("c1", arguments=long), 0), completed()) == (
        AnswerCall("c1", "f", long),
    )


# properties

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
KINDS = st.sampled_from(sorted({found["type"] for found in [*FULL, *TWO_SUMMARIES]} | {
    "response.refusal.delta", "response.reasoning_text.delta", "response.output_text.annotation.added",
    "response.custom_tool_call_input.done", "response.incomplete", "response.failed", "error",
}))  # fmt: skip
ITEMS = st.fixed_dictionaries(
    {"type": st.sampled_from(["message", "reasoning", "function_call", "custom_tool_call", "web_search_call"])},
    optional={
        "id": st.sampled_from(["a", "b"]), "call_id": st.sampled_from(["c1", "c2"]), "name": st.sampled_from(["f", ""]),
        "arguments": st.sampled_from(["{}", ""]), "summary": JSON, "content": JSON, "encrypted_content": JSON,
    },
)  # fmt: skip
EVENTS = st.fixed_dictionaries(
    {"type": KINDS},
    optional={
        "output_index": st.integers(0, 2) | JSON, "item_id": st.sampled_from(["a", "b"]), "item": ITEMS | JSON,
        "delta": st.text(max_size=3) | JSON, "text": JSON, "part": JSON, "content_index": st.integers(0, 1),
        "summary_index": st.integers(0, 1), "arguments": JSON, "annotation": JSON, "response": JSON,
    },
)  # fmt: skip


def well_formed(found: list[Event]) -> None:
    """What encoders rely on (1.8)."""
    kinds = [type(event).__name__ for event in found]
    assert kinds[0] == "Start"
    assert kinds[-2:] == ["Finish", "End"]
    assert [kinds.count(name) for name in ("Start", "Finish", "End")] == [1, 1, 1]
    current, pieces, following = None, "", 0
    for event, kind in zip(found, kinds, strict=True):
        if isinstance(event, PartStart) or kind == "WholePart":
            assert current is None
            assert event.n == following  # type: ignore[union-attr]
            following += 1
            current, pieces = (event, "") if isinstance(event, PartStart) else (None, "")
        elif kind == "PartStop":
            assert current is not None
            assert (event.n, event.text) == (current.n, pieces)  # type: ignore[union-attr]
            current = None
        elif isinstance(event, TextDelta | ThinkingDelta | ArgumentsDelta):
            wanted = {"text": TextDelta, "thinking": ThinkingDelta, "tool": ArgumentsDelta}
            assert current is not None
            assert event.n == current.n
            assert type(event) is wanted[current.kind]
            assert event.text
            pieces += event.text
    assert current is None


@given(st.lists(EVENTS, max_size=20))
@settings(max_examples=300, deadline=None)
def test_any_order_of_events_is_well_formed(stream: list[dict[str, Any]]) -> None:
    reader = decoder()
    read_stream(reader, events(*stream))
    if reader.error is None:
        well_formed(reader.builder.take())


@given(st.permutations(FULL))
@settings(max_examples=50, deadline=None)
def test_shuffled_streams_are_well_formed(stream: list[dict[str, Any]]) -> None:
    well_formed(read(*stream))


@given(JSON)
@settings(deadline=None)
def test_any_json_is_read(value: Any) -> None:
    for data in (value, {"type": "response.completed", "response": value}, {"output": value}, {"output": [value]}):
        for reader, method in ((decoder(), "feed"), (decoder(), "body")):
            getattr(reader, method)(json.dumps(data).encode())
            reader.finish()


@given(st.binary(max_size=20))
@settings(deadline=None)
def test_any_bytes_are_read(data: bytes) -> None:
    for method in ("feed", "body"):
        reader = decoder()
        getattr(reader, method)(data)
        reader.finish()
        assert reader.error is not None or reader.builder.ended
