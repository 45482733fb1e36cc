"""Model calls of Amp: local, mapped, for credits, or nobody's (amp-routing.md 16.4)."""

from __future__ import annotations

import gzip
import json
import logging
from typing import Any

import pytest
from upstream.content import Reply
from upstream.plan import Plan
from web.amp.conftest import World

from cliproxy.config.settings import OAuthAlias

CHAT, MESSAGES = "openai/v1/chat/completions", "anthropic/v1/messages"
LOCAL, AMP, NOBODY = (1, 0), (0, 1), (0, 0)
BETAS = "a,context-1m-2025-08-07,b"


def chat(model: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}


def message(model: str, **more: Any) -> dict[str, Any]:
    return {**chat(model), "max_tokens": 100, **more}


def models_of(stream: bytes) -> set[str]:
    payloads = [line[6:] for line in stream.split(b"\n") if line.startswith(b"data: {")]
    return {json.loads(payload)["model"] for payload in payloads}


@pytest.mark.case("amp-routing:W1")
def test_a_local_model(world: World) -> None:
    world.offer_claude("test-model-local")
    answer = world.post(MESSAGES, message("test-model-local"))
    assert (answer.status_code, world.calls) == (200, LOCAL)
    assert world.local.requests[0].json["model"] == "test-model-local"
    assert answer.json["model"] == "test-model-local"


@pytest.mark.case("amp-routing:W2")
def test_a_mapped_model(world: World) -> None:
    world.offer("gpt-4-local")
    world.map(("gpt-4-turbo", "gpt-4-local"))
    answer = world.post(CHAT, chat("gpt-4-turbo"))
    assert (answer.status_code, world.calls) == (200, LOCAL)
    body = world.local.requests[0].body
    assert json.loads(body)["model"] == "gpt-4-local"
    assert b"gpt-4-turbo" not in body
    assert answer.json["model"] == "gpt-4-turbo"
    assert answer.headers["X-Upstream-Model"] == "gpt-4-local"


@pytest.mark.case("amp-routing:W3")
def test_a_model_that_nobody_has_costs_credits(world: World) -> None:
    body = b'{ "model" : "unknown-model-no-provider", "n": 1.0 }'
    answer = world.post(CHAT, body, Content_Type="application/json")
    assert (answer.status_code, answer.data, world.calls) == (200, b'{"from":"amp"}', AMP)
    request = world.amp.requests[0]
    assert (request.method, request.target, request.body) == ("POST", f"/api/provider/{CHAT}", body)
    assert request.headers["authorization"] == "Bearer amp-secret"
    assert "client-key" not in str(request.fields)


@pytest.mark.parametrize("encoding", ["gzip", "zstd-that-nobody-knows"])
def test_a_body_for_amp_stays_as_it_is(world: World, encoding: str) -> None:
    """Read for the model's name when it can be; a route with the name in its path needs no body at all."""
    body = gzip.compress(json.dumps(chat("x")).encode())
    path = CHAT if encoding == "gzip" else "google/v1beta/models/x:generateContent"
    assert world.post(path, body, Content_Encoding=encoding).status_code == 200
    request = world.amp.requests[0]
    assert (request.body, request.headers["content-encoding"]) == (body, encoding)


@pytest.mark.case("amp-routing:W4")
def test_a_local_body_stays_as_it_is(world: World) -> None:
    world.offer("test-model-body")
    body = (
        b'{"model" : "test-model-body",  "temperature": 0.70, "stream" : true,'
        b' "messages": [ {"role": "user", "content": "hi"} ] }'
    )
    assert world.post(CHAT, body).status_code == 200
    assert world.local.requests[0].body == body


@pytest.mark.case("amp-routing:W5")
def test_suffixes_are_carried_over(world: World) -> None:
    world.offer_claude("claude-opus-4-5-thinking")
    world.map(("claude-opus-4-5-20251101", "claude-opus-4-5-thinking"))
    seen = recorded_calls(world)
    answer = world.post(MESSAGES, message("claude-opus-4-5-20251101(xhigh)"))
    assert answer.status_code == 200
    assert answer.json["model"] == "claude-opus-4-5-20251101(xhigh)"
    assert json.loads(seen[0].payload)["model"] == "claude-opus-4-5-thinking(xhigh)"
    assert seen[0].route_model == "claude-opus-4-5-thinking(xhigh)"


