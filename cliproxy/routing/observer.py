"""Telling others what the model registry does, without ever waiting for them (credentials.md 11.2)."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Protocol

import gevent
from gevent import monkey

from cliproxy.routing.tables import ModelInfo

log = logging.getLogger(__name__)

BUDGET = 5.0
"""Seconds that an observer may take for one call; enforced where threads are greenlets."""
_MOST = 256


class Observer(Protocol):
    """Wants to know which credential offers which models."""

    def registered(self, provider: str, client: str, models: Sequence[ModelInfo]) -> None:
        """A credential now offers exactly these."""

    def unregistered(self, provider: str, client: str) -> None:
        """A credential offers nothing any more."""


class Notifier:
    """Calls an observer in order, in a thread of its own that lives while there is something to tell."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._lock = threading.Lock()
        self._waiting: deque[Callable[[], None]] = deque()
        self._running = False

    def __repr__(self) -> str:
        return f"<Notifier of {self._observer!r}, {len(self._waiting)} waiting>"

    def registered(self, provider: str, client: str, models: Sequence[ModelInfo]) -> None:
        """Tell soon; returns at once."""
        self._tell(lambda: self._observer.registered(provider, client, models))

    def unregistered(self, provider: str, client: str) -> None:
        """Tell soon; returns at once."""
        self._tell(lambda: self._observer.unregistered(provider, client))

    def _tell(self, call: Callable[[], None]) -> None:
        with self._lock:
            if len(self._waiting) >= _MOST:
                log.warning("an observer of the model registry is too slow: a message was dropped")
                return
            self._waiting.append(call)
            if self._running:
                return
            self._running = True
        threading.Thread(target=self._run, name="registry-observer", daemon=True).start()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running = False
                    return
                call = self._waiting.popleft()
            try:
                with gevent.Timeout(BUDGET) if monkey.is_module_patched("threading") else nullcontext():
                    call()
            except gevent.Timeout:
                log.warning("an observer of the model registry took more than %g s", BUDGET)
            except Exception:
                log.exception("an observer of the model registry failed")
