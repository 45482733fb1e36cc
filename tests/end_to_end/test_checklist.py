"""The acceptance checklist of client-api.md 18, cases 1 to 5 and 10 to 15. Cases that need ticks: test_ticks.py."""

from __future__ import annotations

import json
from typing import Any

import pytest
from end_to_end import sse
from end_to_end.families import CHAT, CLAUDE, GEMINI, LEGACY, PROTOCOLS, VERTEX, Family, Fresh, config, entry
from end_to_end.proxy import AUTHORIZED, KEY, Answer, Proxy, Start
from upstream import codex
from upstream.content import TEXT, THINKING, TWO_TOOLS
from upstream.plan import Plan
from upstream.server import FakeUpstream
from upstream.waiting import eventually

EACH = pytest.mark.parametrize("family", PROTOCOLS, ids=repr)
STREAM = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
    "access-control-allow-headers": "*",
}


def assert_cors(answer: Answer) -> None:
    assert {name: answer.headers.get(name) for name in CORS} == CORS


# --- 1


@pytest.mark.case("client-api:1")
@pytest.mark.parametrize(
    "path", ["/", "/anything", "/v1/chat/completions", "/v1beta/models/x:generateContent", "/v0/management/config"]
)
def test_options(server: Proxy, path: str) -> None:
    answer = server.ask("OPTIONS", path)
    assert (answer.status, answer.body) == (204, b"")
    assert_cors(answer)


@pytest.mark.case("client-api:1")
def test_everything_carries_cors(server: Proxy, upstream: FakeUpstream, fresh: Fresh) -> None:
    assert_cors(server.ask("GET", "/nope"))
    assert_cors(server.ask("GET", "/v1/models"))
    assert_cors(server.post(CHAT.path(), CHAT.body()))
    assert_cors(server.post(CHAT.path(), CHAT.body(stream=True)))
    upstream.plan(Plan(status=500))
    assert_cors(server.post(CHAT.path(), CHAT.body(fresh(CHAT))))
    slash = server.ask("GET", "/v1/models/", headers=AUTHORIZED)
    assert (slash.status, slash.headers["location"]) == (301, "/v1/models")
    assert_cors(slash)


@pytest.mark.case("client-api:1")
@pytest.mark.parametrize("path", ["/api/internal", "/auth", "/threads"])
def test_amp_management_paths_have_no_cors(server: Proxy, path: str) -> None:
    answer = server.ask("OPTIONS", path)
    assert (answer.status, answer.body) == (403, b"")
    assert not CORS.keys() & answer.headers.keys()


# --- 2

SOURCES = [
    ("Authorization", "Bearer {}"),
    ("Authorization", "bearer   {}"),
    ("Authorization", "{}"),
    ("X-Goog-Api-Key", "{}"),
    ("X-Api-Key", "{}"),
    ("key", None),
    ("auth_token", None),
]


def ask_with(server: Proxy, family: Family, where: str, form: str | None, key: str) -> Answer:
    path = family.path()
    if form is None:
        return server.ask("POST", f"{path}?{where}={key}", family.body())
    return server.ask("POST", path, family.body(), {where: form.format(key)})


@pytest.mark.case("client-api:2")
@pytest.mark.parametrize(("where", "form"), SOURCES)
@EACH
def test_keys(server: Proxy, upstream: FakeUpstream, family: Family, where: str, form: str | None) -> None:
    wrong = ask_with(server, family, where, form, "wrong")
    assert (wrong.status, wrong.json) == (401, {"error": "Invalid API key"})
    empty = ask_with(server, family, where, form, "")
    words = "Invalid API key" if form and form.lower().startswith("bearer") else "Missing API key"
    assert (empty.status, empty.json) == (401, {"error": words})  # a lone word Bearer is itself the candidate
    assert upstream.requests == []
    assert ask_with(server, family, where, form, KEY).status == 200


