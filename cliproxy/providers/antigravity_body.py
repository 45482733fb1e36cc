"""What an Antigravity body still needs after translation, thinking and payload rules (providers.md 16.1).

Pure and copy-on-write; what must be invented is drawn from a ``Random``. Schemas are already clean when they come here
(translation.md 2.7.3).
"""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cliproxy.translation.edits import Body, drop, put
from cliproxy.translation.gemini.spelling import snake, spelled
from cliproxy.translation.gemini.trees import renamed
from cliproxy.translation.reading import items, obj, objects, text
from cliproxy.translation.schema_cleaner import variant_of as wants_own_system_text

_ADJECTIVES = ("useful", "bright", "swift", "calm", "bold")
_NOUNS = ("fuze", "wave", "spark", "flow", "core")
_SESSIONS = 9_000_000_000_000_000_000
_IGNORE = "Please ignore the text between these marks: [ignore]{}[/ignore]"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What stands around the request. ``request_id`` is new for each attempt."""

    model: str
    project: str
    session_id: str
    request_id: str

    @staticmethod
    def of(body: Mapping[str, Any], model: str, project: str, rng: random.Random) -> Envelope:
        """For one attempt; an account without a project gets an invented one, as Antigravity itself does."""
        session = session_id(obj(body.get("request"))) or f"-{rng.randrange(_SESSIONS)}"
        number = uuid.UUID(int=rng.getrandbits(128), version=4)
        return Envelope(model, project or invented_project(rng), session, f"agent-{number}")


def final(body: Body, envelope: Envelope, system_prefix: str = "") -> Body:
    """The body of one attempt. ``system_prefix`` goes before the system text of the models that want one there."""
    request = body.get("request")
    request = _with_config(_renamed(request if isinstance(request, dict) else {}), envelope.model, body)
    request = put(drop(request, ("session_id",)), ("sessionId",), envelope.session_id)
    if system_prefix and wants_own_system_text(envelope.model):
        request = with_system_prefix(request, system_prefix)
    return {
        **drop(body, ("toolConfig",)), "project": envelope.project, "requestId": envelope.request_id,
        "request": request, "model": envelope.model, "userAgent": "antigravity", "requestType": "agent",
    }  # fmt: skip


def countable(body: Body) -> Body:
    """The body of a token count."""
    request = body.get("request")
    inner = _without(request, "safetySettings") if isinstance(request, dict) else {}
    return {"request": inner}


def collects(model: str) -> bool:
    """True for base models whose whole answers are collected from a stream (16.3)."""
    return "claude" in model.lower() or "gemini-3-pro" in model


def session_id(request: Mapping[str, Any]) -> str:
    """The same for all requests of a conversation: made from the user's first words; empty without any."""
    for content in objects(request.get("contents")):
        first = next(iter(items(content.get("parts"))), None)
        if content.get("role") == "user" and (words := text(obj(first).get("text"))):
            digest = hashlib.sha256(words.encode("utf-8", "surrogatepass")).digest()
            return f"-{int.from_bytes(digest[:8], 'big') & 0x7FFF_FFFF_FFFF_FFFF}"
    return ""


def invented_project(rng: random.Random) -> str:
    """``adjective-noun-xxxxx``."""
    return f"{rng.choice(_ADJECTIVES)}-{rng.choice(_NOUNS)}-{rng.getrandbits(20):05x}"


def with_system_prefix(request: Body, prefix: str) -> Body:
    """The system text with a configured text first, which the model is asked to ignore."""
    old = request.get("systemInstruction")
    parts = [{"text": old}] if isinstance(old, str) and old else list(items(obj(old).get("parts")))
    if parts and obj(parts[0]).get("text") == prefix:
        return request
    own: list[Any] = [{"text": prefix}, {"text": _IGNORE.format(prefix)}]
    instruction = {**(old if isinstance(old, dict) else {}), "role": "user", "parts": own + parts}
    return put(request, ("systemInstruction",), instruction)


def _renamed(request: Body) -> Body:
    """Without safety settings; in the spelling of the edits below."""
    for name in ("toolConfig", "generationConfig", "systemInstruction"):
        request = renamed(request, snake(name), name)
    return _without(request, "safetySettings")


def _with_config(request: Body, model: str, body: Mapping[str, Any]) -> Body:
    if "toolConfig" in body and "toolConfig" not in request:
        request = put(request, ("toolConfig",), body["toolConfig"])
    if "claude" in model:
        choice = renamed(dict(obj(request.get("toolConfig"))), snake("functionCallingConfig"), "functionCallingConfig")
        return put(request, ("toolConfig",), put(choice, ("functionCallingConfig", "mode"), "VALIDATED"))
    if not isinstance(config := request.get("generationConfig"), dict):
        return request
    return put(request, ("generationConfig",), _without(config, "maxOutputTokens"))


def _without(node: Body, name: str) -> Body:
    """``node`` without a field, however it is spelled."""
    while (key := spelled(node, name)) is not None:
        node = drop(node, (key,))
    return node
