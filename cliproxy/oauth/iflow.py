"""Logging in to iFlow: with a browser and a callback, or with the cookie of one (oauth-login.md 8)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable

from cliproxy.blocking import off_hub
from cliproxy.errors import LoginError, UpstreamError, UpstreamStatus
from cliproxy.masking import mask_key
from cliproxy.oauth.flow import Authorization, Callback, TokenFile, authorization_url, checked_code, redirect_uri
from cliproxy.oauth.secrets import new_state
from cliproxy.oauth.token_files import name_part
from cliproxy.pool.stores.base import TokenStore
from cliproxy.providers.credential import Credential
from cliproxy.providers.tokens import iflow as tokens
from cliproxy.providers.tokens.apps import OAuthApp
from cliproxy.providers.tokens.client import TokenClient, text_of
from cliproxy.providers.tokens.times import rfc3339

_FIELD = "BXAuth="
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_@.-]")

Clock = Callable[[], float]


class IflowFlow:
    """Authorization code with a client secret. ``stamped``: a new file per login, as the command line makes them;
    the web login keeps one per account.
    """

    def __init__(self, app: OAuthApp, client: TokenClient, *, stamped: bool = True, clock: Clock = time.time) -> None:
        self.app, self._client = app, client
        self._stamped, self._clock = stamped, clock

    def start(self, port: int = 0, *, state_prefix: str = "") -> Authorization:
        """Begin a login. ``state_prefix``: the web login's mark before the random part of the state (13)."""
        state, redirect = f"{state_prefix}{new_state()}", redirect_uri(self.app, port)
        parameters = {
            "loginMethod": "phone", "type": "phone", "redirect": redirect, "state": state,
            "client_id": self.app.client_id,
        }  # fmt: skip
        return Authorization(authorization_url(self.app.authorize_url, parameters), state, redirect)

    def finish(self, begun: Authorization, callback: Callback) -> TokenFile:
        """The token file of the account that was chosen in the browser."""
        if not callback.error and not callback.code:
            raise LoginError("iflow auth: the callback has no authorization code", code="missing_code")
        code = checked_code(begun, callback)
        content = tokens.exchange(self._client, self.app, code=code, redirect_uri=begun.redirect_uri)
        stamp = f"-{int(self._clock())}" if self._stamped else ""
        return TokenFile(f"iflow-{name_part(content['email'])}{stamp}.json", content, content["email"])


class KnownCookie(LoginError):
    """The cookie is a login already; ``file`` is the name of its token file."""

    def __init__(self, file: str) -> None:
        text = f"duplicate BXAuth found: {file} is a login with the same cookie"
        super().__init__(text, code="duplicate_cookie", status=409)
        self.file = file


class CookieLogin:
    """A login with the cookie of a browser that is logged in to platform.iflow.cn."""

    def __init__(self, client: TokenClient, store: TokenStore, *, clock: Clock = time.time) -> None:
        self._client, self._store, self._clock = client, store, clock

    def run(self, cookie: str) -> TokenFile:
        """The token file for a cookie as it was copied. The account gets a new key; its old one ends.

        :raises KnownCookie: it is a login already.
        :raises LoginError: ``no_cookie``, ``no_bxauth``, ``duplicate_check_failed``, ``cookie_refused`` by iFlow, or
            ``missing_account``: it does not tell whose it is.
        """
        cookie = normalised(cookie)
        value = bxauth_of(cookie)
        if known := duplicate_of(self._records(), value):
            raise KnownCookie(known)
        made = self._new_key(cookie)
        now, name = self._clock(), made["name"]
        content = {
            "access_token": "", "refresh_token": "", "last_refresh": rfc3339(now), "expired": made["expired"],
            "api_key": made["api_key"], "email": name, "token_type": "", "scope": "", "cookie": f"{_FIELD}{value};",
            "type": "iflow",
        }  # fmt: skip
        label = f"{name} (API key {mask_key(made['api_key'])}, good until {made['expired'] or 'an unknown time'})"
        return TokenFile(cookie_file_name(name, now), content, label)

    def _new_key(self, cookie: str) -> dict[str, str]:
        try:
            if not (account := tokens.key_name(self._client, cookie)):
                text = "iflow cookie authentication: the answer has no account name"
                raise LoginError(text, code="missing_account")
            return tokens.new_key(self._client, cookie, account)
        except UpstreamError as error:
            status = f"status {error.status}: " if isinstance(error, UpstreamStatus) else ""
            text = f"iflow cookie authentication: {status}{error.text}"
            raise LoginError(text, code="cookie_refused") from error

    def _records(self) -> list[Credential]:
        try:
            return off_hub(self._store.list)
        except FileNotFoundError:
            return []
        except OSError as error:
            text = f"failed to check duplicate: {error}"
            raise LoginError(text, code="duplicate_check_failed", status=500) from error


def normalised(cookie: str) -> str:
    """A cookie as it is sent: on one line, single blanks, ``;`` at the end.

    :raises LoginError: it is blank, or has no BXAuth field.
    """
    cookie = " ".join(cookie.split())
    if not cookie:
        raise LoginError("cookie cannot be empty", code="no_cookie")
    if not bxauth_of(cookie):
        raise LoginError("cookie missing BXAuth field", code="no_bxauth")
    return cookie if cookie.endswith(";") else f"{cookie};"


def bxauth_of(cookie: str) -> str:
    """The value of the field that is the login; empty when there is none."""
    parts = (part.strip() for part in cookie.split(";"))
    return next((part.removeprefix(_FIELD).strip() for part in parts if part.startswith(_FIELD)), "")


def duplicate_of(records: Iterable[Credential], value: str) -> str:
    """The name of the file with the same ``BXAuth`` value; empty when there is none, or no value."""
    for record in records:
        name = record.id
        ours = name.startswith("iflow-") and "/" not in name
        if value and ours and bxauth_of(text_of(record.metadata, "cookie")) == value:
            return name
    return ""


def cookie_file_name(account: str, now: float) -> str:
    """The file of a cookie login.

    The names are masked phone numbers: ``*`` becomes ``x``; milliseconds if nothing stays.
    """
    clean = _NOT_IN_NAMES.sub("", account.replace("*", "x")) or str(int(now * 1000))
    return f"iflow-{clean}-{int(now)}.json"
