"""Fitting a wish to what a model can do (providers.md 21.1)."""

from __future__ import annotations

from dataclasses import replace

from cliproxy.errors import RequestError
from cliproxy.translation import formats
from cliproxy.translation.thinking import config, levels
from cliproxy.translation.thinking.config import Config
from cliproxy.translation.thinking.support import Thinking

_GEMINI = frozenset({formats.GEMINI, formats.GEMINI_CLI, formats.ANTIGRAVITY})
BUDGET_BASED: frozenset[str] = _GEMINI | {formats.CLAUDE}
"""Formats whose clients count tokens."""
LEVEL_BASED: frozenset[str] = frozenset({formats.OPENAI, formats.RESPONSES, formats.CODEX})
"""Formats whose clients name an effort."""


def validate(wanted: Config, thinking: Thinking, source: str, target: str, *, strict: bool) -> Config:
    """The wish as the model can fulfil it.

    ``strict`` is for a wish that stands in the body: a client that speaks the upstream's own language gets an error
    for a budget out of range where a suffix, or a number that another format's level became, is clamped.

    :raises RequestError: 400; a level or a budget that the model does not have and that may not be bent.
    """
    fitted = _in_kind(wanted, thinking)
    if fitted.mode == "level":
        fitted = _supported(fitted, thinking, may_clamp=source in BUDGET_BASED and target in LEVEL_BASED)
    if strict and wanted.mode == fitted.mode == "budget" and _same_family(source, target):
        _check_range(fitted.budget, thinking)
    if fitted.mode == "auto" and not thinking.dynamic_allowed:
        fitted = _instead_of_auto(thinking)
    return _clamped(fitted, thinking, target)


def _same_family(source: str, target: str) -> bool:
    return source == target or (source in _GEMINI and target in _GEMINI)


def _in_kind(wanted: Config, thinking: Thinking) -> Config:
    """A level for a model that only counts tokens as a budget, and the other way round."""
    if wanted.mode == "level" and thinking.budgets and not thinking.levels:
        budget = levels.budget_of(wanted.level)
        if budget is None:
            raise RequestError(f"unknown level: {wanted.level}")
        return config.of_budget(budget)
    if wanted.mode == "budget" and thinking.levels and not thinking.budgets:
        level = levels.level_of(wanted.budget)
        if level is None:
            raise RequestError(f"budget {wanted.budget} cannot be converted to a valid level")
        return Config("level", level=nearest(level, thinking.levels))
    return wanted


def _supported(wanted: Config, thinking: Thinking, *, may_clamp: bool) -> Config:
    names = [name.lower() for name in thinking.levels]
    level = wanted.level
    if names and level not in names and may_clamp:
        level = nearest(level, thinking.levels)
    if names and level not in names:
        raise RequestError(f'level "{level}" not supported, valid levels: {", ".join(names)}')
    return replace(wanted, level=level)


def nearest(level: str, supported: tuple[str, ...]) -> str:
    """The supported level next to ``level``, the lower of two; ``level`` itself when nothing compares."""
    names = [name.lower() for name in supported]
    places = [place for place, name in enumerate(levels.ORDER) if name in names]
    if level not in levels.ORDER or not places:
        return level
    at = levels.ORDER.index(level)
    return levels.ORDER[min(places, key=lambda place: (abs(place - at), place))]


def _check_range(budget: int, thinking: Thinking) -> None:
    if thinking.budgets and not thinking.min <= budget <= thinking.max:
        raise RequestError(f"budget {budget} out of range [{thinking.min},{thinking.max}]")


def _instead_of_auto(thinking: Thinking) -> Config:
    if thinking.levels and not thinking.budgets:
        return Config("level", level=nearest("medium", thinking.levels))
    middle = (thinking.min + thinking.max) // 2
    if middle > 0:
        return Config("budget", middle)
    return config.NONE if thinking.zero_allowed else config.of_budget(thinking.min)


def _clamped(wanted: Config, thinking: Thinking, target: str) -> Config:
    if wanted.mode == "none" and target == formats.CLAUDE:
        return config.NONE
    if wanted.mode == "level" or not thinking.budgets or wanted.budget == levels.AUTO:
        return wanted
    budget = wanted.budget
    if budget or not thinking.zero_allowed:
        budget = min(max(budget, thinking.min), thinking.max)
    must_think = wanted.mode == "none" and budget > 0 and bool(thinking.levels)
    return Config(wanted.mode, budget, thinking.levels[0] if must_think else wanted.level)
