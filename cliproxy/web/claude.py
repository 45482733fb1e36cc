"""Anthropic Messages (client-api.md 10)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from cliproxy.web.execution import Execution
from cliproxy.web.protocols import MESSAGES
from cliproxy.web.views import model_view

blueprint = Blueprint("claude", __name__)


@blueprint.post("/v1/messages")
@model_view(MESSAGES)
def messages(execution: Execution, body: dict[str, Any]) -> Response:
    """One message; streamed for JSON ``true`` only."""
    call = execution.call(body.get("model"))
    return execution.stream(call) if body.get("stream") is True else execution.answer(call)


@blueprint.post("/v1/messages/count_tokens")
@model_view(MESSAGES)
def count_tokens(execution: Execution, body: dict[str, Any]) -> Response:
    """The number of input tokens."""
    return execution.count(execution.call(body.get("model")))
