"""Queue and store together: what the rest of the program sees of the usage statistics (management-api.md 17.2)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict

import orjson

from cliproxy.records.moments import utc_now
from cliproxy.records.usage.importing import ImportResult
from cliproxy.records.usage.queue import UsageQueue
from cliproxy.records.usage.record import UsageRecord
from cliproxy.records.usage.store import UsageStore


class UsageStatistics:
    """A sink for records, the bodies of the management routes, and the switch ``usage-statistics-enabled``."""

    def __init__(self, queue: UsageQueue, store: UsageStore, clock: Callable[[], float] = time.time) -> None:
        self.queue, self.store, self._clock = queue, store, clock
        queue.add(store.take)

    def __repr__(self) -> str:
        return f"<UsageStatistics {self.queue!r} {self.store!r}>"

    def record(self, record: UsageRecord) -> None:
        """Take one record; a few microseconds."""
        self.queue.record(record)

    def switch(self, enabled: bool) -> None:
        """Count from now on, or no longer; what was recorded before counts by the old setting. Data are kept."""
        if enabled != self.store.enabled:
            self.queue.flush()
            self.store.enabled = enabled

    def usage_body(self) -> bytes:
        """``GET usage``: ``{"usage":{..},"failed_requests":n}``, with everything recorded so far.

        :raises RequestError: 503; the database cannot be read.
        """
        self.queue.flush()
        usage, totals = self.store.snapshot()
        return b'{"usage":%b,"failed_requests":%d}' % (usage, totals.failed)

    def export_body(self) -> bytes:
        """``GET usage/export``: ``{"version":1,"exported_at":<UTC>,"usage":{..}}``. Raises as ``usage_body``."""
        self.queue.flush()
        usage, _ = self.store.snapshot()
        return b'{"version":1,"exported_at":"%b","usage":%b}' % (utc_now(self._clock()).encode(), usage)

    def import_body(self, data: bytes) -> bytes:
        """``POST usage/import``: ``{"added","skipped","total_requests","failed_requests"}``.

        :raises RequestError: 400; ``invalid json``, ``unsupported version`` or ``usage statistics unavailable``.
        """
        self.queue.flush()
        result: ImportResult = self.store.merge(data)
        return orjson.dumps(asdict(result))

    def stop(self) -> None:
        """Write what is left; records that come later are dropped."""
        self.queue.stop()
        self.store.stop()
