"""A short cut for what most of a stream consists of: one more piece of the same text.

In every delta an upstream repeats all bytes but the text, and so do we. Once such an event was translated, the next
ones with the same bytes around their text need no parsing: their JSON strings are put between the bytes written last
time. Heads and tails hold unescaped quotes, so that they cannot stand inside a JSON string: the result is exact.
"""

from __future__ import annotations

import re

from cliproxy.translation import exactjson

_STRING = re.compile(rb'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"')
_EMPTY = b'""'
_SEPARATORS = (b"\xe2\x80\xa8", b"\xe2\x80\xa9")
"""U+2028 and U+2029, which encoders may write as escapes."""
_PATIENCE = 8
"""Misses in a row after which a stream's deltas count as too different, with numbers in them say."""


class TextLane:
    """What stands around a text delta, there and here. One object per answer."""

    __slots__ = ("_between", "_head", "_misses", "_new_between", "_new_head", "_new_tail", "_tail")

    def __init__(self) -> None:
        self._head = self._tail = self._between = b""
        self._new_head = self._new_tail = self._new_between = b""
        self._misses = 0

    def __repr__(self) -> str:
        return f"<TextLane {'open' if self._head else 'closed'}, {self._misses} misses>"

    @property
    def is_hopeless(self) -> bool:
        """True when it is not worth learning any more."""
        return self._misses > _PATIENCE

    def learn(self, event: bytes, text: str, written: bytes) -> None:
        """``event`` (with its blank line) says ``text`` and nothing else, for which ``written`` went out."""
        self.forget()
        old, new = _place(event, text), _place(written, text)
        if old is None or new is None:
            return
        self._head, self._tail = event[: old[0]], event[old[1] :]
        self._new_head, self._new_tail = written[: new[0]], written[new[1] :]
        self._between, self._new_between = self._tail + self._head, self._new_tail + self._new_head

    def forget(self) -> None:
        """Something else has come: the next delta must be looked at."""
        self._head = b""

    def match(self, events: bytes) -> list[bytes] | None:
        """The JSON strings of ``events`` when all are deltas as the one learned; None when any is not."""
        head, tail = self._head, self._tail
        if not head:
            return None
        if events.startswith(head) and events.endswith(tail):
            single = _STRING.fullmatch(events, len(head), len(events) - len(tail))
            strings = [single[0]] if single else events[len(head) : -len(tail)].split(self._between)
            if _EMPTY not in strings and (single or all(map(_STRING.fullmatch, strings))) and _are_plain(events):
                self._misses = 0
                return strings
        self._misses += 1
        return None

    def write(self, strings: list[bytes]) -> bytes:
        """The client's events for what ``match`` found."""
        return self._new_head + self._new_between.join(strings) + self._new_tail


def _place(event: bytes, text: str) -> tuple[int, int] | None:
    """Where the only JSON string with this value stands; None when none or several have it."""
    found = [match.span() for match in _STRING.finditer(event) if exactjson.loads(match[0]) == text]
    return found[0] if len(found) == 1 else None


def _are_plain(data: bytes) -> bool:
    """True for UTF-8 without line separators."""
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return not any(separator in data for separator in _SEPARATORS)
