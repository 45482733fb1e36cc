"""Where credentials are kept (config.md 17.1): one store per process, shared by all that read or write them.

The pool reads the files of ``auth_dir`` itself. A store that keeps its records elsewhere (a database, a bucket, a
repository) mirrors them into a directory of its own and names it there; what changes in it comes back with ``push``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cliproxy.providers.credential import Credential


class TokenStore(Protocol):
    """Keeps auth records. All methods may block on I/O; none is called on the request path."""

    auth_dir: str
    """The directory that this store keeps in step; empty = the one of the configuration (``set_base_dir``)."""

    def list(self) -> list[Credential]:
        """All records, in sub-directories and without ``type`` too.

        :raises OSError: the store cannot be read.
        """

    def count(self) -> int:
        """How many entries ``list`` would give, without network access."""

    def save(self, credential: Credential, text: bytes | None = None) -> str:
        """Write a record; its path, or empty when nothing had to be written.

        ``text``: write just this (the first file of a login, config.md 17.3), which holds the record's metadata.

        :raises OSError, ValueError: nothing was changed.
        """

    def delete(self, credential_id: str) -> None:
        """Remove a record; one that is not there is no error.

        :raises ValueError: the id leads out of the store.
        """

    def set_base_dir(self, path: str) -> None:
        """Use another directory from now on; ignored by stores with an ``auth_dir`` of their own."""

    def push(self, message: str, paths: Sequence[str]) -> None:
        """Bring files that changed, or are gone, to where the store really keeps them. Within 30 s.

        :raises OSError: they are still only here.
        """
