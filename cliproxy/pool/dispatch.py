"""Running a request against the pool: attempts, rounds, fallback models (credentials.md 4, 7, 8).

Every attempt has exactly one result: success, failure, or nothing when the client went away.
"""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cliproxy.config.settings import Settings
from cliproxy.errors import CliproxyError, PoolError, ProviderNotFound, RequestError, UpstreamError
from cliproxy.masking import mask_key
from cliproxy.pool.attempts import ends_round, is_unknown_model
from cliproxy.pool.entry import Entry
from cliproxy.pool.pool import Pool, Session
from cliproxy.pool.sessions import session_ids
from cliproxy.providers.base import Answer, AnswerStream, Call, Provider
from cliproxy.providers.credential import Credential
from cliproxy.records.request_log.attempts import Auth
from cliproxy.records.request_log.exchange import current_attempts
from cliproxy.records.summary import failure_summary
from cliproxy.records.usage import Tokens, UsageRecord, UsageSink
from cliproxy.translation.names import base_name

log = logging.getLogger(__name__)

T = TypeVar("T")

_JITTER, _LONGEST_JITTER = 0.25, 2.0
_OK = 200


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


class Dispatcher:
    """Finds an answer to a call.

    ``renew``: the record to try once more with after a 401, None when that makes no sense. ``sleep`` (seconds) must be
    cooperative; ``chance`` gives numbers from 0 to 1.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        settings: Callable[[], Settings],
        usage: UsageSink,
        renew: Callable[[Credential], Credential | None] = lambda used: None,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._pool, self._settings, self._usage = pool, settings, usage
        self._renew, self._sleep, self._chance = renew, sleep, chance

    def __repr__(self) -> str:
        return f"<Dispatcher over {self._pool!r}>"

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
        session, repeats = self._session(call), 0
        while True:
            try:
                return self._round(keys, call, session, attempt)
            except CliproxyError as error:
                wait = None if ends_round(error) else self._wait_before_repeat(keys, call.route_model, repeats)
                if wait is None:
                    raise
            self._sleep(wait)
            repeats += 1

    def _session(self, call: Call) -> Session | None:
        """The conversation that should stay with its credential; None when it need not."""
        if not self._settings().routing.session_affinity:
            return None
        found = session_ids(call)
        return Session((call.client_key, *found)) if found else None

    def _round(
        self, keys: tuple[str, ...], call: Call, session: Session | None, attempt: Attempt
    ) -> Answer | StartedStream:
        """Every credential of the model once, then the fallback models (4.2, 8)."""
        last: CliproxyError | None = None
        unpicked: PoolError | None = None
        for number, model in enumerate((call.route_model, *call.fallback_models)):
            offered = keys if number == 0 else self._pool.providers_of(model)
            if not offered:
                continue
            current = call if number == 0 else call.with_model(model)
            try:
                for entry in self._picks(offered, model, session, call.only_credentials):
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

    def _picks(
        self, keys: tuple[str, ...], model: str, session: Session | None, only: frozenset[str]
    ) -> Iterator[Entry]:
        """One credential after the other, none twice; ``only`` these, empty = all.

        :raises PoolError: nobody is left; only when nobody was picked at all does the caller show it.
        """
        tried = {entry.id for entry in self._pool.list()} - only if only else set()
        while True:
            entry = self._pool.pick(keys, model, tried, session)
            tried.add(entry.id)
            yield entry

    def _wait_before_repeat(self, keys: tuple[str, ...], model: str, repeats: int) -> float | None:
        """Seconds to wait for the first cooldown to end, or None when the round is not repeated (7)."""
        longest = self._settings().max_retry_interval
        wait = self._pool.shortest_wait(keys, model, repeats) if longest > 0 else None
        if wait is None or wait > longest:
            return None
        # Those who wait for the same moment must not all come at once.
        return min(wait + min(wait * _JITTER, _LONGEST_JITTER) * self._chance(), float(longest))

    def _execute(self, entry: Entry, call: Call, upstream_model: str) -> Answer:
        started = time.time()
        answer = self._attempt(entry, call, upstream_model, lambda p, used: p.execute(used, call, upstream_model))
        self._pool.succeeded(entry, call.route_model)
        self._report(entry, call, upstream_model, answer.tokens, started, status=_OK)
        return answer

    def _count(self, entry: Entry, call: Call, upstream_model: str) -> Answer:
        answer = self._attempt(
            entry, call, upstream_model, lambda p, used: p.count_tokens(used, call, upstream_model), report=False
        )
        self._pool.succeeded(entry, call.route_model)
        return answer

    def _stream(self, entry: Entry, call: Call, upstream_model: str) -> StartedStream:
        started = time.time()

        def begin(provider: Provider, used: Credential) -> StartedStream:
            stream = provider.stream(used, call, upstream_model)
            try:
                first = next((block for block in stream if block), None)
            except BaseException:
                stream.close()
                raise
            if first is None:
                raise EmptyStream(stream)
            return StartedStream(first, stream)

        result = self._attempt(entry, call, upstream_model, begin)
        ttft = time.time() - started

        def report(stream: AnswerStream, status: int, *, failed: bool = False) -> None:
            self._report(entry, call, upstream_model, stream.tokens, started, failed=failed, ttft=ttft, status=status)

        def ended(stream: AnswerStream, error: CliproxyError | None) -> None:
            if error is None:
                self._pool.succeeded(entry, call.route_model)
            else:
                self._failed(entry, call, error)
            report(stream, _OK if error is None else error.status or 0, failed=error is not None)

        def aborted() -> None:
            self._pool.released(entry, call.route_model)
            if result.stream.tokens:  # the client went away: what the upstream has counted so far is used all the same
                report(result.stream, _OK)

        result.stream.on_end, result.stream.on_abort = ended, aborted
        return result

    def _attempt(
        self,
        entry: Entry,
        call: Call,
        upstream_model: str,
        work: Callable[[Provider, Credential], T],
        *,
        report: bool = True,
    ) -> T:
        """One attempt with one credential, which may renew its token once; its failure is recorded here."""
        started = time.time()
        assert entry.provider is not None
        if (attempts := current_attempts()) is not None:
            attempts.auth = _auth_of(entry)
        try:
            if log.isEnabledFor(logging.DEBUG):
                log.debug("%s", _use_line(entry.credential, call.route_model))
            return self._with_renewal(entry, entry.provider, work)
        except UpstreamError as error:
            self._failed(entry, call, error)
            if report:
                self._report(entry, call, upstream_model, Tokens(), started, failed=True, status=error.status or 0)
            raise
        except BaseException:  # not the credential's doing: a refused request, or the client went away
            self._pool.released(entry, call.route_model)
            raise

    def _with_renewal(self, entry: Entry, provider: Provider, work: Callable[[Provider, Credential], T]) -> T:
        try:
            return work(provider, entry.credential)
        except UpstreamError as error:
            renewed = self._renew(entry.credential) if error.status == 401 else None
            if renewed is None:
                raise
            log.debug("the token of %s was refused and has been renewed: once more", entry.id)
        return work(provider, renewed)

    def _failed(self, entry: Entry, call: Call, error: CliproxyError) -> None:
        self._pool.failed(entry, call.route_model, error)
        if log.isEnabledFor(logging.DEBUG):
            summary = failure_summary("", error.text)[:500]
            log.debug("request error, error status: %s, error message: %s", error.status or 0, summary)

    def _report(
        self,
        entry: Entry,
        call: Call,
        model: str,
        tokens: Tokens,
        started: float,
        *,
        status: int,
        failed: bool = False,
        ttft: float = 0.0,
    ) -> None:
        self._pool.count(entry, tokens, failed=failed)
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
                latency=max(0.0, time.time() - started),
                ttft=max(0.0, ttft),
                upstream_status=status,
                request=call.request,
            )
        )


def _auth_of(entry: Entry) -> Auth:
    """How request logs name a credential (logging.md 11.1)."""
    credential = entry.credential
    kind, value = credential.account
    return Auth(credential.executor_key, entry.id, credential.label, kind, value)


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
