"""The rules of translation.md 1.8 in one place: what is wrong with a sequence of answer events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cliproxy.translation.events import (
    ArgumentsDelta,
    CitationSeen,
    End,
    Finish,
    PartStart,
    PartStop,
    SignatureSeen,
    Start,
    TextDelta,
    ThinkingDelta,
    WholePart,
)

KIND_OF = {TextDelta: "text", CitationSeen: "text", ThinkingDelta: "thinking", SignatureSeen: "thinking", ArgumentsDelta: "tool"}


def violations(events: Sequence[Any]) -> list[str]:
    """Every broken rule; empty for a whole, well-formed answer."""
    found: list[str] = []
    kinds = [type(event) for event in events]
    if kinds.count(Start) != 1 or kinds[:1] != [Start]:
        found.append("not exactly one start, first")
    if kinds.count(End) != 1 or kinds[-1:] != [End]:
        found.append("not exactly one end, last")
    numbers = [event.n for event in events if isinstance(event, PartStart | WholePart)]
    if numbers != list(range(len(numbers))):
        found.append(f"parts are numbered {numbers}")
    candidates = {event.candidate for event in events if hasattr(event, "candidate")} | {0}
    for candidate in sorted(candidates):
        own = [event for event in events if getattr(event, "candidate", None) == candidate]
        found += [f"candidate {candidate}: {words}" for words in _of_candidate(own)]
    return found


def _of_candidate(events: Sequence[Any]) -> list[str]:
    found: list[str] = []
    opened: PartStart | None = None
    text = ""
    for event in events:
        kind = type(event)
        if kind is PartStart:
            if opened is not None:
                found.append(f"part {event.n} opens inside part {opened.n}")
            opened, text = event, ""
        elif kind is PartStop:
            if opened is None or opened.n != event.n:
                found.append(f"part {event.n} stops, open is {opened}")
            elif event.text != text:
                found.append(f"part {event.n} says {event.text!r} at its stop, was {text!r}")
            opened = None
        elif kind in KIND_OF:
            if opened is None or opened.n != event.n or opened.kind != KIND_OF[kind]:
                found.append(f"{event} in {opened}")
            if kind in (TextDelta, ThinkingDelta, ArgumentsDelta):
                text += event.text
                if not event.text:
                    found.append(f"empty delta {event}")
        elif kind in (WholePart, Finish) and opened is not None:
            found.append(f"{event} inside part {opened.n}")
    if [type(event) for event in events].count(Finish) != 1 or not isinstance(events[-1], Finish):
        found.append("not exactly one finish, last")
    return found
