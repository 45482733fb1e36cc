"""Function names and call ids in the alphabets of the upstreams, and back (translation.md 2.3, 2.4; providers.md 27).

A request has one ``ToolNames``; its encoder asks for the name to send, the answer's decoder for the client's own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

_MCP = "mcp__"
_SEPARATOR = "__"
_NOT_IN_ID = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_CALL_ID = 64
_DIGEST = 16


@dataclass(frozen=True, slots=True)
class NameRule:
    """How one upstream wants names: at most ``limit`` characters, all ASCII, without what ``refused`` finds."""

    limit: int
    refused: re.Pattern[str]
    """Each character that matches becomes ``_``."""
    letter_first: bool = False
    """The first character is a letter or ``_``; another gets a ``_`` before it."""
    shorten_mcp: bool = False
    """An over-long ``mcp__server__tool`` loses its server rather than its end."""

    def apply(self, name: str) -> str:
        """The name to send for ``name``, regardless of other names; an empty one stays empty."""
        name = self.refused.sub("_", name)
        if self.letter_first and name and not (name[0].isalpha() or name[0] == "_"):
            name = "_" + name
        if self.shorten_mcp and name.startswith(_MCP) and len(name) > self.limit:
            server = name.rfind(_SEPARATOR, len(_MCP))
            name = name if server < 0 else _MCP + name[server + len(_SEPARATOR) :]
        return name[: self.limit]

    def numbered(self, name: str, number: int) -> str:
        """``name`` with a number at its end, within the limit."""
        suffix = f"_{number}"
        return name[: self.limit - len(suffix)] + suffix


_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_-]")
CODEX = CHAT = NameRule(64, _NOT_IN_NAME, shorten_mcp=True)
CLAUDE = NameRule(128, _NOT_IN_NAME)
GEMINI = NameRule(64, re.compile(r"[^A-Za-z0-9_.:-]"), letter_first=True)


class ToolNames:
    """The functions of one request, under names that its upstream takes and that are all different.

    ``declared`` holds (namespace, name) of each function in order; a namespace is empty for a plain one. A plain name
    that obeys the rule is never changed, whatever stands before it; all others take turns in the order of declaration.
    """

    def __init__(self, declared: Iterable[tuple[str, str]], rule: NameRule) -> None:
        self._rule = rule
        self._wire: dict[tuple[str, str], str] = {}
        self._original: dict[str, tuple[str, str]] = {}
        self._numbers: dict[str, int] = {}  # the last number tried for a name: a search from 1 each time is quadratic
        derived = {}
        for namespace, name in declared:
            wanted = rule.apply(_joined(namespace, name))
            if not namespace and wanted == name:
                self._assign(("", name), name)
            else:
                derived[namespace, name] = wanted
        for own, wanted in derived.items():
            self._assign(own, self._free(wanted))

    def __repr__(self) -> str:
        return f"<ToolNames {list(self._original)}>"

    def wire(self, name: str, namespace: str = "") -> str:
        """The name to send. One that is not declared, as histories have, is made to fit but not told from others."""
        known = self._wire.get((namespace, name))
        return self._rule.apply(_joined(namespace, name)) if known is None else known

    def original(self, wire: str) -> tuple[str, str]:
        """(namespace, name) as the client declared it; an unknown name is its own."""
        return self._original.get(wire, ("", wire))

    def _assign(self, own: tuple[str, str], wire: str) -> None:
        self._wire[own] = wire
        self._original[wire] = own

    def _free(self, wanted: str) -> str:
        name = wanted
        while name in self._original:
            number = self._numbers[wanted] = self._numbers.get(wanted, 0) + 1
            name = self._rule.numbered(wanted, number)
        return name


def tool_id(text: str) -> str:
    """A call id in Claude's alphabet; equal ids stay equal: call and result still match (translation.md 2.4)."""
    return _NOT_IN_ID.sub("_", text)


def short_call_id(text: str, longest: int = _LONGEST_CALL_ID) -> str:
    """A call id of at most ``longest`` characters; a short one is unchanged. Responses take 64 (clients.md 2)."""
    if len(text) <= longest:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{text[: longest - _DIGEST - 1]}_{digest[:_DIGEST]}"


def _joined(namespace: str, name: str) -> str:
    if not namespace or namespace.endswith(_SEPARATOR):
        return namespace + name
    return namespace + _SEPARATOR + name

