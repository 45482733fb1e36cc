"""Keeps the order of answer events right, whatever the upstream does (translation.md 1.8).

A decoder says what it read; the builder opens and closes parts around it, numbers them, and closes everything at the
end. ``take`` hands out what has been built since the last call.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from cliproxy.translation import exactjson
from cliproxy.translation.events import (
    AnswerCall,
    AnswerPart,
    AnswerText,
    AnswerThinking,
    ArgumentsDelta,
    Candidate,
    CitationSeen,
    End,
    Event,
    Finish,
    FinishReason,
    PartKind,
    PartStart,
    PartStop,
    Response,
    SignatureSeen,
    Start,
    TextDelta,
    ThinkingDelta,
    Usage,
    Whole,
    WholePart,
)
from cliproxy.translation.model import Signature


class _Open:
    """The open part of one candidate."""

    __slots__ = ("kind", "n", "pieces")

    def __init__(self, n: int, kind: PartKind) -> None:
        self.n, self.kind = n, kind
        self.pieces: list[str | bytes] = []
        """Texts, or JSON strings that nobody has had to read yet."""

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(piece if isinstance(piece, str) else exactjson.loads(piece) for piece in self.pieces)


class AnswerBuilder:
    """Builds the events of one answer."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._open: dict[int, _Open] = {}
        self._seen = {0}  # candidates; every one gets a finish
        self._called: set[int] = set()
        self._finished: set[int] = set()
        self._next = 0
        self.started = False
        self.ended = False

    def __repr__(self) -> str:
        state = "ended" if self.ended else "open" if self.started else "new"
        return f"<AnswerBuilder {state}, {self._next} parts, {len(self._events)} events waiting>"

    @property
    def waiting(self) -> int:
        """How many events ``take`` would give."""
        return len(self._events)

    def take(self) -> list[Event]:
        """The events since the last call."""
        events, self._events = self._events, []
        return events

    def start(self, id: str = "", model: str = "", created: int = 0, usage: Usage | None = None) -> None:  # noqa: A002
        """The answer begins; only the first call counts. ``created`` 0 = now."""
        if not self.started and not self.ended:
            self.started = True
            self._events.append(Start(id, model, created or int(time.time()), usage))

    def text(self, text: str, candidate: int = 0) -> None:
        """More text; opens a text part when none is open."""
        part = self._open.get(candidate)
        if part is None or part.kind != "text":
            part = self._ensure("text", candidate) if text else None
        if text and part is not None:
            part.pieces.append(text)
            self._events.append(TextDelta(part.n, text, candidate))

    def has_said(self, strings: list[bytes]) -> None:
        """More text of the first candidate's open part, as JSON strings, that the client has got already."""
        self._open[0].pieces += strings

    def thinking(self, text: str, candidate: int = 0) -> None:
        """More thinking; opens a thinking part when none is open."""
        if text:
            part = self._ensure("thinking", candidate)
            if part is not None:
                part.pieces.append(text)
                self._events.append(ThinkingDelta(part.n, text, candidate))

    def open_text(self, candidate: int = 0) -> None:
        """A new text part begins."""
        self.close(candidate)
        self._ensure("text", candidate)

    def open_thinking(self, *, summary: bool = False, candidate: int = 0) -> None:
        """A new thinking part begins."""
        self.close(candidate)
        self._ensure("thinking", candidate, summary=summary)

    def tool(self, id: str, name: str, namespace: str = "", candidate: int = 0) -> None:  # noqa: A002
        """A tool call begins."""
        self.close(candidate)
        if self._ensure("tool", candidate, id=id, name=name, namespace=namespace) is not None:
            self._called.add(candidate)

    def arguments(self, text: str, candidate: int = 0) -> None:
        """More argument text of the open tool call."""
        part = self._open.get(candidate)
        if text and part is not None and part.kind == "tool":
            part.pieces.append(text)
            self._events.append(ArgumentsDelta(part.n, text, candidate))

    def signature(self, signature: Signature, candidate: int = 0) -> None:
        """The signature of the open thinking part; opens an empty one when none is open."""
        part = self._ensure("thinking", candidate)
        if part is not None:
            self._events.append(SignatureSeen(part.n, signature, candidate))

    def citation(self, raw: Mapping[str, Any], candidate: int = 0) -> None:
        """A source of the open text part."""
        part = self._ensure("text", candidate)
        if part is not None:
            self._events.append(CitationSeen(part.n, raw, candidate))

    def whole(self, part: Whole, candidate: int = 0) -> None:
        """A part in one piece."""
        self.close(candidate)
        if self._may_add(candidate):
            self._events.append(WholePart(self._number(), part, candidate))

    def is_open(self, kind: PartKind, candidate: int = 0) -> bool:
        """True while a part of this kind is open."""
        part = self._open.get(candidate)
        return part is not None and part.kind == kind

    def close(self, candidate: int = 0) -> None:
        """The open part is complete."""
        part = self._open.pop(candidate, None)
        if part is not None:
            self._events.append(PartStop(part.n, part.text, candidate))

    def finish(
        self, reason: FinishReason, native: str = "", stop_sequence: str | None = None, candidate: int = 0
    ) -> None:
        """A candidate ends; a tool call beats every other reason (translation.md 1.10)."""
        if candidate in self._finished or self.ended:
            return
        self.start()
        self.close(candidate)
        self._finished.add(candidate)
        if candidate in self._called:
            reason = "tool_calls"
        self._events.append(Finish(reason, native, stop_sequence, candidate))

    def end(self, usage: Usage | None = None) -> None:
        """Close everything that is open. Later calls do nothing."""
        if self.ended:
            return
        self.start()
        for candidate in sorted(self._seen):
            self.finish("stop", candidate=candidate)
        self.ended = True
        self._events.append(End(usage))

    def _ensure(
        self, kind: PartKind, candidate: int, *, id: str = "", name: str = "", namespace: str = "",  # noqa: A002
        summary: bool = False,
    ) -> _Open | None:  # fmt: skip
        """The open part, of this kind; None when nothing may be added any more."""
        part = self._open.get(candidate)
        if part is not None and part.kind == kind:
            return part
        self.close(candidate)
        if not self._may_add(candidate):
            return None
        part = self._open[candidate] = _Open(self._number(), kind)
        self._events.append(PartStart(part.n, kind, id, name, namespace, summary, candidate))
        return part

    def _may_add(self, candidate: int) -> bool:
        if self.ended or candidate in self._finished:
            return False
        self._seen.add(candidate)
        self.start()
        return True

    def _number(self) -> int:
        self._next += 1
        return self._next - 1


