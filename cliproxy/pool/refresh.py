"""Renewing tokens before they end, beside the requests (credentials.md 10).

A request never waits for this as long as its token is good. There is one refresh per credential at a time: whoever
wants one while it runs gets its result.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cliproxy.errors import CliproxyError, RefreshRejected, UpstreamError
from cliproxy.pool.entry import Entry
from cliproxy.pool.lifecycle import CredentialSource
from cliproxy.pool.pool import Pool
from cliproxy.pool.refresh_rules import LONGEST_BACKOFF, WHILE_RUNNING, backoff, is_due, pause_after_success
from cliproxy.providers.base import Refreshes
from cliproxy.providers.credential import Credential

log = logging.getLogger(__name__)

Spawn = Callable[[Callable[[], None]], None]

_WORKERS = 16
_TIMEOUT = 30.0
_STOP = 10.0


@dataclass(slots=True)
class _Flight:
    """One refresh that runs; ``result`` or ``error`` is there once ``done`` is set."""

    done: threading.Event = field(default_factory=threading.Event)
    result: Credential | None = None
    error: CliproxyError | None = None


class RefreshScheduler:
    """Finds out who is due and renews, at most ``workers`` at once. ``clock`` gives Unix seconds.

    ``spawn`` runs something in a thread (greenlet) of its own.
    """

    def __init__(
        self,
        pool: Pool,
        source: CredentialSource,
        *,
        clock: Callable[[], float] = time.time,
        spawn: Spawn | None = None,
        workers: int = _WORKERS,
    ) -> None:
        self._pool, self._source, self._clock = pool, source, clock
        self._spawn = spawn or _thread
        self._slots = threading.BoundedSemaphore(workers)
        self._lock = threading.Lock()
        self._flights: dict[str, _Flight] = {}
        self._stopping = False

    def __repr__(self) -> str:
        return f"<RefreshScheduler {len(self._flights)} running>"

    def check(self) -> list[str]:
        """Start what is due; the ids."""
        now = self._clock()
        due = [entry.id for entry in self._pool.list() if self._is_due(entry, now)]
        started = [credential_id for credential_id in due if self._start(credential_id)[1]]
        if started:
            log.debug("refreshing tokens of %s", ", ".join(started))
        return started

    def refresh(self, credential_id: str, timeout: float = _TIMEOUT) -> Credential:
        """Renew now, or wait for the refresh that runs, and return the credential with its new tokens.

        One that failed a moment ago is not tried again before its pause is over.

        :raises UpstreamError: it failed, took longer than ``timeout`` seconds, or there is nothing to renew.
        """
        self._respect_pause(credential_id)
        flight, _ = self._start(credential_id)
        if not flight.done.wait(timeout):
            raise UpstreamError(f"the token of {credential_id} was not refreshed within {timeout:g}s")
        if flight.error is not None:
            raise flight.error
        if flight.result is None:
            raise UpstreamError(f"credential {credential_id} has no token to refresh")
        return flight.result

    def _respect_pause(self, credential_id: str) -> None:
        entry = self._pool.get(credential_id)
        if entry is None or credential_id in self._flights:
            return
        runtime = entry.runtime
        if runtime.refresh_failures and self._clock() < runtime.next_refresh_after:
            text = runtime.refresh_error or "nothing was renewed"
            raise RefreshRejected(text) if runtime.refresh_rejected else UpstreamError(text)

    def stop(self, timeout: float = _STOP) -> None:
        """Start nothing more, and let what runs end: a token that was renewed but not saved would be lost."""
        with self._lock:
            self._stopping = True
            running = list(self._flights.values())
        end = time.monotonic() + timeout
        for flight in running:
            flight.done.wait(max(0.0, end - time.monotonic()))

    @staticmethod
    def _is_due(entry: Entry, now: float) -> bool:
        credential, runtime = entry.credential, entry.runtime
        return (
            isinstance(entry.provider, Refreshes)
            and not credential.disabled
            and credential.account[0] != "api_key"
            and now >= runtime.next_refresh_after
            and is_due(credential, runtime.last_refreshed_at, now)
        )

    def _start(self, credential_id: str) -> tuple[_Flight, bool]:
        """(the running refresh of a credential, True if it was started by this call)."""
        with self._lock:
            flight = self._flights.get(credential_id)
            if flight is not None:
                return flight, False
            if self._stopping:
                return _Flight(_set(), error=UpstreamError("the server is stopping")), False
            flight = self._flights[credential_id] = _Flight()
        entry = self._pool.get(credential_id)
        if entry is not None:
            entry.runtime.next_refresh_after = self._clock() + WHILE_RUNNING
        self._spawn(lambda: self._run(credential_id, flight))
        return flight, True

    def _run(self, credential_id: str, flight: _Flight) -> None:
        with self._slots:
            try:
                flight.result = self._renew(credential_id)
            except CliproxyError as error:
                flight.error = error
            except Exception as error:
                log.exception("refreshing the token of %s failed", credential_id)
                flight.error = UpstreamError(str(error) or type(error).__name__)
            finally:
                with self._lock:
                    self._flights.pop(credential_id, None)
                flight.done.set()

    def _renew(self, credential_id: str) -> Credential | None:
        entry = self._pool.get(credential_id)
        provider = self._pool.provider_of(entry) if entry is not None else None
        if entry is None or not isinstance(provider, Refreshes):
            return None
        try:
            after = provider.refresh(entry.credential)
        except CliproxyError as error:
            self._failed(entry, error)
            raise
        except BaseException:
            self._back_off(entry)
            raise
        return self._succeeded(entry, after)

    def _succeeded(self, entry: Entry, after: Credential) -> Credential | None:
        now, runtime = self._clock(), entry.runtime
        current = self._source.refreshed(entry.credential, after)
        runtime.last_refreshed_at, runtime.refresh_error = now, ""
        if current is not None and after.metadata == entry.credential.metadata and is_due(current, now, now):
            self._back_off(entry)  # "renewed", but nothing is new: not every few seconds again
        else:
            runtime.refresh_failures, runtime.refresh_rejected = 0, False
            runtime.next_refresh_after = now + pause_after_success(after, now)
        self._pool.touch()
        return current

    def _failed(self, entry: Entry, error: CliproxyError) -> None:
        """Not asked again for a while; the credential stays usable with what it has."""
        if isinstance(error, RefreshRejected) and self._has_other_tokens(entry):
            entry.runtime.next_refresh_after = self._clock()
            return
        self._back_off(entry)
        entry.runtime.refresh_error = error.text
        entry.runtime.refresh_rejected = isinstance(error, RefreshRejected)
        if entry.runtime.refresh_rejected:
            entry.runtime.next_refresh_after = self._clock() + LONGEST_BACKOFF
            entry.runtime.refresh_error = f"log in again: {error.text}"
        log.warning("the token of %s could not be refreshed: %s", entry.id, error.text[:500])
        self._pool.touch()

    def _has_other_tokens(self, entry: Entry) -> bool:
        """True when somebody else has renewed the file's tokens: another process that shares it."""
        self._source.catch_up()
        now = self._pool.get(entry.id)
        return now is not None and now.credential.metadata != entry.credential.metadata

    def _back_off(self, entry: Entry) -> None:
        runtime = entry.runtime
        runtime.refresh_failures += 1
        runtime.next_refresh_after = self._clock() + backoff(runtime.refresh_failures)


def _set() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


def _thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="token-refresh", daemon=True).start()
