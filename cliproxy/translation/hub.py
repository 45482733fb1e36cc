"""Any client format to any upstream format (translation.md 0): one codec per format around the hub's model.

``Hub.exchange`` makes the upstream's body, ``TranslatedStream`` and ``encoded`` the client's answer. Pairs of one
family bypass the model: their bodies are edited, never rebuilt (section 6).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cliproxy.errors import UpstreamError, UpstreamTransport
from cliproxy.records.usage import Tokens
from cliproxy.translation.builder import collect
from cliproxy.translation.chat.codec import ChatCodec
from cliproxy.translation.claude.codec import ClaudeCodec
from cliproxy.translation.codec import AnswerDecoder, AnswerEncoder, ClientCodec, Exchange, Target, UpstreamCodec
from cliproxy.translation.draft import Draft
from cliproxy.translation.events import Event, TextDelta
from cliproxy.translation.formats import (
    ANTIGRAVITY,
    CLAUDE,
    CODEX,
    GEMINI,
    GEMINI_CLI,
    OPENAI,
    RESPONSES,
    Format,
)
from cliproxy.translation.gemini import dialects
from cliproxy.translation.gemini.codec import AntigravityCodec, GeminiCliCodec, GeminiCodec
from cliproxy.translation.model import Conversation, FunctionTool, Tool, Turn
from cliproxy.translation.responses.codec import CodexCodec, ResponsesCodec
from cliproxy.translation.responses.codex_request import to_codex
from cliproxy.translation.signatures import SignatureCache
from cliproxy.translation.sse import EventBuffer, EventTooLong, data_of, split
from cliproxy.translation.text_lane import TextLane

_GEMINI_CLIENTS = (GEMINI, GEMINI_CLI)
_GEMINI_UPSTREAMS = (GEMINI, GEMINI_CLI, ANTIGRAVITY)
_SAME = {OPENAI: OPENAI, CLAUDE: CLAUDE, RESPONSES: CODEX}


class Hub:
    """All codecs, and what they share: the signatures that Antigravity's thinking came with (4.5)."""

    def __init__(self, signatures: SignatureCache | None = None) -> None:
        gemini, cli = GeminiCodec(), GeminiCliCodec()
        antigravity = AntigravityCodec(SignatureCache(time.monotonic) if signatures is None else signatures)
        chat, claude = ChatCodec(), ClaudeCodec()
        self._clients: dict[Format, ClientCodec] = {
            OPENAI: chat, RESPONSES: ResponsesCodec(), CLAUDE: claude, GEMINI: gemini, GEMINI_CLI: cli,
        }  # fmt: skip
        self._upstreams: dict[Format, UpstreamCodec] = {
            OPENAI: chat, CODEX: CodexCodec(), CLAUDE: claude, GEMINI: gemini, GEMINI_CLI: cli,
            ANTIGRAVITY: antigravity,
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"<Hub {[*self._clients]} to {[*self._upstreams]}>"

    @staticmethod
    def bypasses(client: Format, upstream: Format) -> bool:
        """True for pairs of one family, whose bodies are edited and not rebuilt."""
        if client in _GEMINI_CLIENTS:
            return upstream in _GEMINI_UPSTREAMS
        return _SAME.get(client) == upstream

    def draft(self, client: Format, upstream: Format, body: dict[str, Any], payload: bytes, target: Target) -> Draft:
        """The upstream's body of a pair that bypasses the model."""
        if client in _GEMINI_CLIENTS:
            return _gemini_draft(client, upstream, body, payload, target)
        if client == RESPONSES:
            return Draft(to_codex(body, target.model, target.instructions), body, payload)
        if body.get("model") == target.model:
            return Draft(body, body, payload)
        return Draft({**body, "model": target.model}, body, payload)

    def exchange(
        self, client: Format, upstream: Format, body: Mapping[str, Any], client_model: str, target: Target
    ) -> Exchange:
        """A translated request: its ``sent`` is the upstream's body."""
        conversation = _tidied(self._clients[client].decode_request(body))
        codec = self._upstreams[upstream]
        names = codec.names(conversation)
        sent = codec.encode_request(conversation, target, names)
        return Exchange(client, upstream, client_model, target.model, body, conversation, sent, names)

    def decoder(self, exchange: Exchange) -> AnswerDecoder:
        """A fresh decoder for the upstream's answer."""
        return self._upstreams[exchange.upstream].decoder(exchange)

    def encoder(self, exchange: Exchange) -> AnswerEncoder:
        """A fresh encoder for the client's answer."""
        return self._clients[exchange.client].encoder(exchange)

    def stream(self, exchange: Exchange) -> TranslatedStream:
        """The transform of a streamed answer."""
        return TranslatedStream(self.decoder(exchange), self.encoder(exchange), exchange.upstream)

    def count(self, client: Format, tokens: int) -> bytes:
        """A token count in a client's shape (translation.md 7)."""
        return self._clients[client].count(tokens)


def _gemini_draft(
    client: Format, upstream: Format, body: dict[str, Any], payload: bytes, target: Target
) -> Draft:
    converted = dialects.convert(client, upstream, body, target.model)
    if client == GEMINI:
        member = "" if upstream == GEMINI else "request"
        return Draft(converted, body, payload, member)
    return Draft(converted, body, payload) if upstream != GEMINI else Draft(converted)


def _tidied(conversation: Conversation) -> Conversation:
    """What every upstream wants: a turn (the system's text becomes the user's if there is no other), names once."""
    functions = conversation.declared_names
    if len(set(functions)) != len(functions):
        seen: dict[Any, Tool] = {}
        for number, tool in enumerate(conversation.tools):
            seen.setdefault((tool.namespace, tool.name) if isinstance(tool, FunctionTool) else number, tool)
        conversation = replace(conversation, tools=tuple(seen.values()))
    if conversation.turns or not conversation.system:
        return conversation
    return replace(conversation, system=(), turns=(Turn("user", conversation.system),))


class TranslatedStream:
    """A ``Transform`` (providers/base.py) between two formats; one object per answer."""

    def __init__(self, decoder: AnswerDecoder, encoder: AnswerEncoder, upstream: Format) -> None:
        self._decoder, self._encoder, self._upstream = decoder, encoder, upstream
        self._events = EventBuffer()
        self._lane = TextLane() if encoder.is_steady else None
        self._begun = False
        self.error: UpstreamError | None = None

    def __repr__(self) -> str:
        return f"<TranslatedStream {self._decoder!r} to {self._encoder!r}>"

    @property
    def tokens(self) -> Tokens:
        """Usage as the upstream counts it."""
        return self._decoder.tokens

    @property
    def upstream_model(self) -> str:
        """The model as the upstream names it."""
        return self._decoder.upstream_model

    @property
    def complete(self) -> bool:
        """True once the answer is whole."""
        return self._decoder.builder.ended

    def feed(self, data: bytes) -> bytes:
        """The client's events for what ``data`` completes."""
        if self._events.waiting or b"\r" in data or not data.endswith(b"\n\n"):  # else: whole events, as nearly always
            try:
                data = self._events.feed(data)
            except EventTooLong as error:
                self.error = UpstreamTransport(str(error))
                return b""
        if not data:
            return data
        lane = self._lane
        if lane is not None and (strings := lane.match(data)) is not None:
            self._decoder.builder.has_said(strings)
            return lane.write(strings)
        return self._translated(data)

    def finish(self) -> bytes:
        """The end of the upstream's answer; an answer without any event stays empty (credentials.md 4.3)."""
        out = self._translated(self._events.rest() + b"\n\n")
        return out + self.closing() if self._begun and self.error is None else out

    def closing(self) -> bytes:
        """What closes the client's stream when the upstream does not."""
        self._decoder.finish()
        return self._encoder.events(self._decoder.builder.take())

    def _translated(self, events: bytes) -> bytes:
        decoder, builder = self._decoder, self._decoder.builder
        last, before = b"", 0
        for event in events.split(b"\n\n"):
            if event and (data := data_of(event)):
                self._begun = True
                last, before = event, builder.waiting
                decoder.feed(data)
        if decoder.error is not None:
            self.error = decoder.error
            decoder.error.format = self._upstream
        found = builder.take()
        return self._encoder.events(found) if self._lane is None else self._learning(self._lane, found, last, before)

    def _learning(self, lane: TextLane, found: list[Event], last: bytes, before: int) -> bytes:
        """Write the events of a block; from number ``before`` they came from ``last``, which may be like the next."""
        delta = found[-1] if len(found) - before == 1 else None
        if lane.is_hopeless or not isinstance(delta, TextDelta) or delta.candidate:
            lane.forget()
            if lane.is_hopeless:
                self._lane = None
            return self._encoder.events(found)
        out, written = self._encoder.events(found[:-1]), self._encoder.events([delta])
        lane.learn(last + b"\n\n", delta.text, written)
        return out + written


def read_stream(decoder: AnswerDecoder, stream: bytes) -> None:
    """Feed the text of a whole event stream to a decoder (3.10)."""
    buffer = EventBuffer()
    for event in split(buffer.feed(stream) + buffer.rest()):
        if data := data_of(event):
            decoder.feed(data)
    decoder.finish()


def encoded(decoder: AnswerDecoder, encoder: AnswerEncoder, upstream: Format) -> bytes:
    """The client's body for what a decoder has read.

    :raises UpstreamError: the upstream reported an error inside its answer.
    """
    if decoder.error is not None:
        decoder.error.format = upstream
        raise decoder.error
    return encoder.body(collect(decoder.builder.take()))

