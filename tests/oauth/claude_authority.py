"""Anthropic's login page and token endpoint, strict about what they are asked."""

from __future__ import annotations

import re

from oauth.authority import Answer, Asked, Authority

CLIENT = "9d1c250a-e61b-44d9-88ed-5944d1962f5e"
REDIRECT = "http://localhost:54545/callback"


class Claude(Authority):
    """Anthropic's side of it."""

    def __init__(self) -> None:
        super().__init__()
        self.redirect = REDIRECT
        self.email = "user@example.com"
        self.routes = {
            "GET /authorize": self.authorizing(
                code="true", client_id=CLIENT, response_type="code",
                scope="org:create_api_key user:profile user:inference",
            ),
            "POST /token": self.token,
        }  # fmt: skip

    def world(self) -> dict[str, str]:
        """Where everything is."""
        return {"apps.claude.authorize_url": f"{self.url}/authorize", "apps.claude.token_url": f"{self.url}/token"}

    def token(self, asked: Asked) -> Answer | object:
        assert asked.headers["accept"] == "application/json"
        body = asked.json
        state = body.pop("state")
        assert re.fullmatch("[0-9a-f]{32}", state) or state == "console"
        code, verifier = body.pop("code"), body.pop("code_verifier")
        assert len(verifier) == 128
        self.check_pkce(code, verifier)
        assert body == {"grant_type": "authorization_code", "client_id": CLIENT, "redirect_uri": self.redirect}
        return {
            "access_token": "sk-ant-oat-1", "refresh_token": "sk-ant-ort-1", "expires_in": 28800, "token_type": "Bearer",
            "account": {"uuid": "u", "email_address": self.email}, "organization": {"uuid": "o", "name": "n"},
        }  # fmt: skip
