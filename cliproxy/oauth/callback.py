"""What comes back from the provider: pasted by a person, or to a listener on this machine (oauth-login.md 1.5, 1.8)."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cliproxy.errors import LoginError
from cliproxy.oauth.flow import Callback
from cliproxy.oauth.pages import Page, page_of, success_page
from cliproxy.providers.tokens.apps import OAuthApp

_BARE = ("code=", "state=", "error=", "error_description=")
_SECONDS = 10.0
_GRACE = 2.0
PORT_IN_USE = 13
"""Exit code of a login whose callback port is taken."""


def parse_callback(text: str, *, code_holds_state: bool = False) -> Callback | None:
    """A pasted callback: a URL, its query, or a part of it; None for blanks.

    ``code_holds_state``: the provider shows ``code#state`` to copy (Claude).

    :raises LoginError: it holds neither a code nor an error.
    """
    if not text.strip():
        return None
    found = read_callback(text, code_holds_state=code_holds_state)
    if not found.code and not found.error:
        raise LoginError("callback URL missing code", code="no_code")
    return found


def read_callback(text: str, *, code_holds_state: bool = False) -> Callback:
    """As ``parse_callback``, but whatever is missing stays empty.

    :raises LoginError: ``invalid_callback``: it is nothing like a callback.
    """
    text = text.strip()
    if not text:
        return Callback()
    if code_holds_state and "#" in text and not any(mark in text for mark in ("=", "/", "?", ":", " ")):
        code, _, state = text.partition("#")
        return Callback(code.strip(), state.strip())
    found = _of_url(_as_url(text), code_holds_state=code_holds_state)
    if found.description and not found.error:
        found = replace(found, error=found.description, description="")
    return found


def _as_url(text: str) -> str:
    if text.startswith(_BARE):
        return f"http://localhost/?{text}"
    if "://" in text:
        return text
    if text.startswith("?"):
        return f"http://localhost{text}"
    if any(mark in text for mark in "/?#:"):
        return f"http://{text}"
    if "=" in text:
        return f"http://localhost/?{text}"
    raise LoginError("invalid callback URL", code="invalid_callback")


def _of_url(url: str, *, code_holds_state: bool) -> Callback:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise LoginError("invalid callback URL", code="invalid_callback") from error
    query, fragment = parse_qs(parts.query), parse_qs(parts.fragment)

    def value(name: str) -> str:
        return next((text for source in (query, fragment) if (text := source.get(name, [""])[0].strip())), "")

    code, state = value("code"), value("state")
    if code and not state:
        if "#" in code:
            code, _, state = code.partition("#")
        elif code_holds_state and parts.fragment and "=" not in parts.fragment:
            state = parts.fragment.strip()
    return Callback(code.strip(), state.strip(), value("error"), value("error_description"))


class CallbackListener:
    """An HTTP server on all interfaces that waits for one callback; ``on_callback`` is called once, in its thread.

    A context manager: it listens from the beginning to the end.
    """

    def __init__(self, app: OAuthApp, port: int, on_callback: Callable[[Callback], None]) -> None:
        self.port = port or app.redirect_port
        self._app, self._on_callback = app, on_callback
        self._lock, self._answered = threading.Lock(), False
        self._quiet = threading.Condition()
        self._busy = 0
        self._page_due = False
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"<CallbackListener {self._app.provider} on {self.port}>"

    def __enter__(self) -> CallbackListener:
        """Begin to listen.

        :raises LoginError: ``port_in_use`` (exit code 13) or ``server_start_failed``.
        """
        listener = self

        class Handler(_Handler):
            owner = listener

        try:
            self._server = _server(self.port, Handler)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise LoginError(
                    f"port {self.port} is in use: close the program that uses it, or choose another with "
                    "--callback-port",
                    code="port_in_use", exit_code=PORT_IN_USE,
                ) from error  # fmt: skip
            text = f"the callback listener cannot start on port {self.port}: {error}"
            raise LoginError(text, code="server_start_failed", status=500) from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="oauth-callback", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *reason: object) -> None:
        server, self._server = self._server, None
        if server is not None:
            with self._quiet:  # a browser that is just being answered, or sent on to /success, gets its page
                self._quiet.wait_for(lambda: not self._busy and not self._page_due, _GRACE)
            server.shutdown()
            server.server_close()
        if self._thread is not None:
            self._thread.join(2)

    def took(self, callback: Callback) -> None:
        """A callback was answered: the first one counts."""
        with self._lock:
            first, self._answered = not self._answered, True
        if first:
            self._on_callback(callback)

    def enter(self) -> None:
        """A request begins."""
        with self._quiet:
            self._busy += 1

    def leave(self) -> None:
        """A request has been answered."""
        with self._quiet:
            self._busy -= 1
            self._quiet.notify_all()

    def _expect_page(self, due: bool) -> None:
        """A browser is sent on to /success, or has got there."""
        with self._quiet:
            self._page_due = due

    def handle(self, method: str, target: str) -> tuple[Page, Callback | None]:
        """(the answer to one request, the callback in it)."""
        parts = urlsplit(target)
        if parts.path == "/success" and self._app.fixed_redirect:
            self._expect_page(False)
            return Page(200, success_page(self._app, parse_qs(parts.query))), None
        if parts.path != self._app.redirect_path:
            return Page(404, "not found", kind="text/plain"), None
        if method != "GET":
            return Page(405, "method not allowed", kind="text/plain"), None
        query = parse_qs(parts.query)

        def value(name: str) -> str:
            return query.get(name, [""])[0].strip()

        callback = Callback(value("code"), value("state"), value("error"), value("error_description"))
        page = page_of(self._app, callback)
        self._expect_page(page.location == "/success")
        return page, callback


class _Handler(BaseHTTPRequestHandler):
    """Hands requests to its listener."""

    owner: CallbackListener
    timeout = _SECONDS
    server_version, sys_version = "cliproxy", ""

    def _respond(self) -> None:
        self.owner.enter()
        callback: Callback | None = None
        try:
            page, callback = self.owner.handle(self.command, self.path)
            self._send(page)
        finally:
            if callback is not None:  # also when the browser did not wait for its page
                self.owner.took(callback)
            self.owner.leave()

    def _send(self, page: Page) -> None:
        data = page.body.encode()
        self.send_response(page.status)
        if page.location:
            self.send_header("Location", page.location)
        self.send_header("Content-Type", page.kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
        self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _respond  # noqa: N815 - the base class's names

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing: callback URLs hold codes."""


def _server(port: int, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    """A server on all interfaces, IPv4 and IPv6 where there is IPv6: ``localhost`` may mean either."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True  # a second login straight after the first finds the port free

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A browser that hangs up is no reason for a traceback."""

    class DualStack(Server):
        address_family = socket.AF_INET6

        def server_bind(self) -> None:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            super().server_bind()

    if socket.has_dualstack_ipv6():
        try:
            return DualStack(("::", port), handler)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise
    return Server(("", port), handler)
