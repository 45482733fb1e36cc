"""Short calls to token endpoints and their neighbours: forms and JSON in, JSON out (oauth-login.md 1.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import urlencode

import orjson

from cliproxy.config.settings import TimeLimits
from cliproxy.errors import LoginError, RefreshRejected, UpstreamError, UpstreamStatus
from cliproxy.providers.http import Outgoing, Reply

_LIMITS = TimeLimits(first_byte=30.0, idle=30.0)
_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"
_QUOTED = 8192

_FINAL = (
    "invalid_grant", "refresh_token_reused", "refresh_token_expired", "refresh_token_invalidated", "token_revoked",
)  # fmt: skip


class Fetcher(Protocol):
    """What sends requests: ``HttpClient``."""

    def fetch(self, request: Outgoing) -> Reply:
        """The whole 2xx answer.

        :raises UpstreamError: everything else.
        """


class TokenClient:
    """Calls through one way out: the proxy of a credential or login, else the global one."""

    def __init__(self, http: Fetcher, proxy_url: str = "") -> None:
        self._http, self._proxy_url = http, proxy_url

    def __repr__(self) -> str:
        return f"<TokenClient{' through a proxy of its own' if self._proxy_url else ''}>"

    def form(self, url: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """POST a form; the JSON object of the answer.

        :raises UpstreamStatus: an answer outside 2xx, its body as text.
        :raises UpstreamError: no answer, or one that is no JSON object.
        """
        return self._json(url, "POST", urlencode(fields).encode(), _FORM, headers)

    def json(self, url: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """POST JSON. As ``form``."""
        return self._json(url, "POST", orjson.dumps(body), _JSON, headers)

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """GET. As ``form``."""
        return self._json(url, "GET", None, "", headers)

    def _json(
        self, url: str, method: str, body: bytes | None, kind: str, headers: Mapping[str, str] | None
    ) -> dict[str, Any]:
        sent = {"Accept": _JSON, **({"Content-Type": kind} if kind else {}), **(headers or {})}
        reply = self._http.fetch(Outgoing(url, sent, body, _LIMITS, self._proxy_url, method))
        try:
            content = orjson.loads(reply.body)
        except orjson.JSONDecodeError as error:
            raise UpstreamError(f"the answer of {_place(url)} is not JSON") from error
        if not isinstance(content, dict):
            raise UpstreamError(f"the answer of {_place(url)} is not a JSON object")
        return content


@contextmanager
def login_step(what: str, code: str) -> Iterator[None]:
    """Failures of the calls inside as a ``LoginError`` of this code; ``what`` says which step failed."""
    try:
        yield
    except UpstreamStatus as error:
        raise LoginError(f"{what} with status {error.status}: {error.text[:_QUOTED]}", code=code) from error
    except UpstreamError as error:
        raise LoginError(f"{what}: {error.text}", code=code) from error


def refused(error: UpstreamStatus) -> UpstreamError:
    """The error of a refresh: final when the endpoint says that the refresh token itself is no good."""
    if error.status in (400, 401, 403) and any(word in error.text for word in _FINAL):
        return RefreshRejected(error.text, status=error.status)
    return error


def text_of(content: Mapping[str, Any], key: str) -> str:
    """A string member, trimmed; empty for anything else."""
    value = content.get(key)
    return value.strip() if isinstance(value, str) else ""


def seconds_of(content: Mapping[str, Any], key: str = "expires_in") -> float:
    """A number of seconds, also as text; 0 for anything else."""
    value = content.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return 0.0
    try:
        return max(0.0, min(float(value), 10.0**9))
    except ValueError:
        return 0.0


def _place(url: str) -> str:
    return url.partition("?")[0]
