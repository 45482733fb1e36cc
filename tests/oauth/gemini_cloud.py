"""Google's side of a Gemini login: accounts, projects, Code Assist, services; strict about what it is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from oauth.authority import Answer, Asked, Authority

from cliproxy.oauth.flow import TokenFile

CLIENT = "681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com"
SECRET = "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"
SCOPES = (
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/userinfo.email",
    "https://www.googleapis.com/auth/userinfo.profile",
)
METADATA = {"ideType": "IDE_UNSPECIFIED", "platform": "PLATFORM_UNSPECIFIED", "pluginType": "GEMINI"}
SERVICE = "cloudaicompanion.googleapis.com"
AGENT = "google-api-nodejs-client/9.15.1"


class GeminiCloud(Authority):
    """One account. ``managed`` maps a candidate to the answers of ``onboardUser`` for it, the last one repeated."""

    def __init__(self) -> None:
        super().__init__()
        self.email = "user@example.com"
        self.bearer = "ya29.1"
        self.pages: list[list[Any]] = [[]]
        self.load: Any = {"allowedTiers": [{"id": "free-tier", "isDefault": True}]}
        self.managed: dict[str, list[Any]] = {}
        self.routes = {
            "GET /o/oauth2/auth": self.authorizing(
                client_id=CLIENT, response_type="code", scope=" ".join(SCOPES), access_type="offline", prompt="consent"
            ),
            "POST /token": self.token,
            "GET /oauth2/v1/userinfo": self.user_info,
            "GET /v1/projects": self.projects,
            "POST /v1internal:loadCodeAssist": self.load_code_assist,
            "POST /v1internal:onboardUser": self.onboard_user,
        }

    # what there is

    def has(self, *projects: str) -> None:
        """The account's projects, in one page."""
        self.pages = [[{"projectId": project, "name": f"Project {project}"} for project in projects]]

    def several(self, managed: Mapping[str, str], *finals: str, tier: str = "free-tier") -> None:
        """Projects with their managed ones; exactly the final ones may be looked at."""
        self.has(*managed)
        self.tier(tier)
        self.manages(managed)
        for final in finals:
            self.service(final)

    def tier(self, tier: str) -> None:
        """The default tier."""
        self.load = {"allowedTiers": [{"id": tier, "isDefault": True}]}

    def manages(self, managed: Mapping[str, str]) -> None:
        """The managed project of each candidate."""
        for candidate, project in managed.items():
            self.managed[candidate] = [onboarded({"id": project})]

    def service(self, project: str, state: Any = None, enable: Any = None) -> None:
        """The Cloud AI API of a project; enabled unless said otherwise. Nobody else's is answered."""

        def look(asked: Asked) -> Any:
            self._authorized(asked)
            assert asked.headers["user-agent"] == AGENT
            assert asked.headers["content-type"] == "application/json"
            assert asked.query == {}
            return {"state": "ENABLED"} if state is None else state

        def turn_on(asked: Asked) -> Any:
            self._authorized(asked)
            assert asked.headers["user-agent"] == AGENT
            assert asked.json == {}
            assert enable is not None
            return enable

        path = f"/v1/projects/{project}/services/{SERVICE}"
        self.routes[f"GET {path}"], self.routes[f"POST {path}:enable"] = look, turn_on

    # what was asked

    def checked(self) -> list[str]:
        """The projects whose API was looked at, in order."""
        paths = (re.fullmatch(rf"/v1/projects/(.+)/services/{SERVICE}", asked.path) for asked in self.asked)
        return [found[1] for found in paths if found]

    def onboardings(self) -> list[Any]:
        """The bodies of ``onboardUser``."""
        return [asked.json for asked in self.requests("/v1internal:onboardUser")]

    def world(self) -> dict[str, str]:
        """Where everything is."""
        return {
            "apps.gemini.authorize_url": f"{self.url}/o/oauth2/auth",
            "apps.gemini.token_url": f"{self.url}/token",
            "apps.gemini.user_info_url": f"{self.url}/oauth2/v1/userinfo?alt=json",
            **{f"cliproxy.oauth.gemini_projects.{name}": self.url for name in MOVED},
        }

    # routes

    def token(self, asked: Asked) -> Any:
        form = asked.form
        code, redirect = form.pop("code"), form.pop("redirect_uri")
        assert form == {"grant_type": "authorization_code", "client_id": CLIENT, "client_secret": SECRET}
        assert self.challenges.pop(code) == ""
        assert re.fullmatch(r"http://localhost:\d+/oauth2callback", redirect)
        return {
            "access_token": "ya29.1", "refresh_token": "1//refresh", "expires_in": 3599, "token_type": "Bearer",
            "scope": " ".join(SCOPES), "id_token": "e30.e30.e30",
        }  # fmt: skip

    def user_info(self, asked: Asked) -> Any:
        self._authorized(asked)
        assert asked.query == {"alt": "json"}
        assert asked.headers["content-type"] == "application/json"
        return {"id": "1", "email": self.email}

    def projects(self, asked: Asked) -> Any:
        self._authorized(asked)
        number = int(asked.query.get("pageToken", "page 0").removeprefix("page "))
        assert asked.query == ({"pageToken": f"page {number}"} if number else {})
        more = {"nextPageToken": f"page {number + 1}"} if number + 1 < len(self.pages) else {}
        page = self.pages[number]
        return {**({"projects": page} if page else {}), **more}

    def load_code_assist(self, asked: Asked) -> Any:
        self._code_assist(asked)
        assert set(asked.json) <= {"metadata", "cloudaicompanionProject"}
        assert asked.json.get("cloudaicompanionProject", "some")
        return self.load

    def onboard_user(self, asked: Asked) -> Any:
        self._code_assist(asked)
        assert list(asked.json) == ["tierId", "metadata", "cloudaicompanionProject"]
        assert asked.json["cloudaicompanionProject"] in self.managed
        answers = self.managed[asked.json["cloudaicompanionProject"]]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def _code_assist(self, asked: Asked) -> None:
        self._authorized(asked)
        assert asked.json["metadata"] == METADATA
        assert asked.headers["user-agent"] == AGENT
        assert asked.headers["x-goog-api-client"] == "gl-node/22.17.0"
        words = "ideType=IDE_UNSPECIFIED,platform=PLATFORM_UNSPECIFIED,pluginType=GEMINI"
        assert asked.headers["client-metadata"] == words

    def _authorized(self, asked: Asked) -> None:
        assert asked.headers["authorization"] == f"Bearer {self.bearer}"


MOVED = ("CODE_ASSIST", "RESOURCE_MANAGER", "SERVICE_USAGE")
"""Constants of ``gemini_projects``."""


def onboarded(project: Any) -> dict[str, Any]:
    """The end of an onboarding that names a project."""
    return {"done": True, "response": {"cloudaicompanionProject": project}}


def refused(status: int, message: str) -> Answer:
    """An error as Google words them."""
    return Answer({"error": {"code": status, "message": message}}, status)


THREE = {"gen-lang-client-1": "b1", "gen-lang-client-2": "b1", "gen-lang-client-3": "b2"}
TWO = {"gen-lang-client-1": "b1", "gen-lang-client-2": "b1"}
"""Projects of free accounts and their managed ones."""


def facts(made: TokenFile) -> tuple[Any, ...]:
    """Name, project and ``auto`` of a file."""
    assert made.content["checked"] is True
    assert made.content["type"] == "gemini"
    return made.name, made.content["project_id"], made.content["auto"]
