"""Google's side of an Antigravity login: login page, tokens, user info, the account's project; strict."""

from __future__ import annotations

import json
from typing import Any

from oauth.authority import Asked, Authority

CLIENT = "1071006060591-tmhssin2h21lcre235vtolojh4g403ep.apps.googleusercontent.com"
SECRET = "ours-alone"
SCOPES = " ".join(
    f"https://www.googleapis.com/auth/{name}"
    for name in ("cloud-platform", "userinfo.email", "userinfo.profile", "cclog", "experimentsandconfigs")
)
METADATA = {"ideType": "ANTIGRAVITY", "platform": "PLATFORM_UNSPECIFIED", "pluginType": "GEMINI"}
TIERS = [{"id": "paid", "isDefault": False}, {"id": " "}, "odd", {"id": " free-tier ", "isDefault": True}]


class Google(Authority):
    """Google's side of it. ``project``: what loadCodeAssist says; ``polls``: the answers of onboardUser, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.redirect = ""
        self.email = "user@example.com"
        self.project: Any = "mystic-victor-77"
        self.tiers: Any = TIERS
        self.polls: list[Any] = []
        self.routes = {
            "GET /authorize": self.authorizing(
                access_type="offline", client_id=CLIENT, prompt="consent", response_type="code", scope=SCOPES
            ),
            "POST /token": self.token,
            "GET /userinfo": self.userinfo,
            "POST /v1internal:loadCodeAssist": self.load,
            "POST /v1internal:onboardUser": self.onboard,
        }

    def world(self) -> dict[str, str]:
        """Where everything is."""
        return {
            "apps.antigravity.authorize_url": f"{self.url}/authorize",
            "apps.antigravity.token_url": f"{self.url}/token",
            "apps.antigravity.user_info_url": f"{self.url}/userinfo?alt=json",
            "cliproxy.providers.tokens.antigravity.CODE_ASSIST": self.url,
        }

    def token(self, asked: Asked) -> Any:
        form = asked.form
        assert form.pop("code") in self.challenges
        assert form == {
            "client_id": CLIENT, "client_secret": SECRET, "redirect_uri": self.redirect,
            "grant_type": "authorization_code",
        }  # fmt: skip
        return {"access_token": "ya29.1", "refresh_token": "1//1", "expires_in": 3599, "token_type": "Bearer"}

    def userinfo(self, asked: Asked) -> Any:
        assert asked.headers["authorization"] == "Bearer ya29.1"
        assert asked.query == {"alt": "json"}
        return {"id": "1", "email": self.email}

    def load(self, asked: Asked) -> Any:
        self.check_project_call(asked)
        assert asked.json == {"metadata": METADATA}
        return {"cloudaicompanionProject": self.project, "allowedTiers": self.tiers}

    def onboard(self, asked: Asked) -> Any:
        self.check_project_call(asked)
        assert asked.json == {"tierId": "free-tier" if self.tiers is TIERS else "legacy-tier", "metadata": METADATA}
        return self.polls.pop(0)

    @staticmethod
    def check_project_call(asked: Asked) -> None:
        assert asked.headers["authorization"] == "Bearer ya29.1"
        assert asked.headers["user-agent"] == "google-api-nodejs-client/9.15.1"
        assert asked.headers["x-goog-api-client"] == "google-cloud-sdk vscode_cloudshelleditor/0.1"
        assert json.loads(asked.headers["client-metadata"]) == {**METADATA, "ideType": "IDE_UNSPECIFIED"}
