"""From the request path to those who keep or count usage (logging.md 15.2)."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence

from cliproxy.records.usage.record import UsageRecord

log = logging.getLogger(__name__)

BATCH, SECONDS = 500, 1.0
"""A batch is handed on when it has this many records, or this long after its first one (logging.md 16)."""

Consumer = Callable[[Sequence[UsageRecord]], None]
"""Takes some records in their order; may be slow for its own part, but not wait for ever."""


class UsageQueue:
    """An unbounded queue and one background task that hands its records, in batches, to every consumer.

    ``record`` costs an append. The task starts with the first record. A consumer that raises is logged; the others get
    the batch all the same. After ``stop`` records are dropped.
    """

    def __init__(self, *consumers: Consumer, batch: int = BATCH, seconds: float = SECONDS) -> None:
        self._consumers = list(consumers)
        self._batch, self._seconds = batch, seconds
        self._waiting: deque[UsageRecord] = deque()
        self._awake = self._stopped = False
        self._wake, self._full = threading.Event(), threading.Event()
        self._delivering = threading.RLock()
        self._starting = threading.Lock()
        self._task: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"<UsageQueue {len(self._waiting)} waiting, {len(self._consumers)} consumers>"

    def add(self, consumer: Consumer) -> None:
        """One more that gets every record from now on."""
        self._consumers.append(consumer)

    def record(self, record: UsageRecord) -> None:
        """Take one record; never waits, never raises."""
        if self._stopped:
            return
        self._waiting.append(record)
        if not self._awake:
            self._awake = True
            if self._task is None:
                self._start()
            self._wake.set()
        elif len(self._waiting) >= self._batch:
            self._full.set()

    def flush(self) -> None:
        """Hand on what is waiting, and return once every consumer has had it."""
        with self._delivering:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._batch))]
                for consumer in tuple(self._consumers):
                    try:
                        consumer(batch)
                    except Exception:
                        log.exception("a consumer of usage records failed")

    def stop(self) -> None:
        """Hand on what is waiting and end the task. Safe to call twice."""
        self._stopped = True
        self._full.set()
        self._wake.set()
        task = self._task
        if task is not None and task is not threading.current_thread():
            task.join(10)
        self.flush()

    def _start(self) -> None:
        with self._starting:
            if self._task is None:
                task = threading.Thread(target=self._run, name="usage", daemon=True)
                task.start()
                self._task = task

    def _run(self) -> None:
        while not self._stopped:
            self._wake.wait()
            self._full.wait(self._seconds)
            # In this order: what comes after the last line wakes us again, what came before is delivered now.
            self._wake.clear()
            self._full.clear()
            self._awake = False
            self.flush()
