"""The ``contents`` of a Gemini request as turns, calls and results paired (translation.md 2.5)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cliproxy.translation import exactjson
from cliproxy.translation.gemini.spelling import get, objects
from cliproxy.translation.media import standard_base64
from cliproxy.translation.model import (
    Code,
    CodeResult,
    File,
    Image,
    Part,
    Role,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from cliproxy.translation.reading import obj, text

_ROLES: Mapping[str, Role] = {"user": "user", "model": "assistant", "function": "tool", "tool": "tool"}
_SOLE_KEYS = ("output", "content")
"""Where clients put a result that they do not call ``result``; counts only when nothing stands beside it."""


def turns_of(contents: Iterable[Mapping[str, Any]]) -> tuple[Turn, ...]:
    """The turns: results in turns of their own, each with the id of the call it answers."""
    history = _History()
    return tuple(turn for content in contents for turn in history.turns(content))


@dataclass(frozen=True, slots=True)
class _Pending:
    """A call that waits for its result; ``made``: the client gave it no id."""

    id: str
    name: str
    made: bool


class _History:
    """What has to be remembered from one content to the next."""

    def __init__(self) -> None:
        self._last: Role | None = None
        self._pending: list[_Pending] = []
        self._calls = 0

    def turns(self, content: Mapping[str, Any]) -> Iterator[Turn]:
        """The turns of one content: what the model said before results, what a user said after them."""
        role = self._last = self._role(content.get("role"))
        results: list[Part] = []
        others: list[Part] = []
        for part in objects(content.get("parts")):
            response = get(part, "functionResponse")
            if isinstance(response, dict):
                results.append(self._result(response))
            elif (found := self._part(part, role)) is not None:
                others.append(found)
        spoken = [Turn("assistant" if role == "assistant" else "user", tuple(others))] if others else []
        answered = [Turn("tool", tuple(results))] if results else []
        yield from [*spoken, *answered] if role == "assistant" else [*answered, *spoken]

    def _role(self, role: Any) -> Role:
        """A missing or odd role is the model's after anything but the model."""
        known = _ROLES.get(text(role))
        return known or ("user" if self._last in (None, "assistant") else "assistant")

    def _part(self, part: Mapping[str, Any], role: Role) -> Part | None:
        """The part; calls and thoughts only from the model, a user could forge them."""
        found = text(part.get("text"))
        if part.get("thought") is True:
            signature = _signature(part)
            is_thought = role == "assistant" and (found or signature)
            return Thinking(found, signature) if is_thought else None
        if found:
            return Text(found)
        call = get(part, "functionCall")
        if isinstance(call, dict):
            return self._call(call) if role == "assistant" else None
        return _data(part)

    def _call(self, call: Mapping[str, Any]) -> ToolCall | None:
        name, given = text(call.get("name")), text(call.get("id"))
        if not name:
            return None
        self._calls += 1
        identifier = given or _made_id(self._calls, name)
        self._pending.append(_Pending(identifier, name, made=not given))
        args = call.get("args")
        return ToolCall(identifier, name, exactjson.text(args) if isinstance(args, dict) else "{}")

    def _result(self, response: Mapping[str, Any]) -> ToolResult:
        name = text(response.get("name"))
        content = tuple(_content(response))
        return ToolResult(self._answered(text(response.get("id")), name), content, name=name)

    def _answered(self, given: str, name: str) -> str:
        """The id of the call that a result answers: its own, else that of the oldest waiting call of its name."""
        found = next((call for call in self._pending if given and call.id == given), None)
        if found is None:
            same = (call for call in self._pending if call.name == name and (call.made or not given))
            found = next(same, None)
        if found is None and not given:
            found = self._pending[0] if self._pending else None
        if found is not None:
            self._pending.remove(found)
            return found.id
        if given:
            return given
        self._calls += 1
        return _made_id(self._calls, name)


def _made_id(number: int, name: str) -> str:
    """``call_`` and 24 characters, the same in every request of a conversation, so that prompt caches still match."""
    digest = hashlib.sha256(f"{number} {name}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"call_{digest[:24]}"


def _signature(part: Mapping[str, Any]) -> Signature | None:
    value = text(get(part, "thoughtSignature"))
    return Signature(value, "gemini") if value else None


def _content(response: Mapping[str, Any]) -> Iterator[Text | Image | File]:
    """The text of a result, then the media that newer models take beside it."""
    value = response.get("response")
    inner = obj(value)
    if "result" in inner:
        value = inner["result"]
    elif len(inner) == 1 and (key := next(iter(inner))) in _SOLE_KEYS:
        value = inner[key]
    found = value if isinstance(value, str) else "" if value is None else exactjson.text(value)
    if found:
        yield Text(found)
    for part in objects(response.get("parts")):
        media = _data(part)
        if isinstance(media, Image | File):
            yield media


def _data(part: Mapping[str, Any]) -> Part | None:
    """Media and code."""
    blob, reference = get(part, "inlineData"), get(part, "fileData")
    if isinstance(blob, dict):
        return _blob(blob)
    if isinstance(reference, dict) and (url := text(get(reference, "fileUri"))):
        return File(text(get(reference, "displayName")), text(get(reference, "mimeType")), url=url)
    code, result = get(part, "executableCode"), get(part, "codeExecutionResult")
    if isinstance(code, dict):
        return Code(text(code.get("language")), text(code.get("code")))
    if isinstance(result, dict):
        return CodeResult(text(result.get("outcome")), text(result.get("output")))
    return None


def _blob(blob: Mapping[str, Any]) -> Part | None:
    mime, data = text(get(blob, "mimeType")), standard_base64(text(blob.get("data")))
    if not data:
        return None
    if mime.startswith("image/"):
        return Image(mime, data)
    return File(text(get(blob, "displayName")), mime or "application/octet-stream", data)
