"""Error bodies in each protocol's own shape (client-api.md 6.1, 6.2, 6.4). Text in, bytes out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import orjson

from cliproxy.errors import CliproxyError
from cliproxy.translation.formats import CLAUDE, CODEX, OPENAI, RESPONSES, Format

ErrorBody = Callable[[int, str], bytes]

_OPENAI = {
    401: ("authentication_error", "invalid_api_key"),
    403: ("permission_error", "insufficient_quota"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
}
_CLAUDE = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    415: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_GEMINI = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_SEQUENCE = re.compile(rb'"sequence_number":\s*(\d+)')


def reason(status: int) -> str:
    """The standard phrase of a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"status {status}"


def parsed(text: str) -> Any:
    """The JSON object or array in ``text``, None for anything else."""
    text = text.strip()
    if not text.startswith(("{", "[")):
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def openai_words(status: int) -> tuple[str, str | None]:
    """(type, code) that go with a status on OpenAI routes; code None = left out."""
    if status in _OPENAI:
        return _OPENAI[status]
    return ("server_error", "internal_server_error") if status >= 500 else ("invalid_request_error", None)


def openai_body(status: int, text: str) -> bytes:
    """The common error writer: JSON text verbatim, plain text wrapped."""
    if parsed(text) is not None:
        return text.strip().encode()
    kind, code = openai_words(status)
    error: dict[str, Any] = {"message": text if text.strip() else reason(status), "type": kind}
    if code is not None:
        error["code"] = code
    return orjson.dumps({"error": error})


def claude_body(status: int, text: str) -> bytes:
    """``{"type":"error","error":{"type","message"}}``; what an upstream said in its own JSON is taken over."""
    body = parsed(text)
    kind = _CLAUDE.get(status, "api_error")
    if isinstance(body, Mapping):
        if body.get("type") == "error":
            return text.strip().encode()
        inner = body.get("error")
        if isinstance(inner, Mapping):
            error = {**inner, "type": _word(inner.get("type")) or kind, "message": _message(inner, text)}
            return orjson.dumps({"type": "error", "error": error})
    message = text if text.strip() else reason(status)
    return orjson.dumps({"type": "error", "error": {"type": kind, "message": message}})


def gemini_body(status: int, text: str) -> bytes:
    """``{"error":{"code","message","status"}}``; JSON text verbatim."""
    if parsed(text) is not None:
        return text.strip().encode()
    message = text if text.strip() else reason(status)
    return orjson.dumps({"error": {"code": status, "message": message, "status": _gemini_status(status)}})


def responses_event(status: int, text: str, last: bytes) -> bytes:
    """The error event inside a Responses stream; ``last`` is the newest block sent, for its sequence number."""
    kind, code = openai_words(status)
    message, body = text if text.strip() else reason(status), parsed(text)
    inner = body.get("error") if isinstance(body, Mapping) else None
    if isinstance(inner, Mapping):
        message, code = _message(inner, text), _word(inner.get("code")) or code
    code = code or "invalid_request_error"
    numbers = _SEQUENCE.findall(last)
    event = {
        "type": "error",
        "code": code,
        "message": message,
        "param": None,
        "sequence_number": int(numbers[-1]) + 1 if numbers else 0,
        "error": {"message": message, "type": kind, "code": code},
    }
    return b"event: error\ndata: " + orjson.dumps(event) + b"\n\n"


_FAMILIES: dict[str, str] = {OPENAI: "openai", RESPONSES: "openai", CODEX: "openai", CLAUDE: "claude"}
"""Which formats write errors alike; all others are Gemini's."""


def own_text(error: CliproxyError, client: Format) -> str:
    """The error's text; JSON of a foreign upstream as a client of the format ``client`` knows it.

    Status, type and message stay; what an upstream of the client's own family said passes as it is (6.1).
    """
    origin = getattr(error, "format", "")
    family = _FAMILIES.get(client, "gemini")
    if not origin or _FAMILIES.get(origin, "gemini") == family:
        return error.text
    body = parsed(error.text)
    if isinstance(body, list) and body:  # Gemini's streams wrap their errors
        body = body[0]
    inner = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(inner, Mapping):
        return error.text
    status = error.status or 500
    if family == "gemini":
        return orjson.dumps({"error": _gemini_error(status, inner, error.text)}).decode()
    if family == "claude":
        return claude_body(status, orjson.dumps({"error": dict(inner)}).decode()).decode()
    return orjson.dumps({"error": _openai_error(status, inner, error.text)}).decode()


def _openai_error(status: int, inner: Mapping[str, Any], text: str) -> dict[str, Any]:
    kind = _word(inner.get("type")) or openai_words(status)[0]
    shape: dict[str, Any] = {"message": _message(inner, text), "type": kind}
    if code := _word(inner.get("code")) or _word(inner.get("status")):
        shape["code"] = code
    return shape


def _gemini_error(status: int, inner: Mapping[str, Any], text: str) -> dict[str, Any]:
    shape: dict[str, Any] = {"code": status, "message": _message(inner, text), "status": _gemini_status(status)}
    if kind := _word(inner.get("type")):
        shape["type"] = kind
    return shape


def _gemini_status(status: int) -> str:
    return _GEMINI.get(status) or ("FAILED_PRECONDITION" if status < 500 else "INTERNAL")


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _message(error: Mapping[str, Any], text: str) -> str:
    message = error.get("message")
    return message if isinstance(message, str) and message else text.strip()
