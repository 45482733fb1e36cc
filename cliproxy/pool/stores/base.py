"""Where credentials are kept (config.md 17.1): one store per process, shared by all that read or write them."""

from __future__ import annotations

from typing import Protocol

from cliproxy.providers.credential import Credential


class TokenStore(Protocol):
    """Keeps auth records. All methods may block on I/O; none is called on the request path."""

    def list(self) -> list[Credential]:
        """All records, in sub-directories and without ``type`` too.

        :raises OSError: the store cannot be read.
        """

    def count(self) -> int:
        """How many entries ``list`` would give, without network access."""

    def save(self, credential: Credential) -> str:
        """Write a record; its path, or empty when nothing had to be written.

        :raises OSError, ValueError: nothing was changed.
        """

    def delete(self, credential_id: str) -> None:
        """Remove a record; one that is not there is no error.

        :raises ValueError: the id leads out of the store.
        """

    def set_base_dir(self, path: str) -> None:
        """Use another directory from now on."""
