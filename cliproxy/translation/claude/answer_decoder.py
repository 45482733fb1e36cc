"""Answers of Messages upstreams (translation.md 3.3)."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from typing import Any

from cliproxy.errors import UpstreamError
from cliproxy.records.usage import Tokens
from cliproxy.translation import exactjson, usage
from cliproxy.translation.builder import AnswerBuilder
from cliproxy.translation.claude import usage as claude_usage
from cliproxy.translation.claude.request_decoder import thinking_text
from cliproxy.translation.codec import Exchange
from cliproxy.translation.events import FinishReason
from cliproxy.translation.formats import CLAUDE
from cliproxy.translation.ids import random_id
from cliproxy.translation.model import Opaque, RedactedThinking, Signature
from cliproxy.translation.parsing import event_object, exact_object
from cliproxy.translation.reading import obj, objects, text
from cliproxy.translation.stream_errors import stream_error

REASONS: Mapping[str, FinishReason] = {
    "max_tokens": "length", "model_context_window_exceeded": "length", "tool_use": "tool_calls",
    "stop_sequence": "stop_sequence", "refusal": "content_filter", "pause_turn": "pause",
}  # fmt: skip
"""Hub reasons (1.10); anything else is ``stop``."""


class ClaudeDecoder:
    """Reads one answer."""

    def __init__(self, exchange: Exchange) -> None:
        self.builder = AnswerBuilder()
        self.tokens: Tokens = usage.NONE
        self.upstream_model = exchange.sent_model
        self.error: UpstreamError | None = None
        self._exchange = exchange
        self._index: Any = None  # of the open block
        self._usage: dict[str, Any] = {}
        self._reason: str | None = None
        self._stop_sequence: str | None = None

    def __repr__(self) -> str:
        return f"<ClaudeDecoder {self.upstream_model!r} {self.builder!r}>"

    def feed(self, data: bytes) -> None:
        """One event."""
        if self.builder.ended or self.error is not None:
            return
        event = event_object(data)
        if event is None:
            return
        kind = event.get("type")
        if kind == "content_block_delta":
            self._delta(event)
        elif kind == "content_block_start":
            self._block_start(data, event)
        elif kind == "content_block_stop":
            self._block_stop(event)
        elif kind == "message_start":
            self._message_start(obj(event.get("message")))
        elif kind == "message_delta":
            self._message_delta(event)
        elif kind == "message_stop":
            self.finish()
        elif kind == "error" or (kind is None and event.get("error")):
            self._fail(event)

    def body(self, data: bytes) -> None:
        """A whole message."""
        whole = exact_object(ungzipped(data).strip()) or {}
        if whole.get("type") == "error" or (whole.get("error") and "content" not in whole):
            self._fail(whole)
            return
        self._message_start(whole)
        for block in objects(whole.get("content")):
            self._open(block)
            self.builder.close()
        self._reason = text(whole.get("stop_reason"))
        self._stop_sequence = text(whole.get("stop_sequence")) or None
        self.finish()

    def finish(self) -> None:
        """The end, also when the upstream just stopped."""
        builder = self.builder
        if builder.ended or self.error is not None:
            return
        if builder.started and self._reason is not None:
            builder.finish(REASONS.get(self._reason, "stop"), self._reason, self._stop_sequence)
        builder.end(claude_usage.decode(self._usage))

    def _fail(self, event: Mapping[str, Any]) -> None:
        error = event.get("error")
        self.error = stream_error(exactjson.dumps({"error": error}), error)

    def _message_start(self, message: Mapping[str, Any]) -> None:
        if model := text(message.get("model")):
            self.upstream_model = model
        self._count(message)
        self.builder.start(text(message.get("id")), self.upstream_model)

    def _message_delta(self, event: Mapping[str, Any]) -> None:
        delta = obj(event.get("delta"))
        if reason := text(delta.get("stop_reason")):
            self._reason = reason
            self._stop_sequence = text(delta.get("stop_sequence")) or None
        self._count(event)

    def _count(self, node: Mapping[str, Any]) -> None:
        """Later fields override earlier ones, one by one."""
        found = node.get("usage")
        if isinstance(found, dict):
            self._usage |= {key: found[key] for key in claude_usage.FIELDS if found.get(key) is not None}
            self.tokens = usage.claude({"usage": self._usage})

    def _block_start(self, data: bytes, event: Mapping[str, Any]) -> None:
        block = obj(event.get("content_block"))
        if block.get("input"):  # arguments that come at once keep their numbers' spelling
            block = obj((exact_object(data) or event).get("content_block"))
        self._index = event.get("index")
        self._open(block)

    def _open(self, block: Mapping[str, Any]) -> None:
        builder, kind = self.builder, block.get("type")
        if kind == "text":
            builder.open_text()
            builder.text(text(block.get("text")))
            for citation in objects(block.get("citations")):
                builder.citation(citation)
        elif kind == "thinking":
            builder.open_thinking()
            builder.thinking(thinking_text(block))
            self._signature(text(block.get("signature")))
        elif kind == "tool_use":
            namespace, name = self._exchange.names.original(text(block.get("name")))
            builder.tool(text(block.get("id")) or random_id("toolu_"), name, namespace)
            if given := block.get("input"):
                builder.arguments(given if isinstance(given, str) else exactjson.text(given))
        elif kind == "redacted_thinking":
            builder.whole(RedactedThinking(text(block.get("data"))))
        elif kind is not None:
            builder.whole(Opaque(block, CLAUDE))

    def _delta(self, event: Mapping[str, Any]) -> None:
        delta, builder = event.get("delta"), self.builder
        if not isinstance(delta, dict):
            return
        kind = delta.get("type")
        if kind == "text_delta":
            builder.text(text(delta.get("text")))
        elif kind == "thinking_delta":
            builder.thinking(text(delta.get("thinking")))
        elif kind == "input_json_delta":
            builder.arguments(text(delta.get("partial_json")))
        elif kind == "signature_delta":
            self._signature(text(delta.get("signature")))
        elif kind == "citations_delta" and isinstance(delta.get("citation"), dict):
            builder.citation(delta["citation"])

    def _signature(self, value: str) -> None:
        if value and self.builder.is_open("thinking"):
            self.builder.signature(Signature(value, "claude"))

    def _block_stop(self, event: Mapping[str, Any]) -> None:
        if self._index is None or event.get("index") == self._index:
            self.builder.close()


def ungzipped(data: bytes) -> bytes:
    """Some upstreams send gzip without saying so."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return data
