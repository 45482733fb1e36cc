"""Answers of Gemini, Gemini CLI and Antigravity upstreams (translation.md 3.5)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

import orjson

from cliproxy.errors import UpstreamError
from cliproxy.records.usage import Tokens
from cliproxy.translation import exactjson, ids, usage
from cliproxy.translation.builder import AnswerBuilder
from cliproxy.translation.codec import Exchange
from cliproxy.translation.events import FinishReason, Usage
from cliproxy.translation.formats import ANTIGRAVITY, CLAUDE, RESPONSES
from cliproxy.translation.gemini import usage as gemini_usage
from cliproxy.translation.gemini.spelling import get
from cliproxy.translation.media import standard_base64
from cliproxy.translation.model import Code, CodeResult, File, Image, Signature, SignatureGroup
from cliproxy.translation.reading import integer, obj, objects, text
from cliproxy.translation.signatures import SKIP_SIGNATURE, SignatureCache, group_of
from cliproxy.translation.stream_errors import stream_error

REASONS: Mapping[str, FinishReason] = {
    "MAX_TOKENS": "length", "SAFETY": "content_filter", "RECITATION": "content_filter", "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter", "SPII": "content_filter", "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter", "IMAGE_RECITATION": "content_filter",
}  # fmt: skip
"""Hub reasons (1.10); anything else is ``stop``."""
_MARKS_OF_RESPONSE = ("candidates", "responseId", "usageMetadata", "modelVersion", "promptFeedback", "error")


class GeminiDecoder:
    """Reads one answer. ``cache`` keeps the signatures of thoughts for Claude clients of Antigravity."""

    def __init__(self, exchange: Exchange, cache: SignatureCache | None = None) -> None:
        self.builder = AnswerBuilder()
        self.tokens: Tokens = usage.NONE
        self.upstream_model = exchange.sent_model
        self.error: UpstreamError | None = None
        self._exchange = exchange
        self._cache = cache if exchange.client == CLAUDE else None
        self._group = _group(exchange)
        self._expected = _expected(exchange.sent)
        self._thoughts: dict[int, list[str]] = {}
        """Thinking of the open part since its last signature, by candidate."""
        self._sealed: set[int] = set()
        """Candidates whose open thinking is signed: more of it is a new part."""
        self._finishes: dict[int, tuple[FinishReason, str]] = {}
        self._counts: Mapping[str, Any] = {}
        self._usage: Usage | None = None

    def __repr__(self) -> str:
        return f"<GeminiDecoder {self.upstream_model!r} {self.builder!r}>"

    def feed(self, data: bytes) -> None:
        """One chunk, or an array of chunks."""
        if data == b"[DONE]":
            self.finish()
            return
        for chunk in _chunks(data):
            if self.builder.ended or self.error is not None:
                return
            self._chunk(chunk)

    def body(self, data: bytes) -> None:
        """A whole answer: one response, or the array of a stream's."""
        self.feed(data.strip())
        self.finish()

    def finish(self) -> None:
        """The end of the stream."""
        if self.builder.ended or self.error is not None:
            return
        self._read_counts()
        for candidate, (reason, native) in sorted(self._finishes.items()):
            self.builder.finish(reason, native, candidate=candidate)
        self.builder.end(self._usage)

    def _chunk(self, chunk: Mapping[str, Any]) -> None:
        response = _unwrapped(chunk)
        if error := response.get("error") or chunk.get("error"):
            self._read_counts()
            self.error = stream_error(exactjson.dumps({"error": error}), error)
            return
        counted = self._count(response, chunk)
        self._start(response)
        candidates = objects(response.get("candidates"))
        for candidate in candidates:
            self._candidate(candidate)
        if not candidates and (blocked := text(obj(response.get("promptFeedback")).get("blockReason"))):
            self._finishes.setdefault(0, ("content_filter", blocked))
        if counted and len(self._finishes) >= self._expected:
            self.finish()

    def _start(self, response: Mapping[str, Any]) -> None:
        if model := text(response.get("modelVersion")):
            self.upstream_model = model
        if self.builder.started:
            return
        first = self._usage if self._exchange.upstream == ANTIGRAVITY else None
        identifier, created = text(response.get("responseId")), _seconds(response.get("createTime"))
        self.builder.start(identifier, self.upstream_model, created, first)

    def _count(self, response: Mapping[str, Any], chunk: Mapping[str, Any]) -> bool:
        """Remember the usage, which each chunk repeats and only the first and the last are asked for."""
        for node in (response, chunk):
            shape = get(node, "usageMetadata") or node.get("cpaUsageMetadata")
            if isinstance(shape, dict):
                is_first, self._counts = not self._counts, shape
                if is_first:
                    self._read_counts()
                return True
        return False

    def _read_counts(self) -> None:
        self._usage, self.tokens = gemini_usage.decode(self._counts), usage.gemini({"usageMetadata": self._counts})

    def _candidate(self, candidate: Mapping[str, Any]) -> None:
        index = integer(candidate.get("index")) or 0
        for part in objects(obj(candidate.get("content")).get("parts")):
            self._part(part, index)
        if native := text(candidate.get("finishReason")):
            self._finishes[index] = REASONS.get(native, "stop"), native

    def _part(self, part: Mapping[str, Any], index: int) -> None:
        found = text(part.get("text"))
        if part.get("thought") is True:
            self._thought(found, text(get(part, "thoughtSignature")), index)
        elif found:
            self.builder.text(found, index)
        elif isinstance(call := get(part, "functionCall"), dict):
            self._call(call, index)
        else:
            self._data(part, index)

    def _thought(self, found: str, signature: str, index: int) -> None:
        builder = self.builder
        if found:
            if index in self._sealed or not builder.is_open("thinking", index):
                builder.open_thinking(candidate=index)
                self._sealed.discard(index)
                self._thoughts[index] = []
            builder.thinking(found, index)
            self._thoughts.setdefault(index, []).append(found)
        if not signature or signature == SKIP_SIGNATURE:
            return
        if not builder.is_open("thinking", index):
            self._thoughts.pop(index, None)
        builder.signature(Signature(signature, self._group), index)
        if thoughts := self._thoughts.pop(index, None):
            self._sealed.add(index)
            if self._cache is not None:
                self._cache.store(self._exchange.sent_model, "".join(thoughts), signature)

    def _call(self, call: Mapping[str, Any], index: int) -> None:
        """A call; without a name it goes on with the arguments of the one before."""
        name, args = text(call.get("name")), call.get("args")
        if name:
            namespace, own = self._exchange.names.original(name)
            self.builder.tool(text(call.get("id")) or self._made_id(own), own, namespace, index)
        if isinstance(args, dict) and args and self.builder.is_open("tool", index):
            self.builder.arguments(exactjson.text(args), index)

    def _made_id(self, name: str) -> str:
        return ids.call_id() if self._exchange.client == RESPONSES else ids.tool_id(name)

    def _data(self, part: Mapping[str, Any], index: int) -> None:
        blob = get(part, "inlineData")
        code, result = get(part, "executableCode"), get(part, "codeExecutionResult")
        if isinstance(blob, dict):
            mime, data = text(get(blob, "mimeType")), standard_base64(text(blob.get("data")))
            if data:
                is_image = not mime or mime.startswith("image/")
                self.builder.whole(Image(mime, data) if is_image else File(mime=mime, data=data), index)
        elif isinstance(code, dict):
            self.builder.whole(Code(text(code.get("language")), text(code.get("code"))), index)
        elif isinstance(result, dict):
            self.builder.whole(CodeResult(text(result.get("outcome")), text(result.get("output"))), index)


