"""Bytes on their way into a log: a little in memory, the rest in a temporary file (logging.md 9.3, 10.2).

``LogDisk`` is the one place that touches the disk; everything there runs in its worker's thread.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from cliproxy.blocking import Worker

log = logging.getLogger(__name__)

REQUEST, RESPONSE = "request-body-", "response-body-"
"""How temporary files of the two kinds begin."""
BACKLOG = 8 << 20
"""Bytes of one spool that may wait for a slow disk before pieces are dropped."""
_MOST_JOBS = 2000
_STALE_SECONDS = 3600.0
_COPY = 1 << 18
_SMALL, _BLOCK = 1 << 12, 1 << 14
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class LogDisk:
    """The logs folder. Trouble with it is said once, and once more when it is over; it never reaches a request."""

    def __init__(self, folder: Path, worker: Worker | None = None) -> None:
        self.folder = folder
        self._worker = worker or Worker("request-log")
        self._broken = self._fine_again = False
        self._lost = 0

    def __repr__(self) -> str:
        return f"<LogDisk {self.folder} {'broken' if self._broken else 'fine'}>"

    def submit(self, work: Callable[[], object], given_up: Callable[[], object] = lambda: None) -> None:
        """Do ``work`` in the disk's thread; ``given_up`` is called if it fails or cannot be done."""
        if self._broken and self._fine_again:
            log.info("request logs are written again; %d were lost", self._lost)
            self._broken = self._fine_again = False
            self._lost = 0
        if self._worker.waiting >= _MOST_JOBS:
            self._trouble("the disk is too slow")
            given_up()
            return

        def failed(error: Exception) -> None:
            self._trouble(error)
            given_up()

        self._worker.submit(work, failed)

    def lost(self) -> None:
        """Count a log that could not be written."""
        self._lost += 1

    def tidy(self) -> None:
        """Remove temporary files that an earlier run has left (older than an hour)."""
        self.submit(self._remove_stale)

    def drain(self) -> None:
        """Wait until everything is written."""
        self._worker.drain()

    def stop(self) -> None:
        """Write what waits, and end."""
        self._worker.stop()

    def temporary(self, prefix: str) -> tuple[int, str]:
        """(descriptor, path) of a new temporary file; the folder is made if need be. In the worker only."""
        path = f"{self.folder}/{prefix}{secrets.token_hex(8)}.tmp"
        try:
            return os.open(path, _NEW, 0o600), path
        except FileNotFoundError:
            self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            return os.open(path, _NEW, 0o600), path

    def write(self, name: str, pieces: Iterable[bytes]) -> None:
        """Write a whole log file, or none of it; an older one of that name is replaced. In the worker only."""
        descriptor, temporary = self.temporary(RESPONSE)
        try:
            with open(descriptor, "wb", _COPY) as file:
                file.writelines(pieces)
            os.replace(temporary, self.folder / name)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        self._fine_again = True

    def keep_newest(self, pattern: str, count: int) -> None:
        """Delete all but the newest files of a pattern; 0 keeps all. In the worker only."""
        if count <= 0:
            return
        found = sorted(self.folder.glob(pattern), key=_modified, reverse=True)
        for path in found[count:]:
            path.unlink(missing_ok=True)

    def _remove_stale(self) -> None:
        before = time.time() - _STALE_SECONDS
        for prefix in (REQUEST, RESPONSE):
            for path in self.folder.glob(f"{prefix}*.tmp"):
                if _modified(path) < before:
                    path.unlink(missing_ok=True)

    def _trouble(self, error: object) -> None:
        self._fine_again = False
        if not self._broken:
            self._broken = True
            log.warning(
                "request logs cannot be written to %s: %s; requests go on, their logs are lost until this is mended",
                self.folder,
                error,
            )


class Spool:
    """One body. ``write`` never waits and never fails; the rest belongs to the worker's thread.

    ``memory`` bytes stay in memory, ``limit`` bytes are kept at all (None = everything). ``truncated`` says that there
    was more, ``dropped`` how many pieces a slow disk cost, ``failed`` that the temporary file could not be written.
    """

    def __init__(self, disk: LogDisk, prefix: str, memory: int, limit: int | None = None) -> None:
        self._disk, self._prefix, self._memory, self._limit = disk, prefix, memory, limit
        self._pieces: list[bytes | bytearray] = []
        self._taken = self._handed = self._flushed = 0  # bytes; each is changed by one thread only
        self._path = ""
        self._descriptor = -1
        self.truncated = self.failed = False
        self.dropped = 0

    def __repr__(self) -> str:
        return f"<Spool {self._taken} bytes, {self._flushed} on disk>"

    def __len__(self) -> int:
        return self._taken

    def write(self, data: bytes) -> None:
        """Take a piece."""
        if self.failed or not data:
            return
        if self._limit is not None and self._taken + len(data) > self._limit:
            self.truncated = True
            data = data[: self._limit - self._taken]
            if not data:
                return
        if self._handed > self._flushed and self._taken - self._flushed + len(data) > BACKLOG:
            self.dropped += 1
            return
        self._keep(data)
        self._taken += len(data)
        if self._taken - self._handed > self._memory and self._handed == self._flushed:
            pieces, self._pieces, self._handed = self._pieces, [], self._taken
            self._disk.submit(lambda: self._flush(pieces), self._give_up)

    def _keep(self, data: bytes) -> None:
        """Small pieces go into blocks: alone they would take more memory than they hold."""
        pieces = self._pieces
        if len(data) >= _SMALL:
            pieces.append(data)
        elif pieces and isinstance(block := pieces[-1], bytearray) and len(block) < _BLOCK:
            block += data
        else:
            pieces.append(bytearray(data))

    @property
    def on_disk(self) -> bool:
        """True once there may be a temporary file."""
        return self._handed > 0

    def held(self) -> bytes:
        """What is in memory."""
        return b"".join(self._pieces)

    def discard(self) -> None:
        """Nobody wants it."""
        self._disk.submit(self.close)

    def pieces(self) -> Iterator[bytes]:
        """The whole body, once. In the worker only."""
        if self._descriptor >= 0:
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            while data := os.read(self._descriptor, _COPY):
                yield data
        for piece in self._pieces:
            yield bytes(piece)

    def close(self) -> None:
        """Remove the temporary file. In the worker only."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
            Path(self._path).unlink(missing_ok=True)
        self._pieces.clear()

    def _flush(self, pieces: list[bytes | bytearray]) -> None:
        if self._descriptor < 0:
            self._descriptor, self._path = self._disk.temporary(self._prefix)
        data = memoryview(b"".join(pieces))
        size = len(data)
        while data:
            data = data[os.write(self._descriptor, data) :]
        self._flushed += size

    def _give_up(self) -> None:
        """In a greenlet: nothing more is taken, and the file goes."""
        self.failed = True
        self._pieces.clear()
        self._disk.submit(self.close)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
