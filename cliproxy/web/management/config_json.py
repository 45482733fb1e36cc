"""The configuration as JSON, in the shapes of the original program (management-api.md 5.1, 8.1, 8.5, 10)."""

from __future__ import annotations

from typing import Any

from flask import Response

from cliproxy.config.render import render
from cliproxy.config.settings import Settings
from cliproxy.translation import exactjson
from cliproxy.web.management.answers import answer

_HIDDEN = frozenset(
    {
        "host", "port", "auth-dir", "remote-management",  # kept from clients by the original
        "demo", "timeouts", "oauth-clients", "oauth-system-prefix", "codex-instructions-file", "usage-database",
        "metrics", "max-request-body-mb", "transient-error-cooldown-seconds",  # ours (config.md 5.12)
    }
)  # fmt: skip
_OMITTED_WHEN_EMPTY = ("nonstream-keepalive-interval", "oauth-excluded-models", "oauth-model-alias")
_USERS_DATA = ("params", "cloak")
"""Objects whose content is the user's own."""


def config_json(settings: Settings) -> dict[str, Any]:
    """The whole configuration, secrets in clear; what ``GET config`` shows, in the original's order.

    A list without elements is null: whether the file has an empty one or none makes no difference to the program.
    """
    shown: dict[str, Any] = {}
    for key, value in render(settings).items():
        if key not in _HIDDEN:
            shown[key] = value
        if key == "api-keys":
            shown["auth"] = {}  # the legacy section, folded into the keys
    shown["streaming"] = {key: value for key, value in shown["streaming"].items() if value}
    strategy = settings.routing.strategy
    shown["routing"] = {"strategy": strategy} if strategy else {}
    for key in _OMITTED_WHEN_EMPTY:
        if not shown[key]:
            del shown[key]
    if not shown["ampcode"]["upstream-api-keys"]:
        del shown["ampcode"]["upstream-api-keys"]
    nulled: dict[str, Any] = _null_for_empty(shown)
    return nulled


def json_answer(value: Any) -> Response:
    """An answer that may hold values of payload rules or cloaks: numbers of any size."""
    return answer(exactjson.dumps(value))


def _null_for_empty(value: Any) -> Any:
    if isinstance(value, list):
        return [_null_for_empty(item) for item in value] or None
    if isinstance(value, dict):
        return {
            key: item if key in _USERS_DATA and isinstance(item, dict) else _null_for_empty(item)
            for key, item in value.items()
        }
    return value
