"""JSON edited without reformatting: untouched values keep their bytes (translation.md 6).

A ``RawObject`` knows its members as raw text and opens a branch only when it is asked for, so number spelling, string
escapes and key order of everything else survive. Values are skipped with the C scanner of the standard library.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from json import decoder
from json.decoder import JSONDecodeError, JSONDecoder
from typing import Any

from cliproxy.translation import exactjson

_SPACE = re.compile(r"[ \t\n\r]*")
# The numbers' values do not matter here, and int() refuses more than 4300 digits.
_SCAN: Callable[[str, int], tuple[Any, int]] = vars(JSONDecoder(parse_float=len, parse_int=len, parse_constant=len))[
    "scan_once"
]
_STRING: Callable[[str, int], tuple[str, int]] = vars(decoder)["scanstring"]


def dumps(value: Any) -> str:
    """JSON text of a plain value."""
    return exactjson.text(value)


def _space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _skip(text: str, position: int) -> int:
    try:
        end = _SCAN(text, position)[1]
    except StopIteration as stop:
        raise JSONDecodeError("value expected", text, stop.value) from None
    return end


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else value.text()


class RawObject:
    """A JSON object whose values are raw text, or opened branches.

    :raises json.JSONDecodeError: ``text`` is not a JSON object.
    """

    __slots__ = ("_members",)

    def __init__(self, text: str) -> None:
        self._members: dict[str, Any] = {}
        position = _space(text, 0)
        if text[position : position + 1] != "{":
            raise JSONDecodeError("object expected", text, position)
        position = _space(text, position + 1)
        while text[position : position + 1] != "}":
            position = self._read_member(text, position)

    def _read_member(self, text: str, position: int) -> int:
        if text[position : position + 1] != '"':
            raise JSONDecodeError("key expected", text, position)
        key, position = _STRING(text, position + 1)
        position = _space(text, position)
        if text[position : position + 1] != ":":
            raise JSONDecodeError("':' expected", text, position)
        start = _space(text, position + 1)
        end = _skip(text, start)
        self._members[key] = text[start:end]
        position = _space(text, end)
        if text[position : position + 1] == ",":
            return _space(text, position + 1)
        if text[position : position + 1] != "}":
            raise JSONDecodeError("',' or '}' expected", text, position)
        return position

    def __contains__(self, key: str) -> bool:
        return key in self._members

    def __repr__(self) -> str:
        return f"<RawObject {list(self._members)}>"

    def raw(self, key: str) -> str | None:
        """The member's JSON text, None when absent."""
        value = self._members.get(key)
        return None if value is None else _text_of(value)

    def object(self, key: str) -> RawObject | None:
        """The member opened as an object; None when absent or something else."""
        found = self._open(key, "{", RawObject)
        return found if isinstance(found, RawObject) else None

    def array(self, key: str) -> RawArray | None:
        """The member opened as an array; None when absent or something else."""
        found = self._open(key, "[", RawArray)
        return found if isinstance(found, RawArray) else None

    def _open(self, key: str, bracket: str, kind: Any) -> Any:
        value = self._members.get(key)
        if isinstance(value, str) and value.startswith(bracket):
            value = self._members[key] = kind(value)
        return value

    def set(self, key: str, text: str) -> None:
        """Set a member to JSON text, at its old place or at the end."""
        self._members[key] = text

    def set_value(self, key: str, value: Any) -> None:
        """Set a member to a plain value."""
        self._members[key] = dumps(value)

    def delete(self, *keys: str) -> None:
        """Remove members; absent ones are no error."""
        for key in keys:
            self._members.pop(key, None)

    def rename(self, old: str, new: str) -> None:
        """Give a member another name at the same place; one that already has the name is replaced."""
        if old in self._members:
            self._members = {
                new if key == old else key: value for key, value in self._members.items() if key == old or key != new
            }

    def text(self) -> str:
        """The object's JSON text."""
        return "{" + ",".join(f"{_key(key)}:{_text_of(value)}" for key, value in self._members.items()) + "}"

    def encode(self) -> bytes:
        """The object's JSON text as UTF-8."""
        return self.text().encode()


class RawArray:
    """A JSON array whose items are raw text, or opened branches."""

    __slots__ = ("items",)

    def __init__(self, text: str) -> None:
        self.items: list[Any] = []
        position = _space(text, 1)
        while text[position : position + 1] != "]":
            end = _skip(text, position)
            self.items.append(text[position:end])
            position = _space(text, end)
            if text[position : position + 1] == ",":
                position = _space(text, position + 1)

    def __len__(self) -> int:
        return len(self.items)

    def object(self, index: int) -> RawObject | None:
        """The item opened as an object; None when it is something else."""
        item = self.items[index]
        if isinstance(item, str) and item.startswith("{"):
            item = self.items[index] = RawObject(item)
        return item if isinstance(item, RawObject) else None

    def text(self) -> str:
        """The array's JSON text."""
        return "[" + ",".join(map(_text_of, self.items)) + "]"


def _key(key: str) -> str:
    if key.isascii() and key.isprintable() and '"' not in key and "\\" not in key:
        return f'"{key}"'
    return dumps(key)


def parse(data: bytes) -> RawObject:
    """Open a JSON object.

    :raises ValueError: not UTF-8, or not a JSON object.
    """
    return RawObject(data.decode())
