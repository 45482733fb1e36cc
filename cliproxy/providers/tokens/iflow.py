"""Tokens and keys of iFlow logins: OAuth, and the key that a browser's cookie gets (oauth-login.md 8, providers.md 18).

Requests are made with an API key that belongs to the account; the OAuth tokens, or the cookie, are only good for
asking for it.
"""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from cliproxy.errors import LoginError, RefreshRejected, UpstreamError, UpstreamStatus
from cliproxy.providers.token_times import parse_time
from cliproxy.providers.tokens.apps import OAuthApp
from cliproxy.providers.tokens.client import TokenClient, login_step, refused, seconds_of, text_of
from cliproxy.providers.tokens.times import rfc3339

log = logging.getLogger(__name__)

KEY_URL = "https://platform.iflow.cn/api/openapi/apikey"
"""Where a cookie gets its account's key; POST makes a new one."""

_ORIGIN = "https://platform.iflow.cn"
_COOKIE_ACCEPT = "application/json, text/plain, */*"
_ENOUGH = 48 * 3600.0
"""Seconds that a cookie's key must still be good for to be left alone."""


def exchange(client: TokenClient, app: OAuthApp, *, code: str, redirect_uri: str) -> dict[str, Any]:
    """The file's fields for an authorization code.

    :raises LoginError: an endpoint refused, or the account has no key or no name.
    """
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    with login_step("iflow auth: token exchange failed", "code_exchange_failed"):
        answer = _tokens(client, app, form, app.secret)
    with login_step("iflow auth: get user info request failed", "user_info_failed"):
        key, account = _account(client, app, text_of(answer, "access_token"))
    if not account:
        raise LoginError("iflow auth: the account has neither e-mail address nor phone", code="missing_account")
    return _fields(answer, key, account, time.time())


def refreshed(client: TokenClient, app: OAuthApp, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata with a new key and tokens, by cookie when there is one; as it was when nothing is to be done.

    :raises RefreshRejected: the login is over.
    :raises UpstreamError: it failed this time.
    """
    now = time.time()
    cookie, email = text_of(metadata, "cookie"), text_of(metadata, "email")
    if cookie and email:
        return _by_cookie(client, metadata, cookie, email, now)
    if token := text_of(metadata, "refresh_token"):
        return _by_token(client, app, metadata, token, now)
    return dict(metadata)


def key_name(client: TokenClient, cookie: str) -> str:
    """The name of the key (and account) that a cookie belongs to; empty when iFlow does not tell.

    :raises UpstreamError: the cookie was refused.
    """
    return text_of(_key_data(client.get(KEY_URL, {"Cookie": cookie, "Accept": _COOKIE_ACCEPT})), "name")


def new_key(client: TokenClient, cookie: str, name: str) -> dict[str, str]:
    """``api_key``, ``expired`` and ``name`` of the account's new key; the old one is not good any more.

    :raises UpstreamError: it was refused, or the answer has no key.
    """
    headers = {"Cookie": cookie, "Accept": _COOKIE_ACCEPT, "Origin": _ORIGIN, "Referer": f"{_ORIGIN}/"}
    data = _key_data(client.json(KEY_URL, {"name": name}, headers))
    key = text_of(data, "apiKey")
    if not key:
        raise UpstreamError("the answer has no API key")
    return {"api_key": key, "expired": text_of(data, "expireTime"), "name": text_of(data, "name") or name}


def _by_cookie(client: TokenClient, metadata: Mapping[str, Any], cookie: str, email: str, now: float) -> dict[str, Any]:
    ends = parse_time(metadata.get("expired"))
    if ends is not None and ends - now > _ENOUGH:
        return dict(metadata)
    try:
        made = new_key(client, cookie, email)
    except UpstreamStatus as error:
        raise RefreshRejected(error.text, status=401) if error.status == 401 else error from error
    return {
        **metadata, "api_key": made["api_key"], "expired": made["expired"], "type": "iflow",
        "last_refresh": rfc3339(now), "cookie": cookie, "email": email,
    }  # fmt: skip


def _by_token(
    client: TokenClient, app: OAuthApp, metadata: Mapping[str, Any], token: str, now: float
) -> dict[str, Any]:
    try:
        secret = app.secret
    except LoginError as error:
        raise UpstreamError(error.text) from error
    try:
        answer = _tokens(client, app, {"grant_type": "refresh_token", "refresh_token": token}, secret)
    except UpstreamStatus as error:
        raise refused(error) from error
    # The old refresh token may be used up by now: a failure from here on must not lose the new one.
    try:
        key = _account(client, app, text_of(answer, "access_token"))[0]
    except UpstreamError as error:
        log.warning("iFlow renewed its tokens but did not tell the API key, the old one stays: %s", error.text[:500])
        key = ""
    renewed = {
        "access_token": text_of(answer, "access_token"), "refresh_token": text_of(answer, "refresh_token"),
        "api_key": key, "expired": rfc3339(now + seconds_of(answer)), "type": "iflow", "last_refresh": rfc3339(now),
    }  # fmt: skip
    return {**metadata, **{name: value for name, value in renewed.items() if value}}


def _tokens(client: TokenClient, app: OAuthApp, form: Mapping[str, str], secret: str) -> dict[str, Any]:
    """The token endpoint's answer; has an ``access_token``. It wants id and secret twice: Basic and in the form."""
    basic = base64.b64encode(f"{app.client_id}:{secret}".encode()).decode()
    sent = {**form, "client_id": app.client_id, "client_secret": secret}
    answer = client.form(app.token_url, sent, {"Authorization": f"Basic {basic}"})
    if not text_of(answer, "access_token"):
        raise UpstreamError("the answer has no access token")
    return answer


def _account(client: TokenClient, app: OAuthApp, access_token: str) -> tuple[str, str]:
    """(API key, e-mail address or phone or nothing) of the account.

    :raises UpstreamError: it was refused, or there is no key.
    """
    answer = client.get(f"{app.user_info_url}?accessToken={quote(access_token, safe='')}")
    data = answer.get("data")
    if answer.get("success") is not True or not isinstance(data, dict):
        raise UpstreamError(text_of(answer, "message") or "the answer says that it did not succeed")
    if not (key := text_of(data, "apiKey")):
        raise UpstreamError("the answer has no API key")
    return key, text_of(data, "email") or text_of(data, "phone")


def _key_data(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    if answer.get("success") is not True:
        raise UpstreamError(text_of(answer, "message") or "the answer says that it did not succeed")
    data = answer.get("data")
    return data if isinstance(data, dict) else {}


def _fields(answer: Mapping[str, Any], key: str, account: str, now: float) -> dict[str, Any]:
    """In the order of the file."""
    return {
        "access_token": text_of(answer, "access_token"),
        "refresh_token": text_of(answer, "refresh_token"),
        "last_refresh": rfc3339(now),
        "expired": rfc3339(now + seconds_of(answer)),
        "api_key": key,
        "email": account,
        "token_type": text_of(answer, "token_type"),
        "scope": text_of(answer, "scope"),
        "cookie": "",
        "type": "iflow",
    }
