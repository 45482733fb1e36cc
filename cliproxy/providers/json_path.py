"""Paths into JSON trees as payload rules write them: ``a.b.0``, ``a.#(k=="v").x``, ``a|b`` (providers.md 7.4).

A path without unescaped ``* ? # | @`` is simple: it can be set (missing parents are made) and deleted. Any other is
complex: it can be asked for, and the values it finds can be replaced. Nothing is mutated; an edit that changes nothing
returns the tree it got.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from cliproxy.translation.edits import MISSING, Body, same

Place = tuple[str | int, ...]
"""Keys and indexes from the root of a tree."""

_COMPLEX = frozenset("*?#|@")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_CHARACTER = re.compile(r"\\?.", re.DOTALL)
_OPERATOR = re.compile(r"==|!=|<=|>=|!%|[=<>%]")
_MOST_NULLS = 1000
"""Padding up to an index that is set; more is a slip of the pen that would eat the memory."""


class _CannotApplyError(Exception):
    """A path does not fit the tree."""


def exists(body: Any, path: str) -> bool:
    """True when ``path`` leads to something, also to a null."""
    return parse(path).find(body) is not None


def put(body: Body, path: str, value: Any) -> Body:
    """``body`` with ``value`` at ``path``; unchanged when the path does not fit it."""
    parsed = parse(path)
    if parsed.parts is None:
        found = parsed.find(body)
        for place in found.places if found else ():
            body = _replace(body, place, value)
        return body
    try:
        changed: Body = _put(body, parsed.parts, value)
    except _CannotApplyError:
        return body
    return changed


def drop(body: Body, path: str) -> Body:
    """``body`` without what a simple ``path`` leads to."""
    parts = parse(path).parts
    changed: Body = body if parts is None else _cut(body, parts)
    return changed


def wildcard(pieces: Sequence[str]) -> re.Pattern[str]:
    """What ``fullmatch`` needs for ``pieces`` (regular expressions of fixed length) with anything in between.

    Atomic groups keep the search linear whatever text a client sends.
    """
    first, *rest = pieces
    if not rest:
        return re.compile(first, re.DOTALL)
    *middle, last = rest
    return re.compile(f"{first}{''.join(f'(?>.*?{piece})' for piece in middle)}.*{last}", re.DOTALL)


# Simple paths


@dataclass(frozen=True, slots=True)
class Part:
    """One name of a path. ``index`` is its value in an array, None when it can only be a key.

    ``last`` marks ``-1``: behind the last element when setting, the last one when deleting, nothing when reading.
    """

    text: str
    index: int | None = None
    last: bool = False


def _part(raw: str) -> Part:
    forced = raw.startswith(":") and len(raw) > 1
    text = _ESCAPE.sub(r"\1", raw[1:] if forced else raw)
    if forced:
        return Part(text)
    index = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
    return Part(text, index, text == "-1")


def _put(node: Any, parts: Sequence[Part], value: Any) -> Any:
    if not parts:
        return value
    part, rest = parts[0], parts[1:]
    if not isinstance(node, dict | list):
        node = [] if part.last or part.index is not None else {}
    if isinstance(node, list):
        return _put_item(node, part, rest, value)
    old = node.get(part.text, MISSING)
    new = _put(old, rest, value)
    return node if same(old, new) else _with(node, part.text, new)


def _put_item(items: list[Any], part: Part, rest: Sequence[Part], value: Any) -> list[Any]:
    index = len(items) if part.last else part.index
    if index is None or index > len(items) + _MOST_NULLS:
        raise _CannotApplyError
    if index >= len(items):
        return [*items, *[None] * (index - len(items)), _put(None, rest, value)]
    new = _put(items[index], rest, value)
    return items if same(items[index], new) else _with(items, index, new)


def _cut(node: Any, parts: Sequence[Part]) -> Any:
    key = _key(node, parts[0])
    if key is None:
        return node
    if len(parts) == 1:
        return _without(node, key)
    new = _cut(node[key], parts[1:])
    return node if new is node[key] else _with(node, key, new)


def _key(node: Any, part: Part) -> str | int | None:
    """Where the part is in ``node``, None when it is not there."""
    if isinstance(node, dict):
        return part.text if part.text in node else None
    if not isinstance(node, list) or not node:
        return None
    index = len(node) - 1 if part.last else part.index
    return index if index is not None and index < len(node) else None


def _with(node: Any, key: Any, value: Any) -> Any:
    return {**node, key: value} if isinstance(node, dict) else [*node[:key], value, *node[key + 1 :]]


def _without(node: Any, key: Any) -> Any:
    if isinstance(node, dict):
        return {name: value for name, value in node.items() if name != key}
    return [*node[:key], *node[key + 1 :]]


def _replace(node: Any, place: Place, value: Any) -> Any:
    old = node[place[0]]
    new = _replace(old, place[1:], value) if len(place) > 1 else value
    return node if same(old, new) else _with(node, place[0], new)


# Any path, reading


@dataclass(frozen=True, slots=True)
class Found:
    """A value and where it stands; ``at`` is None for one that was computed or collected from several places."""

    value: Any
    at: Place | None = None
    collected: tuple[Place, ...] = ()

    @property
    def places(self) -> tuple[Place, ...]:
        """The places in the tree that hold what was found."""
        return self.collected if self.at is None else (self.at,)

    def child(self, key: str | int) -> Found:
        """A member or an element."""
        return Found(self.value[key], None if self.at is None else (*self.at, key))

    def children(self) -> Iterator[Found]:
        """The elements of an array."""
        return map(self.child, range(len(self.value)))


class Step(Protocol):
    """One part of a path between dots."""

    def find(self, node: Found, rest: Sequence[Step]) -> Found | None:
        """What this step and the ``rest`` lead to from ``node``."""


def _walk(node: Found, steps: Sequence[Step]) -> Found | None:
    return steps[0].find(node, steps[1:]) if steps else node


def _collect(results: Iterable[Found | None]) -> Found:
    found = [result for result in results if result is not None]
    places = tuple(place for result in found for place in result.places)
    return Found([result.value for result in found], collected=places)


@dataclass(frozen=True, slots=True)
class Name:
    """A key, or an index in an array."""

    part: Part

    def find(self, node: Found, rest: Sequence[Step]) -> Found | None:
        """Go to the member."""
        key = None if self.part.last and isinstance(node.value, list) else _key(node.value, self.part)
        return None if key is None else _walk(node.child(key), rest)


@dataclass(frozen=True, slots=True)
class Wildcard:
    """The first key that matches and has what follows."""

    pattern: re.Pattern[str]

    def find(self, node: Found, rest: Sequence[Step]) -> Found | None:
        """Try the members in their order."""
        keys = filter(self.pattern.fullmatch, node.value) if isinstance(node.value, dict) else ()
        return next((found for key in keys if (found := _walk(node.child(key), rest)) is not None), None)


@dataclass(frozen=True, slots=True)
class Each:
    """``#``: the length of an array, or something of all its elements."""

    def find(self, node: Found, rest: Sequence[Step]) -> Found | None:
        """Count or collect."""
        if not isinstance(node.value, list):
            return None
        return _collect(_walk(child, rest) for child in node.children()) if rest else Found(len(node.value))


