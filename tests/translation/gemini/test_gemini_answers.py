"""Answers of Gemini-family upstreams for clients of other formats (translation.md 3.5, 4.13)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from translation.exchanges import ALIAS, Talk, events, in_halves, per_byte
from translation.gemini.gemini_talk import PNG, SIGNED, SKIP, call, chunk, counts

from cliproxy.errors import UpstreamStatus
from cliproxy.translation import exactjson
from cliproxy.translation.events import Response, Usage
from cliproxy.translation.formats import Format
from cliproxy.translation.gemini import usage
from cliproxy.translation.hub import Hub
from cliproxy.translation.signatures import SignatureCache

USAGE = counts(10, 5, thoughts=2)
FINISH = chunk(finish="STOP", usage=USAGE)
UPSTREAMS: tuple[Format, ...] = ("gemini", "gemini-cli", "antigravity")
ASKED: dict[str, Any] = {"contents": [], "messages": [{"role": "user", "content": "u"}], "input": "u"}


def talk(client: Format, upstream: Format = "gemini", model: str = "gemini-3-pro", **more: Any) -> Talk:
    return Talk(client, upstream, ASKED | more, model)


def wrapped(*chunks: Any) -> list[Any]:
    return [{"response": found, "traceId": "t"} for found in chunks]


def whole(*parts: Any, **more: Any) -> dict[str, Any]:
    return {**chunk(*parts, finish="STOP", usage=USAGE), "responseId": "r1", "modelVersion": "up", **more}


def thought(words: str, signature: str | None = None) -> dict[str, Any]:
    part = {"thought": True, "text": words}
    return part if signature is None else {**part, "thoughtSignature": signature}


def choices(*chunks: Any, **more: Any) -> list[Any]:
    """The first choice of each chunk that a chat client gets."""
    return [found["choices"][0] for found in talk("openai", **more).payloads(chunks)]


def deltas(*chunks: Any) -> list[Any]:
    return [choice["delta"] for choice in choices(*chunks)]


def remembering() -> SignatureCache:
    """A cache with one signature of another family."""
    cache = SignatureCache(lambda: 0.0)
    cache.store("gpt", "x", SIGNED)
    return cache


# Chat


@pytest.mark.case("translation:78")
@pytest.mark.parametrize(
    ("parts", "native", "expected"),
    [
        ([call("f", args={})], "STOP", ("tool_calls", "stop")),
        ([call("f", args={})], "MAX_TOKENS", ("tool_calls", "max_tokens")),
        (["a"], "MAX_TOKENS", ("length", "max_tokens")),
        (["a"], "SAFETY", ("content_filter", "safety")),
        (["a"], "SOMETHING_NEW", ("stop", "something_new")),
    ],
)
def test_finish(parts: list[Any], native: str, expected: tuple[str, str]) -> None:
    found = choices(chunk(*parts), chunk(finish=native), chunk(usage=USAGE))
    assert [choice["finish_reason"] for choice in found[:-1]] == [None] * (len(found) - 1)
    assert (found[-1]["finish_reason"], found[-1]["native_finish_reason"]) == expected


@pytest.mark.case("translation:79")
def test_image() -> None:
    image = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    shape = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}, "index": 0}
    assert {"images": [shape]} in deltas(chunk(image), FINISH)
    body = talk("openai").body(whole(image, {"inline_data": {"data": PNG}}, {"inlineData": {"data": ""}}))
    assert body["choices"][0]["message"]["images"] == [shape, {**shape, "index": 1}]


def test_chat_stream() -> None:
    found = deltas(chunk(thought("r")), chunk("a"), chunk(""), chunk("b", call("f", args={"x": 1}), call("g")), FINISH)
    calls = [delta["tool_calls"][0] for delta in found if "tool_calls" in delta]
    assert [delta for delta in found if "tool_calls" not in delta] == [
        {"role": "assistant"}, {"reasoning_content": "r"}, {"content": "a"}, {"content": "b"}, {},
    ]  # fmt: skip
    assert [found["index"] for found in calls if found.get("id")] == [0, 1]
    assert [found["function"]["name"] for found in calls if found.get("id")] == ["f", "g"]
    assert all(re.fullmatch(r"[fg]-\d+-\d+", found["id"]) for found in calls if found.get("id"))
    arguments = ["".join(one["function"].get("arguments", "") for one in calls if one["index"] == n) for n in (0, 1)]
    assert arguments == ['{"x":1}', "{}"]


def test_the_names_that_the_client_declared() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("a b", "a_b")]
    body = talk("openai", tools=tools).body(whole(call("a_b"), call("a_b_1"), call("other")))
    calls = body["choices"][0]["message"]["tool_calls"]
    assert [found["function"]["name"] for found in calls] == ["a_b", "a b", "other"]


def test_ids_of_the_upstream_stay() -> None:
    body = talk("openai").body(whole(call("f", id="own")))
    assert body["choices"][0]["message"]["tool_calls"][0]["id"] == "own"


def test_usage_arrives_once_with_the_finish() -> None:
    early = counts(10, 1)
    found = talk("openai").payloads([chunk("a", usage=early), chunk("b", usage=early), FINISH])
    assert [one.get("usage") for one in found[:-1]] == [None] * (len(found) - 1)
    assert found[-1]["usage"] == {
        "prompt_tokens": 10, "completion_tokens": 7, "total_tokens": 17,
        "completion_tokens_details": {"reasoning_tokens": 2},
    }  # fmt: skip


@pytest.mark.parametrize("late", [[], [{"usageMetadata": USAGE}]])
def test_usage_after_the_finish(late: list[Any]) -> None:
    found = talk("openai").payloads([chunk("a"), chunk(finish="STOP"), *late])
    assert found[-1]["choices"][0]["finish_reason"] == "stop"
    assert ("usage" in found[-1]) == bool(late)


def test_several_candidates() -> None:
    chunks = [
        chunk("a", index=0), chunk("x", call("f"), index=1), chunk("b", index=0),
        chunk(finish="STOP", index=1, usage=USAGE), chunk("c", call("g"), index=0),
        chunk(finish="MAX_TOKENS", index=0, usage=USAGE),
    ]  # fmt: skip
    found = [one["choices"][0] for one in talk("openai", n=2).payloads(chunks)]
    contents = ["".join(one["delta"].get("content", "") for one in found if one["index"] == n) for n in (0, 1)]
    assert contents == ["abc", "x"]
    calls = [
        (one["index"], call["index"]) for one in found for call in one["delta"].get("tool_calls", []) if call.get("id")
    ]
    assert calls == [(1, 0), (0, 0)]
    assert [one["index"] for one in found if one["finish_reason"]] == [0, 1]
    claude = talk("claude").body({**chunk("a", finish="STOP"), "candidates": [chunk("a")["candidates"][0], {
        **chunk("x")["candidates"][0], "index": 1}]})  # fmt: skip
    assert [block["text"] for block in claude["content"]] == ["a"]


def test_a_refused_prompt() -> None:
    found = choices({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": counts(3, 0)})
    assert (found[-1]["finish_reason"], found[-1]["native_finish_reason"]) == ("content_filter", "prohibited_content")


def test_arguments_that_go_on_without_a_name() -> None:
    found = deltas(chunk(call("f")), chunk({"functionCall": {"name": "", "args": {"a": 1}}}), chunk("t"), FINISH)
    arguments = [one["function"].get("arguments") for delta in found for one in delta.get("tool_calls", [])]
    assert "".join(arguments) == '{"a":1}'
    assert found[-2] == {"content": "t"}
    assert deltas(chunk({"functionCall": {"args": {"a": 1}}}), FINISH) == [{"role": "assistant"}, {}]


def test_signatures_beside_text_and_calls() -> None:
    signed = [
        {"text": "a", "thoughtSignature": SIGNED},
        call("f", SIGNED),
        {"thoughtSignature": SIGNED},
        {"text": "", "thoughtSignature": SIGNED},
    ]
    message = talk("openai").body(whole(*signed))["choices"][0]["message"]
    assert message["content"] == "a"
    assert len(message["tool_calls"]) == 1
    assert "reasoning_content" not in message


def test_numbers_keep_their_spelling() -> None:
    data = b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":1e3,"b":[1.50]}}}]},"finishReason":"STOP"}]}'
    speaker = talk("openai")
    for answer in (exactjson.dumps(speaker.body(data)), speaker.stream(events(data.decode()))):
        assert b'{\\"a\\":1e3,\\"b\\":[1.50]}' in answer


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        ("2025-01-01T00:00:00Z", 1735689600),
        ("2025-01-01T01:00:00.123456789+01:00", 1735689600),
        ("yesterday", None),
        (5, None),
    ],
)
def test_create_time(created: Any, expected: int | None) -> None:
    found = talk("openai").body(whole("a", createTime=created))["created"]
    assert found == expected if expected else found > 1_700_000_000


# All dialects, all ways to arrive


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("client", ["openai", "claude", "openai-response"])
@pytest.mark.parametrize("chop", [lambda data: [data], per_byte, in_halves])
def test_streams_split_anywhere(upstream: Format, client: Format, chop: Any) -> None:
    chunks = [chunk(thought("r\u2028")), chunk("a"), chunk("b", call("f", id="i", args={"x": "é"})), FINISH]
    data = events(*(chunks if upstream == "gemini" else wrapped(*chunks)))
    for sent in (data, data.replace(b"\n", b"\r\n"), data.rstrip(b"\n")):
        assert steady(talk(client, upstream).stream(sent, chop)) == steady(talk(client, upstream).stream(data))


def steady(stream: bytes) -> bytes:
    """A stream without times and random ids."""
    stream = re.sub(rb'"(created|created_at)":\d+', b"", stream)
    return re.sub(rb"(resp_|msg_|rs_|chatcmpl-)[A-Za-z0-9_]+", b"ID", stream)


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("form", ["whole", "list", "wrapped", "stream"])
def test_bodies(upstream: Format, form: str) -> None:
    answer = whole(thought("r"), "a", call("f", id="i", args={"x": 1}), "b")
    speaker = talk("claude", upstream)
    forms = {"whole": answer, "list": [answer], "wrapped": wrapped(answer)[0]}
    body = speaker.collected([answer]) if form == "stream" else speaker.body(forms[form])
    assert body == {
        "id": "r1", "type": "message", "role": "assistant", "model": ALIAS, "stop_sequence": None,
        "content": [
            {"type": "thinking", "thinking": "r"}, {"type": "text", "text": "a"},
            {"type": "tool_use", "id": "i", "name": "f", "input": {"x": 1}}, {"type": "text", "text": "b"},
        ],
        "stop_reason": "tool_use", "usage": {"input_tokens": 10, "output_tokens": 7},
    }  # fmt: skip


@pytest.mark.parametrize("client", ["openai", "claude", "openai-response"])
@pytest.mark.parametrize("error", [{"code": 429, "message": "M", "status": "RESOURCE_EXHAUSTED"}, "M"])
@pytest.mark.parametrize("wrap", [False, True])
def test_errors(client: Format, error: Any, wrap: bool) -> None:
    event = {"response": {"error": error}} if wrap else {"error": error}
    for sent in ([chunk("a"), event, chunk("b")], [chunk("a"), [event]]):
        found = talk(client).error(sent)
        assert isinstance(found, UpstreamStatus)
        assert json.loads(found.text) == {"error": error}
        assert found.status == (429 if isinstance(error, dict) else 502)
    with pytest.raises(UpstreamStatus):
        talk(client).body(event)


@pytest.mark.parametrize(
    "sent", [b"[DONE]", b"junk", b"5", b'["a"]', b"{}", b'{"candidates":5}', b'{"candidates":[5,{"content":[]}]}']
)
def test_answers_without_sense_are_closed(sent: bytes) -> None:
    stream = talk("claude").stream(events(sent.decode()))
    assert [line for line in stream.decode().split("\n") if line.startswith("event")] == [
        "event: message_start", "event: message_delta", "event: message_stop",
    ]  # fmt: skip
    assert talk("claude").body(sent)["content"] == []


def test_what_the_records_get() -> None:
    speaker = talk("claude", "antigravity", "claude-x")
    transform = speaker.hub.stream(speaker.exchange())
    chunks = wrapped(
        {**chunk("a"), "modelVersion": "claude-x-001"},
        {**FINISH, "usageMetadata": counts(10, 5, thoughts=2, cachedContent=4)},
    )
    transform.feed(events(*chunks))
    assert transform.complete
    assert transform.upstream_model == "claude-x-001"
    assert (transform.tokens.input, transform.tokens.output, transform.tokens.reasoning) == (10, 5, 2)
    assert (transform.tokens.cached, transform.tokens.total) == (4, 17)
    assert transform.feed(events(chunk("more"))) == b""


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (counts(10, 5, thoughts=2, cachedContent=4), Usage(10, 7, 4, reasoning=2, total=17)),
        (counts(10, 5, total=40), Usage(10, 5, total=40)),
        (counts(100, 0, cachedContent=40, total=130), Usage(100, 30, 40, total=130)),
        (counts(100, 0, thoughts=20, total=130), Usage(100, 30, reasoning=20, total=130)),
        ({"promptTokenCount": 3, "totalTokenCount": 3}, Usage(3, 0, total=3)),
        ({"promptTokenCount": 3}, Usage(3)),
        ({"promptTokenCount": 5, "totalTokenCount": 3}, Usage(5, 0, total=3)),
        ({"promptTokenCount": "3"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_usage(node: Any, expected: Usage | None) -> None:
    assert usage.decode(node) == expected


# Claude


def claude_events(*chunks: Any, **more: Any) -> list[Any]:
    return talk("claude", **more).payloads(chunks)


@pytest.mark.case("translation:80")
@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_a_call_and_a_later_finish(upstream: Format) -> None:
    chunks = [chunk(call("get-it", args={"a": 1})), FINISH]
    found = claude_events(*(chunks if upstream == "gemini" else wrapped(*chunks)), upstream=upstream)
    block = next(event["content_block"] for event in found if event["type"] == "content_block_start")
    assert found[-2]["delta"]["stop_reason"] == "tool_use"
    body = talk("claude", upstream).body(whole(call("get-it", args={"a": 1})))
    assert body["stop_reason"] == "tool_use"
    for identifier in (block["id"], body["content"][0]["id"]):
        assert re.fullmatch(r"get-it-\d+-\d+", identifier)


@pytest.mark.case("translation:81")
def test_an_empty_stream() -> None:
    found = claude_events({"candidates": [{}]}, {"candidates": [{"content": {"parts": []}}]}, {"responseId": "r"})
    assert [event["type"] for event in found] == ["message_start", "message_delta", "message_stop"]
    assert found[1]["delta"]["stop_reason"] == "end_turn"


@pytest.mark.case("translation:84")
@pytest.mark.parametrize("streamed", [True, False])
def test_antigravitys_signatures(streamed: bool) -> None:
    other = "O" * 60
    usage_node = counts(100, 0, cachedContent=40, thoughts=0, total=130)
    parts = [thought("T"), thought("", SIGNED), thought("V"), thought("W", other), {"text": "a"}]
    cache = remembering()
    speaker = Talk("claude", "antigravity", ASKED, "claude-x", Hub(cache))
    chunks = wrapped(*map(chunk, parts), chunk(finish="STOP", usage=usage_node))
    blocks: list[Any]
    if streamed:
        found = speaker.payloads(chunks)
        signatures = [
            event["delta"]["signature"] for event in found if event.get("delta", {}).get("type") == "signature_delta"
        ]
        blocks = [event["content_block"]["type"] for event in found if event["type"] == "content_block_start"]
        counted = found[-2]["usage"]
    else:
        body = speaker.body(wrapped({**chunk(*parts, finish="STOP", usage=usage_node)})[0])
        signatures = [block["signature"] for block in body["content"] if block["type"] == "thinking"]
        blocks = [block["type"] for block in body["content"]]
        counted = body["usage"]
    assert signatures == [f"claude#{SIGNED}", f"claude#{other}"]
    assert blocks == ["thinking", "thinking", "text"]
    assert (cache.get("claude-y", "T"), cache.get("claude-y", "VW"), cache.get("claude-y", "TVW")) == (
        SIGNED,
        other,
        "",
    )
    assert counted == {"input_tokens": 60, "cache_read_input_tokens": 40, "output_tokens": 30}


@pytest.mark.parametrize(("upstream", "expected"), [("antigravity", 10), ("gemini-cli", 0)])
def test_the_first_usage_is_that_of_antigravity(upstream: Format, expected: int) -> None:
    found = claude_events(*wrapped(chunk("a", usage=counts(10, 1)), FINISH), upstream=upstream)
    assert found[0]["message"]["usage"]["input_tokens"] == expected


def test_the_stand_in_is_no_signature() -> None:
    found = claude_events(*wrapped(chunk(thought("T", SKIP)), FINISH), upstream="antigravity")
    assert SKIP not in json.dumps(found)


def test_a_signature_of_another_block_is_not_that_of_the_text_before() -> None:
    cache = remembering()
    speaker = Talk("claude", "antigravity", ASKED, "claude-x", Hub(cache))
    body = speaker.body(wrapped(whole(thought("T"), {"text": "a"}, thought("", SIGNED)))[0])
    assert body["content"] == [
        {"type": "thinking", "thinking": "T"}, {"type": "text", "text": "a"},
        {"type": "thinking", "thinking": "", "signature": f"claude#{SIGNED}"},
    ]  # fmt: skip
    assert len(cache) == 1


@pytest.mark.parametrize(
    ("client", "upstream"), [("openai", "antigravity"), ("claude", "gemini"), ("claude", "gemini-cli")]
)
def test_signatures_leave_from_antigravity_to_claude_only(client: Format, upstream: Format) -> None:
    cache = remembering()
    speaker = Talk(client, upstream, ASKED, "gemini-3", Hub(cache))
    stream = speaker.stream(wrapped(chunk(thought("T", SIGNED)), FINISH))
    assert SIGNED.encode() not in stream
    assert len(cache) == 1


# Responses


def responses(*chunks: Any, **more: Any) -> list[Any]:
    return talk("openai-response", **more).payloads(chunks)


def order(found: list[Any]) -> Iterator[str]:
    for event in found:
        item = event.get("item", {}).get("type")
        yield event["type"].removeprefix("response.") + (f" {item}" if item else "")


@pytest.mark.case("translation:82")
def test_responses_stream() -> None:
    parts = ["", "a", "b", call("f"), call("g", args={"x": 1}), call("h")]
    chunks = [{**chunk(part), "responseId": "r1"} for part in parts] + [FINISH]
    found = responses(*wrapped(*chunks), upstream="gemini-cli")
    assert found[0]["response"]["id"] == "resp_r1"
    names = [*order(found)]
    wanted = ["output_text.done", "content_part.done", "output_item.done message", "output_item.added function_call"]
    places = [names.index(name) for name in wanted]
    assert places == sorted(places)
    assert next(event["text"] for event in found if event["type"] == "response.output_text.done") == "ab"
    calls = [name for name in names if "function_call" in name]
    once = ["output_item.added function_call", "function_call_arguments.delta", "function_call_arguments.done",
            "output_item.done function_call"]  # fmt: skip
    assert calls == once * 3
    arguments = [event["arguments"] for event in found if event["type"] == "response.function_call_arguments.done"]
    assert arguments == ["{}", '{"x":1}', "{}"]
    items = found[-1]["response"]["output"]
    assert [item["type"] for item in items] == ["message", "function_call", "function_call", "function_call"]
    assert all(re.fullmatch(r"call_\d+_\d+", item["call_id"]) for item in items[1:])


@pytest.mark.case("translation:82")
def test_a_call_before_the_text() -> None:
    found = responses(chunk(call("f")), chunk("a"), FINISH)
    assert [item["type"] for item in found[-1]["response"]["output"]] == ["function_call", "message"]


@pytest.mark.case("translation:83")
@pytest.mark.parametrize("signature", [SIGNED, SKIP])
def test_responses_reasoning(signature: str) -> None:
    found = responses(chunk(thought("", signature)), chunk(thought("T")), chunk("a"), FINISH)
    items = [event["item"] for event in found if event.get("item", {}).get("type") == "reasoning"]
    shown = signature if signature != SKIP else ""
    assert [item.get("encrypted_content", "") for item in items] == [shown, shown]
    assert items[1]["summary"] == [{"type": "summary_text", "text": "T"}]
    assert SKIP not in json.dumps(found)


def test_the_parts_of_a_whole_answer_are_those_of_the_stream() -> None:
    """``body`` and ``feed`` read into the same builder."""
    from cliproxy.translation.builder import collect

    parts = [thought("T", SIGNED), thought("U"), "a", {"executableCode": {"language": "PYTHON", "code": "1"}},
             {"codeExecutionResult": {"outcome": "OK", "output": "1"}}, {"inlineData": {"mimeType": "a/b", "data": PNG}},
             call("f", id="i"), "b"]  # fmt: skip

    def read(stream: bool) -> Response:
        speaker = talk("openai-response")
        decoder = speaker.hub.decoder(speaker.exchange())
        if stream:
            for found in [*(chunk(part, responseId="r1", modelVersion="up") for part in parts), FINISH]:
                decoder.feed(exactjson.dumps(found))
        else:
            decoder.body(exactjson.dumps(whole(*parts)))
        return collect(decoder.builder.take())

    streamed, complete = read(True), read(False)
    assert streamed.candidates == complete.candidates
    assert len(streamed.parts) == len(parts)
    assert streamed.usage == complete.usage
