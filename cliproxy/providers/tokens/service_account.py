"""Access tokens of Google service accounts: a signed JWT for a token that lives an hour (oauth-login.md 10.2)."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cliproxy.blocking import off_hub
from cliproxy.errors import UpstreamError
from cliproxy.providers.tokens.client import Fetcher, TokenClient, seconds_of, text_of
from cliproxy.providers.tokens.private_key import signing_key

log = logging.getLogger(__name__)

TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
"""Where tokens come from, if the account does not say."""
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"

_SKEW = 10
_LIFE = 3600
_LEAD = 300.0
_PAUSE = 60.0
_MOST = 1000


@dataclass(frozen=True, slots=True)
class AccessToken:
    """``text`` is the secret; ``ends`` and ``renew_at`` are Unix seconds."""

    text: str = field(default="", repr=False)
    ends: float = 0.0
    renew_at: float = 0.0


_NONE = AccessToken()


def assertion(account: Mapping[str, Any], now: float) -> str:
    """The signed JWT that asks for a token. ``now`` in Unix seconds.

    :raises UnusableKey: the account's key cannot sign.
    """
    import jwt  # 20 MB with what it needs: only for those who have such an account

    begin = int(now) - _SKEW
    claims = {
        "iss": text_of(account, "client_email"), "scope": SCOPE, "aud": token_uri(account), "iat": begin,
        "exp": begin + _LIFE,
    }  # fmt: skip
    key_id = text_of(account, "private_key_id")
    headers = {"kid": key_id} if key_id else None
    return jwt.encode(claims, signing_key(account), algorithm="RS256", headers=headers)


def fetch(client: TokenClient, account: Mapping[str, Any], now: float) -> AccessToken:
    """A new token; it is to be renewed five minutes before its end, or at half of a short life.

    :raises UnusableKey: the account's key cannot sign.
    :raises UpstreamError: the token endpoint refused, or could not be reached.
    """
    signed = off_hub(lambda: assertion(account, now))
    answer = client.form(token_uri(account), {"grant_type": GRANT, "assertion": signed})
    text, life = text_of(answer, "access_token"), seconds_of(answer)
    if not text:
        raise UpstreamError("the token endpoint answered without an access token")
    return AccessToken(text, now + life, now + life - min(_LEAD, life / 2))


def token_uri(account: Mapping[str, Any]) -> str:
    """The account's token endpoint."""
    return text_of(account, "token_uri") or TOKEN_URI


@dataclass(slots=True)
class _Slot:
    """What is known of one account. ``tries`` counts answers of the endpoint, good or bad; ``error`` is the last's."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    token: AccessToken = _NONE
    tries: int = 0
    error: str = ""


class ServiceAccountTokens:
    """Tokens in memory, by what is in the account; one request for a token at a time per account.

    Safe in threads and greenlets. ``clock`` gives Unix seconds.
    """

    def __init__(self, http: Fetcher, clock: Callable[[], float]) -> None:
        self._http, self._clock = http, clock
        self._guard = threading.Lock()
        self._slots: dict[str, _Slot] = {}

    def __repr__(self) -> str:
        return f"<ServiceAccountTokens of {len(self._slots)} accounts>"

    def of(self, account: Mapping[str, Any], proxy_url: str = "") -> str:
        """A token that is good now. While one that is about to end is renewed, others still get it.

        :raises UnusableKey: the account's key cannot sign.
        :raises UpstreamError: there is none.
        """
        slot, now = self._slot(account), self._clock()
        held, tries = slot.token, slot.tries
        if now < held.renew_at:
            return held.text
        if not slot.lock.acquire(blocking=now >= held.ends):
            return held.text
        try:
            if slot.tries == tries:
                self._renew(slot, TokenClient(self._http, proxy_url), account)
        finally:
            slot.lock.release()
        if slot.error:
            raise UpstreamError(slot.error)
        return slot.token.text

    def forget(self, account: Mapping[str, Any]) -> None:
        """The token was refused: ask for another one next time."""
        self._slot(account).token = _NONE

    def _renew(self, slot: _Slot, client: TokenClient, account: Mapping[str, Any]) -> None:
        now = self._clock()
        try:
            slot.token, slot.error = fetch(client, account, now), ""
        except UpstreamError as error:
            if now < slot.token.ends:
                log.warning("an access token could not be renewed before its end: %s", error.text[:500])
                slot.token = AccessToken(slot.token.text, slot.token.ends, min(now + _PAUSE, slot.token.ends))
            else:
                slot.error = error.text
        slot.tries += 1

    def _slot(self, account: Mapping[str, Any]) -> _Slot:
        name = _digest(account)
        with self._guard:
            slot = self._slots.get(name)
            if slot is None:
                if len(self._slots) >= _MOST:
                    self._drop_ended()
                slot = self._slots[name] = _Slot()
            return slot

    def _drop_ended(self) -> None:
        now = self._clock()
        self._slots = {name: slot for name, slot in self._slots.items() if now < slot.token.ends or slot.lock.locked()}


def _digest(account: Mapping[str, Any]) -> str:
    """Names an account by everything that goes into a request for a token."""
    parts = (text_of(account, key) for key in ("client_email", "private_key_id", "token_uri", "private_key"))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
