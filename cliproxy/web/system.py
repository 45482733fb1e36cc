"""Routes that are about the server itself: probes and the desktop wrapper's keep-alive (client-api.md 4)."""

from __future__ import annotations

import hmac
import logging
import os
import signal
from typing import Any

import gevent
from flask import Blueprint, Response, request

from cliproxy.web.authentication import bearer
from cliproxy.web.views import fixed

log = logging.getLogger(__name__)

blueprint = Blueprint("system", __name__)

_ROOT = (
    b'{"message":"CLI Proxy API Server",'
    b'"endpoints":["POST /v1/chat/completions","POST /v1/completions","GET /v1/models"]}'
)
_KEEP_ALIVE_SECONDS = 10.0


@blueprint.get("/")
def root() -> Response:
    """Say who is here."""
    return fixed(_ROOT, 200)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Tell a probe that the server runs."""
    return fixed(b'{"status":"ok"}', 200)


class KeepAlive:
    """Ends the process when no call with the local password came for 10 s (``CLIPROXY_PASSWORD``).

    The timer starts with ``start``, in the worker.
    """

    def __init__(self, password: str, seconds: float = _KEEP_ALIVE_SECONDS) -> None:
        self._password = password.encode()
        self._seconds = seconds
        self._timer: Any = None

    def start(self) -> None:
        """Start or restart the timer."""
        self.stop()
        self._timer = gevent.spawn_later(self._seconds, self._expire)

    def stop(self) -> None:
        """Stop the timer."""
        timer, self._timer = self._timer, None
        if timer is not None and timer is not gevent.getcurrent():
            timer.kill(block=False)

    def _expire(self) -> None:
        log.warning("no keep-alive for %gs: shutting down", self._seconds)
        # gunicorn's master ends the worker gracefully; without one (tests, other servers) this process ends itself.
        target = os.getppid() if "gunicorn" in os.environ.get("SERVER_SOFTWARE", "") else os.getpid()
        os.kill(target, signal.SIGTERM)

    def view(self) -> Response:
        """``GET /keep-alive``."""
        environ = request.environ
        sent = bearer(environ.get("HTTP_AUTHORIZATION", "")) or environ.get("HTTP_X_LOCAL_PASSWORD", "")
        if not hmac.compare_digest(sent.encode("latin-1", "replace"), self._password):
            return fixed(b'{"error":"invalid password"}', 401)
        self.start()
        return fixed(b'{"status":"ok"}', 200)
