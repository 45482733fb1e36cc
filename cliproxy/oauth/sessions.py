"""Logins from the web that are under way, or have failed: a table in memory (management-api.md 12.3).

A login that succeeded, was cancelled or has expired is not in it: the API knows success by this absence.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

LIFETIME = 600.0
"""Seconds that an entry lives without a change."""

_STATE = re.compile(r"[A-Za-z0-9._-]{1,128}")
_FAILED = "Authentication failed"
_NAMES = {
    "anthropic": "anthropic", "claude": "anthropic", "codex": "codex", "openai": "codex", "gemini": "gemini",
    "google": "gemini", "iflow": "iflow", "i-flow": "iflow", "antigravity": "antigravity",
    "anti-gravity": "antigravity", "qwen": "qwen",
}  # fmt: skip


def is_state(text: str) -> bool:
    """Whether this can be a state: nothing that would lead elsewhere as part of a file's name."""
    return _STATE.fullmatch(text) is not None and ".." not in text


def session_name(text: str) -> str:
    """What sessions call a provider that a client names (any case, two spellings); empty for an unknown one."""
    return _NAMES.get(text.strip().lower(), "")


@dataclass(frozen=True, slots=True)
class LoginSession:
    """One login. ``failure``: what to tell the person, empty while it is pending. ``ends``: on the table's clock."""

    provider: str
    ends: float
    failure: str = ""

    @property
    def pending(self) -> bool:
        """True until it fails."""
        return not self.failure


class LoginSessions:
    """Sessions by state. ``clock`` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, lifetime: float = LIFETIME) -> None:
        self._clock, self._lifetime = clock, lifetime
        self._sessions: dict[str, LoginSession] = {}

    def __repr__(self) -> str:
        return f"<LoginSessions {len(self._sessions)}>"

    def register(self, state: str, provider: str) -> None:
        """A login begins."""
        self._purge()
        self._sessions[state] = LoginSession(provider, self._clock() + self._lifetime)

    def get(self, state: str) -> LoginSession | None:
        """The session of a state; None for one that has ended well, expired, or never was."""
        self._purge()
        return self._sessions.get(state)

    def is_pending(self, state: str) -> bool:
        """Whether somebody waits for this login."""
        session = self.get(state)
        return session is not None and session.pending

    def keep(self, state: str) -> bool:
        """``is_pending``; if so, the lifetime begins anew, because the login goes on.

        Ours: an onboarding can take longer than the lifetime, and a session that expires meanwhile would look like
        success.
        """
        session = self.get(state)
        if session is None or not session.pending:
            return False
        self._sessions[state] = replace(session, ends=self._clock() + self._lifetime)
        return True

    def fail(self, state: str, text: str) -> None:
        """A login failed; nothing happens for an unknown state."""
        session = self.get(state)
        if session is not None:
            self._sessions[state] = replace(session, failure=text or _FAILED, ends=self._clock() + self._lifetime)

    def remove(self, state: str) -> None:
        """A login is done, or given up."""
        self._sessions.pop(state, None)

    def clear(self) -> None:
        """All of them are given up."""
        self._sessions.clear()

    def _purge(self) -> None:
        now = self._clock()
        for state in [state for state, session in self._sessions.items() if session.ends <= now]:
            del self._sessions[state]
