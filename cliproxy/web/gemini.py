"""Gemini generateContent (client-api.md 11)."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Blueprint, Response, request

from cliproxy.web.execution import Execution
from cliproxy.web.gemini_framing import ArrayFraming, RawFraming
from cliproxy.web.protocols import GENERATE
from cliproxy.web.services import Services
from cliproxy.web.views import KeyView, fixed, model_view

blueprint = Blueprint("gemini", __name__)

_METHODS = ("generateContent", "streamGenerateContent", "countTokens")
_NOT_FOUND = b'{"error":{"message":"Not Found","type":"not_found"}}'


def alt_of_query() -> str:
    """The ``alt`` query parameter, else ``$alt``; ``sse`` means the same as none (client-api.md 5.2)."""
    value = request.args.get("alt")
    if value is None:
        value = request.args.get("$alt", "")
    return "" if value == "sse" else value


@blueprint.post("/v1beta/models/<path:action>")
@model_view(GENERATE)
def act(execution: Execution, body: dict[str, Any], *, action: str) -> Response:
    """``{model}:{method}``; anything else is no such path."""
    model, colon, method = action.partition(":")
    if not colon or method not in _METHODS:
        message = f"{request.path} not found."
        return fixed(orjson.dumps({"error": {"message": message, "type": "invalid_request_error"}}), 404)
    alt = alt_of_query()
    call = execution.call(model, alt=alt)
    if method == "countTokens":
        return execution.count(call)
    if method == "generateContent":
        return execution.answer(call)
    if not alt:
        return execution.stream(call)
    return execution.stream(call, ArrayFraming() if alt == "json" else RawFraming())


@blueprint.get("/v1beta/models")
@KeyView
def list_models(found: Services) -> Response:
    """Every available model."""
    return in_gemini_shape(found)


@blueprint.get("/v1beta/models/", defaults={"name": ""})
@blueprint.get("/v1beta/models/<path:name>")
@KeyView
def get_model(found: Services, name: str) -> Response:
    """One model, with or without ``models/`` before its name."""
    return one_model(found, name)


def in_gemini_shape(found: Services) -> Response:
    """Google's list."""
    return fixed(orjson.dumps({"models": found.registry.gemini_models()}), 200)


def one_model(found: Services, name: str) -> Response:
    """One model in Google's shape, or a 404."""
    wanted = name if name.startswith("models/") else f"models/{name}"
    for model in found.registry.gemini_models():
        if model["name"] == wanted:
            return fixed(orjson.dumps(model), 200)
    return fixed(_NOT_FOUND, 404)
