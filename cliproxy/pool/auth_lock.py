"""Who looks after an auth directory: one server, or else the command line (advisory lock, freed by any death)."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

LOCK_NAME = ".cliproxy-lock"


class AuthLock:
    """The lock of one auth directory; a context manager for short use."""

    def __init__(self, auth_dir: str) -> None:
        self.path = Path(auth_dir, LOCK_NAME)
        self._file: int | None = None

    def __repr__(self) -> str:
        return f"<AuthLock {self.path} {'held' if self.held else 'free or of another process'}>"

    @property
    def held(self) -> bool:
        """True while it is ours."""
        return self._file is not None

    def acquire(self) -> bool:
        """Take it without waiting; True when it is ours now.

        :raises OSError: the directory cannot be written.
        """
        if self._file is None:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                return False
            except OSError:
                os.close(handle)
                raise
            self._file = handle
        return True

    def release(self) -> None:
        """Give it back. Safe to call twice."""
        handle, self._file = self._file, None
        if handle is not None:
            os.close(handle)

    def __enter__(self) -> AuthLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
