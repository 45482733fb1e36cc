"""Requests and answers of mapped calls: the other model in, the client's name out (amp-routing.md 6.2, 8).

Our own handlers put the client's name into their answers anyway (design D20), so on the way back there is mostly
nothing to do: one search in C per block finds that out. What is left are error bodies and whatever a handler lets
through. Only what has to change is written anew; all other bytes stay.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

from cliproxy.translation import exactjson, model_name, rawjson

_LONG_CONTEXT = "context-1m-2025-08-07"
"""A feature that Amp's users pay for there; local accounts refuse it."""
_NAMES = (("model",), ("modelVersion",), ("response", "modelVersion"), ("response", "model"), ("message", "model"))
_BLANK = b" \t\r\n"


def with_model(payload: bytes, body: Any, model: str) -> bytes:
    """A request body whose ``model``, of whatever type, is ``model``; one without it, or no JSON object, as it is.

    ``body`` is ``payload`` parsed.
    """
    if not isinstance(body, dict) or "model" not in body:
        return payload
    if isinstance(body["model"], str):
        return model_name.replace(payload, body, ("model",), model)
    root = rawjson.parse(payload)
    root.set_value("model", model)
    return root.encode()


def filtered_betas(header: str) -> str:
    """An ``Anthropic-Beta`` list without the feature of long contexts, joined with bare commas; maybe empty."""
    features = (feature.strip() for feature in header.split(","))
    return ",".join(feature for feature in features if feature and feature != _LONG_CONTEXT)


class Rewriter(Protocol):
    """Changes one answer's body as it is written. One object per answer."""

    def feed(self, data: bytes) -> bytes:
        """What can be written once ``data`` is there."""

    def finish(self) -> bytes:
        """What is left at the end; nothing when asked again."""


def rewriter_for(requested: str, resolved: str, content_type: str) -> Rewriter | None:
    """The rewriter of one answer by its Content-Type; None when there is nothing to restore.

    Without a type it is a Gemini stream of bare objects (``alt=raw``): right already, and not to be held back.
    """
    if not requested or not resolved or requested == resolved or not content_type:
        return None
    document = Document(requested)
    return StreamRewriter(document) if "stream" in content_type else BodyRewriter(document)


class Document:
    """The edits of one JSON document: the client's model name, no thinking beside tool calls (8.2, 8.3)."""

    def __init__(self, requested: str) -> None:
        self._requested = requested
        name = re.escape(model_name.quoted(requested))
        self._other_name = re.compile(rb'"model(?:Version)?"[ \t\r\n]*:[ \t\r\n]*+(?!' + name + rb")")

    def __repr__(self) -> str:
        return f"<Document for {self._requested!r}>"

    def concerns(self, text: bytes) -> bool:
        """False when nothing in ``text`` can need an edit."""
        return self._other_name.search(text) is not None or (b'"thinking"' in text and b'"tool_use"' in text)

    def edited(self, text: bytes) -> bytes:
        """One document with its edits; anything but a JSON object as it is."""
        if not self.concerns(text):
            return text
        try:
            body = exactjson.loads(text)
        except ValueError:
            return text
        if not isinstance(body, dict):
            return text
        names = [path for path in _NAMES if self._is_other(body, path)]
        kept = _without_thinking(body.get("content"))
        if not names and kept is None:
            return text
        root = rawjson.parse(text)
        for path in names:
            owner: rawjson.RawObject | None = root
            for key in path[:-1]:
                owner = owner.object(key) if owner is not None else None
            if owner is not None:
                owner.set_value(path[-1], self._requested)
        content = root.array("content") if kept is not None else None
        if content is not None and kept is not None:
            content.items = [content.items[index] for index in kept]
        return root.encode()

    def _is_other(self, body: Mapping[str, Any], path: tuple[str, ...]) -> bool:
        node: Any = body
        for key in path:
            if not isinstance(node, dict) or key not in node:
                return False
            node = node[key]
        return bool(node != self._requested)


def _without_thinking(content: Any) -> list[int] | None:
    """Which blocks stay beside a tool call; None = all: Amp cannot handle both kinds in one message."""
    if not isinstance(content, list):
        return None
    kinds = [block.get("type") if isinstance(block, dict) else None for block in content]
    if "tool_use" not in kinds or "thinking" not in kinds:
        return None
    return [index for index, kind in enumerate(kinds) if kind != "thinking"]


class StreamRewriter:
    """Server-sent events: every ``data:`` line that holds a JSON object. Whole lines go on at once."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """The lines that ``data`` completes."""
        if self._rest:
            data = self._rest + data
        end = data.rfind(b"\n") + 1
        self._rest = data[end:]
        lines = data[:end]
        if not self._document.concerns(lines):
            return lines
        return b"\n".join(map(self._line, lines.split(b"\n")))

    def finish(self) -> bytes:
        """The last line, if nothing ended it."""
        rest, self._rest = self._rest, b""
        return self._line(rest)

    def _line(self, line: bytes) -> bytes:
        if not line.startswith(b"data:"):
            return line
        payload = line[5:].lstrip(b" ")
        if not payload.startswith(b"{"):
            return line
        edited = self._document.edited(payload)
        return line if edited is payload else line[: len(line) - len(payload)] + edited + _ending(payload)


def _ending(payload: bytes) -> bytes:
    """The carriage return of a line that ends with both: it is no part of the document."""
    return b"\r" if payload.endswith(b"\r") else b""


class BodyRewriter:
    """A whole JSON answer, written at its end; the blanks of keep-alives before it go on at once.

    What does not begin like an object has nothing to restore and is not held back either.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._held: list[bytes] = []
        self._passes = False

    def feed(self, data: bytes) -> bytes:
        """Leading blanks, or anything when there is no object."""
        if self._passes:
            return data
        if self._held:
            self._held.append(data)
            return b""
        begun = data.lstrip(_BLANK)
        if begun and not begun.startswith(b"{"):
            self._passes = True
            return data
        if begun:
            self._held.append(begun)
        return data[: len(data) - len(begun)]

    def finish(self) -> bytes:
        """The edited object."""
        held, self._held = self._held, []
        return self._document.edited(b"".join(held)) if held else b""
