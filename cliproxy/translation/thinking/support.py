"""What a model can do about thinking (providers.md 21.1, 23)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thinking:
    """Token budget from ``min`` to ``max`` (both 0 = none), whether 0 and -1 are allowed, effort levels in order."""

    min: int = 0
    max: int = 0
    zero_allowed: bool = False
    dynamic_allowed: bool = False
    levels: tuple[str, ...] = ()

    @property
    def budgets(self) -> bool:
        """True when the model takes a number of tokens."""
        return self.min > 0 or self.max > 0


@dataclass(frozen=True, slots=True)
class Capability:
    """A model as thinking sees it. ``max_completion_tokens`` 0 = unknown; ``user_defined`` = from a config list."""

    id: str
    thinking: Thinking | None = None
    user_defined: bool = False
    max_completion_tokens: int = 0
