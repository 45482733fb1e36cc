"""JSON whose numbers keep their spelling: ``1e3``, ``1.0`` and integers of any length come out as they came in.

Bodies are parsed with ``loads`` and written with ``dumps``. Floats and integers beyond 64 bits become ``Number``, a
float that remembers its text. Lone surrogates, which some clients and upstreams send as escapes, are kept too
(translation.md 6).
"""

from __future__ import annotations

import json
from json import JSONDecodeError, JSONDecoder
from typing import Any, NoReturn

import orjson

_LONGEST_INT, _LONGEST_64_BITS = 18, 20
"""Characters that always fit 64 bits, and that may."""


class Number(float):
    """A float with the text it was written as."""

    __slots__ = ("text",)
    text: str

    def __reduce__(self) -> tuple[Any, ...]:
        return _number, (self.text,)


def _number(text: str) -> Number:
    number = Number(text)
    number.text = text
    return number


def _integer(text: str) -> int | Number:
    if len(text) <= _LONGEST_INT and text != "-0":
        return int(text)
    value = int(text) if len(text) <= _LONGEST_64_BITS else None
    return value if value and -(1 << 63) <= value < 1 << 64 else _number(text)


def _constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


_DECODER = JSONDecoder(parse_float=_number, parse_int=_integer, parse_constant=_constant)


def loads(data: bytes | str) -> Any:
    """The value of a JSON text.

    :raises ValueError: no JSON, not UTF-8, or nested too deeply.
    """
    text = data if isinstance(data, str) else data.decode()
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise JSONDecodeError("nested too deeply", "", 0) from None


def dumps(value: Any) -> bytes:
    """Compact JSON, UTF-8. Lone surrogates are written as escapes.

    :raises ValueError: nested too deeply.
    """
    try:
        return orjson.dumps(value, _exact)
    except TypeError:
        try:
            return _slow(value)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def text(value: Any) -> str:
    """``dumps`` as text."""
    return dumps(value).decode()


def _exact(value: Any) -> Any:
    if isinstance(value, Number):
        return orjson.Fragment(value.text)
    raise TypeError


def _slow(value: Any) -> bytes:
    """What orjson refuses: lone surrogates, deep nesting. Numbers keep their spelling through marked strings."""
    marks: dict[str, str] = {}
    written = json.dumps(_marked(value, marks), ensure_ascii=True, separators=(",", ":"))
    for mark, number in marks.items():
        written = written.replace(f'"{mark}"', number)
    return written.encode()


def _marked(value: Any, marks: dict[str, str]) -> Any:
    if isinstance(value, Number):
        mark = f"\x00{len(marks)}\x00"
        marks[json.dumps(mark)[1:-1]] = value.text
        return mark
    if isinstance(value, dict):
        return {key: _marked(item, marks) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_marked(item, marks) for item in value]
    return value
