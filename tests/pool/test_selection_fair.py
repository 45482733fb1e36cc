"""Round-robin stays fair while credentials come and go."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from cliproxy.pool.selection import Selector


@dataclass(frozen=True)
class Member:
    id: str
    priority: int = 0


ALL = tuple(Member(f"{number:02}") for number in range(9))


@given(st.lists(st.sets(st.sampled_from(ALL[3:])), min_size=1, max_size=300))
def test_who_is_always_there_gets_the_same(absences: list[set[Member]]) -> None:
    """Whoever comes and goes, two that stay are never more than two turns apart."""
    selector, picked = Selector(), Counter[str]()
    for absent in absences:
        picked[selector.pick("m", [member for member in ALL if member not in absent]).id] += 1
        loads = [picked[member.id] for member in ALL[:3]]
        assert max(loads) - min(loads) <= 2


def test_whoever_comes_back_need_not_catch_up() -> None:
    selector, picked = Selector(), Counter[str]()
    for _ in range(900):
        selector.pick("m", ALL[1:])
    for _ in range(90):
        picked[selector.pick("m", ALL).id] += 1
    assert max(picked.values()) - min(picked.values()) <= 2


def test_those_that_are_gone_are_forgotten() -> None:
    selector = Selector()
    for number in range(10_000):
        selector.pick("m", [Member(f"{number}"), Member(f"{number + 1}")])
    assert len(selector._rotations["m"].next_turn) < 50


def test_models_are_separate_and_few() -> None:
    selector = Selector()
    for number in range(25_000):
        assert selector.pick(f"m({number})", ALL).id == "00"
    assert repr(selector) in ("<Selector round-robin, 5000 models>", "<Selector round-robin, 10000 models>")
