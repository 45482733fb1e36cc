"""Behaviour of every route: CORS, unknown paths, crashes (client-api.md 2.1-2.3)."""

from __future__ import annotations

import logging

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect, WebsocketMismatch

from cliproxy.records.request_log.exchange import current
from cliproxy.web.amp import paths
from cliproxy.web.proxied import ProxiedResponse

log = logging.getLogger(__name__)

CORS = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS"),
    ("Access-Control-Allow-Headers", "*"),
)
_HEAD_PATHS = ("/", "/healthz")


def install(app: Flask) -> None:
    """Add the common behaviour to an application."""
    app.url_map.merge_slashes = False  # two slashes are another path, also one for Amp's server
    app.before_request(_begin)
    app.after_request(_with_cors)
    app.register_error_handler(404, _not_found)
    app.register_error_handler(405, _not_found)
    app.register_error_handler(WebsocketMismatch, _not_found)
    app.register_error_handler(Exception, _crashed)


def _begin() -> Response | None:
    path = request.path
    method = request.method
    if method == "OPTIONS":
        return Response(status=403 if paths.is_management(path) else 204)
    if method == "HEAD" and path not in _HEAD_PATHS and not paths.takes_any_method(path):
        return _plain_404()
    return None


def _with_cors(response: Response) -> Response:
    if paths.is_management(request.path):
        return response
    if isinstance(response, ProxiedResponse):
        for name, value in CORS:
            response.headers.setdefault(name, value)
    else:
        response.headers.extend(CORS)
    return response


def _plain_404() -> Response:
    return Response(b"404 page not found", status=404, content_type="text/plain")


def _not_found(error: HTTPException) -> Response:
    """Unknown path or wrong method: one plain 404; a known path with a slash too many is redirected."""
    path = request.path
    if (exchange := current()) is not None:
        exchange.unrouted = True
    if path != "/" and path.endswith("/") and _is_route(path.rstrip("/")):
        query = request.query_string.decode("latin-1")
        target = request.script_root + path.rstrip("/") + (f"?{query}" if query else "")
        return Response(status=301 if request.method == "GET" else 307, headers={"Location": target})
    return _plain_404()


def _is_route(path: str) -> bool:
    adapter = current_app.create_url_adapter(request)
    try:
        return adapter is not None and bool(adapter.match(path, method=request.method))
    except (NotFound, MethodNotAllowed, RequestRedirect):
        return False


def _crashed(error: Exception) -> Response | HTTPException:
    if isinstance(error, HTTPException):
        return Response(status=error.code or 500)
    log.error("recovered from panic: %s %s: %r", request.method, request.path, error, exc_info=error)
    return Response(status=500)
