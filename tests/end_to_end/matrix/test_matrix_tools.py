"""Tools through every SDK before every upstream: calls, results in any order, declarations, choices (translation.md 1.3, 2)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from end_to_end.matrix.sdks import ANTHROPIC, BOTH_WAYS, CHAT, EACH_SDK, GENAI, RESPONSES, SDKS, Begin, Sdk
from end_to_end.matrix.seen import Answered
from end_to_end.matrix.talk import TOOLS, Result, Talk
from end_to_end.matrix.targets import CODEX, EACH_TARGET, GEMINI, TARGETS, Target
from upstream.content import ONE_TOOL, SIGNATURE, TEXT, THINKING, TWO_TOOLS, Reply, ToolCall
from upstream.plan import Plan
from upstream.server import FakeUpstream

TOOL_STOPS: dict[Sdk, Any] = {
    CHAT: "tool_calls", RESPONSES: ("completed", None), ANTHROPIC: "tool_use", GENAI: "STOP",
}  # fmt: skip
TWICE = Reply(
    calls=(
        ToolCall("call_p", "get_weather", '{"city":"Paris","days":1}'),
        ToolCall("call_o", "get_weather", '{"city":"Oslo","days":1}'),
    ),
    signature=SIGNATURE,
)
"""Parallel calls that only their ids and arguments tell apart."""
EXACT = Reply(calls=(ToolCall("call_e", "get_time", '{"zone":"Ж\\n\\"x\\"","n":12345678901234567890,"f":1.0}'),))
"""Arguments whose text matters."""


def said(result: Result) -> list[tuple[str, Any]]:
    return [(call.name, call.args) for call in result.calls]


def wanted(reply: Reply) -> list[tuple[str, Any]]:
    return [(call.name, json.loads(call.arguments)) for call in reply.calls]


def words_of(result: Result) -> list[str]:
    """A result per call that says which call it is of."""
    return [f"result of {json.dumps(call.args, sort_keys=True)}" for call in result.calls]


def expected(result: Result) -> tuple[Answered, ...]:
    pairs = zip(result.calls, words_of(result), strict=True)
    return tuple(Answered(call.name, call.args, words) for call, words in pairs)


def first_answer(talk: Talk, upstream: FakeUpstream, reply: Reply, stream: bool) -> Result:
    upstream.plan(Plan(reply=reply))
    talk.say("how is it there?")
    return talk.ask(stream=stream)


@BOTH_WAYS
@EACH_TARGET
@EACH_SDK
def test_round_trip(begin: Begin, upstream: FakeUpstream, sdk: Sdk, target: Target, stream: bool) -> None:
    talk = begin(sdk, target, system="be brief", tools=True)
    result = first_answer(talk, upstream, ONE_TOOL, stream)
    assert (said(result), result.text, result.stop) == (wanted(ONE_TOOL), "", TOOL_STOPS[sdk])
    talk.give(zip(result.calls, words_of(result), strict=True))
    assert talk.ask(stream=stream).text == TEXT.joined
    seen = target.read(upstream.requests[1].json)
    assert seen.answered == expected(result)
    assert (seen.system, seen.said) == ("be brief", (("user", "how is it there?"),))
    assert {name: (tool["properties"], tool["required"]) for name, tool in seen.tools.items()} == {
        name: (tool["properties"], tool["required"]) for name, tool in TOOLS.items()
    }


@pytest.mark.parametrize("reply", [TWO_TOOLS, TWICE], ids=["two tools", "one tool twice"])
@BOTH_WAYS
@EACH_TARGET
@EACH_SDK
def test_results_in_reverse_order(
    begin: Begin, upstream: FakeUpstream, sdk: Sdk, target: Target, stream: bool, reply: Reply
) -> None:
    talk = begin(sdk, target, tools=True)
    result = first_answer(talk, upstream, reply, stream)
    assert (said(result), result.text, result.stop) == (wanted(reply), reply.joined, TOOL_STOPS[sdk])
    assert len({call.id for call in result.calls}) == 2
    talk.give(reversed(list(zip(result.calls, words_of(result), strict=True))))
    assert talk.ask(stream=stream).text == TEXT.joined
    assert target.read(upstream.requests[1].json).answered == expected(result)


@BOTH_WAYS
@EACH_SDK
def test_calls_of_gemini_without_ids(begin: Begin, upstream: FakeUpstream, sdk: Sdk, stream: bool) -> None:
    """Google's own answers have none; the ids that we make lead back to their calls (translation.md 1.11, 4.6)."""
    reply = replace(TWICE, calls=tuple(replace(call, id="") for call in TWICE.calls))
    talk = begin(sdk, GEMINI, tools=True)
    result = first_answer(talk, upstream, reply, stream)
    assert said(result) == wanted(reply)
    pairs = list(zip(result.calls, words_of(result), strict=True))
    if sdk is not GENAI:  # its program has only the order
        assert len({call.id for call in result.calls}) == 2
        pairs.reverse()
    talk.give(pairs)
    assert talk.ask(stream=stream).text == TEXT.joined
    assert GEMINI.read(upstream.requests[1].json).answered == expected(result)


