"""``usageMetadata``, there and back (translation.md 1.9)."""

from __future__ import annotations

from typing import Any

from cliproxy.translation.events import Usage
from cliproxy.translation.reading import count

TRAFFIC = "PROVISIONED_THROUGHPUT"
"""``trafficType`` of answers that come from Claude and Codex upstreams (translation.md 3.6)."""


def decode(node: Any) -> Usage | None:
    """The tokens of a ``usageMetadata`` object; None when there is none, or nothing in it.

    Without ``candidatesTokenCount`` the output is what the total leaves beside the prompt, thoughts included.
    """
    if not isinstance(node, dict):
        return None
    prompt, total, thoughts = (count(node, f"{name}TokenCount") for name in ("prompt", "total", "thoughts"))
    candidates = count(node, "candidatesTokenCount")
    output = max(total - prompt, 0) if total and not candidates else candidates + thoughts
    usage = Usage(prompt, output, count(node, "cachedContentTokenCount"), reasoning=min(thoughts, output), total=total)
    return usage if usage.sum else None


def encode(usage: Usage | None, *, traffic: bool) -> dict[str, Any]:
    """The ``usageMetadata`` object, zeros when nothing is known; ``traffic`` adds ``trafficType``."""
    usage = usage or Usage()
    shape: dict[str, Any] = {
        "promptTokenCount": usage.input,
        "candidatesTokenCount": max(usage.output - usage.reasoning, 0),
        "totalTokenCount": usage.sum,
    }
    if usage.reasoning:
        shape["thoughtsTokenCount"] = usage.reasoning
    if usage.cache_read:
        shape["cachedContentTokenCount"] = usage.cache_read
    if traffic:
        shape["trafficType"] = TRAFFIC
    return shape
