"""Choosing among candidates: priority groups, rotation, and the error when nobody can be asked (credentials.md 5)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

import orjson

from cliproxy.errors import AuthNotFound, AuthUnavailable, ModelCooldown, PoolError
from cliproxy.pool.health import Blocked

_CURSOR_LIMIT = 2147483640
_MAX_CURSORS = 10000


class Ranked(Protocol):
    """Something with a place in the order."""

    @property
    def id(self) -> str:
        """Unique; the order within a group."""

    @property
    def priority(self) -> int:
        """Higher is preferred."""


T = TypeVar("T", bound=Ranked)


def best_group(candidates: Iterable[T]) -> list[T]:
    """Those of the highest priority, by id."""
    found = list(candidates)
    if len(found) < 2:
        return found
    highest = max(item.priority for item in found)
    return sorted((item for item in found if item.priority == highest), key=lambda item: item.id)


class Selector:
    """Picks from a group: round-robin with one cursor per route model, or always the first."""

    def __init__(self, *, fill_first: bool = False) -> None:
        self.fill_first = fill_first
        self._cursors: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<Selector {self.name}, {len(self._cursors)} cursors>"

    @property
    def name(self) -> str:
        """The strategy's name."""
        return "fill-first" if self.fill_first else "round-robin"

    def pick(self, model: str, group: Sequence[T]) -> T:
        """One of a non-empty ordered group."""
        if self.fill_first:
            return group[0]
        cursor = self._cursors.get(model, 0)
        if cursor >= _CURSOR_LIMIT:
            cursor = 0
        if model not in self._cursors and len(self._cursors) >= _MAX_CURSORS:
            self._cursors.clear()  # names come from clients: the table must not grow for ever
        self._cursors[model] = cursor + 1
        return group[cursor % len(group)]


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
