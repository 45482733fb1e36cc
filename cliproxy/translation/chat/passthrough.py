"""Chat Completions on both sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliproxy.records.usage import Tokens
from cliproxy.translation import model_name, sse, usage
from cliproxy.translation.passthrough import Passthrough, load
from cliproxy.translation.stream_errors import stream_error

_MODEL = ("model",)


class ChatStream(Passthrough):
    """Chunks of a chat stream. ``[DONE]`` is taken off: the writer ends the client's stream itself.

    An upstream repeats the same ``data: {"id":...,"model":"..."`` at the head of every chunk. Once that head is known,
    a block in which every event has it needs one ``bytes.replace``. The head holds unescaped quotes, so it cannot
    stand inside a JSON string: the replacement is exact.
    """

    def __init__(self, client_model: str, sent_model: str) -> None:
        super().__init__(client_model, sent_model)
        self._head = b""  # as the upstream sends it
        self._new_head = b""  # as the client gets it
        self._usage = self._finish = b""  # what marks an event that must be looked at, in the upstream's spacing

    def feed(self, data: bytes) -> bytes:
        """The chunks that ``data`` completes, as the client gets them."""
        head = self._head
        # The straight way, for whole events that arrive with nothing waiting: all have the head, none usage or error.
        if (
            head
            and not self._events.waiting
            and data.endswith(b"\n\n")
            and data.count(b"\n") == 2 * data.count(head)
            and self._usage not in data
            and b'"error"' not in data
            and self._finish not in data
        ):
            return data.replace(head, self._new_head)
        return super().feed(data)

    def untouched(self, events: bytes) -> bool:
        """Never: names, usage and the end are looked for in each event that did not go the straight way."""
        return False

    def event(self, event: bytes) -> bytes:
        """One chunk."""
        data = sse.data_of(event)
        if not data:
            return b""  # a comment
        if data == b"[DONE]":
            self.complete = True
            return b""
        chunk = load(data)
        if chunk is None:
            return sse.frame(data)
        if chunk.get("error"):
            self.error = stream_error(data, chunk["error"])
            return b""
        if tokens := usage.openai(chunk):
            self.tokens = tokens
        self.ending = self.ending or _finished(chunk)
        self.reported(model_name.lookup(chunk, _MODEL))
        changed = model_name.replace(data, chunk, _MODEL, self.client_model)
        self._learn_head(data, changed)
        return sse.frame(changed)

    def _learn_head(self, data: bytes, changed: bytes) -> None:
        old, new = model_name.quoted(self.upstream_model), model_name.quoted(self.client_model)
        end = data.find(old)
        # Only a flat head: with nothing opened before it, the first "model" is the chunk's own.
        if end < 0 or b"{" in data[1:end] or b"[" in data[:end] or not data[:end].rstrip(b" :").endswith(b'"model"'):
            return
        end += len(old)
        space = b" " if data[:end].endswith(b'"model": ' + old) else b""
        self._usage, self._finish = b'"usage":%b{' % space, b'"finish_reason":%b"' % space
        self._head = b"data: " + data[:end]
        self._new_head = b"data: " + changed[: end - len(old) + len(new)]


def _finished(chunk: Mapping[str, Any]) -> bool:
    choices = chunk.get("choices")
    return isinstance(choices, list) and any(isinstance(c, dict) and c.get("finish_reason") for c in choices)


def body(data: bytes, client_model: str, sent_model: str) -> tuple[bytes, str, Tokens]:
    """A whole ``chat.completion``: (client's body, upstream's model name, usage)."""
    parsed = load(data.lstrip())
    if parsed is None:
        return data, sent_model, usage.NONE
    named = model_name.lookup(parsed, _MODEL) or sent_model
    return model_name.replace(data, parsed, _MODEL, client_model), named, usage.openai(parsed)
