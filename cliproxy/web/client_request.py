"""What usage records know of the client's request: its route, and later the status of its answer (logging.md 16)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request

from cliproxy.records.routes import route_pattern
from cliproxy.records.usage import ClientRequest

_KEY = "cliproxy.client_request"


def client_request() -> ClientRequest:
    """The object of the current request, made when first asked for; it lies in the request's environ."""
    environ = request.environ
    found = environ.get(_KEY)
    if not isinstance(found, ClientRequest):
        rule = request.url_rule
        pattern = route_pattern(rule.rule) if rule is not None else request.path
        found = environ[_KEY] = ClientRequest(f"{request.method} {pattern}")
    return found


def answered(environ: Mapping[str, Any], status: int) -> None:
    """Say how the client was answered; to be called when the answer begins."""
    found = environ.get(_KEY)
    if isinstance(found, ClientRequest):
        found.status = status
