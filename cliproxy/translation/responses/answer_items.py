"""What the items of a Responses answer say to the hub's builder (translation.md 3.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliproxy.translation import exactjson
from cliproxy.translation.builder import AnswerBuilder
from cliproxy.translation.formats import CODEX
from cliproxy.translation.function_names import ToolNames
from cliproxy.translation.ids import random_id
from cliproxy.translation.model import Image, Opaque
from cliproxy.translation.reading import objects, text
from cliproxy.translation.responses.request_items import signature_of

CALLS = ("function_call", "custom_tool_call")


def begin_call(builder: AnswerBuilder, names: ToolNames, item: Mapping[str, Any]) -> bool:
    """Open a call under the client's name for it; False when the item does not say yet what is called."""
    wire = text(item.get("name"))
    if not wire:
        return False
    namespace, name = names.original(wire)
    builder.tool(text(item.get("call_id")) or text(item.get("id")) or random_id("call_"), name, namespace)
    return True


def arguments_of(item: Mapping[str, Any]) -> str:
    """Argument text; the free text of a custom call as the member ``input``."""
    if item.get("type") == "custom_tool_call":
        return exactjson.text({"input": text(item.get("input"))})
    arguments = item.get("arguments")
    return exactjson.text(arguments) if isinstance(arguments, dict) else text(arguments)


def read_item(builder: AnswerBuilder, names: ToolNames, item: Mapping[str, Any]) -> None:
    """A complete item."""
    kind = item.get("type")
    if kind == "message":
        read_message(builder, item)
    elif kind == "reasoning":
        read_reasoning(builder, item)
    elif kind in CALLS:
        if begin_call(builder, names, item):
            builder.arguments(arguments_of(item))
            builder.close()
    else:
        read_other(builder, item)


def read_message(builder: AnswerBuilder, item: Mapping[str, Any]) -> None:
    """Texts and refusals, each its own part."""
    content = item.get("content")
    if isinstance(content, str):
        content = [{"type": "output_text", "text": content}]
    for part in objects(content):
        builder.open_text()
        builder.text(part_text(part))
        for annotation in objects(part.get("annotations")):
            builder.citation(annotation)
        builder.close()


def read_reasoning(builder: AnswerBuilder, item: Mapping[str, Any]) -> None:
    """Each summary is its own part, the last has the signature; without any the reasoning itself, if it is there."""
    summaries = [found for part in objects(item.get("summary")) if (found := text(part.get("text")))]
    for summary in summaries:
        builder.open_thinking(summary=True)
        builder.thinking(summary)
    if not summaries:
        builder.close()
        builder.thinking("".join(text(part.get("text")) for part in objects(item.get("content"))))
    sign(builder, item)
    builder.close()


def sign(builder: AnswerBuilder, item: Mapping[str, Any]) -> None:
    """The signature of the thinking that is open. Without a text there is nothing that a client could send back."""
    signature = signature_of(text(item.get("encrypted_content")))
    if signature is not None and builder.is_open("thinking"):
        builder.signature(signature)


def read_other(builder: AnswerBuilder, item: Mapping[str, Any]) -> None:
    """A picture, or what only Responses know."""
    if item.get("type") == "image_generation_call" and text(item.get("result")):
        builder.whole(Image(f"image/{text(item.get('output_format')) or 'png'}", text(item.get("result"))))
    elif isinstance(item.get("type"), str):
        builder.whole(Opaque(item, CODEX))


def part_text(part: Mapping[str, Any]) -> str:
    """The text of a content part; a refusal counts as text."""
    return text(part.get("text")) or text(part.get("refusal"))
