"""The usage statistics of a server: a queue's consumer that counts into SQLite (logging.md 16, design D15)."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from cliproxy.blocking import Worker, off_hub
from cliproxy.errors import RequestError
from cliproxy.records.usage.database import KEEP_DETAILS, Database
from cliproxy.records.usage.details import Detail
from cliproxy.records.usage.importing import ImportResult, entries
from cliproxy.records.usage.reading import Totals, snapshot, totals
from cliproxy.records.usage.record import UsageRecord

log = logging.getLogger(__name__)

T = TypeVar("T")

FILE_NAME = "usage.sqlite3"
BACKLOG = 10_000
_PATIENCE, _PATIENCE_AT_STOP = 600.0, 10.0


def database_path(configured: str, log_directory: Path) -> Path:
    """Where the file is: ``usage-database`` (config.md 5.12, ``~`` expanded), else in the log directory."""
    return Path(configured).expanduser() if configured else log_directory / FILE_NAME


class UsageStore:
    """Counts records, keeps the newest details, and answers questions about them.

    ``take`` never waits for the disk: a thread of its own writes. While the disk fails, the newest ``backlog`` records
    wait in memory; they are written with the next ones, or when somebody asks. ``enabled`` False drops records.
    """

    def __init__(
        self, path: Path, *, enabled: bool = True, keep: int = KEEP_DETAILS, backlog: int = BACKLOG,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self.enabled = enabled
        self._database = Database(path, keep)
        self._worker = Worker("usage")
        self._longest, self._clock = backlog, clock
        self._backlog: list[UsageRecord] = []
        self._lost = 0
        self._failing = self._outage = False

    def __repr__(self) -> str:
        state = "failing" if self._failing else "enabled" if self.enabled else "disabled"
        return f"<UsageStore {self.path} {state}, {len(self._backlog)} records wait for the disk>"

    @property
    def path(self) -> Path:
        """The database file; it is made with the first record."""
        return self._database.path

    def take(self, records: Sequence[UsageRecord]) -> None:
        """Have them written soon; nothing when disabled."""
        if self.enabled:
            self._write(records)

    def flush(self, seconds: float = _PATIENCE) -> None:
        """Return once everything taken so far is written, if it can be."""
        self._write(())
        self._worker.drain(seconds)
        self._tell_recovery()

    def snapshot(self) -> tuple[bytes, Totals]:
        """The JSON object ``usage`` and its totals.

        :raises RequestError: 503; the file cannot be read.
        """
        self.flush()
        return self._asked(lambda: snapshot(self.path), 503)

    def merge(self, data: bytes) -> ImportResult:
        """Take over an export file; works while disabled.

        :raises RequestError: 400; ``invalid json``, ``unsupported version``, or ``usage statistics unavailable`` when
            the disk fails.
        """
        self.flush()
        done: list[tuple[int, int]] = []
        errors: list[Exception] = []

        def work() -> None:
            done.append(self._database.merge(entries(data, self._clock())))

        self._worker.submit(work, errors.append)
        self._worker.drain(_PATIENCE)
        if errors:
            raise _shown(errors[0], 400) from errors[0]
        (added, skipped) = done[0]
        found = self._asked(lambda: totals(self.path), 400)
        return ImportResult(added, skipped, found.requests, found.failed)

    def stop(self) -> None:
        """Write what is left and close the file."""
        self.flush(_PATIENCE_AT_STOP)
        if self._backlog:
            log.warning("%d usage records could not be written and are lost", len(self._backlog))
        self._worker.submit(self._database.close, self._close_failed)
        self._worker.stop(_PATIENCE_AT_STOP)

    def _write(self, records: Sequence[UsageRecord]) -> None:
        self._tell_recovery()
        batch = (*self._backlog, *records)
        self._backlog = []
        if batch:
            self._worker.submit(lambda: self._written(batch), lambda error: self._failed(batch, error))

    def _written(self, batch: Sequence[UsageRecord]) -> None:
        self._database.add(map(Detail.of, batch))
        self._failing = False

    def _failed(self, batch: Sequence[UsageRecord], error: Exception) -> None:
        if not isinstance(error, sqlite3.Error | OSError):
            log.error("usage records could not be understood: %r", error, exc_info=error)
            return  # again would be no better
        waiting = [*batch, *self._backlog]
        self._backlog = waiting[-self._longest :]
        self._lost += len(waiting) - len(self._backlog)
        if not self._failing:
            self._failing = self._outage = True
            log.warning("usage statistics cannot be written to %s: %s", self.path, error)

    def _tell_recovery(self) -> None:
        if self._outage and not self._failing:
            lost, self._lost, self._outage = self._lost, 0, False
            log.info("usage statistics are written again%s", f", {lost} records are lost" if lost else "")

    def _close_failed(self, error: Exception) -> None:
        log.warning("usage statistics could not be closed: %s", error)

    @staticmethod
    def _asked(work: Callable[[], T], status: int) -> T:
        try:
            return off_hub(work)
        except (sqlite3.Error, OSError) as error:
            raise _shown(error, status) from error


def _shown(error: Exception, status: int) -> Exception:
    """What the client gets to see of an error."""
    if isinstance(error, sqlite3.Error | OSError):
        log.warning("usage statistics unavailable: %s", error)
        return RequestError("usage statistics unavailable", status=status)
    return error
