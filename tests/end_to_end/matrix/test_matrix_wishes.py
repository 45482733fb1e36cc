"""What a client asks for reaches every upstream in its own words: pictures, thinking, formats, limits (translation.md 1)."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from end_to_end.matrix.sdks import ANTHROPIC, BOTH_WAYS, CHAT, EACH_SDK, GENAI, RESPONSES, Begin, Sdk
from end_to_end.matrix.talk import PICTURE, PICTURE_TEXT
from end_to_end.matrix.targets import CLAUDE as TO_CLAUDE
from end_to_end.matrix.targets import CODEX as TO_CODEX
from end_to_end.matrix.targets import EACH_TARGET, Target
from upstream.content import TEXT, THINKING, Reply
from upstream.plan import Plan
from upstream.server import FakeUpstream

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@BOTH_WAYS
@EACH_TARGET
@EACH_SDK
def test_a_picture(begin: Begin, upstream: FakeUpstream, sdk: Sdk, target: Target, stream: bool) -> None:
    """In standard base64 wherever it is written anew (clients.md 1)."""
    talk = begin(sdk, target)
    talk.say("what is this?", PICTURE)
    assert talk.ask(stream=stream).text == TEXT.joined
    seen = target.read(upstream.requests[0].json)
    ((mime, data),) = seen.pictures
    assert (mime, seen.said) == ("image/png", (("user", "what is this?"),))
    if sdk.own == target.name:
        data = data.replace("-", "+").replace("_", "/")
    assert data == PICTURE_TEXT
    assert base64.b64decode(data) == PICTURE


@BOTH_WAYS
@EACH_TARGET
@EACH_SDK
def test_thinking_is_shown(begin: Begin, upstream: FakeUpstream, sdk: Sdk, target: Target, stream: bool) -> None:
    upstream.always(Plan(reply=THINKING))
    talk = begin(sdk, target, thinking="on", max_tokens=3000)
    talk.say("hi")
    result = talk.ask(stream=stream)
    assert (result.text, result.thinking.strip()) == (TEXT.joined, THINKING.thoughts)


@EACH_TARGET
@EACH_SDK
def test_thinking_alone(begin: Begin, upstream: FakeUpstream, sdk: Sdk, target: Target) -> None:
    """An answer that never got to its text, sent back as history."""
    upstream.plan(Plan(reply=Reply(thinking=THINKING.thinking, signature=THINKING.signature)))
    talk = begin(sdk, target)
    talk.say("hi")
    assert talk.ask(stream=True).thinking.strip() == THINKING.thoughts
    talk.say("go on")
    assert talk.ask(stream=True).text == TEXT.joined


def budget(tokens: int) -> dict[str, Any]:
    return {"type": "enabled", "budget_tokens": tokens}


def dynamic(tokens: int) -> dict[str, Any]:
    return {"thinkingBudget": tokens, "includeThoughts": tokens > 0}


LEVEL_HIGH = {"chat": "high", "claude": budget(24576), "gemini": dynamic(24576), "codex": "high"}
BUDGET_2048 = {"chat": "medium", "claude": budget(2048), "gemini": dynamic(2048), "codex": "medium"}
OFF = {"chat": "none", "claude": {"type": "disabled"}, "gemini": dynamic(0), "codex": "none"}
WISHED: dict[str, dict[Sdk, dict[str, Any]]] = {
    "on": {CHAT: LEVEL_HIGH, RESPONSES: LEVEL_HIGH, ANTHROPIC: BUDGET_2048, GENAI: BUDGET_2048},
    "off": {CHAT: OFF, RESPONSES: OFF, ANTHROPIC: {**OFF, "gemini": None}, GENAI: OFF},
}
"""``disabled`` of Claude clients says nothing to Gemini (translation.md 1.5)."""


@pytest.mark.parametrize("wish", ["on", "off"])
@EACH_TARGET
@EACH_SDK
def test_thinking_is_asked_for(begin: Begin, upstream: FakeUpstream, sdk: Sdk, target: Target, wish: str) -> None:
    more = {"max_tokens": 3000} if sdk in (ANTHROPIC, GENAI) else {}
    talk = begin(sdk, target, thinking=wish, **more)
    talk.say("hi")
    talk.ask(stream=True)
    assert target.read(upstream.requests[0].json).thinking == WISHED[wish][sdk][target.name]


@EACH_TARGET
@EACH_SDK
def test_thinking_is_not_asked_for(begin: Begin, upstream: FakeUpstream, sdk: Sdk, target: Target) -> None:
    """Only Codex has a default of its own (translation.md 1.5)."""
    talk = begin(sdk, target)
    talk.say("hi")
    talk.ask(stream=False)
    default = "medium" if target is TO_CODEX and sdk is not RESPONSES else None
    assert target.read(upstream.requests[0].json).thinking == default


@EACH_SDK
def test_a_forced_tool_goes_before_thinking(begin: Begin, upstream: FakeUpstream, sdk: Sdk) -> None:
    """Claude refuses both together (translation.md 1.5)."""
    talk = begin(sdk, TO_CLAUDE, tools=True, choice="get_time", thinking="on", max_tokens=30000)
    talk.say("hi")
    talk.ask(stream=True)
    seen = TO_CLAUDE.read(upstream.requests[0].json)
    assert (seen.choice, seen.thinking) == ("get_time", None)


@pytest.mark.parametrize("sdk", [CHAT, RESPONSES, GENAI], ids=repr)
def test_thinking_and_temperature(begin: Begin, upstream: FakeUpstream, sdk: Sdk) -> None:
    """Claude takes only 1 beside thinking (clients.md 2)."""
    talk = begin(sdk, TO_CLAUDE, thinking="on", temperature=0.5, max_tokens=30000)
    talk.say("hi")
    assert talk.ask(stream=True).text == TEXT.joined


@pytest.mark.parametrize("most", [800, 1024, 2000])
@pytest.mark.parametrize("sdk", [CHAT, RESPONSES, GENAI], ids=repr)
def test_thinking_within_small_limits(begin: Begin, upstream: FakeUpstream, sdk: Sdk, most: int) -> None:
    """Claude wants a budget of 1024 at least and below the limit (clients.md 2)."""
    talk = begin(sdk, TO_CLAUDE, thinking="on", max_tokens=most)
    talk.say("hi")
    assert talk.ask(stream=False).text == TEXT.joined


@BOTH_WAYS
@EACH_TARGET
@pytest.mark.parametrize("sdk", [CHAT, RESPONSES, GENAI], ids=repr)
def test_structured_output(begin: Begin, upstream: FakeUpstream, sdk: Sdk, target: Target, stream: bool) -> None:
    """The schema reaches all but Claude, which has no such thing (translation.md 1.6)."""
    upstream.always(Plan(reply=Reply(text=('{"city":', '"Oslo"}'))))
    talk = begin(sdk, target, schema=SCHEMA)
    talk.say("where?")
    assert talk.ask(stream=stream).text == '{"city":"Oslo"}'
    assert target.read(upstream.requests[0].json).schema == (None if target is TO_CLAUDE else SCHEMA)


ASKED = {"max_tokens": 77, "temperature": 0.5, "stop": ["END"]}


@EACH_TARGET
@EACH_SDK
def test_limits(begin: Begin, upstream: FakeUpstream, sdk: Sdk, target: Target) -> None:
    """Codex takes none of them, Responses clients have no stop words (translation.md 1.4)."""
    talk = begin(sdk, target, max_tokens=77, temperature=0.5, stop="END")
    talk.say("hi")
    talk.ask(stream=False)
    expected = {} if target is TO_CODEX else dict(ASKED)
    if sdk is RESPONSES:
        expected.pop("stop", None)
    assert target.read(upstream.requests[0].json).limits == expected


@EACH_SDK
def test_claude_always_gets_a_limit(begin: Begin, upstream: FakeUpstream, sdk: Sdk) -> None:
    talk = begin(sdk, TO_CLAUDE)
    talk.say("hi")
    talk.ask(stream=False)
    most = 4000 if sdk is ANTHROPIC else 32000
    assert TO_CLAUDE.read(upstream.requests[0].json).limits == {"max_tokens": most}
