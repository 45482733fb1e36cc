"""Auth files as files: download, upload, delete (management-api.md 11.3 to 11.5)."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Response, request

from cliproxy.blocking import off_hub
from cliproxy.errors import RequestError
from cliproxy.pool.auth_files import InvalidAuthFile
from cliproxy.pool.lifecycle import CredentialSource
from cliproxy.web.bodies import too_large
from cliproxy.web.management.answers import OK, ManagementError
from cliproxy.web.management.api import Route
from cliproxy.web.management.bodies import raw_body
from cliproxy.web.management.downloads import download

log = logging.getLogger(__name__)

_LARGEST = 4 << 20
"""Bytes of an uploaded file, far more than any login needs."""
_LARGEST_FORM = _LARGEST + (64 << 10)
_LONGEST_NAME = 200
"""Bytes, so that the name of the temporary file fits too."""
_ALL = ("true", "1", "*")


class AuthFileRoutes:
    """Their routes."""

    def __init__(self, source: CredentialSource) -> None:
        self._source = source

    def routes(self) -> Iterator[Route]:
        """GET, POST and DELETE."""
        yield Route("auth-files/download", ("GET",), self._download)
        yield Route("auth-files", ("POST",), self._upload)
        yield Route("auth-files", ("DELETE",), self._delete)

    def _download(self) -> Response:
        path = Path(self._source.auth_dir, file_name(request.args.get("name", "")))
        if not off_hub(path.is_file):
            raise _missing()
        try:
            return download(path, "application/json")
        except FileNotFoundError:
            raise _missing() from None
        except OSError as error:
            raise ManagementError(f"failed to read file: {reason_of(error)}", 500) from error

    def _upload(self) -> Any:
        if request.mimetype == "multipart/form-data":
            name, data = _from_form()
            return self._import(name, data, "failed to save file")
        name = file_name(request.args.get("name", ""))
        return self._import(name, _from_body(), "failed to write file")

    def _import(self, name: str, data: bytes, failure: str) -> Any:
        try:
            self._source.import_file(name, data)
        except InvalidAuthFile as error:
            raise ManagementError(f"invalid auth file: {error.text}", 500) from error
        except (OSError, ValueError) as error:
            raise ManagementError(f"{failure}: {reason_of(error)}", 500) from error
        log.info("auth file %s was uploaded", name)
        return OK

    def _delete(self) -> Any:
        if request.args.get("all", "") in _ALL:
            return self._delete_all()
        name = file_name(request.args.get("name", ""))
        try:
            found = self._source.remove_file(name)
        except (OSError, ValueError) as error:
            raise ManagementError(f"failed to remove file: {reason_of(error)}", 500) from error
        if not found:
            raise _missing()
        log.info("auth file %s was removed via management API", name)
        return OK

    def _delete_all(self) -> Any:
        try:
            deleted = self._source.remove_all_files()
        except OSError as error:
            raise ManagementError(f"failed to read auth dir: {reason_of(error)}", 500) from error
        log.info("%d auth files were removed via management API", deleted)
        return {**OK, "deleted": deleted}


def file_name(name: str) -> str:
    """A name that may be that of an auth file.

    :raises ManagementError: 400; it is none.
    """
    if not name.strip() or re.search(r"[/\\\x00]", name) or len(os.fsencode(name)) > _LONGEST_NAME:
        raise ManagementError("invalid name")
    if not _is_json(name):
        raise ManagementError("name must end with .json")
    return name


def reason_of(error: Exception) -> str:
    """Why something could not be done with a file, without its path."""
    return (error.strerror if isinstance(error, OSError) else "") or str(error)


def _is_json(name: str) -> bool:
    return name.lower().endswith(".json")


def _missing() -> ManagementError:
    return ManagementError("file not found", 404)


def _from_form() -> tuple[str, bytes]:
    """(name, content) of the form's file; only the last part of its name counts."""
    if (request.content_length or 0) > _LARGEST_FORM:
        raise too_large(_LARGEST)
    file = request.files.get("file")
    if file is None:
        raise ManagementError("invalid name", message='the form has no field "file" with a file in it')
    name = re.split(r"[/\\]", file.filename or "")[-1]
    if not _is_json(name):
        raise ManagementError("file must be .json")
    return file_name(name), file.read()


def _from_body() -> bytes:
    try:
        return raw_body(_LARGEST)
    except RequestError as error:
        if error.status == 400:
            raise ManagementError("failed to read body", message=error.text) from error
        raise
