"""Settings as the plain structure that a file or the management API shows (config.md 5.1, 7.1, 7.3)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from cliproxy.config import settings as s

ORDER = (
    "proxy-url", "force-model-prefix", "request-log", "api-keys", "streaming", "nonstream-keepalive-interval", "host",
    "port", "tls", "remote-management", "auth-dir", "debug", "commercial-mode", "logging-to-file",
    "logs-max-total-size-mb", "error-logs-max-files", "usage-statistics-enabled", "disable-cooling", "request-retry",
    "max-retry-interval", "quota-exceeded", "routing", "ws-auth", "codex-instructions-enabled", "gemini-api-key",
    "codex-api-key", "claude-api-key", "openai-compatibility", "vertex-api-key", "ampcode", "oauth-excluded-models",
    "oauth-model-alias", "payload", "demo", "timeouts", "oauth-clients", "oauth-system-prefix",
    "codex-instructions-file", "usage-database", "metrics", "max-request-body-mb",
    "transient-error-cooldown-seconds",
)  # fmt: skip
"""Canonical order of the top-level keys; ours follow those of the reference."""

_REQUIRED: dict[type, tuple[str, ...]] = {
    s.Model: ("name", "alias"),
    s.CompatKey: ("api-key",),
    s.CompatProvider: ("name", "base-url", "models"),
    s.AmpUpstreamKey: ("upstream-api-key", "api-keys"),
    s.AmpMapping: ("from", "to"),
    s.OAuthAlias: ("name", "alias"),
    s.PayloadModel: ("name", "protocol"),
    s.PayloadRule: ("models", "params"),
    s.PayloadFilter: ("models", "params"),
}
_REQUIRED_KEYS = {
    "gemini-api-key": ("api-key",),
    "vertex-api-key": ("api-key",),
    "codex-api-key": ("api-key", "base-url", "proxy-url", "models"),
    "claude-api-key": ("api-key", "base-url", "proxy-url", "models"),
}
_NAMES = {"from_model": "from", "to_model": "to", "metrics_public": "metrics"}


def render(settings: s.Settings) -> dict[str, Any]:
    """Every key with its value, in canonical order; list elements without what is empty and optional."""
    plain = {key_of(field.name): getattr(settings, field.name) for field in dataclasses.fields(settings)}
    plain["metrics"] = {"public": settings.metrics_public}
    plain["timeouts"] = _timeouts(settings.timeouts)
    return {key: _section(key, plain[key]) for key in ORDER}


def key_of(field: str) -> str:
    """The YAML key of a settings field."""
    return _NAMES.get(field, field.replace("_", "-"))


def is_zero(value: Any) -> bool:
    """False, 0, empty text, null, and lists or maps of nothing else (config.md 7.2)."""
    if isinstance(value, Mapping):
        return all(map(is_zero, value.values()))
    if isinstance(value, list | tuple):
        return all(map(is_zero, value))
    return not value


def _section(key: str, value: Any) -> Any:
    required = _REQUIRED_KEYS.get(key)
    if required is not None:
        return [_element(entry, required) for entry in value]
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_item(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {key_of(field.name): _plain(getattr(value, field.name)) for field in fields}
    return value


def _item(item: Any) -> Any:
    required = _REQUIRED.get(type(item))
    return _plain(item) if required is None else _element(item, required)


def _element(item: Any, required: tuple[str, ...]) -> dict[str, Any]:
    """Lists and maps of nothing but empty values are not empty: an entry may have a key that is blank."""
    return {key: value for key, value in _plain(item).items() if key in required or value}


def _timeouts(timeouts: s.Timeouts) -> dict[str, Any]:
    return {
        "first-byte": timeouts.common.first_byte,
        "idle": timeouts.common.idle,
        "providers": dict(timeouts.providers),
    }
