"""The pool: which credentials there are, who is asked next, and what results do to them (credentials.md 3, 5, 6).

Decisions are made under one short lock; nothing here waits for anything. ``dispatch.py`` runs the requests.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from cliproxy.config.settings import Settings
from cliproxy.errors import CliproxyError
from cliproxy.pool.affinity import Bindings, Key
from cliproxy.pool.attempts import cooling_of
from cliproxy.pool.catalog import Catalog, Registrar
from cliproxy.pool.entry import Entry, Runtime, really_changed
from cliproxy.pool.health import Blocked, Failure, Health, Marks
from cliproxy.pool.selection import Selector, nobody
from cliproxy.pool.view import CredentialView, view_of
from cliproxy.pool.virtual_projects import is_parent
from cliproxy.providers.base import Provider, ProviderFactory
from cliproxy.providers.credential import Credential
from cliproxy.records.usage import Tokens
from cliproxy.translation.names import base_name

log = logging.getLogger(__name__)

T = TypeVar("T")

_MAX_CACHED = 2000

Remembered = Callable[[Credential], tuple[Health, Runtime] | None]
"""What is known about a credential from before the restart; asked once, when it first comes in."""


class Session(tuple[str, ...]):
    """Caller and conversation ids of a request that should stay with its credential."""

    __slots__ = ()


class Pool:
    """All credentials with their health. ``clock`` gives Unix seconds.

    ``changes`` counts what a restart must not lose (health), ``uses`` what it should not (counters).
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        registrar: Registrar,
        providers: ProviderFactory,
        settings: Callable[[], Settings],
        remembered: Remembered = lambda credential: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._catalog, self._registrar, self._provider_of = catalog, registrar, providers
        self._settings, self._remembered, self._clock = settings, remembered, clock
        self._lock = threading.RLock()
        self._one_change = threading.RLock()
        self._entries: dict[str, Entry] = {}
        self._candidates: dict[tuple[tuple[str, ...], str], tuple[Entry, ...]] = {}
        routing = settings().routing
        self._selector = Selector(fill_first=routing.fill_first)
        self._bindings = Bindings(routing.affinity_seconds)
        self.changes = self.uses = 0

    def __repr__(self) -> str:
        now, entries = self._clock(), self.list()
        enabled = [entry for entry in entries if not entry.credential.disabled]
        failing = sum(entry.health.status(now) == "error" for entry in enabled)
        counts = f"{len(entries)} credentials, {len(enabled)} enabled, {failing} failing"
        return f"<Pool {counts}, {self._selector.name}, {len(self._bindings)} conversations bound>"

    # Credentials come and go.

    def put(self, credential: Credential, *, own_write: bool = False) -> None:
        """Add or replace a credential and register its models first (3.1).

        Its health stays unless the credential really changed; ``own_write`` says that the change is ours (a refreshed
        token), which never counts.
        """
        with self._one_change:
            settings = self._settings()
            self._registrar(credential, settings)
            provider = self._provider_of(credential, settings) if _is_bound(credential) else None
            with self._lock:
                health, runtime = self._carried_over(credential, own_write=own_write)
                if credential.id not in self._entries:  # what is remembered shows in listings too
                    for model, marks in health.marks(self._clock()).items():
                        self._mark(credential.id, model, marks)
                self._entries[credential.id] = Entry(credential, provider, settings, health, runtime)
                self._candidates.clear()
                self.changes += 1

    def _carried_over(self, credential: Credential, *, own_write: bool) -> tuple[Health, Runtime]:
        """Health and runtime of the record that this one replaces, or of before the restart, else fresh ones."""
        now, old = self._clock(), self._entries.get(credential.id)
        if old is None:
            health, runtime = self._remembered(credential) or (Health(), Runtime(created_at=now))
        else:
            health, runtime = old.health, old.runtime
            if not own_write and really_changed(old.credential, credential):
                health = Health()
                runtime.new_login()
        runtime.updated_at = now
        return health, runtime

    def register_again(self, credential_id: str) -> None:
        """Take over what a credential offers now. Unknown ids are no error."""
        with self._one_change:
            entry = self.get(credential_id)
            if entry is not None:
                self._registrar(entry.credential, self._settings())
                with self._lock:
                    self._candidates.clear()

    def remove(self, credential_id: str) -> None:
        """Take a credential out and its models with it. Unknown ids are no error."""
        with self._one_change:
            self._catalog.unregister(credential_id)
            with self._lock:
                if self._entries.pop(credential_id, None) is not None:
                    self.changes += 1
                self._candidates.clear()

    def sync(
        self, credentials: Sequence[Credential], *, force: Callable[[Credential], bool] | None = None
    ) -> list[str]:
        """Make the pool hold exactly ``credentials``; only differences are applied.

        ``force`` names those to register again though they did not change. Returns what was done: ``add id``,
        ``modify id``, ``delete id``.
        """
        done = []
        wanted = {credential.id: credential for credential in credentials}
        with self._one_change:
            present = {entry.id: entry.credential for entry in self.list()}
            for credential_id, credential in wanted.items():
                old = present.get(credential_id)
                if old is None or old != credential or (force is not None and force(credential)):
                    self.put(credential)
                    done.append(f"{'add' if old is None else 'modify'} {credential_id}")
            for credential_id in present:
                if credential_id not in wanted:
                    self.remove(credential_id)
                    done.append(f"delete {credential_id}")
        return done

    def refresh_settings(self) -> None:
        """Take over new settings: strategy, aliases, providers. Health and rotation of an unchanged strategy stay."""
        settings = self._settings()
        routing = settings.routing
        with self._one_change, self._lock:
            if routing.fill_first != self._selector.fill_first:
                self._selector = Selector(fill_first=routing.fill_first)
                log.info("routing strategy updated to %s", self._selector.name)
            self._bindings.ttl = routing.affinity_seconds
            if not routing.session_affinity:
                self._bindings.clear()
            for key, entry in self._entries.items():
                provider = self._provider_of(entry.credential, settings) if _is_bound(entry.credential) else None
                self._entries[key] = Entry(entry.credential, provider, settings, entry.health, entry.runtime)
            self._candidates.clear()

    def reset(self, credential_id: str) -> tuple[str, ...] | None:
        """Clear a credential's blocks and errors by hand; the models that were blocked, None for an unknown id."""
        with self._lock:
            entry = self._entries.get(credential_id)
            if entry is None:
                return None
            now, known = self._clock(), list(entry.health.states)
            blocked = [model for model, state in entry.health.states.items() if state.has_error(now)]
            if entry.health.account is not None and now < entry.health.account.until:
                blocked = sorted(self._catalog.names_of(credential_id))
            entry.health.clear()
            self.changes += 1
        for model in known:
            self._catalog.clear_quota(credential_id, model)
            self._catalog.resume(credential_id, model)
        return tuple(blocked)

    # What is known.

    def list(self) -> list[Entry]:
        """All entries, by id. Read only."""
        with self._lock:
            return [self._entries[key] for key in sorted(self._entries)]

    def get(self, credential_id: str) -> Entry | None:
        """One entry. Read only."""
        return self._entries.get(credential_id)

    def with_index(self, index: str) -> tuple[Entry, ...]:
        """Those with a stable index, by id: several when entries of the configuration share a key. Read only."""
        return tuple(entry for entry in self.list() if entry.index == index)

    def provider_of(self, entry: Entry) -> Provider | None:
        """The provider of an entry, also while it is switched off: its tokens may be renewed all the same."""
        return entry.provider or self._provider_of(entry.credential, self._settings())

    def read(self, work: Callable[[Sequence[Entry]], T]) -> T:
        """The result of ``work`` on all entries, by id, while nothing changes them; it must be quick."""
        with self._lock:
            return work(self.list())

    def views(self) -> tuple[CredentialView, ...]:
        """Copies of all records with their state, by id, for listings."""
        now, names_of = self._clock(), self._catalog.names_of
        return self.read(lambda entries: tuple(view_of(entry, names_of(entry.id), now) for entry in entries))

    def view(self, credential_id: str) -> CredentialView | None:
        """A copy of one record with its state."""
        with self._lock:
            entry = self._entries.get(credential_id)
            return view_of(entry, self._catalog.names_of(entry.id), self._clock()) if entry is not None else None

    def blocked(self, credential_id: str, model: str) -> bool:
        """True when a credential cannot be asked for a route model now, or is not there."""
        with self._lock:
            entry = self._entries.get(credential_id)
            return entry is None or entry.provider is None or entry.blocked(base_name(model), self._clock()) is not None

    def providers_of(self, model: str) -> tuple[str, ...]:
        """Provider keys of those that offer a route model."""
        return self._catalog.providers_of(base_name(model))

    # Who is asked.

    def pick(self, keys: tuple[str, ...], model: str, tried: set[str], session: Session | None = None) -> Entry:
        """The credential to ask next for a route model (5); ``tried`` are out.

        :raises PoolError: nobody can be asked.
        """
        base, now = base_name(model), self._clock()
        with self._lock:
            candidates = self._supporting(keys, base)
            bindings = [(session[0], base, conversation) for conversation in session[1:]] if session else []
            entry = self._bound(bindings, candidates, base, tried, now)
            if entry is None:
                entry = self._selector.pick(model, self._best(candidates, model, base, tried, now))
            if bindings:
                self._bindings.bind(bindings, entry.id, now)
            health = entry.health
            if health.states or health.account is not None:
                health.picked(base, now)
        return entry

    def _bound(
        self, bindings: Sequence[Key], candidates: Sequence[Entry], base: str, tried: set[str], now: float
    ) -> Entry | None:
        """The conversation's credential while it can be asked, whatever its priority."""
        bound = self._bindings.find(bindings, now) if bindings else None
        entry = self._entries.get(bound) if bound is not None and bound not in tried else None
        if entry is None or entry not in candidates or entry.blocked(base, now) is not None:
            return None
        return entry

    @staticmethod
    def _best(candidates: Sequence[Entry], model: str, base: str, tried: set[str], now: float) -> Sequence[Entry]:
        """Those of the highest priority that can be asked.

        :raises PoolError: there is none.
        """
        free: list[Entry] = []
        blocks: list[Blocked] = []
        for entry in candidates:
            if free and entry.priority != free[0].priority:
                break
            if entry.id in tried:
                continue
            health = entry.health
            block = health.blocked(base, now) if health.states or health.account is not None else None
            if block is None:
                free.append(entry)
            else:
                blocks.append(block)
        if not free:
            raise nobody(model, blocks, now)
        return free

    def _supporting(self, keys: tuple[str, ...], base: str) -> tuple[Entry, ...]:
        """Who offers the model, highest priority first, then by id (5.1, 5.3)."""
        found = self._candidates.get((keys, base))
        if found is None:
            offering = (
                entry
                for entry in self._entries.values()
                if entry.provider is not None
                and entry.credential.executor_key in keys
                and self._catalog.supports(entry.id, base)
            )
            found = tuple(sorted(offering, key=lambda entry: (-entry.priority, entry.id)))
            if len(self._candidates) >= _MAX_CACHED:
                self._candidates.clear()
            self._candidates[keys, base] = found
        return found

    def shortest_wait(self, keys: tuple[str, ...], model: str, repeats: int) -> float | None:
        """Seconds until the first block of those ends that allow one more round than ``repeats`` (7); None = none."""
        settings, base, now = self._settings(), base_name(model), self._clock()
        with self._lock:
            blocks = [
                entry.blocked(base, now)
                for entry in self._supporting(keys, base)
                if entry.credential.request_retry(settings.request_retry) > repeats
            ]
        return min((max(0.0, block.until - now) for block in blocks if block is not None), default=None)

    # What came of it.

    def succeeded(self, entry: Entry, model: str) -> None:
        """The attempt was a success: everything bad about the model and the account is forgotten (6.4)."""
        base, health = base_name(model), entry.health
        if not (health.states or health.account or health.failing):
            return
        with self._lock:
            known = base in health.states
            health.succeeded(base, self._clock())
            self.changes += 1
            if known and self._is_current(entry):
                self._catalog.clear_quota(entry.id, base)
                self._catalog.resume(entry.id, base)

    def failed(self, entry: Entry, model: str, error: CliproxyError) -> None:
        """The attempt failed (6.1)."""
        base, cooling = base_name(model), cooling_of(entry.credential.metadata, self._settings())
        with self._lock:
            marks = entry.health.failed(base, Failure.of(error), self._clock(), cooling)
            self.changes += 1
            if not self._is_current(entry):
                return  # replaced or removed meanwhile: says nothing about who is there now
            self._mark(entry.id, base, marks)

    def released(self, entry: Entry, model: str) -> None:
        """The attempt ended without a result: the client went away, or the request itself was refused."""
        with self._lock:
            entry.health.released(base_name(model))

    def touch(self) -> None:
        """Something changed in an entry's runtime that a restart must not lose."""
        with self._lock:
            self.changes += 1

    def count(self, entry: Entry, tokens: Tokens, *, failed: bool) -> None:
        """Count one attempt."""
        with self._lock:
            now, runtime = self._clock(), entry.runtime
            runtime.counters.add(tokens, now, failed=failed)
            runtime.recent.add(now, failed=failed)
            self.uses += 1

    def _mark(self, credential_id: str, model: str, marks: Marks) -> None:
        if marks.quota:
            self._catalog.mark_quota(credential_id, model)
        if marks.suspend:
            self._catalog.suspend(credential_id, model, marks.suspend)

    def _is_current(self, entry: Entry) -> bool:
        now = self._entries.get(entry.id)
        return now is not None and now.health is entry.health


def _is_bound(credential: Credential) -> bool:
    """True for those that have a provider: also the owner of several projects' tokens, which are renewed through it."""
    return not credential.disabled or is_parent(credential)