def _group(exchange: Exchange) -> SignatureGroup:
    """Whose signatures the upstream's thoughts carry: Antigravity also serves other families."""
    group = group_of(exchange.sent_model) if exchange.upstream == ANTIGRAVITY else "gemini"
    return cast(SignatureGroup, group)


def _expected(sent: Mapping[str, Any]) -> int:
    """How many candidates were asked for."""
    config = obj(obj(sent.get("request", sent)).get("generationConfig"))
    return max(integer(config.get("candidateCount")) or 1, 1)


def _chunks(data: bytes) -> list[Mapping[str, Any]]:
    """The objects in an event; where one has arguments, numbers keep their spelling."""
    try:
        value = exactjson.loads(data) if b'"args"' in data else orjson.loads(data)
    except ValueError:
        try:
            value = exactjson.loads(data)  # lone surrogates
        except ValueError:
            return []
    return [value] if isinstance(value, dict) else objects(value)


def _unwrapped(chunk: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = chunk.get("response")
    return inner if isinstance(inner, dict) and any(mark in inner for mark in _MARKS_OF_RESPONSE) else chunk


def _seconds(value: Any) -> int:
    """Unix seconds of an RFC 3339 time; 0 when it is none."""
    try:
        return int(datetime.fromisoformat(text(value)).timestamp())
    except (ValueError, OverflowError):
        return 0
