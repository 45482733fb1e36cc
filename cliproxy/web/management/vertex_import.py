"""``POST vertex/import``: the key file of a Google service account (management-api.md 15)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from cliproxy.blocking import off_hub
from cliproxy.errors import LoginError
from cliproxy.oauth.desk import LoginDesk
from cliproxy.oauth.flow import TokenFile
from cliproxy.oauth.vertex import import_key
from cliproxy.web.management.answers import OK, ManagementError
from cliproxy.web.management.api import Route

_MOST = 1 << 20
"""Bytes of a request; key files have two thousand."""
_WITH_REASON = {
    "invalid_json": "invalid json", "invalid_service_account": "invalid service account",
    "bad_location": "invalid location",
}  # fmt: skip


class VertexImportRoute:
    """The route."""

    def __init__(self, desk: LoginDesk) -> None:
        self._desk = desk

    def routes(self) -> Iterator[Route]:
        """One."""
        yield Route("vertex/import", ("POST",), self._import)

    def _import(self) -> Any:
        try:
            _ = self._desk.auth_dir
        except LoginError as error:
            raise ManagementError("auth directory not configured", 503) from error
        made = _made()
        try:
            path = self._desk.save(made)
        except LoginError as error:
            raise ManagementError("save_failed", 500, message=error.text) from error
        shown = {name: made.content[name] for name in ("project_id", "email", "location")}
        return {**OK, "auth-file": path, **shown}


def _made() -> TokenFile:
    data, location = _uploaded()
    try:
        return off_hub(lambda: import_key(data, location=location))
    except LoginError as error:
        if error.code in _WITH_REASON:
            raise ManagementError(_WITH_REASON[error.code], message=error.text) from error
        raise ManagementError(error.text) from error


def _uploaded() -> tuple[bytes, str]:
    """(the file, the location: of the form, else of the query)."""
    request.max_content_length = _MOST
    try:
        upload = request.files.get("file")
        if upload is None or not upload.filename:
            raise ManagementError("file required")
        data = upload.read()
    except RequestEntityTooLarge as error:
        raise ManagementError(f"failed to read file: the request is larger than {_MOST >> 20} MB", 413) from error
    except (OSError, ValueError) as error:
        raise ManagementError(f"failed to read file: {error}") from error
    return data, request.form.get("location", "").strip() or request.args.get("location", "")
