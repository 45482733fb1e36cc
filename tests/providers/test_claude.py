"""Anthropic Messages (providers.md 11)."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from providers.fake_http import FakeHttp, Live, call, key, pipeline_for, token

from cliproxy import __version__
from cliproxy.errors import RequestError
from cliproxy.providers import cache_control
from cliproxy.providers.claude import ClaudeProvider
from cliproxy.providers.credential import Credential
from cliproxy.translation import exactjson

BETAS = "interleaved-thinking-2025-05-14,fine-grained-tool-streaming-2025-05-14,prompt-caching-2024-07-31"
MARK = {"type": "ephemeral"}
BODY = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
OAUTH = "sk-ant-oat-xyz"
MARKED = [{"type": "text", "text": "s", "cache_control": MARK}]


@pytest.fixture
def claude(http: FakeHttp, live: Live) -> ClaudeProvider:
    return ClaudeProvider(http.client, live, pipeline_for(live))


def test_a_message(claude: ClaudeProvider, http: FakeHttp) -> None:
    http.body = b'{"id":"x","model":"claude-up","usage":{"input_tokens":3,"output_tokens":4}}'
    answer = claude.execute(key("claude"), call("claude", BODY), "claude-up(high)")
    assert http.last.url == "https://api.anthropic.com/v1/messages?beta=true"
    assert http.last.headers == {
        "Content-Type": "application/json", "Anthropic-Version": "2023-06-01", "Anthropic-Beta": BETAS,
        "User-Agent": f"cliproxy/{__version__}", "Connection": "keep-alive",
        "Accept-Encoding": "gzip, deflate, br, zstd", "Accept": "application/json", "x-api-key": "secret",
    }  # fmt: skip
    assert http.json == {**BODY, "model": "claude-up"}
    assert answer.body == http.body.replace(b"claude-up", b"client-model")
    assert (answer.upstream_model, answer.tokens.total) == ("claude-up", 7)


@pytest.mark.parametrize(
    ("credential", "base", "header", "value"),
    [
        (key("claude"), "https://api.anthropic.com", "x-api-key", "secret"),
        (key("claude", "https://api.anthropic.com/"), "https://api.anthropic.com", "x-api-key", "secret"),
        (key("claude", "https://c.example/x/"), "https://c.example/x", "authorization", "Bearer secret"),
        (key("claude", "http://api.anthropic.com"), "http://api.anthropic.com", "authorization", "Bearer secret"),
        (token("claude", OAUTH), "https://api.anthropic.com", "authorization", f"Bearer {OAUTH}"),
    ],
)
def test_where_and_who(
    claude: ClaudeProvider, http: FakeHttp, credential: Credential, base: str, header: str, value: str
) -> None:
    claude.execute(credential, call("claude", BODY), "m")
    assert http.last.url == f"{base}/v1/messages?beta=true"
    other = "authorization" if header == "x-api-key" else "x-api-key"
    assert (http.header(header), http.header(other)) == (value, None)
    claude.count_tokens(credential, call("claude", BODY), "m")
    assert http.last.url == f"{base}/v1/messages/count_tokens?beta=true"


def test_a_stream(claude: ClaudeProvider, http: FakeHttp) -> None:
    events = [
        b'event: message_start\ndata: {"type":"message_start","message":{"model":"up","usage":{"input_tokens":3}}}\n\n',
        b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"x"}}\n\n',
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    ]
    http.body = events
    stream = claude.stream(key("claude"), call("claude", {**BODY, "stream": True}), "m")
    assert b"".join(stream) == b"".join(events).replace(b'"up"', b'"client-model"')
    assert (http.header("accept"), http.header("accept-encoding")) == ("text/event-stream", "identity")


def test_the_clients_own_headers(claude: ClaudeProvider, http: FakeHttp) -> None:
    headers = {
        "anthropic-version": "2024-01-01", "user-agent": "mine/1", "x-app": "cli", "x-stainless-lang": "js",
        "x-other": "no", "anthropic-beta": "a,prompt-caching-2024-07-31", "cookie": "no",
        "anthropic-dangerous-direct-browser-access": "true",
    }  # fmt: skip
    claude.execute(key("claude"), call("claude", BODY, headers=headers), "m")
    assert {name.lower(): value for name, value in http.last.headers.items()} == {
        "content-type": "application/json", "anthropic-version": "2024-01-01", "user-agent": "mine/1", "x-app": "cli",
        "x-stainless-lang": "js", "anthropic-beta": "a,prompt-caching-2024-07-31", "connection": "keep-alive",
        "anthropic-dangerous-direct-browser-access": "true", "accept-encoding": "gzip, deflate, br, zstd",
        "accept": "application/json", "x-api-key": "secret",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("credential", "header", "betas", "expected"),
    [
        (key("claude"), "", None, BETAS), (key("claude"), " ", ["x", " ", "x", 5], f"{BETAS},x"),
        (key("claude"), "a", "b", "a,prompt-caching-2024-07-31,b"),
        (token("claude", OAUTH), "", None, f"{BETAS},oauth-2025-04-20"),
        (token("claude", OAUTH), "my-oauth-1", None, "my-oauth-1,prompt-caching-2024-07-31"),
    ],
)  # fmt: skip
def test_betas(
    claude: ClaudeProvider, http: FakeHttp, credential: Credential, header: str, betas: Any, expected: str
) -> None:
    body = BODY if betas is None else {**BODY, "betas": betas}
    claude.execute(credential, call("claude", body, headers={"anthropic-beta": header}), "m")
    assert http.header("anthropic-beta") == expected
    assert "betas" not in http.json


@pytest.mark.parametrize(("choice", "kept"), [("any", False), ("tool", False), ("auto", True)])
def test_a_forced_tool_excludes_thinking(claude: ClaudeProvider, http: FakeHttp, choice: str, kept: bool) -> None:
    body = {**BODY, "thinking": {"type": "enabled"}, "tool_choice": {"type": choice, "name": "f"}}
    claude.execute(key("claude"), call("claude", body), "m")
    assert ("thinking" in http.json) is kept


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        (None, ["PREFIX"]), ("mine", ["PREFIX", "mine"]), ([{"type": "text", "text": "mine"}], ["PREFIX", "mine"]),
        ([{"type": "text", "text": "PREFIX"}, {"type": "text", "text": "x"}], ["PREFIX", "x"]),
    ],
)  # fmt: skip
def test_a_configured_prefix_for_logins(
    claude: ClaudeProvider, http: FakeHttp, live: Live, system: Any, expected: list[str]
) -> None:
    live.set(oauth_system_prefix=MappingProxyType({"claude": "PREFIX"}))
    body = BODY if system is None else {**BODY, "system": system}
    claude.execute(token("claude", OAUTH), call("claude", body), "claude-sonnet-4-5")
    assert [block["text"] for block in http.json["system"]] == expected
    assert "claude-code-20250219" in (http.header("anthropic-beta") or "")
    claude.execute(token("claude", OAUTH), call("claude", body), "claude-3-5-haiku-20241022")
    untouched = [block["text"] for block in http.json.get("system", []) if isinstance(block, dict)]
    assert untouched == [text for text in expected if text != "PREFIX" or "PREFIX" in json.dumps(system)]
    claude.execute(key("claude"), call("claude", BODY), "claude-sonnet-4-5")
    assert "system" not in http.json


def test_no_prefix_by_default(claude: ClaudeProvider, http: FakeHttp) -> None:
    claude.execute(token("claude", OAUTH), call("claude", BODY), "claude-sonnet-4-5")
    assert "system" not in http.json


def marked(body: dict[str, Any]) -> Any:
    """After the three steps, each taken alone."""
    return cache_control.mark_messages(cache_control.mark_system(cache_control.mark_tools(body)))


def users(*contents: Any) -> list[dict[str, Any]]:
    """Alternating turns, the user first."""
    return [{"role": "assistant" if n % 2 else "user", "content": c} for n, c in enumerate(contents)]


def test_marks_on_system_and_tools() -> None:
    assert marked({"system": "s"})["system"] == [{"type": "text", "text": "s", "cache_control": MARK}]
    two = marked({"system": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]})["system"]
    assert ["cache_control" in block for block in two] == [False, True]
    for number in (2, 50):
        tools = [{"name": f"t{index}"} for index in range(number)]
        found = marked({"tools": tools, "system": "s"})
        assert [index for index, tool in enumerate(found["tools"]) if "cache_control" in tool] == [number - 1]
        assert found["system"][0]["cache_control"] == MARK
    done = [{"name": "a", "cache_control": MARK}, {"name": "b"}]
    found = marked({"tools": done, "system": "s"})
    assert found["tools"] == done
    assert found["system"][0]["cache_control"] == MARK
    assert marked({"tools": [], "system": "s"})["system"][0]["cache_control"] == MARK
    assert marked({"system": ""}) == {"system": ""}


def test_marks_on_messages() -> None:
    found = marked({"messages": users("a", "b", "c", "d", "e")})["messages"]
    assert found[2]["content"] == [{"type": "text", "text": "c", "cache_control": MARK}]
    assert [index for index, message in enumerate(found) if "cache_control" in json.dumps(message)] == [2]
    own = users("a", [{"type": "text", "text": "b", "cache_control": MARK}], "c")
    assert marked({"messages": own}) == {"messages": own}
    assert marked({"messages": users("only")}) == {"messages": users("only")}
    results = users([{"type": "tool_result"}], "x", [{"type": "tool_result"}])
    assert marked({"messages": results})["messages"][0]["content"][0]["cache_control"] == MARK


def test_a_mark_anywhere_stops_all(claude: ClaudeProvider, http: FakeHttp) -> None:
    body = {**BODY, "system": "s", "tools": [{"name": "a", "cache_control": MARK}]}
    claude.execute(key("claude"), call("claude", body), "m")
    assert http.json["system"] == "s"


def test_only_the_models_bytes_change(claude: ClaudeProvider, http: FakeHttp) -> None:
    raw = b'{ "model" : "m", "max_tokens": 5.0, "messages":[{"role":"user","content":[{"type":"text","text":"\\u00e9","cache_control":null}]}]}'
    claude.execute(key("claude"), call("claude", raw), "up")
    assert http.last.body == raw.replace(b'"m"', b'"up"', 1)


def test_count(claude: ClaudeProvider, http: FakeHttp) -> None:
    http.body = b'{"input_tokens": 5}'
    body = {**BODY, "system": "s", "thinking": {}, "tool_choice": {"type": "any"}, "betas": ["x"]}
    answer = claude.count_tokens(key("claude"), call("claude", body), "up")
    assert answer.body == http.body
    assert http.json == {**{k: v for k, v in body.items() if k != "betas"}, "model": "up"}


def test_gzip_that_nobody_announced(claude: ClaudeProvider, http: FakeHttp) -> None:
    http.body = gzip.compress(b'{"model":"up"}')
    assert claude.execute(key("claude"), call("claude", BODY), "m").body == b'{"model":"client-model"}'


def test_compaction_is_refused(claude: ClaudeProvider) -> None:
    with pytest.raises(RequestError) as caught:
        claude.execute(key("claude"), call("openai-response", {}, compact=True), "m")
    assert (caught.value.status, caught.value.text) == (501, "/responses/compact not supported")


def thought(signature: Any, text: str = "t") -> dict[str, Any]:
    return {"type": "thinking", "thinking": text} | ({} if signature is None else {"signature": signature})


@pytest.mark.parametrize("signature", ["", None, "gemini#abc", "claude#abc", 5])
def test_thinking_of_other_upstreams_is_left_out(claude: ClaudeProvider, http: FakeHttp, signature: Any) -> None:
    """A conversation that began with another model goes on with Claude (clients.md 2)."""
    own, said = thought("EqQBCkgIAR=="), {"type": "text", "text": "said"}
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [thought(signature), said]},
        {"role": "assistant", "content": [thought(signature)]},
        {"role": "assistant", "content": [own, said, {"type": "redacted_thinking", "data": "x"}]},
        {"role": "user", "content": [{"type": "thinking", "thinking": "not mine"}]},
    ]
    claude.execute(key("claude"), call("claude", {**BODY, "system": MARKED, "messages": messages}), "m")
    assert http.json["messages"] == [messages[0], {"role": "assistant", "content": [said]}, *messages[3:]]


def test_own_thinking_keeps_its_bytes(claude: ClaudeProvider, http: FakeHttp) -> None:
    raw = b'{"model":"m", "system":[{"type":"text","text":"s","cache_control":{}}],"max_tokens":1e3,"messages":[{"role":'
    raw += b'"assistant","content":[{"type":"thinking","thinking":"\\u00e9","signature":"EqQB"}]}]}'
    asked = replace(call("claude", {}), payload=raw, body=exactjson.loads(raw))
    claude.execute(key("claude"), asked, "up")
    assert http.last.body == raw.replace(b'"model":"m"', b'"model":"up"')
