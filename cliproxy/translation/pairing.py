"""Tool calls beside their results, as Chat, Messages and Responses upstreams demand (clients.md 2).

Results come in any order and anywhere; upstreams want one per call, directly after the turn that made the calls, and
no others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from cliproxy.translation.ids import random_id
from cliproxy.translation.model import Part, Text, ToolCall, ToolResult, Turn

NO_RESULT = "No result was recorded for this call."
"""What stands for the result of a call that the client never answered."""


BEGIN = "Begin."
"""What the user said, where an upstream needs a user's turn and the client sent none."""


class _Call:
    """One call of the history, with the result that answers it once found."""

    __slots__ = ("id", "part", "result")

    def __init__(self, part: ToolCall, unique: str) -> None:
        self.part, self.id = part, unique
        self.result: ToolResult | None = None


def paired(turns: Sequence[Turn], *, prefix: str, spelled: Callable[[str], str] = str) -> list[Turn]:
    """The turns with one ``tool`` turn after each turn with calls, one result per call, in call order.

    Only calls that end the conversation may stay without any result: nobody can have answered them yet.

    Every id is unique and written as ``spelled`` says; calls without one get ``prefix`` and random characters. A
    result that answers no call is left out, a call without a result gets ``NO_RESULT``. Turns that hold nothing any
    more are left out too.
    """
    if not any(isinstance(part, ToolCall | ToolResult) for turn in turns for part in turn.parts):
        return [turn for turn in turns if turn.parts]
    calls, by_turn = _calls(turns, prefix, spelled)
    _answer(turns, calls)
    return list(_laid_out(turns, by_turn))


def _calls(
    turns: Sequence[Turn], prefix: str, spelled: Callable[[str], str]
) -> tuple[list[tuple[int, _Call]], dict[int, list[_Call]]]:
    """All calls with the number of their turn, and the same by turn."""
    used: set[str] = set()
    calls: list[tuple[int, _Call]] = []
    by_turn: dict[int, list[_Call]] = {}
    for number, turn in enumerate(turns):
        for part in turn.parts:
            if isinstance(part, ToolCall):
                call = _Call(part, _unique(spelled(part.id) or random_id(prefix), used))
                calls.append((number, call))
                by_turn.setdefault(number, []).append(call)
    return calls, by_turn


def _unique(identifier: str, used: set[str]) -> str:
    unique, number = identifier, 1
    while unique in used:
        number += 1
        unique = f"{identifier}_{number}"
    used.add(unique)
    return unique


def _answer(turns: Sequence[Turn], calls: Sequence[tuple[int, _Call]]) -> None:
    """Give each result to the latest unanswered call before it with its id; else to any with that id."""
    waiting: dict[str, list[tuple[int, _Call]]] = {}
    for number, call in calls:
        waiting.setdefault(call.part.id, []).append((number, call))
    for number, turn in enumerate(turns):
        for part in turn.parts:
            if isinstance(part, ToolResult):
                candidates = waiting.get(part.call_id) or waiting.get("") or []
                if found := _nearest(candidates, number, first=part.call_id not in waiting or not part.call_id):
                    found.result = part


def _nearest(candidates: list[tuple[int, _Call]], number: int, *, first: bool) -> _Call | None:
    """Take the call out that a result in turn ``number`` answers; ``first``: calls without id are answered in order."""
    before = [index for index, (turn, _) in enumerate(candidates) if turn < number]
    if not candidates:
        return None
    index = (before[0] if first else before[-1]) if before else 0
    return candidates.pop(index)[1]


def _laid_out(turns: Sequence[Turn], by_turn: dict[int, list[_Call]]) -> Iterator[Turn]:
    for number, turn in enumerate(turns):
        calls = by_turn.get(number)
        if calls is None:
            parts: tuple[Part, ...] = tuple(part for part in turn.parts if not isinstance(part, ToolResult))
            if parts:
                yield turn if len(parts) == len(turn.parts) else replace(turn, parts=parts)
            continue
        yield replace(turn, parts=tuple(_with_ids(turn.parts, calls)))
        if number < len(turns) - 1 or any(call.result for call in calls):
            yield Turn("tool", tuple(_result(call) for call in calls))


def _with_ids(parts: Iterable[Part], calls: Sequence[_Call]) -> Iterator[Part]:
    numbered = iter(calls)
    for part in parts:
        if isinstance(part, ToolCall):
            identifier = next(numbered).id
            yield part if identifier == part.id else replace(part, id=identifier)
        elif not isinstance(part, ToolResult):
            yield part


def _result(call: _Call) -> ToolResult:
    found = call.result
    if found is None:
        return ToolResult(call.id, (Text(NO_RESULT),), name=call.part.name, is_error=True, custom=call.part.custom)
    return replace(found, call_id=call.id, name=call.part.name)
