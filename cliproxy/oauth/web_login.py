"""Logins that a running server does for somebody at a dashboard (management-api.md 12).

``WebLogins.start`` begins one and leaves the rest to a thread (a greenlet, under gevent's patches): it waits for the
callback, which arrives as a file (``handover``), finishes the login, saves the account and puts it to use. What came of
it stands in ``sessions``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from cliproxy.blocking import off_hub
from cliproxy.errors import LoginError
from cliproxy.oauth.desk import LoginDesk
from cliproxy.oauth.flow import Callback
from cliproxy.oauth.forwarder import Forwarder, Forwarders
from cliproxy.oauth.handover import Handover, remove_stale
from cliproxy.oauth.sessions import LIFETIME, LoginSessions
from cliproxy.oauth.web_flows import WEB_PROVIDERS, WebLogin, WebProvider

log = logging.getLogger(__name__)

PATIENCE = 300.0
"""Seconds that a login waits for its callback."""
POLL = 0.5
"""Seconds between two looks for it."""
_STOP_SECONDS = 2.0


class _Running:
    """One login in the background; what its flow waits with (``web_flows.Waiting``)."""

    def __init__(
        self,
        provider: WebProvider,
        login: WebLogin,
        handover: Handover,
        sessions: LoginSessions,
        limits: tuple[float, float],
        clock: Callable[[], float],
    ) -> None:
        self.provider, self.login, self.handover = provider, login, handover
        self.forwarder: Forwarder | None = None
        self.thread: threading.Thread | None = None
        self._sessions, self._clock = sessions, clock
        self._patience, self._poll = limits
        self._woken = threading.Event()

    def __repr__(self) -> str:
        return f"<login {self.provider.name}>"

    def wake(self) -> None:
        """Look now: something has come, or nobody wants this login any more."""
        self._woken.set()

    def wanted(self) -> bool:
        """Whether to go on; if so, the session lives on."""
        return self._sessions.keep(self.login.state)

    def callback(self) -> Callback:
        """What was handed over.

        :raises LoginError: ``callback_timeout``, ``login_abandoned``.
        """
        end = self._clock() + self._patience
        while True:
            self._check()
            found = off_hub(self.handover.take)
            if found is not None:
                self.wanted()
                return found
            if self._clock() >= end:
                text = f"nobody came back from {self.provider.name} within {self._patience:g}s"
                raise LoginError(text, code="callback_timeout", status=408)
            self._wait(self._poll)

    def sleep(self, seconds: float) -> None:
        """Let time pass.

        :raises LoginError: ``login_abandoned``.
        """
        end = self._clock() + seconds
        while (left := end - self._clock()) > 0:
            self._check()
            self._wait(left)
        self._check()

    def _wait(self, seconds: float) -> None:
        self._woken.wait(seconds)
        self._woken.clear()

    def _check(self) -> None:
        if not self._sessions.is_pending(self.login.state):
            raise LoginError("the login was given up", code="login_abandoned")


class WebLogins:
    """All logins from the web. ``patience`` and ``poll``: see ``PATIENCE`` and ``POLL``; ``clock``: monotonic seconds.

    ``stop`` ends what is under way.
    """

    def __init__(
        self,
        desk: LoginDesk,
        *,
        sessions: LoginSessions | None = None,
        patience: float | None = None,
        poll: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.desk = desk
        self.sessions = sessions if sessions is not None else LoginSessions(clock)
        self._limits = (PATIENCE if patience is None else patience, POLL if poll is None else poll)
        self._clock = clock
        self._forwarders = Forwarders()
        self._running: dict[str, _Running] = {}

    def __repr__(self) -> str:
        return f"<WebLogins {list(self._running.values())}>"

    def start(self, name: str, *, project: str = "", server: str = "") -> WebLogin:
        """Begin a login with the provider whose sessions have this name.

        ``project``: for Gemini, as a person asks for it. ``server``: the URL of this server for browsers on this
        machine; given, the provider's loopback port sends them on to its callback page.

        :raises LoginError: ``missing_client_secret``, ``no_auth_dir``, ``forwarder_failed``, or of the provider.
        """
        provider, auth_dir = WEB_PROVIDERS[name], self.desk.auth_dir
        app = self.desk.app(provider.provider)
        login = provider.begin(app, self.desk.client, project)
        handover = Handover(auth_dir, name, login.state)
        running = _Running(provider, login, handover, self.sessions, self._limits, self._clock)
        if server and provider.page:
            running.forwarder = self._forward(app.redirect_port, f"{server}{provider.page}")
        self.sessions.register(login.state, name)
        self._running[login.state] = running
        running.thread = threading.Thread(target=self._run, args=(running,), name=f"login-{name}", daemon=True)
        running.thread.start()
        return login

    def tidy(self) -> None:
        """Remove what a killed process has left of its logins."""
        off_hub(lambda: remove_stale(self.desk.folder(), LIFETIME))

    def deliver(self, name: str, callback: Callback) -> bool:
        """Hand a callback to the login that waits for its state; False when none of this provider does.

        :raises OSError: it could not be written.
        """
        session, running = self.sessions.get(callback.state), self._running.get(callback.state)
        if session is None or not session.pending or session.provider != name or running is None:
            return False
        off_hub(lambda: running.handover.put(callback))
        running.wake()
        if self.sessions.is_pending(callback.state):
            return True
        return not off_hub(running.handover.discard)  # it ended meanwhile: with this callback, or before it was there

    def cancel(self, state: str) -> bool:
        """Give up a login; False when none is pending with this state."""
        if not self.sessions.is_pending(state):
            return False
        self.sessions.remove(state)
        self._wake(state)
        return True

    def stop(self) -> None:
        """Give up all logins and close their ports. Waits a moment for those that are at work."""
        self.sessions.clear()
        running = list(self._running.values())
        for each in running:
            each.wake()
        end = time.monotonic() + _STOP_SECONDS
        for each in running:
            if each.thread is not None and each.thread is not threading.current_thread():
                each.thread.join(max(0.0, end - time.monotonic()))
            self._close(each)  # also when it is still at work: a port must not outlive the server

    def _wake(self, state: str) -> None:
        running = self._running.get(state)
        if running is not None:
            running.wake()

    def _forward(self, port: int, target: str) -> Forwarder:
        try:
            return self._forwarders.start(port, target)
        except OSError as error:
            log.error("port %d cannot be used for the callback of a login: %s", port, error)
            raise LoginError("failed to start callback server", code="forwarder_failed", status=500) from error

    def _run(self, running: _Running) -> None:
        state = running.login.state
        try:
            self._finish(running)
        except LoginError as error:
            if error.code != "login_abandoned":
                self._failed(running, error)
        except Exception:
            log.exception("login with %s failed", running.provider.name)
            self.sessions.fail(state, running.provider.otherwise)
        finally:
            self._close(running)
            off_hub(running.handover.discard)
            self._running.pop(state, None)

    def _finish(self, running: _Running) -> None:
        made = running.login.finish(running)
        if not running.wanted():
            return  # cancelled at the last moment
        self.desk.save(made)
        self.sessions.remove(running.login.state)

    def _failed(self, running: _Running, error: LoginError) -> None:
        words = running.provider.failure(error)
        detail = error.text if error.text != words else error.__cause__
        log.warning("login with %s failed: %s: %s", running.provider.name, words, detail)
        self.sessions.fail(running.login.state, words)

    def _close(self, running: _Running) -> None:
        if running.forwarder is not None:
            self._forwarders.stop(running.forwarder)
