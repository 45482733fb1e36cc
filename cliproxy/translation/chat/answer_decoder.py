"""Answers of Chat Completions upstreams (translation.md 3.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cliproxy.errors import UpstreamError
from cliproxy.records.usage import Tokens
from cliproxy.translation import exactjson, usage
from cliproxy.translation.arguments import as_object, quote_fix
from cliproxy.translation.builder import AnswerBuilder
from cliproxy.translation.chat import usage as chat_usage
from cliproxy.translation.chat.request_decoder import image_of_url, thoughts_of
from cliproxy.translation.codec import Exchange
from cliproxy.translation.events import FinishReason, Usage
from cliproxy.translation.formats import CLAUDE, RESPONSES
from cliproxy.translation.ids import random_id
from cliproxy.translation.model import Image
from cliproxy.translation.parsing import event_object, exact_object
from cliproxy.translation.reading import integer, obj, objects, text
from cliproxy.translation.stream_errors import stream_error

REASONS: Mapping[str, FinishReason] = {
    "length": "length", "max_tokens": "length", "tool_calls": "tool_calls", "function_call": "tool_calls",
    "content_filter": "content_filter",
}  # fmt: skip
"""Hub reasons (1.10); anything else is ``stop``."""


class _Call:
    """A tool call that arrives in fragments."""

    __slots__ = ("begun", "id", "name", "pieces")

    def __init__(self) -> None:
        self.id = self.name = ""
        self.pieces: list[str] = []
        self.begun = False

    @property
    def arguments(self) -> str:
        """The text so far."""
        return "".join(self.pieces)


class ChatDecoder:
    """Reads one answer.

    Argument fragments are kept until their call is complete: services interleave parallel calls, repeat names and write
    text that is not quite JSON.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.builder = AnswerBuilder()
        self.tokens: Tokens = usage.NONE
        self.upstream_model = exchange.sent_model
        self.error: UpstreamError | None = None
        self._exchange = exchange
        self._calls: dict[int, _Call] = {}
        self._current: int | None = None
        self._reason: str | None = None
        self._usage: Usage | None = None

    def __repr__(self) -> str:
        return f"<ChatDecoder {self.upstream_model!r} {self.builder!r}>"

    def feed(self, data: bytes) -> None:
        """One chunk."""
        if self.builder.ended or self.error is not None:
            return
        if data == b"[DONE]":
            self.finish()
            return
        chunk = event_object(data)
        if chunk is None:
            return
        if chunk.get("error"):
            self.error = stream_error(exactjson.dumps({"error": chunk["error"]}), chunk["error"])
            return
        choice = _first(chunk.get("choices"))
        if choice is not None:
            self._choice(chunk, choice)
        if chunk.get("usage"):
            self._count(chunk)

    def body(self, data: bytes) -> None:
        """A whole ``chat.completion``."""
        whole = exact_object(data.strip()) or {}
        if whole.get("error") and not whole.get("choices"):
            self.error = stream_error(exactjson.dumps({"error": whole["error"]}), whole["error"])
            return
        self._start(whole)
        choice = _first(whole.get("choices")) or {}
        self._message(obj(choice.get("message")) or obj(choice.get("delta")))
        self._reason = text(choice.get("finish_reason"))
        self._usage = chat_usage.decode(whole.get("usage"))
        self.tokens = usage.openai(whole)
        self.finish()

    def finish(self) -> None:
        """The end: with or without ``[DONE]``."""
        builder = self.builder
        if builder.ended or self.error is not None:
            return
        self._end_calls()
        if builder.started and self._reason is not None:
            builder.finish(REASONS.get(self._reason, "stop"), self._reason)
        builder.end(self._usage)

    def _start(self, chunk: Mapping[str, Any]) -> None:
        if model := text(chunk.get("model")):
            self.upstream_model = model
        self.builder.start(text(chunk.get("id")), self.upstream_model, integer(chunk.get("created")) or 0)

    def _choice(self, chunk: Mapping[str, Any], choice: Mapping[str, Any]) -> None:
        delta = choice.get("delta")
        if isinstance(delta, dict):
            if not self.builder.started:
                self._start(chunk)
            self._delta(delta)
        if reason := text(choice.get("finish_reason")):
            self._reason = reason
            self._end_calls()

    def _delta(self, delta: Mapping[str, Any]) -> None:
        content = delta.get("content")
        if content and isinstance(content, str) and len(delta) == 1 and not self._calls:  # nearly always
            self.builder.text(content)
            return
        for thought in _thoughts(delta):
            self._end_calls()
            self.builder.thinking(thought)
        self._content(content)
        if refusal := text(delta.get("refusal")):
            self._end_calls()
            self.builder.text(refusal)
        for fragment in _fragments(delta):
            self._fragment(fragment)
        self._images(delta.get("images"))

    def _content(self, content: Any) -> None:
        if isinstance(content, str):
            if content:
                self._end_calls()
                self.builder.text(content)
            return
        for item in objects(content):
            kind = item.get("type")
            if kind == "tool_calls":
                self._tool_calls(item.get("tool_calls"))
            elif kind in ("reasoning", "thinking"):
                for thought in thoughts_of(item.get("text") or item.get("thinking")):
                    self._end_calls()
                    self.builder.thinking(thought)
            else:
                self._content(text(item.get("text")))

    def _message(self, message: Mapping[str, Any]) -> None:
        for thought in _thoughts(message):
            self.builder.open_thinking()
            self.builder.thinking(thought)
        self._content(message.get("content"))
        self.builder.text(text(message.get("refusal")))
        self._images(message.get("images"))
        self._tool_calls(message.get("tool_calls"))
        function = obj(message.get("function_call"))
        if function:
            self._tool_calls([{"function": function}])

    def _tool_calls(self, calls: Any) -> None:
        """Whole calls."""
        for number, call in enumerate(objects(calls)):
            self._fragment({**call, "index": number})
        self._end_calls()

    def _images(self, images: Any) -> None:
        for image in objects(images):
            found = image_of_url(text(obj(image.get("image_url")).get("url")))
            if isinstance(found, Image) and found.data:
                self._end_calls()
                self.builder.whole(found)

    def _fragment(self, fragment: Mapping[str, Any]) -> None:
        if fragment.get("type") not in (None, "", "function"):
            return
        index = integer(fragment.get("index"))
        if index is None:  # services that send whole calls leave it out
            index = len(self._calls) if text(fragment.get("id")) or not self._calls else max(self._calls)
        call = self._calls.get(index)
        if call is None:
            self._end_complete()
            call = self._calls[index] = _Call()
        function = obj(fragment.get("function"))
        call.id = call.id or text(fragment.get("id"))
        call.name = call.name or text(function.get("name"))
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            arguments = exactjson.text(arguments)
        if isinstance(arguments, str) and arguments:
            call.pieces.append(arguments)
        if call.name and self._current is None:
            self._begin(index, call)

    def _begin(self, index: int, call: _Call) -> None:
        """The client sees a call as soon as its name is known, one at a time."""
        self._current, call.begun = index, True
        prefix = "toolu_" if self._exchange.client == CLAUDE else "call_"
        namespace, name = self._exchange.names.original(call.name)
        self.builder.tool(call.id or random_id(prefix), name, namespace)

    def _end_complete(self) -> None:
        """Another call begins: end the earlier ones if their arguments are whole, so that nothing waits for the end."""
        if all(call.name and as_object(call.arguments) is not None for call in self._calls.values()):
            self._end_calls()

    def _end_calls(self) -> None:
        if not self._calls:
            return
        calls, self._calls = self._calls, {}
        order = sorted(calls)
        if self._current is not None:  # the one that the client has seen already
            order.remove(self._current)
            order.insert(0, self._current)
        for index in order:
            call = calls[index]
            if not call.name:
                continue
            if not call.begun:
                self._begin(index, call)
            self.builder.arguments(self._repaired(call.arguments))
            self.builder.close()
        self._current = None

    def _repaired(self, arguments: str) -> str:
        if self._exchange.client in (CLAUDE, RESPONSES) and "'" in arguments and as_object(arguments) is None:
            return quote_fix(arguments)
        return arguments

    def _count(self, chunk: Mapping[str, Any]) -> None:
        found = chat_usage.decode(chunk.get("usage"))
        if found is None:
            return
        self._usage, self.tokens = found, usage.openai(chunk)
        if self._reason is not None:
            self.finish()


def _first(choices: Any) -> Mapping[str, Any] | None:
    """The choice with index 0."""
    if isinstance(choices, list) and len(choices) == 1 and isinstance(choices[0], dict) and not choices[0].get("index"):
        return choices[0]
    return next((choice for choice in objects(choices) if not integer(choice.get("index"))), None)


def _thoughts(node: Mapping[str, Any]) -> Iterator[str]:
    found = node.get("reasoning_content")
    if found is None and isinstance(node.get("reasoning"), str):
        found = node["reasoning"]
    return thoughts_of(found)


def _fragments(delta: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if isinstance(delta.get("function_call"), dict):
        return [{"index": 0, "function": delta["function_call"]}]
    return objects(delta.get("tool_calls"))
