"""Server-sent events as bytes: cut a stream into whole events, take events apart. No I/O.

Lines end at LF only, one CR before it is dropped; U+2028 and friends are ordinary text (providers.md 2.3).
"""

from __future__ import annotations

from collections.abc import Iterator

MAX_EVENT = 52_428_800
"""Longest event that is waited for, in bytes (providers.md 2.3)."""


class EventTooLong(ValueError):
    """An event grew beyond ``MAX_EVENT`` without ending."""


class EventBuffer:
    """Collects bytes and hands out whole events: text that ends with a blank line, lines ended by LF."""

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []  # an incomplete event, in pieces: joining at each read would be quadratic
        self._size = 0

    def __repr__(self) -> str:
        return f"<EventBuffer {self._size} bytes waiting>"

    @property
    def waiting(self) -> bool:
        """True while the beginning of an event is kept."""
        return bool(self._parts)

    def feed(self, data: bytes) -> bytes:
        """All events that ``data`` completes, maybe none.

        :raises EventTooLong: no end in sight.
        """
        if b"\r" in data or (self._parts and self._parts[-1].endswith(b"\r")):
            data = self._without_cr(data)
        if not self._parts:
            if data.endswith(b"\n\n"):
                return data
            end = data.rfind(b"\n\n") + 2
            if end == 1:
                self._keep(data)
                return b""
            self._keep(data[end:])
            return data[:end]
        return self._complete(data)

    def rest(self) -> bytes:
        """What is left at the end of the stream: an event whose blank line never came."""
        data = b"".join(self._parts)
        self._parts, self._size = [], 0
        return data

    def _complete(self, data: bytes) -> bytes:
        last = self._parts[-1]
        if b"\n\n" not in data and not (last.endswith(b"\n") and data.startswith(b"\n")):
            self._keep(data)
            return b""
        return self.feed(self.rest() + data)

    def _keep(self, data: bytes) -> None:
        if not data:
            return
        self._size += len(data)
        if self._size > MAX_EVENT:
            raise EventTooLong(f"event longer than {MAX_EVENT} bytes")
        self._parts.append(data)

    def _without_cr(self, data: bytes) -> bytes:
        if self._parts and self._parts[-1].endswith(b"\r"):
            data = self._parts[-1][-1:] + data
            self._parts[-1] = self._parts[-1][:-1]
            self._size -= 1
            if not self._parts[-1]:
                self._parts.pop()
        return data.replace(b"\r\n", b"\n")


def split(events: bytes) -> Iterator[bytes]:
    """The single events in ``events`` (LF lines), without their blank lines; empty ones are left out."""
    for event in events.split(b"\n\n"):
        if event := event.strip(b"\n"):
            yield event


def data_of(event: bytes) -> bytes:
    """The data of one event: its ``data:`` lines joined; empty when it has none (a comment)."""
    start = 0 if event.startswith(b"data:") else event.find(b"\ndata:") + 1
    if (start or event.startswith(b"data:")) and event.find(b"\n", start) < 0:  # one such line, at the end
        return event[start + 5 :].strip()
    lines = (line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:"))
    return b"\n".join(lines)


def name_of(event: bytes) -> str:
    """The event's name (its ``event:`` line), empty when it has none."""
    for line in event.split(b"\n"):
        if line.startswith(b"event:"):
            return line[6:].strip().decode("utf-8", "replace")
    return ""


def frame(data: bytes, name: str = "") -> bytes:
    """One event in canonical form."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), data) if name else b"data: %s\n\n" % data
