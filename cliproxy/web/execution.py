"""The way of every model request through ``web``: who asks, what for, then the pool, then the writer (design 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import gevent
from flask import Response

from cliproxy.errors import CliproxyError
from cliproxy.providers.base import Answer, Call
from cliproxy.records.applog import current_request_id
from cliproxy.translation.formats import Format
from cliproxy.web.client_request import client_request
from cliproxy.web.context import RequestContext
from cliproxy.web.disconnect import ClientWatch
from cliproxy.web.protocols import JSON, Protocol
from cliproxy.web.services import Services
from cliproxy.web.streaming import (
    Body,
    Convert,
    Framing,
    SseFraming,
    StreamWriter,
    json_body,
    noted,
    start_with_retries,
)


class Execution:
    """Runs one request of one protocol against the pool."""

    def __init__(self, services: Services, protocol: Protocol, context: RequestContext) -> None:
        self._services = services
        self._protocol = protocol
        self._context = context
        self._providers: tuple[str, ...] = ()

    @property
    def payload(self) -> bytes:
        """The client's body as bytes."""
        return self._context.payload

    def call(
        self,
        model: Any,
        *,
        payload: bytes | None = None,
        body: dict[str, Any] | None = None,
        alt: str = "",
        compact: bool = False,
        format: Format | None = None,  # noqa: A002 - the field's name
    ) -> Call:
        """The call for the model name of the request; ``payload``, ``body`` and ``format`` when they were converted.

        Of a mapped request that name is the mapped one; the answer carries the client's own.

        :raises UnknownModel: nobody offers it.
        """
        context = self._context
        name = model if isinstance(model, str) else ""
        route = self._services.resolver.resolve(name)
        self._providers = route.providers
        return Call(
            format=format or self._protocol.format,
            payload=context.payload if payload is None else payload,
            body=context.body if body is None else body,
            client_model=context.client_model(name),
            route_model=route.model,
            request_id=current_request_id(),
            headers=ClientHeaders(context.environ),
            client_key=context.principal.key,
            alt=alt,
            compact=compact,
            fallback_models=context.fallback_models,
            request=client_request(),
        )

    def stream(self, call: Call, framing: Framing | None = None) -> Response:
        """A streamed answer; ``framing`` when it is not plain SSE of the protocol."""
        watch = ClientWatch(self._context.environ)
        settings = self._services.settings()
        try:
            started = start_with_retries(
                lambda: self._services.dispatcher.stream(self._providers, call), settings.streaming.bootstrap_retries
            )
        except BaseException:
            watch.stop()
            raise
        keepalive = float(max(0, settings.streaming.keepalive_seconds))
        framing = framing or SseFraming(self._protocol)
        return StreamWriter(started, framing, watch, keepalive, self._protocol.format).response()

    def answer(self, call: Call, convert: Convert | None = None, *, keepalive: bool = True) -> Response:
        """A whole answer; ``keepalive`` False on routes without the newlines of client-api.md 5.6."""
        interval = self._services.settings().nonstream_keepalive_interval if keepalive else 0
        if interval > 0:
            return self._answer_with_newlines(call, convert, interval)
        return self._run(lambda: self._services.dispatcher.execute(self._providers, call), convert)

    def count(self, call: Call) -> Response:
        """A token count."""
        return self._run(lambda: self._services.dispatcher.count_tokens(self._providers, call), None)

    def _run(self, work: Callable[[], Answer], convert: Convert | None) -> Response:
        watch = ClientWatch(self._context.environ)
        try:
            answer = work()
        finally:
            watch.stop()
        return json_body(convert(answer.body) if convert else answer.body, answer.upstream_model)

    def _answer_with_newlines(self, call: Call, convert: Convert | None, interval: int) -> Response:
        """Work in a second greenlet while this one writes a newline each ``interval`` seconds."""
        watch = ClientWatch(self._context.environ)
        worker = gevent.spawn(_caught, lambda: self._services.dispatcher.execute(self._providers, call))
        try:
            worker.join(interval)
        except BaseException:
            worker.kill(block=False)
            watch.stop()
            raise
        if worker.ready():
            watch.stop()
            answer = _result(worker)
            return json_body(convert(answer.body) if convert else answer.body, answer.upstream_model)

        def close() -> None:
            watch.stop()
            worker.kill(block=False)

        body = Body(self._newlines(worker, convert, interval), close)
        return Response(body, content_type=JSON, direct_passthrough=True)

    def _newlines(self, worker: gevent.Greenlet, convert: Convert | None, interval: int) -> Iterator[bytes]:
        while not worker.ready():
            yield b"\n"
            worker.join(interval)
        try:
            answer = _result(worker)
        except CliproxyError as error:
            yield self._protocol.told(error)
            return
        yield noted(convert(answer.body) if convert else answer.body)


def _caught(work: Callable[[], Answer]) -> Answer | Exception:
    """Errors come back as values: a failed greenlet would print its traceback."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - raised again by the greenlet that asked
        return error


def _result(worker: gevent.Greenlet) -> Answer:
    value = worker.get()
    if isinstance(value, Answer):
        return value
    if isinstance(value, Exception):
        raise value
    raise RuntimeError("request ended without an answer")


class ClientHeaders(Mapping[str, str]):
    """The client's headers by lower-case name with dashes, read from the WSGI environ when asked for."""

    __slots__ = ("_environ",)

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self._environ = environ

    def __getitem__(self, name: str) -> str:
        variable = name.upper().replace("-", "_")
        if variable not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            variable = f"HTTP_{variable}"
        value: str = self._environ[variable]
        return value

    def __iter__(self) -> Iterator[str]:
        for variable in self._environ:
            if variable.startswith("HTTP_"):
                yield variable[5:].lower().replace("_", "-")

    def __len__(self) -> int:
        return sum(1 for _ in self)
