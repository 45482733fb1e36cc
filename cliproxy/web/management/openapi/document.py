"""The whole description, and the route that serves it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import request

from cliproxy import __version__
from cliproxy.web.management.api import Route
from cliproxy.web.management.openapi import (
    configuration,
    credentials,
    keys,
    logins,
    maps,
    pages,
    records,
    settings,
    tools,
)
from cliproxy.web.management.openapi.components import SECURITY, components
from cliproxy.web.management.openapi.operation import Group

GROUPS: tuple[Group, ...] = (
    configuration.GROUP,
    settings.GROUP,
    keys.CLIENT_KEYS,
    keys.PROVIDER_KEYS,
    maps.OAUTH,
    maps.AMP,
    credentials.GROUP,
    logins.GROUP,
    records.LOGS,
    records.FIGURES,
    tools.GROUP,
    pages.GROUP,
)
SCHEMAS = configuration.SCHEMAS | keys.SCHEMAS | maps.SCHEMAS | credentials.SCHEMAS | records.SCHEMAS | tools.SCHEMAS

ABOUT = """\
Everything about a running server: its configuration, credentials, logins, logs and figures. Changes are in force for
the next request and in the configuration file, comments kept.

Management is available once there is a key: `remote-management.secret-key` in the configuration (hashed at the next
start or reload), or the variable `MANAGEMENT_PASSWORD`; otherwise every path answers 404. From other machines it needs
`remote-management.allow-remote`, which `MANAGEMENT_PASSWORD` implies.

Bodies are JSON whatever their `Content-Type`, types are exact, unknown fields are ignored, `null` is the same as
absent. Errors are `{"error": "..."}`; times are RFC 3339. A known path with another method is a 404 as well."""


def document(prefix: str = "") -> dict[str, Any]:
    """The OpenAPI document. ``prefix``: the path that the server is mounted at."""
    paths: dict[str, dict[str, Any]] = {}
    for group in GROUPS:
        for operation in group.operations:
            paths.setdefault(operation.full_path, {})[operation.method.lower()] = operation.described(group.name)
    return {
        "openapi": "3.1.0",
        "info": {"title": "cliproxy management API", "version": __version__, "description": ABOUT},
        "servers": [{"url": prefix or "/"}],
        "security": SECURITY,
        "tags": [{"name": group.name, "description": group.about} for group in GROUPS],
        "paths": paths,
        "components": components(SCHEMAS),
    }


class DescriptionRoutes:
    """``GET openapi.json``. With the management key like everything here: who may not use the API need not see it."""

    def routes(self) -> Iterator[Route]:
        """The one route."""
        yield Route("openapi.json", ("GET",), lambda: document(request.root_path))
