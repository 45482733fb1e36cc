"""The client protocols, each with an upstream of its own kind behind it, and the configuration that offers them.

``Family`` says how to ask and how to read the answers, so that one test covers all protocols.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from end_to_end import sse
from end_to_end.proxy import KEY

SPARES = 64
PAIRS = 40


@dataclass(frozen=True, slots=True)
class Family:
    """One client protocol. ``model`` is the client's name of the upstream's ``upstream_model``."""

    name: str
    section: str
    model: str
    upstream_model: str
    route: Callable[[str, bool], str]
    ask: Callable[[str, bool], dict[str, Any]]
    text: Callable[[Any], str]
    delta: Callable[[Any], str]
    model_of: Callable[[Any], str | None]

    def __repr__(self) -> str:
        return self.name

    def path(self, model: str | None = None, stream: bool = False) -> str:
        """Where to POST."""
        return self.route(model or self.model, stream)

    def body(self, model: str | None = None, stream: bool = False, **more: Any) -> dict[str, Any]:
        """What to POST."""
        return {**self.ask(model or self.model, stream), **more}

    def stream_text(self, stream: bytes) -> str:
        """All the text of an event stream."""
        return "".join(self.delta(data) for data in sse.payloads(stream))

    def spare(self, number: int) -> str:
        """A model that only one credential serves."""
        assert number < SPARES, "more spares are needed"
        return f"{self.name}-spare-{number}"

    def pair(self, number: int) -> str:
        """A model that exactly two credentials serve."""
        assert number < PAIRS, "more pairs are needed"
        return f"{self.name}-pair-{number}"


Fresh = Callable[[Family], str]
"""Gives a model name of a family that no other test uses."""


def _fixed(path: str) -> Callable[[str, bool], str]:
    return lambda model, stream: path


def _gemini_path(model: str, stream: bool) -> str:
    return f"/v1beta/models/{model}:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}"


def _messages(model: str, stream: bool) -> dict[str, Any]:
    return _streamed({"model": model, "messages": [{"role": "user", "content": "hi"}]}, stream)


def _streamed(body: dict[str, Any], stream: bool) -> dict[str, Any]:
    return {**body, "stream": True} if stream else body


def _gemini_text(data: Any) -> str:
    parts = data["candidates"][0]["content"]["parts"]
    return "".join(part.get("text", "") for part in parts if not part.get("thought"))


def _claude_text(data: Any) -> str:
    return "".join(block["text"] for block in data["content"] if block["type"] == "text")


def _responses_text(data: Any) -> str:
    parts = [part for item in data["output"] if item["type"] == "message" for part in item["content"]]
    return "".join(part["text"] for part in parts)


def _choice(data: Any, *path: str) -> str:
    value: Any = data["choices"][0] if data["choices"] else None
    for key in path:
        value = value.get(key) if value else None
    return value or ""


CHAT = Family(
    "chat", "openai-compatibility", "gpt-test", "gpt-up", _fixed("/v1/chat/completions"), _messages,
    lambda data: _choice(data, "message", "content"), lambda data: _choice(data, "delta", "content"),
    lambda data: data["model"],
)  # fmt: skip
LEGACY = Family(
    "legacy", "openai-compatibility", "gpt-test", "gpt-up", _fixed("/v1/completions"),
    lambda model, stream: _streamed({"model": model, "prompt": "hi"}, stream),
    lambda data: _choice(data, "text"), lambda data: _choice(data, "text"), lambda data: data["model"],
)  # fmt: skip
RESPONSES = Family(
    "responses", "codex-api-key", "codex-test", "codex-up", _fixed("/v1/responses"),
    lambda model, stream: _streamed({"model": model, "input": "hi"}, stream), _responses_text,
    lambda data: data["delta"] if data["type"] == "response.output_text.delta" else "",
    lambda data: data.get("response", data).get("model"),
)  # fmt: skip
CLAUDE = Family(
    "claude", "claude-api-key", "claude-test", "claude-up", _fixed("/v1/messages"),
    lambda model, stream: {**_messages(model, stream), "max_tokens": 10000}, _claude_text,
    lambda data: data.get("delta", {}).get("text", ""), lambda data: data.get("message", data).get("model"),
)  # fmt: skip
GEMINI = Family(
    "gemini", "gemini-api-key", "gemini-test", "gemini-up", _gemini_path,
    lambda model, stream: {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}, _gemini_text, _gemini_text,
    lambda data: data["modelVersion"],
)  # fmt: skip
VERTEX = Family(
    "vertex", "vertex-api-key", "vertex-test", "vertex-up", _gemini_path, GEMINI.ask, _gemini_text, _gemini_text,
    lambda data: data["modelVersion"],
)  # fmt: skip

PROTOCOLS = (CHAT, RESPONSES, CLAUDE, GEMINI)
"""One family per wire format."""
SECTIONS = (*PROTOCOLS, VERTEX)
"""One family per kind of credential."""
ALL = (*SECTIONS, LEGACY)


def config(upstream: str, **more: Any) -> dict[str, Any]:
    """A configuration with every family: the test model, and models of one and of two credentials for failures.

    Every spare and pair has credentials of its own, so that a cooldown never reaches another test.
    """
    sections = {family.section: _entries(family, upstream) for family in SECTIONS}
    return {"api-keys": [KEY], "auth-dir": "~/auths", **sections, **more}


def _entries(family: Family, upstream: str) -> list[dict[str, Any]]:
    entries = [*entry(family, upstream, family.model, "main")]
    for number in range(SPARES):
        entries += entry(family, upstream, family.spare(number), f"s{number}")
    for number in range(PAIRS):
        entries += entry(family, upstream, family.pair(number), f"p{number}a", f"p{number}b")
    return entries


def entry(family: Family, upstream: str, alias: str, *tags: str, **more: Any) -> list[dict[str, Any]]:
    """One credential per tag, all serving the one model ``alias``."""
    common = {"models": [{"name": family.upstream_model, "alias": alias}], **more}
    keys = [{"api-key": f"{family.name}-{tag}"} for tag in tags]
    if family is CHAT:
        return [{"name": f"fake-{alias}", "base-url": f"{upstream}/v1", "api-key-entries": keys, **common}]
    return [{**key, "base-url": upstream, **common} for key in keys]
