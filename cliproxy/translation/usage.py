"""Token counts out of answers, one reader per upstream format (providers.md 5.2, logging.md 15.3).

Each takes a parsed JSON body or event and returns ``Tokens``; absent or odd numbers count as 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliproxy.records.usage import Tokens

NONE = Tokens()


def _number(node: Any, *keys: str) -> int:
    """The first non-zero number under one of the dotted ``keys``."""
    for key in keys:
        value = node
        for part in key.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            return int(value)
    return 0


def openai(body: Mapping[str, Any]) -> Tokens:
    """Chat Completions, whole or chunk, and Responses objects: ``usage``."""
    node = body.get("usage")
    if not isinstance(node, Mapping):
        return NONE
    return Tokens(
        input=_number(node, "prompt_tokens", "input_tokens"),
        output=_number(node, "completion_tokens", "output_tokens"),
        reasoning=_number(node, "completion_tokens_details.reasoning_tokens", "output_tokens_details.reasoning_tokens"),
        cached=_number(node, "prompt_tokens_details.cached_tokens", "input_tokens_details.cached_tokens"),
        total=_number(node, "total_tokens"),
    )


def codex(event: Mapping[str, Any]) -> Tokens:
    """The ``response.completed`` event of Codex: ``response.usage``."""
    response = event.get("response")
    return openai(response) if isinstance(response, Mapping) else NONE


def claude(body: Mapping[str, Any], earlier: Tokens = NONE) -> Tokens:
    """Messages, whole or ``message_delta``: top-level ``usage``; ``earlier`` (from ``message_start``) fills gaps."""
    node = body.get("usage")
    if not isinstance(node, Mapping):
        return earlier
    used_input = _number(node, "input_tokens") or earlier.input
    output = _number(node, "output_tokens") or earlier.output
    cached = _number(node, "cache_read_input_tokens", "cache_creation_input_tokens") or earlier.cached
    return Tokens(input=used_input, output=output, cached=cached, total=used_input + output)


def gemini(body: Mapping[str, Any]) -> Tokens:
    """generateContent, whole or chunk: ``usageMetadata``, else ``usage_metadata``."""
    node = body.get("usageMetadata") or body.get("usage_metadata")
    if not isinstance(node, Mapping):
        return NONE
    counts = Tokens(
        input=_number(node, "promptTokenCount"),
        output=_number(node, "candidatesTokenCount"),
        reasoning=_number(node, "thoughtsTokenCount"),
        cached=_number(node, "cachedContentTokenCount"),
        total=_number(node, "totalTokenCount"),
    )
    return counts if counts.total else Tokens(counts.input, counts.output, counts.reasoning, counts.cached, counts.sum)
