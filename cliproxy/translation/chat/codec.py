"""The Chat Completions codec: clients, and OpenAI-compatible upstreams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliproxy.translation import exactjson
from cliproxy.translation.chat import request_decoder, request_encoder
from cliproxy.translation.chat.answer_decoder import ChatDecoder
from cliproxy.translation.chat.answer_encoder import ChatEncoder
from cliproxy.translation.codec import AnswerDecoder, AnswerEncoder, Exchange, Target
from cliproxy.translation.formats import OPENAI
from cliproxy.translation.function_names import CHAT, ToolNames
from cliproxy.translation.model import Conversation


class ChatCodec:
    """Both sides of ``openai``."""

    format = OPENAI

    def decode_request(self, body: Mapping[str, Any]) -> Conversation:
        """What a chat client asks for."""
        return request_decoder.decode(body)

    def encode_request(self, conversation: Conversation, target: Target, names: ToolNames) -> dict[str, Any]:
        """The upstream's body."""
        return request_encoder.encode(conversation, target, names)

    def names(self, conversation: Conversation) -> ToolNames:
        """Function names as Chat takes them."""
        return ToolNames(conversation.declared_names, CHAT)

    def decoder(self, exchange: Exchange) -> AnswerDecoder:
        """For one answer."""
        return ChatDecoder(exchange)

    def encoder(self, exchange: Exchange) -> AnswerEncoder:
        """For one answer."""
        return ChatEncoder(exchange)

    def count(self, tokens: int) -> bytes:
        """A local count (translation.md 7)."""
        counts = {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens}
        return exactjson.dumps({"usage": counts})
