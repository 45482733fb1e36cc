"""``GET /v1/models``: OpenAI's shape, Claude's for Claude Code (client-api.md 8.1, 10.3)."""

from __future__ import annotations

import orjson
from flask import Blueprint, Response, request

from cliproxy.web.services import Services
from cliproxy.web.views import KeyView, fixed

blueprint = Blueprint("models", __name__)


@blueprint.get("/v1/models")
@KeyView
def list_models(found: Services) -> Response:
    """Every available model."""
    if request.headers.get("User-Agent", "").startswith("claude-cli"):
        return in_claude_shape(found)
    return in_openai_shape(found)


def in_openai_shape(found: Services) -> Response:
    """OpenAI's list."""
    return fixed(orjson.dumps({"object": "list", "data": found.registry.openai_models()}), 200)


def in_claude_shape(found: Services) -> Response:
    """Anthropic's list, all on one page."""
    listed = found.registry.claude_models()
    first, last = (listed[0]["id"], listed[-1]["id"]) if listed else ("", "")
    page = {"data": listed, "has_more": False, "first_id": first, "last_id": last}
    return fixed(orjson.dumps(page), 200)
