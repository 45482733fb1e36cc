"""Calls beside their results (clients.md 2)."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cliproxy.translation.model import Text, ToolCall, ToolResult, Turn
from cliproxy.translation.pairing import NO_RESULT, paired


def asked(*ids: str) -> Turn:
    return Turn("assistant", tuple(ToolCall(call_id, "f") for call_id in ids))


def answered(*ids: str, say: str = "") -> Turn:
    return Turn("tool", tuple(ToolResult(call_id, (Text(say or f"result of {call_id}"),)) for call_id in ids))


USER = Turn("user", (Text("U"),))


def shape(turns: Any) -> list[Any]:
    """(role, ids) per turn; texts count as themselves."""
    found = []
    for turn in turns:
        ids = [getattr(part, "id", None) or getattr(part, "call_id", None) or part.text for part in turn.parts]
        found.append((turn.role, *ids))
    return found


def results(turns: Any) -> dict[str, str]:
    parts = [part for turn in turns for part in turn.parts if isinstance(part, ToolResult)]
    return {part.call_id: part.content[0].text for part in parts}  # type: ignore[union-attr]


def test_results_in_any_order() -> None:
    turns = paired([asked("a", "b"), answered("b"), answered("a")], prefix="c")
    assert shape(turns) == [("assistant", "a", "b"), ("tool", "a", "b")]
    assert results(turns) == {"a": "result of a", "b": "result of b"}


def test_text_between_call_and_result_moves_behind() -> None:
    assert shape(paired([asked("a"), USER, answered("a")], prefix="c")) == [("assistant", "a"), ("tool", "a"), ("user", "U")]


def test_calls_in_turns_of_their_own() -> None:
    turns = paired([asked("a"), asked("b"), answered("a", "b")], prefix="c")
    assert shape(turns) == [("assistant", "a"), ("tool", "a"), ("assistant", "b"), ("tool", "b")]


def test_missing_and_stray_results() -> None:
    turns = paired([answered("stray"), asked("a"), USER, answered("stray")], prefix="c")
    assert shape(turns) == [("assistant", "a"), ("tool", "a"), ("user", "U")]
    assert results(turns) == {"a": NO_RESULT}


def test_ids_that_come_again_in_each_turn() -> None:
    history = [asked("x"), answered("x", say="first"), asked("x"), answered("x", say="second")]
    turns = paired(history, prefix="c")
    assert shape(turns) == [("assistant", "x"), ("tool", "x"), ("assistant", "x_2"), ("tool", "x_2")]
    assert results(turns) == {"x": "first", "x_2": "second"}


def test_calls_without_ids_are_answered_in_order() -> None:
    history = [asked("", ""), answered("", say="one"), answered("", say="two")]
    turns = paired(history, prefix="call_")
    first, second = (part.id for part in turns[0].parts)  # type: ignore[union-attr]
    assert first != second
    assert first.startswith("call_")
    assert results(turns) == {first: "one", second: "two"}


def test_calls_that_end_the_conversation_have_no_result_yet() -> None:
    assert shape(paired([USER, asked("a", "b")], prefix="c")) == [("user", "U"), ("assistant", "a", "b")]
    assert results(paired([asked("a", "b"), answered("b")], prefix="c")) == {"a": NO_RESULT, "b": "result of b"}


TURNS = st.lists(
    st.one_of(
        st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=3).map(lambda ids: asked(*ids)),
        st.lists(st.sampled_from(["a", "b", "d", ""]), max_size=3).map(lambda ids: answered(*ids)),
        st.just(USER),
    ),
    max_size=8,
)


@given(TURNS)
def test_always_one_result_per_call(history: list[Turn]) -> None:
    turns = paired([*history, USER], prefix="call_")
    calls = [[part.id for part in turn.parts if isinstance(part, ToolCall)] for turn in turns]
    seen: list[str] = []
    for number, ids in enumerate(calls):
        if ids:
            assert [part.call_id for part in turns[number + 1].parts if isinstance(part, ToolResult)] == ids
            seen += ids
    assert len(seen) == len(set(seen))
    assert sum(turn.role == "tool" for turn in turns) == sum(bool(ids) for ids in calls)
    assert all(turn.parts for turn in turns)
