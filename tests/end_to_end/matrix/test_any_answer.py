"""Any answer of any upstream reaches every SDK as it was given, whole or streamed, whatever follows what in it."""

from __future__ import annotations

import json
from typing import Any

from end_to_end.matrix.sdks import EACH_SDK, GENAI, Begin, Sdk
from end_to_end.matrix.targets import EACH_TARGET, Target
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from upstream.content import SIGNATURE, Reply, ToolCall
from upstream.plan import Plan, at_random
from upstream.server import FakeUpstream

WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
PIECES = st.lists(WORDS.map(lambda text: f"<{text}>"), min_size=1, max_size=4).map(tuple)
MAYBE = st.one_of(st.just(()), PIECES)
ARGUMENTS = st.dictionaries(
    WORDS, st.one_of(WORDS, st.integers(0, 2**60), st.booleans(), st.lists(WORDS, max_size=2)), max_size=3
)


@st.composite
def replies(draw: st.DrawFn, number: int = 0) -> Reply:
    """Up to three segments."""
    arguments = draw(st.lists(ARGUMENTS, max_size=3))
    calls = tuple(
        ToolCall(f"call_{number}_{index}", draw(st.sampled_from(("get_weather", "get_time"))), json.dumps(args))
        for index, args in enumerate(arguments)
    )
    then = draw(replies(number + 1)) if number < 2 and draw(st.booleans()) else None
    return Reply(draw(MAYBE), draw(MAYBE), SIGNATURE, calls, then=then)


@EACH_TARGET
@EACH_SDK
def test_it_arrives(begin: Begin, upstream: FakeUpstream, sdk: Sdk, target: Target) -> None:
    @settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(replies(), st.integers(0, 99), st.booleans())
    def check(reply: Reply, seed: int, stream: bool) -> None:
        upstream.plan(Plan(reply=reply, chop=at_random(seed)))
        talk = begin(sdk, target, tools=True)
        talk.say("hi")
        result = talk.ask(stream=stream)
        assert result.text == reply.joined
        assert result.thinking.replace("\n\n", "") == reply.thoughts.replace("\n\n", "")
        calls: Any = [(call.name, call.args) for call in result.calls]
        assert calls == [(call.name, json.loads(call.arguments)) for call in reply.all_calls]
        ids = [call.id for call in result.calls]
        assert len(set(ids)) == len(ids) or sdk is GENAI
        if sdk.own != target.name:  # what passes through is as good as it came
            if calls:
                talk.give((call, "done") for call in result.calls)
            talk.say("and?")
            upstream.plan(Plan())
            talk.ask(stream=stream)

    check()
