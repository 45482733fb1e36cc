"""The upstream formats of the matrix: which model leads to which, and how to read what arrived there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from end_to_end.families import CHAT as CHAT_FAMILY
from end_to_end.families import CLAUDE as CLAUDE_FAMILY
from end_to_end.families import GEMINI as GEMINI_FAMILY
from end_to_end.families import RESPONSES as CODEX_FAMILY
from end_to_end.families import Family, entry
from end_to_end.matrix import seen_chat, seen_claude, seen_codex, seen_gemini
from end_to_end.matrix.seen import Seen

SPARES = 160


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """One upstream. ``upstream_model`` is its own name of ``model``."""

    name: str
    family: Family
    upstream_model: str
    read: Callable[[Mapping[str, Any]], Seen]
    always_streams: bool
    """Also for a client that wants a whole answer (translation.md 0.3)."""
    error_after: int
    """Events before an error in the middle of a text."""

    def __repr__(self) -> str:
        return self.name

    @property
    def model(self) -> str:
        """The model that all tests share."""
        return f"m-{self.name}"

    def spare(self, number: int) -> str:
        """A model with an account of its own, which may fail."""
        assert number < SPARES, "more spares are needed"
        return f"m-{self.name}-spare-{number}"


CHAT = Target("chat", CHAT_FAMILY, "gpt-up", seen_chat.read, always_streams=False, error_after=3)
CLAUDE = Target("claude", CLAUDE_FAMILY, "claude-up", seen_claude.read, always_streams=True, error_after=5)
GEMINI = Target("gemini", GEMINI_FAMILY, "gemini-3-up", seen_gemini.read, always_streams=False, error_after=2)
CODEX = Target("codex", CODEX_FAMILY, "codex-up", seen_codex.read, always_streams=True, error_after=6)
TARGETS = (CHAT, CLAUDE, GEMINI, CODEX)
EACH_TARGET = pytest.mark.parametrize("target", TARGETS, ids=repr)
Spare = Callable[[Target], str]
"""Gives a model of a target that no other test of this session uses."""


def settings(url: str) -> dict[str, Any]:
    """The sections of a configuration that offers all this."""
    return {"vertex-api-key": [], **{target.family.section: _entries(target, url) for target in TARGETS}}


def _entries(target: Target, url: str) -> list[dict[str, Any]]:
    names = [target.model, *(target.spare(number) for number in range(SPARES))]
    return [
        item
        for name in names
        for item in entry(target.family, url, name, name, models=[{"name": target.upstream_model, "alias": name}])
    ]
