"""Usage statistics through the API (management-api.md 17, 22)."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from management.conftest import Manage, Manager

ON = "usage-statistics-enabled: true\ndemo: true\napi-keys: [client-key]\n"
CHAT = {"model": "demo-echo", "messages": [{"role": "user", "content": "again"}]}
DETAIL: dict[str, Any] = {
    "timestamp": "2026-01-02T03:04:05.123456789+05:30", "source": "s", "auth_index": "i", "failed": True,
    "tokens": {"input_tokens": 1, "output_tokens": 2, "reasoning_tokens": 3, "cached_tokens": 4, "total_tokens": 5},
}  # fmt: skip
EMPTY = {
    "total_requests": 0, "success_count": 0, "failure_count": 0, "total_tokens": 0, "apis": {},
    "requests_by_day": {}, "tokens_by_day": {}, "requests_by_hour": {}, "tokens_by_hour": {},
}  # fmt: skip


def file(*details: Any, **more: Any) -> dict[str, Any]:
    return {"version": 1, "usage": {"apis": {"k": {"models": {"m": {"details": list(details)}}}}}, **more}


def chat(manager: Manager) -> int:
    headers = {"Authorization": "Bearer client-key"}
    answer = manager.app.test_client().post("/v1/chat/completions", json=CHAT, headers=headers, buffered=True)
    return answer.status_code


def test_counted(manage: Manage) -> None:
    manager = manage(ON)
    assert manager.get("usage") == {"usage": EMPTY, "failed_requests": 0}
    assert chat(manager) == 200
    found = manager.get("usage")
    assert found["failed_requests"] == 0
    (detail,) = found["usage"]["apis"]["client-key"]["models"]["demo-echo"]["details"]
    assert detail["tokens"]["total_tokens"] == found["usage"]["total_tokens"] > 0


def test_only_while_it_is_on(manage: Manage) -> None:
    manager = manage(ON)
    chat(manager)
    manager.done("PUT", "usage-statistics-enabled", {"value": False})
    chat(manager)
    manager.done("PUT", "usage-statistics-enabled", {"value": True})
    chat(manager)
    assert manager.get("usage")["usage"]["total_requests"] == 2


def test_there_and_back(manage: Manage) -> None:
    """An export, as it is, changes nothing when it is imported again (22)."""
    manager = manage(ON)
    chat(manager)
    answer = manager.ask("GET", "usage/export")
    assert answer.content_type == "application/json; charset=utf-8"
    assert answer.json is not None
    assert list(answer.json) == ["version", "exported_at", "usage"]
    assert answer.json["usage"] == manager.get("usage")["usage"]
    result = {"added": 0, "skipped": 1, "total_requests": 1, "failed_requests": 0}
    assert manager.done("POST", "usage/import", answer.data) == result


def test_twice(manage: Manage) -> None:
    manager = manage()
    sent = file(DETAIL, {**DETAIL, "failed": False})
    result = {"added": 2, "skipped": 0, "total_requests": 2, "failed_requests": 1}
    assert manager.done("POST", "usage/import", sent) == result
    assert manager.done("POST", "usage/import", sent) == {**result, "added": 0, "skipped": 2}
    found = manager.get("usage")
    assert found["failed_requests"] == 1
    assert found["usage"]["apis"]["k"]["models"]["m"]["details"][0] == DETAIL


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "invalid json"),
        (b"[]", "invalid json"),
        (b'{"version":1}x', "invalid json"),
        (b'{"version":"1"}', "invalid json"),
        (b'{"version":2}', "unsupported version"),
    ],
)
def test_bodies_that_are_none(manage: Manage, body: bytes, words: str) -> None:
    assert manage().refused("POST", "usage/import", body) == (400, {"error": words})


def test_a_packed_body(manage: Manage) -> None:
    manager = manage()
    sent = gzip.compress(json.dumps(file(DETAIL)).encode())
    answer = manager.ask("POST", "usage/import", sent, headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json and answer.json["added"]) == (200, 1)


def test_more_than_other_bodies_may_have(manage: Manage) -> None:
    manager = manage("max-request-body-mb: 1\n")
    body = json.dumps(file(DETAIL)).encode() + b" " * (65 << 20)
    assert manager.done("POST", "usage/import", body)["added"] == 1


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({"HTTP_CONTENT_ENCODING": "gzip"}, "cannot be decoded"),
        ({"HTTP_CONTENT_ENCODING": "odd"}, "is not supported"),
        ({"CONTENT_LENGTH": "9"}, "ended after 2 of 9 bytes"),
    ],
)
def test_a_body_that_cannot_be_read(manage: Manage, environ: dict[str, str], why: str) -> None:
    answer = manage().ask("POST", "usage/import", b"{}", environ_overrides=environ)
    assert (answer.status_code, answer.json and answer.json["error"]) == (400, "failed to read request body")
    assert answer.json is not None
    assert why in answer.json["message"]


def test_no_database(manage: Manage, tmp_path: Path) -> None:
    (tmp_path / "not-a-database").write_text("something else " * 100)
    manager = manage(f"usage-database: {tmp_path}/not-a-database\n")
    words = {"error": "usage statistics unavailable"}
    assert manager.refused("GET", "usage") == (503, words)
    assert manager.refused("GET", "usage/export") == (503, words)
    assert manager.refused("POST", "usage/import", file(DETAIL)) == (400, words)
    assert (tmp_path / "not-a-database").read_text().startswith("something else")


def test_other_methods(manage: Manage) -> None:
    manager = manage()
    for method, path in (("DELETE", "usage"), ("POST", "usage/export"), ("GET", "usage/import"), ("HEAD", "usage")):
        assert manager.ask(method, path).status_code == 404
