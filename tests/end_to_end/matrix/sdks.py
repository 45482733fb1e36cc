"""The official SDKs, by the client format that they speak."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import anthropic
import openai
import pytest
from end_to_end.matrix import anthropic_talk, genai_talk, openai_talks
from end_to_end.matrix.talk import Talk
from google.genai import errors


@dataclass(frozen=True, slots=True, eq=False)
class Sdk:
    """One SDK on one API. ``own`` is the upstream that speaks the same format: those requests are passed through."""

    name: str
    connect: Callable[[str], Any]
    talk: type[Talk]
    own: str
    failures: Mapping[int, type[Exception]]
    """The exception of each status that an upstream may answer."""
    any_failure: type[Exception]

    def __repr__(self) -> str:
        return self.name


_OPENAI = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
}
_ANTHROPIC = {
    400: anthropic.BadRequestError,
    401: anthropic.AuthenticationError,
    429: anthropic.RateLimitError,
    500: anthropic.InternalServerError,
}
_GENAI = {400: errors.ClientError, 401: errors.ClientError, 429: errors.ClientError, 500: errors.ServerError}
CHAT = Sdk("chat-sdk", openai_talks.connect, openai_talks.ChatTalk, "chat", _OPENAI, openai.APIError)
RESPONSES = Sdk("responses-sdk", openai_talks.connect, openai_talks.ResponsesTalk, "codex", _OPENAI, openai.APIError)
ANTHROPIC = Sdk(
    "anthropic-sdk", anthropic_talk.connect, anthropic_talk.AnthropicTalk, "claude", _ANTHROPIC, anthropic.APIError
)
GENAI = Sdk("genai-sdk", genai_talk.connect, genai_talk.GenaiTalk, "gemini", _GENAI, errors.APIError)
Begin = Callable[..., Talk]
"""``begin(sdk, target or model, **wishes)``: a new conversation."""
SDKS = (CHAT, RESPONSES, ANTHROPIC, GENAI)
EACH_SDK = pytest.mark.parametrize("sdk", SDKS, ids=repr)
BOTH_WAYS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
