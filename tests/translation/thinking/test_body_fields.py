"""Reading thinking from a body, per target format (providers.md 20.4), and removing it (22.1)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.translation import exactjson
from cliproxy.translation.thinking.config import AUTO, NONE, Config
from cliproxy.translation.thinking.fields import FORMATS, read, remove


def budget(tokens: int) -> Config:
    return Config("budget", tokens)


def level(name: str) -> Config:
    return Config("level", level=name)


CLAUDE = [
    ({"thinking": {"type": "disabled", "budget_tokens": 5}}, NONE),
    ({"thinking": {"type": "enabled", "budget_tokens": 0}}, NONE),
    ({"thinking": {"type": "enabled", "budget_tokens": -1}}, AUTO),
    ({"thinking": {"budget_tokens": 2048}}, budget(2048)),
    ({"thinking": {"type": "enabled"}}, AUTO),
    ({"thinking": {"type": "enabled", "budget_tokens": "2048"}}, AUTO),
    ({"thinking": {"type": "enabled", "budget_tokens": True}}, AUTO),
    ({"thinking": {"type": "adaptive"}}, None),
    ({"thinking": "enabled"}, None),
    ({}, None),
]
GEMINI = [
    ({"thinkingLevel": "none", "thinkingBudget": 5}, NONE),
    ({"thinkingLevel": "AUTO"}, AUTO),
    ({"thinkingLevel": " High "}, level("high")),
    ({"thinkingLevel": "", "thinkingBudget": 5}, budget(5)),
    ({"thinkingLevel": 7, "thinkingBudget": 5}, budget(5)),
    ({"thinkingBudget": 0}, NONE),
    ({"thinkingBudget": -1}, AUTO),
    ({"thinkingBudget": -7}, budget(-7)),
    ({"thinkingBudget": 8192.0}, budget(8192)),
    ({"thinkingBudget": 1.5}, None),
    ({"thinkingBudget": None}, None),
    ({"includeThoughts": True}, None),
]
EFFORT: list[tuple[Any, Config | None]] = [
    ("none", NONE), ("None", NONE), ("auto", AUTO), ("HIGH", level("high")), ("ultra", level("ultra")),
    (" ", None), (None, None), (5, None), ({}, None),
]  # fmt: skip
IFLOW = [
    ({"chat_template_kwargs": {"enable_thinking": True}, "reasoning_split": False}, budget(1)),
    ({"chat_template_kwargs": {"enable_thinking": False}, "reasoning_effort": "high"}, NONE),
    ({"chat_template_kwargs": {"enable_thinking": "yes"}, "reasoning_split": True}, budget(1)),
    ({"reasoning_split": False, "reasoning_effort": "high"}, NONE),
    ({"reasoning_effort": "High"}, level("high")),
    ({}, None),
]


@pytest.mark.parametrize(
    ("target", "body", "expected"),
    [
        *(("claude", body, expected) for body, expected in CLAUDE),
        *(("gemini", {"generationConfig": {"thinkingConfig": body}}, expected) for body, expected in GEMINI),
        *(
            (target, {"request": {"generationConfig": {"thinkingConfig": body}}}, expected)
            for body, expected in GEMINI
            for target in ("gemini-cli", "antigravity")
        ),
        *(("openai", {"reasoning_effort": effort}, expected) for effort, expected in EFFORT),
        *(("codex", {"reasoning": {"effort": effort}}, expected) for effort, expected in EFFORT),
        *(("iflow", body, expected) for body, expected in IFLOW),
    ],
)
def test_reading(target: str, body: dict[str, Any], expected: Config | None) -> None:
    assert read(body, target) == expected


def test_numbers_with_odd_spelling() -> None:
    body = exactjson.loads('{"thinking":{"type":"enabled","budget_tokens":1.024e3}}')
    assert read(body, "claude") == budget(1024)


NAMES = ["thinking", "type", "budget_tokens", "generationConfig", "thinkingConfig", "thinkingLevel", "thinkingBudget", "request",
         "reasoning_effort", "reasoning", "effort", "chat_template_kwargs", "enable_thinking", "reasoning_split"]  # fmt: skip
ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["enabled", "disabled", "none", "\ud800", "Ü"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(st.sampled_from(NAMES), ODD, max_size=6), st.sampled_from(sorted(FORMATS)))
def test_odd_bodies_are_read_and_cleared_without_errors(body: dict[str, Any], target: str) -> None:
    after = remove(body, target)
    assert read(after, target) is None
    assert (after is body) == (read(body, target) is None)


@pytest.mark.parametrize(
    ("target", "body", "expected"),
    [
        ("claude", {"thinking": {"type": "disabled"}, "a": 1}, {"a": 1}),
        ("claude", {"thinking": {"type": "adaptive"}}, {"thinking": {"type": "adaptive"}}),
        (
            "gemini",
            {"generationConfig": {"thinkingConfig": {"thinkingBudget": 1, "x": 1}, "topP": 1}},
            {"generationConfig": {"topP": 1}},
        ),
        (
            "antigravity",
            {"request": {"generationConfig": {"thinkingConfig": {"thinkingLevel": "low"}}}},
            {"request": {"generationConfig": {}}},
        ),
        ("openai", {"reasoning_effort": "ultra", "a": 1}, {"a": 1}),
        ("codex", {"reasoning": {"effort": "low", "summary": "auto"}}, {"reasoning": {"summary": "auto"}}),
        (
            "iflow",
            {
                "reasoning_split": True, "reasoning_effort": "low",
                "chat_template_kwargs": {"enable_thinking": True, "clear_thinking": False, "x": 1},
            },
            {"chat_template_kwargs": {"x": 1}},
        ),
    ],
)  # fmt: skip
def test_removing(target: str, body: dict[str, Any], expected: dict[str, Any]) -> None:
    assert remove(body, target) == expected
