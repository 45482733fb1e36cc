"""A conversation as a program holds it through one SDK, and what its answers say in no SDK's words."""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

PICTURE = b"\x89PNG\r\n\x1a\n\xfb\xef\xbe\xff\xfe>>>???!"
"""Bytes whose base64 has both special characters and padding."""
PICTURE_TEXT = base64.b64encode(PICTURE).decode()
TOOLS: Mapping[str, Mapping[str, Any]] = {
    "get_weather": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
    },
    "get_time": {"type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"]},
}


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call of the model."""

    id: str
    name: str
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Counts:
    """Tokens: ``input`` includes ``cached``, ``output`` includes ``reasoning``, which Messages cannot tell."""

    input: int
    cached: int
    output: int
    reasoning: int | None


@dataclass(frozen=True, slots=True)
class Result:
    """One answer. ``stop`` is in the words of the client's format; ``models`` are all the names that it bore."""

    text: str
    thinking: str
    calls: tuple[Call, ...]
    counts: Counts
    stop: Any
    models: frozenset[str]
    id: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What a program asks for beside the conversation."""

    system: str = ""
    tools: bool = False
    choice: str = ""
    """``required``, ``none``, or the name of a tool; empty: not said."""
    thinking: str = ""
    """``on`` or ``off``, each SDK in its own unit; empty: not said."""
    schema: Mapping[str, Any] | None = None
    max_tokens: int = 0
    temperature: float | None = None
    stop: str = ""


class Talk(ABC):
    """One conversation. Answers are remembered as the SDK's own objects, as programs do."""

    def __init__(self, client: Any, model: str, wish: Wish) -> None:
        self.client = client
        self.model = model
        self.wish = wish
        self.history: list[Any] = []

    @abstractmethod
    def say(self, text: str, picture: bytes = b"") -> None:
        """Add words of the user, with a PNG before them."""

    @abstractmethod
    def give(self, results: Iterable[tuple[Call, str]]) -> None:
        """Add the results of calls in this order."""

    @abstractmethod
    def ask(self, *, stream: bool) -> Result:
        """Send everything, remember the answer."""


def joined(texts: Iterable[str | None]) -> str:
    """All the texts that there are."""
    return "".join(text or "" for text in texts)
