"""Which protocol a request of the fake upstream speaks, and whether it is one at all. Strict on purpose."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from upstream import chat, claude, codex, gemini
from upstream.content import Reply
from upstream.refusals import chat as chat_refusals
from upstream.refusals import claude as claude_refusals
from upstream.refusals import gemini as gemini_refusals
from upstream.refusals import responses as responses_refusals


class Malformed(Exception):
    """A request that no real upstream would take."""


@dataclass(frozen=True, slots=True)
class Voice:
    """How one protocol says things; ``required`` are the body fields that it cannot do without."""

    name: str
    body: Callable[[Reply, str, Mapping[str, Any]], dict[str, Any]]
    events: Callable[[Reply, str, Mapping[str, Any]], Iterator[bytes]]
    error: Callable[[int, str], dict[str, Any]]
    error_event: Callable[[str], bytes]
    required: tuple[str, ...]
    credentials: tuple[str, ...] = ("authorization",)


CHAT = Voice("chat", chat.body, chat.events, chat.error, chat.error_event, ("model", "messages"))
CLAUDE = Voice(
    "claude", claude.body, claude.events, claude.error, claude.error_event, ("model", "messages", "max_tokens"),
    ("authorization", "x-api-key"),
)  # fmt: skip
CODEX = Voice("codex", codex.body, codex.events, codex.error, codex.error_event, ("model", "input"))
GEMINI = Voice(
    "gemini", gemini.body, gemini.events, gemini.error, gemini.error_event, ("contents",), ("x-goog-api-key",)
)
CODE_ASSIST = Voice(
    "code assist", gemini.enveloped_body, gemini.enveloped_events, gemini.error, gemini.error_event,
    ("project", "model", "request"),
)  # fmt: skip
ACCOUNT = Voice("vertex account", gemini.body, gemini.events, gemini.error, gemini.error_event, ("contents",))
LISTING, LISTED = "fetchAvailableModels", ("gemini-3-flash", "claude-sonnet-4-5", "chat_20706")
"""Code Assist's list of models: always answered, whatever is planned for the requests of a test."""
_MODEL_PATH = re.compile(r"/(?:v1beta/models|v1/publishers/google/models)/([^:/]+):(\w+)")
_ACCOUNT_PATH = re.compile(r"/v1/projects/[\w-]+/locations/[\w-]+/publishers/google/models/([^:/]+):(\w+)")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request wants: a stream, a body, or one of the small fixed answers."""

    voice: Voice
    model: str
    request: Mapping[str, Any]
    stream: bool = False
    fixed: Callable[[Reply], dict[str, Any]] | None = None


def understand(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Asked:
    """Read one request.

    :raises Malformed: wrong path, no credential, no JSON, a required field missing, or what else the real API refuses.
    """
    path, _, query = target.partition("?")
    if method != "POST":
        raise Malformed(f"method {method}")
    asked = _asked(path, query, _json(headers, body))
    if not any(_credential(headers.get(name, "")) for name in asked.voice.credentials):
        raise Malformed(f"no credential in {asked.voice.credentials}")
    if asked.voice is CLAUDE and "anthropic-version" not in headers:
        raise Malformed("no anthropic-version")
    if not asked.model:
        raise Malformed("no model")
    return asked


def _asked(path: str, query: str, request: Mapping[str, Any]) -> Asked:
    model = request.get("model", "")
    if path == "/v1/chat/completions":
        _require(CHAT, request)
        _refuse(chat_refusals.reasons(request))
        return Asked(CHAT, model, request, bool(request.get("stream")))
    if path == "/v1/messages":
        _require(CLAUDE, request)
        _refuse(claude_refusals.reasons(request))
        return Asked(CLAUDE, model, request, bool(request.get("stream")))
    if path == "/v1/messages/count_tokens":
        _refuse(claude_refusals.count_reasons(request))
        return Asked(CLAUDE, model, request, fixed=lambda reply: {"input_tokens": reply.usage.prompt})
    if path == "/responses":
        _require(CODEX, request)
        _refuse(responses_refusals.reasons(request))
        return Asked(CODEX, model, request, stream=True)
    if path in ("/responses/compact", "/v1/responses/compact"):
        if "stream" in request:
            raise Malformed("stream in a compaction")
        _refuse(responses_refusals.input_reasons(request))
        return Asked(CODEX, model, request, fixed=lambda reply: codex.compaction(request))
    if path.startswith("/v1internal:"):
        return _asked_in_envelope(path.removeprefix("/v1internal:"), query, request)
    for voice, pattern in ((GEMINI, _MODEL_PATH), (ACCOUNT, _ACCOUNT_PATH)):
        if match := pattern.fullmatch(path):
            return _asked_by_action(voice, match[1], match[2], query, request)
    raise Malformed(f"no such path {path}")


def _asked_in_envelope(action: str, query: str, envelope: Mapping[str, Any]) -> Asked:
    """Code Assist: project, model and a Gemini request; a count has no project and no model."""
    if action == LISTING:
        return Asked(CODE_ASSIST, "any", envelope, fixed=lambda reply: {"models": {name: {} for name in LISTED}})
    if action == "countTokens":
        if "project" in envelope or "model" in envelope:
            raise Malformed("a count with project or model")
        return Asked(CODE_ASSIST, "any", envelope, fixed=gemini.count)
    _require(CODE_ASSIST, envelope)
    known = {"project", "model", "request", "userAgent", "requestType", "requestId"}
    if extra := set(envelope) - known:
        raise Malformed(f"unknown members of the envelope: {extra}")
    if not isinstance(envelope["project"], str) or not envelope["project"]:
        raise Malformed("no project")
    inner = {key: value for key, value in envelope["request"].items() if key not in ("sessionId", "session_id")}
    if inner.get("toolConfig") == {"functionCallingConfig": {"mode": "VALIDATED"}}:
        del inner["toolConfig"]  # what Antigravity says for Claude, with tools or without
    asked = _asked_by_action(GEMINI, envelope["model"], action, query, inner)
    return Asked(CODE_ASSIST, asked.model, inner, asked.stream)


def _asked_by_action(voice: Voice, model: str, action: str, query: str, request: Mapping[str, Any]) -> Asked:
    if action == "countTokens":
        _refuse(gemini_refusals.count_reasons(request, model))
        return Asked(voice, model, request, fixed=gemini.count)
    _require(GEMINI, request)
    _refuse(gemini_refusals.reasons(request, model))
    if action == "generateContent":
        return Asked(voice, model, request)
    if action == "streamGenerateContent":
        if "alt=sse" not in query:
            raise Malformed("a stream without alt=sse")
        return Asked(voice, model, request, stream=True)
    raise Malformed(f"no such action {action}")


def _json(headers: Mapping[str, str], body: bytes) -> Mapping[str, Any]:
    if not headers.get("content-type", "").startswith("application/json"):
        raise Malformed("not application/json")
    try:
        request = json.loads(body)
    except ValueError as error:
        raise Malformed(f"not JSON: {error}") from error
    if not isinstance(request, dict):
        raise Malformed("not a JSON object")
    return request


def _require(voice: Voice, request: Mapping[str, Any]) -> None:
    missing = [name for name in voice.required if name not in request]
    if missing:
        raise Malformed(f"{voice.name}: no {', '.join(missing)}")


def _refuse(reasons: Iterable[str]) -> None:
    found = list(reasons)
    if found:
        raise Malformed("; ".join(found))


def _credential(value: str) -> bool:
    return bool(value.removeprefix("Bearer").strip())
