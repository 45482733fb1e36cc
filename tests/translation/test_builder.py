"""The order of answer events, whatever a decoder says (translation.md 1.8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from translation.order import violations

from cliproxy.translation.builder import AnswerBuilder, collect
from cliproxy.translation.events import (
    AnswerCall,
    AnswerText,
    AnswerThinking,
    End,
    Finish,
    PartStart,
    PartStop,
    Start,
    TextDelta,
    Usage,
)
from cliproxy.translation.model import Image, Signature

SIGNED = Signature("s", "gemini")

STEPS: dict[str, Callable[[AnswerBuilder, int], None]] = {
    "start": lambda builder, candidate: builder.start("id", "m", 1),
    "text": lambda builder, candidate: builder.text("t", candidate),
    "empty": lambda builder, candidate: builder.text("", candidate),
    "thinking": lambda builder, candidate: builder.thinking("h", candidate),
    "open_text": lambda builder, candidate: builder.open_text(candidate),
    "open_thinking": lambda builder, candidate: builder.open_thinking(summary=True, candidate=candidate),
    "tool": lambda builder, candidate: builder.tool("i", "f", candidate=candidate),
    "arguments": lambda builder, candidate: builder.arguments("{}", candidate),
    "signature": lambda builder, candidate: builder.signature(SIGNED, candidate),
    "citation": lambda builder, candidate: builder.citation({"url": "u"}, candidate),
    "whole": lambda builder, candidate: builder.whole(Image("image/png", "AA=="), candidate),
    "close": lambda builder, candidate: builder.close(candidate),
    "finish": lambda builder, candidate: builder.finish("length", "MAX", candidate=candidate),
    "end": lambda builder, candidate: builder.end(Usage(1, 2)),
}


def built(*steps: str | tuple[str, int]) -> list[Any]:
    builder = AnswerBuilder()
    for step in steps:
        name, candidate = step if isinstance(step, tuple) else (step, 0)
        STEPS[name](builder, candidate)
    builder.end()
    return builder.take()


@given(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 2)), max_size=25))
def test_any_order_of_steps_is_well_formed(steps: list[tuple[str, int]]) -> None:
    events = built(*steps)
    assert violations(events) == []
    collect(events)


def test_a_change_of_kind_closes_the_open_part() -> None:
    kinds = [type(event) for event in built("thinking", "text", "text")]
    assert kinds.count(PartStart) == kinds.count(PartStop) == 2
    assert built("text", "text")[-3] == PartStop(0, "tt")


def test_everything_is_closed_at_the_end() -> None:
    events = built("tool", "arguments")
    assert events[-3:] == [PartStop(0, "{}"), Finish("tool_calls"), End(None)]


def test_a_call_beats_every_other_reason() -> None:
    assert built("tool", "close", "finish")[-2] == Finish("tool_calls", "MAX")
    assert built("text", "finish")[-2] == Finish("length", "MAX")


def test_nothing_follows_the_end() -> None:
    builder = AnswerBuilder()
    builder.end()
    for step in STEPS.values():
        step(builder, 0)
    assert [type(event) for event in builder.take()] == [Start, Finish, End]


def test_candidates_are_kept_apart() -> None:
    events = built(("text", 0), ("text", 1), ("text", 0), ("tool", 1))
    assert [event.candidate for event in events if isinstance(event, TextDelta)] == [0, 1, 0]
    assert [candidate.finish.reason for candidate in collect(events).candidates] == ["stop", "tool_calls"]


def test_collecting() -> None:
    steps = ("thinking", "close", "thinking", "signature", "text", "citation", "close", "text", "tool", "whole", "text")
    assert collect(built(*steps)).parts == (
        AnswerThinking("hh", SIGNED), AnswerText("tt", ({"url": "u"},)), AnswerCall("i", "f", ""),
        Image("image/png", "AA=="), AnswerText("t"),
    )  # fmt: skip


def test_summaries_and_signed_thoughts_are_not_joined() -> None:
    assert [part.text for part in collect(built("open_thinking", "thinking", "open_thinking", "thinking")).parts] == [
        "h", "h",
    ]  # fmt: skip
    assert len(collect(built("thinking", "signature", "close", "thinking")).parts) == 2
