"""The Responses codecs: clients speak ``openai-response``, the Codex back end its dialect ``codex``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliproxy.translation import exactjson
from cliproxy.translation.codec import AnswerEncoder, Exchange, Target
from cliproxy.translation.formats import CODEX, RESPONSES
from cliproxy.translation.function_names import CODEX as CODEX_NAMES
from cliproxy.translation.function_names import ToolNames
from cliproxy.translation.model import Conversation
from cliproxy.translation.responses import codex_encoder, request_decoder
from cliproxy.translation.responses.answer_decoder import ResponsesDecoder
from cliproxy.translation.responses.answer_encoder import ResponsesEncoder


class ResponsesCodec:
    """The client's side."""

    format = RESPONSES

    def decode_request(self, body: Mapping[str, Any]) -> Conversation:
        """What a Responses client asks for."""
        return request_decoder.decode_request(body)

    def encoder(self, exchange: Exchange) -> AnswerEncoder:
        """For one answer."""
        return ResponsesEncoder(exchange)

    def count(self, tokens: int) -> bytes:
        """A local count (translation.md 7)."""
        counts = {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens}
        return exactjson.dumps({"usage": counts})


class CodexCodec:
    """The upstream's side."""

    format = CODEX

    def encode_request(self, conversation: Conversation, target: Target, names: ToolNames) -> dict[str, Any]:
        """The upstream's body."""
        return codex_encoder.encode_request(conversation, target, names)

    def names(self, conversation: Conversation) -> ToolNames:
        """Function names as Codex takes them."""
        return ToolNames(conversation.declared_names, CODEX_NAMES)

    def decoder(self, exchange: Exchange) -> ResponsesDecoder:
        """For one answer."""
        return ResponsesDecoder(exchange)
