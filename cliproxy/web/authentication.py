"""Who may use the API: client keys from five places (client-api.md 3), and who is local (2.6)."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from flask import Response

PROVIDER = "config-inline"
_HEADERS = (
    ("HTTP_AUTHORIZATION", "authorization"),
    ("HTTP_X_GOOG_API_KEY", "x-goog-api-key"),
    ("HTTP_X_API_KEY", "x-api-key"),
)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who was let in: the matched key (empty when the API is open) and where it stood."""

    key: str = ""
    source: str = ""


class Refused(Exception):
    """No valid key; ``response`` is the 401."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.response = Response(
            b'{"error":"%b"}' % message.encode(), status=401, content_type="application/json; charset=utf-8"
        )


class Authenticator:
    """Checks requests against one key list; a reload replaces the whole object.

    An empty list opens the API to all; a list of blanks only closes it (config.md 16.1).
    """

    def __init__(self, keys: Iterable[str]) -> None:
        keys = tuple(keys)
        self._open = not keys
        self._keys = tuple(key.encode() for key in keys if key)

    def __repr__(self) -> str:
        return f"<Authenticator {'open' if self._open else f'{len(self._keys)} keys'}>"

    def check(self, environ: Mapping[str, Any]) -> Principal:
        """The principal of a request.

        :raises Refused: a key is needed and none, or no right one, was sent.
        """
        if self._open:
            return Principal()
        present = False
        for candidate, source in candidates(environ):
            present = True
            if self._known(candidate.encode("utf-8", "surrogateescape")):
                return Principal(candidate, source)
        raise Refused("Invalid API key" if present and self._keys else "Missing API key")

    def _known(self, candidate: bytes) -> bool:
        # Every key is compared, each in constant time: the time tells neither which key nor how much of it matched.
        found = False
        for key in self._keys:
            found |= hmac.compare_digest(candidate, key)
        return found


def candidates(environ: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(key, source tag) of all places in their order; blank ones are left out."""
    for variable, source in _HEADERS:
        value = environ.get(variable)
        if value:
            value = _utf8(value)
            key = bearer(value) if source == "authorization" else value
            if key:
                yield key, source
    query = environ.get("QUERY_STRING")
    if query and ("key=" in query or "auth_token=" in query):
        values = parse_qs(query)
        for name, source in (("key", "query-key"), ("auth_token", "query-auth-token")):
            if first := values.get(name, [""])[0]:
                yield first, source


def bearer(header: str) -> str:
    """The key of an Authorization value: what follows ``Bearer`` (any case), else the whole value."""
    scheme, space, rest = header.partition(" ")
    return rest.strip() if space and scheme.lower() == "bearer" else header


def _utf8(value: str) -> str:
    """WSGI hands header bytes over as latin-1."""
    return value if value.isascii() else value.encode("latin-1").decode("utf-8", "surrogateescape")


def is_local(environ: Mapping[str, Any]) -> bool:
    """True for a loopback socket peer whose forwarding headers name nobody else (client-api.md 2.6, design D3)."""
    forwarded = f"{environ.get('HTTP_X_FORWARDED_FOR', '')},{environ.get('HTTP_X_REAL_IP', '')}"
    named = [part.strip() for part in forwarded.split(",") if part.strip()]
    return all(_is_loopback(address) for address in [str(environ.get("REMOTE_ADDR", "")), *named])


def _is_loopback(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
