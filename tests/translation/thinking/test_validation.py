"""Fitting a wish to a model (providers.md 21.1) and the way of a wish through the steps (21, 21.2)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.errors import RequestError
from cliproxy.translation import formats
from cliproxy.translation.thinking import apply
from cliproxy.translation.thinking.config import AUTO, NONE, Config
from cliproxy.translation.thinking.support import Capability, Thinking
from cliproxy.translation.thinking.validation import nearest, validate

FOUR = ("minimal", "low", "medium", "high")
LEVELS = Thinking(levels=FOUR)
SUBSET = Thinking(levels=("low", "high"))
BUDGETS = Thinking(128, 20000, dynamic_allowed=True)
ZERO = Thinking(1024, 128000, zero_allowed=True)
MIXED = Thinking(128, 32768, dynamic_allowed=True, levels=("low", "high"))


def budget(tokens: int) -> Config:
    return Config("budget", tokens)


def level(name: str) -> Config:
    return Config("level", level=name)


def fit(
    wanted: Config, thinking: Thinking, source: str = "openai", target: str = "gemini", strict: bool = True
) -> Config:
    return validate(wanted, thinking, source, target, strict=strict)


@pytest.mark.parametrize(
    ("wanted", "thinking", "route", "expected"),
    [
        # a level for tokens, tokens for a level
        (level("medium"), BUDGETS, "openai gemini", budget(8192)),
        (level("xhigh"), BUDGETS, "gemini gemini", budget(20000)),
        (level("minimal"), ZERO, "claude claude", budget(1024)),
        (budget(8192), LEVELS, "gemini codex", level("medium")),
        (budget(64000), LEVELS, "gemini codex", level("high")),
        (budget(8192), SUBSET, "openai openai", level("low")),
        (budget(1), SUBSET, "claude gemini", level("low")),
        (budget(8192), MIXED, "gemini gemini", budget(8192)),
        # levels a model does not have
        (level("xhigh"), LEVELS, "gemini openai", level("high")),
        (level("medium"), SUBSET, "claude codex", level("low")),
        (level("low"), Thinking(levels=("Low", "HIGH")), "openai openai", level("low")),
        (level("ultra"), Thinking(), "openai openai", level("ultra")),
        # the model's choice
        (AUTO, BUDGETS, "openai gemini", AUTO),
        (AUTO, LEVELS, "openai codex", level("medium")),
        (AUTO, SUBSET, "openai codex", level("low")),
        (AUTO, Thinking(levels=("xhigh",)), "openai codex", level("xhigh")),
        (AUTO, ZERO, "openai claude", budget(64512)),
        (AUTO, Thinking(0, 1, zero_allowed=True), "openai gemini", NONE),
        (AUTO, Thinking(0, 1), "openai gemini", NONE),
        # off
        (NONE, BUDGETS, "openai gemini", Config("none", 128)),
        (NONE, MIXED, "openai gemini", Config("none", 128, "low")),
        (NONE, ZERO, "openai claude", NONE),
        (NONE, Thinking(1024, 32000), "openai claude", NONE),
        (NONE, Thinking(0, 24576, zero_allowed=True), "openai gemini", NONE),
        (NONE, LEVELS, "openai codex", NONE),
        # into the range
        (budget(5), BUDGETS, "claude gemini", budget(128)),
        (budget(-7), BUDGETS, "claude gemini", budget(128)),
        (budget(64000), BUDGETS, "claude gemini", budget(20000)),
        (budget(20000), BUDGETS, "gemini gemini-cli", budget(20000)),
        (budget(5), Thinking(), "openai openai", budget(5)),
    ],
)
def test_fitting(wanted: Config, thinking: Thinking, route: str, expected: Config) -> None:
    source, target = route.split()
    assert fit(wanted, thinking, source, target) == expected


@pytest.mark.parametrize(
    ("wanted", "thinking", "route", "text"),
    [
        (level("ultra"), BUDGETS, "openai gemini", "unknown level: ultra"),
        (budget(-2), LEVELS, "gemini codex", "budget -2 cannot be converted to a valid level"),
        (level("xhigh"), LEVELS, "openai openai", 'level "xhigh" not supported, valid levels: minimal, low, medium, high'),
        (level("ultra"), LEVELS, "claude codex", 'level "ultra" not supported, valid levels: minimal, low, medium, high'),
        (level("medium"), MIXED, "gemini gemini", 'level "medium" not supported, valid levels: low, high'),
        (level("low"), Thinking(levels=("None", "Deep")), "claude openai", 'level "low" not supported, valid levels: none, deep'),
        (budget(20001), BUDGETS, "gemini gemini", "budget 20001 out of range [128,20000]"),
        (budget(127), BUDGETS, "gemini-cli antigravity", "budget 127 out of range [128,20000]"),
        (budget(-2), BUDGETS, "antigravity gemini", "budget -2 out of range [128,20000]"),
        (budget(128001), ZERO, "claude claude", "budget 128001 out of range [1024,128000]"),
    ],
)  # fmt: skip
def test_refusing(wanted: Config, thinking: Thinking, route: str, text: str) -> None:
    source, target = route.split()
    with pytest.raises(RequestError) as caught:
        fit(wanted, thinking, source, target)
    assert (caught.value.text, caught.value.status) == (text, 400)


def test_a_suffix_is_never_out_of_range() -> None:
    assert fit(budget(64000), BUDGETS, "gemini", "gemini", strict=False) == budget(20000)


@pytest.mark.parametrize(
    ("name", "supported", "expected"),
    [
        ("minimal", ("low", "high"), "low"), ("medium", ("low", "high"), "low"), ("xhigh", ("low", "high"), "high"),
        ("medium", ("HIGH", "minimal"), "high"), ("low", ("none", "auto", "xhigh"), "xhigh"),
        ("low", ("none", "deep"), "low"), ("ultra", ("low",), "ultra"), ("low", (), "low"),
    ],
)  # fmt: skip
def test_nearest(name: str, supported: tuple[str, ...], expected: str) -> None:
    assert nearest(name, supported) == expected


MODELS = st.sampled_from([LEVELS, SUBSET, BUDGETS, ZERO, MIXED, Thinking(0, 24576, True, True), Thinking(1024, 32000)])
WISHES = st.sampled_from([NONE, AUTO, *map(level, ("minimal", "xhigh", "ultra"))]) | st.integers(-9, 300000).filter(
    lambda n: n not in (0, -1)
).map(budget)


@given(
    WISHES,
    MODELS,
    st.sampled_from(formats.CLIENT_FORMATS),
    st.sampled_from(["gemini", "claude", "openai"]),
    st.booleans(),
)
def test_whatever_comes_out_the_model_can_do(
    wanted: Config, thinking: Thinking, source: str, target: str, strict: bool
) -> None:
    try:
        fitted = fit(wanted, thinking, source, target, strict)
    except RequestError:
        return
    if fitted.mode == "level":
        assert fitted.level in thinking.levels
    if fitted.mode == "auto":
        assert thinking.dynamic_allowed
    if fitted.mode == "budget":
        assert thinking.min <= fitted.budget <= thinking.max
    if fitted.mode == "none" and target != "claude" and thinking.budgets:
        assert fitted.budget == (0 if thinking.zero_allowed else thinking.min)


# Models that are not known, or say nothing


def gemini(**fields: Any) -> dict[str, Any]:
    return {"generationConfig": {"thinkingConfig": fields}}


@pytest.mark.parametrize(
    "capability", [None, Capability("m", user_defined=True), Capability("m", BUDGETS, user_defined=True)]
)
@pytest.mark.parametrize(
    ("body", "model", "route", "expected"),
    [
        (gemini(thinkingLevel="high"), "m", "openai gemini", gemini(thinkingBudget=24576, includeThoughts=True)),
        (gemini(thinkingLevel="ultra"), "m", "openai gemini", gemini(thinkingLevel="ultra", includeThoughts=True)),
        (gemini(thinkingLevel="High"), "m", "gemini gemini", gemini(thinkingLevel="high", includeThoughts=True)),
        (gemini(), "m(low)", "openai-response gemini", gemini(thinkingBudget=1024, includeThoughts=True)),
        (gemini(), "m(low)", "claude gemini", gemini(thinkingLevel="low", includeThoughts=True)),
        ({}, "m(999999)", "gemini gemini", gemini(thinkingBudget=999999, includeThoughts=True)),
        ({}, "m(low)", "codex claude", {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        ({}, "m(low)", "gemini claude", {}),
        ({}, "m(xhigh)", "openai openai", {"reasoning_effort": "xhigh"}),
        ({"reasoning_effort": "ultra"}, "m", "openai openai", {"reasoning_effort": "ultra"}),
        ({"a": 1}, "m", "openai openai", {"a": 1}),
        ({"reasoning_effort": "high"}, "m(none)", "openai iflow", {"reasoning_effort": "high"}),
    ],
)  # fmt: skip
def test_unknown_models(
    capability: Capability | None, body: dict[str, Any], model: str, route: str, expected: dict[str, Any]
) -> None:
    source, target = route.split()
    assert apply(body, model, source, target, capability) == expected


def test_models_without_thinking_lose_the_fields_whatever_the_suffix() -> None:
    plain = Capability("m")
    assert apply({"reasoning_effort": "low", "a": 1}, "m(high)", "openai", "openai", plain) == {"a": 1}
    body = {"a": 1}
    assert apply(body, "m(high)", "openai", "openai", plain) is body


def test_formats_without_thinking_pass() -> None:
    body = {"reasoning": {"effort": "ultra"}}
    assert apply(body, "m(high)", "openai-response", "openai-response", Capability("m", LEVELS)) is body


@pytest.mark.parametrize(
    ("body", "target", "thinking"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}, "max_tokens": 4096}, "claude", ZERO),
        ({"thinking": {"type": "disabled"}}, "claude", ZERO),
        ({"reasoning_effort": "low"}, "openai", LEVELS),
        ({"reasoning": {"effort": "low"}}, "codex", LEVELS),
        (gemini(thinkingBudget=-1, includeThoughts=True), "gemini", BUDGETS),
        (gemini(thinkingLevel="low", includeThoughts=True), "gemini", MIXED),
        ({"chat_template_kwargs": {"enable_thinking": False}}, "iflow", LEVELS),
    ],
)
def test_what_is_right_already_stays_the_same_object(body: dict[str, Any], target: str, thinking: Thinking) -> None:
    source = "openai" if target == "iflow" else target
    assert apply(body, "glm-4.6", source, target, Capability("glm-4.6", thinking)) is body
