"""Error bodies per protocol (client-api.md 6)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cliproxy.errors import UpstreamStatus
from cliproxy.web import errors
from cliproxy.web.protocols import CHAT, GENERATE, MESSAGES, RESPONSES_API

UPSTREAM = '{"error":{"message":"slow down","type":"rate_limit","code":"rate_limit_exceeded","param":"x"}}'


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (401, "authentication_error", "invalid_api_key"),
        (403, "permission_error", "insufficient_quota"),
        (404, "invalid_request_error", "model_not_found"),
        (429, "rate_limit_error", "rate_limit_exceeded"),
        (500, "server_error", "internal_server_error"),
        (504, "server_error", "internal_server_error"),
    ],
)
def test_plain_text_on_openai_routes(status: int, kind: str, code: str) -> None:
    body = json.loads(errors.openai_body(status, "words"))
    assert body == {"error": {"message": "words", "type": kind, "code": code}}


def test_other_client_errors_have_no_code() -> None:
    assert json.loads(errors.openai_body(413, "big")) == {"error": {"message": "big", "type": "invalid_request_error"}}


@pytest.mark.parametrize("text", [UPSTREAM, '[{"error":1}]', f"  {UPSTREAM}\n"])
def test_json_text_is_the_body_verbatim(text: str) -> None:
    assert errors.openai_body(429, text) == text.strip().encode()
    assert errors.gemini_body(429, text) == text.strip().encode()


@pytest.mark.parametrize("text", ['"scalar"', "17", "true", "{broken"])
def test_scalars_and_broken_json_are_plain_text(text: str) -> None:
    assert json.loads(errors.openai_body(400, text))["error"]["message"] == text


@pytest.mark.parametrize(
    ("body", "message"),
    [(errors.openai_body, ("error", "message")), (errors.claude_body, ("error", "message"))],
)
def test_empty_text_gives_the_reason_phrase(body: errors.ErrorBody, message: tuple[str, str]) -> None:
    parsed = json.loads(body(503, "  "))
    assert parsed[message[0]][message[1]] == "Service Unavailable"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"), (415, "invalid_request_error"), (422, "invalid_request_error"),
        (401, "authentication_error"), (402, "billing_error"), (403, "permission_error"), (404, "not_found_error"),
        (413, "request_too_large"), (429, "rate_limit_error"), (504, "timeout_error"), (529, "overloaded_error"),
        (500, "api_error"), (418, "api_error"),
    ],
)  # fmt: skip
def test_claude_types(status: int, kind: str) -> None:
    assert json.loads(errors.claude_body(status, "m")) == {"type": "error", "error": {"type": kind, "message": "m"}}


def test_claude_takes_over_what_an_upstream_said() -> None:
    assert json.loads(errors.claude_body(429, UPSTREAM)) == {
        "type": "error",
        "error": {"message": "slow down", "type": "rate_limit", "code": "rate_limit_exceeded", "param": "x"},
    }


def test_claude_body_of_a_claude_upstream_is_untouched() -> None:
    text = '{"type":"error","error":{"type":"overloaded_error","message":"x"},"request_id":"r"}'
    assert errors.claude_body(529, text) == text.encode()


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "INVALID_ARGUMENT"), (413, "INVALID_ARGUMENT"), (401, "UNAUTHENTICATED"), (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"), (408, "DEADLINE_EXCEEDED"), (504, "DEADLINE_EXCEEDED"), (429, "RESOURCE_EXHAUSTED"),
        (499, "CANCELLED"), (501, "UNIMPLEMENTED"), (502, "UNAVAILABLE"), (503, "UNAVAILABLE"),
        (409, "FAILED_PRECONDITION"), (500, "INTERNAL"), (507, "INTERNAL"),
    ],
)  # fmt: skip
def test_gemini_statuses(status: int, name: str) -> None:
    assert json.loads(errors.gemini_body(status, "m")) == {"error": {"code": status, "message": "m", "status": name}}


def _event(frame: bytes) -> tuple[str, Any]:
    assert frame.endswith(b"\n\n")
    lines = frame.decode().rstrip("\n").split("\n")
    name = lines[0].removeprefix("event: ") if lines[0].startswith("event:") else ""
    assert lines[-1].startswith("data: ")
    return name, json.loads(lines[-1].removeprefix("data: "))


@pytest.mark.parametrize(
    ("protocol", "name", "path"),
    [(CHAT, "", ("error", "message")), (MESSAGES, "error", ("error", "message")), (GENERATE, "", ("error", "message"))],
)
@pytest.mark.parametrize("text", ["words", UPSTREAM, '{\n "error": {\r\n  "message": "words"\n }\n}'])
def test_errors_in_streams_are_one_event(protocol: Any, name: str, path: tuple[str, str], text: str) -> None:
    event, body = _event(protocol.stream_error(502, text, b""))
    assert event == name
    assert body[path[0]][path[1]] in ("words", "slow down")


@pytest.mark.parametrize(
    ("last", "number"),
    [
        (b"", 0),
        (b'event: a\ndata: {"sequence_number":4}\n\nevent: b\ndata: {"type":"b","sequence_number": 17}\n\n', 18),
    ],
)
def test_responses_error_event_counts_on(last: bytes, number: int) -> None:
    event, body = _event(RESPONSES_API.stream_error(429, UPSTREAM, last))
    assert event == "error"
    assert body == {
        "type": "error", "code": "rate_limit_exceeded", "message": "slow down", "param": None,
        "sequence_number": number,
        "error": {"message": "slow down", "type": "rate_limit_error", "code": "rate_limit_exceeded"},
    }  # fmt: skip


def test_responses_error_event_of_plain_text() -> None:
    _, body = _event(RESPONSES_API.stream_error(400, "words", b""))
    assert (body["code"], body["message"], body["error"]["type"]) == (
        "invalid_request_error", "words", "invalid_request_error",
    )  # fmt: skip


OF_OPENAI = {"message": "M", "type": "insufficient_quota", "code": "billing", "param": None}
OF_CLAUDE = {"type": "overloaded_error", "message": "M"}
OF_GEMINI = {"code": 429, "message": "M", "status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": "3s"}]}


@pytest.mark.parametrize(
    ("protocol", "origin", "inner", "wanted"),
    [
        (CHAT, "claude", OF_CLAUDE, {"error": {"message": "M", "type": "overloaded_error"}}),
        (CHAT, "gemini", OF_GEMINI, {"error": {"message": "M", "type": "rate_limit_error", "code": "RESOURCE_EXHAUSTED"}}),
        (RESPONSES_API, "openai", OF_OPENAI, {"error": OF_OPENAI}),
        (MESSAGES, "openai", OF_OPENAI, {"type": "error", "error": OF_OPENAI}),
        (MESSAGES, "gemini", OF_GEMINI, {"type": "error", "error": {**OF_GEMINI, "type": "rate_limit_error"}}),
        (
            GENERATE, "codex", OF_OPENAI,
            {"error": {"code": 429, "message": "M", "status": "RESOURCE_EXHAUSTED", "type": "insufficient_quota"}},
        ),
        (GENERATE, "antigravity", OF_GEMINI, {"error": OF_GEMINI}),
        (CHAT, "", OF_CLAUDE, {"error": OF_CLAUDE}),
    ],
)  # fmt: skip
def test_errors_of_foreign_upstreams(protocol: Any, origin: str, inner: Any, wanted: Any) -> None:
    """The client's own shape, with status, type and message kept; of its own family nothing changes."""
    error = UpstreamStatus(json.dumps({"error": inner}), status=429)
    error.format = origin
    assert json.loads(protocol.body_of(error)) == wanted


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"detail":"odd"}', '{"error":"words"}', '[{"error":{"message":"M"}}]', ""])
@pytest.mark.parametrize("protocol", [CHAT, RESPONSES_API, MESSAGES, GENERATE])
def test_odd_errors_of_foreign_upstreams_lose_nothing(protocol: Any, text: str) -> None:
    error = UpstreamStatus(text, status=503)
    for origin in ("openai", "claude", "gemini"):
        error.format = origin
        body = protocol.body_of(error).decode()
        assert isinstance(json.loads(body), dict | list)
        assert not text or any(word in body for word in ("no JSON", "[]", "odd", "words", "M"))
