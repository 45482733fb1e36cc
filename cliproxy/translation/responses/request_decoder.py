"""A Responses request as a conversation (translation.md 2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliproxy.translation import reading
from cliproxy.translation.chat.request_decoder import reasoning_of_effort
from cliproxy.translation.formats import RESPONSES
from cliproxy.translation.model import Conversation, Output, ResponseFormat, Sampling, Text
from cliproxy.translation.responses.request_items import ItemReader
from cliproxy.translation.responses.request_tools import read_choice, read_tools

_CARRIED = ("metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key")
"""Fields that Chat knows by the same name."""


def decode_request(body: Mapping[str, Any]) -> Conversation:
    """What a Responses client asks for."""
    tools = read_tools(body.get("tools"))
    instructions = reading.text(body.get("instructions"))
    reader = ItemReader()
    reader.read(body.get("input"))
    return Conversation(
        turns=reader.turns,
        system=(*((Text(instructions),) if instructions else ()), *reader.system),
        tools=tools,
        tool_choice=read_choice(body.get("tool_choice"), tools),
        parallel_tool_calls=reading.boolean(body.get("parallel_tool_calls")),
        sampling=_sampling(body),
        reasoning=reasoning_of_effort(reading.obj(body.get("reasoning")).get("effort")),
        output=_output(reading.obj(body.get("text"))),
        source=RESPONSES,
        user=reading.text(body.get("user")),
        extra={key: body[key] for key in _CARRIED if body.get(key) is not None},
    )


def _sampling(body: Mapping[str, Any]) -> Sampling:
    stop = body.get("stop_sequences")
    stops = (stop,) if isinstance(stop, str) else reading.items(stop)
    return Sampling(
        max_output_tokens=reading.integer(body.get("max_output_tokens")),
        temperature=reading.number(body.get("temperature")),
        top_p=reading.number(body.get("top_p")),
        stop=tuple(word for word in stops if isinstance(word, str) and word),
        top_logprobs=reading.integer(body.get("top_logprobs")),
    )


def _output(node: Mapping[str, Any]) -> Output:
    return Output(format=_format(reading.obj(node.get("format"))), verbosity=reading.text(node.get("verbosity")))


def _format(node: Mapping[str, Any]) -> ResponseFormat | None:
    kind = node.get("type")
    if kind in ("text", "json_object"):
        return ResponseFormat(kind)
    if kind != "json_schema":
        return None
    description = node.get("description")
    return ResponseFormat(
        kind="json_schema",
        name=reading.text(node.get("name")),
        schema=node.get("schema"),
        strict=reading.boolean(node.get("strict")),
        description=description if isinstance(description, str) else None,
    )
