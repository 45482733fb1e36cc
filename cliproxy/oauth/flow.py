"""What a login is made of, whoever drives it."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

from cliproxy.errors import LoginError
from cliproxy.providers.tokens.apps import OAuthApp


@dataclass(frozen=True, slots=True)
class Callback:
    """What the provider sent back with the browser, or a person pasted."""

    code: str = ""
    state: str = ""
    error: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Authorization:
    """A login that has begun: ``url`` is where the person goes; the rest is what ``finish`` needs."""

    url: str
    state: str
    redirect_uri: str
    verifier: str = ""


@dataclass(frozen=True, slots=True)
class TokenFile:
    """What a login makes: the file's name and its fields in the order in which they are first written."""

    name: str
    content: Mapping[str, Any]
    label: str
    """For people: which account it was."""
    indent: bool = False
    notes: tuple[str, ...] = ()
    """Words for the person, such as a warning that something was left out."""


class CodeFlow(Protocol):
    """An authorization code login in two steps."""

    app: OAuthApp

    def start(self, port: int = 0) -> Authorization:
        """Begin. ``port``: where the callback listens, if not at the default."""

    def finish(self, begun: Authorization, callback: Callback) -> TokenFile:
        """Turn what came back into a token file.

        :raises LoginError: denied, not ours, or the provider refused it.
        """


def redirect_uri(app: OAuthApp, port: int = 0) -> str:
    """Where the provider sends the browser; fixed for those that accept nothing else."""
    place = app.redirect_port if app.fixed_redirect else port or app.redirect_port
    return f"http://localhost:{place}{app.redirect_path}"


def authorization_url(base: str, parameters: Mapping[str, str]) -> str:
    """A URL with form-encoded parameters in alphabetical order (1.3)."""
    return f"{base}?{urlencode(sorted(parameters.items()))}"


_FRIENDLY = {
    "access_denied": "the login was cancelled or denied",
    "invalid_request": "the provider calls the request invalid",
    "server_error": "the provider has trouble at the moment: try again later",
}


def checked_code(begun: Authorization, callback: Callback) -> str:
    """The code of a callback that answers this login (oauth-login.md 5.1, 14).

    :raises LoginError: ``oauth_error``, ``no_code``, ``no_state`` or ``invalid_state``.
    """
    if callback.error:
        words = _FRIENDLY.get(callback.error) or callback.description or callback.error
        more = f": {callback.description}" if callback.description not in ("", words) else ""
        raise LoginError(f"{words} ({callback.error}){more}", code="oauth_error")
    if not callback.code:
        raise LoginError("the callback has no authorization code", code="no_code")
    if not callback.state:
        raise LoginError("the callback has no state", code="no_state")
    if not hmac.compare_digest(callback.state.encode(), begun.state.encode()):
        raise LoginError("the callback belongs to another login (its state differs): try again", code="invalid_state")
    return callback.code
