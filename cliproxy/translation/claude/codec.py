"""The Messages codec: clients, and Claude upstreams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliproxy.translation import exactjson
from cliproxy.translation.claude import request_decoder, request_encoder
from cliproxy.translation.claude.answer_decoder import ClaudeDecoder
from cliproxy.translation.claude.answer_encoder import ClaudeEncoder
from cliproxy.translation.codec import AnswerDecoder, AnswerEncoder, Exchange, Target
from cliproxy.translation.formats import CLAUDE
from cliproxy.translation.function_names import CLAUDE as CLAUDE_NAMES
from cliproxy.translation.function_names import ToolNames
from cliproxy.translation.model import Conversation


class ClaudeCodec:
    """Both sides of ``claude``."""

    format = CLAUDE

    def decode_request(self, body: Mapping[str, Any]) -> Conversation:
        """What a Messages client asks for."""
        return request_decoder.decode(body)

    def encode_request(self, conversation: Conversation, target: Target, names: ToolNames) -> dict[str, Any]:
        """The upstream's body."""
        return request_encoder.encode(conversation, target, names)

    def names(self, conversation: Conversation) -> ToolNames:
        """Function names as Messages takes them."""
        return ToolNames(conversation.declared_names, CLAUDE_NAMES)

    def decoder(self, exchange: Exchange) -> AnswerDecoder:
        """For one answer."""
        return ClaudeDecoder(exchange)

    def encoder(self, exchange: Exchange) -> AnswerEncoder:
        """For one answer."""
        return ClaudeEncoder(exchange)

    def count(self, tokens: int) -> bytes:
        """The answer to ``count_tokens``."""
        return exactjson.dumps({"input_tokens": tokens})