@pytest.mark.case("client-api:2")
def test_one_good_key_is_enough(server: Proxy) -> None:
    headers = {"Authorization": "Bearer wrong", "X-Goog-Api-Key": "placeholder", "X-Api-Key": KEY}
    assert server.ask("GET", "/v1/models", headers=headers).status == 200
    assert server.ask("GET", f"/v1/models?key=wrong&auth_token={KEY}").status == 200
    assert server.ask("GET", "/v1/models", headers={"Authorization": f"Bearer {KEY.upper()}"}).status == 401


# --- 3


@pytest.mark.case("client-api:3")
def test_model_lists(server: Proxy) -> None:
    def listed(agent: str) -> Any:
        answer = server.ask("GET", "/v1/models", headers={**AUTHORIZED, "User-Agent": agent})
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        return answer.json

    claude, openai = listed("claude-cli/1.0"), listed("curl/8")
    assert openai["object"] == "list"
    assert openai.keys() == {"object", "data"}
    needed, allowed = {"id", "object", "owned_by"}, {"id", "object", "created", "owned_by"}
    assert all(needed <= model.keys() <= allowed for model in openai["data"])
    assert claude.keys() == {"data", "has_more", "first_id", "last_id"}
    assert claude["has_more"] is False
    assert all(model["type"] and isinstance(model.get("created_at", 0), int) for model in claude["data"])
    names = [model["id"] for model in openai["data"]]
    assert names == [model["id"] for model in claude["data"]] == sorted(set(names))
    assert (claude["first_id"], claude["last_id"]) == (names[0], names[-1])
    assert {"gpt-test", "claude-test", "codex-test", "gemini-test", "vertex-test"} <= set(names)


# --- 4


@pytest.mark.case("client-api:4")
@pytest.mark.parametrize("model", ["auto", "auto(high)"])
def test_auto(start: Start, upstream: FakeUpstream, model: str) -> None:
    """With one model there is only one newest."""
    proxy = start({"api-keys": [KEY], "openai-compatibility": entry(CHAT, upstream.url, "only", "k")})
    answer = proxy.post(CHAT.path(), CHAT.body(model))
    assert (answer.status, answer.json["model"]) == (200, model)
    assert upstream.requests[0].json["model"] == CHAT.upstream_model


@pytest.mark.case("client-api:4")
@pytest.mark.parametrize("suffix", ["(8192)", "(high)"])
@pytest.mark.parametrize("family", [*PROTOCOLS, VERTEX], ids=repr)
def test_a_thinking_suffix_stays_with_us(server: Proxy, upstream: FakeUpstream, family: Family, suffix: str) -> None:
    """The upstream hears the bare model; the client hears the name that it asked for."""
    model = family.model + suffix
    answer = server.post(family.path(model), family.body(model))
    assert (answer.status, family.model_of(answer.json)) == (200, model)
    request = upstream.requests[0]
    assert family.upstream_model in (request.json.get("model") or request.target)
    assert suffix not in request.target
    assert suffix.encode() not in request.body


@pytest.mark.case("client-api:4")
@pytest.mark.parametrize("force", [False, True])
def test_prefix(start: Start, upstream: FakeUpstream, force: bool) -> None:
    sections = {
        family.section: entry(family, upstream.url, family.model, "k", prefix="team") for family in (CHAT, GEMINI)
    }
    proxy = start({"api-keys": [KEY], "force-model-prefix": force, **sections})
    for family in (CHAT, GEMINI):
        prefixed = f"team/{family.model}"
        answer = proxy.post(family.path(prefixed), family.body(prefixed))
        assert (answer.status, family.model_of(answer.json)) == (200, prefixed)
        assert proxy.post(family.path(), family.body()).status == (502 if force else 200)
    assert upstream.requests[0].json["model"] == CHAT.upstream_model


