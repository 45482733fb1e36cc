"""The Gemini family's codecs: Gemini and Gemini CLI on both sides, Antigravity as an upstream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliproxy.translation import exactjson
from cliproxy.translation.codec import AnswerDecoder, AnswerEncoder, Exchange, Target
from cliproxy.translation.formats import ANTIGRAVITY, GEMINI, GEMINI_CLI, Format
from cliproxy.translation.function_names import GEMINI as GEMINI_NAMES
from cliproxy.translation.function_names import ToolNames
from cliproxy.translation.gemini import request_decoder, request_encoder
from cliproxy.translation.gemini.answer_decoder import GeminiDecoder
from cliproxy.translation.gemini.answer_encoder import GeminiEncoder
from cliproxy.translation.model import Conversation
from cliproxy.translation.signatures import SignatureCache


class GeminiCodec:
    """Both sides of ``gemini``."""

    format: Format = GEMINI

    def decode_request(self, body: Mapping[str, Any]) -> Conversation:
        """What a Gemini client asks for."""
        return request_decoder.decode(body, self.format)

    def encode_request(self, conversation: Conversation, target: Target, names: ToolNames) -> dict[str, Any]:
        """The upstream's body."""
        return request_encoder.encode(conversation, target, names)

    def names(self, conversation: Conversation) -> ToolNames:
        """Function names as Gemini takes them."""
        return ToolNames(conversation.declared_names, GEMINI_NAMES)

    def decoder(self, exchange: Exchange) -> AnswerDecoder:
        """For one answer."""
        return GeminiDecoder(exchange)

    def encoder(self, exchange: Exchange) -> AnswerEncoder:
        """For one answer."""
        return GeminiEncoder(exchange)

    def count(self, tokens: int) -> bytes:
        """The answer to ``countTokens``, never in an envelope (translation.md 7)."""
        details = [{"modality": "TEXT", "tokenCount": tokens}]
        return exactjson.dumps({"totalTokens": tokens, "promptTokensDetails": details})


class GeminiCliCodec(GeminiCodec):
    """Both sides of ``gemini-cli``: the same in envelopes."""

    format = GEMINI_CLI

    def encode_request(self, conversation: Conversation, target: Target, names: ToolNames) -> dict[str, Any]:
        """The upstream's envelope."""
        return request_encoder.encode_cli(conversation, target, names)


class AntigravityCodec:
    """``antigravity``, an upstream only. ``cache``: the signatures of its answers, one cache for the process."""

    format: Format = ANTIGRAVITY

    def __init__(self, cache: SignatureCache) -> None:
        self._cache = cache

    def __repr__(self) -> str:
        return f"<AntigravityCodec {self._cache!r}>"

    def encode_request(self, conversation: Conversation, target: Target, names: ToolNames) -> dict[str, Any]:
        """The upstream's envelope."""
        return request_encoder.encode_antigravity(conversation, target, names, self._cache)

    def names(self, conversation: Conversation) -> ToolNames:
        """Function names as Gemini takes them."""
        return ToolNames(conversation.declared_names, GEMINI_NAMES)

    def decoder(self, exchange: Exchange) -> AnswerDecoder:
        """For one answer."""
        return GeminiDecoder(exchange, self._cache)
