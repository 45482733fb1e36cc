"""Logging in to Antigravity (oauth-login.md 9)."""

from __future__ import annotations

import hmac
import time

from cliproxy.errors import LoginError, UpstreamError
from cliproxy.oauth.flow import Authorization, Callback, TokenFile, authorization_url, redirect_uri
from cliproxy.oauth.secrets import new_state
from cliproxy.oauth.token_files import name_part
from cliproxy.providers.tokens import antigravity as tokens
from cliproxy.providers.tokens.apps import OAuthApp
from cliproxy.providers.tokens.client import TokenClient


class AntigravityFlow:
    """Authorization code with a client secret; the redirect URI has the port where the callback listens.

    ``sleep`` waits between the polls that make a project for an account without one: 8 s at most.
    """

    def __init__(self, app: OAuthApp, client: TokenClient, sleep: tokens.Sleep = time.sleep) -> None:
        self.app, self._client, self._sleep = app, client, sleep

    def start(self, port: int = 0) -> Authorization:
        """Begin a login."""
        state, redirect = new_state(), redirect_uri(self.app, port)
        url = authorization_url(
            self.app.authorize_url,
            {
                "access_type": "offline", "client_id": self.app.client_id, "prompt": "consent",
                "redirect_uri": redirect, "response_type": "code", "scope": " ".join(self.app.scopes), "state": state,
            },
        )  # fmt: skip
        return Authorization(url, state, redirect)

    def finish(self, begun: Authorization, callback: Callback) -> TokenFile:
        """The token file of the account that was chosen in the browser. Without a project it has a note.

        :raises LoginError: denied, not ours, or refused.
        """
        try:
            code = _code(begun, callback)
            fields = tokens.exchange(self._client, self.app, code=code, redirect_uri=begun.redirect_uri)
        except LoginError as error:
            raise LoginError(f"antigravity: {error.text}", code=error.code, status=error.status) from error
        project, notes = self._project(fields["access_token"])
        content = {**fields, **({"project_id": project} if project else {})}
        email = content["email"]
        return TokenFile(f"antigravity-{name_part(email)}.json", dict(sorted(content.items())), email, notes=notes)

    def _project(self, access_token: str) -> tuple[str, tuple[str, ...]]:
        """(the project, notes); a login without one is still a login."""
        try:
            project, reason = tokens.project_of(self._client, access_token, self._sleep), "Google has not made one yet"
        except UpstreamError as error:
            project, reason = "", error.text
        note = f"antigravity: the account's project is not known ({reason}): it is looked for again at each renewal"
        return project, () if project else (note,)


def _code(begun: Authorization, callback: Callback) -> str:
    """The code, checked in the order of oauth-login.md 9.1.

    :raises LoginError: ``oauth_error``, ``invalid_state`` or ``no_code``.
    """
    if callback.error:
        more = f" ({callback.description})" if callback.description else ""
        raise LoginError(f"authentication failed: {callback.error}{more}", code="oauth_error")
    if not hmac.compare_digest(callback.state.encode(), begun.state.encode()):
        raise LoginError("invalid state", code="invalid_state")
    if not callback.code:
        raise LoginError("missing authorization code", code="no_code")
    return callback.code