@pytest.mark.case("client-api:4")
@pytest.mark.parametrize("model", ["foo", "", "foo(high)"])
def test_unknown_model(server: Proxy, model: str) -> None:
    answer = server.post(CHAT.path(), CHAT.body(model or "x") | {"model": model})
    error = {
        "message": f"unknown provider for model {model}", "type": "server_error", "code": "internal_server_error",
    }  # fmt: skip
    assert (answer.status, answer.json) == (502, {"error": error})


# --- 5


@pytest.mark.case("client-api:5")
@STREAM
@EACH
def test_upstream_400(server: Proxy, upstream: FakeUpstream, fresh_pair: Fresh, family: Family, stream: bool) -> None:
    """The upstream's words to the byte, after one call, although a second credential stands by."""
    said = {"error": {"message": "bad \u00fc thing", "type": "odd_error", "param": "messages[3]", "extra": [1.0]}}
    raw = json.dumps(said, indent=1).encode()
    upstream.plan(Plan(status=400, body=raw))
    model = fresh_pair(family)
    answer = server.post(family.path(model, stream), family.body(model, stream))
    assert (answer.status, answer.kind, len(upstream.requests)) == (400, "application/json", 1)
    if family is CLAUDE:
        assert answer.json == {"type": "error", **said}
    else:
        assert answer.body == raw


@pytest.mark.case("client-api:5")
@STREAM
def test_upstream_400_of_claude_is_left_alone(
    server: Proxy, upstream: FakeUpstream, fresh_pair: Fresh, stream: bool
) -> None:
    raw = b'{"type": "error",  "error": {"type": "invalid_request_error", "message": "no"}, "request_id": "r"}'
    upstream.plan(Plan(status=400, body=raw))
    answer = server.post(CLAUDE.path(), CLAUDE.body(fresh_pair(CLAUDE), stream))
    assert (answer.status, answer.body, len(upstream.requests)) == (400, raw, 1)


# --- 10


@pytest.mark.case("client-api:10")
def test_legacy_completions(server: Proxy, upstream: FakeUpstream) -> None:
    body = {
        "model": "gpt-test", "prompt": "Say hi", "max_tokens": 9, "temperature": 0.5, "stop": ["x"], "logprobs": 2,
        "best_of": 3,
    }  # fmt: skip
    answer = server.post(LEGACY.path(), body).json
    assert upstream.requests[0].json == {
        "model": "gpt-up", "messages": [{"role": "user", "content": "Say hi"}], "max_tokens": 9, "temperature": 0.5,
        "stop": ["x"], "logprobs": True,
    }  # fmt: skip
    assert (answer["object"], answer["model"], answer["usage"]["total_tokens"]) == ("text_completion", "gpt-test", 29)
    assert answer["choices"] == [{"index": 0, "text": TEXT.joined, "finish_reason": "stop", "logprobs": None}]


@pytest.mark.case("client-api:10")
def test_legacy_stream(server: Proxy, upstream: FakeUpstream) -> None:
    upstream.always(Plan(reply=THINKING))
    answer = server.post(LEGACY.path(), LEGACY.body(stream=True, stream_options={"include_usage": True}))
    events = sse.parse(answer.body)
    assert events[-1].data == "[DONE]"
    chunks = [event.json for event in events[:-1]]
    assert {chunk["object"] for chunk in chunks} == {"text_completion"}
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    texts = [(choice["text"], choice.get("finish_reason")) for choice in choices]
    assert texts == [*((text, None) for text in TEXT.text), ("", "stop")]


@pytest.mark.case("client-api:10")
@pytest.mark.parametrize(
    ("prompt", "text"),
    [("", "Complete this:"), (None, "Complete this:"), (["one"], "one"), (["one", "two"], "one\ntwo")],
)
def test_legacy_prompts(server: Proxy, upstream: FakeUpstream, prompt: Any, text: str) -> None:
    server.post(LEGACY.path(), {"model": "gpt-test", **({} if prompt is None else {"prompt": prompt})})
    assert upstream.requests[0].json["messages"] == [{"role": "user", "content": text}]


# --- 11


