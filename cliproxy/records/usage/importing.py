"""Reading an export file (logging.md 16, management-api.md 17.2, 17.3). Strictly typed, null = absent (1.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from json import JSONDecoder
from re import compile as pattern
from typing import Any, NoReturn, TypeVar

from cliproxy.errors import RequestError
from cliproxy.records.moments import Moment
from cliproxy.records.usage.details import Detail, plain, with_total
from cliproxy.records.usage.record import UNKNOWN, Tokens

T = TypeVar("T")

VERSIONS = (0, 1)
_LARGEST = 2**53
_COUNTS = ("input_tokens", "output_tokens", "reasoning_tokens", "cached_tokens", "total_tokens")


class InvalidJson(RequestError):
    """400 ``invalid json``: no JSON, or a value of the wrong type."""

    def __init__(self) -> None:
        super().__init__("invalid json")


def _no_constant(name: str) -> NoReturn:
    """NaN and the infinities are no JSON."""
    raise ValueError(name)


_decode = JSONDecoder(parse_constant=_no_constant).raw_decode
_BLANKS = pattern(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did; the last two are the totals afterwards."""

    added: int
    skipped: int
    total_requests: int
    failed_requests: int


def entries(data: bytes, now: float) -> Iterator[str | Detail]:
    """What is in an export file, in its order: the name of each group, then its details; ``now`` (Unix seconds) for
    those without a time.

    :raises RequestError: 400; ``invalid json`` or ``unsupported version``, possibly after much was read.
    """
    try:
        json = _Json(data.decode())
    except UnicodeDecodeError:
        raise InvalidJson from None
    for name in json.members():
        if name == "version":
            if _typed({name: json.value()}, name, int, 0) not in VERSIONS:
                raise RequestError("unsupported version")
        elif name == "usage":
            yield from _usage(json, now)
        else:
            json.value()
    json.end()


def _usage(json: _Json, now: float) -> Iterator[str | Detail]:
    for name in json.members():
        if name != "apis":
            json.value()
            continue
        for api in json.members():
            if group := plain(api.strip()):
                yield group
            yield from _group(json, group, now)


def _group(json: _Json, group: str, now: float) -> Iterator[Detail]:
    for name in json.members():
        if name != "models":
            json.value()
            continue
        for model in json.members():
            for part in json.members():
                if part != "details":
                    json.value()
                    continue
                for _ in json.items():
                    detail = _detail(group, model.strip() or UNKNOWN, _typed({"": json.value()}, "", dict, {}), now)
                    if group:
                        yield detail


class _Json:
    """Reads JSON a small piece at a time, so that other threads can go on in between: a file may have many megabytes.

    Whoever iterates over members or items must read the value of each. All methods raise ``InvalidJson``.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def value(self) -> Any:
        """The next value, whole."""
        self._next()
        try:
            value, self._at = _decode(self._text, self._at)
        except (ValueError, RecursionError):
            raise InvalidJson from None
        return value

    def members(self) -> Iterator[str]:
        """The names of an object's members; none for null."""
        for _ in self._inside("{", "}"):
            if self._next() != '"':
                raise InvalidJson
            name: str = self.value()
            self._take(":")
            yield name

    def items(self) -> Iterator[None]:
        """One for each item of an array; none for null."""
        return self._inside("[", "]")

    def end(self) -> None:
        """Nothing may follow."""
        if self._next():
            raise InvalidJson

    def _inside(self, opening: str, closing: str) -> Iterator[None]:
        if self._next() == "n":
            self.value()
            return
        self._take(opening)
        if self._next() == closing:
            self._at += 1
            return
        while True:
            yield
            if self._next() != ",":
                break
            self._at += 1
        self._take(closing)

    def _next(self) -> str:
        """The next character that is no blank; empty at the end."""
        match = _BLANKS.match(self._text, self._at)
        assert match is not None
        self._at = match.end()
        return self._text[self._at : self._at + 1]

    def _take(self, char: str) -> None:
        if self._next() != char:
            raise InvalidJson
        self._at += 1


def _detail(api: str, model: str, row: Mapping[str, Any], now: float) -> Detail:
    tokens = _typed(row, "tokens", dict, {})
    numbers = [_typed(tokens, name, int, 0) for name in _COUNTS]
    if any(abs(number) > _LARGEST for number in numbers):
        raise InvalidJson
    return Detail(
        api=api,
        model=plain(model),
        moment=_moment(row, now),
        source=plain(_typed(row, "source", str, "")),
        auth_index=plain(_typed(row, "auth_index", str, "")),
        tokens=with_total(Tokens(*numbers)),
        failed=_typed(row, "failed", bool, False),
    )


def _moment(row: Mapping[str, Any], now: float) -> Moment:
    if row.get("timestamp") is None:
        return Moment.of(now)
    try:
        moment = Moment.parse(_typed(row, "timestamp", str, ""))
    except ValueError:
        raise InvalidJson from None
    return Moment.of(now) if moment.is_zero else moment


def _typed(values: Mapping[str, Any], name: str, kind: type[T], default: T) -> T:
    """The value of ``name``; exactly of its type (a bool is no int), null or absent = ``default``."""
    value = values.get(name)
    if value is None:
        return default
    if type(value) is not kind:
        raise InvalidJson
    return value
