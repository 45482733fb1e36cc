"""The contract between the pool and the providers: what a call is, what an answer is, what a provider does.

A provider turns (credential, call, upstream model) into one upstream request and hands back an answer in the client's
format. It raises ``UpstreamError`` when the attempt failed and ``RequestError`` when no credential could do better.
It never chooses credentials, never retries with another one and never talks to the client (providers.md 1).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

from cliproxy.config.settings import Settings, empty
from cliproxy.errors import CliproxyError, UpstreamError
from cliproxy.providers.credential import Credential
from cliproxy.records.usage import ClientRequest, Tokens
from cliproxy.translation.formats import Format


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a client, as the layers below ``web`` see it. Immutable; ``body`` must never be changed.

    ``payload`` is the client's JSON (after decompression), ``body`` the same parsed. ``client_model`` is the name as
    the client wrote it and goes back into every reply (design D20); ``route_model`` is the resolved name with its
    thinking suffix. ``headers`` are the client's, names in lower case with dashes.
    """

    format: Format
    payload: bytes
    body: dict[str, Any]
    client_model: str
    route_model: str
    request_id: str = "--------"
    headers: Mapping[str, str] = field(default_factory=empty)
    client_key: str = ""
    alt: str = ""
    compact: bool = False
    """True on /v1/responses/compact only (client-api.md 9.2)."""
    fallback_models: tuple[str, ...] = ()
    """Route models to go on with, in order, when nobody is left for ``route_model`` (credentials.md 8)."""
    only_credentials: frozenset[str] = frozenset()
    """Ids of the credentials that may be asked; empty = all."""
    request: ClientRequest | None = None
    """What usage records say about the client's request: its route, and the status of its answer."""

    def with_model(self, route_model: str) -> Call:
        """The same call for another route model (a fallback)."""
        return replace(self, route_model=route_model)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer in the client's format, ready to send as ``application/json``."""

    body: bytes
    upstream_model: str
    tokens: Tokens = Tokens()


class Source(Protocol):
    """Blocks of upstream bytes as they arrive; the only place of a stream that waits."""

    keepalive: float
    """Seconds of silence after which ``read`` returns ``b""`` once, so that a keep-alive can be sent; 0 = never."""

    def read(self) -> bytes | None:
        """The next bytes, ``b""`` for a keep-alive pause, None at the end.

        :raises UpstreamError: the answer broke off, or was silent beyond the idle limit.
        """

    def close(self) -> None:
        """Abort at once if the answer has not ended; never drain. Safe to call twice."""

    def release(self) -> None:
        """The answer is complete: let the rest of the body end by itself, so that the connection can be kept."""


class Transform(Protocol):
    """Upstream bytes in, whole SSE events in the client's framing out. No I/O, no clock; one object per answer."""

    @property
    def tokens(self) -> Tokens:
        """Usage so far, as the upstream counts it."""

    @property
    def upstream_model(self) -> str:
        """The model as the upstream names it."""

    @property
    def complete(self) -> bool:
        """True once the upstream said that its answer is whole; what follows does not count."""

    @property
    def error(self) -> UpstreamError | None:
        """Set by ``feed`` or ``finish`` when the upstream reported an error inside its stream, or broke off.

        What they return then is what came before it.
        """

    def feed(self, data: bytes) -> bytes:
        """The client bytes that ``data`` completes, maybe none."""

    def finish(self) -> bytes:
        """The closing client bytes at the end of the upstream's answer (no terminator such as ``[DONE]``).

        None for an answer without a single event, which is a failed attempt.
        """

    def closing(self) -> bytes:
        """A whole empty answer in the client's framing, for when nobody has a better one."""


EndCallback = Callable[["AnswerStream", CliproxyError | None], None]


