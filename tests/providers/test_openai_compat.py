"""OpenAI-compatible services (providers.md 13) and the registry of providers."""

from __future__ import annotations

import json

import pytest
from providers.fake_http import FakeHttp, Live, call, key, pipeline_for

from cliproxy.config.settings import Settings
from cliproxy.errors import UpstreamStatus
from cliproxy.pool.token_keeper import PoolTokens
from cliproxy.providers.credential import Credential
from cliproxy.providers.openai_compat import OpenAICompatProvider
from cliproxy.providers.registry import Providers

BASE = "https://o.example/v1/"
BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def compat(http: FakeHttp, live: Live) -> OpenAICompatProvider:
    return OpenAICompatProvider("mine", http.client, live, pipeline_for(live))


def test_a_completion(compat: OpenAICompatProvider, http: FakeHttp) -> None:
    http.body = b'{"id":"x","model":"up","usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}'
    answer = compat.execute(key("mine", BASE), call("openai", BODY), "org/up(high)")
    assert http.last.url == "https://o.example/v1/chat/completions"
    assert http.last.headers == {
        "Content-Type": "application/json", "User-Agent": "cli-proxy-openai-compat", "Accept-Encoding": "gzip",
        "Authorization": "Bearer secret",
    }  # fmt: skip
    assert http.json == {**BODY, "model": "org/up", "reasoning_effort": "high"}
    assert (answer.body, answer.tokens.total) == (http.body.replace(b'"up"', b'"client-model"'), 3)


def test_a_stream(compat: OpenAICompatProvider, http: FakeHttp) -> None:
    chunk = b'data: {"id":"1","model":"up","choices":[{"delta":{"content":"x"}}]}\n\n'
    http.body = [chunk, b": comment\n\n", chunk, b"data: [DONE]\n\n"]
    attributes = {"header:Accept": "no", "header:X-Mine": "1"}
    stream = compat.stream(key("mine", BASE, attributes=attributes), call("openai", {**BODY, "stream": True}), "up")
    assert b"".join(stream) == chunk.replace(b'"up"', b'"client-model"') * 2
    assert (http.header("accept"), http.header("cache-control")) == ("text/event-stream", "no-cache")
    assert (http.header("accept-encoding"), http.header("x-mine")) == ("identity", "1")


def test_without_a_key(compat: OpenAICompatProvider, http: FakeHttp) -> None:
    compat.execute(Credential("i", "mine", attributes={"base_url": BASE}), call("openai", BODY), "up")
    assert http.header("authorization") is None


def test_without_a_base_url(compat: OpenAICompatProvider) -> None:
    with pytest.raises(UpstreamStatus, match="missing provider baseURL") as caught:
        compat.execute(key("mine"), call("openai", BODY), "up")
    assert caught.value.status == 401


def test_compact(compat: OpenAICompatProvider, http: FakeHttp) -> None:
    http.body = b'{"id":"c", "output":[]}'
    asked = call("openai-response", {"model": "m", "input": [1.0], "stream": False}, compact=True)
    answer = compat.execute(key("mine", BASE), asked, "up")
    assert http.last.url == "https://o.example/v1/responses/compact"
    assert http.last.body == b'{"model":"up","input":[1.0]}'
    assert answer.body == http.body


def test_count_is_local(compat: OpenAICompatProvider, http: FakeHttp) -> None:
    body = {"messages": [{"role": "user", "content": "hello world"}]}
    counted = json.loads(compat.count_tokens(key("mine", BASE), call("openai", body), "gpt-4o").body)
    assert counted == {"usage": {"prompt_tokens": 4, "completion_tokens": 0, "total_tokens": 4}}
    assert http.sent == []


@pytest.mark.parametrize(
    ("credential", "name"),
    [
        (Credential("i", "gemini"), "GeminiProvider"), (Credential("i", "vertex"), "VertexProvider"),
        (Credential("i", "claude"), "ClaudeProvider"), (Credential("i", "codex"), "CodexProvider"),
        (Credential("i", "demo"), "DemoProvider"), (Credential("i", "anything"), "OpenAICompatProvider"),
        (Credential("i", ""), "OpenAICompatProvider"),
        (Credential("i", "claude", attributes={"compat_name": "Claude"}), "OpenAICompatProvider"),
        (Credential("i", "qwen"), "QwenProvider"), (Credential("i", "iflow"), "IflowProvider"),
        (Credential("i", "aistudio"), "NoneType"),
    ],
)  # fmt: skip
def test_who_serves_a_credential(http: FakeHttp, live: Live, credential: Credential, name: str) -> None:
    providers = Providers(http.client, live, pipeline_for(live), PoolTokens(), {})
    provider = providers(credential, Settings())
    assert type(provider).__name__ == name
    assert provider is providers(credential, Settings())
