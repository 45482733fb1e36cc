"""Credentials from the JSON files of the auth directory (config.md 10)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from cliproxy.config.normalise import prefix_of
from cliproxy.config.settings import Settings
from cliproxy.errors import CliproxyError
from cliproxy.pool.synthesis import exclusions_hash
from cliproxy.pool.virtual_projects import as_parent, with_children
from cliproxy.providers.credential import Credential


class InvalidAuthFile(CliproxyError):
    """The content of a file is no credential; ``text`` says why."""

    code = "invalid_auth_file"


def checked_content(data: bytes) -> dict[str, Any]:
    """The JSON object of an auth file that somebody brings.

    :raises InvalidAuthFile: it is none, or nobody would read it.
    """
    try:
        content = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InvalidAuthFile(str(error)) from None
    if not isinstance(content, dict):
        raise InvalidAuthFile("it is not a JSON object")
    if not _has_type(content):
        raise InvalidAuthFile('it has no "type", such as "claude" or "codex", so it belongs to no provider')
    return content


def credentials_from_files(auth_dir: str, settings: Settings) -> list[Credential]:
    """All credentials of the auth files: ``records_of_files``, and the projects of those with several (10.3)."""
    return with_children(records_of_files(auth_dir, settings))


def records_of_files(auth_dir: str, settings: Settings) -> list[Credential]:
    """One record for every usable auth file directly in ``auth_dir``, by name; files that make no sense are skipped."""
    try:
        names = names_of_files(auth_dir) if auth_dir else []
    except OSError:
        return []
    return [item for name in names for item in _credentials(Path(auth_dir, name), settings)]


def names_of_files(auth_dir: str) -> list[str]:
    """The names of all files directly in ``auth_dir`` that may be auth files.

    :raises OSError: it cannot be read.
    """
    return sorted(name for name in os.listdir(auth_dir) if name.lower().endswith(".json"))


def read_json_object(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None for anything else."""
    try:
        content = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    return content if isinstance(content, dict) else None


def _credentials(path: Path, settings: Settings) -> Iterator[Credential]:
    content = read_json_object(path) if path.is_file() else None
    if content is not None and _has_type(content):
        yield credential_of(path, content, settings)


def _has_type(content: Mapping[str, Any]) -> bool:
    kind = content.get("type")
    return isinstance(kind, str) and bool(kind.strip())


def credential_of(path: Path, content: Mapping[str, Any], settings: Settings) -> Credential:
    """The record of one auth file; its id is the file name. One with several projects is a parent (10.3)."""
    provider = str(content["type"]).strip().lower()
    provider = "gemini-cli" if provider == "gemini" else provider
    attributes = {"source": str(path), "path": str(path), "auth_kind": "oauth"}
    if digest := exclusions_hash(settings.oauth_excluded_models.get(provider, ())):
        attributes["excluded_models_hash"] = digest
    if priority := _priority(content.get("priority")):
        attributes["priority"] = priority
    attributes.update(_headers(content.get("headers")))
    email, proxy = content.get("email"), content.get("proxy_url")
    record = Credential(
        id=path.name,
        provider=provider,
        label=email if isinstance(email, str) and email else provider,
        prefix=prefix_of(content["prefix"]) if isinstance(content.get("prefix"), str) else "",
        proxy_url=proxy if isinstance(proxy, str) else "",
        file_name=path.name,
        disabled=content.get("disabled") is True,
        attributes=attributes,
        metadata=content,
    )
    return as_parent(record)


def _headers(value: object) -> dict[str, str]:
    """Headers of the file's own (design D22), as attributes."""
    pairs = value.items() if isinstance(value, dict) else ()
    return {f"header:{name}": text for name, text in pairs if isinstance(text, str) and name.strip()}


def _priority(value: object) -> str:
    """A priority of the file's own (beyond.md 5.2), as an attribute; empty for none and 0."""
    if isinstance(value, str):
        value = value.strip()
    if isinstance(value, bool) or not isinstance(value, int | str):
        return ""
    try:
        number = int(value or 0)
    except ValueError:
        return ""
    return str(number) if number else ""
