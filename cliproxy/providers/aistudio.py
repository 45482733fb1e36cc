"""Google AI Studio through a browser that is connected to the relay (client-api.md 13.4, providers.md 19)."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any
from urllib.parse import quote

from cliproxy.config.settings import Settings, TimeLimits
from cliproxy.errors import FirstByteTimeout, IdleTimeout, UpstreamError, UpstreamStatus
from cliproxy.providers.base import Answer, AnswerStream, Call
from cliproxy.providers.calls import base_name, errors_of, no_compact
from cliproxy.providers.credential import Credential
from cliproxy.providers.gemini import BASE, count_body, countable, prepare, same_of, with_system_inside
from cliproxy.providers.http import status_error
from cliproxy.providers.pipeline import Pipeline, Prepared
from cliproxy.providers.relay import Exchange, Incoming, Relays
from cliproxy.translation import sse
from cliproxy.translation.edits import drop
from cliproxy.translation.formats import GEMINI
from cliproxy.translation.gemini import passthrough
from cliproxy.translation.passthrough import load

_UNWANTED = ("maxOutputTokens", "responseMimeType", "responseJsonSchema")
_HEADERS = {"Content-Type": ["application/json"]}


class AiStudioProvider:
    """One credential is one connected browser."""

    key = "aistudio"

    def __init__(self, relays: Relays, settings: Callable[[], Settings], pipeline: Pipeline) -> None:
        self._relays, self._settings, self._pipeline = relays, settings, pipeline

    def __repr__(self) -> str:
        return f"<AiStudioProvider {self._relays!r}>"

    def execute(self, credential: Credential, call: Call, model: str) -> Answer:
        """One generateContent; an answer in stream form is put together."""
        no_compact(call)
        sent = base_name(model)
        action = f"generateContent?$alt={quote(call.alt, safe='')}" if call.alt else "generateContent"
        prepared = self._prepared(call, model, stream=False)
        with errors_of(GEMINI):
            body = self._whole(self._ask(credential, sent, action, prepared.encode()))
        return self._pipeline.whole(prepared, body, same_of(call, model))

    def stream(self, credential: Credential, call: Call, model: str) -> AnswerStream:
        """One streamGenerateContent; returns with the browser's first message."""
        no_compact(call)
        sent = base_name(model)
        prepared = self._prepared(call, model, stream=True)
        with errors_of(GEMINI):
            exchange = self._ask(credential, sent, "streamGenerateContent?alt=sse", prepared.encode())
            first = self._first(exchange)
            if first.status not in (0, 200):
                raise self._collected_failure(exchange, first)
        transform = self._pipeline.transform(prepared, lambda: _told_its_end(call.client_model, sent))
        return AnswerStream(RelaySource(exchange, first, self._limits()), transform)

    def count_tokens(self, credential: Credential, call: Call, model: str) -> Answer:
        """One countTokens."""
        sent = base_name(model)
        prepared = countable(self._pipeline, call, model, self.key)
        asked = prepared.edited(lambda body: drop(with_system_inside(body, sent), ("model",))).encode()
        with errors_of(GEMINI):
            body = self._whole(self._ask(credential, sent, "countTokens", asked))
        total = (load(body.strip()) or {}).get("totalTokens")
        if not isinstance(total, int) or total <= 0:
            raise UpstreamStatus("wsrelay: totalTokens missing in response", status=500)
        return Answer(count_body(self._pipeline, call, body), sent)

    def _prepared(self, call: Call, model: str, *, stream: bool) -> Prepared:
        """As for the Gemini API, without ``model`` and without what the page sets itself."""
        return prepare(self._pipeline, call, model, self.key, stream=stream).edited(_without_unwanted)

    def _limits(self) -> TimeLimits:
        return self._settings().timeouts.of(self.key)

    def _ask(self, credential: Credential, model: str, action: str, body: bytes) -> Exchange:
        url = f"{BASE}/v1beta/models/{model}:{action}"
        return self._relays.find(credential.id).request("POST", url, _HEADERS, body.decode())

    def _first(self, exchange: Exchange) -> Incoming:
        """The first message; whoever waits for it may be stopped when the client goes away."""
        limit = self._limits().first_byte
        try:
            message = exchange.next(limit or None)
        except BaseException:
            exchange.forget()
            raise
        if message is None:
            exchange.forget()
            raise FirstByteTimeout(limit)
        if message.kind == "error":
            raise message.failure()
        return message

    def _rest(self, exchange: Exchange, first: Incoming) -> bytes:
        """The body from the first message to the last."""
        pieces = [first.text]
        message, source = first, RelaySource(exchange, None, self._limits())
        while not message.final:
            message = source.next_message()
            pieces.append(message.text)
        return "".join(pieces).encode()

    def _whole(self, exchange: Exchange) -> bytes:
        first = self._first(exchange)
        body = self._rest(exchange, first)
        status = first.status or 200
        if 200 <= status < 300:
            return body
        raise status_error(status, first.headers or {}, body)

    def _collected_failure(self, exchange: Exchange, first: Incoming) -> UpstreamError:
        try:
            body = self._rest(exchange, first)
        except UpstreamError as error:
            body = error.text.encode()
        return status_error(first.status, first.headers or {}, body)


class RelaySource:
    """The chunks of one streamed answer as they arrive: a ``Source`` (providers/base.py)."""

    def __init__(self, exchange: Exchange, first: Incoming | None, limits: TimeLimits) -> None:
        self.keepalive = 0.0
        self._exchange = exchange
        self._first = first
        self._limits = limits
        self._since = self._paused = monotonic()
        self._ended = False

    def __repr__(self) -> str:
        return f"<RelaySource {self._exchange.id} {'ended' if self._ended else 'open'}>"

    def read(self) -> bytes | None:
        """The next chunk, ``b""`` for a keep-alive pause, None at the end."""
        while not self._ended:
            message, self._first = self._first or self._wait(), None
            if message is None:
                return b""
            self._ended = message.final
            if message.kind == "error":
                raise message.failure()
            if message.kind == "http_response":  # a whole answer where a stream was asked for
                return sse.frame(b" ".join(message.text.encode().splitlines()))
            if message.kind == "stream_chunk" and message.text:
                return message.text.encode()
        return None

    def next_message(self) -> Incoming:
        """The next message of any kind but an error."""
        message = self._wait()
        assert message is not None  # without keep-alives a wait ends with a message or an error
        if message.kind == "error":
            raise message.failure()
        return message

    def close(self) -> None:
        """Nobody wants the rest; the browser is not told."""
        self._ended = True
        self._exchange.forget()

    def release(self) -> None:
        """The answer is complete."""
        self.close()

    def _wait(self) -> Incoming | None:
        """The next message; None when a keep-alive is due.

        :raises IdleTimeout: silence beyond the limit.
        """
        idle = self._limits.idle
        moments = [self._since + idle] if idle else []
        if self.keepalive:
            moments.append(self._paused + self.keepalive)
        message = self._exchange.next(max(0.001, min(moments) - monotonic()) if moments else None)
        now = monotonic()
        if message is not None:
            self._since = self._paused = now
            return message
        if idle and now >= self._since + idle:
            self.close()
            raise IdleTimeout(idle)
        self._paused = now
        return None


def _told_its_end(client_model: str, sent: str) -> passthrough.GeminiStream:
    """A stream whose end the browser announces, whether whole or not."""
    transform = passthrough.GeminiStream(client_model, sent)
    transform.ending = True
    return transform


def _without_unwanted(body: dict[str, Any]) -> dict[str, Any]:
    for key in _UNWANTED:
        body = drop(body, ("generationConfig", key))
    return drop(body, ("model",))
