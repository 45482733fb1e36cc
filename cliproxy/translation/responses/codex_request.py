"""A Responses request in the Codex dialect (translation.md 4.8); items, tools and everything else keep their bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliproxy.translation import rawjson

_REMOVED = (
    "max_output_tokens", "max_completion_tokens", "temperature", "top_p", "service_tier", "previous_response_id",
    "prompt_cache_retention", "safety_identifier",
)  # fmt: skip
MARKER = "[cliproxy] Follow the configured instructions first. The client's own instructions are below."
"""First line of the message that carries the client's instructions when configured ones take their place."""


def codex_body(payload: bytes, body: Mapping[str, Any], model: str, instructions: str = "") -> bytes:
    """The upstream body. ``instructions``: the configured text, empty when the switch is off."""
    root = rawjson.parse(payload)
    root.set_value("model", model)
    root.set_value("stream", True)
    root.set_value("store", False)
    root.set_value("parallel_tool_calls", True)
    root.set_value("include", ["reasoning.encrypted_content"])
    root.delete(*_REMOVED)
    if isinstance(body.get("input"), str):
        root.set_value("input", [_user_message(body["input"])])
    if instructions and body.get("instructions") != instructions:
        _replace_instructions(root, body, instructions)
    elif "instructions" not in body:
        root.set_value("instructions", "")
    return root.encode()


def compact_body(payload: bytes, model: str) -> bytes:
    """The body of a compaction: only the model's name and ``stream`` change."""
    root = rawjson.parse(payload)
    root.set_value("model", model)
    root.delete("stream")
    return root.encode()


def _user_message(*texts: str) -> dict[str, Any]:
    parts = [{"type": "input_text", "text": text} for text in texts]
    return {"type": "message", "role": "user", "content": parts}


def _replace_instructions(root: rawjson.RawObject, body: Mapping[str, Any], instructions: str) -> None:
    """Configured instructions in front; the client's move into the marker message (translation.md 4.8, 5)."""
    root.set_value("instructions", instructions)
    items = root.array("input")
    if items is None or _is_marked(body.get("input")):
        return
    text = body.get("instructions")
    if not isinstance(text, str) or not text:
        text = _first_system_text(body.get("input"))
        kept = [raw for raw, item in zip(items.items, body["input"], strict=True) if not _is_system(item)]
        items.items[:] = kept
    items.items.insert(0, rawjson.dumps(_user_message(MARKER, text) if text else _user_message(MARKER)))


def _is_system(item: Any) -> bool:
    return isinstance(item, dict) and item.get("role") == "system"


def _first_system_text(items: Any) -> str:
    first = next((item for item in items if _is_system(item)), None) if isinstance(items, list) else None
    content = first.get("content") if first else None
    if isinstance(content, str):
        return content
    parts = [part.get("text") for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    return "\n".join(part for part in parts if isinstance(part, str))


def _is_marked(items: Any) -> bool:
    first = items[0] if isinstance(items, list) and items else None
    content = first.get("content") if isinstance(first, dict) else None
    part = content[0] if isinstance(content, list) and content else None
    return isinstance(part, dict) and part.get("text") == MARKER
