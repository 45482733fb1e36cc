"""Levels and budgets, each as the other (providers.md 20.3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.translation.thinking.levels import ORDER, budget_of, level_of


@pytest.mark.parametrize(
    ("level", "budget"),
    [
        ("none", 0), ("auto", -1), ("minimal", 512), ("low", 1024), ("medium", 8192), ("high", 24576), ("xhigh", 32768),
        ("High", 24576), (" NONE ", 0), ("ultra", None), ("", None), ("8192", None),
    ],
)  # fmt: skip
def test_budget_of(level: str, budget: int | None) -> None:
    assert budget_of(level) == budget


@pytest.mark.parametrize(
    ("budget", "level"),
    [
        (-2, None), (-(10**30), None), (-1, "auto"), (0, "none"), (1, "minimal"), (512, "minimal"), (513, "low"),
        (1024, "low"), (1025, "medium"), (8192, "medium"), (8193, "high"), (24576, "high"), (24577, "xhigh"),
        (10**30, "xhigh"),
    ],
)  # fmt: skip
def test_level_of(budget: int, level: str | None) -> None:
    assert level_of(budget) == level


@pytest.mark.parametrize("level", ["none", "auto", *ORDER])
def test_a_level_survives_the_way_through_its_budget(level: str) -> None:
    budget = budget_of(level)
    assert budget is not None
    assert level_of(budget) == level


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_more_tokens_never_mean_less_effort(one: int, other: int) -> None:
    lower, higher = (ORDER.index(level_of(budget) or "") for budget in sorted((one, other)))
    assert lower <= higher