class AnswerStream:
    """A streamed answer: iterate once over client bytes; ``close`` aborts the upstream.

    Each item is one write: whole events in the client's framing, or ``b""`` when a keep-alive is due. Exactly one of
    ``on_end(stream, error or None)`` and, when it was closed before it had ended by itself, ``on_abort()`` is called.
    """

    __slots__ = ("_ended_itself", "_iterator", "_source", "_transform", "on_abort", "on_end")

    def __init__(self, source: Source, transform: Transform) -> None:
        self._source = source
        self._transform = transform
        self._iterator = self._run()
        self._ended_itself = False
        self.on_end: EndCallback | None = None
        self.on_abort: Callable[[], None] | None = None

    def __repr__(self) -> str:
        return f"<AnswerStream {self.upstream_model!r} from {self._source!r}>"

    def __iter__(self) -> Iterator[bytes]:
        return self._iterator

    def __next__(self) -> bytes:
        return next(self._iterator)

    @property
    def upstream_model(self) -> str:
        """The model as the upstream names it (reported, else the one sent)."""
        return self._transform.upstream_model

    @property
    def tokens(self) -> Tokens:
        """Usage seen so far; final after the end."""
        return self._transform.tokens

    def closing(self) -> bytes:
        """What a client gets of an upstream that sent nothing, once nobody is left to ask."""
        return self._transform.closing()

    def set_keepalive(self, seconds: float) -> None:
        """From now on yield ``b""`` after this much silence (0 = never)."""
        self._source.keepalive = seconds

    def close(self) -> None:
        """Stop, closing the upstream response at once. Safe to call twice and after the end."""
        if self._ended_itself:
            return
        self._iterator.close()
        self._source.close()
        callback, self.on_abort, self.on_end = self.on_abort, None, None
        if callback is not None:
            callback()

    def _run(self) -> Generator[bytes, None, None]:
        transform, source = self._transform, self._source
        read, feed = source.read, transform.feed
        try:
            while (data := read()) is not None:
                if not data:
                    yield data
                    continue
                if out := feed(data):
                    yield out
                if transform.complete or transform.error is not None:
                    break
            else:
                if out := transform.finish():
                    yield out
            if transform.error is not None:
                raise transform.error
        except UpstreamError as error:
            source.close()
            self._ended(error)
            raise
        source.release()
        self._ended(None)

    def _ended(self, error: CliproxyError | None) -> None:
        self._ended_itself = True
        callback, self.on_end, self.on_abort = self.on_end, None, None
        if callback is not None:
            callback(self, error)


class Provider(Protocol):
    """One kind of upstream. One object serves all its credentials and sees the current settings at each call."""

    key: str
    """Provider key of providers.md 1.2 (for OpenAI-compatible ones the configured name, lower case)."""

    def execute(self, credential: Credential, call: Call, model: str) -> Answer:
        """One whole answer. ``model`` is the upstream's name, maybe with a thinking suffix."""

    def stream(self, credential: Credential, call: Call, model: str) -> AnswerStream:
        """A streamed answer; returns when the upstream has answered 2xx, before its first event."""

    def count_tokens(self, credential: Credential, call: Call, model: str) -> Answer:
        """The token count of the call in the client's shape (translation.md 7)."""


@runtime_checkable
class Refreshes(Protocol):
    """A provider whose credentials have tokens that end and can be renewed (credentials.md 10)."""

    def refresh(self, credential: Credential) -> Credential:
        """The credential with new tokens in its ``metadata`` (JSON values); as it was if there is nothing to renew.

        Bounded in time (30 s), safe to call from any greenlet, changes nothing but the upstream's own state.

        :raises RefreshRejected: the login is over: only a new one helps.
        :raises UpstreamError: it failed this time.
        """


@runtime_checkable
class HasAccessTokens(Protocol):
    """A provider that keeps the access tokens of its credentials good while they are used."""

    def access_token(self, credential: Credential) -> str:
        """A token that is good now, renewed and saved if need be; empty when the file has none.

        :raises UpstreamError: it ended and cannot be renewed.
        """


class TokenKeeper(Protocol):
    """What providers may ask about tokens that they need while a request runs."""

    def current(self, credential_id: str) -> Credential | None:
        """The record as it is now; None when it is gone."""

    def renewed(self, credential_id: str) -> Credential:
        """The record with tokens renewed by its provider's ``refresh``, saved; waits for a refresh that runs already.

        :raises UpstreamError: it failed.
        """


ProviderFactory = Callable[[Credential, Settings], Provider | None]
"""Finds the provider of a credential (credentials.md 3.4); None when there is none."""
