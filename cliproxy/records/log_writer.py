"""Log entries on their way to a file, beside the greenlets (logging.md 4.3)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import gevent
from gevent import monkey

from cliproxy.blocking import Worker
from cliproxy.records.rotating import RotatingFile

_BUFFER = 8 << 20
_BATCH = 1 << 18
"""Bytes: waiting at most, written at once."""
_PATIENCE = 5.0

_get_ident = monkey.get_original("_thread", "get_ident")


class LogWriter:
    """Takes entries without waiting and writes them in order, many at once, in a thread of its own.

    A disk that is full or stuck costs entries and never time: the buffer is bounded, what does not fit and what could
    not be written is counted, ``warn`` is told once per outage, and the count is written into the log when the disk
    takes entries again. For real threads beside gevent's too: their entries wait for the hub to look.

    :param own_thread: False = ``write`` writes at once (processes that serve nobody).
    :param lost: makes the log entry for a number of lost entries.
    """

    def __init__(
        self,
        file: RotatingFile,
        *,
        warn: Callable[[str], object],
        lost: Callable[[int], bytes],
        own_thread: bool = True,
        buffer: int = _BUFFER,
        worker: Worker | None = None,
    ) -> None:
        self.file = file
        self._warn, self._lost_entry = warn, lost
        self._buffer = buffer
        self._worker = (worker or Worker("main.log")) if own_thread else None
        self._entries: deque[bytes] = deque()
        self._scheduled = False
        self._warned = False
        # Each number has one writer, the hub's thread or the worker's: no lock is needed between them.
        self._accepted = self._taken = 0
        self._dropped = self._failed = self._told = 0
        self._hub = gevent.get_hub() if own_thread and monkey.is_module_patched("threading") else None
        self._home = _get_ident()

    def __repr__(self) -> str:
        return f"<LogWriter {self.file.path}, {len(self._entries)} entries waiting, {self.lost} lost>"

    @property
    def own_thread(self) -> bool:
        """Whether a thread of its own writes."""
        return self._worker is not None

    @property
    def lost(self) -> int:
        """Entries that were never written, since the start."""
        return self._dropped + self._failed

    def write(self, entry: bytes) -> None:
        """Take one entry, with its line end."""
        if self._accepted - self._taken + len(entry) > self._buffer:
            self._dropped += 1
            self._broken("the disk does not keep up")
            return
        self._accepted += len(entry)
        self._entries.append(entry)
        if self._worker is None:
            self._flush_here()
        elif self._hub is None or _get_ident() == self._home:
            self._schedule()
        else:
            self._hub.loop.run_callback_threadsafe(self._schedule)

    def drain(self, seconds: float = _PATIENCE) -> bool:
        """Wait until what waits is written; False when that takes too long."""
        return self._worker is None or self._worker.drain(seconds)

    def settle(self, seconds: float = _PATIENCE) -> bool:
        """Write what waits; from now on ``write`` writes at once. False when that took too long: the disk hangs."""
        worker, self._worker = self._worker, None
        if worker is None:
            return True
        if worker.drain(seconds):
            worker.stop()
            self._flush_here()
            return True
        self._dropped += len(self._entries)
        self._entries.clear()
        return False

    def close(self, seconds: float = _PATIENCE) -> None:
        """Write what waits and close the file, unless a thread still hangs in it."""
        if self.settle(seconds):
            self.file.close()

    def _schedule(self) -> None:
        if not self._scheduled and self._worker is not None:
            self._scheduled = True
            self._worker.submit(self._flush, lambda error: self._broken(str(error)))

    def _flush_here(self) -> None:
        try:
            self._flush()
        except OSError as error:
            self._broken(str(error))

    def _flush(self) -> None:
        """In the worker's thread: everything that waits.

        :raises OSError: some of it is lost.
        """
        self._scheduled = False  # before looking: whoever adds an entry after the last look has to call again
        error: OSError | None = None
        while self._entries:
            batch, size = [], 0
            while self._entries and size < _BATCH:
                batch.append(self._entries.popleft())
                size += len(batch[-1])
            self._taken += size
            error = self._write(batch) or error
        if error is not None:
            raise error
        self._warned = False

    def _write(self, batch: list[bytes]) -> OSError | None:
        missing = self.lost - self._told
        try:
            self.file.write([self._lost_entry(missing), *batch] if missing else batch)
        except OSError as error:
            self._failed += len(batch)
            return error
        self._told += missing
        return None

    def _broken(self, cause: str) -> None:
        """Say it once per outage."""
        if not self._warned:
            self._warned = True
            self._warn(f"cannot write {self.file.path}: {cause}; log entries are lost meanwhile")
