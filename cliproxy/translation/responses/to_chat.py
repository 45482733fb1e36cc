"""A Responses-shaped body on the chat endpoint, as a chat request (client-api.md 8.2, translation.md 0.6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliproxy.translation.chat import request_encoder
from cliproxy.translation.codec import Target
from cliproxy.translation.function_names import CHAT, ToolNames
from cliproxy.translation.reading import text
from cliproxy.translation.responses.request_decoder import decode_request

_OF_THE_CALL = ("model", "stream", "stream_options")


def is_responses_shaped(body: Mapping[str, Any]) -> bool:
    """True for a body without ``messages`` that has ``input`` or ``instructions``."""
    return "messages" not in body and ("input" in body or "instructions" in body)


def to_chat(body: Mapping[str, Any]) -> dict[str, Any]:
    """The chat request that says the same."""
    conversation = decode_request(body)
    names = ToolNames(conversation.declared_names, CHAT)
    target = Target(text(body.get("model")), stream=body.get("stream") is True)
    chat = request_encoder.encode(conversation, target, names)
    carried = {key: body[key] for key in _OF_THE_CALL if body.get(key) is not None}
    said = {key: value for key, value in chat.items() if key not in _OF_THE_CALL}
    return {**carried, **conversation.extra, **said}
