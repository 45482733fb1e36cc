"""Answers for Responses clients (translation.md 3.8, 3.9, 4.7; client-api.md 15)."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import Response as SdkResponse
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter
from translation.exchanges import ALIAS, Talk, in_halves, payloads, per_byte
from upstream import chat, claude, gemini
from upstream.content import ONE_TOOL, SIGNATURE, TEXT, THINKING, TWO_TOOLS, Reply

from cliproxy.translation import exactjson
from cliproxy.translation.builder import AnswerBuilder, collect
from cliproxy.translation.events import Response, Usage
from cliproxy.translation.formats import CLAUDE, GEMINI, OPENAI, RESPONSES, Format
from cliproxy.translation.function_names import short_call_id
from cliproxy.translation.model import Code, Image, Signature
from cliproxy.translation.responses.codec import ResponsesCodec
from cliproxy.translation.signatures import SKIP_SIGNATURE

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
TOOLS = [
    {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": False},
    {"type": "custom", "name": "patch"},
    {"type": "namespace", "name": "mcp__a", "description": "d", "tools": [
        {"type": "function", "name": "get", "parameters": {"type": "object", "properties": {}}, "strict": False},
        {"type": "custom", "name": "run"}]},
]  # fmt: skip
ASKED: dict[str, Any] = {"model": "asked", "input": "hi", "instructions": "mine", "tools": TOOLS}


class Answer:
    """An answer built by hand, as both kinds of reply; ``build`` drives the hub's builder."""

    def __init__(
        self, build: Callable[[AnswerBuilder], Any], *, upstream: Format = OPENAI, usage: Usage | None = None,
        reason: Any = "stop", asked: Mapping[str, Any] = ASKED,
    ) -> None:  # fmt: skip
        builder = AnswerBuilder()
        builder.start("r1", "up", 1700000000)
        build(builder)
        builder.finish(reason)
        builder.end(usage)
        self._events = builder.take()
        self._exchange = Talk(RESPONSES, upstream, asked).exchange()

    @property
    def raw(self) -> bytes:
        encoder = ResponsesCodec().encoder(self._exchange)
        return b"".join(encoder.events([event]) for event in self._events)

    @property
    def stream(self) -> list[dict[str, Any]]:
        found = payloads(self.raw)
        well_formed(found)
        return found

    @property
    def kinds(self) -> list[str]:
        """Names of the events, without ``response.``."""
        return [event["type"].removeprefix("response.") for event in self.stream]

    @property
    def body(self) -> dict[str, Any]:
        encoded = ResponsesCodec().encoder(self._exchange).body(collect(self._events))
        found: dict[str, Any] = json.loads(encoded)
        SdkResponse.model_validate(found)
        assert found == self.stream[-1]["response"]
        return found

    @property
    def output(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.body["output"]
        return found


def well_formed(stream: list[dict[str, Any]]) -> None:
    """What clients build on: numbers without gaps, one item at a time, added before deltas before done."""
    assert [event["sequence_number"] for event in stream] == list(range(1, len(stream) + 1))
    assert [event["type"] for event in stream[:2]] == ["response.created", "response.in_progress"]
    assert stream[-1]["type"] == "response.completed"
    finished: list[dict[str, Any]] = []
    opened: dict[str, Any] | None = None
    said = ""
    for event in stream[2:-1]:
        EVENT.validate_python(event)
        kind, index = event["type"].removeprefix("response."), event["output_index"]
        assert index == len(finished)
        if kind == "output_item.added":
            assert opened is None
            opened, said = event["item"], ""
            continue
        assert opened is not None
        if kind == "output_item.done":
            assert (event["item"]["id"], event["item"]["type"]) == (opened["id"], opened["type"])
            assert event["item"].get("call_id") == opened.get("call_id")
            finished.append(event["item"])
            opened = None
            continue
        assert event["item_id"] == opened["id"]
        if kind.endswith(".delta"):
            said += event["delta"]
        for key in ("text", "arguments", "input"):
            if kind.endswith(".done") and key in event:
                assert event[key] == said
    for event in (stream[0], stream[-1]):
        EVENT.validate_python(event)
    assert opened is None
    assert stream[-1]["response"]["output"] == finished
    ids = [item["id"] for item in finished]
    assert len(set(ids)) == len(ids)
    assert all(len(identifier) <= 64 for identifier in ids)


def all_kinds(builder: AnswerBuilder) -> None:
    builder.thinking("think")
    builder.text("Hel")
    builder.text("lo")
    builder.tool("c1", "f")
    builder.arguments('{"a"')
    builder.arguments(":1}")


# cases

CLAUDE_STREAM = [
    {
        "type": "message_start",
        "message": {"id": "msg_1", "model": "up", "usage": {"input_tokens": 10, "output_tokens": 1}},
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "twelve bytes"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": SIGNATURE}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hel"}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "lo"}},
    {"type": "content_block_stop", "index": 1},
    {
        "type": "content_block_start",
        "index": 2,
        "content_block": {"type": "tool_use", "id": "t1", "name": "f", "input": {}},
    },
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"a":1}'}},
    {"type": "content_block_stop", "index": 2},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 7}},
    {"type": "message_stop"},
]


