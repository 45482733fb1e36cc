"""Qwen with a login at chat.qwen.ai (providers.md 17). Legacy: the reference has dropped it (beyond.md 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliproxy.errors import UpstreamStatus
from cliproxy.providers import headers
from cliproxy.providers.chat_login import ChatLoginProvider, asking_for_usage, function_tool
from cliproxy.providers.credential import Credential
from cliproxy.providers.tokens import qwen as tokens
from cliproxy.providers.tokens.apps import OAuthApp
from cliproxy.providers.tokens.client import TokenClient, text_of
from cliproxy.translation.edits import Body
from cliproxy.translation.formats import OPENAI

BASE = "https://portal.qwen.ai/v1"

_NO_TOOL = function_tool(
    "do_not_call_me",
    "A placeholder without any function. It must never be called.",
    {"type": "object", "properties": {"operation": {"type": "number"}}, "required": ["operation"]},
)


class QwenProvider(ChatLoginProvider):
    """Where to is part of the login: ``resource_url``."""

    key = "qwen"
    thinking_format = OPENAI
    identification = headers.GOOGLE_NODE

    def base(self, credential: Credential) -> str:
        """That of the login, else the configured one, else the usual one."""
        attributes = credential.attributes
        place = "" if attributes.get("api_key") else text_of(credential.metadata, "resource_url").strip("/")
        if place:
            place = place if "://" in place else f"https://{place}"
            return place if place.endswith("/v1") else f"{place}/v1"
        return attributes.get("base_url", "").strip().rstrip("/") or BASE

    def secret(self, credential: Credential) -> str:
        """The key, else the access token."""
        secret = credential.attributes.get("api_key", "") or text_of(credential.metadata, "access_token")
        if not secret:
            raise UpstreamStatus("qwen executor: missing access token", status=401)
        return secret

    def streamable(self, body: Body) -> Body:
        """With a tool if there is none: the model garbles streams otherwise. Always with usage."""
        return asking_for_usage(body if body.get("tools") else {**body, "tools": [_NO_TOOL]})

    def renewed(self, client: TokenClient, app: OAuthApp, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """With the refresh token."""
        return tokens.refreshed(client, app, metadata)
