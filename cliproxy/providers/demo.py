"""The demo: an upstream inside the proxy that says the last user text back, through the real pipeline (design D11).

It speaks Chat Completions, and clients of other formats are translated as for any other account, so that curl and every
SDK work before any account exists.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cliproxy.providers.base import Answer, AnswerStream, Call
from cliproxy.providers.calls import no_compact
from cliproxy.providers.credential import Credential
from cliproxy.providers.pipeline import Pipeline, Prepared
from cliproxy.translation import exactjson, sse
from cliproxy.translation.chat import passthrough
from cliproxy.translation.formats import OPENAI
from cliproxy.translation.ids import random_id
from cliproxy.translation.names import base_name
from cliproxy.translation.reading import objects, text

_PAUSE = 0.005
_GREETING = "Hello from cliproxy. Say something and I will say it back."
_WORD = re.compile(r"\s*\S+\s*\Z|\s*\S+")


class DemoProvider:
    """Echoes. Needs no network and no settings."""

    key = "demo"

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def execute(self, credential: Credential, call: Call, model: str) -> Answer:
        """The echo as one body."""
        prepared = self._prepared(call, model, stream=False)
        sent, data = base_name(model), exactjson.dumps(_Echo.of(prepared.body).body())
        return self._pipeline.whole(prepared, data, lambda body: passthrough.body(body, call.client_model, sent))

    def stream(self, credential: Credential, call: Call, model: str) -> AnswerStream:
        """The echo word by word, a few milliseconds apart."""
        prepared = self._prepared(call, model, stream=True)
        transform = self._pipeline.transform(
            prepared, lambda: passthrough.ChatStream(call.client_model, base_name(model))
        )
        return AnswerStream(_Words(_Echo.of(prepared.body).events()), transform)

    def count_tokens(self, credential: Credential, call: Call, model: str) -> Answer:
        """An estimate over all texts in the request."""
        prepared = self._prepared(call, model, stream=False)
        return Answer(self._pipeline.count(call, _size(prepared.body)), base_name(model))

    def _prepared(self, call: Call, model: str, *, stream: bool) -> Prepared:
        no_compact(call)
        return self._pipeline.translate(call, OPENAI, model, stream=stream)


@dataclass(frozen=True, slots=True)
class _Echo:
    """What is answered to a Chat request."""

    model: str
    text: str
    input_tokens: int
    id: str = field(default_factory=lambda: random_id("chatcmpl-"))
    created: int = field(default_factory=lambda: int(time.time()))

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> _Echo:
        """The echo of a request's last user text."""
        return cls(text(request.get("model")), last_user_text(request) or _GREETING, _size(request))

    def body(self) -> dict[str, Any]:
        """A ``chat.completion``."""
        message = {"role": "assistant", "content": self.text, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        return self._head("chat.completion", choice) | {"usage": self._usage()}

    def events(self) -> Iterator[bytes]:
        """The same as a stream."""
        yield self._chunk({"role": "assistant", "content": ""})
        for piece in _WORD.findall(self.text) or [self.text]:
            yield self._chunk({"content": piece})
        yield self._chunk({}, "stop", usage=self._usage())
        yield sse.frame(b"[DONE]")

    def _chunk(self, delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return sse.frame(exactjson.dumps(self._head("chat.completion.chunk", choice) | more))

    def _head(self, kind: str, choice: dict[str, Any]) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model, "choices": [choice]}

    def _usage(self) -> dict[str, int]:
        output = _tokens(len(self.text))
        return {
            "prompt_tokens": self.input_tokens, "completion_tokens": output, "total_tokens": self.input_tokens + output,
        }  # fmt: skip


class _Words:
    """A source that hands out prepared events one by one."""

    def __init__(self, events: Iterator[bytes]) -> None:
        self.keepalive = 0.0
        self._events: Iterator[bytes] | None = events
        self._begun = False

    def read(self) -> bytes | None:
        """The next event, after a moment."""
        if self._events is None:
            return None
        if self._begun:
            time.sleep(_PAUSE)
        self._begun = True
        return next(self._events, None)

    def close(self) -> None:
        """Stop."""
        self._events = None

    def release(self) -> None:
        """Stop."""
        self._events = None


def last_user_text(request: Mapping[str, Any]) -> str:
    """The text that the user said last, without what is attached to it."""
    for message in reversed(objects(request.get("messages"))):
        if message.get("role", "user") == "user" and (found := "\n".join(_texts(message.get("content")))):
            return found
    return ""


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, list) else []:
        found = part if isinstance(part, str) else text(part.get("text")) if isinstance(part, dict) else ""
        if found:
            yield found


def _size(request: Mapping[str, Any]) -> int:
    """The tokens of all messages, estimated."""
    messages = objects(request.get("messages"))
    return _tokens(sum(len(found) for message in messages for found in _texts(message.get("content"))))


def _tokens(characters: int) -> int:
    """About four characters a token: nobody pays for the demo, and real tables take 100 MB."""
    return max(1, (characters + 3) // 4)
