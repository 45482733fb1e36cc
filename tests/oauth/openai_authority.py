"""OpenAI's login page and token endpoint for Codex, strict about what they are asked."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from oauth.authority import Answer, Asked, Authority

CLIENT = "app_EMoamEEZ73f0CkXaXp7hrann"
REDIRECT = "http://localhost:1455/auth/callback"
AUTH = "https://api.openai.com/auth"
TEN_DAYS = 864000


def jwt(claims: Any) -> str:
    """An id token, as OpenAI encodes it: three parts, no padding."""

    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(claims)}.c2lnbmF0dXJl"


def claims_of(email: str, plan: str | None = None, account: str | None = None) -> dict[str, Any]:
    """The claims of an id token, with some that we do not use."""
    auth = {"chatgpt_plan_type": plan, "chatgpt_account_id": account, "user_id": "user-1"}
    return {
        "iss": "https://auth.openai.com", "aud": [CLIENT], "email": email, "email_verified": True,
        AUTH: {name: value for name, value in auth.items() if value is not None},
    }  # fmt: skip


class OpenAI(Authority):
    """OpenAI's side of it."""

    def __init__(self) -> None:
        super().__init__()
        self.redirect = REDIRECT
        self.id_token = jwt(claims_of("user@example.com", "plus", "acct-123"))
        self.more: dict[str, Any] = {}
        self.routes = {
            "GET /oauth/authorize": self.authorizing(
                client_id=CLIENT, response_type="code", scope="openid email profile offline_access", prompt="login",
                id_token_add_organizations="true", codex_cli_simplified_flow="true",
            ),
            "POST /oauth/token": self.token,
        }  # fmt: skip

    def world(self) -> dict[str, str]:
        """Where everything is."""
        return {
            "apps.codex.authorize_url": f"{self.url}/oauth/authorize", "apps.codex.token_url": f"{self.url}/oauth/token"
        }  # fmt: skip

    def token(self, asked: Asked) -> Answer | object:
        assert asked.headers["accept"] == "application/json"
        form = asked.form
        code, verifier = form.pop("code"), form.pop("code_verifier")
        assert re.fullmatch("[A-Za-z0-9_-]{128}", verifier)
        self.check_pkce(code, verifier)
        assert form == {"grant_type": "authorization_code", "client_id": CLIENT, "redirect_uri": self.redirect}
        return {
            "id_token": self.id_token, "access_token": "eyJ-access-1", "refresh_token": "rt_1", "expires_in": TEN_DAYS,
            "token_type": "Bearer", "scope": "openid profile email offline_access", **self.more,
        }  # fmt: skip

    def go(self, address: str) -> str:
        """Log in at the address; where the browser is sent."""
        parts = urlsplit(address)
        asked = Asked("GET", parts.path, dict(parse_qsl(parts.query)), {}, b"")
        return self.answer(asked).headers["Location"]
