"""A fake iFlow: its login page, token endpoint, user info, and the endpoint that gives keys to cookies."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

from oauth.authority import Asked, Authority

from cliproxy.providers.tokens.apps import APPS, OAuthApp

CLIENT, SECRET = "10009311001", "iflow-secret"
BASIC = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
SENT = "foo=1; BXAuth=bx-value; bar=2;"


class Iflow(Authority):
    """iFlow's side of it."""

    def __init__(self) -> None:
        super().__init__()
        self.expected: dict[str, str] = {}
        self.tokens: dict[str, Any] = {
            "access_token": "acc/1+", "refresh_token": "ref-1", "expires_in": 172800, "token_type": "bearer",
            "scope": "read",
        }  # fmt: skip
        self.user: dict[str, Any] = {"apiKey": "sk-iflow-1", "email": "user@example.com", "phone": "138"}
        self.key: dict[str, Any] = {
            "hasExpired": False, "expireTime": "2026-02-08 12:30", "name": "138****0000", "apiKey": "",
            "apiKeyMask": "sk-***",
        }  # fmt: skip
        self.routes = {
            "GET /oauth": self.authorizing("redirect", loginMethod="phone", type="phone", client_id=CLIENT),
            "POST /token": self.token, "GET /user": self.user_info, "GET /key": self.show_key, "POST /key": self.make_key,
        }  # fmt: skip

    def world(self) -> dict[str, str]:
        """Where everything is."""
        return {
            "apps.iflow.authorize_url": f"{self.url}/oauth", "apps.iflow.token_url": f"{self.url}/token",
            "apps.iflow.user_info_url": f"{self.url}/user",
            "cliproxy.providers.tokens.iflow.KEY_URL": f"{self.url}/key",
        }  # fmt: skip

    def token(self, asked: Asked) -> Any:
        assert asked.headers["authorization"] == BASIC
        assert asked.headers["accept"] == "application/json"
        assert asked.form == {**self.expected, "client_id": CLIENT, "client_secret": SECRET}
        return self.tokens

    def user_info(self, asked: Asked) -> Any:
        assert asked.query == {"accessToken": "acc/1+"}
        assert asked.headers["accept"] == "application/json"
        return {"success": True, "data": self.user}

    def show_key(self, asked: Asked) -> Any:
        assert asked.headers["cookie"] == SENT
        assert asked.headers["accept"] == "application/json, text/plain, */*"
        assert "origin" not in asked.headers
        return {"success": True, "code": "200", "message": "", "data": self.key}

    def make_key(self, asked: Asked) -> Any:
        headers = {name: asked.headers.get(name) for name in ("cookie", "accept", "origin", "referer")}
        assert headers == {
            "cookie": self.expected.get("cookie", SENT), "accept": "application/json, text/plain, */*",
            "origin": "https://platform.iflow.cn", "referer": "https://platform.iflow.cn/",
        }  # fmt: skip
        assert asked.json == {"name": "138****0000"}
        return {"success": True, "data": {**self.key, "apiKey": "sk-iflow-rotated"}}


def app_at(iflow: Iflow, secret: str = SECRET) -> OAuthApp:
    """The application with its endpoints here."""
    return replace(
        APPS["iflow"], authorize_url=f"{iflow.url}/oauth", token_url=f"{iflow.url}/token",
        user_info_url=f"{iflow.url}/user", client_secret=secret,
    )  # fmt: skip
