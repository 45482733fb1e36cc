"""Behaviour of every route: CORS, request ids, unknown paths, crashes (client-api.md 2.1-2.3)."""

from __future__ import annotations

import logging
import secrets

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect, WebsocketMismatch

from cliproxy.records.applog import NO_REQUEST, set_request_id

log = logging.getLogger(__name__)

CORS = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS"),
    ("Access-Control-Allow-Headers", "*"),
)
_WITH_ID = (
    "/v1/chat/completions", "/v1/completions", "/v1/messages", "/v1/responses", "/v1beta/models/", "/api/provider/",
)  # fmt: skip
_AMP_API = ("internal", "user", "auth", "meta", "ads", "telemetry", "threads", "otel", "tab")
_AMP_ROOT = ("threads", "docs", "settings", "auth", "threads.rss", "news.rss")
_HEAD_PATHS = ("/", "/healthz")


def install(app: Flask) -> None:
    """Add the common behaviour to an application."""
    app.before_request(_begin)
    app.after_request(_with_cors)
    app.register_error_handler(404, _not_found)
    app.register_error_handler(405, _not_found)
    app.register_error_handler(WebsocketMismatch, _not_found)
    app.register_error_handler(Exception, _crashed)


def _begin() -> Response | None:
    path = request.path
    set_request_id(secrets.token_hex(4) if path.startswith(_WITH_ID) else NO_REQUEST)
    method = request.method
    if method == "OPTIONS":
        return Response(status=403 if is_amp_management(path) else 204)
    if method == "HEAD" and path not in _HEAD_PATHS:
        return _plain_404()
    return None


def is_amp_management(path: str) -> bool:
    """True on the paths that belong to Amp's own server (amp-routing.md 2.1, 2.2): no CORS there."""
    first, _, rest = path[1:].partition("/")
    if first == "api":
        return rest.partition("/")[0] in _AMP_API or rest.startswith("provider/google/v1beta1/")
    return first in _AMP_ROOT


def _with_cors(response: Response) -> Response:
    if not is_amp_management(request.path):
        response.headers.extend(CORS)
    return response


def _plain_404() -> Response:
    return Response(b"404 page not found", status=404, content_type="text/plain")


def _not_found(error: HTTPException) -> Response:
    """Unknown path or wrong method: one plain 404; a known path with a slash too many is redirected."""
    path = request.path
    if path != "/" and path.endswith("/") and _is_route(path.rstrip("/")):
        query = request.query_string.decode("latin-1")
        target = path.rstrip("/") + (f"?{query}" if query else "")
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
