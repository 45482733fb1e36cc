"""What an upstream says, independent of the protocol it says it in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One tool call; ``arguments`` is JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts: ``prompt`` includes ``cached``, ``completion`` includes ``reasoning``."""

    prompt: int = 20
    cached: int = 8
    completion: int = 9
    reasoning: int = 4

    @property
    def total(self) -> int:
        """All tokens."""
        return self.prompt + self.completion


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: thoughts, then text, then tool calls. Each piece of text is one delta of a stream.

    ``stop`` says why it ended where the calls do not say it already. ``then`` goes on with the same answer: of it, only
    thoughts, text and calls count.
    """

    text: tuple[str, ...] = ()
    thinking: tuple[str, ...] = ()
    signature: str = ""
    calls: tuple[ToolCall, ...] = ()
    usage: Usage = Usage()
    id: str = "7f3a"
    stop: Literal["stop", "length", "content_filter"] = "stop"
    then: Reply | None = None

    @property
    def segments(self) -> list[Reply]:
        """This and what comes after it."""
        return [self, *(self.then.segments if self.then else ())]

    @property
    def joined(self) -> str:
        """The whole text."""
        return "".join(piece for segment in self.segments for piece in segment.text)

    @property
    def thoughts(self) -> str:
        """All the thinking."""
        return "".join(piece for segment in self.segments for piece in segment.thinking)

    @property
    def all_calls(self) -> list[ToolCall]:
        """The calls of all segments."""
        return [call for segment in self.segments for call in segment.calls]


TEXT = Reply(text=("Hello", ", wörld ", "\u2028 and \U0001f30d."))
SIGNATURE = "RXJjRENrZ0lDaEFDR0FJcVFLZXhhbXBsZXNpZ25hdHVyZW9mdGhpcnR5dHdvYnl0ZXM9PQ=="
ENCRYPTED = f"gAAAAAB{SIGNATURE}"
"""The same thoughts as OpenAI hides them (translation.md 2.2)."""
THINKING = replace(TEXT, thinking=("First, ", "let me see."), signature=SIGNATURE)
ONE_TOOL = Reply(calls=(ToolCall("call_w1", "get_weather", '{"city":"Paris","days":2}'),), signature=SIGNATURE)
TWO_TOOLS = Reply(
    text=("Looking.",),
    calls=(
        ToolCall("call_w1", "get_weather", '{"city":"Paris","days":2}'),
        ToolCall("call_t2", "get_time", '{"zone":"Europe/Oslo"}'),
    ),
    signature=SIGNATURE,
)


def long_text(words: int) -> Reply:
    """A text of ``words`` numbered deltas."""
    return Reply(text=tuple(f"w{number} " for number in range(words)))


def halves(text: str) -> tuple[str, str]:
    """Two fragments of a text, as argument deltas arrive."""
    middle = len(text) // 2
    return text[:middle], text[middle:]
