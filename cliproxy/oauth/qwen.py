"""Logging in to Qwen: a device code instead of a callback (oauth-login.md 7).

``start`` says where the person must go, ``poll`` asks once whether they have been there, ``finish`` makes the file.
``Pace`` knows when to ask again; ``wait_for`` puts these together for who has a clock and can sleep.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cliproxy.errors import LoginError
from cliproxy.oauth.flow import TokenFile
from cliproxy.oauth.secrets import challenge_of, new_verifier
from cliproxy.oauth.token_files import name_part
from cliproxy.providers.tokens import qwen as tokens
from cliproxy.providers.tokens.apps import OAuthApp
from cliproxy.providers.tokens.client import TokenClient, seconds_of, text_of
from cliproxy.providers.tokens.qwen import Poll, PollState

INTERVAL = 5.0
"""Seconds between two questions at first; the server may ask for more."""

PATIENCE = 300.0
_SLOWER, _SLOWEST = 1.5, 10.0
_ATTEMPTS = 60
_LONGEST_ALIAS = 200


@dataclass(frozen=True, slots=True)
class DeviceLogin:
    """A login that has begun: ``url`` is where the person goes; the rest is what ``poll`` needs.

    ``interval`` and ``lifetime`` are the server's, in seconds, 0 = it did not say.
    """

    url: str
    user_code: str
    device_code: str
    verifier: str
    interval: float = 0.0
    lifetime: float = 0.0


class QwenFlow:
    """A device login with PKCE, in single steps."""

    def __init__(self, app: OAuthApp, client: TokenClient) -> None:
        self.app, self._client = app, client

    def start(self) -> DeviceLogin:
        """Begin.

        :raises LoginError: the endpoint refused.
        """
        verifier = new_verifier(32)
        answer = tokens.device_code(self._client, self.app, challenge_of(verifier))
        url = text_of(answer, "verification_uri_complete") or text_of(answer, "verification_uri")
        if not url:
            raise LoginError("the Qwen login could not begin: there is no address", code="device_code_failed")
        return DeviceLogin(
            url, text_of(answer, "user_code"), text_of(answer, "device_code"), verifier,
            seconds_of(answer, "interval"), seconds_of(answer),
        )  # fmt: skip

    def poll(self, begun: DeviceLogin) -> Poll:
        """Ask once for the tokens.

        :raises LoginError: there will be none.
        """
        return tokens.poll(self._client, self.app, code=begun.device_code, verifier=begun.verifier)

    def finish(self, done: Poll, alias: str) -> TokenFile:
        """The token file; Qwen does not say who it was, so ``alias`` does (``web_alias`` for the web login)."""
        alias = checked_alias(alias)
        content = tokens.fields(done.answer, time.time())
        return TokenFile(f"qwen-{name_part(alias)}.json", _with_email(content, alias), alias)


class Pace:
    """When to ask again: the rules of 7.1. ``patience``: seconds for the whole, of the person's choice.

    At most 60 questions within the usual five minutes; more only for who is more patient.
    """

    def __init__(self, begun: DeviceLogin, patience: float = PATIENCE) -> None:
        self.interval = max(INTERVAL, begun.interval)
        self.patience = min(patience, begun.lifetime or patience)
        self._left = max(_ATTEMPTS, int(patience // INTERVAL))

    def __repr__(self) -> str:
        return f"<Pace every {self.interval:g}s, {self._left} questions left>"

    def pause(self, outcome: Poll, elapsed: float) -> float:
        """Seconds to sleep before the next question. ``elapsed``: seconds since the login began.

        :raises LoginError: it has taken too long.
        """
        if outcome.state is PollState.SLOW_DOWN:
            self.interval = max(self.interval, min(self.interval * _SLOWER, _SLOWEST))
        self._left -= 1
        left = self.patience - elapsed
        if self._left <= 0 or left <= 0:
            raise LoginError("the Qwen login timed out: try again", code="callback_timeout", status=408)
        return min(self.interval, left)


def wait_for(
    poll: Callable[[], Poll],
    pace: Pace,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    report: Callable[[Poll], None] = lambda outcome: None,
) -> Poll:
    """Ask until it is done. ``report`` is told of every question that was in vain.

    :raises LoginError: denied, expired, or it has taken too long.
    """
    began = clock()
    while (outcome := poll()).state is not PollState.DONE:
        report(outcome)
        sleep(pace.pause(outcome, clock() - began))
    return outcome


def checked_alias(alias: str) -> str:
    """An alias that can be part of a file's name, trimmed.

    :raises LoginError: ``email_required``, or it is too long.
    """
    alias = alias.strip()
    if not alias:
        raise LoginError("please provide an e-mail address or alias for Qwen (--alias)", code="email_required")
    if len(alias.encode()) > _LONGEST_ALIAS:
        raise LoginError(f"the alias is longer than {_LONGEST_ALIAS} bytes", code="bad_alias", exit_code=2)
    return alias


def web_alias(now: float) -> str:
    """The alias of a login from the web, which asks for none: Unix milliseconds (oauth-login.md 13)."""
    return str(int(now * 1000))


def _with_email(content: Mapping[str, Any], alias: str) -> dict[str, Any]:
    """The address in its place: before ``type``."""
    ordered: dict[str, Any] = {}
    for key, value in content.items():
        if key == "type":
            ordered["email"] = alias
        ordered[key] = value
    return ordered
