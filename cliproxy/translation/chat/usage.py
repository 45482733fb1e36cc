"""Token usage of Chat Completions bodies, there and back (translation.md 1.9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliproxy.translation.events import Usage
from cliproxy.translation.reading import count, obj


def decode(node: Any) -> Usage | None:
    """A ``usage`` object; None when there is none, or nothing in it."""
    if not isinstance(node, dict) or not node:
        return None
    prompt, completion = _details(node, "prompt", "input"), _details(node, "completion", "output")
    usage = Usage(
        input=count(node, "prompt_tokens") or count(node, "input_tokens"),
        output=count(node, "completion_tokens") or count(node, "output_tokens"),
        cache_read=count(prompt, "cached_tokens"),
        reasoning=count(completion, "reasoning_tokens"),
        total=count(node, "total_tokens"),
    )
    return usage if usage.sum else None


def _details(node: Mapping[str, Any], *kinds: str) -> Mapping[str, Any]:
    for kind in kinds:
        if found := obj(node.get(f"{kind}_tokens_details")):
            return found
    return {}


def encode(usage: Usage | None) -> dict[str, Any]:
    """The ``usage`` object; details only when they say something."""
    usage = usage or Usage()
    shape: dict[str, Any] = {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.sum,
    }
    if usage.cache_read:
        shape["prompt_tokens_details"] = {"cached_tokens": usage.cache_read}
    if usage.reasoning:
        shape["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return shape
