"""Files with secrets: written whole or not at all, readable by their owner only (design D10)."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import tempfile
import time
from pathlib import Path

_IN_PLACE_ERRORS = (errno.EBUSY, errno.EXDEV)
_LEFTOVER = re.compile(r"\..+\.[a-z0-9_]{8}\.tmp")
_LEFTOVER_AGE = 60.0


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


def remove_leftovers(folder: str | os.PathLike[str], older_than: float = _LEFTOVER_AGE) -> list[str]:
    """Delete temporary files that a killed process has left under ``folder``; their paths.

    ``older_than``: seconds; younger ones may be somebody's who is just writing.
    """
    removed = []
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            with contextlib.suppress(OSError):
                if _LEFTOVER.fullmatch(name) and time.time() - os.stat(path).st_mtime > older_than:
                    os.unlink(path)
                    removed.append(path)
    return removed


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
