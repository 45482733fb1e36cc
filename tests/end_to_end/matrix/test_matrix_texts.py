"""Plain conversations through every SDK before every upstream: words, names, numbers, ends (translation.md 0.8, 1.9, 1.10)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import openai
import pytest
from end_to_end.matrix.sdks import ANTHROPIC, BOTH_WAYS, CHAT, EACH_SDK, GENAI, RESPONSES, SDKS, Begin, Sdk
from end_to_end.matrix.talk import Counts
from end_to_end.matrix.targets import EACH_TARGET, TARGETS, Target
from upstream import chat, claude, codex, gemini
from upstream.content import TEXT, THINKING, Reply, Usage, long_text
from upstream.plan import Plan, at_random, per_byte
from upstream.server import FakeUpstream

STOPS: dict[str, dict[Sdk, Any]] = {
    "stop": {CHAT: "stop", RESPONSES: ("completed", None), ANTHROPIC: "end_turn", GENAI: "STOP"},
    "length": {
        CHAT: "length", RESPONSES: ("completed", "max_output_tokens"), ANTHROPIC: "max_tokens", GENAI: "MAX_TOKENS",
    },
    "content_filter": {
        CHAT: "content_filter", RESPONSES: ("completed", None), ANTHROPIC: "end_turn", GENAI: "SAFETY",
    },
}  # fmt: skip
OWN_STOPS: dict[tuple[str, Sdk], Any] = {
    ("length", RESPONSES): ("incomplete", "max_output_tokens"),
    ("content_filter", RESPONSES): ("incomplete", "content_filter"),
    ("content_filter", ANTHROPIC): "refusal",
}
"""What passes through where client and upstream speak the same format."""


HELPER_RAISES = {"length": openai.LengthFinishReasonError, "content_filter": openai.ContentFilterFinishReasonError}
"""How the stream helper of Chat Completions tells it."""


def stop_of(kind: str, sdk: Sdk, target: Target) -> Any:
    own = OWN_STOPS.get((kind, sdk)) if sdk.own == target.name else None
    return own or STOPS[kind][sdk]


def sent_model(request: Any) -> str:
    return str(request.json.get("model") or request.path.rpartition("/")[2].partition(":")[0])


@BOTH_WAYS
@EACH_TARGET
@EACH_SDK
def test_text(begin: Begin, upstream: FakeUpstream, sdk: Sdk, target: Target, stream: bool) -> None:
    talk = begin(sdk, target, system="be brief")
    talk.say("hi")
    result = talk.ask(stream=stream)
    assert (result.text, result.thinking, result.calls) == (TEXT.joined, "", ())
    assert (result.stop, result.models) == (STOPS["stop"][sdk], {target.model})
    assert result.id
    (request,) = upstream.requests
    seen = target.read(request.json)
    assert (seen.system, seen.said) == ("be brief", (("user", "hi"),))
    assert sent_model(request) == target.upstream_model


@BOTH_WAYS
@EACH_TARGET
@EACH_SDK
def test_the_answer_goes_back_as_history(
    begin: Begin, upstream: FakeUpstream, sdk: Sdk, target: Target, stream: bool
) -> None:
    talk = begin(sdk, target)
    for words in ("hi", "and now?"):
        talk.say(words)
        assert talk.ask(stream=stream).text == TEXT.joined
    seen = target.read(upstream.requests[1].json)
    assert seen.said == (("user", "hi"), ("assistant", TEXT.joined), ("user", "and now?"))


@pytest.mark.parametrize("suffix", ["(high)", "(2048)"])
@BOTH_WAYS
@EACH_TARGET
@EACH_SDK
def test_the_clients_name_of_the_model_is_in_the_answer(
    begin: Begin, upstream: FakeUpstream, sdk: Sdk, target: Target, stream: bool, suffix: str
) -> None:
    """Also with a suffix (design D20)."""
    talk = begin(sdk, target.model + suffix, max_tokens=16000)  # passed through, the budget is not checked against it
    talk.say("hi")
    assert talk.ask(stream=stream).models == {target.model + suffix}
    assert sent_model(upstream.requests[0]) == target.upstream_model


@BOTH_WAYS
@EACH_TARGET
@EACH_SDK
def test_usage(begin: Begin, sdk: Sdk, target: Target, stream: bool) -> None:
    talk = begin(sdk, target)
    talk.say("hi")
    told = Usage()
    reasoning = None if sdk is ANTHROPIC else 0 if target.name == "claude" else told.reasoning
    expected = Counts(told.prompt, told.cached, told.completion, reasoning)
    assert talk.ask(stream=stream).counts == expected


@pytest.mark.parametrize("usage", [Usage(7, 0, 3, 0), Usage(7, 7, 3, 3)], ids=["no details", "all details"])
@EACH_TARGET
@EACH_SDK
def test_usage_at_its_borders(begin: Begin, upstream: FakeUpstream, sdk: Sdk, target: Target, usage: Usage) -> None:
    upstream.always(Plan(reply=replace(TEXT, usage=usage)))
    talk = begin(sdk, target)
    talk.say("hi")
    counts = talk.ask(stream=True).counts
    assert (counts.input, counts.cached, counts.output) == (usage.prompt, usage.cached, usage.completion)


@EACH_SDK
def test_reasoning_tokens_that_claude_does_not_tell(begin: Begin, upstream: FakeUpstream, sdk: Sdk) -> None:
    """Responses guess them from the thinking, the others leave them out (translation.md 1.9)."""
    upstream.always(Plan(reply=THINKING))
    talk = begin(sdk, "m-claude")
    talk.say("hi")
    guess = min(len(THINKING.thoughts) // 4, THINKING.usage.completion)
    assert talk.ask(stream=False).counts.reasoning == {RESPONSES: guess, ANTHROPIC: None}.get(sdk, 0)


@pytest.mark.parametrize("kind", ["length", "content_filter"])
@BOTH_WAYS
@EACH_TARGET
@EACH_SDK
def test_why_it_ended(begin: Begin, upstream: FakeUpstream, sdk: Sdk, target: Target, stream: bool, kind: Any) -> None:
    upstream.always(Plan(reply=replace(TEXT, stop=kind)))
    talk = begin(sdk, target)
    talk.say("hi")
    if sdk is CHAT and stream:
        with pytest.raises(HELPER_RAISES[kind]):
            talk.ask(stream=True)
        return
    result = talk.ask(stream=stream)
    assert (result.text, result.stop) == (TEXT.joined, stop_of(kind, sdk, target))


@BOTH_WAYS
@EACH_TARGET
@EACH_SDK
def test_an_empty_answer_is_one(begin: Begin, upstream: FakeUpstream, sdk: Sdk, target: Target, stream: bool) -> None:
    """Closed as every other, so that no client waits or tries again (translation.md 3.4)."""
    upstream.always(Plan(reply=Reply()))
    talk = begin(sdk, target)
    talk.say("hi")
    result = talk.ask(stream=stream)
    assert (result.text, result.calls, result.stop) == ("", (), STOPS["stop"][sdk])
    assert result.counts.input == Usage().prompt


@pytest.mark.parametrize("chop", [per_byte, at_random(11), at_random(12, 9)], ids=["bytes", "random", "tiny"])
@EACH_TARGET
@EACH_SDK
def test_any_border_between_pieces(begin: Begin, upstream: FakeUpstream, sdk: Sdk, target: Target, chop: Any) -> None:
    reply = replace(THINKING, text=(*TEXT.text, *long_text(60).text))
    upstream.always(Plan(reply=reply, chop=chop))
    talk = begin(sdk, target)
    talk.say("hi")
    result = talk.ask(stream=True)
    assert (result.text, result.thinking.strip()) == (reply.joined, reply.thoughts)


LAST = {"chat": 2, "claude": 3, "gemini": 1, "codex": 1}
"""How many events at the end of a stream only say that it has ended."""
VOICES = {"chat": chat, "claude": claude, "gemini": gemini, "codex": codex}


@pytest.mark.parametrize(
    ("sdk", "target"),
    [pytest.param(sdk, target, id=f"{sdk}-{target}") for sdk in SDKS for target in TARGETS if sdk.own != target.name],
)
def test_a_stream_that_just_stops_is_closed(begin: Begin, upstream: FakeUpstream, sdk: Sdk, target: Target) -> None:
    """The upstream leaves out its closing events (translation.md 0.5)."""
    events = list(VOICES[target.name].events(TEXT, target.upstream_model, {}))[: -LAST[target.name]]
    upstream.plan(Plan(events=tuple(events)))
    talk = begin(sdk, target)
    talk.say("hi")
    result = talk.ask(stream=True)
    assert (result.text, result.stop) == (TEXT.joined, STOPS["stop"][sdk])
