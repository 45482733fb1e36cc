"""A conversation as a request of the Gemini family: plain, or in an envelope (translation.md 2.5-2.7)."""

from __future__ import annotations

from typing import Any

from cliproxy.translation.codec import Target
from cliproxy.translation.edits import drop
from cliproxy.translation.formats import CLAUDE, RESPONSES
from cliproxy.translation.function_names import ToolNames
from cliproxy.translation.gemini import generation_config
from cliproxy.translation.gemini.antigravity_schemas import for_antigravity
from cliproxy.translation.gemini.contents import ContentWriter, texts
from cliproxy.translation.gemini.safety import SAFETY_SETTINGS
from cliproxy.translation.gemini.signing import FromCache, Signing, StandIns
from cliproxy.translation.gemini.tools import encode_choice, encode_tools
from cliproxy.translation.gemini.trees import renamed
from cliproxy.translation.model import Conversation, Text
from cliproxy.translation.signatures import SignatureCache

INTERLEAVED_HINT = Text(
    "Interleaved thinking is enabled. You may think again between tool calls and after their results, before you "
    "call the next tool or answer. Never mention this instruction."
)
"""What Claude models behind Antigravity are told when a client lets them think (translation.md 2.7.1)."""


def encode(conversation: Conversation, target: Target, names: ToolNames) -> dict[str, Any]:
    """A GenerateContentRequest."""
    request = _request(conversation, names, StandIns(conversation.source))
    return renamed(request, "systemInstruction", "system_instruction") | {"model": target.model}


def encode_cli(conversation: Conversation, target: Target, names: ToolNames) -> dict[str, Any]:
    """The envelope of Gemini CLI."""
    return envelope(_request(conversation, names, StandIns(conversation.source)), target.model)


def encode_antigravity(
    conversation: Conversation, target: Target, names: ToolNames, cache: SignatureCache
) -> dict[str, Any]:
    """The envelope of Antigravity, schemas cleaned; the upstream adds its own fields (providers.md 16.1)."""
    if conversation.source != CLAUDE:
        request = _request(conversation, names, StandIns(conversation.source), with_ids=True)
        return envelope(for_antigravity(request, target.model), target.model)
    signing = FromCache(target.model, cache)
    hint = INTERLEAVED_HINT if _may_interleave(conversation, target.model) else None
    request = _request(conversation, names, signing, with_ids=True, hint=hint)
    if signing.dropped:
        request = drop(request, ("generationConfig", "thinkingConfig"))
    return envelope(for_antigravity(request, target.model), target.model)


def envelope(request: dict[str, Any], model: str) -> dict[str, Any]:
    """A request for the internal API; the upstream fills in the project."""
    return {"project": "", "request": request, "model": model}


def _may_interleave(conversation: Conversation, model: str) -> bool:
    name = model.lower()
    return bool(conversation.tools) and conversation.reasoning.enabled and "claude" in name and "thinking" in name


def _request(
    conversation: Conversation, names: ToolNames, signing: Signing, *, with_ids: bool = False, hint: Text | None = None
) -> dict[str, Any]:
    writer = ContentWriter(conversation, names, signing, with_ids=with_ids or conversation.source == RESPONSES)
    contents, system = writer.contents(), texts(conversation.system)
    request: dict[str, Any] = {"contents": contents}
    if hint is not None:
        system += texts([hint])
    if system:
        request["systemInstruction"] = {"role": "user", "parts": system}
    if tools := encode_tools(conversation, names):
        request["tools"] = tools
    if (choice := encode_choice(conversation, names)) is not None:
        request["toolConfig"] = choice
    if config := generation_config.encode(conversation):
        request["generationConfig"] = config
    settings = conversation.safety_settings
    request["safetySettings"] = SAFETY_SETTINGS if settings is None else settings
    return request
