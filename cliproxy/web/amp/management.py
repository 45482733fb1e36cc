"""Amp's own routes: guarded, then through to its server (amp-routing.md 2.1, 2.2, 2.4, 3)."""

from __future__ import annotations

import logging
from typing import Any

from flask import Response, request

from cliproxy.routing.extraction import action_of_path
from cliproxy.web.access_log import access_of
from cliproxy.web.amp.forwarding import forward
from cliproxy.web.amp.gateway import Gateway
from cliproxy.web.amp.paths import is_open
from cliproxy.web.amp.routed import RoutedView
from cliproxy.web.authentication import Principal, Refused, is_local
from cliproxy.web.views import fixed

log = logging.getLogger(__name__)

_OFF = b'{"error":"amp upstream proxy not available"}'
_FOREIGN = b'{"error":"Access denied: management routes restricted to localhost"}'
_NO_MODEL = b'{"error":"Invalid Gemini API path format"}'


class ManagementView:
    """A request for Amp's server: available, allowed from there, with a key where one is needed."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def __repr__(self) -> str:
        return f"<ManagementView to {self._gateway!r}>"

    def __call__(self, **path: Any) -> Response:
        """Answer the current request."""
        upstream = self._gateway.upstream
        if upstream is None:
            access_of(request.environ).silent = True  # logging.md 2
            return fixed(_OFF, 503)
        principal = self.admitted()
        if isinstance(principal, Response):
            return principal
        return forward(upstream, request.environ, principal.key)

    def admitted(self) -> Principal | Response:
        """Who asks, or the refusal."""
        environ = request.environ
        if self._gateway.services.settings().ampcode.restrict_management_to_localhost and not is_local(environ):
            log.warning("amp management: access from %s denied: restricted to localhost", environ.get("REMOTE_ADDR"))
            return fixed(_FOREIGN, 403)
        if is_open(request.path):
            return Principal()
        try:
            return self._gateway.authenticate(environ)
        except Refused as refusal:
            return refusal.response


class GeminiBridge:
    """Amp's Gemini calls: a model call like any other where the path names a model, else for Amp's server (9)."""

    def __init__(self, management: ManagementView, routed: RoutedView) -> None:
        self._management, self._routed = management, routed

    def __repr__(self) -> str:
        return f"<GeminiBridge to {self._routed!r}>"

    def __call__(self, rest: str = "") -> Response:
        """Answer the current request."""
        path = f"/{rest}"
        if request.method != "POST" or "/models/" not in path:
            return self._management()
        principal = self._management.admitted()
        return principal if isinstance(principal, Response) else self.call(principal, path)

    def call(self, principal: Principal, path: str) -> Response:
        """Answer an authenticated model call; ``path`` is what follows ``v1beta1``."""
        action = action_of_path(path)
        if action is None:
            return fixed(_NO_MODEL, 400)
        return self._routed.serve(principal, path=path, action=action)
