"""The management API as a blueprint: the key first, then the routes, errors as JSON (management-api.md 1-4)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Blueprint, Response, request

from cliproxy.config.editing import SaveError
from cliproxy.errors import CliproxyError, ConfigError
from cliproxy.web.management.answers import ManagementError, answer
from cliproxy.web.management.authentication import ManagementAuthenticator, ManagementRefused

log = logging.getLogger(__name__)

BASE = "/v0/management"


@dataclass(frozen=True, slots=True)
class Route:
    """One path below ``/v0/management`` (Flask's notation), its methods, and the view.

    The view gets the path's parameters and returns JSON values (answered with 200) or a whole ``Response``.
    ``keyless``: anybody may ask, as long as there is a management API; something else protects it.
    """

    path: str
    methods: tuple[str, ...]
    view: Callable[..., Any]
    keyless: bool = False


def management_blueprint(authenticator: ManagementAuthenticator, routes: Iterable[Route]) -> Blueprint:
    """All routes behind the management key."""
    blueprint = Blueprint("management", __name__, url_prefix=BASE)
    for route in routes:
        blueprint.add_url_rule(
            f"/{route.path}", endpoint=f"{'-'.join(route.methods)} {route.path}".replace(".", "_"),
            view_func=partial(_answered, authenticator, route), methods=list(route.methods),
        )  # fmt: skip
    return blueprint


def _answered(authenticator: ManagementAuthenticator, route: Route, **path: Any) -> Response:
    try:
        if route.keyless:
            authenticator.check_available()
        else:
            authenticator.check(request.environ)
    except ManagementRefused as refusal:
        return refusal.response
    response = run(route.view, **path)
    response.headers.extend(authenticator.headers)
    return response


def run(view: Callable[..., Any], **path: Any) -> Response:
    """The answer of a view, or of the error that it raises."""
    try:
        result = view(**path)
    except CliproxyError as error:
        return error_answer(error)
    return result if isinstance(result, Response) else answer(result)


def error_answer(error: CliproxyError) -> Response:
    """The JSON of an error; its own status, else 500."""
    if isinstance(error, ManagementError):
        return answer({"error": error.text, **error.more}, error.status or 500)
    if isinstance(error, SaveError):
        log.error("management: failed to save config: %s", error.text)
        return answer({"error": f"failed to save config: {error.text}"}, 500)
    if isinstance(error, ConfigError):  # it fits the route, but no configuration can hold it
        return answer({"error": "invalid body", "message": error.text}, 400)
    return answer({"error": error.text}, error.status or 500)
