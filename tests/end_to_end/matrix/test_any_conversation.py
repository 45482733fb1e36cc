"""Any conversation of any client format arrives at every upstream as it was held, and no upstream refuses it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from end_to_end.families import CHAT, CLAUDE, GEMINI, PROTOCOLS, RESPONSES, Family
from end_to_end.matrix import spoken
from end_to_end.matrix.seen import Answered
from end_to_end.matrix.spoken import Round, Spoken, Use
from end_to_end.matrix.targets import TARGETS, Target
from end_to_end.proxy import Proxy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from upstream.content import TEXT
from upstream.server import FakeUpstream

WRITERS: Mapping[str, Callable[[Spoken], dict[str, Any]]] = {
    CHAT.name: spoken.chat, RESPONSES.name: spoken.responses, CLAUDE.name: spoken.claude, GEMINI.name: spoken.gemini,
}  # fmt: skip
PAIRS = [pytest.param(f, t, id=f"{f}-{t}") for f in PROTOCOLS for t in TARGETS if t.family is not f]
NAMES = (
    "get",
    "get_weather",
    "mcp__notes__find-it",
    "x" * 64,
    "mcp__" + "a" * 70 + "__do",
    "mcp__" + "b" * 70 + "__do",
)
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30).map(lambda text: f"<{text}>")
SOME = st.one_of(st.just(""), WORDS)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=5,
)
RESULTS = WORDS | st.sampled_from(("", "[1]", '{"a": 1.50}', "7", "null", '"quoted"'))


@st.composite
def uses(draw: st.DrawFn, number: int) -> tuple[Use, ...]:
    count = draw(st.integers(0, 3))
    return tuple(
        Use(
            f"id{number}-{index}", draw(st.sampled_from(NAMES)), draw(st.dictionaries(WORDS, VALUES, max_size=3)),
            draw(RESULTS),
        )
        for index in range(count)
    )  # fmt: skip


@st.composite
def rounds(draw: st.DrawFn, number: int) -> Round:
    used = draw(uses(number))
    said = draw(SOME) if used else draw(WORDS)
    order = tuple(draw(st.permutations(range(len(used)))))
    return Round(draw(WORDS), draw(st.booleans()), draw(SOME), said, used, order)


@st.composite
def conversations(draw: st.DrawFn) -> Spoken:
    count = draw(st.integers(0, 3))
    return Spoken(draw(SOME), tuple(draw(rounds(number)) for number in range(count)), draw(WORDS))


def own_names(tools: Mapping[str, Any]) -> Mapping[str, str]:
    """The client's names of the upstream's."""
    return {wire: next(iter(schema["properties"])).removeprefix("of ") for wire, schema in tools.items()}


def same(arrived: Answered, sent: Answered) -> bool:
    """Results that are JSON may have been read and written again."""
    if (arrived.name, arrived.args) != (sent.name, sent.args):
        return False
    return arrived.result == sent.result or json.loads(arrived.result) == json.loads(sent.result)


@pytest.mark.parametrize(("family", "target"), PAIRS)
def test_it_arrives(matrix: Proxy, upstream: FakeUpstream, family: Family, target: Target) -> None:
    @settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(conversations())
    def check(talk: Spoken) -> None:
        body = WRITERS[family.name](talk)
        answer = matrix.post(family.path(target.model), body if family is GEMINI else {"model": target.model, **body})
        assert upstream.refusals == []
        assert (answer.status, family.text(answer.json)) == (200, TEXT.joined)
        seen, wanted = target.read(upstream.requests[-1].json), talk.expected()
        names = own_names(seen.tools)
        assert sorted(names.values()) == talk.names
        arrived = [replace(item, name=names[item.name]) for item in seen.answered]
        assert all(map(same, arrived, wanted.answered))
        assert len(arrived) == len(wanted.answered)
        assert (seen.system, seen.said, seen.pictures) == (wanted.system, wanted.said, wanted.pictures)

    check()
