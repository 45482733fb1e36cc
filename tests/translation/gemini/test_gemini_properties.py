"""What holds for any input: nothing raises, events stay in order, requests stay such as the API takes."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from translation.exchanges import Talk, events
from translation.gemini.gemini_talk import SIGNED, answer, call, chunk, counts, model, sent, user
from upstream.refusals.gemini import reasons

from cliproxy.translation import exactjson
from cliproxy.translation.events import (
    ArgumentsDelta,
    End,
    Event,
    Finish,
    PartStart,
    PartStop,
    SignatureSeen,
    Start,
    TextDelta,
    ThinkingDelta,
)
from cliproxy.translation.formats import Format
from cliproxy.translation.gemini.dialects import convert
from cliproxy.translation.gemini.request_decoder import decode

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
TARGETS: tuple[Format, ...] = ("openai", "claude", "codex")
DIALECTS: tuple[Format, ...] = ("gemini", "gemini-cli", "antigravity")


def holes(whole: Any) -> list[tuple[Any, ...]]:
    """The paths of all fields and items."""
    members = whole.items() if isinstance(whole, dict) else enumerate(whole) if isinstance(whole, list) else ()
    return [path for key, value in members for path in ((key,), *((key, *rest) for rest in holes(value)))]


def with_hole(whole: Any, path: tuple[Any, ...], filling: Any) -> Any:
    changed = copy.deepcopy(whole)
    node = changed
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = filling
    return changed


REQUEST = {
    "systemInstruction": user("S"),
    "contents": [
        user("u", {"inlineData": {"mimeType": "image/png", "data": "QUJD"}}),
        model({"text": "r", "thought": True, "thoughtSignature": SIGNED}, call("f", SIGNED, args={"a": 1}), call("g")),
        user(answer("f", {"result": "x"}), answer("g", {"output": [1]}, id="i"), {"fileData": {"fileUri": "u", "mimeType": "a/b"}}),
    ],
    "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}}]}, {"googleSearch": {}}],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    "generationConfig": {
        "temperature": 1, "maxOutputTokens": 2, "stopSequences": ["s"], "candidateCount": 1,
        "responseMimeType": "application/json", "responseSchema": {"type": "OBJECT"}, "responseModalities": ["TEXT"],
        "imageConfig": {"aspectRatio": "1:1"}, "thinkingConfig": {"thinkingBudget": 1, "includeThoughts": True},
    },
    "safetySettings": [],
}  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(holes(REQUEST)), JSON)
def test_any_value_in_any_field_of_a_request(path: tuple[Any, ...], value: Any) -> None:
    body = with_hole(REQUEST, path, value)
    kept = copy.deepcopy(body)
    decode(body)
    decode({"request": body}, "gemini-cli")
    for target in TARGETS:
        Talk("gemini", target, body).exchange()
    for target in DIALECTS:
        convert("gemini", target, body, "m")
        convert("gemini-cli", target, {"request": body}, "claude-m")
    assert body == kept


ANSWER = {
    "candidates": [
        {
            "index": 0,
            "content": model(
                {"text": "r", "thought": True, "thoughtSignature": SIGNED}, "a", call("f", id="i", args={"a": 1}),
                {"inlineData": {"mimeType": "image/png", "data": "QUJD"}}, {"executableCode": {"language": "P", "code": "c"}},
            ),
            "finishReason": "STOP",
        },
        {"index": 1, "content": model("b"), "finishReason": "STOP"},
    ],
    "usageMetadata": counts(1, 2, thoughts=3),
    "responseId": "r", "modelVersion": "m", "createTime": "2025-01-01T00:00:00Z",
    "promptFeedback": {"blockReason": "SAFETY"},
}  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(holes(ANSWER)), JSON, st.sampled_from(["openai", "claude", "openai-response"]), st.booleans())
def test_any_value_in_any_field_of_an_answer(path: tuple[Any, ...], value: Any, client: Format, wrapped: bool) -> None:
    changed = with_hole(ANSWER, path, value)
    speaker = Talk(client, "antigravity", {"messages": [{"role": "user", "content": "u"}], "input": "u"}, "claude-m")
    data = exactjson.dumps({"response": changed} if wrapped else changed)
    for whole in (False, True):
        decoder = speaker.hub.decoder(speaker.exchange())
        if whole:
            decoder.body(data)
        else:
            decoder.feed(data)
            decoder.finish()
        assert decoder.error is None
        found = decoder.builder.take()
        assert_in_order(found)
        speaker.hub.encoder(speaker.exchange()).events(found)


def assert_in_order(found: list[Event]) -> None:
    """One start, parts that do not overlap within a candidate, one finish each, one end."""
    assert isinstance(found[0], Start)
    assert isinstance(found[-1], End)
    assert sum(isinstance(event, Start | End) for event in found) == 2
    kinds = {TextDelta: "text", ThinkingDelta: "thinking", ArgumentsDelta: "tool", SignatureSeen: "thinking"}
    opened: dict[int, PartStart] = {}
    finished: set[int] = set()
    for event in found[1:-1]:
        candidate = getattr(event, "candidate", 0)
        assert candidate not in finished
        if isinstance(event, PartStart):
            assert candidate not in opened
            opened[candidate] = event
        elif isinstance(event, PartStop):
            assert opened.pop(candidate).n == event.n
        elif isinstance(event, Finish):
            assert candidate not in opened
            finished.add(candidate)
        elif (kind := kinds.get(type(event))) is not None:
            assert (opened[candidate].kind, opened[candidate].n) == (kind, getattr(event, "n", None))
        else:
            assert candidate not in opened
    assert not opened
    assert 0 in finished


@settings(deadline=None)
@given(st.binary(max_size=60))
@example(b'{"error":" "}')
def test_any_bytes_from_the_upstream(data: bytes) -> None:
    speaker = Talk("claude", "gemini", {"messages": []})
    decoder = speaker.hub.decoder(speaker.exchange())
    decoder.feed(data)
    decoder.body(data)
    decoder.finish()
    events = decoder.builder.take()
    if events or decoder.error is None:  # nothing but an error: no answer has begun
        assert_in_order(events)


# Chat histories with calls and results at any place

CHAT_PARTS = st.one_of(
    st.builds(lambda words: {"role": "user", "content": words}, st.text(max_size=3)),
    st.builds(lambda words: {"role": "assistant", "content": words}, st.text(max_size=3)),
    st.builds(
        lambda ids: {
            "role": "assistant",
            "tool_calls": [{"id": one, "type": "function", "function": {"name": f"f{one}", "arguments": "{}"}} for one in ids],
        },
        st.lists(st.sampled_from(["1", "2", "3"]), min_size=1, max_size=3),
    ),
    st.builds(
        lambda one, words: {"role": "tool", "tool_call_id": one, "content": words},
        st.sampled_from(["1", "2", "3", "4", ""]), st.text(max_size=3),
    ),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(CHAT_PARTS, max_size=8), st.sampled_from(DIALECTS))
def test_any_history_of_a_chat_client_is_one_that_the_api_takes(messages: list[Any], target: Format) -> None:
    speaker = Talk("openai", target, {"messages": messages}, "gemini-3")
    body = speaker.exchange().sent
    inner = body if target == "gemini" else body["request"]
    found = [*reasons(inner, "gemini-3")]
    assert found in ([], ["contents: not a list of at least one content"])
    assert (found == []) == bool(inner["contents"])


@pytest.mark.parametrize("target", DIALECTS)
@pytest.mark.parametrize("depth", [50, 200])
def test_deep_schemas_and_arguments(target: Format, depth: int) -> None:
    schema: Any = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}}
    arguments = '{"a":' * depth + "1" + "}" * depth
    messages = [
        {"role": "user", "content": "u"},
        {
            "role": "assistant",
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": arguments},
    ]
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    inner = sent("openai", target, {"messages": messages, "tools": tools}, "gemini-2.5-pro")
    data = exactjson.dumps(inner)
    assert data.count(arguments.encode()) == 2
    back = decode(json.loads(data))
    assert exactjson.dumps(Talk("gemini", "claude", json.loads(data)).exchange().sent).count(b'"properties"') >= depth
    assert len(back.turns) == 3


def test_a_megabyte_of_arguments_and_lone_surrogates() -> None:
    args = {"text": "é" * 500_000, "half": "\ud83d"}
    stream = Talk("openai", "gemini", {"messages": [{"role": "user", "content": "u"}]}).stream(
        events(chunk("\ude00", call("f", id="i", args=args)), chunk(finish="STOP", usage=counts(1, 1)))
    )
    found = [json.loads(line[6:]) for line in stream.split(b"\n\n") if line]
    text = [one["choices"][0]["delta"]["content"] for one in found if "content" in one["choices"][0]["delta"]]
    assert text == ["\ude00"]
    calls = [part for one in found for part in one["choices"][0]["delta"].get("tool_calls", [])]
    assert json.loads("".join(part["function"]["arguments"] for part in calls)) == args
    back = Talk(
        "gemini", "openai", {"contents": [user("\ud83d"), model(call("f", args=args)), user(answer("f", args))]}
    )
    body = json.loads(exactjson.dumps(back.exchange().sent))
    assert json.loads(body["messages"][1]["tool_calls"][0]["function"]["arguments"]) == args
    assert json.loads(body["messages"][2]["content"]) == args
