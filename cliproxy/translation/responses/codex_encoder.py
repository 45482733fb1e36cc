"""A conversation as a request in the Codex dialect (translation.md 2.3, 4.10, 4.11).

Sampling, token limits, users and metadata are never sent: the back end refuses them.
"""

from __future__ import annotations

from typing import Any

from cliproxy.translation.chat.request_encoder import effort_of
from cliproxy.translation.codec import Target
from cliproxy.translation.formats import CLAUDE
from cliproxy.translation.function_names import ToolNames
from cliproxy.translation.model import Conversation, ResponseFormat
from cliproxy.translation.reading import obj
from cliproxy.translation.responses.codex_items import items_of, message
from cliproxy.translation.responses.codex_request import MARKER
from cliproxy.translation.responses.codex_tools import choice_of, tools_of

_EFFORT = "medium"
_FORMAT_NAME = "response"
"""Name of a schema whose client gave none, as Gemini's do; the back end wants one."""


def encode_request(conversation: Conversation, target: Target, names: ToolNames) -> dict[str, Any]:
    """The upstream's body. Configured instructions are followed by a message that says so."""
    items = list(items_of(conversation, names))
    marked = message("user", [{"type": "input_text", "text": MARKER}])
    if target.instructions and items[:1] != [marked]:
        items.insert(0, marked)
    body: dict[str, Any] = {"model": target.model, "instructions": target.instructions, "input": items}
    if tools := tools_of(conversation, names):
        body["tools"] = tools
        body["tool_choice"] = choice_of(conversation, names)
    body["parallel_tool_calls"] = conversation.parallel_tool_calls is not False
    body["reasoning"] = {"effort": _effort(conversation), "summary": "auto"}
    if text := _text(conversation):
        body["text"] = text
    return body | {"include": ["reasoning.encrypted_content"], "stream": True, "store": False}


def _effort(conversation: Conversation) -> str:
    """The level; Claude's thinking without a budget is the usual one (translation.md 4.10)."""
    reasoning = conversation.reasoning
    if reasoning.mode == "auto" and conversation.source == CLAUDE:
        return _EFFORT
    return effort_of(reasoning) or _EFFORT


def _text(conversation: Conversation) -> dict[str, Any]:
    output = conversation.output
    text: dict[str, Any] = {}
    if output.format is not None:
        text["format"] = _format(output.format)
    if output.verbosity:
        text["verbosity"] = output.verbosity
    return text


def _format(shape: ResponseFormat) -> dict[str, Any]:
    if shape.kind != "json_schema":
        return {"type": shape.kind}
    found: dict[str, Any] = {"type": "json_schema", "name": shape.name or _FORMAT_NAME}
    if shape.description:
        found["description"] = shape.description
    if shape.strict is not None:
        found["strict"] = shape.strict
    return found | {"schema": obj(shape.schema)}
