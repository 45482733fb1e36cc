"""Chat Completions and legacy completions (client-api.md 8)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from cliproxy.translation import exactjson
from cliproxy.translation.chat import legacy
from cliproxy.translation.responses.to_chat import is_responses_shaped, to_chat
from cliproxy.web.execution import Execution
from cliproxy.web.protocols import CHAT
from cliproxy.web.streaming import SseFraming
from cliproxy.web.views import model_view

blueprint = Blueprint("openai", __name__)


@blueprint.post("/v1/chat/completions")
@model_view(CHAT)
def chat_completions(execution: Execution, body: dict[str, Any]) -> Response:
    """One chat completion; a Responses-shaped body is converted first and answered as chat."""
    if is_responses_shaped(body):
        chat = to_chat(body)
        call = execution.call(chat.get("model"), payload=exactjson.dumps(chat), body=chat)
    else:
        call = execution.call(body.get("model"))
    return execution.stream(call) if body.get("stream") is True else execution.answer(call)


@blueprint.post("/v1/completions")
@model_view(CHAT)
def completions(execution: Execution, body: dict[str, Any]) -> Response:
    """A legacy text completion, run as a chat completion."""
    chat = legacy.to_chat(body)
    call = execution.call(chat["model"], payload=exactjson.dumps(chat), body=chat)
    if body.get("stream") is True:
        return execution.stream(call, SseFraming(CHAT, legacy.events_from_chat))
    return execution.answer(call, convert=legacy.from_chat)
