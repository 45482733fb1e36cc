"""Importing the key file of a Google service account for Vertex AI (oauth-login.md 10). Nothing is sent anywhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from cliproxy.errors import LoginError
from cliproxy.oauth.flow import TokenFile
from cliproxy.oauth.token_files import name_part, prefix_of
from cliproxy.providers.tokens.client import text_of
from cliproxy.providers.tokens.private_key import UnusableKey, with_normal_key

DEFAULT_LOCATION = "us-central1"


def read_key_file(path: str) -> bytes:
    """The content of a key file; ``~`` is the home directory.

    :raises LoginError: ``missing_path`` or ``read_failed``.
    """
    if not path.strip():
        raise LoginError("the path of the key file is missing", code="missing_path")
    try:
        return Path(path.strip()).expanduser().read_bytes()
    except (OSError, ValueError, RuntimeError) as error:
        raise LoginError(f"read failed: {error}", code="read_failed") from error


def import_key(data: bytes, *, location: str = "", prefix: str = "") -> TokenFile:
    """The token file for the content of a key file.

    ``prefix`` goes into the name here; ``save_login`` puts it into the file. Both ``prefix`` and ``location`` as typed.

    :raises LoginError: ``invalid_json``, ``invalid_service_account``, ``missing_project``, ``bad_location`` or
        ``bad_prefix``.
    """
    account = _parsed(data)
    try:
        account = with_normal_key(account)
    except UnusableKey as error:
        raise LoginError(str(error), code="invalid_service_account") from error
    if not (project := text_of(account, "project_id")):
        raise LoginError("project_id missing", code="missing_project")
    email = text_of(account, "client_email")
    content = {
        "service_account": dict(sorted(account.items())), "project_id": project, "email": email,
        "location": _location(location), "type": "vertex",
    }  # fmt: skip
    notes = () if email else ("the key file has no client_email: Google will not accept this account",)
    return TokenFile(_file_name(project, prefix_of(prefix)), content, _label(project, email), indent=True, notes=notes)


def _parsed(data: bytes) -> Mapping[str, Any]:
    try:
        # Bytes that are no UTF-8 come from terminals, inside the key, and go (10.1); so does Windows' mark.
        found = orjson.loads(data.decode("utf-8-sig", "ignore"))
    except orjson.JSONDecodeError as error:
        raise LoginError(f"invalid service account json: {error}", code="invalid_json") from error
    if not isinstance(found, dict):
        raise LoginError("invalid service account json: it is not an object", code="invalid_json")
    return found


def _location(text: str) -> str:
    """A location goes into a host name: nothing else may."""
    location = text.strip().lower() or DEFAULT_LOCATION
    if not re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", location):
        raise LoginError(f"a location is a name like europe-west4 or global, not {text!r}", code="bad_location")
    return location


def _file_name(project: str, prefix: str) -> str:
    parts = [name_part(text).replace(":", "_").replace(" ", "-") for text in (prefix, project) if text]
    return f"vertex-{'-'.join(parts)}.json"


def _label(project: str, email: str) -> str:
    return f"{project} ({email})" if email else project
