"""Work that would stop all greenlets: CPU-bound hashing, slow disks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar, cast

import gevent
from gevent import monkey

T = TypeVar("T")

_BATCH = 32
"""Jobs of a ``Worker`` that are handed to its thread at once."""


def off_hub(work: Callable[[], T]) -> T:
    """Run ``work`` in a real thread and wait for it, so that other greenlets go on meanwhile.

    Without gevent's patches, or in the hub itself, it simply runs. ``work`` must take no lock that a greenlet holds.
    """
    if not monkey.is_module_patched("threading") or gevent.getcurrent() is gevent.get_hub():
        return work()
    result, error = gevent.get_hub().threadpool.apply(_caught, (work,))
    if error is not None:
        raise error
    return cast(T, result)


def _caught(work: Callable[[], T]) -> tuple[T | None, Exception | None]:
    """Errors come back as values: the thread pool would print their tracebacks."""
    try:
        return work(), None
    except Exception as error:  # noqa: BLE001 - handed on
        return None, error


class Worker:
    """One real thread of its own for slow work (disks, databases), which is done in order.

    ``submit`` never waits: under gevent the thread works while greenlets go on. Without gevent's patches work is done
    at once, in the caller's thread. ``work`` must take no lock that a greenlet holds, so it must not log.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: deque[tuple[Callable[[], object], Callable[[Exception], object]]] = deque()
        self._pool: Any = None
        self._pump: Any = None

    def __repr__(self) -> str:
        return f"<Worker {self._name}, {len(self._jobs)} jobs waiting>"

    @property
    def waiting(self) -> int:
        """Jobs that have not begun."""
        return len(self._jobs)

    def submit(self, work: Callable[[], object], failed: Callable[[Exception], object]) -> None:
        """Do ``work`` soon; ``failed`` gets its exception, in a greenlet that may log, maybe after later work."""
        if not monkey.is_module_patched("threading"):
            _, error = _caught(work)
            if error is not None:
                failed(error)
            return
        self._jobs.append((work, failed))
        if self._pump is None:
            self._pump = gevent.spawn(self._run)

    def drain(self, seconds: float = 10.0) -> bool:
        """Wait until everything submitted so far is done; False when it takes too long."""
        pump = self._pump
        if pump is not None and pump is not gevent.getcurrent():
            pump.join(seconds)
        return self._pump is None

    def stop(self, seconds: float = 10.0) -> None:
        """Finish what was submitted and end the thread."""
        self.drain(seconds)
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.kill()

    def _run(self) -> None:
        if self._pool is None:
            self._pool = gevent.get_hub().threadpool_class(1)
        try:
            while self._jobs:
                # Handing over to a thread and back costs more than most jobs: what has come together goes together.
                batch = [self._jobs.popleft() for _ in range(min(len(self._jobs), _BATCH))]
                errors = self._pool.apply(_all_caught, ([work for work, _ in batch],))
                for (_, failed), error in zip(batch, errors, strict=True):
                    if error is not None:
                        failed(error)
        finally:
            self._pump = None


def _all_caught(jobs: list[Callable[[], object]]) -> list[Exception | None]:
    return [_caught(work)[1] for work in jobs]
