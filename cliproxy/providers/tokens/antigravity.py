"""Tokens and projects of Antigravity logins (oauth-login.md 9.2-9.4, providers.md 16.5)."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from cliproxy.errors import RefreshRejected, UpstreamError, UpstreamStatus
from cliproxy.providers.google_delay import with_google_delay
from cliproxy.providers.headers import ANTIGRAVITY_USER_AGENT
from cliproxy.providers.token_times import parse_time
from cliproxy.providers.tokens import google
from cliproxy.providers.tokens.apps import OAuthApp
from cliproxy.providers.tokens.client import TokenClient, refused, seconds_of, text_of
from cliproxy.providers.tokens.times import rfc3339

log = logging.getLogger(__name__)

CODE_ASSIST = "https://cloudcode-pa.googleapis.com"
"""Where accounts get their project."""

_PROJECT_HEADERS = {
    "User-Agent": "google-api-nodejs-client/9.15.1",
    "X-Goog-Api-Client": "google-cloud-sdk vscode_cloudshelleditor/0.1",
    "Client-Metadata": '{"ideType":"IDE_UNSPECIFIED","platform":"PLATFORM_UNSPECIFIED","pluginType":"GEMINI"}',
}
_ABOUT = {"ideType": "ANTIGRAVITY", "platform": "PLATFORM_UNSPECIFIED", "pluginType": "GEMINI"}
_POLLS, _PAUSE = 5, 2.0
_QUOTED = 200
_LEGACY = "legacy-tier"

Clock = Callable[[], float]
Sleep = Callable[[float], None]


def exchange(
    client: TokenClient, app: OAuthApp, *, code: str, redirect_uri: str, clock: Clock = time.time
) -> dict[str, Any]:
    """The file's fields for an authorization code, without ``project_id``.

    :raises LoginError: it was refused, or the account has no e-mail address.
    """
    answer = google.exchange(client, app, code=code, redirect_uri=redirect_uri)
    now, token = clock(), text_of(answer, "access_token")
    fields = {"disabled": False, "refresh_token": text_of(answer, "refresh_token"), **_fields(answer, now)}
    return {**fields, "email": google.user_email(client, app, token)}


def refreshed(
    client: TokenClient, app: OAuthApp, metadata: Mapping[str, Any], *, clock: Clock = time.time,
    sleep: Sleep = time.sleep,
) -> dict[str, Any]:  # fmt: skip
    """The metadata with new tokens, and with the account's project if it had none.

    :raises RefreshRejected: the login is over, or never had a refresh token.
    :raises UpstreamError: it failed this time; a project that cannot be found is no reason.
    :raises LoginError: no client secret is configured.
    """
    token = text_of(metadata, "refresh_token")
    if not token:
        raise RefreshRejected("missing refresh token", status=401)
    answer = _renewed(client, app, token)
    found = {**metadata, **_fields(answer, clock())}
    if renewed := text_of(answer, "refresh_token"):
        found["refresh_token"] = renewed
    if not text_of(metadata, "project_id") and (project := _project_or_none(client, found["access_token"], sleep)):
        found["project_id"] = project
    return found


def ends_at(metadata: Mapping[str, Any]) -> float | None:
    """When the access token ends, Unix seconds: ``expired``, else ``timestamp`` (ms) + ``expires_in``, else None."""
    if isinstance(metadata.get("expired"), str) and (moment := parse_time(metadata["expired"])) is not None:
        return moment
    issued, lives = _number(metadata.get("timestamp")), _number(metadata.get("expires_in"))
    return None if issued is None or lives is None else issued / 1000 + lives


def lives_for(metadata: Mapping[str, Any]) -> float:
    """Seconds that the token lived when it was issued; 0 = unknown."""
    return max(0.0, _number(metadata.get("expires_in")) or 0.0)


def project_of(client: TokenClient, access_token: str, sleep: Sleep = time.sleep) -> str:
    """The account's project, which is made if there is none; empty when Google does not get done with it.

    Takes up to eight seconds of ``sleep``, and the time of six calls.

    :raises UpstreamError: it cannot be found.
    """
    answer = _ask(client, access_token, "loadCodeAssist", {"metadata": _ABOUT})
    return _project_in(answer) or _onboarded(client, access_token, _tier_of(answer), sleep)


def _onboarded(client: TokenClient, access_token: str, tier: str, sleep: Sleep) -> str:
    for poll in range(_POLLS):
        if poll:
            sleep(_PAUSE)
        answer = _ask(client, access_token, "onboardUser", {"tierId": tier, "metadata": _ABOUT})
        if answer.get("done") is not True:
            continue
        response = answer.get("response")
        if project := _project_in(response) if isinstance(response, dict) else "":
            return project
        raise UpstreamError("onboardUser made no project")
    return ""


def _ask(client: TokenClient, access_token: str, method: str, body: Mapping[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {access_token}", **_PROJECT_HEADERS}
    try:
        return client.json(f"{CODE_ASSIST}/v1internal:{method}", body, headers)
    except UpstreamStatus as error:
        text = f"{method} failed with status {error.status}: {error.text.strip()[:_QUOTED]}"
        raise UpstreamError(text, status=error.status) from error


def _project_or_none(client: TokenClient, access_token: str, sleep: Sleep) -> str:
    try:
        return project_of(client, access_token, sleep)
    except UpstreamError as error:
        log.warning("antigravity: the account's project cannot be found: %s", error.text)
        return ""


def _project_in(answer: Mapping[str, Any]) -> str:
    """``cloudaicompanionProject``: a string, or an object with an id."""
    found = answer.get("cloudaicompanionProject")
    return text_of(found, "id") if isinstance(found, dict) else text_of(answer, "cloudaicompanionProject")


def _tier_of(answer: Mapping[str, Any]) -> str:
    """The id of the default tier."""
    tiers = answer.get("allowedTiers")
    for tier in tiers if isinstance(tiers, list) else []:
        if isinstance(tier, dict) and tier.get("isDefault") is True and (found := text_of(tier, "id")):
            return found
    return _LEGACY


def _renewed(client: TokenClient, app: OAuthApp, refresh_token: str) -> dict[str, Any]:
    """The token endpoint's answer. Not ``google.renew``: this application names itself."""
    form = {
        "client_id": app.client_id, "client_secret": app.secret, "grant_type": "refresh_token",
        "refresh_token": refresh_token,
    }  # fmt: skip
    try:
        answer = client.form(app.token_url, form, {"User-Agent": ANTIGRAVITY_USER_AGENT})
    except UpstreamStatus as error:
        raise refused(with_google_delay(error)) from error
    if not text_of(answer, "access_token"):
        raise UpstreamStatus("missing access token", status=401)
    return answer


def _fields(answer: Mapping[str, Any], now: float) -> dict[str, Any]:
    """What every token answer sets."""
    lives = int(seconds_of(answer))
    return {
        "access_token": text_of(answer, "access_token"),
        "expired": rfc3339(now + lives),
        "expires_in": lives,
        "timestamp": int(now * 1000),
        "type": "antigravity",
    }


def _number(value: object) -> float | None:
    """A number, also as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
