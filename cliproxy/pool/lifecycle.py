"""Keeps the pool, the configuration and the auth directory in step (config.md 12.4, 13; credentials.md 3).

Everything that changes credentials goes through one object, one change at a time, in order: settings, files that
somebody edited, connections, and our own writes (refreshed tokens, the ``disabled`` flag). Requests never wait for it.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from cliproxy.blocking import off_hub
from cliproxy.config.files import remove_leftovers, resolve_auth_dir
from cliproxy.config.settings import Settings
from cliproxy.pool.auth_files import checked_content, credential_of, names_of_files, records_of_files
from cliproxy.pool.pool import Pool
from cliproxy.pool.stores.base import TokenStore
from cliproxy.pool.synthesis import credentials_from_config, exclusions_hash
from cliproxy.pool.virtual_projects import as_stored, children_of, is_off, is_parent, with_children
from cliproxy.providers.credential import Credential
from cliproxy.providers.token_times import last_refresh

log = logging.getLogger(__name__)

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class _Unsaved:
    """A record that could not be written: it counts as long as the file is still what it replaces."""

    credential: Credential
    replaces: Mapping[str, Any]
    reason: str = ""


class CredentialSource:
    """Builds the full list of credentials and hands the differences to the pool."""

    def __init__(self, pool: Pool, store: TokenStore, settings: Settings) -> None:
        self._pool, self._store = pool, store
        self._settings = settings
        self._lock = threading.Lock()
        self._connected: dict[str, str] = {}
        self._unsaved: dict[str, _Unsaved] = {}
        self._switched_off: dict[str, Credential] = {}
        self.auth_dir = ensure_auth_dir(store.auth_dir or settings.auth_dir)
        store.set_base_dir(self.auth_dir)

    def __repr__(self) -> str:
        unsaved = f", {len(self._unsaved)} not saved yet" if self._unsaved else ""
        return f"<CredentialSource {self.auth_dir}{unsaved}>"

    @property
    def unsaved(self) -> Mapping[str, str]:
        """Ids of what is in force but could not be written so far, and why."""
        return {credential_id: unsaved.reason for credential_id, unsaved in self._unsaved.items()}

    # What others changed.

    def load(self) -> list[str]:
        """Bring the pool up to date; returns what was done (``add id`` ...)."""
        with self._lock:
            done = self._sync()
        self._announce()
        return done

    def catch_up(self) -> None:
        """Take over what files say now, without waiting for the watcher."""
        with self._lock:
            self._sync()

    def file_changed(self, path: str, *, removed: bool) -> list[str]:
        """An auth file was written or removed by whomever."""
        done = self.load()
        name = os.path.basename(path)
        try:
            off_hub(lambda: self._store.push(f"{'Remove' if removed else 'Sync'} auth {name}", [path]))
        except OSError as error:
            log.error("auth file %s could not be passed on to the token store: %s", name, error)
        return done

    def connect(self, name: str, provider: str = "aistudio") -> None:
        """Add a credential that lives as long as a connection (config.md 12.5); nothing of it is ever stored."""
        with self._lock:
            self._connected[name] = provider
            self._sync()

    def disconnect(self, name: str) -> None:
        """Take the credential of a connection out again."""
        with self._lock:
            self._connected.pop(name, None)
            self._sync()

    def settings_changed(self, old: Settings, new: Settings) -> list[str]:
        """Take over a new configuration; records are bound again where it changes what they offer."""
        force_all = old.force_model_prefix != new.force_model_prefix or old.oauth_model_alias != new.oauth_model_alias
        with self._lock:
            self._settings = new
            if new.auth_dir != old.auth_dir and not self._store.auth_dir:
                self.auth_dir = ensure_auth_dir(new.auth_dir)
                self._store.set_base_dir(self.auth_dir)
            self._pool.refresh_settings()
            done = self._sync(force_all=force_all)
        self._announce()
        return done

    def tidy(self) -> None:
        """Delete what a killed process has left half-written."""
        for path in off_hub(lambda: remove_leftovers(self.auth_dir)):
            log.info("removed what was left of an interrupted write: %s", path)

    # What we change.

    def save(self, credential: Credential) -> None:
        """Register or update a credential and write it to the store (credentials.md 3.1, 3.3).

        Records without a file of their own (config keys, connections) are only kept in memory.

        :raises OSError, ValueError: it could not be written; nothing was changed.
        """
        with self._lock:
            if credential.attributes.get("runtime_only") == "true" or not credential.metadata:
                self._pool.put(credential)
                return
            off_hub(lambda: self._store.save(as_stored(credential)))
            self._sync()

    def refreshed(self, before: Credential, after: Credential) -> Credential | None:
        """Take over what a refresh of ``before`` has changed in its metadata; the record as it is now.

        Fields that somebody else has changed meanwhile (a new login) win over ours. None: the credential is gone.
        """
        changes = _differences(before.metadata, after.metadata)
        with self._lock:
            self._sync()  # the file may have been edited a moment ago
            entry = self._pool.get(before.id)
            if entry is None:
                log.info("%s was removed while its token was refreshed", before.id)
                return None
            current = entry.credential
            if not changes:
                return current
            if any(current.metadata.get(key, _ABSENT) != before.metadata.get(key, _ABSENT) for key in changes):
                log.info("%s has other tokens since its refresh began: these stay", before.id)
                return current
            metadata = {**current.metadata, **changes}
            return self._write(current, {key: value for key, value in metadata.items() if value is not _ABSENT})

    def import_file(self, name: str, data: bytes) -> None:
        """Make ``data``, byte for byte, the auth file ``name``, which replaces one of that name; in force at once.

        :raises InvalidAuthFile: it is no credential.
        :raises OSError, ValueError: it could not be written. Either way nothing was changed.
        """
        with self._lock:
            record = credential_of(Path(self.auth_dir, name), checked_content(data), self._settings)
            off_hub(lambda: self._store.save(as_stored(record), data))
            self._unsaved.pop(record.id, None)
            self._sync()
            entry = self._pool.get(record.id)
            if entry is not None and last_refresh(entry.credential) is not None:
                entry.runtime.last_refreshed_at = 0.0  # the time that the new file names counts

    def remove_file(self, name: str) -> bool:
        """Delete an auth file, whatever is in it; its credential is gone at once. False when there is none.

        :raises OSError, ValueError: it is still there.
        """
        with self._lock:
            path = Path(self.auth_dir, name)
            if not off_hub(lambda: path.is_file() or path.is_symlink()):
                return False
            off_hub(lambda: self._store.delete(name))
            self._sync()
        return True

    def remove_all_files(self) -> int:
        """Delete all auth files; how many. Those that cannot be deleted stay.

        :raises OSError: the auth directory cannot be read.
        """
        with self._lock:
            removed = off_hub(self._remove_files)
            self._sync()
        for name, error in removed.items():
            if error is not None:
                log.warning("%s could not be removed: %s", name, error)
        return sum(error is None for error in removed.values())

    def _remove_files(self) -> dict[str, Exception | None]:
        """What came of the removal of each file."""
        removed: dict[str, Exception | None] = {}
        for name in names_of_files(self.auth_dir):
            try:
                self._store.delete(name)
                removed[name] = None
            except (OSError, ValueError) as error:
                removed[name] = error
        return removed

    def change_file(self, credential_id: str, edit: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> bool:
        """Give an auth file the content ``edit(content)``, in force at once; False when there is no such file.

        Its cooldowns stay. What could not be written is in ``unsaved``.
        """
        with self._lock:
            self._sync()
            entry = self._pool.get(credential_id)
            if entry is None or not has_file(entry.credential):
                return False
            self._write(entry.credential, edit(entry.credential.metadata))
            if is_parent(entry.credential):
                self._sync()  # takes out projects that it no longer names
        return True

    def set_disabled(self, credential_id: str, disabled: bool, because: str = "") -> bool:
        """Switch a credential off or on, lasting for files, else until its entry changes; False for an unknown id.

        Switching on is a new beginning: cooldowns of before do not count. ``because`` is shown while it is off. What
        could not be written is in ``unsaved``.
        """
        with self._lock:
            self._sync()
            entry = self._pool.get(credential_id)
            if entry is None:
                return False
            if is_off(entry.credential) != disabled:
                self._switch(entry.credential, disabled)
            entry.runtime.off_because = because if disabled else ""
        return True

    def switch_off(self, credential_id: str) -> None:
        """Note that one without a file is off; nothing is written."""
        with self._lock:
            entry = self._pool.get(credential_id)
            if entry is not None and not entry.credential.disabled and not has_file(entry.credential):
                self._switch(entry.credential, True)

    def _switch(self, current: Credential, disabled: bool) -> None:
        if has_file(current):
            self._write(current, {**current.metadata, "disabled": disabled}, own_write=disabled)
            return
        parent = self._pool.get(current.attributes.get("gemini_virtual_parent", ""))
        if parent is not None and is_off(parent.credential):
            log.info("%s stays off as long as its file is switched off", current.id)
            return
        enabled = self._switched_off.pop(current.id, None) or replace(current, disabled=False)
        if disabled:
            self._switched_off[current.id] = enabled
        self._pool.put(replace(enabled, disabled=disabled))

    def _write(self, current: Credential, metadata: Mapping[str, Any], *, own_write: bool = True) -> Credential:
        """New content of an auth file: in force at once, then on disk, however long that takes."""
        path = current.attributes.get("path")
        if path is None:
            new = replace(current, metadata=metadata)
            self._pool.put(new, own_write=own_write)
            return new
        # Exactly what the store writes and the next look at the file reads, or it would count as somebody's change.
        content = orjson.loads(orjson.dumps({**metadata, "disabled": metadata.get("disabled") is True}))
        new = credential_of(Path(path), content, self._settings)
        self._pool.put(new, own_write=own_write)
        for child in map(self._as_switched, children_of(new)):
            entry = self._pool.get(child.id)
            if entry is None or entry.credential != child:
                self._pool.put(child, own_write=own_write)
        self._save_or_remember(_Unsaved(new, current.metadata))
        return new

    def save_again(self) -> None:
        """Try once more to write what could not be written."""
        if not self._unsaved:
            return
        with self._lock:
            self._sync()
            for unsaved in list(self._unsaved.values()):
                self._save_or_remember(unsaved)

    def _save_or_remember(self, unsaved: _Unsaved) -> None:
        credential = unsaved.credential
        earlier = self._unsaved.get(credential.id)
        try:
            off_hub(lambda: self._store.save(as_stored(credential)))
        except (OSError, ValueError) as error:
            # What is on disk is still what the first of them was to replace.
            replaced = earlier.replaces if earlier else unsaved.replaces
            self._unsaved[credential.id] = replace(unsaved, replaces=replaced, reason=str(error))
            if earlier is None:
                log.error("%s could not be saved and will be tried again: %s", credential.id, error)
        else:
            if self._unsaved.pop(credential.id, None) is not None:
                log.info("%s is saved now", credential.id)

    def _sync(self, *, force_all: bool = False) -> list[str]:
        files = off_hub(lambda: records_of_files(self.auth_dir, self._settings))
        wanted = [
            *map(self._as_switched, credentials_from_config(self._settings)),
            *map(self._as_switched, with_children(map(self._as_last_written, files))),
            *(
                self._as_switched(runtime_credential(name, provider, self._settings))
                for name, provider in self._connected.items()
            ),
        ]
        present = {credential.id for credential in wanted}
        for memory in (self._unsaved, self._switched_off):
            for credential_id in [key for key in memory if key not in present]:
                del memory[credential_id]
        return self._pool.sync(wanted, force=(lambda credential: True) if force_all else None)

    def _as_last_written(self, read: Credential) -> Credential:
        """What we hold of a file that could not be written, unless somebody else has written it."""
        unsaved = self._unsaved.get(read.id)
        if unsaved is None:
            return read
        if read.metadata != unsaved.replaces:
            del self._unsaved[read.id]
            return read
        return credential_of(Path(read.attributes["path"]), unsaved.credential.metadata, self._settings)

    def _as_switched(self, made: Credential) -> Credential:
        """A config key or connection that was switched off, as long as its entry is the same."""
        off = self._switched_off.get(made.id)
        if off is None:
            return made
        if off != made:
            del self._switched_off[made.id]
            return made
        return replace(made, disabled=True)

    def _announce(self) -> None:
        """The two summary lines of config.md 13.2 and 13.5."""
        settings = self._settings
        try:
            entries = off_hub(self._store.count)
        except OSError as error:
            log.debug("countAuthFiles: failed to list auth records: %s", error)
            entries = 0
        gemini, claude, codex = map(len, (settings.gemini_api_key, settings.claude_api_key, settings.codex_api_key))
        vertex = len(settings.vertex_api_key)
        compat = sum(len(provider.api_key_entries) for provider in settings.openai_compatibility)
        total = entries + gemini + claude + codex + vertex + compat
        log.info(
            "full client load complete - %d clients (%d auth files + %d Gemini API keys + %d Vertex API keys + "
            "%d Claude API keys + %d Codex keys + %d OpenAI-compat)",
            total, entries, gemini, vertex, claude, codex, compat,
        )  # fmt: skip
        print(  # noqa: T201 - the reference's line, which scripts wait for
            f"server clients and configuration updated: {total} clients ({entries} auth entries + {gemini} Gemini API "
            f"keys + {claude} Claude API keys + {codex} Codex keys + {vertex} Vertex-compat + {compat} OpenAI-compat)",
            flush=True,
        )


def has_file(credential: Credential) -> bool:
    """True for those that are what their file says: no config keys, connections or children of a file's record."""
    return "path" in credential.attributes and credential.attributes.get("runtime_only") != "true"


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """What ``new`` says otherwise; ``_ABSENT`` for what it no longer has."""
    changed = {key: value for key, value in new.items() if old.get(key, _ABSENT) != value}
    return {**changed, **{key: _ABSENT for key in old if key not in new}}


def runtime_credential(name: str, provider: str, settings: Settings) -> Credential:
    """The record of a connection: only in memory, counted among the logins (config.md 12.5)."""
    attributes = {"runtime_only": "true", "auth_kind": "oauth"}
    if digest := exclusions_hash(settings.oauth_excluded_models.get(provider, ())):
        attributes["excluded_models_hash"] = digest
    return Credential(name, provider, name, attributes=attributes, metadata={"email": name})


def ensure_auth_dir(value: str) -> str:
    """The auth directory's path; created (0700) when it is missing.

    :raises OSError: it is a file, or cannot be created.
    """
    path = os.path.abspath(resolve_auth_dir(value))
    if not os.path.isdir(path):
        os.makedirs(path, mode=0o700)
        log.info("created missing auth directory: %s", path)
    return path
