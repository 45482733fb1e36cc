"""``POST api-call``: one HTTP request from the server, with a credential's token if wanted (management-api.md 18)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cliproxy.config.settings import TimeLimits
from cliproxy.errors import CliproxyError, UpstreamError
from cliproxy.pool.bearer import bearer_of
from cliproxy.pool.entry import Entry
from cliproxy.pool.pool import Pool
from cliproxy.providers.free_call import Answered, BodyLost, call
from cliproxy.providers.header_syntax import is_header, is_token
from cliproxy.providers.http import HttpClient, Outgoing
from cliproxy.web.management.answers import ManagementError, invalid_body
from cliproxy.web.management.api import Route
from cliproxy.web.management.bodies import field, json_object

SECONDS = 60.0
"""For everything together."""
_PLACE = "$TOKEN$"
_INDEXES = ("auth_index", "authIndex", "AuthIndex")
_OURS = frozenset({"content-length", "transfer-encoding", "trailer"})
"""Headers that follow from the body."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the body asks for."""

    index: str
    method: str
    url: str
    headers: Mapping[str, str]
    data: bytes | None


class ApiCallRoutes:
    """Its route. ``seconds`` limits each call as a whole."""

    def __init__(self, pool: Pool, http: HttpClient, seconds: float = SECONDS) -> None:
        self._pool, self._http, self._seconds = pool, http, seconds

    def routes(self) -> Iterator[Route]:
        """The POST."""
        yield Route("api-call", ("POST",), self._call)

    def _call(self) -> Any:
        wanted = wanted_of(json_object())
        entry = next(iter(self._pool.with_index(wanted.index)), None) if wanted.index else None
        headers, secrets = self._with_token(wanted.headers, entry)
        request = Outgoing(
            wanted.url, headers, wanted.data, TimeLimits(), entry.credential.proxy_url if entry is not None else "",
            wanted.method,
        )  # fmt: skip
        try:
            answered = call(self._http, request, self._seconds, secrets)
        except BodyLost as error:
            raise ManagementError("failed to read response", 502, message=error.text) from error
        except UpstreamError as error:
            raise ManagementError("request failed", 502, message=error.text) from error
        return _shown(answered)

    def _with_token(self, headers: Mapping[str, str], entry: Entry | None) -> tuple[dict[str, str], set[str]]:
        """(the headers with the credential's token in its places, the names of those it is in)."""
        secrets = {name for name, value in headers.items() if _PLACE in value}
        if entry is None or not secrets:
            return dict(headers), set()
        try:
            token = bearer_of(self._pool, entry)
        except CliproxyError as error:
            raise ManagementError("auth token refresh failed", message=error.text) from error
        if not token:
            raise ManagementError("auth token not found")
        return {name: value.replace(_PLACE, token) for name, value in headers.items()}, secrets


def wanted_of(body: dict[str, Any]) -> Wanted:
    """The body, checked.

    :raises ManagementError: 400.
    """
    indexes = [(field(body, name, str) or "").strip() for name in _INDEXES]
    method, url = ((field(body, name, str) or "").strip() for name in ("method", "url"))
    headers, data = _strings(field(body, "header", dict) or {}), field(body, "data", str) or ""
    if not method:
        raise ManagementError("missing method")
    if not url:
        raise ManagementError("missing url")
    if not _is_absolute(_utf8(url).decode()):
        raise ManagementError("invalid url")
    if not is_token(method):
        raise _unbuildable(f"{method!r} is no method")
    index = next((index for index in indexes if index), "")
    return Wanted(index, method.upper(), url, _sendable(headers), _utf8(data) or None)


def _strings(found: Mapping[str, Any]) -> dict[str, str]:
    if any(value is not None and not isinstance(value, str) for value in found.values()):
        raise invalid_body()
    return {name: value or "" for name, value in found.items()}


def _sendable(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers as they go out; text beyond Latin-1 as UTF-8."""
    found: dict[str, str] = {}
    for name, value in headers.items():
        if not is_header(name, value):
            raise _unbuildable(f"{name!r} and its value make no header")
        if name.lower() not in _OURS:
            found["Host" if name.lower() == "host" else name] = _utf8(value).decode("latin-1")
    return found


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        raise invalid_body() from None


def _is_absolute(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc)


def _unbuildable(why: str) -> ManagementError:
    return ManagementError("failed to build request", message=why)


def _shown(answered: Answered) -> dict[str, Any]:
    headers: dict[str, list[str]] = {}
    for name, value in answered.headers:
        headers.setdefault(_canonical(name), []).append(value)
    body = answered.body.decode("utf-8", "replace")
    return {"status_code": answered.status, "header": headers, "body": body}


def _canonical(name: str) -> str:
    """``content-type`` as ``Content-Type``."""
    return "-".join(part.capitalize() for part in name.split("-"))
