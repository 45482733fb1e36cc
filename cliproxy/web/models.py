"""``GET /v1/models``: OpenAI's shape, Claude's for Claude Code (client-api.md 8.1, 10.3)."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Blueprint, Response, request

from cliproxy.web.services import Services
from cliproxy.web.views import fixed, key_view

blueprint = Blueprint("models", __name__)


@blueprint.get("/v1/models")
@key_view
def list_models(found: Services) -> Response:
    """Every available model."""
    if request.headers.get("User-Agent", "").startswith("claude-cli"):
        return fixed(orjson.dumps(claude_list(found.registry.claude_models())), 200)
    return fixed(orjson.dumps({"object": "list", "data": found.registry.openai_models()}), 200)


def claude_list(models: list[dict[str, Any]]) -> dict[str, Any]:
    """The page of Anthropic's list that holds them all."""
    first, last = (models[0]["id"], models[-1]["id"]) if models else ("", "")
    return {"data": models, "has_more": False, "first_id": first, "last_id": last}
