"""Keeps the pool in step with the configuration and the auth directory (config.md 12.4, 13; credentials.md 3.1)."""

from __future__ import annotations

import logging
import os
import threading

from cliproxy.config.files import resolve_auth_dir
from cliproxy.config.settings import Settings
from cliproxy.pool.auth_files import credentials_from_files
from cliproxy.pool.pool import Pool
from cliproxy.pool.stores.base import TokenStore
from cliproxy.pool.synthesis import credentials_from_config, exclusions_hash
from cliproxy.providers.credential import Credential

log = logging.getLogger(__name__)


class CredentialSource:
    """Builds the full list of credentials and hands the differences to the pool, one update at a time, in order."""

    def __init__(self, pool: Pool, store: TokenStore, settings: Settings) -> None:
        self._pool, self._store = pool, store
        self._settings = settings
        self._lock = threading.Lock()
        self._connected: dict[str, str] = {}
        self.auth_dir = ensure_auth_dir(settings.auth_dir)
        store.set_base_dir(self.auth_dir)

    def __repr__(self) -> str:
        return f"<CredentialSource {self.auth_dir}>"

    def load(self) -> list[str]:
        """Bring the pool up to date; returns what was done (``add id`` ...)."""
        with self._lock:
            done = self._sync(force_all=False)
        self._announce()
        return done

    def connect(self, name: str, provider: str = "aistudio") -> None:
        """Add a credential that lives as long as a connection (config.md 12.5); nothing of it is ever stored."""
        with self._lock:
            self._connected[name] = provider
            self._sync(force_all=False)

    def disconnect(self, name: str) -> None:
        """Take the credential of a connection out again."""
        with self._lock:
            self._connected.pop(name, None)
            self._sync(force_all=False)

    def settings_changed(self, old: Settings, new: Settings) -> list[str]:
        """Take over a new configuration; records are bound again where it changes what they offer."""
        force_all = old.force_model_prefix != new.force_model_prefix or old.oauth_model_alias != new.oauth_model_alias
        with self._lock:
            self._settings = new
            if new.auth_dir != old.auth_dir:
                self.auth_dir = ensure_auth_dir(new.auth_dir)
                self._store.set_base_dir(self.auth_dir)
            self._pool.refresh_settings()
            done = self._sync(force_all=force_all)
        self._announce()
        return done

    def _sync(self, *, force_all: bool) -> list[str]:
        wanted = [
            *credentials_from_config(self._settings),
            *credentials_from_files(self.auth_dir, self._settings),
            *(runtime_credential(name, provider, self._settings) for name, provider in self._connected.items()),
        ]
        return self._pool.sync(wanted, force=(lambda credential: True) if force_all else None)

    def _announce(self) -> None:
        """The two summary lines of config.md 13.2 and 13.5."""
        settings = self._settings
        try:
            entries = self._store.count()
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
