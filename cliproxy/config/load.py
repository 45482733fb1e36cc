"""Reading config.yaml: text to validated, normalised settings with every problem of the file (config.md 3, 4, 6)."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from marshmallow import ValidationError, fields

from cliproxy.config import schema
from cliproxy.config.document import Document, Scalar, dotted, parse
from cliproxy.config.document import Path as KeyPath
from cliproxy.config.legacy import migrate
from cliproxy.config.management_key import hash_key, is_plaintext
from cliproxy.config.normalise import normalise
from cliproxy.config.save import update_scalar, with_scalar
from cliproxy.config.settings import Settings
from cliproxy.errors import ConfigError, Problem

log = logging.getLogger(__name__)

SAMPLE_KEYS = frozenset({"your-api-key-1", "your-api-key-2", "your-api-key-3"})
"""Client keys of the example file; a server must not run with them (config.md 4, design D18)."""

_SECRET_KEY = ("remote-management", "secret-key")


@dataclass(frozen=True, slots=True)
class Loaded:
    """One configuration that was read. ``sample_keys`` are problems only for those who want to start with it."""

    settings: Settings
    warnings: tuple[Problem, ...] = ()
    sample_keys: tuple[Problem, ...] = ()
    migrated: bool = False
    """True when legacy keys were folded in memory (config.md 6.3)."""
    rewritten: bool = False
    """True when the hash of the management key was written into the file."""
    secret_line: int = 0
    """Where the management key stands; 0 = nowhere."""
    empty: bool = False
    """True when the text says nothing at all: no line, comments only, null."""


def config_path(explicit: str | None = None, environment: Mapping[str, str] | None = None) -> Path:
    """The file to read: ``explicit``, else ``CLIPROXY_CONFIG``, else ``config.yaml`` here (config.md 3)."""
    environment = os.environ if environment is None else environment
    return Path(explicit or environment.get("CLIPROXY_CONFIG") or "config.yaml").absolute()


def load_text(text: str) -> Loaded:
    """Validate and normalise a file's text.

    :raises ConfigError: with every problem, in file order.
    """
    document = parse(text)
    warnings = list(_unknown_keys(document))
    migrated = migrate(document)
    try:
        raw: Settings = schema.SettingsSection().load(document.tree)
    except ValidationError as error:
        raise ConfigError(sorted(_problems(error.messages, document), key=lambda problem: problem.line)) from None
    settings, dropped = normalise(raw)
    warnings += [replace(problem, line=_line_of(document, problem.key)) for problem in dropped]
    warnings += list(_ignored(document, settings))
    secret_line = document.lines.get(_SECRET_KEY, 0)
    return Loaded(
        settings, tuple(warnings), tuple(_sample_keys(document)), migrated,
        secret_line=secret_line, empty=document.empty,
    )  # fmt: skip


def load_file(path: str | os.PathLike[str], *, write_hash: bool = True) -> Loaded:
    """Read a file. A plaintext management key is replaced by its hash, in memory and (``write_hash``) in the file.

    :raises ConfigError: unreadable, or wrong in any way.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Problem(f"cannot read {path}: {error}")]) from None
    loaded, hashed = with_hashed_key(load_text(text))
    return replace(loaded, rewritten=bool(hashed) and write_hash and _write_hash(path, hashed))


def with_hashed_key(loaded: Loaded) -> tuple[Loaded, str]:
    """The same with the hash of a plaintext management key, and that hash; empty when there was nothing to hash.

    :raises ConfigError: the key is too long.
    """
    secret = loaded.settings.remote_management.secret_key
    if not is_plaintext(secret):
        return loaded, ""
    try:
        hashed = hash_key(secret)
    except ConfigError as error:
        raise ConfigError([replace(problem, line=loaded.secret_line) for problem in error.problems]) from None
    management = replace(loaded.settings.remote_management, secret_key=hashed)
    return replace(loaded, settings=replace(loaded.settings, remote_management=management)), hashed


def check_text(text: str) -> tuple[str, Loaded]:
    """What a text would be as a file of ours: with the management key hashed; nothing is written.

    :raises ConfigError: with every problem; keys of the example are problems.
    """
    loaded, hashed = load_text(text), ""
    problems = list(loaded.sample_keys)
    try:
        loaded, hashed = with_hashed_key(loaded)
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(sorted(problems, key=lambda problem: problem.line))
    return with_scalar(text, _SECRET_KEY, hashed) if hashed else text, loaded


def _write_hash(path: str | os.PathLike[str], hashed: str) -> bool:
    try:
        update_scalar(path, _SECRET_KEY, hashed)
    except (OSError, ConfigError, ValueError) as error:  # a read-only file must not stop the service
        log.warning("management key could not be hashed in %s: %s", path, error)
        return False
    return True


def refuse_sample_keys(loaded: Loaded) -> None:
    """Stop a start or reload with keys that everybody knows.

    :raises ConfigError: naming key and line.
    """
    if loaded.sample_keys:
        raise ConfigError(loaded.sample_keys)


def _line_of(document: Document, key: str) -> int:
    return next((line for path, line in document.lines.items() if dotted(path) == key), 0)


def _problems(messages: Any, document: Document, path: KeyPath = ()) -> Iterator[Problem]:
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            yield from _problems(inner, document, path if key == "_schema" else (*path, key))
    else:
        for message in messages if isinstance(messages, list) else [messages]:
            yield Problem(str(message), dotted(path), document.line(path))


def _unknown_keys(document: Document) -> Iterator[Problem]:
    root = schema.SettingsSection()
    for path in _unknown(document.tree, root, ()):
        if len(path) == 1 and path[0] in schema.LEGACY_KEYS:
            continue
        if path[0] == "openai-compatibility" and path[-1] == "api-keys":
            continue
        yield Problem("unknown key, ignored", dotted(path), document.line(path))


def _unknown(tree: Mapping[str, Any], section: Any, path: KeyPath) -> Iterator[KeyPath]:
    known = {str(field.data_key): field for field in section.fields.values()}
    for key, value in tree.items():
        if key not in known:
            yield (*path, key)
        else:
            yield from _unknown_below(value, known[key], (*path, key))


def _unknown_below(value: Any, field: Any, path: KeyPath) -> Iterator[KeyPath]:
    if isinstance(field, fields.Nested) and isinstance(value, dict):
        yield from _unknown(value, field.schema, path)
    elif isinstance(field, fields.List) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown_below(item, field.inner, (*path, index))
    elif isinstance(field, schema.Mapped) and isinstance(value, dict):
        for key, item in value.items():
            yield from _unknown_below(item, field.values, (*path, key))


def _ignored(document: Document, settings: Settings) -> Iterator[Problem]:
    for index, entry in enumerate(settings.claude_api_key):
        if entry.cloak is not None:
            line = document.line(("claude-api-key", index, "cloak"))
            yield Problem("cloak is accepted and has no effect", "claude-api-key.cloak", line)
            return


def _sample_keys(document: Document) -> Iterator[Problem]:
    keys = document.tree.get("api-keys")
    for index, key in enumerate(keys if isinstance(keys, list) else []):
        if isinstance(key, Scalar) and key.text in SAMPLE_KEYS:
            words = f"{key.text!r} is a key of the example file, known to everybody: put one of your own here"
            yield Problem(words, f"api-keys[{index}]", document.line(("api-keys", index)))
