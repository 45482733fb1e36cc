"""The person at the terminal during a login: questions, the browser, the tunnel (oauth-login.md 1.6-1.8).

Standard input is read by one thread for all questions, so that nothing that was typed, or piped in, is lost between
them, and a question never stops the wait for something else.
"""

from __future__ import annotations

import queue
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import click

from cliproxy.config.settings import TimeLimits
from cliproxy.errors import CliproxyError
from cliproxy.providers.http import Outgoing
from cliproxy.providers.tokens.client import Fetcher

_OPENERS = ("xdg-open", "x-www-browser", "www-browser", "firefox", "chromium", "google-chrome")
_WHO_AM_I = ("https://api.ipify.org", "https://ifconfig.me/ip", "https://icanhazip.com", "https://ipinfo.io/ip")
_LOOKUP_SECONDS = 2.0
_RULER = "=" * 80
_LONGEST_WAIT = 10 * 365 * 86400.0

END = object()
"""The end of input."""


class Terminal:
    """Prints and asks."""

    def __init__(self) -> None:
        self._lines: queue.Queue[Any] = queue.Queue()
        self._reader: threading.Thread | None = None

    def say(self, text: str = "") -> None:
        """Print a line."""
        click.echo(text)

    def warn(self, text: str) -> None:
        """Print a warning."""
        click.echo(f"warning: {text}", err=True)

    def prompt(self, question: str) -> None:
        """Print without a line end."""
        click.echo(question, nl=False)
        sys.stdout.flush()

    def ask(self, question: str, *, timeout: float | None = None) -> str | None:
        """A line that was typed, trimmed; None at the end of input.

        :raises TimeoutError: nothing within ``timeout`` seconds.
        """
        self.prompt(question)
        line = self.next_line(timeout)
        if line is END:
            click.echo()
            return None
        return str(line).strip()

    def next_line(self, timeout: float | None = None) -> Any:
        """The next line or ``END``.

        :raises TimeoutError: nothing within ``timeout`` seconds.
        """
        self._start()
        try:
            line = self._lines.get(timeout=timeout)
        except queue.Empty as error:
            raise TimeoutError from error
        if line is END:
            self._lines.put(END)
        return line

    def _start(self) -> None:
        if self._reader is None:
            self._reader = threading.Thread(target=self._read, name="stdin", daemon=True)
            self._reader.start()

    def _read(self) -> None:
        try:
            for line in iter(sys.stdin.readline, ""):
                self._lines.put(line)
        except (OSError, ValueError, UnicodeError) as error:
            click.echo(f"warning: standard input cannot be read: {error}", err=True)
        self._lines.put(END)


@dataclass(frozen=True, slots=True)
class Browser:
    """Opens web pages, if this machine can."""

    platform: str = sys.platform
    which: Callable[[str], str | None] = shutil.which
    run: Callable[[list[str]], int] = field(default=lambda command: _run(command))

    def open(self, url: str) -> bool:
        """True when a browser was asked to show the page."""
        command = self._command(url)
        if command is None:
            return False
        try:
            return self.run(command) == 0
        except OSError:
            return False

    def _command(self, url: str) -> list[str] | None:
        if self.platform == "darwin":
            return ["open", url]
        if self.platform == "win32":
            return ["rundll32", "url.dll,FileProtocolHandler", url]
        if not self.platform.startswith("linux"):
            return None
        opener = next((found for name in _OPENERS if (found := self.which(name))), None)
        return [opener, url] if opener else None


def _run(command: list[str]) -> int:
    """The exit code of an opener; 0 for one that goes on: it has become the browser."""
    process = subprocess.Popen(  # noqa: S603 - a command of a fixed list, an URL of ours
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        return process.wait(3)
    except subprocess.TimeoutExpired:
        return 0


def tunnel_hint(local_port: int, remote_port: int, address: str) -> str:
    """How to bring the callback from another machine's browser to this one."""
    forward = f"-L {local_port}:127.0.0.1:{remote_port} root@{address} -p 22"
    return "\n".join(
        (
            _RULER,
            "If the browser runs on another machine than this one, an SSH tunnel is needed.",
            "Run one of these on the machine with the browser (not here):",
            "",
            f"  ssh {forward}",
            f"  ssh -i <path_to_your_key> {forward}",
            "",
            "Change -p 22 if your SSH server listens elsewhere.",
            _RULER,
        )
    )


def own_address(http: Fetcher | None) -> str:
    """The address under which this machine may be reached; never fails. ``http`` None: ask nobody outside."""
    for url in _WHO_AM_I if http is not None else ():
        assert http is not None
        if found := _asked(http, url):
            return found
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("8.8.8.8", 80))  # sends nothing
            return str(probe.getsockname()[0])
    except OSError:
        return "127.0.0.1"


def _asked(http: Fetcher, url: str) -> str:
    """The address that a service names; empty when it does not within two seconds, connecting included."""
    found: list[str] = []

    def ask() -> None:
        limits = TimeLimits(_LOOKUP_SECONDS, _LOOKUP_SECONDS)
        try:
            reply = http.fetch(Outgoing(url, {}, None, limits, method="GET", direct=True))
            found.append(str(ip_address(reply.body.decode("ascii", "replace").strip())))
        except (CliproxyError, ValueError):
            return

    asking = threading.Thread(target=ask, name="own-address", daemon=True)
    asking.start()
    asking.join(_LOOKUP_SECONDS)
    return found[0] if found else ""


class Countdown:
    """A deadline; one in many years for "never", which no lock can wait for."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._end = clock, clock() + min(seconds, _LONGEST_WAIT)

    @property
    def left(self) -> float:
        """Seconds, never below 0."""
        return max(0.0, self._end - self._clock())
