"""The line of a finished request (logging.md 2). Pure: no clock, no logging."""

from __future__ import annotations

import logging
import socket
from dataclasses import dataclass

from cliproxy.records.applog import NO_REQUEST


@dataclass(frozen=True, slots=True)
class AccessRecord:
    """What is known of a request when it is over.

    ``path`` is what the client asked for, ``route`` the pattern that served it (``/v1beta/models/<path:action>``;
    empty = no route matched). ``seconds`` run from arrival to the last byte, ``first_byte`` to the beginning of the
    answer (None = there was none). ``status`` is 499 when the client left before that; ``aborted`` = it left before the
    end, or its connection was cut. ``client`` is for display only, ``query`` has the values of secrets masked.
    """

    method: str
    path: str
    route: str
    status: int
    seconds: float
    first_byte: float | None
    client: str
    request_id: str
    aborted: bool = False
    query: str = ""

    @property
    def is_model_call(self) -> bool:
        """True for what has a request id (logging.md 3), but for a browser's preflight."""
        return self.request_id != NO_REQUEST and self.method != "OPTIONS"

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path


def access_line(status: int, seconds: float, client: str, method: str, target: str, errors: str = "") -> str:
    """``STATUS | LATENCY | CLIENTIP | METHOD "PATH"`` and, when there are any, `` | errors``."""
    line = f'{status:3d} | {latency_text(seconds):>13} | {client:>15} | {method:<7} "{target}"'
    return f"{line} | {errors}" if errors else line


def access_level(status: int) -> int:
    """The level of the line, as ``logging`` counts."""
    return logging.ERROR if status >= 500 else logging.WARNING if status >= 400 else logging.INFO


def latency_text(seconds: float) -> str:
    """``0s``, ``450ms``, ``1.5s``, ``1m30s``, ``1h2m3s``: cut to milliseconds, over one minute to seconds."""
    milliseconds = int(seconds * 1000 + 1e-6)  # the addition undoes what floats lose, such as 1.001 * 1000
    if milliseconds <= 0:
        return "0s"
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    if milliseconds < 60000:
        whole, rest = divmod(milliseconds, 1000)
        return f"{whole}.{rest:03d}".rstrip("0") + "s" if rest else f"{whole}s"
    minutes, whole = divmod(milliseconds // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{whole}s" if hours else f"{minutes}m{whole}s"


def client_address(forwarded_for: str, real_ip: str, peer: str) -> str:
    """The address to show: the first one of ``X-Forwarded-For`` if all are valid, else ``X-Real-IP``, else the peer.

    Anybody can send these headers: who is local is decided elsewhere (client-api.md 2.6).
    """
    if forwarded_for:
        parts = [part.strip() for part in forwarded_for.split(",")]
        if all(map(_is_address, parts)):
            return parts[0]
    if real_ip and _is_address(real_ip := real_ip.strip()):
        return real_ip
    return peer.removeprefix("::ffff:") if "." in peer else peer


def _is_address(text: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except (OSError, ValueError):
        return False
    return True


def shown_path(path: str) -> str:
    """A WSGI path (bytes as latin-1) as text; control characters are escaped, so that no request can forge a line."""
    if not path.isascii():
        path = path.encode("latin-1", "replace").decode("utf-8", "backslashreplace")
    if path.isprintable():
        return path
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in path)