@BOTH_WAYS
@EACH_TARGET
@EACH_SDK
def test_thoughts_and_calls_go_back(
    begin: Begin, upstream: FakeUpstream, sdk: Sdk, target: Target, stream: bool
) -> None:
    """No upstream gets a thought that it has not signed, nor one in the wrong place; three rounds of it."""
    talk = begin(sdk, target, tools=True, thinking="on", max_tokens=3000)
    for number in range(3):
        calls = tuple(replace(call, id=f"call_{number}_{call.name}") for call in TWO_TOOLS.calls)
        result = first_answer(talk, upstream, replace(THINKING, calls=calls), stream)
        assert (result.thinking.strip(), result.text) == (THINKING.thoughts, TEXT.joined)
        talk.give(reversed(list(zip(result.calls, words_of(result), strict=True))))
        assert talk.ask(stream=stream).text == TEXT.joined
    assert len(target.read(upstream.requests[-1].json).answered) == 6


@BOTH_WAYS
@EACH_TARGET
@EACH_SDK
def test_arguments_stay_exact(begin: Begin, upstream: FakeUpstream, sdk: Sdk, target: Target, stream: bool) -> None:
    talk = begin(sdk, target, tools=True)
    result = first_answer(talk, upstream, EXACT, stream)
    assert said(result) == wanted(EXACT)
    talk.give(zip(result.calls, ["x"], strict=True))
    talk.ask(stream=stream)
    assert target.read(upstream.requests[1].json).answered[0].args == json.loads(EXACT.calls[0].arguments)


@pytest.mark.parametrize("choice", ["required", "none", "get_time"])
@EACH_TARGET
@EACH_SDK
def test_choice(begin: Begin, upstream: FakeUpstream, sdk: Sdk, target: Target, choice: str) -> None:
    talk = begin(sdk, target, tools=True, choice=choice)
    talk.say("hi")
    talk.ask(stream=False)
    assert target.read(upstream.requests[0].json).choice == choice


@pytest.mark.parametrize("text", ["[1, 2]", '{"a": 1}', "7", "", "null", " "], ids=repr)
@EACH_TARGET
@EACH_SDK
def test_any_text_is_a_result(begin: Begin, upstream: FakeUpstream, sdk: Sdk, target: Target, text: str) -> None:
    talk = begin(sdk, target, tools=True)
    result = first_answer(talk, upstream, ONE_TOOL, stream=False)
    talk.give(zip(result.calls, [text], strict=True))
    assert talk.ask(stream=False).text == TEXT.joined
    arrived = target.read(upstream.requests[1].json).answered[0].result
    assert arrived == text or json.loads(arrived) == json.loads(text)


OTHERS = [
    pytest.param(sdk, before, after, id=f"{sdk}-{before}-{after}")
    for sdk in SDKS
    for before in TARGETS
    for after in TARGETS
    if before is not after
]


@pytest.mark.parametrize(("sdk", "before", "after"), OTHERS)
def test_a_conversation_moves_to_another_model(
    begin: Begin, upstream: FakeUpstream, sdk: Sdk, before: Target, after: Target
) -> None:
    """What one upstream has signed is not shown to the other."""
    talk = begin(sdk, before, tools=True)
    result = first_answer(talk, upstream, replace(THINKING, calls=TWO_TOOLS.calls), stream=True)
    talk.give(zip(result.calls, words_of(result), strict=True))
    talk.model = after.model
    moved = talk.ask(stream=True)
    assert (moved.text, moved.models) == (TEXT.joined, {after.model})
    assert after.read(upstream.requests[1].json).answered == expected(result)
    if after is not CODEX:
        assert after.read(upstream.requests[1].json).said[-1] == ("assistant", TEXT.joined)