@pytest.mark.case("translation:60")
@pytest.mark.parametrize("chop", [lambda data: [data], per_byte, in_halves], ids=["whole", "bytes", "sevens"])
def test_claude_stream(chop: Any) -> None:
    stream = Talk(RESPONSES, CLAUDE, ASKED).payloads(CLAUDE_STREAM, chop)
    well_formed(stream)
    done = [event for event in stream if event["type"] == "response.output_item.done"]
    assert [(event["output_index"], event["item"]["type"]) for event in done] == [
        (0, "reasoning"), (1, "message"), (2, "function_call"),
    ]  # fmt: skip
    assert [event["text"] for event in stream if event["type"] == "response.output_text.done"] == ["Hello"]
    whole = stream[-1]["response"]
    assert [item["type"] for item in whole["output"]] == ["reasoning", "message", "function_call"]
    assert (whole["instructions"], whole["model"]) == ("mine", ALIAS)
    assert whole["output"][0]["encrypted_content"] == ""  # Claude's own signature stays here
    assert whole["usage"]["output_tokens_details"] == {"reasoning_tokens": 3}


@pytest.mark.case("translation:71")
def test_parallel_calls_of_chat() -> None:
    def delta(*calls: Any, **more: Any) -> dict[str, Any]:
        return {"id": "x", "model": "up", "choices": [{"index": 0, "delta": {"tool_calls": list(calls)}, **more}]}

    stream = Talk(RESPONSES, OPENAI, ASKED).payloads(
        [
            delta({"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a"'}}),
            delta({"index": 1, "id": "c2", "type": "function", "function": {"name": "f", "arguments": "{"}}),
            delta({"index": 0, "function": {"arguments": ":1}"}}, {"index": 1, "function": {"arguments": "}"}}),
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
            {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}},
            "[DONE]",
        ]
    )
    well_formed(stream)
    whole = stream[-1]["response"]
    assert [(item["call_id"], item["arguments"]) for item in whole["output"]] == [("c1", '{"a":1}'), ("c2", "{}")]
    assert whole["usage"]["total_tokens"] == 7


def gemini_chunk(*parts: Any, **more: Any) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": list(parts)}, **more}
    return {"response": {"responseId": "r1", "modelVersion": "up", "candidates": [candidate]}}


@pytest.mark.case("translation:82")
def test_gemini_stream() -> None:
    stream = Talk(RESPONSES, "gemini-cli", ASKED).payloads(
        [
            gemini_chunk({"text": ""}), gemini_chunk({"text": "a"}), gemini_chunk({"text": "b"}),
            gemini_chunk({"functionCall": {"name": "f"}}), gemini_chunk(finishReason="STOP"),
        ]
    )  # fmt: skip
    well_formed(stream)
    whole = stream[-1]["response"]
    assert whole["id"] == "resp_r1"
    kinds = [event["type"].removeprefix("response.") for event in stream]
    assert kinds[2:] == [
        "output_item.added", "content_part.added", "output_text.delta", "output_text.delta", "output_text.done",
        "content_part.done", "output_item.done", "output_item.added", "function_call_arguments.delta",
        "function_call_arguments.done", "output_item.done", "completed",
    ]  # fmt: skip
    assert [event["text"] for event in stream if event["type"] == "response.output_text.done"] == ["ab"]
    assert [event["delta"] for event in stream if event["type"].endswith("arguments.delta")] == ["{}"]
    assert whole["output"][1]["arguments"] == "{}"


@pytest.mark.case("translation:82")
def test_three_gemini_calls_before_text() -> None:
    calls = [{"functionCall": {"name": "f", "args": {"n": n}}} for n in range(3)]
    stream = Talk(RESPONSES, "gemini-cli", ASKED).payloads(
        [gemini_chunk(*calls), gemini_chunk({"text": "t"}), gemini_chunk(finishReason="STOP")]
    )
    well_formed(stream)
    output = stream[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["function_call", "function_call", "function_call", "message"]
    assert [item["arguments"] for item in output[:3]] == ['{"n":0}', '{"n":1}', '{"n":2}']


@pytest.mark.case("translation:83")
def test_gemini_signatures() -> None:
    stream = Talk(RESPONSES, GEMINI, ASKED).payloads(
        [
            gemini_chunk({"text": "", "thought": True, "thoughtSignature": SIGNATURE}),
            gemini_chunk({"text": "hm", "thought": True}), gemini_chunk({"text": "t"}), gemini_chunk(finishReason="STOP"),
        ]
    )  # fmt: skip
    well_formed(stream)
    items = [event["item"] for event in stream if event.get("item", {}).get("type") == "reasoning"]
    assert [item["encrypted_content"] for item in items] == [SIGNATURE, SIGNATURE]
    assert items[1]["summary"] == [{"type": "summary_text", "text": "hm"}]


@pytest.mark.case("translation:83")
@pytest.mark.parametrize("upstream", [GEMINI, "gemini-cli", "antigravity"])
def test_the_stand_in_is_never_shown(upstream: Format) -> None:
    def build(builder: AnswerBuilder) -> None:
        builder.thinking("hm")
        builder.signature(Signature(SKIP_SIGNATURE, "gemini"))

    answer = Answer(build, upstream=upstream)
    assert SKIP_SIGNATURE.encode() not in answer.raw
    assert answer.output[0]["encrypted_content"] == ""


# real streams, in every cut


def whole(data: bytes) -> Iterator[bytes]:
    yield data


def randomly(data: bytes) -> Iterator[bytes]:
    dice, start = random.Random(7), 0
    while start < len(data):
        end = start + dice.randint(1, 40)
        yield data[start:end]
        start = end


VOICES: dict[str, tuple[Format, Any]] = {"chat": (OPENAI, chat), "claude": (CLAUDE, claude), "gemini": (GEMINI, gemini)}
REPLIES = {"text": TEXT, "thinking": THINKING, "one": ONE_TOOL, "two": TWO_TOOLS}


@pytest.mark.parametrize("chop", [whole, per_byte, randomly])
@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
@pytest.mark.parametrize(("upstream", "voice"), VOICES.values(), ids=VOICES)
def test_replies(upstream: Format, voice: Any, reply: Reply, chop: Any) -> None:
    spoken = b"".join(voice.events(reply, "up", {"stream_options": {"include_usage": True}}))
    stream = Talk(RESPONSES, upstream, ASKED).payloads(spoken, chop)
    well_formed(stream)
    parsed = SdkResponse.model_validate(stream[-1]["response"])
    assert parsed.output_text == reply.joined
    thoughts = [part.text for item in parsed.output if item.type == "reasoning" for part in item.summary]
    assert "".join(thoughts) == reply.thoughts
    calls = [(item.name, json.loads(item.arguments)) for item in parsed.output if item.type == "function_call"]
    assert calls == [(call.name, json.loads(call.arguments)) for call in reply.calls]
    assert parsed.usage is not None
    assert parsed.usage.total_tokens == 29


# shapes


def test_a_whole_stream() -> None:
    answer = Answer(all_kinds)
    assert answer.kinds == [
        "created", "in_progress",
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta",
        "reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done",
        "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
        "output_text.done", "content_part.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.delta",
        "function_call_arguments.done", "output_item.done", "completed",
    ]  # fmt: skip
    text = {"type": "output_text", "annotations": [], "logprobs": [], "text": "Hello"}
    assert answer.output == [
        {"id": "rs_resp_r1_0", "type": "reasoning", "encrypted_content": "",
         "summary": [{"type": "summary_text", "text": "think"}]},
        {"id": "msg_resp_r1_0", "type": "message", "status": "completed", "content": [text], "role": "assistant"},
        {"id": "fc_c1", "type": "function_call", "status": "completed", "arguments": '{"a":1}', "call_id": "c1", "name": "f"},
    ]  # fmt: skip
    for event in payloads(answer.raw):
        assert f"event: {event['type']}\ndata: {{".encode() in answer.raw


def test_the_response_object() -> None:
    body = Answer(all_kinds, usage=Usage(input=10, output=5, cache_read=3, cache_creation=2, reasoning=1)).body
    del body["output"]
    assert body == {
        "id": "resp_r1", "object": "response", "created_at": 1700000000, "status": "completed", "background": False,
        "error": None, "incomplete_details": None, "model": ALIAS, "instructions": "mine", "tools": TOOLS,
        "parallel_tool_calls": True, "tool_choice": "auto",
        "usage": {
            "input_tokens": 10, "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2},
            "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 1}, "total_tokens": 15},
    }  # fmt: skip


def test_usage_is_always_there() -> None:
    usage = Answer(all_kinds).body["usage"]
    assert (usage["input_tokens"], usage["input_tokens_details"]["cached_tokens"], usage["total_tokens"]) == (0, 0, 0)


def test_length() -> None:
    body = Answer(lambda builder: builder.text("t"), reason="length").body
    assert (body["status"], body["incomplete_details"]) == ("completed", {"reason": "max_output_tokens"})


@pytest.mark.parametrize(
    ("thought", "usage", "guess"),
    [
        ("å" * 10, Usage(output=100), 5), ("x" * 100, Usage(output=7), 7), ("abc", Usage(output=7), 0),
        ("x" * 100, Usage(output=50, reasoning=30), 30),
    ],
)  # fmt: skip
def test_claude_does_not_count_its_thinking(thought: str, usage: Usage, guess: int) -> None:
    def build(builder: AnswerBuilder) -> None:
        builder.thinking(thought)

    counted = Answer(build, upstream=CLAUDE, usage=usage).body["usage"]
    assert counted["output_tokens_details"] == {"reasoning_tokens": guess}
    chat_counted = Answer(build, usage=Usage(output=100)).body["usage"]
    assert chat_counted["output_tokens_details"] == {"reasoning_tokens": 0}


ECHO: dict[str, Any] = {
    "instructions": "i", "max_output_tokens": 9, "max_tool_calls": 2, "parallel_tool_calls": False,
    "previous_response_id": "resp_0", "prompt_cache_key": "k", "reasoning": {"effort": "low"},
    "safety_identifier": "s", "service_tier": "flex", "store": True, "temperature": 0.5,
    "text": {"format": {"type": "text"}}, "tool_choice": "required", "tools": TOOLS[:1], "top_logprobs": 3,
    "top_p": 1, "truncation": "auto", "user": "u", "metadata": {"a": "b"},
}  # fmt: skip


def test_the_request_is_echoed() -> None:
    asked = {**ECHO, "model": "asked", "input": "hi", "unknown": 1}
    answer = Answer(all_kinds, asked=asked)
    for response in (answer.body, answer.stream[0]["response"]):
        assert {key: response.get(key) for key in ECHO} == ECHO
        assert response["model"] == ALIAS
        assert not {"input", "unknown"} & response.keys()


def test_the_request_in_an_envelope_is_echoed() -> None:
    assert Answer(all_kinds, asked={"request": {"instructions": "inner"}}).body["instructions"] == "inner"


def test_odd_values_are_not_echoed() -> None:
    odd = {
        "instructions": ["x"], "max_output_tokens": "9", "parallel_tool_calls": 1, "store": "yes", "temperature": True,
        "top_p": None, "user": None, "truncation": {}, "previous_response_id": 7,
    }  # fmt: skip
    body = Answer(all_kinds, asked={"input": "hi", **odd}).body
    assert not (odd.keys() - {"parallel_tool_calls"}) & body.keys()
    assert (body["parallel_tool_calls"], body["tool_choice"], body["tools"]) == (True, "auto", [])


def test_echoed_numbers_keep_their_spelling() -> None:
    asked = exactjson.loads(b'{"input":"hi","temperature":1.0,"metadata":{"n":1e3}}')
    raw = Answer(all_kinds, asked=asked).raw
    assert b'"temperature":1.0' in raw
    assert b'"metadata":{"n":1e3}' in raw


# items


def test_text_after_a_call_is_a_new_message() -> None:
    def build(builder: AnswerBuilder) -> None:
        builder.text("a")
        builder.tool("c1", "f")
        builder.text("b")

    messages = [item for item in Answer(build).output if item["type"] == "message"]
    assert [(item["id"], item["content"][0]["text"]) for item in messages] == [
        ("msg_resp_r1_0", "a"), ("msg_resp_r1_1", "b"),
    ]  # fmt: skip


def test_neighbouring_texts_and_thoughts_are_one_item() -> None:
    def build(builder: AnswerBuilder) -> None:
        for text in ("a", "", "b"):
            builder.open_thinking()
            builder.thinking(text)
        for text in ("c", "", "d"):
            builder.open_text()
            builder.text(text)

    reasoning, message = Answer(build).output
    assert reasoning["summary"] == [{"type": "summary_text", "text": "ab"}]
    assert message["content"][0]["text"] == "cd"


def test_signed_thoughts_stay_apart() -> None:
    def build(builder: AnswerBuilder) -> None:
        for text in ("a", "b"):
            builder.open_thinking()
            builder.thinking(text)
            builder.signature(Signature(f"sig-{text}", "gemini"))

    items = Answer(build, upstream=GEMINI).output
    assert [(item["summary"][0]["text"], item["encrypted_content"]) for item in items] == [
        ("a", "sig-a"),
        ("b", "sig-b"),
    ]


def test_summaries_stay_apart() -> None:
    def build(builder: AnswerBuilder) -> None:
        for text in ("a", "b"):
            builder.open_thinking(summary=True)
            builder.thinking(text)

    assert [item["summary"][0]["text"] for item in Answer(build).output] == ["a", "b"]


def test_a_signature_without_text() -> None:
    def build(builder: AnswerBuilder) -> None:
        builder.signature(Signature("sig", "gemini"))

    assert Answer(build).output == []  # of no use to this upstream
    raw = Answer(build, upstream="antigravity").raw
    assert payloads(raw)[-1]["response"]["output"][0]["encrypted_content"] == "sig"


def test_an_answer_without_content() -> None:
    answer = Answer(lambda builder: None)
    assert answer.kinds == ["created", "in_progress", "completed"]
    assert answer.output == []


def test_calls_without_or_with_equal_ids() -> None:
    def build(builder: AnswerBuilder) -> None:
        for call_id in ("", "c1", "c1"):
            builder.tool(call_id, "f")

    items = payloads(Answer(build).raw)[-1]["response"]["output"]
    assert items[1]["call_id"] == "c1"
    assert all(item["call_id"].startswith("call_") for item in (items[0], items[2]))
    assert len({item["call_id"] for item in items}) == 3


def test_long_ids_are_shortened() -> None:
    def build(builder: AnswerBuilder) -> None:
        builder.tool("c" * 100, "f")

    (item,) = Answer(build).output
    assert item["call_id"] == short_call_id("c" * 100)
    assert item["id"].startswith("fc_ccc")


def test_custom_calls_carry_their_text() -> None:
    def build(builder: AnswerBuilder) -> None:
        builder.tool("c1", "patch")
        builder.arguments('{"input":')
        builder.arguments('"a\\nb"}')

    answer = Answer(build)
    assert answer.output == [
        {"id": "ctc_c1", "type": "custom_tool_call", "status": "completed", "input": "a\nb", "call_id": "c1", "name": "patch"},
    ]  # fmt: skip
    assert answer.kinds[2:-1] == [
        "output_item.added", "custom_tool_call_input.delta", "custom_tool_call_input.done", "output_item.done",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("plain", "plain"),
        ('{"other":1}', '{"other":1}'),
        ('{"input":{"a":1.0}}', '{"a":1.0}'),
        ("", ""),
        ("[1]", "[1]"),
    ],
)
def test_what_a_model_makes_of_free_text(arguments: str, text: str) -> None:
    def build(builder: AnswerBuilder) -> None:
        builder.tool("c1", "patch")
        builder.arguments(arguments)

    assert Answer(build).output[0]["input"] == text


def test_calls_in_namespaces() -> None:
    def build(builder: AnswerBuilder) -> None:
        builder.tool("c1", "get", "mcp__a")
        builder.tool("c2", "run", "mcp__a")
        builder.arguments('{"input":"x"}')
        builder.tool("c3", "run")

    get, run, plain = Answer(build).output
    assert (get["type"], get["name"], get["namespace"]) == ("function_call", "get", "mcp__a")
    assert (run["type"], run["name"], run["namespace"], run["input"]) == ("custom_tool_call", "run", "mcp__a", "x")
    assert (plain["type"], "namespace" in plain) == ("function_call", False)


@pytest.mark.parametrize(("upstream", "voice"), VOICES.values(), ids=VOICES)
def test_flattened_names_come_back_nested(upstream: Format, voice: Any) -> None:
    talk = Talk(RESPONSES, upstream, ASKED)
    wire = talk.exchange().names.wire("get", "mcp__a")
    spoken = b"".join(voice.events(Reply(calls=(ONE_TOOL.calls[0].__class__("c1", wire, "{}"),)), "up", {}))
    (item,) = talk.payloads(spoken)[-1]["response"]["output"]
    assert (item["name"], item["namespace"]) == ("get", "mcp__a")


def test_pictures() -> None:
    def build(builder: AnswerBuilder) -> None:
        builder.text("t")
        builder.whole(Image("image/png", "AAAA"))
        builder.whole(Image("image/png", ""))
        builder.whole(Code("python", "1"))

    answer = Answer(build)
    assert answer.output[1:] == [
        {"id": "ig_resp_r1_1", "type": "image_generation_call", "status": "completed", "result": "AAAA"},
    ]  # fmt: skip
    assert answer.kinds[-5:-1] == [
        "output_item.added", "image_generation_call.in_progress", "image_generation_call.completed", "output_item.done",
    ]  # fmt: skip


def test_sources() -> None:
    def build(builder: AnswerBuilder) -> None:
        builder.text("cited")
        builder.citation({"type": "web_search_result_location", "url": "https://x", "title": "X", "cited_text": "c"})
        builder.citation({"type": "char_location", "document_index": 0})
        builder.citation({"url": "https://y", "title": None, "start_index": 1, "end_index": 2})

    answer = Answer(build)
    first = {"type": "url_citation", "url": "https://x", "title": "X", "start_index": 0, "end_index": 5}
    second = {"type": "url_citation", "url": "https://y", "title": "", "start_index": 1, "end_index": 2}
    assert answer.output[0]["content"][0]["annotations"] == [first, second]
    added = [event for event in answer.stream if event["type"].endswith("annotation.added")]
    assert [(event["annotation_index"], event["annotation"]) for event in added] == [(0, first), (1, second)]


def test_other_candidates_are_left_out() -> None:
    def build(builder: AnswerBuilder) -> None:
        builder.text("a")
        builder.text("b", candidate=1)
        builder.tool("c1", "f", candidate=1)
        builder.thinking("c", candidate=1)
        builder.text("d")

    assert [item["content"][0]["text"] for item in Answer(build).output] == ["ad"]


def test_half_characters_survive() -> None:
    asked = {"input": "hi", "metadata": {"a": "\ud83d"}}
    answer = Answer(lambda builder: builder.text("a\ud83d"), asked=asked)
    assert answer.output[0]["content"][0]["text"] == "a\ud83d"
    assert answer.body["metadata"] == {"a": "\ud83d"}


def test_a_megabyte_of_arguments() -> None:
    long = json.dumps({"a": "x" * 1_000_000})

    def build(builder: AnswerBuilder) -> None:
        builder.tool("c1", "f")
        for start in range(0, len(long), 10_000):
            builder.arguments(long[start : start + 10_000])

    assert Answer(build).output[0]["arguments"] == long


def test_count() -> None:
    assert json.loads(ResponsesCodec().count(7)) == {
        "usage": {"prompt_tokens": 7, "completion_tokens": 0, "total_tokens": 7},
    }  # fmt: skip


def test_a_body_needs_no_stream() -> None:
    exchange = Talk(RESPONSES, OPENAI, ASKED).exchange()
    builder = AnswerBuilder()
    builder.end()
    response: Response = collect(builder.take())
    body = json.loads(ResponsesCodec().encoder(exchange).body(response))
    assert (body["output"], body["id"][:5]) == ([], "resp_")


# properties

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("text"), st.text(max_size=4)),
        st.tuples(st.just("thinking"), st.text(max_size=4)),
        st.tuples(st.just("arguments"), st.text(max_size=4)),
        st.tuples(st.just("tool"), st.sampled_from(["", "c1", "c2"]), st.sampled_from(["f", "patch"])),
        st.tuples(st.just("signature"), st.just(Signature(SIGNATURE, "gemini"))),
        st.tuples(st.just("citation"), st.sampled_from([{"url": "https://x"}, {}])),
        st.tuples(st.just("whole"), st.sampled_from([Image("image/png", "AAAA"), Code("python", "1")])),
        st.tuples(st.just("close")),
        st.tuples(st.just("open_text")),
        st.tuples(st.just("open_thinking")),
    ),
    max_size=15,
)


@given(STEPS, st.sampled_from([OPENAI, CLAUDE, GEMINI]))
@settings(max_examples=200, deadline=None)
def test_any_answer_is_well_formed(steps: list[Any], upstream: Format) -> None:
    def build(builder: AnswerBuilder) -> None:
        for name, *values in steps:
            getattr(builder, name)(*values)

    answer = Answer(build, upstream=upstream)
    SdkResponse.model_validate(answer.stream[-1]["response"])


@given(st.dictionaries(st.sampled_from(sorted(ECHO)), st.none() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=3) | st.just([{}])))
@settings(deadline=None)
def test_any_request_is_echoed_somehow(asked: dict[str, Any]) -> None:
    answer = Answer(all_kinds, asked={"input": "hi", **asked})
    assert payloads(answer.raw)[-1]["response"]["model"] == ALIAS
