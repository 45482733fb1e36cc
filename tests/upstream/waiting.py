"""Wait for something to become true, instead of sleeping and hoping."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event
from typing import TypeVar

T = TypeVar("T")
_NEVER = Event()


def eventually(condition: Callable[[], T | None], what: str, *, seconds: float = 10.0, every: float = 0.02) -> T:
    """The first true value of ``condition``, asked each ``every`` seconds.

    :raises AssertionError: it stayed false for ``seconds``.
    """
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        _NEVER.wait(every)
