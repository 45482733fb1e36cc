"""Qwen with a login (providers.md 17)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from providers.fake_http import FakeHttp, Live, call, key, pipeline_for, token

from cliproxy.config.settings import OAuthClient, Payload, PayloadModel, PayloadRule
from cliproxy.errors import RefreshRejected, RequestError, UpstreamStatus
from cliproxy.providers.base import Refreshes
from cliproxy.providers.credential import Credential
from cliproxy.providers.qwen import QwenProvider

URL = "https://portal.qwen.ai/v1/chat/completions"
IDENTIFICATION = {
    "User-Agent": "google-api-nodejs-client/9.15.1", "X-Goog-Api-Client": "gl-node/22.17.0",
    "Client-Metadata": "ideType=IDE_UNSPECIFIED,platform=PLATFORM_UNSPECIFIED,pluginType=GEMINI",
}  # fmt: skip
BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
TOOL = {"type": "function", "function": {"name": "mine", "parameters": {"type": "object"}}}
CLAUDE_BODY = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
WHOLE = b'{"id":"x","model":"qwen3","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}'
CHUNKS = [
    b'data: {"id":"1","model":"qwen3","choices":[{"index":0,"delta":{"role":"assistant","content":"ok"}}]}\n\n',
    b'data: {"id":"1","model":"qwen3","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    b'data: {"id":"1","model":"qwen3","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}\n\n',
    b"data: [DONE]\n\n",
]


@pytest.fixture
def qwen(http: FakeHttp, live: Live) -> QwenProvider:
    return QwenProvider(http.client, live, pipeline_for(live), {})


def test_a_completion(qwen: QwenProvider, http: FakeHttp) -> None:
    http.body = WHOLE
    asked = call("openai", BODY, headers={"user-agent": "client/1", "x-goog-api-client": "client"})
    answer = qwen.execute(token("qwen"), asked, "qwen3-coder-plus(high)")
    assert (http.last.method, http.last.url) == ("POST", URL)
    assert http.last.headers == {
        "Content-Type": "application/json", "Authorization": "Bearer tok", **IDENTIFICATION,
        "Accept": "application/json", "Accept-Encoding": "gzip",
    }  # fmt: skip
    assert http.json == {**BODY, "model": "qwen3-coder-plus", "reasoning_effort": "high"}
    assert answer.body == WHOLE.replace(b'"qwen3"', b'"client-model"')
    assert (answer.upstream_model, answer.tokens.total) == ("qwen3", 3)


def test_a_stream(qwen: QwenProvider, http: FakeHttp) -> None:
    http.body = CHUNKS
    stream = qwen.stream(token("qwen"), call("openai", {**BODY, "stream": True, "tools": [TOOL]}), "qwen3")
    assert b"".join(stream) == b"".join(CHUNKS[:3]).replace(b'"qwen3"', b'"client-model"')
    assert stream.tokens.total == 3
    assert http.last.url == URL
    assert http.last.headers == {
        "Content-Type": "application/json", "Authorization": "Bearer tok", **IDENTIFICATION,
        "Accept": "text/event-stream", "Accept-Encoding": "identity",
    }  # fmt: skip
    assert http.json == {
        **BODY, "model": "qwen3", "stream": True, "tools": [TOOL], "stream_options": {"include_usage": True},
    }  # fmt: skip


@pytest.mark.parametrize("more", [{}, {"tools": []}, {"tools": None}])
def test_a_stream_never_goes_without_a_tool(qwen: QwenProvider, http: FakeHttp, more: dict[str, Any]) -> None:
    http.body = CHUNKS
    list(qwen.stream(token("qwen"), call("openai", {**BODY, **more}), "qwen3"))
    (tool,) = http.json["tools"]
    assert (tool["type"], tool["function"]["name"]) == ("function", "do_not_call_me")
    assert "never be called" in tool["function"]["description"]
    assert tool["function"]["parameters"] == {
        "type": "object", "properties": {"operation": {"type": "number"}}, "required": ["operation"],
    }  # fmt: skip
    http.body = WHOLE
    qwen.execute(token("qwen"), call("openai", {**BODY, **more}), "qwen3")
    assert http.json.get("tools") == more.get("tools")


def test_a_claude_client(qwen: QwenProvider, http: FakeHttp) -> None:
    http.body = WHOLE
    answer = json.loads(qwen.execute(token("qwen"), call("claude", CLAUDE_BODY), "qwen3").body)
    assert http.json == {
        "model": "qwen3", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], "stream": False,
    }  # fmt: skip
    assert (answer["type"], answer["content"], answer["model"]) == (
        "message", [{"type": "text", "text": "ok"}], "client-model",
    )  # fmt: skip
    assert (answer["usage"]["input_tokens"], answer["usage"]["output_tokens"]) == (1, 2)


def test_a_claude_client_that_streams(qwen: QwenProvider, http: FakeHttp) -> None:
    http.body = CHUNKS
    out = b"".join(qwen.stream(token("qwen"), call("claude", {**CLAUDE_BODY, "stream": True}), "qwen3"))
    sent = http.json
    assert sent.pop("tools")[0]["function"]["name"] == "do_not_call_me"
    assert sent == {
        "model": "qwen3", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], "stream": True,
        "stream_options": {"include_usage": True},
    }  # fmt: skip
    assert b'"text":"ok"' in out
    assert b"event: message_stop" in out


def test_payload_rules_have_the_last_word(http: FakeHttp, live: Live) -> None:
    rule = PayloadRule((PayloadModel("qwen*", "openai"),), {"reasoning_effort": "low", "tools": []})
    live.set(payload=Payload(override=(rule,)))
    qwen = QwenProvider(http.client, live, pipeline_for(live), {})
    http.body = CHUNKS
    list(qwen.stream(token("qwen"), call("openai", BODY), "qwen3(high)"))
    assert (http.json["reasoning_effort"], http.json["tools"]) == ("low", [])


@pytest.mark.parametrize(
    ("credential", "url", "secret"),
    [
        (token("qwen", resource_url="up.qwen.ai"), "https://up.qwen.ai/v1/chat/completions", "tok"),
        (token("qwen", resource_url="https://up.qwen.ai/v1/"), "https://up.qwen.ai/v1/chat/completions", "tok"),
        (token("qwen", resource_url=""), URL, "tok"),
        (
            replace(token("qwen", resource_url="up.qwen.ai"), attributes={"base_url": "https://other.example/v1"}),
            "https://up.qwen.ai/v1/chat/completions", "tok",
        ),
        (
            replace(key("qwen", "https://b.example/v1/"), metadata={"resource_url": "no", "access_token": "no"}),
            "https://b.example/v1/chat/completions", "secret",
        ),
        (key("qwen"), URL, "secret"),
    ],
)  # fmt: skip
def test_where_and_who(qwen: QwenProvider, http: FakeHttp, credential: Credential, url: str, secret: str) -> None:
    http.body = WHOLE
    qwen.execute(credential, call("openai", BODY), "qwen3")
    assert (http.last.url, http.header("authorization")) == (url, f"Bearer {secret}")


def test_without_a_token(qwen: QwenProvider, http: FakeHttp) -> None:
    for ask in (qwen.execute, qwen.stream):
        with pytest.raises(UpstreamStatus, match="missing access token") as caught:
            ask(token("qwen", ""), call("openai", BODY), "qwen3")
        assert caught.value.status == 401
    assert http.sent == []


def test_errors_are_of_the_chat_family(qwen: QwenProvider, http: FakeHttp) -> None:
    http.body = UpstreamStatus('{"error":{"message":"no"}}', status=429, retry_after=7.0)
    with pytest.raises(UpstreamStatus) as caught:
        qwen.stream(token("qwen"), call("openai", BODY), "qwen3")
    assert (caught.value.status, caught.value.retry_after, caught.value.format) == (429, 7.0, "openai")


def test_no_compaction(qwen: QwenProvider, http: FakeHttp) -> None:
    asked = call("openai-response", {"model": "m", "input": []}, compact=True)
    for ask in (qwen.execute, qwen.stream):
        with pytest.raises(RequestError) as caught:
            ask(token("qwen"), asked, "qwen3")
        assert caught.value.status == 501
    assert http.sent == []


def test_count_is_local(qwen: QwenProvider, http: FakeHttp) -> None:
    body = {"messages": [{"role": "user", "content": "hello world"}]}
    assert json.loads(qwen.count_tokens(token("qwen"), call("openai", body), "qwen3(high)").body) == {
        "usage": {"prompt_tokens": 4, "completion_tokens": 0, "total_tokens": 4}
    }
    assert http.sent == []


# Renewal


def test_a_refresh(http: FakeHttp, live: Live) -> None:
    live.set(oauth_clients={"qwen": OAuthClient(client_id="my-app")})
    qwen = QwenProvider(http.client, live, pipeline_for(live), {})
    assert isinstance(qwen, Refreshes)
    before = replace(token("qwen", refresh_token="r/1"), proxy_url="http://proxy.example:1", prefix="p")
    http.body = b'{"access_token":"new","refresh_token":"r2","resource_url":"up.qwen.ai","expires_in":3600}'
    after = qwen.refresh(before)
    assert (http.last.method, http.last.url) == ("POST", "https://chat.qwen.ai/api/v1/oauth2/token")
    assert http.last.body == b"grant_type=refresh_token&refresh_token=r%2F1&client_id=my-app"
    assert http.last.proxy_url == "http://proxy.example:1"
    metadata = dict(after.metadata)
    assert {metadata.pop("expired"), metadata.pop("last_refresh")}
    assert metadata == {
        "access_token": "new", "refresh_token": "r2", "resource_url": "up.qwen.ai", "email": "e", "type": "qwen",
    }  # fmt: skip
    assert after == replace(before, metadata=after.metadata)
    assert before.metadata["access_token"] == "tok"
    http.body = WHOLE
    qwen.execute(after, call("openai", BODY), "qwen3")
    assert (http.last.url, http.header("authorization")) == ("https://up.qwen.ai/v1/chat/completions", "Bearer new")


def test_nothing_to_refresh(qwen: QwenProvider, http: FakeHttp) -> None:
    credential = token("qwen")
    assert qwen.refresh(credential) is credential
    assert http.sent == []


def test_a_login_that_is_over(qwen: QwenProvider, http: FakeHttp) -> None:
    http.body = UpstreamStatus('{"error":"invalid_grant"}', status=400)
    with pytest.raises(RefreshRejected):
        qwen.refresh(token("qwen", refresh_token="r"))
