"""The pages to which providers send a browser back after a login (client-api.md 4.3, management-api.md 12.4). No key.

They hand over what came back, if a login waits for it, and tell the person that the window can be closed. How the login
goes on is seen where it was begun.
"""

from __future__ import annotations

import html
import logging
from functools import partial

from flask import Blueprint, Response, request

from cliproxy.oauth.flow import Callback
from cliproxy.oauth.sessions import is_state
from cliproxy.oauth.web_flows import WEB_PROVIDERS
from cliproxy.oauth.web_login import WebLogins

log = logging.getLogger(__name__)

_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}  # the page's own URL holds the code
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 32rem; margin: 15vh auto; padding: 0 1rem }}
</style></head>
<body><h1>{title}</h1>
<p>{words}</p>
<p>You can close this window; it closes by itself after 5 seconds.</p>
<script>setTimeout(() => window.close(), 5000);</script></body></html>
"""
_WELL = "The answer has been received. Whether the account is ready is shown where you began the login."


def callbacks_blueprint(logins: WebLogins) -> Blueprint:
    """One page per provider."""
    blueprint = Blueprint("callbacks", __name__)
    for provider in WEB_PROVIDERS.values():
        if provider.page:
            view = partial(_page, logins, provider.name)
            blueprint.add_url_rule(provider.page, endpoint=provider.name, view_func=view, methods=["GET"])
    return blueprint


def _page(logins: WebLogins, name: str) -> Response:
    code, state, error, description = (
        request.args.get(part, "").strip() for part in ("code", "state", "error", "error_description")
    )
    error = error or description
    if is_state(state):
        _hand_over(logins, name, Callback(code, state, error))
    title, words = "Authentication successful", _WELL
    if error:
        title, words = "Authentication failed", f"The login failed: {html.escape(error)}"
    body = _PAGE.format(title=title, words=words)
    return Response(body, content_type="text/html; charset=utf-8", headers=_HEADERS)


def _hand_over(logins: WebLogins, name: str, callback: Callback) -> None:
    try:
        if not logins.deliver(name, callback):
            log.info("a callback of %s came for no login that waits", name)
    except OSError as failure:
        log.error("the callback of a login with %s could not be handed over: %s", name, failure)
