"""Changes of one credential: on or off, fields of its file, its cooldowns (management-api.md 11.6, 11.7, 23)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from cliproxy.pool.file_fields import changed, checked
from cliproxy.pool.lifecycle import CredentialSource, has_file
from cliproxy.pool.pool import Pool
from cliproxy.pool.virtual_projects import is_off
from cliproxy.web.management.answers import OK, ManagementError, invalid_body
from cliproxy.web.management.api import Route
from cliproxy.web.management.bodies import field, json_object, required

log = logging.getLogger(__name__)

_SWITCHED_OFF = "disabled via management API"


class CredentialChangeRoutes:
    """Their routes."""

    def __init__(self, pool: Pool, source: CredentialSource) -> None:
        self._pool, self._source = pool, source

    def routes(self) -> Iterator[Route]:
        """Two PATCHes and the reset."""
        yield Route("auth-files/status", ("PATCH",), self._switch)
        yield Route("auth-files/fields", ("PATCH",), self._change_fields)
        yield Route("reset-quota", ("POST",), self._reset)

    def _switch(self) -> Any:
        name, disabled = _wish()
        if not self._source.set_disabled(name, disabled, _SWITCHED_OFF):
            raise _unknown()
        self._check_saved(name)
        entry = self._pool.get(name)
        if entry is not None and is_off(entry.credential) != disabled:
            parent = entry.credential.attributes.get("gemini_virtual_parent", "")
            raise ManagementError(f"failed to update auth: enable its file {parent} first", 409)
        log.info("%s was %s via management API", name, "disabled" if disabled else "enabled")
        return {**OK, "disabled": disabled}

    def _change_fields(self) -> Any:
        body = _object()
        name = _name(body)
        fields = {key: value for key, value in body.items() if key != "name"}
        if not fields:
            raise ManagementError("no fields to update")
        checked(fields)
        if not self._source.change_file(name, lambda content: changed(content, fields)):
            raise self._without_file(name)
        self._check_saved(name)
        log.info("%s: %s changed via management API", name, ", ".join(sorted(fields)))
        return OK

    def _reset(self) -> Any:
        index = required(json_object(), "auth_index", str).strip()
        if not index:
            raise invalid_body()
        entries = self._pool.with_index(index)
        if not entries:
            raise ManagementError("auth not found", 404)
        blocked = [model for entry in entries for model in self._pool.reset(entry.id) or ()]
        log.info("cooldowns of %s were reset via management API", ", ".join(entry.id for entry in entries))
        return {**OK, "auth_index": index, "models": list(dict.fromkeys(blocked))}

    def _without_file(self, name: str) -> ManagementError:
        entry = self._pool.get(name)
        if entry is None or has_file(entry.credential):
            return _unknown()
        parent = entry.credential.attributes.get("gemini_virtual_parent")
        words = f"change its file {parent}" if parent else "it has no file whose fields could be changed"
        return ManagementError(f"{name}: {words}")

    def _check_saved(self, credential_id: str) -> None:
        """Raise when a change is in force but not on disk."""
        reason = self._source.unsaved.get(credential_id)
        if reason is not None:
            words = f"failed to update auth: in force, but not saved yet and lost at a restart: {reason}"
            raise ManagementError(words, 500)


def _wish() -> tuple[str, bool]:
    """(name, disabled) of the body, in the order of 11.6's errors."""
    body = _object()
    try:
        name, disabled = field(body, "name", str), field(body, "disabled", bool)
    except ManagementError:
        raise _unreadable() from None
    name = _name({"name": name})
    if disabled is None:
        raise ManagementError("disabled is required")
    return name, disabled


def _object() -> dict[str, Any]:
    try:
        return json_object()
    except ManagementError:
        raise _unreadable() from None


def _name(body: dict[str, Any]) -> str:
    name = body.get("name")
    if not isinstance(name, str) or not name.strip():
        raise ManagementError("name is required")
    return name.strip()


def _unreadable() -> ManagementError:
    return ManagementError("invalid request body")


def _unknown() -> ManagementError:
    return ManagementError("auth file not found", 404)
