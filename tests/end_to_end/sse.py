"""A strict reader of event streams: half events, stray lines and data in several lines are faults."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One event; ``comment`` is set for keep-alives, which have nothing else."""

    data: str = ""
    name: str = ""
    comment: str = ""

    @property
    def json(self) -> Any:
        """The data, parsed."""
        return json.loads(self.data)


def parse(body: bytes) -> list[Event]:
    """All events of a stream.

    :raises AssertionError: the stream is not canonical.
    """
    text = body.decode().replace("\r\n", "\n")
    assert not text or text.endswith("\n\n"), f"the last event is cut: {text[-200:]!r}"
    return [_event(block) for block in text.split("\n\n") if block.strip("\n")]


def payloads(body: bytes) -> list[Any]:
    """The JSON of all events, without comments and ``[DONE]``."""
    return [event.json for event in parse(body) if event.data and event.data != "[DONE]"]


def _event(block: str) -> Event:
    lines = block.strip("\n").split("\n")
    if lines[0].startswith(":"):
        assert len(lines) == 1, f"a comment inside an event: {block!r}"
        return Event(comment=lines[0][1:].strip())
    names = [line.removeprefix("event:").strip() for line in lines if line.startswith("event:")]
    data = [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]
    assert (len(data), len(names) + len(data)) == (1, len(lines)), f"not one event: {block!r}"
    assert len(names) <= 1, f"two names: {block!r}"
    return Event(data[0], names[0] if names else "")