def recorded_calls(world: World) -> list[Any]:
    """The calls that handlers make of requests from now on."""
    dispatcher, seen = world.app.extensions["cliproxy"].dispatcher, []
    execute = dispatcher.execute

    def note(providers: Any, call: Any) -> Any:
        seen.append(call)
        return execute(providers, call)

    dispatcher.execute = note
    return seen


@pytest.mark.case("amp-routing:W6")
def test_nobody_at_all(world: World) -> None:
    world.ampcode(upstream_url="")
    answer = world.post(CHAT, chat("x"))
    assert (answer.status_code, world.calls) == (502, NOBODY)
    assert answer.json["error"]["message"] == "unknown provider for model x"


@pytest.mark.case("amp-routing:W7")
def test_no_model_no_decision(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.offer("m")
    with caplog.at_level(logging.DEBUG, logger="cliproxy"):
        answer = world.post(CHAT, {"messages": []})
    assert answer.status_code == 502
    assert answer.json["error"]["message"] == "unknown provider for model "
    assert world.calls == NOBODY
    assert not [record for record in caplog.records if hasattr(record, "route_type")]


@pytest.mark.parametrize(
    ("betas", "left"),
    [
        pytest.param(BETAS, "a,b", marks=pytest.mark.case("amp-routing:W8")),
        pytest.param("context-1m-2025-08-07", None, marks=pytest.mark.case("amp-routing:W9")),
        pytest.param("a, context-1m-2025-08-07 , b", "a,b", marks=pytest.mark.case("amp-routing:W10")),
    ],
)
@pytest.mark.parametrize("model", ["m", pytest.param("mapped", marks=pytest.mark.case("amp-routing:W12"))])
def test_long_contexts_are_not_asked_of_local_accounts(world: World, model: str, betas: str, left: str | None) -> None:
    world.offer_claude("m")
    world.map(("mapped", "m"))
    seen = recorded_calls(world)
    assert world.post(MESSAGES, message(model), Anthropic_Beta=betas, X_Other="kept").status_code == 200
    assert seen[0].headers.get("anthropic-beta") == left
    assert seen[0].headers["x-other"] == "kept"
    assert "context-1m" not in world.local.requests[0].headers.get("anthropic-beta", "")


@pytest.mark.case("amp-routing:W11")
def test_long_contexts_for_credits(world: World) -> None:
    world.post(MESSAGES, message("x"), Anthropic_Beta=BETAS)
    assert world.amp.requests[0].headers["anthropic-beta"] == BETAS


@pytest.mark.case("amp-routing:W13", "amp-routing:W14")
def test_force(world: World) -> None:
    world.offer("m", "t")
    world.map(("m", "t"), force_model_mappings=True)
    assert world.post(CHAT, chat("m")).json["model"] == "m"
    world.ampcode(force_model_mappings=False)
    assert world.post(CHAT, chat("m")).json["model"] == "m"
    assert [request.json["model"] for request in world.local.requests] == ["t", "m"]


def with_fallbacks(world: World) -> None:
    """D11's setup: the target of x is offered under two aliases only."""
    world.offer("alias-a", "alias-b")
    world.map(("x", "target"))
    pairs = (OAuthAlias("target", "alias-a"), OAuthAlias("target", "alias-b"))
    world.reload(oauth_model_alias={"antigravity": pairs})


@pytest.mark.case("amp-routing:W15")
@pytest.mark.parametrize("stream", [False, True])
def test_the_next_fallback_of_a_model_out_of_quota(world: World, stream: bool) -> None:
    with_fallbacks(world)
    world.local.plan(Plan(status=429))
    for _ in range(2):
        answer = world.post(CHAT, chat("x", stream=stream))
        assert answer.status_code == 200
        assert (models_of(answer.data) if stream else {answer.json["model"]}) == {"x"}
        assert answer.headers["X-Upstream-Model"] == "alias-b"
    tried = [request.json["model"] for request in world.local.requests]
    assert tried == ["alias-a", "alias-b", "alias-b"]
    assert world.calls == (3, 0)


def test_fallbacks_carry_the_suffix(world: World) -> None:
    with_fallbacks(world)
    world.local.plan(Plan(status=429))
    answer = world.post(CHAT, chat("x(high)"))
    assert answer.json["model"] == "x(high)"
    assert [request.json["reasoning_effort"] for request in world.local.requests] == ["high", "high"]


def test_all_fallbacks_out_of_quota(world: World) -> None:
    with_fallbacks(world)
    world.local.always(Plan(status=429))
    answer = world.post(CHAT, chat("x"))
    assert answer.status_code == 429
    again = world.post(CHAT, chat("x"))
    assert (again.status_code, again.json["error"]["code"]) == (429, "model_cooldown")
    assert int(again.headers["Retry-After"]) > 0
    assert world.calls == (2, 0)


@pytest.mark.case("amp-routing:W16")
def test_a_local_model_out_of_quota_costs_no_credits(world: World) -> None:
    world.offer("m")
    world.local.plan(Plan(status=429))
    world.post(CHAT, chat("m"))
    answer = world.post(CHAT, chat("m"))
    assert (answer.status_code, answer.json["error"]["code"]) == (429, "model_cooldown")
    assert world.calls == (1, 0)


@pytest.mark.case("amp-routing:W17", "amp-routing:H9")
def test_a_mapping_comes_and_goes(world: World) -> None:
    world.offer("m", "alias")
    assert world.post(CHAT, chat("x")).data == b'{"from":"amp"}'
    world.map(("x", "m"))
    assert world.post(CHAT, chat("x")).json["model"] == "x"
    world.map(("x", "target"))
    assert world.post(CHAT, chat("x")).data == b'{"from":"amp"}'
    world.reload(oauth_model_alias={"claude": (OAuthAlias("target", "alias"),)})
    assert world.post(CHAT, chat("x")).json["model"] == "x"
    assert [request.json["model"] for request in world.local.requests] == ["m", "alias"]


@pytest.mark.case("amp-routing:W18")
def test_a_pattern(world: World) -> None:
    world.offer("t")
    world.map(("~^gpt-5.*$", "t"))
    assert world.post(CHAT, chat("GPT-5-codex")).json["model"] == "GPT-5-codex"
    assert world.calls == LOCAL


@pytest.mark.case("amp-routing:H8")
def test_patterns_in_another_order(world: World) -> None:
    world.offer("a", "b")
    world.map(("~gpt", "a"), ("~gpt-5", "b"))
    world.post(CHAT, chat("gpt-5"))
    world.map(("~gpt-5", "b"), ("~gpt", "a"))
    world.post(CHAT, chat("gpt-5"))
    assert [request.json["model"] for request in world.local.requests] == ["a", "b"]


@pytest.mark.case("amp-routing:W19")
def test_a_body_that_is_no_json(world: World) -> None:
    answer = world.post(CHAT, b"{not json")
    assert (answer.status_code, world.calls) == (400, NOBODY)
    assert answer.json["error"]["type"] == "invalid_request_error"
    claude = world.post(MESSAGES, b"[]")
    assert (claude.status_code, claude.json["type"]) == (400, "error")


def test_a_body_that_is_too_large(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.reload(max_request_body_mb=1)
    answer = world.post(CHAT, b"x" * (1 << 20) + b"x")
    assert (answer.status_code, world.calls) == (413, NOBODY)
    assert "could not be read" in caplog.text


@pytest.mark.case("amp-routing:W20")
def test_an_upstream_that_cannot_be_reached(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.ampcode(upstream_url="http://127.0.0.1:1")
    answer = world.post(CHAT, chat("x"))
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "application/json")
    assert answer.data == b'{"error":"amp_upstream_proxy_error","message":"Failed to reach Amp upstream"}'
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert f"POST /api/provider/{CHAT}" in errors[0]


@pytest.mark.case("amp-routing:W21")
@pytest.mark.parametrize("model", ["x", "x(high)"])
def test_a_mapped_stream(world: World, model: str) -> None:
    world.offer("t")
    world.map(("x", "t"))
    answer = world.post(CHAT, chat(model, stream=True))
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert models_of(answer.data) == {model}
    assert answer.data.endswith(b"data: [DONE]\n\n")


@pytest.mark.case("amp-routing:W21")
def test_a_mapped_stream_arrives_in_pieces(world: World) -> None:
    world.offer("t")
    world.map(("x", "t"))
    world.local.plan(Plan(reply=Reply(text=["one", "two", "three"]), stall_after=2))
    answer = world.ask("POST", f"/api/provider/{CHAT}", chat("x", stream=True))
    pieces = iter(answer.response)
    first = next(pieces)
    assert b'"model":"x"' in first or b'"model": "x"' in first
    world.local.release()
    assert models_of(first + b"".join(pieces)) == {"x"}


@pytest.mark.parametrize("stream", [False, True])
def test_another_format_behind_a_mapping(world: World, stream: bool) -> None:
    world.offer("t")
    world.map(("claude-x", "t"))
    answer = world.post(MESSAGES, message("claude-x", stream=stream))
    text = answer.data.decode()
    assert '"model":"claude-x"' in text
    assert '"model":"t"' not in text


@pytest.mark.case("amp-routing:W22")
def test_errors_of_a_mapped_model_pass(world: World) -> None:
    world.offer("t")
    world.map(("x", "t"))
    world.local.plan(
        Plan(status=429, headers=(("Retry-After", "77"),), body=b'{"error":{"message":"slow down"},"model":"t"}')
    )
    answer = world.post(CHAT, chat("x"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "77")
    assert answer.json == {"error": {"message": "slow down"}, "model": "x"}
    assert answer.headers["Content-Length"] == str(len(answer.data))


@pytest.mark.case("amp-routing:R18")
def test_thinking_of_a_local_model_stays(world: World) -> None:
    world.offer_claude("m")
    world.map(("x", "m"))
    content = [
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {}},
    ]
    body = {
        "id": "1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": content,
        "stop_reason": "tool_use",
    }
    world.local.always(Plan(body=json.dumps(body).encode()))
    local = world.post(MESSAGES, message("m"))
    assert [block["type"] for block in local.json["content"]] == ["thinking", "tool_use"]
    mapped = world.post(MESSAGES, message("x"))
    assert [block["type"] for block in mapped.json["content"]] == ["tool_use"]
    assert mapped.json["model"] == "x"


@pytest.mark.case("amp-routing:W23")
@pytest.mark.parametrize(("key", "words"), [("", "Missing API key"), ("Bearer wrong", "Invalid API key")])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", CHAT), ("POST", MESSAGES), ("POST", "openai/chat/completions"), ("POST", "openai/completions"),
        ("POST", "openai/v1/completions"), ("POST", "openai/responses"), ("POST", "openai/v1/responses"),
        ("POST", "anthropic/v1/messages/count_tokens"), ("POST", "google/v1beta/models/m:generateContent"),
        ("GET", "openai/models"), ("GET", "openai/v1/models"), ("GET", "google/v1beta/models"),
        ("GET", "google/v1beta/models/m"), ("GET", "google/v1beta1/models"),
        ("POST", "google/v1beta1/publishers/google/models/m:generateContent"),
    ],
)  # fmt: skip
def test_no_key_no_answer(world: World, method: str, path: str, key: str, words: str) -> None:
    answer = world.ask(method, f"/api/provider/{path}", b"{}" if method == "POST" else None, Authorization=key)
    assert (answer.status_code, answer.json, world.calls) == (401, {"error": words}, NOBODY)


