"""Files with secrets: written whole or not at all, readable by their owner only (design D10)."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path

_IN_PLACE_ERRORS = (errno.EBUSY, errno.EXDEV)


def atomic_write(path: str | os.PathLike[str], data: bytes, mode: int = 0o600) -> None:
    """Replace a file: temporary file in the same folder, fsync, rename. The folder must exist.

    Only when the target is itself a mount point (a bind-mounted single file) is it written in place, in one write.
    A symbolic link stays one; its target is replaced.

    :raises OSError: the file is as it was.
    """
    target = Path(os.path.realpath(path))
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if error.errno not in _IN_PLACE_ERRORS:
            raise
        _write_in_place(target, data)
        return
    _sync_folder(target.parent)


def _write_in_place(target: Path, data: bytes) -> None:
    with open(target, "r+b") as file:
        file.truncate(0)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut; not every file system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def resolve_auth_dir(value: str) -> str:
    """The auth directory as a path: ``~`` expanded, cleaned; empty stays empty (config.md 21)."""
    if not value:
        return ""
    if value.startswith("~"):
        rest = value[1:].lstrip("/\\").replace("\\", "/")
        value = os.path.join(os.path.expanduser("~"), rest)
    return os.path.normpath(value)
