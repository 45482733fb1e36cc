"""Who may use the management API, and whether there is one (management-api.md 2)."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from flask import Response

from cliproxy import __version__
from cliproxy.config.management_key import verify_key
from cliproxy.config.settings import Settings
from cliproxy.web.authentication import is_local
from cliproxy.web.management.bans import Bans

JSON_UTF8 = "application/json; charset=utf-8"
VERSION_HEADERS = {"X-CPA-VERSION": __version__, "X-CPA-COMMIT": "none", "X-CPA-BUILD-DATE": "unknown"}
EXPOSED_HEADERS = ", ".join(VERSION_HEADERS)
_LONGEST_KEY = 72
"""Bytes that bcrypt looks at."""


class ManagementRefused(Exception):
    """The request may not pass; ``response`` is the answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"management: {response.status}")
        self.response = response


class ManagementAuthenticator:
    """Checks requests against the secrets of the configuration and of the environment (2.4).

    :param settings: the current settings; asked for each request, so that a reload counts at once.
    :param environ: read once: ``MANAGEMENT_PASSWORD`` (trimmed) and ``CLIPROXY_PASSWORD``, the local password.
    :param clock: monotonic seconds.
    :param verify: does a key belong to a bcrypt hash; may take long, must let other greenlets go on.
    """

    def __init__(
        self,
        settings: Callable[[], Settings],
        environ: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
        verify: Callable[[str, str], bool] = verify_key,
    ) -> None:
        self._settings, self._verify = settings, verify
        self._secret = environ.get("MANAGEMENT_PASSWORD", "").strip().encode("utf-8", "surrogateescape")
        self._local = environ.get("CLIPROXY_PASSWORD", "").encode("utf-8", "surrogateescape")
        self._bans = Bans(clock)
        self._accepted = ("", b"")
        self._was_available = self.available

    def __repr__(self) -> str:
        return f"<ManagementAuthenticator {'on' if self.available else 'off'}, {self._bans!r}>"

    @property
    def available(self) -> bool:
        """True when there is any secret to log in with (2.1)."""
        return bool(self._secret or self._local or self._settings().remote_management.secret_key)

    @property
    def headers(self) -> dict[str, str]:
        """What every response behind ``check`` carries (1.1, 2.2); those of a refusal have it already."""
        return {**VERSION_HEADERS, "Access-Control-Expose-Headers": EXPOSED_HEADERS}

    def check_available(self) -> None:
        """Let any request pass as long as there is a management API (2.1).

        :raises ManagementRefused: with a 404.
        """
        if not self.available:
            raise ManagementRefused(self._nothing_here())
        self._was_available = True

    def check(self, environ: Mapping[str, Any]) -> None:
        """Let a request pass, or not (2.5). A bcrypt check that is needed runs in a thread.

        :raises ManagementRefused: with the response: 404 when management is off, else 401 or 403.
        """
        self.check_available()
        local = is_local(environ)
        address = "" if local else remote_address(environ)
        if not local:
            self._admit(address)
        key = presented_key(environ)
        if not key:
            raise self._failure("missing management key", address)
        if local and self._local and hmac.compare_digest(key, self._local):
            return
        if not (self._secret and hmac.compare_digest(key, self._secret)) and not self._matches_hash(key):
            raise self._failure("invalid management key", address)
        if address:
            self._refuse_banned(address)  # others may have guessed wrong meanwhile: many at once get no more guesses
            self._bans.succeeded(address)

    def _admit(self, address: str) -> None:
        """Raise for a remote client that may not even try. (That no secret is set at all was ruled out: 2.5, 3.)"""
        self._refuse_banned(address)
        if not (self._secret or self._settings().remote_management.allow_remote):
            raise self._refusal(403, "remote management disabled")

    def _refuse_banned(self, address: str) -> None:
        if left := self._bans.left(address):
            raise self._refusal(403, f"IP banned due to too many failed attempts. Try again in {clock_time(left)}")

    def _failure(self, words: str, address: str) -> ManagementRefused:
        """A 401, counted for a remote client."""
        if address:
            self._bans.failed(address)
        return self._refusal(401, words)

    def _refusal(self, status: int, words: str) -> ManagementRefused:
        body = orjson.dumps({"error": words})
        return ManagementRefused(Response(body, status=status, content_type=JSON_UTF8, headers=self.headers))

    def _nothing_here(self) -> Response:
        """An empty 404, or the one of unknown paths when there never was a secret."""
        if self._was_available:
            return Response(status=404)
        return Response(b"404 page not found", status=404, content_type="text/plain")

    def _matches_hash(self, key: bytes) -> bool:
        hashed = self._settings().remote_management.secret_key
        if not hashed:
            return False
        digest = hashlib.sha256(key).digest()
        known_hash, known_digest = self._accepted
        if hashed == known_hash and hmac.compare_digest(digest, known_digest):
            return True
        try:
            text = key[:_LONGEST_KEY].decode()
        except UnicodeDecodeError:
            return False  # the key behind the hash is text
        if not self._verify(text, hashed):
            return False
        self._accepted = (hashed, digest)
        return True


def presented_key(environ: Mapping[str, Any]) -> bytes:
    """The key of ``Authorization`` (Bearer or bare), else of ``X-Management-Key`` (2.5); empty without one."""
    header: str = environ.get("HTTP_AUTHORIZATION", "")
    scheme, space, rest = header.partition(" ")
    key = rest if space and scheme.lower() == "bearer" else header
    key = key or environ.get("HTTP_X_MANAGEMENT_KEY", "")
    return key.encode("latin-1", "replace")  # WSGI hands header bytes over as latin-1


def remote_address(environ: Mapping[str, Any]) -> str:
    """Whom failures of a request that is not local count against (2.3).

    The socket's peer; behind a reverse proxy on this machine (also on a UNIX socket, which has no address) the one that
    the proxy has named: the last one, because the client itself can have written those before it.
    """
    peer = str(environ.get("REMOTE_ADDR", ""))
    if peer and not _is_loopback(peer):
        return peer
    forwarded = environ.get("HTTP_X_FORWARDED_FOR", "").split(",")
    named = [part.strip() for part in (environ.get("HTTP_X_REAL_IP", ""), *forwarded)]
    return next((part for part in reversed(named) if part and not _is_loopback(part)), peer or "unknown")


def _is_loopback(address: str) -> bool:
    return is_local({"REMOTE_ADDR": address})


def clock_time(seconds: float) -> str:
    """Rounded to seconds: ``29m59s``, ``1m0s``, ``45s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
