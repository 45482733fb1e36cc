"""Driving an authorization code login from the terminal: callback, paste and deadline race (oauth-login.md 1.5-1.8)."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cliproxy.cli.terminal import END, Browser, Countdown, Terminal, own_address, tunnel_hint
from cliproxy.errors import LoginError
from cliproxy.oauth.callback import CallbackListener, parse_callback
from cliproxy.oauth.flow import Authorization, Callback, CodeFlow, TokenFile
from cliproxy.providers.tokens.client import Fetcher

_PASTE_AFTER = 15.0
_PASTE = "Paste the callback URL here if the browser cannot reach this machine (empty = keep waiting): "


@dataclass(frozen=True, slots=True)
class LoginOptions:
    """What a person may set. ``timeout`` in seconds; ``port`` 0 = the provider's default."""

    browser: bool = True
    port: int = 0
    timeout: float = 300.0
    ip_lookup: bool = True
    paste_after: float = _PASTE_AFTER


class CodeLogin:
    """One login at the terminal."""

    def __init__(
        self, flow: CodeFlow, terminal: Terminal, http: Fetcher, options: LoginOptions, browser: Browser | None = None
    ) -> None:
        self._flow, self._terminal, self._http, self._options = flow, terminal, http, options
        self._browser = browser or Browser()
        self._arrived: queue.Queue[Callback] = queue.Queue()

    def run(self) -> TokenFile:
        """Begin, show, wait for what comes back, and finish.

        :raises LoginError: the port is taken, time has passed, or the provider said no.
        """
        app = self._flow.app
        begun = self._flow.start(self._options.port)
        with CallbackListener(app, self._options.port, self._arrived.put) as listener:
            self._show(begun, listener.port)
            self._terminal.say(f"Waiting for the {app.title} login ...")
            return self._flow.finish(begun, self._wait())

    def _show(self, begun: Authorization, port: int) -> None:
        app = self._flow.app
        opened = False
        if self._options.browser:
            self._terminal.say(f"Opening the browser for the {app.title} login.")
            opened = self._browser.open(begun.url)
            if not opened:
                self._terminal.warn("no browser could be opened here: open the URL by hand")
        if not opened:
            address = own_address(self._http if self._options.ip_lookup else None)
            local = app.redirect_port if app.fixed_redirect else port
            self._terminal.say(tunnel_hint(local, port, address))
        self._terminal.say("Log in at this address:")
        self._terminal.say()
        self._terminal.say(begun.url)
        self._terminal.say()

    def _wait(self) -> Callback:
        deadline = Countdown(self._options.timeout)
        try:
            return self._arrived.get(timeout=min(self._options.paste_after, deadline.left))
        except queue.Empty:
            pass
        if deadline.left > 0:
            return _first(self._arrived, self._pasted, deadline, self._flow.app.title)
        raise _timed_out(self._flow.app.title)

    def _pasted(self, is_over: Callable[[], bool]) -> Callback | None:
        """A callback that was pasted, None when there will be none; a mistake is shown and asked again."""
        holds_state = self._flow.app.provider == "claude"
        self._terminal.say()
        self._terminal.prompt(_PASTE)
        while not is_over():
            try:
                line: Any = self._terminal.next_line(0.1)
            except TimeoutError:
                continue
            if line is END:
                return None
            try:
                found = parse_callback(str(line), code_holds_state=holds_state)
            except LoginError as error:
                self._terminal.warn(error.text)
                self._terminal.prompt(_PASTE)
                continue
            return found
        return None


def _first(
    arrived: queue.Queue[Callback],
    pasted: Callable[[Callable[[], bool]], Callback | None],
    deadline: Countdown,
    title: str,
) -> Callback:
    """Whatever comes first: the callback, or what was pasted.

    :raises LoginError: neither in time.
    """
    over = threading.Event()

    def read() -> None:
        found = pasted(over.is_set)
        if found is not None:
            arrived.put(found)

    reader = threading.Thread(target=read, name="paste", daemon=True)
    reader.start()
    try:
        return arrived.get(timeout=deadline.left)
    except queue.Empty:
        raise _timed_out(title) from None
    finally:
        over.set()
        reader.join(2)


def _timed_out(title: str) -> LoginError:
    return LoginError(f"the {title} login timed out: try again", code="callback_timeout", status=408)