@dataclass(frozen=True, slots=True)
class Query:
    """``#(path op value)``: the first element that fulfils it, or ``#(...)#`` all; ``#(path)``: one that has it."""

    path: JsonPath | None
    test: Callable[[Any], bool] | None
    all: bool

    def find(self, node: Found, rest: Sequence[Step]) -> Found | None:
        """Choose elements and go on from them."""
        if not isinstance(node.value, list):
            return None
        chosen = filter(self._fulfils, node.children())
        if self.all:
            return _collect(_walk(child, rest) for child in chosen)
        first = next(chosen, None)
        return None if first is None else _walk(first, rest)

    def _fulfils(self, node: Found) -> bool:
        found = node if self.path is None else self.path.find(node.value)
        return found is not None and (self.test is None or self.test(found.value))


@dataclass(frozen=True, slots=True)
class Nothing:
    """A modifier (``@...``) or a query that cannot be read: leads nowhere."""

    def find(self, node: Found, rest: Sequence[Step]) -> Found | None:
        """Find nothing."""
        return None


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A path taken apart: ``pipeline`` for reading, ``parts`` for a simple path's edits."""

    pipeline: tuple[tuple[Step, ...], ...]
    parts: tuple[Part, ...] | None

    def find(self, value: Any) -> Found | None:
        """What the path leads to, None when nothing is there."""
        node: Found | None = Found(value, ())
        for steps in self.pipeline:
            if node is None:
                break
            node = _walk(node, steps)
        return node


