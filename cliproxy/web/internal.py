"""What a local Gemini CLI asks of Code Assist (client-api.md 12): ``/v1internal:{method}``, without a key."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import orjson
from flask import Blueprint, Response, request

from cliproxy.errors import CliproxyError, UpstreamError, UpstreamStatus
from cliproxy.translation import rawjson, sse
from cliproxy.translation.formats import GEMINI
from cliproxy.web.authentication import Principal, is_local
from cliproxy.web.bodies import invalid, read_raw
from cliproxy.web.context import read_request
from cliproxy.web.execution import Execution
from cliproxy.web.protocols import INTERNAL
from cliproxy.web.services import services
from cliproxy.web.streaming import SseFraming
from cliproxy.web.views import fixed

blueprint = Blueprint("internal", __name__)

_FOREIGN = b'{"error":{"message":"CLI reply only allow local access","type":"forbidden"}}'


def _local_only(handler: Callable[..., Response]) -> Callable[..., Response]:
    """Let in who is on this machine; errors in the Gemini shape."""

    @wraps(handler)
    def view(**path: Any) -> Response:
        if not is_local(request.environ):
            return fixed(_FOREIGN, 403)
        try:
            return handler(**path)
        except CliproxyError as error:
            return INTERNAL.error(error)

    return view


@blueprint.post("/v1internal:generateContent")
@_local_only
def generate() -> Response:
    """One answer in the envelope."""
    execution, model, inner, raw = _unwrapped()
    return execution.answer(execution.call(model, payload=raw, body=inner, format=GEMINI), _wrapped)


@blueprint.post("/v1internal:streamGenerateContent")
@_local_only
def stream() -> Response:
    """The same as events, whatever ``alt`` says."""
    execution, model, inner, raw = _unwrapped()
    call = execution.call(model, payload=raw, body=inner, format=GEMINI)
    return execution.stream(call, SseFraming(INTERNAL, _wrapped_events))


@blueprint.post("/v1internal:<method>")
@_local_only
def forward(method: str) -> Response:
    """Everything else goes to Google as it is."""
    found, environ = services(), request.environ
    body = read_raw(environ, found.settings().max_request_body_mb << 20)
    query = request.query_string.decode("latin-1")
    target = f"/v1internal:{method}" + (f"?{query}" if query else "")
    try:
        reply = found.code_assist.forward(target, dict(request.headers), body)
    except UpstreamError as error:
        text = error.text if isinstance(error, UpstreamStatus) else f"Invalid request: {error.text}"
        message = {"message": text, "type": "invalid_request_error"}
        return fixed(orjson.dumps({"error": message}), 400)
    return Response(reply.body, 200, headers=list(reply.headers.items()))


def _unwrapped() -> tuple[Execution, Any, dict[str, Any], bytes]:
    """(execution, model, inner request, the same as JSON).

    :raises RequestError: no envelope.
    """
    found = services()
    context = read_request(request.environ, Principal(), found.settings())
    inner = context.body.get("request")
    if not isinstance(inner, dict):
        raise invalid("body has no object in its member request")
    return Execution(found, INTERNAL, context), context.body.get("model"), inner, raw_member(context.payload, "request")


def raw_member(payload: bytes, key: str) -> bytes:
    """A member of a JSON object with its bytes as they are."""
    text = rawjson.parse(payload).raw(key)
    return (text or "{}").encode()


def _wrapped(body: bytes) -> bytes:
    return b'{"response":%b}' % body.strip()


def _wrapped_events(events: bytes) -> bytes:
    return b"".join(sse.frame(_wrapped(data)) for event in sse.split(events) if (data := sse.data_of(event)))
