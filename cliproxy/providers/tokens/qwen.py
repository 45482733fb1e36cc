"""Tokens of Qwen logins: the device flow's two requests and the refresh (oauth-login.md 7, providers.md 17)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import orjson

from cliproxy.errors import LoginError, RefreshRejected, UpstreamError, UpstreamStatus
from cliproxy.providers.tokens.apps import OAuthApp
from cliproxy.providers.tokens.client import TokenClient, refused, seconds_of, text_of
from cliproxy.providers.tokens.times import rfc3339

_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_DEAD_TOKEN = "invalid refresh token"  # noqa: S105 - how the endpoint calls a login that is over
_ENDS = {
    "expired_token": "the device code has expired: start the login again",
    "access_denied": "the login was denied in the browser: start it again",
}


class PollState(Enum):
    """What one question for the tokens came to."""

    DONE = "done"
    PENDING = "pending"
    SLOW_DOWN = "slow_down"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Poll:
    """The outcome of one question. ``answer``: the endpoint's, when done; ``trouble``: words, when unreachable."""

    state: PollState
    answer: Mapping[str, Any] = field(default_factory=dict, repr=False)
    trouble: str = ""


def device_code(client: TokenClient, app: OAuthApp, challenge: str) -> dict[str, Any]:
    """The endpoint's answer to a new device login; has a ``device_code``.

    :raises LoginError: it was refused.
    """
    form = {
        "client_id": app.client_id, "scope": " ".join(app.scopes), "code_challenge": challenge,
        "code_challenge_method": "S256",
    }  # fmt: skip
    try:
        answer = client.form(app.device_url, form)
    except UpstreamStatus as error:
        text = f"the Qwen login could not begin: status {error.status}: {error.text}"
        raise LoginError(text, code="device_code_failed") from error
    except UpstreamError as error:
        raise LoginError(f"the Qwen login could not begin: {error.text}", code="device_code_failed") from error
    if not text_of(answer, "device_code"):
        raise LoginError("the Qwen login could not begin: there is no device code", code="device_code_failed")
    return answer


def poll(client: TokenClient, app: OAuthApp, *, code: str, verifier: str) -> Poll:
    """Ask once for the tokens of a device code.

    :raises LoginError: there will be none: expired, denied, or anything unknown (7.1).
    """
    form = {"grant_type": _DEVICE_GRANT, "client_id": app.client_id, "device_code": code, "code_verifier": verifier}
    try:
        answer = client.form(app.token_url, form)
    except UpstreamStatus as error:
        return _waiting(error)
    except UpstreamError as error:
        return Poll(PollState.UNREACHABLE, trouble=error.text)
    if not text_of(answer, "access_token"):
        raise LoginError("the Qwen login failed: the answer has no access token", code="code_exchange_failed")
    return Poll(PollState.DONE, answer)


def fields(answer: Mapping[str, Any], now: float) -> dict[str, Any]:
    """What a token endpoint's answer says, in the order of the file; ``now`` in Unix seconds."""
    return {
        "access_token": text_of(answer, "access_token"),
        "refresh_token": text_of(answer, "refresh_token"),
        "last_refresh": rfc3339(now),
        "resource_url": text_of(answer, "resource_url"),
        "type": "qwen",
        "expired": rfc3339(now + seconds_of(answer)),
    }


def refreshed(client: TokenClient, app: OAuthApp, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata with new tokens; as it was without a refresh token. ``email`` is never touched.

    :raises RefreshRejected: the login is over.
    :raises UpstreamError: it failed this time.
    """
    token = text_of(metadata, "refresh_token")
    if not token:
        return dict(metadata)
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": app.client_id}
    try:
        answer = client.form(app.token_url, form)
    except UpstreamStatus as error:
        raise _not_refreshed(error) from error
    found = {key: value for key, value in fields(answer, time.time()).items() if value}
    if "access_token" not in found:
        raise UpstreamError("token refresh failed: the answer has no access token")
    return {**metadata, **found}


def _waiting(error: UpstreamStatus) -> Poll:
    """A refusal that means "not yet". By its word, whatever the 4xx status: Qwen itself says slow_down with 429.

    :raises LoginError: it means never.
    """
    word = _error_of(error)[0] if 400 <= (error.status or 0) < 500 else ""
    if word == "authorization_pending":
        return Poll(PollState.PENDING)
    if word == "slow_down":
        return Poll(PollState.SLOW_DOWN)
    ended = _ENDS.get(word)
    text = f"the Qwen login failed: {ended or _words(error)}"
    raise LoginError(text, code=word if ended else "login_failed") from error


def _not_refreshed(error: UpstreamStatus) -> UpstreamError:
    text = f"token refresh failed: {_words(error)}"
    over = error.status in (400, 401) and _DEAD_TOKEN in error.text.lower()
    if over or isinstance(refused(error), RefreshRejected):
        return RefreshRejected(text, status=error.status)
    return UpstreamStatus(text, status=error.status, retry_after=error.retry_after)


def _words(error: UpstreamStatus) -> str:
    """``error - description`` of an OAuth error, else status and body."""
    word, description = _error_of(error)
    return f"{word} - {description}" if word else f"status {error.status}: {error.text}"


def _error_of(error: UpstreamStatus) -> tuple[str, str]:
    """(error, error_description) of a JSON body; empty strings for anything else."""
    try:
        content = orjson.loads(error.text)
    except orjson.JSONDecodeError:
        return "", ""
    if not isinstance(content, dict):
        return "", ""
    return text_of(content, "error"), text_of(content, "error_description")
