"""Writing a wish into a body, per target format (providers.md 22.2-22.5)."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.translation.thinking.config import AUTO, NONE, Config
from cliproxy.translation.thinking.fields import FORMATS
from cliproxy.translation.thinking.support import Capability, Thinking
from cliproxy.translation.thinking.writing import write

LOW = Config("level", level="low")
HIDDEN = Config("none", 128, "low")


def budget(tokens: int) -> Config:
    return Config("budget", tokens)


def known(
    name: str = "m", low: int = 128, high: int = 20000, levels: str = "", zero: bool = False, out: int = 0
) -> Capability:
    return Capability(name, Thinking(low, high, zero, True, tuple(levels.split())), max_completion_tokens=out)


BUDGETS, MIXED, EFFORTS = known(), known(levels="low high"), known(low=0, high=0, levels="low high")
CLUTTER = {"thinkingBudget": 7, "thinkingLevel": "high", "include_thoughts": True, "x": 1}


@pytest.mark.parametrize(
    ("wanted", "model", "expected"),
    [
        (AUTO, BUDGETS, {"x": 1, "thinkingBudget": -1, "includeThoughts": True}),
        (budget(512), BUDGETS, {"x": 1, "thinkingBudget": 512, "includeThoughts": True}),
        (budget(512), MIXED, {"x": 1, "thinkingBudget": 512, "includeThoughts": True}),
        (LOW, MIXED, {"x": 1, "thinkingLevel": "low", "includeThoughts": True}),
        (HIDDEN, MIXED, {"x": 1, "thinkingLevel": "low", "includeThoughts": False}),
        (NONE, EFFORTS, {"x": 1, "thinkingLevel": "high", "includeThoughts": False}),
        (Config("none", 128), BUDGETS, {"x": 1, "thinkingBudget": 128, "includeThoughts": False}),
        (NONE, BUDGETS, {"x": 1, "thinkingBudget": 0, "includeThoughts": False}),
        (AUTO, None, {"x": 1, "thinkingBudget": -1, "includeThoughts": True}),
        (budget(-5), None, {"x": 1, "thinkingBudget": -5, "includeThoughts": False}),
        (LOW, None, {"x": 1, "thinkingLevel": "low", "includeThoughts": True}),
        (NONE, None, {"x": 1, "thinkingBudget": 0, "includeThoughts": False}),
    ],
)
def test_the_gemini_family(wanted: Config, model: Capability | None, expected: dict[str, Any]) -> None:
    body = {"generationConfig": {"thinkingConfig": CLUTTER, "topK": 3}}
    changed = {"generationConfig": {"thinkingConfig": expected, "topK": 3}}
    assert write(body, wanted, "gemini", model) == changed
    for target in ("gemini-cli", "antigravity"):
        assert write({"request": body}, wanted, target, model) == {"request": changed}


def antigravity(limit: int | None, **fields: Any) -> dict[str, Any]:
    config: dict[str, Any] = {} if limit is None else {"maxOutputTokens": limit}
    if fields:
        config["thinkingConfig"] = fields
    return {"request": {"generationConfig": config}}


CLAUDE_THERE = known("Gemini-CLAUDE-sonnet", 1024, 128000, zero=True, out=64000)


@pytest.mark.parametrize(
    ("limit", "wanted", "model", "expected"),
    [
        (8000, budget(2048), CLAUDE_THERE, antigravity(8000, thinkingBudget=2048, includeThoughts=True)),
        (8000, budget(8000), CLAUDE_THERE, antigravity(8000, thinkingBudget=7999, includeThoughts=True)),
        (1025, budget(9000), CLAUDE_THERE, antigravity(1025, thinkingBudget=1024, includeThoughts=True)),
        (1024, budget(9000), CLAUDE_THERE, antigravity(1024)),
        (1, budget(9000), CLAUDE_THERE, antigravity(1)),
        (8000, NONE, CLAUDE_THERE, antigravity(8000)),
        (8000, AUTO, CLAUDE_THERE, antigravity(8000, thinkingBudget=-1, includeThoughts=True)),
        (None, budget(2048), CLAUDE_THERE, antigravity(64000, thinkingBudget=2048, includeThoughts=True)),
        (None, budget(128000), CLAUDE_THERE, antigravity(64000, thinkingBudget=63999, includeThoughts=True)),
        (0, budget(2048), CLAUDE_THERE, antigravity(64000, thinkingBudget=2048, includeThoughts=True)),
        (None, AUTO, CLAUDE_THERE, antigravity(64000, thinkingBudget=-1, includeThoughts=True)),
        (None, NONE, CLAUDE_THERE, antigravity(None)),
        (None, budget(9000), known("claude", 1024, 128000), antigravity(None, thinkingBudget=9000, includeThoughts=True)),
        (100, budget(9000), BUDGETS, antigravity(100, thinkingBudget=9000, includeThoughts=True)),
        (100, budget(9000), None, antigravity(100, thinkingBudget=9000, includeThoughts=True)),
    ],
)  # fmt: skip
def test_claude_on_antigravity(
    limit: int | None, wanted: Config, model: Capability | None, expected: dict[str, Any]
) -> None:
    assert write(antigravity(limit, thinkingBudget=1, includeThoughts=False), wanted, "antigravity", model) == expected


def claude(limit: int | None, **fields: Any) -> dict[str, Any]:
    return {"thinking": fields} if limit is None else {"thinking": fields, "max_tokens": limit}


SONNET = known("claude-sonnet", 1024, 128000, zero=True, out=64000)


@pytest.mark.parametrize(
    ("limit", "wanted", "model", "expected"),
    [
        (8000, budget(2048), SONNET, claude(8000, type="enabled", budget_tokens=2048)),
        (8000, budget(8000), SONNET, claude(8000, type="enabled", budget_tokens=7999)),
        (1025, budget(4096), SONNET, claude(1025, type="enabled", budget_tokens=1024)),
        (1024, budget(4096), SONNET, claude(1024, type="enabled", budget_tokens=4096)),
        (1, budget(4096), SONNET, claude(1, type="enabled", budget_tokens=0)),
        (0, budget(128000), SONNET, claude(64000, type="enabled", budget_tokens=63999)),
        (None, budget(2048), SONNET, claude(64000, type="enabled", budget_tokens=2048)),
        (None, budget(2048), known("claude"), claude(None, type="enabled", budget_tokens=2048)),
        (None, NONE, SONNET, claude(None, type="disabled")),
        (8000, AUTO, SONNET, claude(8000, type="adaptive", budget_tokens=5)),
        (8000, LOW, SONNET, claude(8000, type="adaptive", budget_tokens=5)),
        (100, budget(2048), None, claude(100, type="enabled", budget_tokens=2048)),
        (None, NONE, None, claude(None, type="disabled")),
        (None, AUTO, None, claude(None, type="enabled")),
        (None, LOW, None, claude(None, type="adaptive", budget_tokens=5)),
    ],
)
def test_claude(limit: int | None, wanted: Config, model: Capability | None, expected: dict[str, Any]) -> None:
    assert write(claude(limit, type="adaptive", budget_tokens=5), wanted, "claude", model) == expected


@pytest.mark.parametrize(
    ("wanted", "model", "expected"),
    [
        (LOW, EFFORTS, "low"),
        (NONE, EFFORTS, "low"),
        (NONE, known(low=0, high=0, levels="low high", zero=True), "none"),
        (NONE, known(low=0, high=0, levels="none low high"), "none"),
        (HIDDEN, MIXED, "low"),
        (Config("none", 128, "high"), MIXED, "high"),
        (Config("none", 128), BUDGETS, "old"),
        (AUTO, MIXED, "old"),
        (budget(9000), MIXED, "old"),
        (LOW, None, "low"),
        (NONE, None, "none"),
        (AUTO, None, "auto"),
        (budget(9000), None, "high"),
        (budget(-9), None, "old"),
    ],
)
def test_efforts(wanted: Config, model: Capability | None, expected: str) -> None:
    assert write({"reasoning_effort": "old"}, wanted, "openai", model) == {"reasoning_effort": expected}
    body = {"reasoning": {"effort": "old", "summary": "auto"}}
    assert write(body, wanted, "codex", model) == {"reasoning": {"effort": expected, "summary": "auto"}}


ON, OFF = {"enable_thinking": True}, {"enable_thinking": False}


@pytest.mark.parametrize(
    ("name", "wanted", "expected"),
    [
        ("glm-4.6", AUTO, {"chat_template_kwargs": {**ON, "clear_thinking": False}}),
        ("GLM-4.7", LOW, {"chat_template_kwargs": {**ON, "clear_thinking": False}}),
        ("glm-4.6", NONE, {"chat_template_kwargs": OFF}),
        ("qwen3-max-preview", budget(1), {"chat_template_kwargs": ON}),
        ("DeepSeek-v3.2", LOW, {"chat_template_kwargs": ON}),
        ("deepseek-v3.1", NONE, {"chat_template_kwargs": OFF}),
        ("deepseek-v3.1-x", LOW, {"chat_template_kwargs": {"clear_thinking": True}}),
        ("MiniMax-m2.1", LOW, {"chat_template_kwargs": {"clear_thinking": True}, "reasoning_split": True}),
        ("minimax-m2", NONE, {"chat_template_kwargs": {"clear_thinking": True}, "reasoning_split": False}),
        ("kimi-k2", LOW, {"chat_template_kwargs": {"clear_thinking": True}}),
    ],
)
def test_iflow(name: str, wanted: Config, expected: dict[str, Any]) -> None:
    body = {"reasoning_effort": "high", "chat_template_kwargs": {"clear_thinking": True}}
    assert write(body, wanted, "iflow", known(name, levels="low")) == {"reasoning_effort": "high", **expected}


ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
        st.sampled_from(["thinking", "request", "generationConfig", "thinkingConfig", "reasoning", "max_tokens", "chat_template_kwargs"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(
    st.dictionaries(st.sampled_from(["thinking", "request", "reasoning", "max_tokens"]), ODD, max_size=4),
    st.sampled_from([NONE, AUTO, LOW, HIDDEN, budget(9000)]),
    st.sampled_from(sorted(FORMATS)),
    st.sampled_from([None, BUDGETS, MIXED, EFFORTS, SONNET, CLAUDE_THERE, known("glm-4.6")]),
)
def test_odd_bodies_are_written_to_and_never_touched(
    body: dict[str, Any], wanted: Config, target: str, model: Capability | None
) -> None:
    before = copy.deepcopy(body)
    after = write(body, wanted, target, model)
    assert body == before
    assert write(after, wanted, target, model) is after
