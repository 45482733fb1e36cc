"""Work that would stop all greenlets: CPU-bound hashing, slow disks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import gevent
from gevent import monkey

T = TypeVar("T")


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