class Collector:
    """Puts the events of a stream together to one ``Response`` (translation.md 3.10)."""

    def __init__(self) -> None:
        self._start: Start | None = None
        self._parts: dict[int, list[AnswerPart]] = {}
        self._opened: dict[int, PartStart] = {}
        self._signatures: dict[int, Signature] = {}
        self._citations: dict[int, list[Mapping[str, Any]]] = {}
        self._finishes: dict[int, Finish] = {}
        self._usage: Usage | None = None

    def add(self, events: list[Event]) -> None:
        """More events, in order."""
        for event in events:
            match event:
                case PartStop():
                    self._stop(event)
                case PartStart():
                    self._opened[event.n] = event
                case SignatureSeen():
                    self._signatures[event.n] = event.signature
                case CitationSeen():
                    self._citations.setdefault(event.n, []).append(event.raw)
                case WholePart():
                    self._parts.setdefault(event.candidate, []).append(event.part)
                case Start():
                    self._start = event
                case Finish():
                    self._finishes[event.candidate] = event
                case End():
                    self._usage = event.usage
                case _:
                    pass  # a delta: its part's stop has the whole text

    def response(self) -> Response:
        """What has been collected."""
        start = self._start or Start("", "", int(time.time()))
        numbers = sorted({0, *self._parts, *self._finishes})
        candidates = tuple(
            Candidate(
                _merged(self._parts.get(number, [])), self._finishes.get(number, Finish("stop", candidate=number))
            )
            for number in numbers
        )
        return Response(start, candidates, self._usage)

    def _stop(self, event: PartStop) -> None:
        opened = self._opened.pop(event.n)
        part: AnswerPart
        if opened.kind == "tool":
            part = AnswerCall(opened.id, opened.name, event.text, opened.namespace)
        elif opened.kind == "thinking":
            part = AnswerThinking(event.text, self._signatures.pop(event.n, None), opened.summary)
        else:
            part = AnswerText(event.text, tuple(self._citations.pop(event.n, ())))
        self._parts.setdefault(event.candidate, []).append(part)


def _merged(parts: list[AnswerPart]) -> tuple[AnswerPart, ...]:
    """Neighbouring texts become one, and neighbouring thoughts unless the first is signed; empty ones are left out."""
    out: list[AnswerPart] = []
    for part in parts:
        last = out[-1] if out else None
        if isinstance(part, AnswerText):
            if isinstance(last, AnswerText):
                out[-1] = AnswerText(last.text + part.text, last.citations + part.citations)
                continue
            if not part.text:
                continue
        elif isinstance(part, AnswerThinking):
            if isinstance(last, AnswerThinking) and last.signature is None and not last.summary:
                out[-1] = AnswerThinking(last.text + part.text, part.signature, part.summary)
                continue
            if not part.text and part.signature is None:
                continue
        out.append(part)
    return tuple(out)


def collect(events: list[Event]) -> Response:
    """A whole answer from all its events."""
    collector = Collector()
    collector.add(events)
    return collector.response()
