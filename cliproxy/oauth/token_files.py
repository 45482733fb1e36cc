"""Writing the token file of a login (oauth-login.md 2)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import orjson

from cliproxy.errors import LoginError
from cliproxy.oauth.flow import TokenFile
from cliproxy.pool.stores.base import TokenStore
from cliproxy.providers.credential import Credential

_LIFECYCLE = frozenset(
    {
        "access_token", "refresh_token", "id_token", "session_id", "expired", "last_refresh", "expires_in", "timestamp",
        "token_type", "user_code", "verification_uri", "verification_uri_complete",
    }
)  # fmt: skip
"""Keys of an old login that must not outlive it."""


def name_part(text: str) -> str:
    """A part of a file name: as it is, but for what would lead elsewhere."""
    return text.strip().replace("/", "_").replace("\\", "_").replace("\0", "_")


def prefix_of(text: str) -> str:
    """A model prefix: one segment without outer slashes.

    :raises LoginError: a slash is inside.
    """
    prefix = text.strip().strip("/").strip()
    if "/" in prefix:
        raise LoginError(f"a prefix is one word without slashes inside, not {text!r}", code="bad_prefix", exit_code=2)
    return prefix


def save_login(store: TokenStore, made: TokenFile, *, prefix: str = "", proxy_url: str = "") -> str:
    """Write a login's file; its path. What people added to an older file of that name stays.

    :raises LoginError: it could not be written; nothing was changed.
    """
    old = next((record for record in _records(store) if record.id == made.name), None)
    content = dict(made.content)
    if prefix:
        content["prefix"] = prefix
    if proxy_url:
        content["proxy_url"] = proxy_url
    content = with_kept(content, old.metadata if old is not None else {})
    text = orjson.dumps(content, option=orjson.OPT_INDENT_2 if made.indent else 0) + b"\n"
    record = Credential(
        made.name, str(content["type"]), made.label, file_name=made.name, disabled=content.get("disabled") is True,
        metadata=content,
    )  # fmt: skip
    try:
        return store.save(record, text)
    except (OSError, ValueError) as error:
        raise LoginError(f"{made.name} could not be saved: {error}", code="save_failed", status=500) from error


def with_kept(new: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """``new`` with the keys of ``old`` that it does not define, except tokens and their times; case ignored."""
    known = {key.lower() for key in new}
    kept = {key: value for key, value in old.items() if key.lower() not in known and key.lower() not in _LIFECYCLE}
    return {**new, **kept}


def checked_auth_dir(auth_dir: str) -> str:
    """The directory for logins.

    :raises LoginError: there is none: files would land in the working directory.
    """
    if not auth_dir.strip():
        raise LoginError("auth-dir is empty: logins need a folder, set it in the configuration", code="no_auth_dir")
    return os.path.abspath(auth_dir)


def _records(store: TokenStore) -> list[Credential]:
    try:
        return store.list()
    except OSError:
        return []
