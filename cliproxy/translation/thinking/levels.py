"""Effort levels and token budgets, each as the other (providers.md 20.3, translation.md 1.5)."""

from __future__ import annotations

from bisect import bisect_left

ORDER = ("minimal", "low", "medium", "high", "xhigh")
"""The levels that can be compared, least effort first."""

AUTO = -1
"""The budget that leaves the amount to the model."""

_BUDGETS = {"none": 0, "auto": AUTO, "minimal": 512, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 32768}
_NAMES = ("none", *ORDER)
_TOPS = (0, 512, 1024, 8192, 24576)  # the largest budget of each name but the last


def budget_of(level: str) -> int | None:
    """Tokens for a level (letter case and outer spaces ignored): 0 for none, -1 for auto, None for an unknown one."""
    return _BUDGETS.get(level.strip().lower())


def level_of(budget: int) -> str | None:
    """The level a budget in tokens falls under; None below -1."""
    if budget < 0:
        return "auto" if budget == AUTO else None
    return _NAMES[bisect_left(_TOPS, budget)]
