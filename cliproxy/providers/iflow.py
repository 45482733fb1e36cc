"""iFlow with the API key of a login (providers.md 18). Legacy: the reference has dropped it (beyond.md 2)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from cliproxy.errors import UpstreamStatus
from cliproxy.providers import headers
from cliproxy.providers.chat_login import ChatLoginProvider, function_tool
from cliproxy.providers.credential import Credential
from cliproxy.providers.tokens import iflow as tokens
from cliproxy.providers.tokens.apps import OAuthApp
from cliproxy.providers.tokens.client import TokenClient, text_of
from cliproxy.translation.edits import Body
from cliproxy.translation.thinking import fields

BASE = "https://apis.iflow.cn/v1"

_NO_TOOL = function_tool("noop", "A placeholder without any function.", {"type": "object"})


class IflowProvider(ChatLoginProvider):
    """Requests go out with the account's key; access token and cookie only get a new one.

    Earlier ``reasoning_content`` stays in what is sent, as its ``glm-4`` and ``minimax-m2`` models want.
    """

    key = "iflow"
    thinking_format = fields.IFLOW
    identification = MappingProxyType({"User-Agent": headers.IFLOW_USER_AGENT})

    def base(self, credential: Credential) -> str:
        """The configured one, else that of the auth file, else the usual one."""
        base = credential.attributes.get("base_url", "").strip() or text_of(credential.metadata, "base_url")
        return base.removesuffix("/") or BASE

    def secret(self, credential: Credential) -> str:
        """The key of the configuration or of the auth file, never the access token."""
        secret = credential.attributes.get("api_key", "") or text_of(credential.metadata, "api_key")
        if not secret:
            raise UpstreamStatus("iflow executor: missing api key", status=401)
        return secret

    def streamable(self, body: Body) -> Body:
        """An empty list of tools gets one; no list stays none."""
        return {**body, "tools": [_NO_TOOL]} if body.get("tools") == [] else body

    def renewed(self, client: TokenClient, app: OAuthApp, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """By cookie or refresh token, whichever the login has."""
        return tokens.refreshed(client, app, metadata)
