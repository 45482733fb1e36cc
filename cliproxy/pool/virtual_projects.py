"""Gemini CLI files with several project ids (config.md 10.3): one record for the file, one for each project.

The file's own record (the parent) has the tokens and serves nothing; its children serve, each with its project, and
have no tokens. Children live in memory only and follow their file: whoever builds the list of records makes them anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from cliproxy.providers.credential import Credential
from cliproxy.providers.gemini_cli_token import projects_of, token_of

_KEPT = ("source", "path", "auth_kind", "excluded_models_hash", "priority")
_OVERRIDES = ("disable_cooling", "request_retry")
_UNSAFE = str.maketrans({"/": "_", "\\": "_", " ": "_"})


def is_parent(credential: Credential) -> bool:
    """True for the record of a file whose projects are credentials of their own."""
    return credential.attributes.get("gemini_virtual_primary") == "true"


def as_parent(record: Credential) -> Credential:
    """A file's record; marked and never asked itself when the file has several projects."""
    projects = projects_of(record.metadata) if record.provider == "gemini-cli" else ()
    if len(projects) < 2:
        return record
    marks = {"gemini_virtual_primary": "true", "virtual_children": ",".join(projects)}
    return replace(record, disabled=True, attributes={**record.attributes, **marks})


def with_children(records: Iterable[Credential]) -> list[Credential]:
    """The records of files, behind each parent its children."""
    return [item for record in records for item in (record, *children_of(record))]


def children_of(record: Credential) -> Iterator[Credential]:
    """The children of a parent; none for any other record."""
    if is_parent(record):
        attributes = _attributes(record)
        for project in projects_of(record.metadata):
            yield Credential(
                id=f"{record.id}::{project.translate(_UNSAFE)}",
                provider=record.provider,
                label=f"{record.label} [{project}]",
                prefix=record.prefix,
                proxy_url=record.proxy_url,
                disabled=is_off(record),
                attributes={**attributes, "gemini_virtual_project": project},
                metadata=_metadata(record, project),
            )


def is_off(credential: Credential) -> bool:
    """True when somebody switched a credential off. A parent is in the pool as disabled; its file says what counts."""
    return credential.metadata.get("disabled") is True if is_parent(credential) else credential.disabled


def as_stored(credential: Credential) -> Credential:
    """The record as a store writes it: that a parent is never asked must not get into its file."""
    return replace(credential, disabled=is_off(credential))


def _attributes(parent: Credential) -> dict[str, str]:
    kept = {key: value for key, value in parent.attributes.items() if key in _KEPT or key.startswith("header:")}
    found = {**kept, "runtime_only": "true", "gemini_virtual_parent": parent.id}
    return {**found, "login_hash": digest} if (digest := _login(parent.metadata)) else found


def _login(metadata: Mapping[str, Any]) -> str:
    """Change detector: after a new login, cooldowns of the old one say nothing about the children any more."""
    token = token_of(metadata).refresh_token
    return hashlib.sha256(token.encode()).hexdigest()[:16] if token else ""


def _metadata(parent: Credential, project: str) -> dict[str, Any]:
    content = parent.metadata
    email = content.get("email")
    found: dict[str, Any] = {
        "email": email if isinstance(email, str) else "", "project_id": project, "virtual": True,
        "virtual_parent_id": parent.id, "type": content.get("type"),
    }  # fmt: skip
    for key in _OVERRIDES:
        spelled = next((name for name in (key, key.replace("_", "-")) if name in content), None)
        if spelled is not None:
            found[key] = content[spelled]
    if parent.proxy_url.strip():
        found["proxy_url"] = parent.proxy_url
    return found
