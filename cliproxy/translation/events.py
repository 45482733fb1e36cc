"""The hub's answer: events of a stream, and the same put together (translation.md 1.8-1.10).

Decoders produce events through ``builder.AnswerBuilder``, which keeps their order right: one ``Start``; parts that
never overlap; one ``Finish`` per candidate; one ``End``. Encoders may rely on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cliproxy.translation.model import Code, CodeResult, File, Image, Opaque, RedactedThinking, Signature

PartKind = Literal["text", "thinking", "tool"]
FinishReason = Literal["stop", "length", "tool_calls", "stop_sequence", "content_filter", "pause"]
Whole = Image | File | Code | CodeResult | RedactedThinking | Opaque
"""Parts that come in one piece."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens: ``input`` includes ``cache_read`` and ``cache_creation``, ``output`` includes ``reasoning``."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_creation: int = 0
    reasoning: int = 0
    total: int = 0
    """0 = not said: ``input`` + ``output``."""

    @property
    def sum(self) -> int:
        """All tokens."""
        return self.total or self.input + self.output


@dataclass(frozen=True, slots=True)
class Start:
    """The answer begins. ``created`` in Unix seconds; empty ``id``: the upstream named none."""

    id: str
    model: str
    created: int
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class PartStart:
    """A part opens. ``n`` counts parts from 0 over the whole answer; ``summary``: an OpenAI reasoning summary."""

    n: int
    kind: PartKind
    id: str = ""
    name: str = ""
    namespace: str = ""
    summary: bool = False
    candidate: int = 0


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text of the open part."""

    n: int
    text: str
    candidate: int = 0


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """More thinking of the open part."""

    n: int
    text: str
    candidate: int = 0


@dataclass(frozen=True, slots=True)
class ArgumentsDelta:
    """More argument text of the open tool call."""

    n: int
    text: str
    candidate: int = 0


@dataclass(frozen=True, slots=True)
class SignatureSeen:
    """The open thinking part's signature."""

    n: int
    signature: Signature
    candidate: int = 0


@dataclass(frozen=True, slots=True)
class WholePart:
    """A part in one piece."""

    n: int
    part: Whole
    candidate: int = 0


@dataclass(frozen=True, slots=True)
class CitationSeen:
    """A source of the open text part, in the upstream's own form."""

    n: int
    raw: Mapping[str, Any]
    candidate: int = 0


@dataclass(frozen=True, slots=True)
class PartStop:
    """The part is complete. ``text`` is all of it: the text, the thinking, or the argument text (maybe empty)."""

    n: int
    text: str = ""
    candidate: int = 0


@dataclass(frozen=True, slots=True)
class Finish:
    """Why a candidate ended. ``native`` is the upstream's own word."""

    reason: FinishReason
    native: str = ""
    stop_sequence: str | None = None
    candidate: int = 0


@dataclass(frozen=True, slots=True)
class End:
    """Nothing follows. ``usage`` is final, None when the upstream gave none."""

    usage: Usage | None = None


Event = (
    Start | PartStart | TextDelta | ThinkingDelta | ArgumentsDelta | SignatureSeen | WholePart | CitationSeen | PartStop
    | Finish | End
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AnswerText:
    """A whole text part."""

    text: str
    citations: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerThinking:
    """A whole thinking part."""

    text: str
    signature: Signature | None = None
    summary: bool = False


@dataclass(frozen=True, slots=True)
class AnswerCall:
    """A whole tool call; ``arguments`` is argument text, empty when there was none."""

    id: str
    name: str
    arguments: str
    namespace: str = ""


AnswerPart = AnswerText | AnswerThinking | AnswerCall | Whole


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the answers to a request."""

    parts: tuple[AnswerPart, ...]
    finish: Finish


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer."""

    start: Start
    candidates: tuple[Candidate, ...]
    usage: Usage | None = None

    @property
    def parts(self) -> tuple[AnswerPart, ...]:
        """Those of the first candidate."""
        return self.candidates[0].parts if self.candidates else ()

    @property
    def finish(self) -> Finish:
        """That of the first candidate."""
        return self.candidates[0].finish if self.candidates else Finish("stop")