@pytest.mark.case("amp-routing:W24")
@pytest.mark.parametrize(
    ("provider", "first", "field"),
    [
        ("openai", "data", "id"), ("anthropic", "data", "id"), ("Anthropic", "data", "id"), ("google", "models", "name"),
        ("GOOGLE", "models", "name"), ("groq", "data", "id"), ("cerebras", "data", "id"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["models", "v1/models"])
def test_lists_of_models(world: World, provider: str, path: str, first: str, field: str) -> None:
    world.offer("m")
    answer = world.ask("GET", f"/api/provider/{provider}/{path}")
    assert answer.status_code == 200
    assert answer.json[first][0][field] == ("models/m" if first == "models" else "m")
    assert ("has_more" in answer.json) is (provider.lower() == "anthropic")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(("path", "status"), [("", 200), ("/m", 200), ("/models/m", 200), ("/other", 404), ("/", 404)])
def test_gemini_lists(world: World, path: str, status: int) -> None:
    world.offer("m")
    answer = world.ask("GET", f"/api/provider/any/v1beta/models{path}")
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("openai/chat/completions", chat("m")), ("xai/v1/chat/completions", chat("m")),
        ("openai/completions", {"model": "m", "prompt": "hi"}), ("groq/v1/completions", {"model": "m", "prompt": "hi"}),
        ("openai/responses", {"model": "m", "input": "hi"}), ("openai/v1/responses", {"model": "m", "input": "hi"}),
        ("anthropic/v1/messages", message("m")), ("anthropic/v1/messages/count_tokens", message("m")),
        ("google/v1beta/models/m:generateContent", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("mapped", [False, True])
def test_every_model_route(world: World, path: str, body: dict[str, Any], mapped: bool) -> None:
    world.offer("t" if mapped else "m")
    world.map(("m", "t"))
    answer = world.post(path, body)
    assert answer.status_code == 200, answer.data
    assert world.amp.requests == []
    if "count_tokens" not in path:
        assert (answer.json.get("model") or answer.json["modelVersion"]) == "m"


def test_answers_of_amp_keep_their_own_cors(world: World) -> None:
    world.amp.plan(Plan(body=b"{}", headers=(("Access-Control-Allow-Origin", "https://ampcode.com"),)))
    answer = world.post(CHAT, chat("x"))
    assert answer.headers.getlist("Access-Control-Allow-Origin") == ["https://ampcode.com"]
    assert answer.headers.getlist("Access-Control-Allow-Headers") == ["*"]


@pytest.mark.parametrize("upstream", [True, False])
def test_auto(world: World, upstream: bool) -> None:
    """A name like any other; where nothing else is left, the local handler knows what it means (5)."""
    world.offer("m")
    if not upstream:
        world.ampcode(upstream_url="")
    world.post(CHAT, chat("auto"))
    assert world.calls == (AMP if upstream else LOCAL)


def test_decisions_are_written_down(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.offer("m")
    world.map(("mapped", "m"))
    with caplog.at_level(logging.DEBUG, logger="cliproxy"):
        for model in ("m", "mapped", "credits"):
            world.post(CHAT, chat(model))
        world.ampcode(upstream_url="")
        world.post(CHAT, chat("nobody"))
    found = [record for record in caplog.records if hasattr(record, "route_type")]
    shown = [(r.levelname, r.route_type, r.requested_model, r.cost, r.source) for r in found]
    assert shown == [
        ("DEBUG", "LOCAL_PROVIDER", "m", "free", "local_oauth"),
        ("DEBUG", "MODEL_MAPPING", "mapped", "free", "local_oauth"),
        ("WARNING", "AMP_CREDITS", "credits", "amp_credits", "ampcode.com"),
        ("WARNING", "NO_PROVIDER", "nobody", "none", "error"),
    ]
    assert {r.component for r in found} == {"amp-routing"}
    assert {r.path for r in found} == {f"/api/provider/{CHAT}"}
    assert found[1].mapping == "mapped -> m"
    assert (found[1].resolved_model, found[1].provider) == ("m", "fake-m")
    assert found[2].model_id == "credits"
    assert "model-mappings" in found[2].getMessage()
    assert "T" in found[0].timestamp


def test_nothing_is_written_for_debugging_when_that_is_off(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.offer("m")
    world.post(CHAT, chat("m"))
    assert not [record for record in caplog.records if hasattr(record, "route_type")]
