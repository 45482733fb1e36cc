"""Which conversation a call belongs to (beyond.md 5.1).

The first thing that names one wins: ids that clients send in headers or in the body, else a hash of what stays the
same over a conversation: its instructions and its first user message.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from cliproxy.providers.base import Call

_LONGEST = 256
_HEADERS = ("session-id", "x-session-id", "x-session-affinity", "x-client-request-id")
"""After ``x-claude-code-session-id`` and Claude's metadata; ``Session_id`` reads as ``session-id``."""
_INSTRUCTIONS = ("system", "instructions", "systemInstruction", "system_instruction")
_INSTRUCTING_ROLES = ("system", "developer")


def session_ids(call: Call) -> tuple[str, ...]:
    """Ids of the conversation, the main one first; empty when nothing tells conversations apart.

    Two only where a prompt cache key comes with a conversation id: the key may be shared by several conversations, so
    either finds the binding.
    """
    headers, body = call.headers, call.body
    if found := _id(headers.get("x-claude-code-session-id")) or _claude_session(body):
        return (found,)
    for name in _HEADERS:
        if found := _id(headers.get(name)):
            return (found,)
    if found := _id(body.get("session_id")) or _id(body.get("sessionId")):
        return (found,)
    conversation = _conversation(body)
    if found := _id(body.get("prompt_cache_key")):
        return (found, conversation) if conversation and conversation != found else (found,)
    found = conversation or _id(_user_id(body)) or _id(body.get("conversation_id")) or _beginning(body)
    return (found,) if found else ()


def _id(value: object) -> str:
    """A usable id, else empty: not blank, at most 256 characters, none of them a control character."""
    if not isinstance(value, str):
        return ""
    text = value.strip()
    return text if len(text) <= _LONGEST and text.isprintable() else ""


def _user_id(body: Mapping[str, Any]) -> object:
    metadata = body.get("metadata")
    return metadata.get("user_id") if isinstance(metadata, Mapping) else None


def _claude_session(body: Mapping[str, Any]) -> str:
    """The session inside ``metadata.user_id``: a JSON text, or ``user_..._session_<id>`` of older clients."""
    user = _user_id(body)
    if not isinstance(user, str):
        return ""
    if user.lstrip().startswith("{"):
        try:
            parts = orjson.loads(user)
        except orjson.JSONDecodeError:
            return ""
        return _id(parts.get("session_id")) if isinstance(parts, dict) else ""
    _, marker, session = user.rpartition("_session_")
    return _id(session) if marker else ""


def _conversation(body: Mapping[str, Any]) -> str:
    value = body.get("conversation")
    return _id(value.get("id")) if isinstance(value, Mapping) else _id(value)


def _beginning(body: Mapping[str, Any]) -> str:
    """A hash of the instructions and the first user message; empty without a user's text."""
    turns = next((turns for key in ("messages", "input", "contents") if (turns := body.get(key))), None)
    if isinstance(turns, str):
        turns = [{"role": "user", "content": turns}]
    if not isinstance(turns, list):
        return ""
    first = next((turn for turn in turns if _role(turn) == "user"), None)
    texts = [*_texts(first)]
    if not texts:
        return ""
    instructions = [body.get(key) for key in _INSTRUCTIONS]
    instructions.append(next((turn for turn in turns if _role(turn) in _INSTRUCTING_ROLES), None))
    digest = hashlib.blake2b(digest_size=16)
    for text in (*(text for part in instructions for text in _texts(part)), "\0", *texts):
        digest.update(text.encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    return f"beginning:{digest.hexdigest()}"


def _role(turn: object) -> str:
    """``user`` also for Gemini's contents without a role."""
    return str(turn.get("role", "user")) if isinstance(turn, Mapping) else ""


def _texts(value: object) -> Iterator[str]:
    """The texts of a message, system prompt or part, in whatever format."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, Mapping):
        for key in ("text", "content", "parts"):
            yield from _texts(value.get(key))
