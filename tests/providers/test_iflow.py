"""iFlow with the key of a login (providers.md 18, 22.5)."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from providers.fake_http import FakeHttp, Live, call, key, pipeline_for

from cliproxy.config.settings import OAuthClient
from cliproxy.errors import RefreshRejected, RequestError, UpstreamError, UpstreamStatus
from cliproxy.providers.base import Refreshes
from cliproxy.providers.credential import Credential
from cliproxy.providers.http import Outgoing, Reply
from cliproxy.providers.iflow import IflowProvider
from cliproxy.providers.pipeline import Pipeline
from cliproxy.translation.hub import Hub
from cliproxy.translation.thinking.support import Capability, Thinking

URL = "https://apis.iflow.cn/v1/chat/completions"
BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
CLAUDE_BODY = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
TOOL = {"type": "function", "function": {"name": "mine", "parameters": {"type": "object"}}}
WHOLE = b'{"id":"x","model":"up","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}'
CHUNKS = [
    b'data: {"id":"1","model":"up","choices":[{"index":0,"delta":{"role":"assistant","content":"ok"}}]}\n\n',
    b'data: {"id":"1","model":"up","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    b"data: [DONE]\n\n",
]
LEVELS = Thinking(levels=("none", "auto", "minimal", "low", "medium", "high", "xhigh"))


def login(**metadata: Any) -> Credential:
    """An auth file; the access token must never be used for requests."""
    content = {"api_key": "sk-i", "access_token": "not-me", "email": "u", "type": "iflow", **metadata}
    return Credential("iflow-u-1.json", "iflow", metadata=content)


@pytest.fixture
def iflow(http: FakeHttp, live: Live) -> IflowProvider:
    return IflowProvider(http.client, live, pipeline_for(live), {})


def test_a_completion(iflow: IflowProvider, http: FakeHttp) -> None:
    http.body = WHOLE
    answer = iflow.execute(login(), call("openai", BODY, headers={"user-agent": "client/1"}), "glm-4.6")
    assert (http.last.method, http.last.url) == ("POST", URL)
    assert http.last.headers == {
        "Content-Type": "application/json", "Authorization": "Bearer sk-i", "User-Agent": "iFlow-Cli",
        "Accept": "application/json", "Accept-Encoding": "gzip",
    }  # fmt: skip
    assert http.json == {**BODY, "model": "glm-4.6"}
    assert answer.body == WHOLE.replace(b'"up"', b'"client-model"')
    assert (answer.upstream_model, answer.tokens.total) == ("up", 3)


def test_a_stream(iflow: IflowProvider, http: FakeHttp) -> None:
    http.body = CHUNKS
    stream = iflow.stream(login(), call("openai", {**BODY, "stream": True}), "kimi-k2")
    assert b"".join(stream) == b"".join(CHUNKS[:2]).replace(b'"up"', b'"client-model"')
    assert http.last.url == URL
    assert http.last.headers == {
        "Content-Type": "application/json", "Authorization": "Bearer sk-i", "User-Agent": "iFlow-Cli",
        "Accept": "text/event-stream", "Accept-Encoding": "identity",
    }  # fmt: skip
    assert http.json == {**BODY, "model": "kimi-k2", "stream": True}


def test_an_empty_list_of_tools_gets_one_in_streams(iflow: IflowProvider, http: FakeHttp) -> None:
    http.body = CHUNKS
    list(iflow.stream(login(), call("openai", {**BODY, "tools": []}), "glm-4.6"))
    (tool,) = http.json["tools"]
    assert (tool["type"], tool["function"]["name"]) == ("function", "noop")
    assert tool["function"]["parameters"] == {"type": "object"}
    list(iflow.stream(login(), call("openai", {**BODY, "tools": [TOOL]}), "glm-4.6"))
    assert http.json["tools"] == [TOOL]
    http.body = WHOLE
    iflow.execute(login(), call("openai", {**BODY, "tools": []}), "glm-4.6")
    assert http.json["tools"] == []


def test_a_claude_client(iflow: IflowProvider, http: FakeHttp) -> None:
    http.body = WHOLE
    answer = json.loads(iflow.execute(login(), call("claude", CLAUDE_BODY), "glm-4.6").body)
    assert http.json == {
        "model": "glm-4.6", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], "stream": False,
    }  # fmt: skip
    assert (answer["content"], answer["model"]) == ([{"type": "text", "text": "ok"}], "client-model")


def test_a_claude_client_that_streams(iflow: IflowProvider, http: FakeHttp) -> None:
    http.body = CHUNKS
    out = b"".join(iflow.stream(login(), call("claude", {**CLAUDE_BODY, "stream": True}), "glm-4.6"))
    assert http.json == {
        "model": "glm-4.6", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], "stream": True,
        "stream_options": {"include_usage": True},
    }  # fmt: skip
    assert b'"text":"ok"' in out
    assert b"event: message_stop" in out


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        ("glm-4.6", "high", {"chat_template_kwargs": {"enable_thinking": True, "clear_thinking": False}}),
        ("glm-4.6", "none", {"chat_template_kwargs": {"enable_thinking": False}}),
        ("minimax-m2", "low", {"reasoning_split": True}),
        ("minimax-m2(none)", "low", {"reasoning_split": False}),
        ("deepseek-v3.2", "auto", {"chat_template_kwargs": {"enable_thinking": True}}),
        ("glm-4.6(high)", None, {"chat_template_kwargs": {"enable_thinking": True, "clear_thinking": False}}),
        ("kimi-k2", "high", {}),
    ],
)
def test_thinking(http: FakeHttp, live: Live, model: str, effort: str | None, expected: dict[str, Any]) -> None:
    pipeline = Pipeline(Hub(), live, lambda name, provider: Capability(name, LEVELS) if provider == "iflow" else None)
    iflow = IflowProvider(http.client, live, pipeline, {})
    wish = {"reasoning_effort": effort} if effort else {}
    http.body = WHOLE
    iflow.execute(login(), call("openai", {**BODY, **wish}), model)
    assert http.json == {**BODY, **wish, "model": model.partition("(")[0], **expected}


@pytest.mark.parametrize("model", ["glm-4.7", "minimax-m2.1"])
def test_earlier_thoughts_stay(iflow: IflowProvider, http: FakeHttp, model: str) -> None:
    http.body = WHOLE
    said = {"role": "assistant", "content": "a", "reasoning_content": "because"}
    messages = [*BODY["messages"], said, {"role": "user", "content": "more"}]
    iflow.execute(login(), call("openai", {**BODY, "messages": messages}), model)
    assert http.json["messages"] == messages
    thought = [{"type": "thinking", "thinking": "because", "signature": ""}, {"type": "text", "text": "a"}]
    turns = [*CLAUDE_BODY["messages"], {"role": "assistant", "content": thought}, {"role": "user", "content": "more"}]  # type: ignore[misc]
    iflow.execute(login(), call("claude", {**CLAUDE_BODY, "messages": turns}), model)
    assert http.json["messages"][1]["reasoning_content"] == "because"


@pytest.mark.parametrize(
    ("credential", "url", "secret"),
    [
        (login(base_url=" https://m.example/v1/ "), "https://m.example/v1/chat/completions", "sk-i"),
        (
            replace(login(base_url="https://m.example"), attributes={"base_url": "https://a.example/v1/"}),
            "https://a.example/v1/chat/completions", "sk-i",
        ),
        (replace(key("iflow"), metadata={"api_key": "no"}), URL, "secret"),
    ],
)  # fmt: skip
def test_where_and_who(iflow: IflowProvider, http: FakeHttp, credential: Credential, url: str, secret: str) -> None:
    http.body = WHOLE
    iflow.execute(credential, call("openai", BODY), "glm-4.6")
    assert (http.last.url, http.header("authorization")) == (url, f"Bearer {secret}")


@pytest.mark.parametrize("missing", ["", " ", None])
def test_without_a_key(iflow: IflowProvider, http: FakeHttp, missing: str | None) -> None:
    for ask in (iflow.execute, iflow.stream):
        with pytest.raises(UpstreamStatus, match=r"^iflow executor: missing api key$") as caught:
            ask(login(api_key=missing), call("openai", BODY), "glm-4.6")
        assert caught.value.status == 401
    assert http.sent == []


def test_no_compaction(iflow: IflowProvider, http: FakeHttp) -> None:
    with pytest.raises(RequestError) as caught:
        iflow.execute(login(), call("openai-response", {"model": "m", "input": []}, compact=True), "glm-4.6")
    assert caught.value.status == 501
    assert http.sent == []


def test_count_is_local(iflow: IflowProvider, http: FakeHttp) -> None:
    body = {"messages": [{"role": "user", "content": "hello world"}]}
    counted = json.loads(iflow.count_tokens(login(), call("claude", {**CLAUDE_BODY, **body}), "glm-4.6").body)
    assert counted == {"input_tokens": 4}
    assert http.sent == []


# Renewal


class Answers(FakeHttp):
    """Different bodies for different places."""

    def __init__(self, **bodies: Any) -> None:
        super().__init__()
        self.bodies = bodies

    def fetch(self, request: Outgoing) -> Reply:
        self.body = next(body for word, body in self.bodies.items() if word in request.url)
        return super().fetch(request)


TOKEN = b'{"access_token":"a b","refresh_token":"r2","expires_in":3600}'
USER = b'{"success":true,"data":{"apiKey":"sk-new","email":"other"}}'


@pytest.mark.parametrize("configured", [True, False])
def test_a_refresh(live: Live, configured: bool) -> None:
    http = Answers(token=TOKEN, getUserInfo=USER)
    if configured:
        live.set(oauth_clients={"iflow": OAuthClient(client_secret="s")})
    environment = {} if configured else {"CLIPROXY_IFLOW_CLIENT_SECRET": "s"}
    iflow = IflowProvider(http.client, live, pipeline_for(live), environment)
    assert isinstance(iflow, Refreshes)
    before = replace(login(refresh_token="r1", note="mine"), proxy_url="http://proxy.example:1")
    after = iflow.refresh(before)
    first, second = http.sent
    assert (first.method, first.url) == ("POST", "https://iflow.cn/oauth/token")
    assert first.headers == {
        "Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded",
        "Authorization": "Basic " + base64.b64encode(b"10009311001:s").decode(),
    }  # fmt: skip
    assert first.body == b"grant_type=refresh_token&refresh_token=r1&client_id=10009311001&client_secret=s"
    assert (second.method, second.body) == ("GET", None)
    assert second.url == "https://iflow.cn/api/oauth/getUserInfo?accessToken=a%20b"
    assert (first.proxy_url, second.proxy_url) == ("http://proxy.example:1",) * 2
    metadata = dict(after.metadata)
    assert {metadata.pop("expired"), metadata.pop("last_refresh")}
    assert metadata == {
        "api_key": "sk-new", "access_token": "a b", "refresh_token": "r2", "email": "u", "type": "iflow", "note": "mine",
    }  # fmt: skip
    assert after == replace(before, metadata=after.metadata)


def test_a_refresh_by_cookie(live: Live) -> None:
    http = Answers(apikey=b'{"success":true,"data":{"apiKey":"sk-new","expireTime":"2030-01-02 03:04","name":"u"}}')
    iflow = IflowProvider(http.client, live, pipeline_for(live), {})
    after = iflow.refresh(login(cookie="BXAuth=v;", refresh_token="r1"))
    assert (http.last.method, http.last.url) == ("POST", "https://platform.iflow.cn/api/openapi/apikey")
    assert (http.last.body, http.header("cookie")) == (b'{"name":"u"}', "BXAuth=v;")
    assert (after.metadata["api_key"], after.metadata["expired"]) == ("sk-new", "2030-01-02 03:04")
    assert after.attributes == {}
    assert iflow.refresh(after) is after  # good for years
    assert len(http.sent) == 1


def test_nothing_to_refresh(iflow: IflowProvider, http: FakeHttp) -> None:
    credential = login()
    assert iflow.refresh(credential) is credential
    assert http.sent == []


def test_a_login_that_is_over(live: Live) -> None:
    http = Answers(token=UpstreamStatus('{"error":"invalid_grant"}', status=400))
    iflow = IflowProvider(http.client, live, pipeline_for(live), {"CLIPROXY_IFLOW_CLIENT_SECRET": "s"})
    with pytest.raises(RefreshRejected):
        iflow.refresh(login(refresh_token="r"))


def test_a_refresh_without_a_client_secret(iflow: IflowProvider, http: FakeHttp) -> None:
    with pytest.raises(UpstreamError, match=r"oauth-clients\.iflow\.client-secret"):
        iflow.refresh(login(refresh_token="r"))
    assert http.sent == []
