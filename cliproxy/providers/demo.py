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

from cliproxy.providers.local import LocalProvider
from cliproxy.translation.ids import random_id
from cliproxy.translation.reading import objects, text

_PAUSE = 0.005
_GREETING = "Hello from cliproxy. Say something and I will say it back."
_WORD = re.compile(r"\s*\S+\s*\Z|\s*\S+")


class DemoProvider(LocalProvider):
    """Echoes. Needs no network and no settings."""

    key = "demo"

    def body(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """The echo as one body."""
        return _Echo.of(request).body()

    def chunks(self, request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """The echo word by word, a few milliseconds apart."""
        for number, chunk in enumerate(_Echo.of(request).chunks()):
            if number:
                time.sleep(_PAUSE)
            yield chunk

    def tokens(self, request: Mapping[str, Any]) -> int:
        """An estimate over all texts in the request."""
        return _size(request)


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

    def chunks(self) -> Iterator[dict[str, Any]]:
        """The same as a stream."""
        yield self._chunk({"role": "assistant", "content": ""})
        for piece in _WORD.findall(self.text) or [self.text]:
            yield self._chunk({"content": piece})
        yield self._chunk({}, "stop", usage=self._usage())

    def _chunk(self, delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return self._head("chat.completion.chunk", choice) | more

    def _head(self, kind: str, choice: dict[str, Any]) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model, "choices": [choice]}

    def _usage(self) -> dict[str, int]:
        output = _tokens(len(self.text))
        return {
            "prompt_tokens": self.input_tokens, "completion_tokens": output, "total_tokens": self.input_tokens + output,
        }  # fmt: skip


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
