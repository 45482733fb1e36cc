"""The key for Amp's own server: per client, configured, from the environment, from Amp's file (amp-routing.md 11)."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cliproxy.config.settings import AmpUpstreamKey
from cliproxy.errors import CliproxyError

log = logging.getLogger(__name__)

VARIABLE = "AMP_API_KEY"
_FILE = ".local/share/amp/secrets.json"
_ENTRY = "apiKey@https://ampcode.com/"
_KEPT_SECONDS = 300.0


class SecretUnreadable(CliproxyError):
    """Amp's file of secrets exists but cannot be used."""

    code = "amp_secret_unreadable"


def client_table(entries: Sequence[AmpUpstreamKey]) -> dict[str, str]:
    """Upstream key by client key: both trimmed, blanks left out, the first entry of a client key wins."""
    table: dict[str, str] = {}
    for entry in entries:
        secret = entry.upstream_api_key.strip()
        for client in filter(None, map(str.strip, entry.api_keys)):
            if secret and table.setdefault(client, secret) != secret:
                log.warning("amp upstream-api-keys: client API key appears in multiple entries; using first mapping.")
    return table


class SecretsFile:
    """The file that the Amp command line keeps; what was read counts for five minutes, also when it was nothing.

    ``clock`` gives monotonic seconds.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = path, clock
        self._lock = threading.Lock()
        self._read: tuple[float, str] | None = None

    def __repr__(self) -> str:
        return f"<SecretsFile {self._path}, {'read' if self._read else 'not read'}>"

    @classmethod
    def of_user(cls) -> SecretsFile:
        """The file in the home folder."""
        return cls(Path.home() / _FILE)

    def secret(self) -> str:
        """The key, empty when there is none.

        :raises SecretUnreadable: the file could not be read or is no JSON; until it is looked at again, there is none.
        """
        with self._lock:
            now = self._clock()
            if self._read is not None and now - self._read[0] < _KEPT_SECONDS:
                return self._read[1]
            self._read = (now, "")
            found = self._look()
            self._read = (now, found)
            return found

    def invalidate(self) -> None:
        """Look at the file the next time."""
        with self._lock:
            self._read = None

    def _look(self) -> str:
        try:
            entries = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return ""
        except (OSError, ValueError) as error:
            raise SecretUnreadable(f"cannot read {self._path}: {error}") from error
        found = entries.get(_ENTRY) if isinstance(entries, dict) else None
        return found.strip() if isinstance(found, str) else ""


class AmpSecrets:
    """All sources in their order. ``configure`` replaces what comes from the configuration."""

    def __init__(self, file: SecretsFile, environment: Mapping[str, str] = os.environ) -> None:
        self._file, self._environment = file, environment
        self._configured = ""
        self._of_clients: dict[str, str] = {}

    def __repr__(self) -> str:
        configured = "configured" if self._configured else "not configured"
        return f"<AmpSecrets {configured}, {len(self._of_clients)} clients with a key of their own>"

    def configure(self, configured: str, of_clients: Sequence[AmpUpstreamKey]) -> None:
        """Take over ``upstream-api-key`` and ``upstream-api-keys``."""
        configured = configured.strip()
        if configured != self._configured:
            self._configured = configured
            self._file.invalidate()
        self._of_clients = client_table(of_clients)

    def secret(self, client_key: str = "") -> str:
        """The key to use for a client, empty when there is none.

        :raises SecretUnreadable: Amp's file was asked and cannot be used.
        """
        return (
            (self._of_clients.get(client_key) if client_key else None)
            or self._configured
            or self._environment.get(VARIABLE, "").strip()
            or self._file.secret()
        )
