"""Alibaba's device login, strict about what it is asked."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

from oauth.authority import Answer, Asked, Authority

CLIENT = "f0304373b74a44d2b584a3fb70ca9e56"
PENDING = Answer({"error": "authorization_pending", "error_description": "The user has not finished"}, 400)
SLOW = Answer({"error": "slow_down"}, 429)
TOKENS = {
    "access_token": "qwen-access-1", "refresh_token": "qwen-refresh-1", "token_type": "Bearer",
    "resource_url": "portal.qwen.ai", "expires_in": 21600,
}  # fmt: skip


class Qwen(Authority):
    """Alibaba's side of it. ``answers``: what polls get, one after the other, the tokens at last."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[Answer | Callable[[], Answer]] = []
        self.device: dict[str, Any] = {"device_code": "dev-1", "user_code": "ABCD-EFGH", "expires_in": 900}
        self.challenge = ""
        self.routes = {"POST /device": self.start, "POST /token": self.token}

    def world(self) -> dict[str, str]:
        """Where everything is."""
        return {"apps.qwen.device_url": f"{self.url}/device", "apps.qwen.token_url": f"{self.url}/token"}

    def start(self, asked: Asked) -> Any:
        assert asked.headers["accept"] == "application/json"
        form = asked.form
        self.challenge = form.pop("code_challenge")
        assert len(self.challenge) == 43
        assert form == {
            "client_id": CLIENT, "scope": "openid profile email model.completion", "code_challenge_method": "S256",
        }  # fmt: skip
        complete = f"{self.url}/authorize?user_code=ABCD-EFGH"
        return {"verification_uri": f"{self.url}/authorize", "verification_uri_complete": complete, **self.device}

    def token(self, asked: Asked) -> Any:
        assert asked.headers["accept"] == "application/json"
        form = asked.form
        verifier = form.pop("code_verifier")
        assert len(verifier) == 43
        digest = hashlib.sha256(verifier.encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == self.challenge
        assert form == {
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code", "client_id": CLIENT, "device_code": "dev-1",
        }  # fmt: skip
        answer = self.answers.pop(0) if self.answers else Answer(TOKENS)
        return answer if isinstance(answer, Answer) else answer()
