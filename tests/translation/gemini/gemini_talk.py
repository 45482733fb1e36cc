"""Short ways to write Gemini bodies and chunks, and to ask whether the API would take a request."""

from __future__ import annotations

from typing import Any

from translation.exchanges import request
from upstream.refusals.gemini import reasons

from cliproxy.translation.formats import Format
from cliproxy.translation.hub import Hub

SKIP = "skip_thought_signature_validator"
SIGNED = "S" * 60
SAFETY = [
    {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"},
    {"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "OFF"},
    {"category": "HARM_CATEGORY_SEXUALLY_EXPLICIT", "threshold": "OFF"},
    {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "threshold": "OFF"},
    {"category": "HARM_CATEGORY_CIVIC_INTEGRITY", "threshold": "BLOCK_NONE"},
]
PNG = "iVBORw0KGgo="


def user(*parts: Any) -> dict[str, Any]:
    """A user's content; strings are text parts."""
    return {"role": "user", "parts": [text(part) if isinstance(part, str) else part for part in parts]}


def model(*parts: Any) -> dict[str, Any]:
    """A model's content."""
    return {**user(*parts), "role": "model"}


def text(words: str) -> dict[str, Any]:
    return {"text": words}


def call(name: str, signature: str | None = None, **fields: Any) -> dict[str, Any]:
    """A part with a call."""
    part: dict[str, Any] = {"functionCall": {"name": name, **fields}}
    return part if signature is None else {**part, "thoughtSignature": signature}


def answer(name: str, response: Any, **fields: Any) -> dict[str, Any]:
    """A part with a function's response."""
    return {"functionResponse": {"name": name, "response": response, **fields}}


def result(name: str, value: Any, **fields: Any) -> dict[str, Any]:
    """The same as our encoder writes it."""
    return answer(name, {"result": value}, **fields)


def chunk(*parts: Any, finish: str | None = None, usage: Any = None, index: int | None = None, **more: Any) -> Any:
    """A chunk of an answer."""
    candidate: dict[str, Any] = {"content": model(*parts)}
    if finish:
        candidate["finishReason"] = finish
    if index is not None:
        candidate["index"] = index
    whole: dict[str, Any] = {"candidates": [candidate], **more}
    return whole if usage is None else {**whole, "usageMetadata": usage}


def counts(prompt: int, candidates: int, **more: int) -> dict[str, int]:
    """``usageMetadata``."""
    total = more.pop("total", prompt + candidates + more.get("thoughts", 0))
    named = {f"{name}TokenCount": value for name, value in more.items()}
    return {"promptTokenCount": prompt, "candidatesTokenCount": candidates, "totalTokenCount": total, **named}


def sent(source: Format, target: Format, body: Any, model: str = "gemini-3-pro", hub: Hub | None = None) -> Any:
    """The upstream's request, checked by the rules of the API; without its envelope."""
    encoded = request(source, target, body, model, hub=hub)
    inner = encoded if target == "gemini" else encoded["request"]
    assert [*reasons(inner, model)] == []
    assert encoded["model"] == model
    return inner
