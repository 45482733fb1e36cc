"""Which of Antigravity's hosts is asked, and when the next one (providers.md 16.2). What sends is passed in."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from cliproxy.errors import UpstreamError, UpstreamStatus, UpstreamTransport

log = logging.getLogger(__name__)

T = TypeVar("T")
Send = Callable[[str], T]
"""One attempt at a base URL."""

_FULL = "no capacity available"
_STEP, _LONGEST = 0.25, 2.0


def first_answer(bases: Sequence[str], send: Send[T]) -> T:
    """One round: the next base after a network error or a 429.

    :raises UpstreamError: of the last attempt.
    """
    for base in bases[:-1]:
        try:
            return send(base)
        except UpstreamError as error:
            if not _moves_on(error):
                raise
            _note(base, error)
    return send(bases[-1])


def patient_answer(bases: Sequence[str], send: Send[T], rounds: int, sleep: Callable[[float], None]) -> T:
    """The same, and the next base, or another round after a pause, when a host has no capacity for the model.

    :raises UpstreamError: of the last attempt.
    """
    last = bases[-1]
    for number in range(1, max(1, rounds) + 1):
        for base in bases:
            try:
                return send(base)
            except UpstreamError as error:
                full = _is_full(error)
                if base != last:
                    if not full and not _moves_on(error):
                        raise
                elif not full or number >= rounds:
                    raise
                _note(base, error)
        sleep(min(number * _STEP, _LONGEST))
    raise AssertionError("the last attempt answers or raises")


def _moves_on(error: UpstreamError) -> bool:
    return isinstance(error, UpstreamTransport) or error.status == 429


def _is_full(error: UpstreamError) -> bool:
    return isinstance(error, UpstreamStatus) and error.status == 503 and _FULL in error.text.lower()


def _note(base: str, error: UpstreamError) -> None:
    log.debug("antigravity: %s does not answer (status %s), asking on", base, error.status)
