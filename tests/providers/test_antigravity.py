"""Antigravity over real HTTP: what is sent, where, and what comes back (providers.md 16)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from oauth.authority import Answer
from providers.antigravity_hosts import (
    CHAT_BODY,
    CLAUDE_BODY,
    COUNT,
    EVENTS,
    GEMINI_BODY,
    GENERATE,
    RESPONSE,
    SESSION,
    STREAM,
    Bench,
    bench_of,
    chunk,
    login,
)
from providers.fake_http import call

from cliproxy.config.load import load_text
from cliproxy.errors import RequestError, UpstreamStatus
from cliproxy.providers import antigravity
from cliproxy.providers.credential import Credential


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with bench_of(monkeypatch) as made:
        yield made


def test_the_real_addresses() -> None:
    assert antigravity.bases_of(login()) == (
        "https://daily-cloudcode-pa.googleapis.com", "https://daily-cloudcode-pa.sandbox.googleapis.com",
    )  # fmt: skip
    assert antigravity.bases_of(login(base_url=" https://m.example// ")) == ("https://m.example/",)
    own = login(base_url="https://m.example", attributes={"base_url": "https://a.example/"})
    assert antigravity.bases_of(own) == ("https://a.example",)


def test_an_answer_for_a_gemini_client(bench: Bench) -> None:
    answer = bench.provider.execute(login(), call("gemini", GEMINI_BODY), "gemini-3-flash")
    asked, = bench.daily.asked
    assert (asked.method, asked.path, asked.query) == ("POST", GENERATE, {})
    assert asked.headers == {
        "host": urlsplit(bench.daily.url).netloc, "content-type": "application/json", "authorization": "Bearer tok",
        "user-agent": "antigravity/1.104.0 darwin/arm64", "accept": "application/json", "accept-encoding": "gzip",
        "content-length": str(len(asked.body)),
    }  # fmt: skip
    body = asked.json
    assert re.fullmatch(r"agent-[0-9a-f-]{36}", body.pop("requestId"))
    assert body == {
        "project": "p-1", "model": "gemini-3-flash", "userAgent": "antigravity", "requestType": "agent",
        "request": {**GEMINI_BODY, "sessionId": SESSION},
    }  # fmt: skip
    assert json.loads(answer.body) == {**RESPONSE, "modelVersion": "client-model"}
    assert (answer.upstream_model, answer.tokens.input, answer.tokens.output) == ("up-1", 2, 3)
    assert bench.sandbox.asked == []


def test_a_stream_for_a_gemini_client(bench: Bench) -> None:
    bench.daily.answers = [Answer(b"".join(EVENTS))]
    got = b"".join(bench.provider.stream(login(), call("gemini", GEMINI_BODY, alt="json"), "gemini-3-flash"))
    asked, = bench.daily.asked
    assert (asked.path, asked.query) == (STREAM, {"alt": "sse"})
    assert (asked.headers["accept"], asked.headers["accept-encoding"]) == ("text/event-stream", "identity")
    first, second = (json.loads(event.removeprefix(b"data: ")) for event in got.split(b"\n\n") if event)
    assert first["candidates"][0]["content"]["parts"] == [{"text": "Hel"}]
    assert (second["candidates"][0]["finishReason"], second["modelVersion"]) == ("STOP", "client-model")


def test_an_answer_for_a_chat_client(bench: Bench) -> None:
    answer = bench.provider.execute(login(project_id=" "), call("openai", CHAT_BODY), "gemini-3-flash(high)")
    body = bench.daily.asked[0].json
    assert re.fullmatch(r"\w+-\w+-[0-9a-f]{5}", body["project"])
    assert body["request"]["contents"] == GEMINI_BODY["contents"]
    assert body["request"]["sessionId"] == SESSION
    assert "maxOutputTokens" not in body["request"].get("generationConfig", {})
    assert "safetySettings" not in body["request"]
    found = json.loads(answer.body)
    assert found["choices"][0]["message"]["content"] == "Hello"
    assert (found["model"], found["usage"]["total_tokens"]) == ("client-model", 5)


def test_a_stream_for_a_chat_client(bench: Bench) -> None:
    bench.daily.answers = [Answer(b"".join(EVENTS))]
    stream = bench.provider.stream(login(), call("openai", {**CHAT_BODY, "stream": True}), "gemini-3-flash")
    got = [json.loads(event.removeprefix(b"data: ")) for event in b"".join(stream).split(b"\n\n") if event]
    assert "".join(event["choices"][0]["delta"].get("content") or "" for event in got if event["choices"]) == "Hello"
    assert (stream.upstream_model, stream.tokens.total) == ("up-1", 5)


def test_a_collected_answer_for_a_claude_client(bench: Bench) -> None:
    bench.daily.answers = [Answer(b"".join(
        (
            chunk({"thought": True, "text": "Hm"}, modelVersion="up-1"),
            chunk({"thought": True, "text": "", "thoughtSignature": "S" * 60}, {"text": "Hel"}),
            *EVENTS[1:],
        )
    ))]  # fmt: skip
    answer = bench.provider.execute(login(), call("claude", CLAUDE_BODY), "claude-sonnet-4-5-thinking")
    asked, = bench.daily.asked
    assert (asked.path, asked.query) == (STREAM, {"alt": "sse"})
    assert (asked.headers["accept"], asked.headers["accept-encoding"]) == ("text/event-stream", "identity")
    body = asked.json
    del body["requestId"]
    assert body == {
        "project": "p-1", "model": "claude-sonnet-4-5-thinking", "userAgent": "antigravity", "requestType": "agent",
        "request": {
            "contents": [{"role": "user", "parts": [{"text": "hi"}]}], "sessionId": SESSION,
            "generationConfig": {"maxOutputTokens": 100},
            "toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}},
        },
    }  # fmt: skip
    found = json.loads(answer.body)
    assert found["content"] == [
        {"type": "thinking", "thinking": "Hm", "signature": f"claude#{'S' * 60}"}, {"type": "text", "text": "Hello"},
    ]  # fmt: skip
    assert (found["model"], found["stop_reason"], answer.tokens.total) == ("client-model", "end_turn", 5)


def test_a_collected_answer_for_a_gemini_client(bench: Bench) -> None:
    bench.daily.answers = [Answer(b"".join(EVENTS))]
    answer = bench.provider.execute(login(), call("gemini", GEMINI_BODY), "gemini-3-pro-high")
    assert bench.daily.paths == [STREAM]
    found = json.loads(answer.body)
    assert found["candidates"][0]["content"] == {"role": "model", "parts": [{"text": "Hello"}]}
    assert (found["modelVersion"], answer.tokens.total) == ("client-model", 5)


@pytest.mark.parametrize(("format", "body"), [("gemini", GEMINI_BODY), ("claude", CLAUDE_BODY), ("openai", CHAT_BODY)])
@pytest.mark.parametrize("streamed", [True, False])
def test_an_error_inside_a_stream(
    bench: Bench, format: Any, body: Any, streamed: bool
) -> None:
    bench.daily.answers = [Answer(b'data: {"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"m"}}\n\n')]
    with pytest.raises(UpstreamStatus) as caught:
        if streamed:
            list(bench.provider.stream(login(), call(format, body), "claude-x"))
        else:
            bench.provider.execute(login(), call(format, body), "claude-x")
    assert caught.value.status == 429
    if not streamed:
        assert caught.value.format == "antigravity"


def test_tools_are_cleaned_once(bench: Bench) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "string", "minLength": 1}}}
    tool = {"name": "f", "parametersJsonSchema": schema}
    body = {**GEMINI_BODY, "tools": [{"functionDeclarations": [tool]}]}
    bench.provider.execute(login(), call("gemini", body), "gemini-3-flash")
    declared, = bench.daily.asked[0].json["request"]["tools"][0]["functionDeclarations"]
    assert declared == {
        "name": "f",
        "parameters": {"type": "object", "properties": {"n": {"type": "string", "description": "minLength: 1"}}},
    }


def test_settings_reach_the_body(bench: Bench) -> None:
    text = """
