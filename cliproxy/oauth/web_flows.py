"""The logins that can be started from the web: how each begins, goes on once it is answered, and words its failures.

Only what differs from the same login at the terminal is here (oauth-login.md 13, management-api.md 12.1, 12.7, 13).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from cliproxy.errors import LoginError, UpstreamStatus, UpstreamTransport
from cliproxy.oauth.antigravity import AntigravityFlow
from cliproxy.oauth.claude import ClaudeFlow
from cliproxy.oauth.codex import CodexFlow
from cliproxy.oauth.flow import Authorization, Callback, TokenFile
from cliproxy.oauth.gemini import GeminiFlow
from cliproxy.oauth.gemini_projects import Pace as GeminiPace
from cliproxy.oauth.gemini_projects import set_up_for_web
from cliproxy.oauth.iflow import IflowFlow
from cliproxy.oauth.qwen import Pace as QwenPace
from cliproxy.oauth.qwen import QwenFlow, wait_for, web_alias
from cliproxy.oauth.secrets import new_state
from cliproxy.providers.tokens.apps import OAuthApp
from cliproxy.providers.tokens.client import TokenClient


class Waiting(Protocol):
    """How a login that has begun waits. Everything here ends with ``login_abandoned`` when nobody wants it any more."""

    def callback(self) -> Callback:
        """What came back with the browser.

        :raises LoginError: ``callback_timeout``, ``login_abandoned``.
        """

    def sleep(self, seconds: float) -> None:
        """Let time pass.

        :raises LoginError: ``login_abandoned``.
        """

    def wanted(self) -> bool:
        """Whether to go on."""


@dataclass(frozen=True, slots=True)
class WebLogin:
    """A login that has begun: where the person goes, by what it is known, and the work that is left."""

    url: str
    state: str
    finish: Callable[[Waiting], TokenFile]


Begin = Callable[[OAuthApp, TokenClient, str], WebLogin]
"""Begins a login. The text is the project that was asked for (Gemini only)."""


@dataclass(frozen=True, slots=True)
class WebProvider:
    """``name``: of its sessions; ``provider``: of its application. ``page``: its callback page, empty for none.

    ``words``: the text of a failure by the code of its ``LoginError``; ``otherwise``: of all others.
    """

    name: str
    provider: str
    begin: Begin
    page: str = ""
    words: Mapping[str, str] = field(default_factory=dict)
    otherwise: str = "Authentication failed"
    own_words: Callable[[LoginError], str] = lambda error: ""
    """Looked at first; empty when it has nothing to say."""

    def __repr__(self) -> str:
        return f"<WebProvider {self.name}>"

    def failure(self, error: LoginError) -> str:
        """What the dashboard shows."""
        return self.own_words(error) or self.words.get(error.code, self.otherwise)


def _claude(app: OAuthApp, client: TokenClient, project: str) -> WebLogin:
    flow = ClaudeFlow(app, client)
    begun = flow.start()

    def finish(waiting: Waiting) -> TokenFile:
        callback = waiting.callback()
        return flow.finish(begun, replace(callback, code=callback.code.partition("#")[0]))

    return WebLogin(begun.url, begun.state, finish)


def _codex(app: OAuthApp, client: TokenClient, project: str) -> WebLogin:
    flow = CodexFlow(app, client)
    begun = flow.start()
    return WebLogin(begun.url, begun.state, lambda waiting: flow.finish(begun, waiting.callback()))


def _gemini(app: OAuthApp, client: TokenClient, project: str) -> WebLogin:
    flow = GeminiFlow(app, client)
    begun = flow.start(state_prefix="gem-")

    def finish(waiting: Waiting) -> TokenFile:
        session = flow.finish(begun, replace(waiting.callback(), state=begun.state))
        return set_up_for_web(session, project, GeminiPace(waiting.sleep, waiting.wanted))

    return WebLogin(begun.url, begun.state, finish)


def _antigravity(app: OAuthApp, client: TokenClient, project: str) -> WebLogin:
    begun = AntigravityFlow(app, client).start()

    def finish(waiting: Waiting) -> TokenFile:
        flow = AntigravityFlow(app, client, waiting.sleep)
        return flow.finish(begun, _with_state(waiting.callback(), begun))

    return WebLogin(begun.url, begun.state, finish)


def _iflow(app: OAuthApp, client: TokenClient, project: str) -> WebLogin:
    flow = IflowFlow(app, client, stamped=False)
    begun = flow.start(state_prefix="ifl-")
    return WebLogin(begun.url, begun.state, lambda waiting: flow.finish(begun, waiting.callback()))


def _qwen(app: OAuthApp, client: TokenClient, project: str) -> WebLogin:
    flow = QwenFlow(app, client)
    begun = flow.start()

    def finish(waiting: Waiting) -> TokenFile:
        done = wait_for(lambda: flow.poll(begun), QwenPace(begun), sleep=waiting.sleep)
        return flow.finish(done, web_alias(time.time()))

    return WebLogin(begun.url, f"gem-{new_state()}", finish)


def _with_state(callback: Callback, begun: Authorization) -> Callback:
    """Antigravity's state is compared only if one came back (13)."""
    return callback if callback.state else replace(callback, state=begun.state)


