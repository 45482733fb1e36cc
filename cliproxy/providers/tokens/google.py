"""Tokens of Google accounts: Gemini CLI and Antigravity log in alike (oauth-login.md 3.3, 9.2)."""

from __future__ import annotations

from typing import Any

from cliproxy.errors import LoginError, UpstreamError, UpstreamStatus
from cliproxy.providers.tokens.apps import OAuthApp
from cliproxy.providers.tokens.client import TokenClient, login_step, refused, text_of


def exchange(client: TokenClient, app: OAuthApp, *, code: str, redirect_uri: str) -> dict[str, Any]:
    """The token endpoint's answer for an authorization code; has an ``access_token``.

    :raises LoginError: it was refused.
    """
    form = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "client_id": app.client_id,
        "client_secret": app.secret,
    }  # fmt: skip
    with login_step("token exchange failed", "code_exchange_failed"):
        answer = client.form(app.token_url, form)
    if not text_of(answer, "access_token"):
        words = text_of(answer, "error_description") or text_of(answer, "error") or "the answer has no access token"
        raise LoginError(f"token exchange failed: {words}", code="code_exchange_failed")
    return answer


def renew(
    client: TokenClient, token_url: str, *, client_id: str, client_secret: str, refresh_token: str
) -> dict[str, Any]:
    """The token endpoint's answer for a refresh token; has an ``access_token``.

    :raises RefreshRejected: the login is over.
    :raises UpstreamError: it failed this time.
    """
    form = {
        "grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": client_id,
        "client_secret": client_secret,
    }  # fmt: skip
    try:
        answer = client.form(token_url, form)
    except UpstreamStatus as error:
        raise refused(error) from error
    if not text_of(answer, "access_token"):
        raise UpstreamError("the token endpoint answered without an access token")
    return answer


def user_email(client: TokenClient, app: OAuthApp, access_token: str) -> str:
    """The account's address.

    :raises LoginError: it cannot be found out; the file would have no usable name.
    """
    headers = {"Authorization": f"Bearer {access_token}", "Content-Type": "application/json"}
    with login_step("get user info request failed", "user_info_failed"):
        answer = client.get(app.user_info_url, headers)
    if not (email := text_of(answer, "email")):
        raise LoginError("the account has no e-mail address", code="user_info_failed")
    return email
