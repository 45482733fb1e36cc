"""Codex: the Responses dialect (providers.md 12; translation.md 4.8)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from providers.fake_http import FakeHttp, Live, call, key, pipeline_for, token

from cliproxy.errors import UpstreamStatus
from cliproxy.providers.codex import CodexProvider
from cliproxy.translation.responses.codex_request import MARKER

BODY = {"model": "m", "input": [{"type": "message", "role": "user", "content": []}]}


def event(kind: str, **more: Any) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), json.dumps({"type": kind, **more}).encode())


DONE = event(
    "response.completed",
    response={"id": "r", "model": "up", "usage": {"input_tokens": 2, "output_tokens": 3, "total_tokens": 5}},
)


@pytest.fixture
def codex(http: FakeHttp, live: Live) -> CodexProvider:
    http.body = DONE
    return CodexProvider(http.client, live, pipeline_for(live))


def test_a_response(codex: CodexProvider, http: FakeHttp) -> None:
    http.body = event("response.created", response={"id": "r"}) + DONE
    answer = codex.execute(key("codex", "https://c.example/v1/"), call("openai-response", BODY), "up(high)")
    assert http.last.url == "https://c.example/v1/responses"
    assert json.loads(answer.body) == {
        "id": "r", "model": "client-model", "usage": {"input_tokens": 2, "output_tokens": 3, "total_tokens": 5},
    }  # fmt: skip
    assert (answer.upstream_model, answer.tokens.total) == ("up", 5)
    assert http.json["stream"] is True


def test_headers_with_a_key(codex: CodexProvider, http: FakeHttp) -> None:
    codex.execute(key("codex"), call("openai-response", BODY), "m")
    assert http.last.url == "https://chatgpt.com/backend-api/codex/responses"
    session = http.header("session_id")
    assert session is not None
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", session)
    assert http.last.headers == {
        "Content-Type": "application/json", "Session_id": session, "Version": "0.21.0",
        "Openai-Beta": "responses=experimental",
        "User-Agent": "codex_cli_rs/0.50.0 (Mac OS 26.0.1; arm64) Apple_Terminal/464", "Accept": "text/event-stream",
        "Connection": "Keep-Alive", "Authorization": "Bearer secret", "Accept-Encoding": "identity",
    }  # fmt: skip


def test_headers_with_a_login(codex: CodexProvider, http: FakeHttp) -> None:
    headers = {"session-id": "mine", "version": "9", "user-agent": "ua", "openai-beta": "b"}
    body = {**BODY, "prompt_cache_key": "cache"}
    codex.execute(token("codex", account_id="acc"), call("openai-response", body, headers=headers), "m")
    assert http.header("authorization") == "Bearer tok"
    assert http.header("originator") == "codex_cli_rs"
    assert http.header("chatgpt-account-id") == "acc"
    assert (http.header("session_id"), http.header("conversation_id")) == ("mine", "cache")
    assert (http.header("version"), http.header("user-agent"), http.header("openai-beta")) == ("9", "ua", "b")
    codex.execute(token("codex"), call("openai-response", body), "m")
    assert http.header("session_id") == "cache"
    assert http.header("chatgpt-account-id") is None


def test_the_body(codex: CodexProvider, http: FakeHttp) -> None:
    removed = {
        "max_output_tokens": 1, "max_completion_tokens": 1, "temperature": 1, "top_p": 1, "service_tier": "x",
        "previous_response_id": "p", "prompt_cache_retention": "r", "safety_identifier": "s",
    }  # fmt: skip
    codex.execute(key("codex"), call("openai-response", {**BODY, **removed, "tools": [{"type": "x"}]}), "up(high)")
    assert http.json == {
        "model": "up", "input": BODY["input"], "stream": True, "store": False, "parallel_tool_calls": True,
        "include": ["reasoning.encrypted_content"], "tools": [{"type": "x"}], "instructions": "",
        "reasoning": {"effort": "high"},
    }  # fmt: skip
    codex.execute(key("codex"), call("openai-response", {"input": "hi", "instructions": "mine"}), "up")
    assert http.json["input"] == [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    ]
    assert http.json["instructions"] == "mine"


def test_configured_instructions(codex: CodexProvider, http: FakeHttp, live: Live, tmp_path: Path) -> None:
    file = tmp_path / "text"
    file.write_text("CONFIGURED")
    live.set(codex_instructions_enabled=True, codex_instructions_file=str(file))
    codex.execute(key("codex"), call("openai-response", {**BODY, "instructions": "mine"}), "m")
    assert http.json["instructions"] == "CONFIGURED"
    assert [part["text"] for part in http.json["input"][0]["content"]] == [MARKER, "mine"]
    file.write_text("CHANGED!")
    codex.execute(key("codex"), call("openai-response", http.json), "m")
    assert http.json["instructions"] == "CHANGED!"
    assert len(http.json["input"]) == 2  # marked already
    live.set(codex_instructions_file=str(tmp_path / "none"))
    codex.execute(key("codex"), call("openai-response", {**BODY, "instructions": "mine"}), "m")
    assert http.json["instructions"] == "mine"


def test_a_stream(codex: CodexProvider, http: FakeHttp) -> None:
    events = [
        event("response.created", response={"model": "up", "instructions": ""}),
        event("response.output_text.delta", delta="x"),
    ]
    http.body = [*events, DONE, event("late")]
    got = b"".join(codex.stream(key("codex"), call("openai-response", {**BODY, "instructions": "mine"}), "m"))
    created, delta, done = (json.loads(part.partition(b"data: ")[2]) for part in got.split(b"\n\n") if part)
    assert created["response"] == {"model": "client-model", "instructions": "mine"}
    assert delta == {"type": "response.output_text.delta", "delta": "x"}
    assert (done["type"], done["response"]["model"]) == ("response.completed", "client-model")


@pytest.mark.parametrize(
    ("kind", "body", "status", "message"),
    [
        ("response.failed", {"response": {"error": {"code": "rate_limit_exceeded", "message": "slow"}}}, 429, "slow"),
        ("response.failed", {"response": {"error": {"code": "usage_limit_reached", "message": "u"}}}, 429, "u"),
        (
            "response.failed",
            {"response": {"error": {"code": "context_length_exceeded", "message": "long"}}},
            400,
            "long",
        ),
        ("response.failed", {"response": {"error": {"code": "server_is_overloaded", "message": "o"}}}, 503, "o"),
        ("response.failed", {"response": {"error": {"code": "odd", "message": "w"}}}, 502, "w"),
        ("error", {"error": {"type": "invalid_request_error", "message": "bad"}}, 400, "bad"),
        ("error", {"code": "insufficient_quota", "message": "flat"}, 429, "flat"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_failures(
    codex: CodexProvider, http: FakeHttp, kind: str, body: dict[str, Any], status: int, message: str, stream: bool
) -> None:
    http.body = event(kind, **body)
    asked = call("openai-response", BODY)
    with pytest.raises(UpstreamStatus) as caught:
        if stream:
            list(codex.stream(key("codex"), asked, "m"))
        else:
            codex.execute(key("codex"), asked, "m")
    assert caught.value.status == status
    assert json.loads(caught.value.text)["error"]["message"] == message


def test_an_incomplete_response_is_an_end(codex: CodexProvider, http: FakeHttp) -> None:
    response = {"id": "r", "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    http.body = event("response.incomplete", response=response)
    assert json.loads(codex.execute(key("codex"), call("openai-response", BODY), "m").body) == response


def test_a_stream_that_just_ends(codex: CodexProvider, http: FakeHttp) -> None:
    http.body = event("response.created", response={})
    with pytest.raises(UpstreamStatus) as caught:
        codex.execute(key("codex"), call("openai-response", BODY), "m")
    assert (caught.value.status, caught.value.text) == (
        408, "stream error: stream disconnected before completion: stream closed before response.completed",
    )  # fmt: skip


def test_compact(codex: CodexProvider, http: FakeHttp) -> None:
    http.body = b'{"id":"c","output":[],"usage":{"input_tokens":4,"output_tokens":1,"total_tokens":5}}'
    asked = call("openai-response", {**BODY, "temperature": 1, "stream": False}, compact=True)
    answer = codex.execute(key("codex", "https://c.example"), asked, "up(high)")
    assert http.last.url == "https://c.example/responses/compact"
    assert http.header("accept") == "application/json"
    assert http.json == {**BODY, "model": "up", "temperature": 1}
    assert (answer.body, answer.tokens.total) == (http.body, 5)


def test_count(codex: CodexProvider, http: FakeHttp) -> None:
    body = {"instructions": "be brief", "input": [{"type": "message", "content": [{"text": "hello world"}]}]}
    counted = json.loads(codex.count_tokens(key("codex"), call("openai-response", body), "gpt-5").body)["usage"]
    assert counted == {"prompt_tokens": 5, "completion_tokens": 0, "total_tokens": 5}
    assert http.sent == []


@pytest.mark.parametrize(("agent", "echoed"), [("opencode/1.18", "CONFIGURED"), ("other", "mine")])
def test_what_instructions_the_answer_echoes(
    codex: CodexProvider, http: FakeHttp, live: Live, tmp_path: Path, agent: str, echoed: str
) -> None:
    """translation.md 4.8."""
    file = tmp_path / "instructions"
    file.write_text("CONFIGURED")
    live.set(codex_instructions_enabled=True, codex_instructions_file=str(file))
    http.body = b'data: {"type":"response.completed","response":{"id":"r","model":"m","instructions":"server"}}\n\n'
    asked = call("openai-response", {**BODY, "instructions": "mine"}, headers={"user-agent": agent})
    assert json.loads(codex.execute(key("codex"), asked, "m").body)["instructions"] == echoed


def test_reasoning_of_other_upstreams_is_left_out(codex: CodexProvider, http: FakeHttp) -> None:
    """clients.md 2; what OpenAI has hidden, or left open, stays as it is."""
    own = [{"type": "reasoning", "id": "rs_1", "summary": [], **more} for more in ({"encrypted_content": "gAAAAx"}, {})]
    foreign = [{"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": opaque} for opaque in ("", "CiQB")]
    user = {"role": "user", "content": "hi"}
    codex.execute(key("codex"), call("openai-response", {**BODY, "input": [user, *own, *foreign]}), "m")
    assert http.json["input"] == [user, *own]
