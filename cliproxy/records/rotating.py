"""``main.log`` on disk: appends whole entries, starts a new file at 10 MiB (logging.md 4.3). Blocks; never logs."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Callable, Sequence
from pathlib import Path

MAIN_LOG = "main.log"
ROTATE_AT = 10 << 20
"""Bytes."""
_FILE_MODE, _FOLDER_MODE = 0o600, 0o755
_FLAGS = os.O_APPEND | os.O_CREAT | os.O_WRONLY | getattr(os, "O_CLOEXEC", 0)


class RotatingFile:
    """Appends to ``<directory>/main.log``; a full file becomes ``main-YYYY-MM-DDTHH-MM-SS.mmm.log`` (UTC).

    Others may truncate, rename or delete the file meanwhile, and other processes may append to it: each write looks
    first what lies there. Everything raises ``OSError``; the next write tries again from the start. For one thread at
    a time.
    """

    def __init__(
        self, directory: str | os.PathLike[str], limit: int = ROTATE_AT, clock: Callable[[], float] = time.time
    ) -> None:
        self.directory = Path(directory)
        self.path = self.directory / MAIN_LOG
        self._limit, self._clock = limit, clock
        self._handle = -1
        self._inode = 0

    def __repr__(self) -> str:
        return f"<RotatingFile {self.path} {'open' if self._handle >= 0 else 'closed'}>"

    def open(self) -> None:
        """Make sure that the file can be written: creates it and its directory."""
        os.makedirs(self.directory, mode=_FOLDER_MODE, exist_ok=True)
        self._open(_FILE_MODE)

    def write(self, entries: Sequence[bytes]) -> None:
        """Append entries, each with its line end; none is ever divided between two files.

        What could not be written whole is taken back, so that no half line stays.
        """
        begin = 0
        while begin < len(entries):
            room = self._limit - self._prepare(len(entries[begin]))
            end, size = begin + 1, len(entries[begin])
            while end < len(entries) and size + len(entries[end]) <= room:
                size += len(entries[end])
                end += 1
            self._append(b"".join(entries[begin:end]))
            begin = end

    def close(self) -> None:
        """Let go of the file. A later write opens it again."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

    def _prepare(self, length: int) -> int:
        """Have the right file open for ``length`` more bytes; its present size."""
        found = self._look()
        opened = found is None or self._handle < 0 or found.st_ino != self._inode
        if found is not None and found.st_size:
            after = found.st_size + length
            if after > self._limit or (opened and after == self._limit):
                self._rotate(stat.S_IMODE(found.st_mode))
                return 0
        if opened:
            self.close()
            os.makedirs(self.directory, mode=_FOLDER_MODE, exist_ok=True)
            self._open(_FILE_MODE)
        return found.st_size if found is not None else 0

    def _look(self) -> os.stat_result | None:
        try:
            return os.stat(self.path)
        except FileNotFoundError:
            return None

    def _open(self, mode: int) -> None:
        handle = os.open(self.path, _FLAGS, mode)
        self.close()
        self._handle, self._inode = handle, os.fstat(handle).st_ino

    def _rotate(self, mode: int) -> None:
        self.close()
        os.rename(self.path, self._free_name())
        self._open(mode)
        os.fchmod(self._handle, mode)  # the umask may have taken some of it

    def _free_name(self) -> Path:
        """The name of this millisecond, or of the next one that is not taken."""
        moment = int(self._clock() * 1000)
        while True:
            seconds, milliseconds = divmod(moment, 1000)
            stamp = time.strftime("%Y-%m-%dT%H-%M-%S", time.gmtime(seconds))
            path = self.directory / f"main-{stamp}.{milliseconds:03d}.log"
            if not os.path.lexists(path):
                return path
            moment += 1

    def _append(self, data: bytes) -> None:
        written = 0
        try:
            while written < len(data):
                written += os.write(self._handle, data[written:] if written else data)
        except OSError:
            if written:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._handle, os.fstat(self._handle).st_size - written)
            raise