@pytest.mark.case("client-api:11")
@STREAM
def test_responses_body_on_chat(server: Proxy, upstream: FakeUpstream, stream: bool) -> None:
    upstream.always(Plan(reply=TWO_TOOLS))
    tool = {"type": "function", "name": "get_time", "parameters": {"type": "object"}}
    body = {
        "model": "gpt-test", "instructions": "be brief", "tools": [tool], "max_output_tokens": 99,
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}], "reasoning": {"effort": "low"},
        "stream": stream,
    }  # fmt: skip
    answer = server.post(CHAT.path(), body)
    sent = upstream.requests[0].json
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]
    assert sent["messages"][0]["content"] == "be brief"
    assert "hi" in json.dumps(sent["messages"][1]["content"])
    assert sent["tools"][0]["function"]["name"] == "get_time"
    assert (sent["reasoning_effort"], sent["max_tokens"]) == ("low", 99)
    assert "input" not in sent
    assert "instructions" not in sent
    kinds = {chunk["object"] for chunk in ([answer.json] if not stream else sse.payloads(answer.body))}
    assert kinds == {"chat.completion.chunk" if stream else "chat.completion"}


# --- 12

COMPACT = "/v1/responses/compact"
INPUT = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]


@pytest.mark.case("client-api:12")
@pytest.mark.parametrize("model", ["codex-test", "gpt-test", "gemini-test"])
def test_compact_does_not_stream(server: Proxy, upstream: FakeUpstream, model: str) -> None:
    answer = server.post(COMPACT, {"model": model, "input": INPUT, "stream": True})
    error = {"message": "Streaming not supported for compact responses", "type": "invalid_request_error"}
    assert (answer.status, answer.json) == (400, {"error": error})
    assert upstream.requests == []


@pytest.mark.case("client-api:12")
@pytest.mark.parametrize("more", [{}, {"stream": False}, {"stream": None}])
@pytest.mark.parametrize(
    ("model", "path"), [("codex-test", "/responses/compact"), ("gpt-test", "/v1/responses/compact")]
)
def test_compact(server: Proxy, upstream: FakeUpstream, model: str, path: str, more: dict[str, Any]) -> None:
    answer = server.post(COMPACT, {"model": model, "input": INPUT, **more})
    assert (answer.status, answer.kind) == (200, "application/json")
    assert answer.json == codex.compaction({"input": INPUT})
    (request,) = upstream.requests
    assert request.path == path
    assert "stream" not in request.json
    assert request.json["input"] == INPUT


@pytest.mark.case("client-api:12")
@pytest.mark.parametrize("model", ["gemini-test", "vertex-test", "claude-test"])
def test_compact_elsewhere(server: Proxy, upstream: FakeUpstream, model: str) -> None:
    answer = server.post(COMPACT, {"model": model, "input": INPUT})
    assert (answer.status, answer.json["error"]["message"]) == (501, "/responses/compact not supported")
    assert upstream.requests == []


# --- 13


@pytest.mark.case("client-api:13")
@pytest.mark.parametrize("name", ["a:b:c", "gemini-test", "gemini-test:unknownMethod", "gemini-test:"])
def test_gemini_paths_that_do_not_exist(server: Proxy, name: str) -> None:
    path = f"/v1beta/models/{name}"
    answer = server.post(path, GEMINI.body())
    error = {"message": f"{path} not found.", "type": "invalid_request_error"}
    assert (answer.status, answer.json) == (404, {"error": error})


@pytest.mark.case("client-api:13")
@pytest.mark.parametrize("query", ["", "?alt=sse", "?$alt=sse", "?alt="])
def test_gemini_streams_are_sse(server: Proxy, query: str) -> None:
    answer = server.post(f"/v1beta/models/gemini-test:streamGenerateContent{query}", GEMINI.body())
    assert (answer.status, answer.kind) == (200, "text/event-stream")
    assert GEMINI.stream_text(answer.body) == TEXT.joined
    assert not any(event.name for event in sse.parse(answer.body))


