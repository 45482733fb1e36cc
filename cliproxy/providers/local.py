"""A provider inside this process: no network, no accounts. The demo is one, embedders may bring others.

It speaks Chat Completions; clients of other formats are translated as for any upstream.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from cliproxy.errors import CliproxyError, UpstreamError, UpstreamTransport
from cliproxy.providers.base import Answer, AnswerStream, Call
from cliproxy.providers.calls import no_compact
from cliproxy.providers.credential import Credential
from cliproxy.providers.pipeline import Pipeline, Prepared
from cliproxy.translation import exactjson, sse
from cliproxy.translation.chat import passthrough
from cliproxy.translation.formats import OPENAI
from cliproxy.translation.names import base_name

log = logging.getLogger(__name__)

T = TypeVar("T")
Json = Mapping[str, Any]


class LocalProvider:
    """Base of such providers: a subclass has a ``key`` and the three methods ``body``, ``chunks`` and ``tokens``.

    They get the body of a Chat Completions request, which must not be changed; its ``model`` is the name without
    thinking suffix. They may raise ``RequestError`` for a request that is at fault and ``UpstreamError`` for one that
    somebody else may answer; anything else counts as the latter and is logged with its traceback. They run in the
    request's greenlet, so long computing belongs into ``blocking.off_hub``.
    """

    key = ""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.key}>"

    def body(self, request: Json) -> Json:
        """The ``chat.completion``."""
        raise NotImplementedError

    def chunks(self, request: Json) -> Iterator[Json]:
        """The same as ``chat.completion.chunk`` objects, each of which is sent at once; the last may have ``usage``.

        One must have a ``finish_reason``, or the answer counts as broken off. Closed when the client leaves.
        """
        raise NotImplementedError

    def tokens(self, request: Json) -> int:
        """How many tokens the request has."""
        raise NotImplementedError

    def execute(self, credential: Credential, call: Call, model: str) -> Answer:
        """One whole answer."""
        prepared, sent = self._prepared(call, model, stream=False), base_name(model)
        data = exactjson.dumps(self._asked(lambda: dict(self.body(prepared.body))))
        return self._pipeline.whole(prepared, data, lambda body: passthrough.body(body, call.client_model, sent))

    def stream(self, credential: Credential, call: Call, model: str) -> AnswerStream:
        """A streamed answer, one block per chunk."""
        prepared = self._prepared(call, model, stream=True)
        transform = self._pipeline.transform(
            prepared, lambda: passthrough.ChatStream(call.client_model, base_name(model))
        )
        chunks = self._asked(lambda: iter(self.chunks(prepared.body)))
        return AnswerStream(_Chunks(chunks, self._asked), transform)

    def count_tokens(self, credential: Credential, call: Call, model: str) -> Answer:
        """The token count in the client's shape."""
        prepared = self._prepared(call, model, stream=False)
        return Answer(self._pipeline.count(call, self._asked(lambda: self.tokens(prepared.body))), base_name(model))

    def _prepared(self, call: Call, model: str, *, stream: bool) -> Prepared:
        no_compact(call)
        return self._pipeline.translate(call, OPENAI, model, stream=stream)

    def _asked(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except CliproxyError:
            raise
        except Exception as error:
            log.exception("provider %s failed", self.key)
            raise UpstreamError(f"provider {self.key} failed", status=500) from error


class _Chunks:
    """A source that hands out one chunk at a time. Silence between two of them is not noticed: no keep-alives."""

    def __init__(self, chunks: Iterator[Json], asked: Callable[[Callable[[], bytes | None]], bytes | None]) -> None:
        self.keepalive = 0.0
        self._chunks, self._asked = chunks, asked
        self._closed = self._finished = False

    def __repr__(self) -> str:
        return f"<_Chunks of {self._chunks!r}>"

    def read(self) -> bytes | None:
        """The next event.

        :raises UpstreamTransport: there is none, and no reason for the end was given.
        """
        return None if self._closed else self._asked(self._next)

    def _next(self) -> bytes | None:
        chunk = next(self._chunks, None)
        if chunk is None:
            if not self._finished:
                raise UpstreamTransport("the provider ended its stream without a finish_reason")
            return None
        self._finished = self._finished or any(choice.get("finish_reason") for choice in chunk.get("choices", ()))
        return sse.frame(exactjson.dumps(dict(chunk)))

    def close(self) -> None:
        """Stop, and let the generator clean up."""
        self._closed = True
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()

    def release(self) -> None:
        """The answer is whole."""
        self.close()
