"""OpenAI Responses and compaction (client-api.md 9), also under the paths of the vendor's own back end."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from cliproxy.translation import rawjson
from cliproxy.web.execution import Execution
from cliproxy.web.protocols import RESPONSES_API
from cliproxy.web.views import fixed, model_view

blueprint = Blueprint("responses", __name__)

_NO_STREAM = b'{"error":{"message":"Streaming not supported for compact responses","type":"invalid_request_error"}}'


@blueprint.post("/v1/responses")
@blueprint.post("/backend-api/codex/responses")
@model_view(RESPONSES_API)
def responses(execution: Execution, body: dict[str, Any]) -> Response:
    """One response. Nothing is stored."""
    call = execution.call(body.get("model"))
    return execution.stream(call) if body.get("stream") is True else execution.answer(call)


@blueprint.post("/v1/responses/compact")
@blueprint.post("/backend-api/codex/responses/compact")
@model_view(RESPONSES_API)
def compact(execution: Execution, body: dict[str, Any]) -> Response:
    """One compaction of a conversation's history; never streamed."""
    if body.get("stream") is True:
        return fixed(_NO_STREAM, 400)
    if "stream" not in body:
        return execution.answer(execution.call(body.get("model"), compact=True))
    root = rawjson.parse(execution.payload)
    root.delete("stream")
    rest = {key: value for key, value in body.items() if key != "stream"}
    call = execution.call(body.get("model"), payload=root.encode(), body=rest, compact=True)
    return execution.answer(call)
