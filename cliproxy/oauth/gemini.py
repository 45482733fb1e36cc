"""Logging in to Google for Gemini CLI (oauth-login.md 3). Projects come afterwards: ``gemini_projects``."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from cliproxy.oauth.flow import Authorization, Callback, TokenFile, authorization_url, checked_code, redirect_uri
from cliproxy.oauth.secrets import new_state
from cliproxy.oauth.token_files import name_part
from cliproxy.providers.tokens import google
from cliproxy.providers.tokens.apps import OAuthApp
from cliproxy.providers.tokens.client import TokenClient, seconds_of, text_of
from cliproxy.providers.tokens.times import rfc3339

_EARLY = 10.0
"""Seconds before its end at which an access token counts as expired (3.3)."""


class GoogleSession:
    """An account that has logged in, and calls in its name; the access token is renewed when it ends meanwhile.

    ``answer`` is the token endpoint's own; ``expiry`` is Unix seconds, 0 for a token that never ends.
    """

    def __init__(
        self,
        app: OAuthApp,
        client: TokenClient,
        email: str,
        answer: Mapping[str, Any],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.app, self.email = app, email
        self._client, self._clock = client, clock
        self.answer: dict[str, Any] = {}
        self.expiry = 0.0
        self._take(answer)

    def __repr__(self) -> str:
        return f"<GoogleSession of {self.email}>"

    @property
    def access_token(self) -> str:
        """The current one, as it is."""
        return text_of(self.answer, "access_token")

    @property
    def refresh_token(self) -> str:
        """Empty when Google gave none."""
        return text_of(self.answer, "refresh_token")

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """GET with the account's token; the JSON object of the answer.

        :raises UpstreamError: as ``TokenClient`` says, also when the token could not be renewed.
        """
        return self._client.get(url, {**(headers or {}), **self._authorization()})

    def post(self, url: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """POST JSON. As ``get``."""
        return self._client.json(url, body, {**(headers or {}), **self._authorization()})

    def token(self) -> dict[str, Any]:
        """The ``token`` object of the file (3.4); without ``expires_in`` and ``expiry`` where they are unknown."""
        seconds = int(seconds_of(self.answer))
        return {
            "access_token": self.access_token,
            "client_id": self.app.client_id,
            "client_secret": self.app.secret,
            **({"expires_in": seconds} if seconds else {}),
            **({"expiry": rfc3339(self.expiry)} if self.expiry else {}),
            "refresh_token": self.refresh_token,
            "scopes": list(self.app.scopes),
            "token_type": text_of(self.answer, "token_type") or "Bearer",
            "token_uri": self.app.token_url,
            "universe_domain": "googleapis.com",
        }

    def _authorization(self) -> dict[str, str]:
        if self.expiry and self.refresh_token and self._clock() >= self.expiry - _EARLY:
            self._take(
                google.renew(
                    self._client, self.app.token_url, client_id=self.app.client_id, client_secret=self.app.secret,
                    refresh_token=self.refresh_token,
                )
            )  # fmt: skip
        return {"Authorization": f"Bearer {self.access_token}"}

    def _take(self, answer: Mapping[str, Any]) -> None:
        """An answer of the token endpoint; one without a refresh token keeps the old one."""
        new = {**answer, "refresh_token": text_of(answer, "refresh_token") or self.refresh_token}
        seconds = seconds_of(new)
        self.answer, self.expiry = new, self._clock() + seconds if seconds else 0.0


class GeminiFlow:
    """Authorization code with a client secret and a random state, which is verified.

    A ``CodeFlow`` but for its result: a session, with which the projects are set up before there is a file.
    """

    def __init__(self, app: OAuthApp, client: TokenClient, clock: Callable[[], float] = time.time) -> None:
        self.app, self._client, self._clock = app, client, clock

    def start(self, port: int = 0, *, state_prefix: str = "") -> Authorization:
        """Begin a login. ``state_prefix``: the web login's mark before the random part of the state (13)."""
        state, redirect = f"{state_prefix}{new_state()}", redirect_uri(self.app, port)
        url = authorization_url(
            self.app.authorize_url,
            {
                "client_id": self.app.client_id, "redirect_uri": redirect, "response_type": "code",
                "scope": " ".join(self.app.scopes), "access_type": "offline", "prompt": "consent", "state": state,
            },
        )  # fmt: skip
        return Authorization(url, state, redirect)

    def finish(self, begun: Authorization, callback: Callback) -> GoogleSession:
        """The account that was chosen in the browser.

        :raises LoginError: denied, not ours, refused, or an account without an e-mail address.
        """
        code = checked_code(begun, callback)
        answer = google.exchange(self._client, self.app, code=code, redirect_uri=begun.redirect_uri)
        email = google.user_email(self._client, self.app, text_of(answer, "access_token"))
        return GoogleSession(self.app, self._client, email, answer, self._clock)


def file_name(email: str, project_id: str, *, web: bool) -> str:
    """The token file's name for its final ``project_id`` (3.4)."""
    project = project_id.strip()
    if project.lower() == "all" or "," in project:
        return f"gemini-{name_part(email)}-all.json"
    return f"{'gemini-' if web else ''}{name_part(email)}-{name_part(project)}.json"


def token_file(session: GoogleSession, project_id: str, *, auto: bool, web: bool) -> TokenFile:
    """The file of an account whose projects are set up and checked.

    ``project_id``: one id or several joined by ``,``. ``auto``: nobody named the project.
    """
    content = {
        "token": session.token(), "project_id": project_id, "email": session.email, "auto": auto, "checked": True,
        "type": "gemini",
    }  # fmt: skip
    label = f"{session.email} ({project_id.replace(',', ', ')})"
    return TokenFile(file_name(session.email, project_id, web=web), content, label)
