"""What reached an upstream, in no upstream's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Answered:
    """A call in the history and the text of its result."""

    name: str
    args: Any
    result: str


@dataclass(frozen=True, slots=True)
class Seen:
    """One request. ``said`` has the texts of user and assistant in order, one entry per run of a role."""

    system: str
    said: tuple[tuple[str, str], ...]
    answered: tuple[Answered, ...] = ()
    pictures: tuple[tuple[str, str], ...] = ()
    """(MIME type, base64 as it came)."""
    tools: Mapping[str, Any] = field(default_factory=dict)
    choice: str = "auto"
    thinking: Any = None
    """The upstream's own field."""
    schema: Any = None
    limits: Mapping[str, Any] = field(default_factory=dict)
    """``max_tokens``, ``temperature``, ``stop`` (a list) as far as they were sent."""


def runs(texts: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Neighbours of one role joined, empty texts dropped."""
    joined: list[tuple[str, str]] = []
    for role, text in texts:
        if not text:
            continue
        if joined and joined[-1][0] == role:
            text = joined.pop()[1] + text
        joined.append((role, text))
    return tuple(joined)


def limits(source: Mapping[str, Any], max_tokens: str, temperature: str, stop: str) -> dict[str, Any]:
    """The three settings by the upstream's names of them."""
    stops = source.get(stop)
    found = {
        "max_tokens": source.get(max_tokens),
        "temperature": source.get(temperature),
        "stop": [stops] if isinstance(stops, str) else stops,
    }
    return {name: value for name, value in found.items() if value is not None}