# Taking the text apart


@lru_cache(maxsize=1024)
def parse(text: str) -> JsonPath:
    """Take a path apart. Any text is a path; parts that make no sense lead nowhere."""
    pipeline: list[list[str]] = [[]]
    for raw, separator in _components(text):
        pipeline[-1].append(raw)
        if separator == "|":
            pipeline.append([])
    simple = _COMPLEX.isdisjoint(_ESCAPE.sub("", text))
    parts = tuple(map(_part, pipeline[0])) if simple else None
    return JsonPath(tuple(tuple(map(_step, raws)) for raws in pipeline), parts)


def _components(text: str) -> Iterator[tuple[str, str]]:
    """(part with its escapes, the dot or pipe behind it); those inside a query do not count."""
    start = depth = 0
    quoted = False
    for match in _CHARACTER.finditer(text):
        character, at = match[0], match.start()
        if depth:
            quoted ^= character == '"'
            depth += 0 if quoted else _bracket(character)
        elif character == "(" and text[start:at] == "#":
            depth = 1
        elif character in (".", "|"):
            yield text[start:at], character
            start = at + 1
    yield text[start:], ""


def _bracket(character: str) -> int:
    return (character == "(") - (character == ")")


def _step(raw: str) -> Step:
    if raw == "#":
        return Each()
    if raw.startswith("#("):
        return _query(raw)
    if raw.startswith("@"):
        return Nothing()
    if {"*", "?"} & set(_ESCAPE.sub("", raw)):
        return Wildcard(_like(raw))
    return Name(_part(raw))


def _like(text: str) -> re.Pattern[str]:
    """A pattern with ``*`` and ``?``."""
    pieces = [""]
    for character in _CHARACTER.findall(text):
        if character == "*":
            pieces.append("")
        else:
            pieces[-1] += "." if character == "?" else re.escape(character[-1])
    return wildcard(pieces)


def _query(raw: str) -> Step:
    every = raw.endswith(")#")
    if not every and not raw.endswith(")"):
        return Nothing()
    inside = raw[2 : -2 if every else -1]
    found = _operator_in(inside)
    path = (inside[: found.start()] if found else inside).strip()
    test = _test(found[0], _literal(inside[found.end() :].strip())) if found else None
    return Query(parse(path) if path else None, test, every)


def _operator_in(text: str) -> re.Match[str] | None:
    """The first comparison that is not inside a nested query."""
    depth = 0
    for character in _CHARACTER.finditer(text):
        depth += _bracket(character[0])
        if not depth and (found := _OPERATOR.match(text, character.start())):
            return found
    return None


def _literal(text: str) -> str:
    quoted = len(text) > 1 and text.startswith('"') and text.endswith('"')
    return _ESCAPE.sub(r"\1", text[1:-1]) if quoted else text


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "=": operator.eq, "!=": operator.ne,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def _test(name: str, literal: str) -> Callable[[Any], bool]:
    """A comparison with ``literal``, which is read as the kind of the value it is compared with."""
    if name.endswith("%"):
        pattern, wanted = _like(literal), name == "%"
        return lambda value: isinstance(value, str) and (pattern.fullmatch(value) is not None) is wanted
    compare = _COMPARE[name]

    def test(value: Any) -> bool:
        if value is None or isinstance(value, dict | list):
            return False
        other = _as_kind_of(value, literal)
        return name == "!=" if other is None else compare(value, other)

    return test


def _as_kind_of(value: Any, literal: str) -> Any:
    """The literal as a string, truth value or number like ``value``; None when it is no such thing."""
    if isinstance(value, str):
        return literal
    if isinstance(value, bool):
        return {"true": True, "false": False}.get(literal)
    try:
        return float(literal)
    except ValueError:
        return None