def _gemini_words(error: LoginError) -> str:
    """The texts of section 13 that depend on more than the step."""
    if error.code != "user_info_failed":
        return error.text if error.code in _SET_UP else ""
    if isinstance(error.__cause__, UpstreamStatus):
        return f"Get user info request failed with status {error.__cause__.status}"
    return "Failed to execute request" if isinstance(error.__cause__, UpstreamTransport) else "Could not get user info"


_SET_UP = (
    "no_project", "project_list_failed", "onboarding_failed", "onboarding_timeout", "project_selection_required",
    "project_activation_required",
)  # fmt: skip
"""Failures that ``set_up_for_web`` words for the dashboard itself."""

_UNSAVED = {
    "save_failed": "Failed to save authentication tokens",
    "no_auth_dir": "Failed to save authentication tokens",
}
_UNSAVED_FILE = {"save_failed": "Failed to save token to file", "no_auth_dir": "Failed to save token to file"}
_WITH_PKCE = {
    "callback_timeout": "Timeout waiting for OAuth callback", "no_state": "State code error",
    "invalid_state": "State code error", "missing_account": "Failed to save authentication tokens", **_UNSAVED,
}  # fmt: skip
_NOT_EXCHANGED = "Failed to exchange authorization code for tokens"
_GOOGLE = {
    "callback_timeout": "OAuth flow timed out", "no_code": "Authentication failed: code not found",
    "invalid_state": "Authentication failed: state mismatch", "code_exchange_failed": "Failed to exchange token",
    **_UNSAVED_FILE,
}  # fmt: skip

WEB_PROVIDERS: dict[str, WebProvider] = {
    provider.name: provider
    for provider in (
        WebProvider(
            "anthropic", "claude", _claude, "/anthropic/callback", {"oauth_error": "Bad request", **_WITH_PKCE},
            _NOT_EXCHANGED,
        ),
        WebProvider(
            "codex", "codex", _codex, "/codex/callback", {"oauth_error": "Bad Request", **_WITH_PKCE}, _NOT_EXCHANGED,
        ),
        WebProvider("gemini", "gemini", _gemini, "/google/callback", _GOOGLE, own_words=_gemini_words),
        WebProvider(
            "antigravity", "antigravity", _antigravity, "/antigravity/callback",
            {"user_info_failed": "Failed to fetch user info", **_GOOGLE},
        ),
        WebProvider("iflow", "iflow", _iflow, "/iflow/callback", _UNSAVED),
        WebProvider("qwen", "qwen", _qwen, words=_UNSAVED),
    )
}  # fmt: skip
"""By the name of their sessions."""
