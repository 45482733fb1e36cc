"""Responses input items as turns (translation.md 2.2).

Whatever stands between two user messages on the assistant's side, reasoning, text and calls, is one turn; neighbouring
outputs are one tool turn. Items that only Responses know (references, server tools) are left out: a Responses client's
request comes here only on its way to another format.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from cliproxy.translation import exactjson, reading
from cliproxy.translation.ids import random_id
from cliproxy.translation.model import OPENAI_REASONING, Part, Refusal, Role, Signature, Text, Thinking, ToolCall, Turn
from cliproxy.translation.responses.request_parts import is_empty, read_part, read_result

_SYSTEM = ("system", "developer")
_ASSISTANT = ("assistant", "model")


@dataclass(slots=True)
class _Draft:
    """A turn in the making. ``plain`` is None until it has content, then whether that is one bare string."""

    role: Role
    parts: list[Part]
    plain: bool | None = None


class ItemReader:
    """Reads one input, item by item; ``system`` collects the texts of system and developer messages."""

    def __init__(self) -> None:
        self.system: list[Text] = []
        self._drafts: list[_Draft] = []

    def __repr__(self) -> str:
        return f"<ItemReader {len(self._drafts)} turns, {len(self.system)} system texts>"

    @property
    def turns(self) -> tuple[Turn, ...]:
        """What was said so far."""
        return tuple(Turn(draft.role, tuple(draft.parts), bool(draft.plain)) for draft in self._drafts)

    def read(self, source: Any) -> None:
        """The whole ``input``: one text of the user, or items."""
        if isinstance(source, str):
            self._content("user", source)
        for item in reading.objects(source):
            self._item(item)

    def _item(self, item: Mapping[str, Any]) -> None:
        kind = item.get("type")
        if kind is None and "role" in item:
            kind = "message"
        match kind:
            case "message":
                self._message(item)
            case "function_call" | "custom_tool_call":
                self._call(item, custom=kind == "custom_tool_call")
            case "function_call_output" | "custom_tool_call_output":
                call_id = reading.text(item.get("call_id"))
                custom = kind == "custom_tool_call_output"
                self._add("tool", [read_result(call_id, item.get("output"), custom=custom)])
            case "reasoning":
                self._reasoning(item)
            case _:
                pass

    def _message(self, item: Mapping[str, Any]) -> None:
        role, content = item.get("role"), item.get("content")
        if role in _SYSTEM:
            self.system += _system_texts(content)
        else:
            self._content("assistant" if role in _ASSISTANT else "user", content)

    def _content(self, role: Role, content: Any) -> None:
        if isinstance(content, str):
            if content:
                self._add(role, [Text(content)], plain=True)
            return
        for speaker, parts in groupby(_spoken(role, content), key=lambda spoken: spoken[0]):
            self._add(speaker, [part for _, part in parts], plain=False)

    def _call(self, item: Mapping[str, Any], *, custom: bool) -> None:
        name = reading.text(item.get("name"))
        if not name:
            return
        call = ToolCall(
            id=reading.text(item.get("call_id")) or reading.text(item.get("id")) or random_id("call_"),
            name=name,
            arguments=reading.text(item.get("input")) if custom else _arguments(item.get("arguments")),
            namespace=reading.text(item.get("namespace")),
            custom=custom,
        )
        self._add("assistant", [call])

    def _reasoning(self, item: Mapping[str, Any]) -> None:
        texts = _joined(item.get("summary")) or _joined(item.get("content"))
        opaque = reading.text(item.get("encrypted_content"))
        if texts or opaque:
            self._add("assistant", [Thinking(texts, signature_of(opaque))])

    def _add(self, role: Role, parts: list[Part], *, plain: bool | None = None) -> None:
        draft = self._drafts[-1] if self._drafts else None
        if draft is None or draft.role != role or role == "user":
            self._drafts.append(_Draft(role, parts, plain))
            return
        draft.parts += parts
        if plain is not None:
            draft.plain = plain and draft.plain is None


def signature_of(opaque: str) -> Signature | None:
    """Whose ``encrypted_content`` it is: OpenAI's own has a known beginning, the others are what we gave out."""
    if not opaque:
        return None
    return Signature(opaque, "gpt" if opaque.startswith(OPENAI_REASONING) else "gemini")


def _spoken(role: Role, content: Any) -> Iterator[tuple[Role, Part]]:
    """The parts of a message with who said them: output is the assistant's, whatever the item's role says."""
    for raw in reading.objects(content):
        part = read_part(raw)
        if part is not None and not is_empty(part):
            output = raw.get("type") == "output_text" or isinstance(part, Refusal)
            yield "assistant" if output else role, part


def _system_texts(content: Any) -> list[Text]:
    if isinstance(content, str):
        return [Text(content)] if content else []
    texts = (reading.text(part.get("text")) for part in reading.objects(content))
    return [Text(text) for text in texts if text]


def _arguments(value: Any) -> str:
    if isinstance(value, dict):
        return exactjson.text(value)
    return reading.text(value) or "{}"


def _joined(parts: Any) -> str:
    return "\n".join(text for part in reading.objects(parts) if (text := reading.text(part.get("text"))))
