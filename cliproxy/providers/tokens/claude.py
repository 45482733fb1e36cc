"""Tokens of Claude logins (oauth-login.md 5.2, providers.md 11.6). Bodies are JSON both ways."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from cliproxy.errors import LoginError, UpstreamError, UpstreamStatus
from cliproxy.providers.tokens.apps import OAuthApp
from cliproxy.providers.tokens.client import TokenClient, login_step, refused, seconds_of, text_of
from cliproxy.providers.tokens.times import rfc3339


def exchange(
    client: TokenClient, app: OAuthApp, *, code: str, state: str, redirect_uri: str, verifier: str
) -> dict[str, Any]:
    """The file's fields for an authorization code; ``code#state``, as the console page shows it, is taken apart.

    :raises LoginError: the endpoint refused it, or named no account.
    """
    code, _, other_state = code.partition("#")
    body = {
        "code": code, "state": other_state or state, "grant_type": "authorization_code", "client_id": app.client_id,
        "redirect_uri": redirect_uri, "code_verifier": verifier,
    }  # fmt: skip
    with login_step("token exchange failed", "code_exchange_failed"):
        answer = client.json(app.token_url, body)
    fields = {"id_token": "", **_fields(answer, time.time())}
    if not fields["access_token"]:
        raise LoginError("token exchange failed: the answer has no access token", code="code_exchange_failed")
    if not fields["email"]:
        raise LoginError("the answer has no account information (e-mail address)", code="missing_account")
    return fields


def refreshed(client: TokenClient, app: OAuthApp, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata with new tokens; as it was without a refresh token.

    :raises UpstreamError: it failed.
    """
    token = text_of(metadata, "refresh_token")
    if not token:
        return dict(metadata)
    body = {"client_id": app.client_id, "grant_type": "refresh_token", "refresh_token": token}
    try:
        answer = client.json(app.token_url, body)
    except UpstreamStatus as error:
        raise refused(error) from error
    fields = {key: value for key, value in _fields(answer, time.time()).items() if value}
    if "access_token" not in fields:
        raise UpstreamError("the token endpoint answered without an access token")
    return {**metadata, **fields}


def _fields(answer: Mapping[str, Any], now: float) -> dict[str, Any]:
    """In the order of the file."""
    account = answer.get("account")
    return {
        "access_token": text_of(answer, "access_token"),
        "refresh_token": text_of(answer, "refresh_token"),
        "last_refresh": rfc3339(now),
        "email": text_of(account, "email_address") if isinstance(account, dict) else "",
        "type": "claude",
        "expired": rfc3339(now + seconds_of(answer)),
    }