@pytest.mark.case("client-api:13")
@pytest.mark.parametrize("query", ["?alt=json", "?$alt=json"])
@pytest.mark.parametrize("family", [GEMINI, VERTEX], ids=repr)
def test_gemini_json_stream(server: Proxy, upstream: FakeUpstream, family: Family, query: str) -> None:
    answer = server.post(f"/v1beta/models/{family.model}:streamGenerateContent{query}", family.body())
    assert (answer.status, answer.kind) == (200, "application/json")
    assert "".join(family.delta(chunk) for chunk in answer.json) == TEXT.joined
    assert upstream.requests[0].target.endswith("?alt=sse")


@pytest.mark.case("client-api:13")
def test_gemini_json_stream_that_breaks_is_still_an_array(server: Proxy, upstream: FakeUpstream, fresh: Fresh) -> None:
    upstream.plan(Plan(error_after=2, message="lost my mind"))
    answer = server.post(f"/v1beta/models/{fresh(GEMINI)}:streamGenerateContent?alt=json", GEMINI.body())
    *chunks, error = answer.json
    assert len(chunks) == 2
    assert error["error"]["message"] == "lost my mind"


def test_gemini_model_lookups(server: Proxy) -> None:
    for name in ("gemini-test", "models/gemini-test"):
        assert server.ask("GET", f"/v1beta/models/{name}", headers=AUTHORIZED).json["name"] == "models/gemini-test"
    answer = server.ask("GET", "/v1beta/models/none", headers=AUTHORIZED)
    assert (answer.status, answer.json) == (404, {"error": {"message": "Not Found", "type": "not_found"}})


# --- 15


@pytest.mark.case("client-api:15")
@STREAM
@EACH
def test_cooldown(server: Proxy, upstream: FakeUpstream, fresh_pair: Fresh, family: Family, stream: bool) -> None:
    """Both credentials said 429: their last word first, then our own without asking them again."""
    model = fresh_pair(family)
    plans = [Plan(status=429, headers=(("Retry-After", seconds),)) for seconds in ("95", "200")]
    upstream.plan(*plans)
    assert server.post(family.path(model), family.body(model)).status == 429
    answer = server.post(family.path(model, stream), family.body(model, stream))
    assert (answer.status, answer.kind, len(upstream.requests)) == (429, "application/json", 2)
    error = dict(answer.json["error"])
    seconds = error.pop("reset_seconds")
    assert 90 <= seconds <= 95
    assert answer.headers["retry-after"] == str(seconds)
    assert error.pop("reset_time") in (f"1m{seconds - 60}s", f"1m{seconds - 61}s")
    if family is CLAUDE:
        assert answer.json["type"] == "error"
        assert error.pop("type") == "rate_limit_error"
    message = f"All credentials for model {model} are cooling down"
    assert error == {"code": "model_cooldown", "message": message, "model": model}


@pytest.mark.case("client-api:15")
def test_cooldown_ends(server: Proxy, upstream: FakeUpstream, fresh: Fresh) -> None:
    """After Retry-After the credential is asked again (credentials.md 6.1)."""
    model = fresh(CHAT)
    upstream.plan(Plan(status=429, headers=(("Retry-After", "1"),)))
    assert server.post(CHAT.path(), CHAT.body(model)).status == 429
    eventually(
        lambda: server.post(CHAT.path(), CHAT.body(model)).status == 200, "the cooldown ends", seconds=5, every=0.2
    )


def test_liveness(server: Proxy) -> None:
    assert server.ask("GET", "/healthz").json == {"status": "ok"}
    assert server.ask("HEAD", "/").body == b""
    assert server.ask("GET", "/").json["message"] == "CLI Proxy API Server"


def test_config_of_all_families_is_read(server: Proxy, upstream: FakeUpstream) -> None:
    assert len(config(upstream.url)["claude-api-key"]) > 50
    for family in (*PROTOCOLS, VERTEX):
        assert family.text(server.post(family.path(), family.body()).json) == TEXT.joined
