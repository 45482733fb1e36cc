"""Logins from a dashboard: begin, hand a callback over, ask how it goes, give up (management-api.md 12, 23).

Nothing here needs a configuration file, so that these routes can be mounted alone (4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from flask import request

from cliproxy.config.settings import Settings
from cliproxy.errors import LoginError
from cliproxy.oauth.callback import read_callback
from cliproxy.oauth.flow import Callback
from cliproxy.oauth.sessions import is_state, session_name
from cliproxy.oauth.web_flows import WEB_PROVIDERS
from cliproxy.oauth.web_login import WebLogins
from cliproxy.web.management.answers import OK, ManagementError
from cliproxy.web.management.api import Route
from cliproxy.web.management.bodies import field, json_object
from cliproxy.web.mounted import prefix_of

_START_PATHS = {
    "anthropic-auth-url": "anthropic", "codex-auth-url": "codex", "gemini-cli-auth-url": "gemini",
    "antigravity-auth-url": "antigravity", "qwen-auth-url": "qwen", "iflow-auth-url": "iflow",
}  # fmt: skip
_YES = frozenset({"1", "true", "yes", "on"})
_FIELDS = ("provider", "redirect_url", "code", "state", "error")


class LoginFailed(ManagementError):
    """An error answer of these routes: ``{"status": "error", "error": text, **more}``."""

    code = "web_login"

    def __init__(self, text: str, status: int = 400, **more: Any) -> None:
        super().__init__(text, status)
        self.more = {"status": "error", **more}


class LoginRoutes:
    """Their routes."""

    def __init__(self, logins: WebLogins, settings: Callable[[], Settings]) -> None:
        self._logins, self._settings = logins, settings

    def routes(self) -> Iterator[Route]:
        """All of them."""
        for path, name in _START_PATHS.items():
            yield Route(path, ("GET",), partial(self._start, name))
        yield Route("oauth-callback", ("POST",), self._callback_in_body)
        yield Route("oauth-callback", ("GET",), self._callback_in_query, keyless=True)
        yield Route("get-auth-status", ("GET",), self._status)
        yield Route("oauth-session", ("DELETE",), self._cancel)

    def _start(self, name: str) -> Any:
        wants_page = request.args.get("is_webui", "").strip().lower() in _YES and WEB_PROVIDERS[name].page
        server = self._server(name) if wants_page else ""
        project = request.args.get("project_id", "").strip()
        try:
            login = self._logins.start(name, project=project, server=server)
        except LoginError as error:
            raise _not_started(name, error) from error
        return {**OK, "url": login.url, "state": login.state}

    def _server(self, name: str) -> str:
        """The URL of this server for a browser on its machine.

        :raises ManagementError: its port is not known.
        """
        settings = self._settings()
        port = _local_port(request.environ) or settings.port
        if port <= 0:
            raise _unavailable(name, "callback server unavailable")
        return f"http{'s' if settings.tls.enable else ''}://127.0.0.1:{port}{prefix_of(request.environ)}"

    def _callback_in_body(self) -> Any:
        try:
            body = json_object()
            sent = {name: field(body, name, str) or "" for name in _FIELDS}
        except ManagementError as error:
            raise LoginFailed(error.text, error.status or 400) from error
        return self._deliver(sent)

    def _callback_in_query(self) -> Any:
        sent = {name: request.args.get(name, "") for name in _FIELDS}
        return self._deliver({**sent, "error": sent["error"] or request.args.get("error_description", "")})

    def _deliver(self, sent: Mapping[str, str]) -> Any:
        """Check in the order of 12.5, then hand over."""
        name = session_name(sent["provider"])
        if not name or not WEB_PROVIDERS[name].page:
            raise LoginFailed("unsupported provider")
        callback = _callback(name, sent)
        if not callback.state:
            raise LoginFailed("state is required")
        if not is_state(callback.state):
            raise LoginFailed("invalid state")
        if not callback.code and not callback.error:
            raise LoginFailed("code or error is required")
        self._check_session(name, callback.state)
        try:
            delivered = self._logins.deliver(name, callback)
        except OSError as error:
            raise LoginFailed("failed to persist oauth callback", 500, message=str(error)) from error
        if not delivered:
            raise LoginFailed("oauth flow is not pending", 409)
        return OK

    def _check_session(self, name: str, state: str) -> None:
        session = self._logins.sessions.get(state)
        if session is None:
            raise LoginFailed("unknown or expired state", 404)
        if not session.pending:
            raise LoginFailed("oauth flow is not pending", 409)
        if session.provider != name:
            raise LoginFailed("provider does not match state")

    def _status(self) -> Any:
        state = request.args.get("state", "").strip()
        if not state:
            return OK
        session = self._logins.sessions.get(_checked(state))
        if session is None:
            return OK
        return {"status": "wait"} if session.pending else {"status": "error", "error": session.failure}

    def _cancel(self) -> Any:
        state = request.args.get("state", "").strip()
        if not state:
            raise LoginFailed("state is required")
        return {**OK, "cancelled": self._logins.cancel(_checked(state))}


def _callback(name: str, sent: Mapping[str, str]) -> Callback:
    """What was sent, filled up from the URL to which the browser was sent back: in any form that people copy."""
    try:
        copied = read_callback(sent["redirect_url"], code_holds_state=name == "anthropic")
    except LoginError as error:
        raise LoginFailed("invalid redirect_url") from error
    code, state, failure = (sent[part].strip() for part in ("code", "state", "error"))
    return Callback(code or copied.code, state or copied.state, failure or copied.error)


def _checked(state: str) -> str:
    if not is_state(state):
        raise LoginFailed("invalid state")
    return state


def _not_started(name: str, error: LoginError) -> ManagementError:
    """The answer when a login could not begin; its session was never registered."""
    if error.code == "forwarder_failed":
        return _unavailable(name, error.text)
    if error.code in ("missing_client_secret", "no_auth_dir"):
        return ManagementError(error.text, 500)
    return ManagementError("failed to generate authorization url", 500, message=error.text)


def _unavailable(name: str, text: str) -> ManagementError:
    """Nothing can listen for the browser. Only iFlow's route has always said ``status`` here."""
    return LoginFailed(text, 500) if name == "iflow" else ManagementError(text, 500)


def _local_port(environ: Mapping[str, Any]) -> int:
    """The port on which gunicorn got this request, whatever it was told to bind to; 0 where there is none."""
    connection = environ.get("gunicorn.socket")
    try:
        name = connection.getsockname() if connection is not None else None
    except OSError:
        return 0
    return int(name[1]) if isinstance(name, tuple) else 0
