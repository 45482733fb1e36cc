"""Tool-call arguments that are not quite JSON (translation.md 3.11).

Time grows in proportion to the text, and no nesting is too deep.
"""

from __future__ import annotations

import re
from json import JSONDecoder
from typing import Any

from cliproxy.translation import exactjson

_QUOTED = re.compile(
    r"""
      "[^"\\]*+(?:\\.[^"\\]*+)*+"?      # a JSON string stays as it is
    | '([^'\\]*+(?:\\.[^'\\]*+)*+)      # 1: inside of a single-quoted one
      (?:'|(\\)?)                       # its end, else the end of the text, maybe 2: amid an escape
    """,
    re.DOTALL | re.VERBOSE,
)
_INSIDE = re.compile(r'\\.|"', re.DOTALL)
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_BRACKET = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[][{}]', re.DOTALL)
_SPACE = re.compile(r"[ \t\n\r]*+")
_BETWEEN = re.compile(r"[ \t\n\r,]*+")
_WORD = re.compile(r"[^,]*+")
_ATOM = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LENIENT = JSONDecoder(strict=False)


def as_object(text: str) -> dict[str, Any] | None:
    """The JSON object that ``text`` is, None for anything else; numbers keep their spelling."""
    try:
        value = exactjson.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def quote_fix(text: str) -> str:
    """``text`` with single-quoted strings turned into JSON strings and nothing else changed (translation.md 3.11)."""
    return _QUOTED.sub(_requoted, text) if "'" in text else text


def _requoted(match: re.Match[str]) -> str:
    inside, half_escape = match.groups()
    if inside is None:
        return match[0]
    return f'"{_INSIDE.sub(_escaped, inside)}{half_escape * 2 if half_escape else ""}"'


def _escaped(match: re.Match[str]) -> str:
    found = match[0]
    if found == '"':
        return '\\"'
    return "'" if found == "\\'" else found


def tolerant_object(text: str) -> dict[str, Any]:
    """The members that can be read from ``text``; ``{}`` when there are none (translation.md 3.11)."""
    strict = as_object(text)
    if strict is not None:
        return strict
    start, end = text.find("{"), text.rfind("}")
    return _members(text[start + 1 : end]) if 0 <= start < end else {}


def _members(text: str) -> dict[str, Any]:
    """The ``"key": value`` pairs of an object's inside, up to the first one that cannot be read."""
    found: dict[str, Any] = {}
    position = _after(_BETWEEN, text, 0)
    while position < len(text):
        key = _STRING.match(text, position)
        if key is None:
            if text[position] == '"':
                break
            position = _after(_WORD, text, position)
        else:
            position = _after(_SPACE, text, key.end())
            if not text.startswith(":", position):
                break
            read = _value(text, _after(_SPACE, text, position + 1))
            if read is None:
                break
            found[_string(key[0])], position = read
        position = _after(_BETWEEN, text, position)
    return found


def _value(text: str, position: int) -> tuple[Any, int] | None:
    """The value at ``position`` and where it ends; None when it has no end."""
    first = text[position : position + 1]
    if first == '"':
        string = _STRING.match(text, position)
        return (_string(string[0]), string.end()) if string else None
    if first in ("{", "["):
        end = _closing(text, position)
        return (_loaded(text[position:end]), end) if end else None
    end = _after(_WORD, text, position)
    word = text[position:end].strip()
    return (_loaded(word) if _ATOM.fullmatch(word) else word), end


def _closing(text: str, position: int) -> int:
    """Where the brackets that open at ``position`` are all closed again; 0 when they never are."""
    depth = 0
    for token in _BRACKET.finditer(text, position):
        mark = token[0]
        if mark in ("{", "["):
            depth += 1
        elif mark in ("}", "]"):
            depth -= 1
            if depth == 0:
                return token.end()
    return 0


def _loaded(text: str) -> Any:
    """The value of a JSON text, or the text itself."""
    try:
        return exactjson.loads(text)
    except ValueError:
        return text


def _string(token: str) -> str:
    """The value of a string token: with raw line ends too; with wrong escapes the text between the quotes."""
    try:
        return str(_LENIENT.decode(token))
    except ValueError:
        return token[1:-1]


def _after(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position