payload: {override: [{models: [{name: "claude-*", protocol: antigravity}], params: {"generationConfig.topK": 7}}]}
oauth-system-prefix: {antigravity: OWN}
"""
    bench.live.settings = load_text(text).settings
    bench.daily.answers = [Answer(b"".join(EVENTS))]
    bench.provider.execute(login(), call("gemini", GEMINI_BODY), "claude-x")
    sent = bench.daily.asked[0].json["request"]
    assert sent["generationConfig"]["topK"] == 7
    assert sent["systemInstruction"]["parts"][0] == {"text": "OWN"}
    bench.daily.answers = [{"response": RESPONSE}]
    bench.provider.execute(login(), call("gemini", GEMINI_BODY), "gemini-3-flash")
    assert "systemInstruction" not in bench.daily.asked[1].json["request"]


@pytest.mark.parametrize(
    ("credential", "expected"),
    [
        (login(user_agent=" mine "), "mine"), (login(user_agent="m", attributes={"user_agent": "a"}), "a"),
        (login(attributes={"header:User-Agent": "h"}), "h"),
    ],
)  # fmt: skip
def test_user_agents(bench: Bench, credential: Credential, expected: str) -> None:
    bench.provider.execute(credential, call("gemini", GEMINI_BODY, headers={"user-agent": "client"}), "m")
    assert bench.daily.asked[0].headers["user-agent"] == expected


def test_alt(bench: Bench) -> None:
    bench.provider.execute(login(), call("gemini", GEMINI_BODY, alt="a b&c"), "gemini-3-flash")
    bench.daily.answers = [{"totalTokens": 1}]
    bench.provider.count_tokens(login(), call("gemini", GEMINI_BODY, alt="media"), "m")
    assert [asked.query for asked in bench.daily.asked] == [{"$alt": "a b&c"}, {"$alt": "media"}]


@pytest.mark.parametrize(
    ("format", "body", "expected"),
    [
        ("gemini", {**GEMINI_BODY, "safetySettings": []},
         {"totalTokens": 12, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 12}]}),
        ("claude", CLAUDE_BODY, {"input_tokens": 12}),
    ],
)  # fmt: skip
def test_a_count(bench: Bench, format: Any, body: Any, expected: Any) -> None:
    bench.daily.answers = [{"totalTokens": 12}]
    answer = bench.provider.count_tokens(login(), call(format, body), "claude-x(high)")
    asked, = bench.daily.asked
    assert (asked.path, asked.query, asked.headers["accept"]) == (COUNT, {}, "application/json")
    sent = asked.json
    assert set(sent) == {"request"}
    assert sent["request"]["contents"] == GEMINI_BODY["contents"]
    assert not {"safetySettings", "sessionId", "toolConfig"} & set(sent["request"])
    assert json.loads(answer.body) == expected
    assert answer.upstream_model == "claude-x"


def test_compact_is_refused(bench: Bench) -> None:
    for work in (bench.provider.execute, bench.provider.stream):
        with pytest.raises(RequestError) as caught:
            work(login(), call("openai-response", {"input": "hi"}, compact=True), "m")
        assert caught.value.status == 501
    assert bench.daily.asked == []


def test_gemini_cli_keeps_its_envelope(bench: Bench) -> None:
    body = {"model": "m", "project": "client's", "request": GEMINI_BODY}
    answer = bench.provider.execute(login(), call("gemini-cli", body), "gemini-3-flash")
    sent = bench.daily.asked[0].json
    assert (sent["project"], sent["request"]["contents"]) == ("p-1", GEMINI_BODY["contents"])
    assert json.loads(answer.body) == {"response": {**RESPONSE, "modelVersion": "client-model"}, "traceId": "t"}
    bench.daily.answers = [Answer(EVENTS[1])]
    got = b"".join(bench.provider.stream(login(), call("gemini-cli", body), "gemini-3-flash"))
    assert json.loads(got.removeprefix(b"data: "))["response"]["modelVersion"] == "client-model"


def test_untouched_parts_keep_their_bytes(bench: Bench) -> None:
    contents = b'[{"role":"user","parts":[{"text":"\\u00e9\\/","n":1.0,"b":12345678901234567890123}]}]'
    bench.provider.execute(login(), call("gemini", b'{"contents":%b}' % contents), "gemini-3-flash")
    assert contents in bench.daily.asked[0].body
