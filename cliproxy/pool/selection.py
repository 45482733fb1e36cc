"""Choosing among candidates: priority groups, rotation, and the error when nobody can be asked (credentials.md 5)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import orjson

from cliproxy.errors import AuthNotFound, AuthUnavailable, ModelCooldown, PoolError
from cliproxy.pool.health import Blocked

_CURSOR_LIMIT = 2147483640
_MAX_MODELS = 10000


class Named(Protocol):
    """Something with an id of its own."""

    @property
    def id(self) -> str:
        """Unique."""


T = TypeVar("T", bound=Named)


@dataclass(slots=True)
class _Rotation:
    """Whose turn it is for one route model.

    A cursor modulo the size of the group (5.3) is fair only while the group stays as it is: each member that comes and
    goes would shift load to its neighbours. So turns are numbered: whoever is at the cursor answers, unless others have
    had fewer turns; who was away begins at the current turn and need not catch up.
    """

    cursor: int = 0
    turn: int = 0
    next_turn: dict[str, int] = field(default_factory=dict)

    def pick(self, group: Sequence[T]) -> T:
        turns = self.next_turn
        chosen = self._next(group, self.cursor % len(group))
        self.turn = max(self.turn, turns.get(chosen.id, 0))
        if len(turns) > 4 * len(group) + 16:  # some are gone for good
            present = {item.id for item in group}
            for credential_id in [key for key in turns if key not in present]:
                del turns[credential_id]
        turns[chosen.id] = self.turn + 1
        self.cursor = self.cursor + 1 if self.cursor < _CURSOR_LIMIT else 0
        return chosen

    def _next(self, group: Sequence[T], start: int) -> T:
        """The first from the cursor on that has had no turn in this round; without one, of those with fewest turns."""
        turns, turn = self.next_turn, self.turn
        order = [*group[start:], *group[:start]]
        for item in order:
            if turns.get(item.id, 0) <= turn:
                return item
        return min(order, key=lambda item: turns[item.id])


class Selector:
    """Picks from a group: in turn, separately for each route model, or always the first."""

    def __init__(self, *, fill_first: bool = False) -> None:
        self.fill_first = fill_first
        self._rotations: dict[str, _Rotation] = {}

    def __repr__(self) -> str:
        return f"<Selector {self.name}, {len(self._rotations)} models>"

    @property
    def name(self) -> str:
        """The strategy's name."""
        return "fill-first" if self.fill_first else "round-robin"

    def pick(self, model: str, group: Sequence[T]) -> T:
        """One of a non-empty ordered group."""
        if self.fill_first:
            return group[0]
        rotation = self._rotations.get(model)
        if rotation is None:
            if len(self._rotations) >= _MAX_MODELS:
                self._rotations.clear()  # suffixes come from clients: the table must not grow for ever
            rotation = self._rotations[model] = _Rotation()
        return rotation.pick(group)


def nobody(model: str, blocks: Sequence[Blocked], now: float) -> PoolError:
    """The error when every candidate is blocked, or there is none (5.4)."""
    if not blocks:
        return AuthNotFound()
    if not all(block.quota for block in blocks):
        return AuthUnavailable()
    return cooldown_error(model, min(block.until for block in blocks) - now)


def cooldown_error(model: str, seconds: float) -> ModelCooldown:
    """The 429 with its JSON body and Retry-After."""
    seconds = max(0.0, seconds)
    whole = math.ceil(seconds)
    error = {
        "code": "model_cooldown",
        "message": f"All credentials for model {model or 'requested model'} are cooling down",
        "model": model,
        "reset_seconds": whole,
        "reset_time": duration_text(seconds),
    }
    headers = {"Content-Type": "application/json", "Retry-After": str(whole)}
    return ModelCooldown(orjson.dumps({"error": error}).decode(), headers=headers)


def duration_text(seconds: float) -> str:
    """``45s``, ``1m35s``, ``1h0m0s``: rounded to seconds, at least ``1s`` unless zero."""
    whole = 1 if 0 < seconds < 1 else int(seconds + 0.5)
    hours, rest = divmod(whole, 3600)
    minutes, seconds_left = divmod(rest, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds_left}s"
    return f"{minutes}m{seconds_left}s" if minutes else f"{seconds_left}s"
