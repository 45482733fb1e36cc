"""Stopping gracefully under gunicorn's gevent worker: idle connections close at once, running requests finish.

The worker waits for every open connection, also for kept-alive ones on which nothing happens, up to ``keepalive``
seconds each. ``install`` replaces its wait for the next request by one that a stop can end (client-api.md 2.4).
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import TracebackType
from typing import Any

import gevent


class _Drain(BaseException):
    """Thrown into a greenlet that waits for a next request."""


class IdleWait:
    """Context around the wait for a next request: ends it quietly after ``keepalive`` seconds or when draining."""

    __slots__ = ("_drainer", "_greenlet", "_timeout")

    def __init__(self, drainer: Drainer, keepalive: float) -> None:
        self._drainer = drainer
        self._timeout = gevent.Timeout(keepalive)
        self._greenlet: Any = None

    def __enter__(self) -> None:
        self._greenlet = gevent.getcurrent()
        self._drainer.waiting.add(self._greenlet)
        self._timeout.start()
        if self._drainer.draining:
            self.__exit__(None, None, None)
            raise StopIteration  # gunicorn's word for: close this connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._timeout.close()
        self._drainer.waiting.discard(self._greenlet)
        return isinstance(error, _Drain) or error is self._timeout


class Drainer:
    """Knows which connections are idle and ends them on ``drain``."""

    def __init__(self, also: Callable[[], object] | None = None) -> None:
        self.waiting: set[Any] = set()
        self.draining = False
        self._also = also

    def drain(self) -> None:
        """Close idle connections, now and from now on."""
        self.draining = True
        for greenlet in tuple(self.waiting):
            gevent.kill(greenlet, _Drain)
        if self._also is not None:
            gevent.spawn(self._also)


def install(worker: Any, also: Callable[[], object] | None = None) -> Drainer:
    """Make a gevent worker drain on SIGTERM, and call ``also`` then; call it in ``post_worker_init``."""
    drainer = Drainer(also)
    keepalive = worker.cfg.keepalive
    worker.timeout_ctx = lambda: IdleWait(drainer, keepalive)
    previous = signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: Any) -> None:
        if callable(previous):
            previous(number, frame)
        gevent.get_hub().loop.run_callback_threadsafe(drainer.drain)

    signal.signal(signal.SIGTERM, stop)
    return drainer
