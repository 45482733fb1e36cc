"""What the pool does beside the requests, in one thread (greenlet): see ``Job``."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do at start and then every so many seconds. Errors are logged, the next time comes."""

    every: float
    work: Callable[[], object]
    name: str


class Housekeeper:
    """Runs jobs until it is stopped."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = tuple(jobs)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"<Housekeeper {[job.name for job in self._jobs]}>"

    def start(self) -> None:
        """Begin; in the process that serves, after its fork."""
        self._thread = threading.Thread(target=self._run, name="housekeeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, waiting for the job that runs. Safe to call twice."""
        self._stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(10)
        self._thread = None

    def _run(self) -> None:
        due = dict.fromkeys(self._jobs, time.monotonic())
        while not self._stopping.is_set():
            now = time.monotonic()
            for job, moment in due.items():
                if moment <= now:
                    self._do(job)
                    due[job] = time.monotonic() + job.every
            self._stopping.wait(max(0.01, min(due.values(), default=now + 60) - time.monotonic()))

    @staticmethod
    def _do(job: Job) -> None:
        try:
            job.work()
        except Exception:
            log.exception("%s failed", job.name)
