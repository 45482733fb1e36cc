"""A conversation's turns as input items of Codex (translation.md 2.3, 4.10, 4.11)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cliproxy.translation import exactjson
from cliproxy.translation.chat.request_encoder import result_text
from cliproxy.translation.formats import GEMINI, GEMINI_CLI, OPENAI, Format
from cliproxy.translation.function_names import ToolNames, short_call_id
from cliproxy.translation.media import data_url, extension_of
from cliproxy.translation.model import (
    Conversation,
    File,
    Image,
    Part,
    Refusal,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from cliproxy.translation.pairing import paired

Item = dict[str, Any]

_ONE_TEXT_EACH = (GEMINI, GEMINI_CLI)
_UNHEARD = ("audio/", "video/")
"""Kinds of files that Codex does not take."""


def items_of(conversation: Conversation, names: ToolNames) -> Iterator[Item]:
    """All input items: system texts, then the turns; each call has its output after its turn (clients.md 2)."""
    yield from _system(conversation)
    for turn in paired(conversation.turns, prefix="call_"):
        yield from _turn(turn, conversation.source, names)


def message(role: str, content: Sequence[Item]) -> Item:
    """A message item."""
    return {"type": "message", "role": role, "content": list(content)}


def _system(conversation: Conversation) -> Iterator[Item]:
    """One developer message; of a chat client's system messages each its own."""
    parts = [{"type": "input_text", "text": part.text} for part in conversation.system]
    if conversation.source == OPENAI:
        yield from (message("developer", [part]) for part in parts)
    elif parts:
        yield message("developer", parts)


def _turn(turn: Turn, source: Format, names: ToolNames) -> Iterator[Item]:
    """The turn's items in the order of its parts: a message ends where a call, a result or a thought stands."""
    content: list[Item] = []
    for part in turn.parts:
        own_item = _item(part, names)
        if content and (own_item is not None or (source in _ONE_TEXT_EACH and _is_second_text(part, content))):
            yield message(turn.role, content)
            content = []
        if own_item is not None:
            yield own_item
        elif (shape := _part(part, turn.role)) is not None:
            content.append(shape)
    if content:
        yield message(turn.role, content)


def _is_second_text(part: Part, content: Sequence[Item]) -> bool:
    return isinstance(part, Text) and any("text" in shape for shape in content)


def _item(part: Part, names: ToolNames) -> Item | None:
    """Parts that are items of their own."""
    if isinstance(part, ToolCall):
        arguments = exactjson.text({"input": part.arguments}) if part.custom else part.arguments
        name = names.wire(part.name, part.namespace)
        return {"type": "function_call", "call_id": short_call_id(part.id), "name": name, "arguments": arguments}
    if isinstance(part, ToolResult):
        return {"type": "function_call_output", "call_id": short_call_id(part.call_id), "output": _output(part)}
    if isinstance(part, Thinking) and part.signature is not None and part.signature.group == "gpt":
        summary = [{"type": "summary_text", "text": part.text}] if part.text else []
        return {"type": "reasoning", "summary": summary, "content": None, "encrypted_content": part.signature.value}
    return None


def _output(result: ToolResult) -> str | list[Item]:
    """A result's text, or its parts when there are pictures or files among them."""
    if all(isinstance(part, Text) for part in result.content):
        return result_text(result)
    return [shape for part in result.content if (shape := _part(part, "user")) is not None] or ""


def _part(part: Part, role: Role) -> Item | None:
    """A part of a message; pictures and files are the user's only."""
    if isinstance(part, Text):
        return {"type": "output_text" if role == "assistant" else "input_text", "text": part.text}
    if role == "assistant":
        return {"type": "refusal", "refusal": part.text} if isinstance(part, Refusal) else None
    if isinstance(part, Image):
        return _image(part)
    return _file(part) if isinstance(part, File) else None


def _image(image: Image) -> Item | None:
    url = data_url(image.mime, image.data) if image.data else image.url
    if not image.data and not _is_address(url):
        return None
    shape = {"type": "input_image", "image_url": url}
    if image.detail:
        shape["detail"] = image.detail
    return shape


def _file(file: File) -> Item | None:
    """An attachment; inline data needs a name."""
    if file.mime.startswith(_UNHEARD):
        return None
    shape: Item = {"type": "input_file"}
    if file.data:
        shape["filename"] = file.filename or f"file.{extension_of(file.mime) or 'bin'}"
        shape["file_data"] = data_url(file.mime, file.data)
    elif file.file_id:
        shape["file_id"] = file.file_id
    elif _is_address(file.url):
        shape["file_url"] = file.url
    else:
        return None
    return shape


def _is_address(url: str) -> bool:
    """True for what the upstream can fetch; Google's ``gs://`` is nothing to it."""
    return url.startswith(("http://", "https://"))
