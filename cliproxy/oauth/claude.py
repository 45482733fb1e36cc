"""Logging in to Claude (oauth-login.md 5)."""

from __future__ import annotations

from cliproxy.oauth.flow import Authorization, Callback, TokenFile, authorization_url, checked_code, redirect_uri
from cliproxy.oauth.secrets import challenge_of, new_state, new_verifier
from cliproxy.oauth.token_files import name_part
from cliproxy.providers.tokens import claude as tokens
from cliproxy.providers.tokens.apps import OAuthApp
from cliproxy.providers.tokens.client import TokenClient


class ClaudeFlow:
    """Authorization code with PKCE; the redirect URI is fixed."""

    def __init__(self, app: OAuthApp, client: TokenClient) -> None:
        self.app, self._client = app, client

    def start(self, port: int = 0) -> Authorization:
        """Begin a login."""
        state, verifier, redirect = new_state(), new_verifier(), redirect_uri(self.app, port)
        url = authorization_url(
            self.app.authorize_url,
            {
                "code": "true", "client_id": self.app.client_id, "redirect_uri": redirect, "response_type": "code",
                "scope": " ".join(self.app.scopes), "code_challenge": challenge_of(verifier),
                "code_challenge_method": "S256", "state": state,
            },
        )  # fmt: skip
        return Authorization(url, state, redirect, verifier)

    def finish(self, begun: Authorization, callback: Callback) -> TokenFile:
        """The token file of the account that was chosen in the browser."""
        code = checked_code(begun, callback)
        content = tokens.exchange(
            self._client, self.app, code=code, state=begun.state, redirect_uri=begun.redirect_uri,
            verifier=begun.verifier,
        )  # fmt: skip
        email = content["email"]
        return TokenFile(f"claude-{name_part(email)}.json", content, email)
