"""The pool: which credential a request uses, and what happens when it fails (credentials.md 3-8).

Decisions are made under one short lock, calls to providers outside it. Every attempt has exactly one result: success,
failure, or nothing when the client went away.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cliproxy.config.masking import mask_key
from cliproxy.config.settings import Settings
from cliproxy.errors import CliproxyError, PoolError, ProviderNotFound, RequestError, UpstreamError
from cliproxy.pool.attempts import cooling_enabled, ends_round, is_unknown_model, retry_count
from cliproxy.pool.catalog import Catalog, Registrar
from cliproxy.pool.entry import Entry, really_changed
from cliproxy.pool.health import Blocked, Failure, Health
from cliproxy.pool.selection import Selector, best_group, nobody
from cliproxy.providers.base import Answer, AnswerStream, Call, Provider, ProviderFactory
from cliproxy.providers.credential import Credential
from cliproxy.records.usage import Tokens, UsageRecord, UsageSink
from cliproxy.translation.names import base_name

log = logging.getLogger(__name__)

T = TypeVar("T")

_MAX_CACHED = 2000
_JITTER, _LONGEST_JITTER = 0.25, 2.0


@dataclass(frozen=True, slots=True)
class StartedStream:
    """A stream whose first unit has arrived; ``first`` is all there is when the upstream sent nothing."""

    first: bytes
    stream: AnswerStream


class EmptyStream(UpstreamError):
    """A 2xx stream that ended without a single event: a failed attempt without status."""

    code = "empty_stream"

    def __init__(self, stream: AnswerStream) -> None:
        super().__init__("upstream sent an empty stream")
        self.stream = stream


Attempt = Callable[[Entry, Call, str], Answer | StartedStream]


class Pool:
    """All credentials with their health. ``clock`` gives Unix seconds; ``sleep`` must be cooperative."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        registrar: Registrar,
        providers: ProviderFactory,
        settings: Callable[[], Settings],
        usage: UsageSink,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._catalog, self._registrar, self._provider_of = catalog, registrar, providers
        self._settings, self._usage = settings, usage
        self._clock, self._sleep, self._chance = clock, sleep, chance
        self._lock = threading.RLock()
        self._entries: dict[str, Entry] = {}
        self._candidates: dict[tuple[tuple[str, ...], str], tuple[Entry, ...]] = {}
        self._selector = Selector(fill_first=settings().routing.fill_first)

    def __repr__(self) -> str:
        now = self._clock()
        enabled = [entry for entry in self._entries.values() if not entry.credential.disabled]
        failing = sum(entry.health.status(now) == "error" for entry in enabled)
        counts = f"{len(self._entries)} credentials, {len(enabled)} enabled, {failing} failing"
        return f"<Pool {counts}, {self._selector.name}>"

    def put(self, credential: Credential, *, own_write: bool = False) -> None:
        """Add or replace a credential and register its models.

        Its health stays unless the credential really changed (3.1); ``own_write`` says that the change is ours (a
        refreshed token), which never counts.
        """
        settings = self._settings()
        self._registrar(credential, settings)
        with self._lock:
            old = self._entries.get(credential.id)
            keep = old is not None and (own_write or not really_changed(old.credential, credential))
            health = old.health if old is not None and keep else Health()
            provider = None if credential.disabled else self._provider_of(credential, settings)
            self._entries[credential.id] = Entry(credential, provider, settings, health)
            self._candidates.clear()

    def remove(self, credential_id: str) -> None:
        """Take a credential out and its models with it. Unknown ids are no error."""
        self._catalog.unregister(credential_id)
        with self._lock:
            self._entries.pop(credential_id, None)
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
        with self._lock:
            present = {key: entry.credential for key, entry in self._entries.items()}
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
        with self._lock:
            if settings.routing.fill_first != self._selector.fill_first:
                self._selector = Selector(fill_first=settings.routing.fill_first)
                log.info("routing strategy updated to %s", self._selector.name)
            for key, entry in self._entries.items():
                provider = None if entry.credential.disabled else self._provider_of(entry.credential, settings)
                self._entries[key] = Entry(entry.credential, provider, settings, entry.health)
            self._candidates.clear()

    def reset(self, credential_id: str) -> bool:
        """Clear a credential's cooldowns by hand; False when there is none with this id."""
        with self._lock:
            entry = self._entries.get(credential_id)
            if entry is None:
                return False
            models = list(entry.health.states)
            entry.health = Health()
        for model in models:
            self._catalog.clear_quota(credential_id, model)
            self._catalog.resume(credential_id, model)
        return True

    def list(self) -> list[Entry]:
        """All entries, by id. Read only."""
        return [self._entries[key] for key in sorted(self._entries)]

    def get(self, credential_id: str) -> Entry | None:
        """One entry. Read only."""
        return self._entries.get(credential_id)

    def execute(self, providers: Sequence[str], call: Call) -> Answer:
        """One whole answer.

        :raises CliproxyError: the error to show.
        """
        answer = self._rounds(providers, call, self._execute)
        assert isinstance(answer, Answer)
        return answer

    def count_tokens(self, providers: Sequence[str], call: Call) -> Answer:
        """One token count. Raises as ``execute``."""
        answer = self._rounds(providers, call, self._count)
        assert isinstance(answer, Answer)
        return answer

    def stream(self, providers: Sequence[str], call: Call) -> StartedStream:
        """A stream with its first unit; earlier failures have moved on to other credentials. Raises as ``execute``."""
        try:
            started = self._rounds(providers, call, self._stream)
        except EmptyStream as empty:
            return StartedStream(empty.stream.closing(), empty.stream)
        assert isinstance(started, StartedStream)
        return started

    def _rounds(self, providers: Sequence[str], call: Call, attempt: Attempt) -> Answer | StartedStream:
        keys = tuple(dict.fromkeys(key.strip().lower() for key in providers if key.strip()))
        if not keys:
            raise ProviderNotFound
        repeats = 0
        while True:
            try:
                return self._round(keys, call, attempt)
            except CliproxyError as error:
                wait = None if ends_round(error) else self._wait_before_repeat(keys, call.route_model, repeats)
                if wait is None:
                    raise
            self._sleep(wait)
            repeats += 1

    def _round(self, keys: tuple[str, ...], call: Call, attempt: Attempt) -> Answer | StartedStream:
        """Every credential of the model once, then the fallback models (4.2, 8)."""
        last: CliproxyError | None = None
        unpicked: PoolError | None = None
        for number, model in enumerate((call.route_model, *call.fallback_models)):
            offered = keys if number == 0 else self._catalog.providers_of(base_name(model))
            if not offered:
                continue
            current = call if number == 0 else call.with_model(model)
            try:
                for entry in self._picks(offered, model):
                    try:
                        return attempt(entry, current, entry.upstream_model(model))
                    except RequestError as error:
                        last = error
                        if error.status != 501:  # 501: this provider cannot; another one may
                            raise
                    except UpstreamError as error:
                        last = error
                        if ends_round(error):
                            raise
                        if is_unknown_model(error, base_name(entry.upstream_model(model))):
                            break
            except PoolError as error:
                unpicked = unpicked or error
        raise last or unpicked or ProviderNotFound()

    def _picks(self, keys: tuple[str, ...], model: str) -> Iterator[Entry]:
        """One credential after the other, none twice.

        :raises PoolError: nobody is left; only when nobody was picked at all does the caller show it.
        """
        tried: set[str] = set()
        while True:
            entry = self._pick(keys, model, tried)
            tried.add(entry.id)
            yield entry

    def _pick(self, keys: tuple[str, ...], model: str, tried: set[str]) -> Entry:
        base, now = base_name(model), self._clock()
        with self._lock:
            candidates = [entry for entry in self._supporting(keys, base) if entry.id not in tried]
            free = [entry for entry in candidates if entry.blocked(base, now) is None]
            if not free:
                blocks = [block for entry in candidates if (block := entry.blocked(base, now)) is not None]
                raise nobody(model, blocks, now)
            entry = self._selector.pick(model, best_group(free))
            if entry.health.states or entry.health.account:
                entry.health.picked(base, now)
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s", _use_line(entry.credential, model))
        return entry

    def _supporting(self, keys: tuple[str, ...], base: str) -> tuple[Entry, ...]:
        found = self._candidates.get((keys, base))
        if found is None:
            found = tuple(
                entry
                for entry in self._entries.values()
                if entry.provider is not None
                and entry.credential.executor_key in keys
                and self._catalog.supports(entry.id, base)
            )
            if len(self._candidates) >= _MAX_CACHED:
                self._candidates.clear()
            self._candidates[keys, base] = found
        return found

    def _wait_before_repeat(self, keys: tuple[str, ...], model: str, repeats: int) -> float | None:
        """Seconds to wait for the first cooldown to end, or None when the round is not repeated (7)."""
        settings, base, now = self._settings(), base_name(model), self._clock()
        longest = settings.max_retry_interval
        if longest <= 0:
            return None
        with self._lock:
            blocks: list[Blocked | None] = [
                entry.blocked(base, now)
                for entry in self._supporting(keys, base)
                if retry_count(entry.credential.metadata, settings.request_retry) > repeats
            ]
        waits = [block.until - now for block in blocks if block is not None]
        if not waits or min(waits) > longest:
            return None
        wait = max(0.0, min(waits))
        # Those who wait for the same moment must not all come at once.
        return min(wait + min(wait * _JITTER, _LONGEST_JITTER) * self._chance(), float(longest))

    def _execute(self, entry: Entry, call: Call, upstream_model: str) -> Answer:
        started = time.time()
        answer = self._attempt(entry, call, upstream_model, lambda p: p.execute(entry.credential, call, upstream_model))
        self._succeeded(entry, call)
        self._report(entry, call, upstream_model, answer.tokens, started)
        return answer

    def _count(self, entry: Entry, call: Call, upstream_model: str) -> Answer:
        answer = self._attempt(
            entry, call, upstream_model, lambda p: p.count_tokens(entry.credential, call, upstream_model), report=False
        )
        self._succeeded(entry, call)
        return answer

    def _stream(self, entry: Entry, call: Call, upstream_model: str) -> StartedStream:
        started = time.time()

        def begin(provider: Provider) -> StartedStream:
            stream = provider.stream(entry.credential, call, upstream_model)
            try:
                first = next((block for block in stream if block), None)
            except BaseException:
                stream.close()
                raise
            if first is None:
                raise EmptyStream(stream)
            return StartedStream(first, stream)

        result = self._attempt(entry, call, upstream_model, begin)

        def ended(stream: AnswerStream, error: CliproxyError | None) -> None:
            if error is None:
                self._succeeded(entry, call)
            else:
                self._failed(entry, call, error)
            self._report(entry, call, upstream_model, stream.tokens, started, failed=error is not None)

        result.stream.on_end = ended
        result.stream.on_abort = lambda: self._released(entry, call)
        return result

    def _attempt(
        self, entry: Entry, call: Call, upstream_model: str, work: Callable[[Provider], T], *, report: bool = True
    ) -> T:
        started = time.time()
        assert entry.provider is not None
        try:
            return work(entry.provider)
        except UpstreamError as error:
            self._failed(entry, call, error)
            if report:
                self._report(entry, call, upstream_model, Tokens(), started, failed=True)
            raise
        except BaseException:  # not the credential's doing: a refused request, or the client went away
            self._released(entry, call)
            raise

    def _succeeded(self, entry: Entry, call: Call) -> None:
        base, health = base_name(call.route_model), entry.health
        if not (health.states or health.account or health.failing):
            return
        with self._lock:
            known = base in health.states
            health.succeeded(base, self._clock())
        if known:
            self._catalog.clear_quota(entry.id, base)
            self._catalog.resume(entry.id, base)

    def _failed(self, entry: Entry, call: Call, error: CliproxyError) -> None:
        base = base_name(call.route_model)
        cooling = cooling_enabled(entry.credential.metadata, self._settings().disable_cooling)
        with self._lock:
            marks = entry.health.failed(base, Failure.of(error), self._clock(), cooling=cooling)
        if marks.quota:
            self._catalog.mark_quota(entry.id, base)
        if marks.suspend:
            self._catalog.suspend(entry.id, base, marks.suspend)
        log.debug("request error, error status: %s, error message: %s", error.status or 0, error.text[:500])

    def _released(self, entry: Entry, call: Call) -> None:
        with self._lock:
            entry.health.released(base_name(call.route_model))

    def _report(
        self, entry: Entry, call: Call, model: str, tokens: Tokens, started: float, *, failed: bool = False
    ) -> None:
        self._usage.record(
            UsageRecord(
                provider=entry.credential.executor_key,
                model=base_name(model),
                client_key=call.client_key,
                auth_id=entry.id,
                auth_index=entry.index,
                source=entry.source or call.client_key,
                failed=failed,
                tokens=tokens,
                requested_at=started,
            )
        )


def _use_line(credential: Credential, model: str) -> str:
    """The log form of a credential (2.6)."""
    kind, label = credential.account
    if kind == "api_key":
        used = f"Use API key {mask_key(label)} for model {model}"
    else:
        used = f"Use OAuth provider={credential.provider} auth_file={os.path.basename(credential.id)} for model {model}"
    if not credential.proxy_url:
        return used
    scheme, separator, _ = credential.proxy_url.partition("://")
    return f"{used} via {scheme} proxy" if separator else f"{used} via proxy"
