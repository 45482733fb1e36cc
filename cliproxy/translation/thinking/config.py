"""What a request wants of thinking, whatever format said it (providers.md 20.1, 20.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from cliproxy.translation.thinking import levels

Mode = Literal["none", "auto", "budget", "level"]

_INTEGER = re.compile(r"[+-]?0*([0-9]{1,19})")
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Config:
    """A wish: off, the model's choice, ``budget`` tokens or an effort ``level`` in lower case.

    Mode none may carry both: for a model that cannot stop thinking they are the least it can do.
    """

    mode: Mode
    budget: int = 0
    level: str = ""


NONE = Config("none")
AUTO = Config("auto", levels.AUTO)


def of_budget(budget: int) -> Config:
    """A number of tokens; 0 is off, -1 the model's choice."""
    if budget == 0:
        return NONE
    return AUTO if budget == levels.AUTO else Config("budget", budget)


def of_level(level: str) -> Config | None:
    """An effort name in any letter case, also one no table knows; None when blank."""
    level = level.strip().lower()
    if level == "none":
        return NONE
    if level == "auto":
        return AUTO
    return Config("level", level=level) if level else None


def from_suffix(raw: str) -> Config | None:
    """The text between the brackets of ``name(text)``; None when it means nothing."""
    name = raw.lower()
    if name in levels.ORDER or name in ("none", "auto"):
        return of_level(name)
    if name == "-1":
        return AUTO
    digits = _INTEGER.fullmatch(raw)
    if digits is None or (value := int(digits[1])) > _LARGEST or (value and raw.startswith("-")):
        return None
    return of_budget(value)
