"""Tokens of Codex logins (oauth-login.md 6.2, 6.3, providers.md 12). Forms in, JSON out."""

from __future__ import annotations

import base64
import binascii
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from cliproxy.errors import (
    FirstByteTimeout,
    IdleTimeout,
    LoginError,
    RefreshRejected,
    UpstreamError,
    UpstreamStatus,
)
from cliproxy.providers.tokens.apps import OAuthApp
from cliproxy.providers.tokens.client import TokenClient, login_step, refused, seconds_of, text_of
from cliproxy.providers.tokens.times import rfc3339

log = logging.getLogger(__name__)

_PAUSES = (1.0, 2.0)
_REFRESH_SCOPE = "openid profile email"
_AUTH_CLAIM = "https://api.openai.com/auth"


@dataclass(frozen=True, slots=True)
class Account:
    """Whose id token it is; what the token does not say is empty."""

    email: str = ""
    account_id: str = ""
    plan: str = ""
    """As the token spells it, such as ``plus`` or ``Team Plan``."""


def account_of(id_token: str) -> Account:
    """The claims that we use, each on its own; the signature is not checked (6.3).

    The token comes straight from its issuer over TLS, and nothing is decided by it but names.
    """
    claims = claims_of(id_token)
    if claims is None:
        log.warning("the id token of a Codex login cannot be read")
        return Account()
    auth = claims.get(_AUTH_CLAIM)
    auth = auth if isinstance(auth, dict) else {}
    return Account(text_of(claims, "email"), text_of(auth, "chatgpt_account_id"), text_of(auth, "chatgpt_plan_type"))


def claims_of(token: str) -> dict[str, Any] | None:
    """The middle part of a JWT; None for anything else."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    middle = parts[1].rstrip("=")
    try:
        data = base64.b64decode(middle + "=" * (-len(middle) % 4), altchars=b"-_", validate=True)
        claims = orjson.loads(data)
    except (binascii.Error, ValueError):
        return None
    return claims if isinstance(claims, dict) else None


def exchange(client: TokenClient, app: OAuthApp, *, code: str, redirect_uri: str, verifier: str) -> dict[str, Any]:
    """The file's fields for an authorization code.

    :raises LoginError: the endpoint refused it, or the id token names no e-mail address.
    """
    form = {
        "grant_type": "authorization_code", "client_id": app.client_id, "code": code, "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }  # fmt: skip
    with login_step("token exchange failed", "code_exchange_failed"):
        answer = client.form(app.token_url, form)
    fields = _fields(answer, time.time())
    if not fields["access_token"]:
        raise LoginError("token exchange failed: the answer has no access token", code="code_exchange_failed")
    if not fields["email"]:
        raise LoginError("the id token has no account information (e-mail address)", code="missing_account")
    return fields


def refreshed(
    client: TokenClient, app: OAuthApp, metadata: Mapping[str, Any], *, sleep: Callable[[float], None] = time.sleep
) -> dict[str, Any]:
    """The metadata with new tokens; as it was without a refresh token.

    Up to three attempts with ``sleep`` (seconds) between them. What the answer leaves out stays as it was.

    :raises RefreshRejected: the login is over.
    :raises UpstreamError: it failed this time.
    """
    token = text_of(metadata, "refresh_token")
    if not token:
        return dict(metadata)
    answer = _patiently(lambda: _renew(client, app, token), sleep)
    return {**metadata, **{key: value for key, value in _fields(answer, time.time()).items() if value}}


def _renew(client: TokenClient, app: OAuthApp, token: str) -> dict[str, Any]:
    form = {
        "client_id": app.client_id, "grant_type": "refresh_token", "refresh_token": token, "scope": _REFRESH_SCOPE,
    }  # fmt: skip
    try:
        answer = client.form(app.token_url, form)
    except UpstreamStatus as error:
        raise refused(error) from error
    if not text_of(answer, "access_token"):
        raise UpstreamError("the token endpoint answered without an access token")
    return answer


def _patiently(attempt: Callable[[], dict[str, Any]], sleep: Callable[[float], None]) -> dict[str, Any]:
    """The first attempt that works. One that ran into its time limit is the last: who waits for it has gone."""
    pauses = iter(_PAUSES)
    while True:
        try:
            return attempt()
        except (RefreshRejected, FirstByteTimeout, IdleTimeout):
            raise
        except UpstreamError as error:
            pause = next(pauses, None)
            if pause is None:
                raise _gave_up(error) from error
        sleep(pause)


def _gave_up(error: UpstreamError) -> UpstreamError:
    words = f"status {error.status}: {error.text}" if isinstance(error, UpstreamStatus) else error.text
    text = f"token refresh failed after {len(_PAUSES) + 1} attempts: {words}"
    return UpstreamError(text, status=error.status, retry_after=error.retry_after, headers=error.headers)


def _fields(answer: Mapping[str, Any], now: float) -> dict[str, Any]:
    """In the order of the file."""
    id_token = text_of(answer, "id_token")
    account = account_of(id_token) if id_token else Account()
    return {
        "id_token": id_token,
        "access_token": text_of(answer, "access_token"),
        "refresh_token": text_of(answer, "refresh_token"),
        "account_id": account.account_id,
        "last_refresh": rfc3339(now),
        "email": account.email,
        "type": "codex",
        "expired": rfc3339(now + seconds_of(answer)),
    }
