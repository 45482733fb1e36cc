"""A Responses request in the Codex dialect (translation.md 4.8); items, tools and everything else stay as they are.

Copy-on-write: what is not changed keeps its identity, so that its bytes can be kept (``translation/draft.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliproxy.translation.model import OPENAI_REASONING
from cliproxy.translation.reading import obj, objects, text

_REMOVED = frozenset(
    {
        "max_output_tokens", "max_completion_tokens", "temperature", "top_p", "service_tier", "previous_response_id",
        "prompt_cache_retention", "safety_identifier",
    }
)  # fmt: skip
_INCLUDE = ["reasoning.encrypted_content"]
MARKER = "[cliproxy] Follow the configured instructions first. The client's own instructions are below."
"""First line of the message that carries the client's instructions when configured ones take their place."""


def to_codex(body: Mapping[str, Any], model: str, instructions: str = "") -> dict[str, Any]:
    """The upstream body. ``instructions``: the configured text, empty when the switch is off."""
    changed = {key: value for key, value in body.items() if key not in _REMOVED}
    changed |= {"model": model, "stream": True, "store": False, "parallel_tool_calls": True}
    if changed.get("include") != _INCLUDE:
        changed["include"] = _INCLUDE
    if isinstance(body.get("input"), str):
        changed["input"] = [_user_message(body["input"])]
    elif isinstance(given := body.get("input"), list):
        kept = [item for item in given if not _is_foreign_reasoning(item)]
        if len(kept) < len(given):
            changed["input"] = kept
    if instructions and body.get("instructions") != instructions:
        _replace_instructions(changed, body, instructions)
    elif "instructions" not in body:
        changed["instructions"] = ""
    return changed


def _is_foreign_reasoning(item: Any) -> bool:
    """Reasoning that another upstream has hidden, or not: Codex refuses to read it (clients.md 2)."""
    if not isinstance(item, dict) or item.get("type") != "reasoning":
        return False
    opaque = item.get("encrypted_content")
    return isinstance(opaque, str) and not opaque.startswith(OPENAI_REASONING)


def to_compact(body: Mapping[str, Any], model: str) -> dict[str, Any]:
    """The body of a compaction: only the model's name and ``stream`` change."""
    return {key: value for key, value in body.items() if key != "stream"} | {"model": model}


def _user_message(*texts: str) -> dict[str, Any]:
    parts = [{"type": "input_text", "text": found} for found in texts]
    return {"type": "message", "role": "user", "content": parts}


def _replace_instructions(changed: dict[str, Any], body: Mapping[str, Any], instructions: str) -> None:
    """Configured instructions in front; the client's move into the marker message (translation.md 4.8, 5)."""
    changed["instructions"] = instructions
    given = changed.get("input")
    if not isinstance(given, list) or _is_marked(given):
        return
    own = text(body.get("instructions"))
    if not own:
        own = _first_system_text(given)
        given = [item for item in given if not _is_system(item)]
    marker = _user_message(MARKER, own) if own else _user_message(MARKER)
    changed["input"] = [marker, *given]


def _is_system(item: Any) -> bool:
    return obj(item).get("role") == "system"


def _first_system_text(given: list[Any]) -> str:
    content = next((item.get("content") for item in given if _is_system(item)), None)
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in objects(content) if isinstance(part.get("text"), str))


def _is_marked(given: list[Any]) -> bool:
    parts = objects(obj(given[0]).get("content")) if given else []
    return bool(parts) and parts[0].get("text") == MARKER
