"""Following ``main.log`` while the server writes it, also through rotation and truncation."""

from __future__ import annotations

import contextlib
import os
from io import FileIO
from pathlib import Path
from types import TracebackType

from cliproxy.records.log_reader import log_files
from cliproxy.records.rotating import MAIN_LOG

_BLOCK = 1 << 20


class Tail:
    """Reads what is added to the log of ``directory`` from now on. ``start`` = bytes of ``main.log`` that are old."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file: FileIO | None = None
        self.start = 0
        if self._open(directory / MAIN_LOG) and self._file is not None:
            self.start = self._file.seek(0, os.SEEK_END)

    def __enter__(self) -> Tail:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def read(self) -> bytes:
        """What was added since the last time; empty when nothing was. At most about 1 MiB at once.

        :raises OSError: the log cannot be read.
        """
        if self._file is None:
            if not self._open(self._directory / MAIN_LOG):
                return b""
        elif os.fstat(self._file.fileno()).st_size < self._file.tell():
            self._file.seek(0)  # somebody emptied it
        return self._rest() or self._next()

    def _rest(self) -> bytes:
        return self._file.read(_BLOCK) if self._file is not None else b""

    def _next(self) -> bytes:
        """The beginning of the file that followed the present one, when that was rotated away."""
        if self._file is None or _is(self._directory / MAIN_LOG, inode := os.fstat(self._file.fileno()).st_ino):
            return b""
        if data := self._rest():  # written between the last look and the rotation
            return data
        files = log_files(self._directory)
        known = next((index for index, path in enumerate(files) if _is(path, inode)), None)
        following = files[known + 1 :] if known is not None else files[-1:]
        for path in following:
            if self._open(path):
                return self._rest()
        return b""

    def _open(self, path: Path) -> bool:
        with contextlib.suppress(FileNotFoundError):
            file = path.open("rb", buffering=0)
            self.close()
            self._file = file
            return True
        return False


def _is(path: Path, inode: int) -> bool:
    try:
        return os.stat(path).st_ino == inode
    except FileNotFoundError:
        return False
