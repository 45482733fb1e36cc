"""Every client route against fake parts: shapes, errors, framing (client-api.md 1-11)."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from fakes import FakeDispatcher, make_app
from flask.testing import FlaskClient

from cliproxy.config.settings import Settings, Streaming
from cliproxy.errors import AuthNotFound, IdleTimeout, ModelCooldown, UpstreamStatus, UpstreamTransport
from cliproxy.providers.base import Answer

KEY = {"Authorization": "Bearer k"}
CHAT, COMPLETIONS, RESPONSES, COMPACT = (
    "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/responses/compact",
)  # fmt: skip
MESSAGES, COUNT = "/v1/messages", "/v1/messages/count_tokens"
GENERATE, STREAM = "/v1beta/models/m:generateContent", "/v1beta/models/m:streamGenerateContent"
POSTS = [CHAT, COMPLETIONS, RESPONSES, COMPACT, MESSAGES, COUNT, GENERATE, STREAM]


@pytest.fixture
def dispatcher() -> FakeDispatcher:
    return FakeDispatcher()


@pytest.fixture
def client(dispatcher: FakeDispatcher) -> FlaskClient:
    return make_app(dispatcher).test_client()


@pytest.mark.case("client-api:1")
@pytest.mark.parametrize("path", ["/v1/models", CHAT, "/nowhere", "/v1/models/x/y", "/"])
def test_options_on_any_path(client: FlaskClient, path: str) -> None:
    answer = client.options(path)
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST, PUT, PATCH, DELETE, OPTIONS"
    assert answer.headers["Access-Control-Allow-Headers"] == "*"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nowhere"), ("POST", "/"), ("GET", CHAT), ("DELETE", "/v1/models"), ("GET", "/v1/models/gpt"),
        ("POST", "/v1/embeddings"), ("HEAD", "/v1/models"), ("POST", "/nowhere/"),
    ],
)  # fmt: skip
@pytest.mark.case("client-api:1")
def test_unknown_paths_and_methods(client: FlaskClient, method: str, path: str) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    if method != "HEAD":
        assert answer.data == b"404 page not found"


@pytest.mark.parametrize(("method", "code"), [("GET", 301), ("POST", 307)])
def test_a_slash_too_many_is_redirected(client: FlaskClient, method: str, code: int) -> None:
    path = "/v1/models/" if method == "GET" else f"{CHAT}/"
    answer = client.open(f"{path}?a=b", method=method)
    assert (answer.status_code, answer.headers["Location"]) == (code, f"{path.rstrip('/')}?a=b")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_probes(client: FlaskClient) -> None:
    assert client.get("/").json == {
        "message": "CLI Proxy API Server",
        "endpoints": ["POST /v1/chat/completions", "POST /v1/completions", "GET /v1/models"],
    }
    assert client.get("/healthz").json == {"status": "ok"}
    for path in ("/", "/healthz"):
        head = client.head(path)
        assert (head.status_code, head.data) == (200, b"")


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.case("client-api:2")
def test_every_model_route_needs_a_key(client: FlaskClient, dispatcher: FakeDispatcher, path: str) -> None:
    missing, wrong = client.post(path, json={}), client.post(path, json={}, headers={"x-api-key": "no"})
    assert (missing.status_code, missing.json) == (401, {"error": "Missing API key"})
    assert (wrong.status_code, wrong.json) == (401, {"error": "Invalid API key"})
    assert not dispatcher.calls


@pytest.mark.parametrize(
    "path", ["/v1/models", "/v1beta/models", "/v1beta/models/a", CHAT, RESPONSES, MESSAGES, GENERATE]
)
@pytest.mark.parametrize(
    ("headers", "query"),
    [(KEY, ""), ({"X-Goog-Api-Key": "k"}, ""), ({"X-Api-Key": "k"}, ""), ({}, "?key=k"), ({}, "?auth_token=k")],
)
@pytest.mark.case("client-api:2")
def test_the_key_in_all_five_places(client: FlaskClient, path: str, headers: dict[str, str], query: str) -> None:
    method = "GET" if "models" in path and ":" not in path else "POST"
    body = {"model": "m"} if method == "POST" else None
    answer = client.open(path + query, method=method, headers=headers, json=body)
    assert answer.status_code == 200


@pytest.mark.case("client-api:3")
def test_model_lists_by_user_agent(client: FlaskClient) -> None:
    plain = client.get("/v1/models", headers={**KEY, "User-Agent": "curl/8"})
    assert plain.headers["Content-Type"] == "application/json; charset=utf-8"
    assert plain.json is not None
    assert plain.json["object"] == "list"
    claude = client.get("/v1/models", headers={**KEY, "User-Agent": "claude-cli/1.0"}).json
    assert claude is not None
    assert claude["has_more"] is False
    assert (claude["first_id"], claude["last_id"]) == ("a", "a")
    other = client.get("/v1/models", headers={**KEY, "User-Agent": "Claude-CLI/1.0"}).json
    assert other == plain.json


@pytest.mark.parametrize(("name", "found"), [("a", True), ("models/a", True), ("x/b", True), ("c", False), ("", False)])
def test_one_gemini_model(client: FlaskClient, name: str, found: bool) -> None:
    answer = client.get(f"/v1beta/models/{name}", headers=KEY)
    if found:
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json) == (404, {"error": {"message": "Not Found", "type": "not_found"}})


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("data", [b"{", b"[]", b""])
def test_bad_json_is_400_in_the_clients_shape(client: FlaskClient, dispatcher: FakeDispatcher, path: str, data: bytes) -> None:
    answer = client.post(path, data=data, headers=KEY)
    assert answer.status_code == 400
    body: Any = answer.json
    assert body["error"]["message"].startswith("Invalid request: body is")
    if path.startswith("/v1/messages"):
        assert body["type"] == "error"
        assert body["error"]["type"] == "invalid_request_error"
    elif path.startswith("/v1beta"):
        assert body["error"]["status"] == "INVALID_ARGUMENT"
    else:
        assert body["error"]["type"] == "invalid_request_error"
        assert "code" not in body["error"]
    assert not dispatcher.calls


@pytest.mark.case("client-api:4")
@pytest.mark.parametrize("model", ["nobody", "", None, 7])
def test_unknown_model(client: FlaskClient, model: Any) -> None:
    answer = client.post(CHAT, json={"model": model}, headers=KEY)
    name = model if isinstance(model, str) else ""
    assert answer.status_code == 502
    assert answer.json == {
        "error": {
            "message": f"unknown provider for model {name}", "type": "server_error", "code": "internal_server_error",
        }
    }  # fmt: skip
    wrapped = client.post(MESSAGES, json={"model": model}, headers=KEY)
    error = {"type": "api_error", "message": f"unknown provider for model {name}"}
    assert wrapped.json == {"type": "error", "error": error}


def test_a_plain_answer(client: FlaskClient, dispatcher: FakeDispatcher) -> None:
    answer = client.post(CHAT, json={"model": "m", "stream": "true"}, headers=KEY)
    assert answer.data == b'{"id":"a"}'
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Upstream-Model"] == "up-model"
    call = dispatcher.calls[0]
    assert (call.client_model, call.route_model, call.format, call.client_key) == ("m", "resolved-m", "openai", "k")
    assert call.headers["authorization"] == "Bearer k"
    assert len(call.request_id) == 8


@pytest.mark.parametrize(
    ("path", "end"), [(CHAT, b"data: [DONE]\n\n"), (RESPONSES, b""), (MESSAGES, b""), (STREAM, b"")]
)  # fmt: skip
def test_a_stream(client: FlaskClient, dispatcher: FakeDispatcher, path: str, end: bytes) -> None:
    answer = client.post(path, json={"model": "m", "stream": True}, headers=KEY)
    assert answer.data == b"data: 1\n\ndata: 2\n\n" + end
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers.getlist("Access-Control-Allow-Origin") == ["*"]
    assert answer.headers["X-Upstream-Model"] == "up-model"
    assert dispatcher.sources[0].released


@pytest.mark.case("client-api:7")
@pytest.mark.parametrize(
    ("path", "kind", "data"),
    [
        (CHAT, "text/event-stream", b"data: [DONE]\n\n"),
        (COMPLETIONS, "text/event-stream", b"data: [DONE]\n\n"),
        (RESPONSES, "text/event-stream", b""),
        (MESSAGES, "text/event-stream", b""),
        (STREAM, "text/event-stream", b""),
        (f"{STREAM}?alt=json", "application/json", b"[]"),
        (f"{STREAM}?alt=proto", None, b""),
    ],
)
def test_an_empty_stream(client: FlaskClient, dispatcher: FakeDispatcher, path: str, kind: str | None, data: bytes) -> None:
    dispatcher.blocks = []
    answer = client.post(path, json={"model": "m", "stream": True}, headers=KEY)
    assert (answer.status_code, answer.headers.get("Content-Type"), answer.data) == (200, kind, data)


@pytest.mark.parametrize(
    ("path", "tail"),
    [
        (CHAT, b'data: {"error":{"message":"gone"}}\n\n'),
        (RESPONSES, b'event: error\ndata: {"type":"error","code":"internal_server_error","message":"gone"'),
        (MESSAGES, b'event: error\ndata: {"type":"error","error":{"message":"gone","type":"api_error"}}\n\n'),
        (STREAM, b'data: 1\n\ndata: {"error":{"message":"gone"}}\n\n'),
        (f"{STREAM}?alt=json", b',{"error":{"message":"gone"}}]'),
        (f"{STREAM}?alt=raw", b'1{"error":{"message":"gone"}}'),
    ],
)
@pytest.mark.case("client-api:6")
def test_an_error_after_the_first_unit(client: FlaskClient, dispatcher: FakeDispatcher, path: str, tail: bytes) -> None:
    dispatcher.blocks = [b"data: 1\n\n", UpstreamStatus('{"error":{"message":"gone"}}', status=502)]
    answer = client.post(path, json={"model": "m", "stream": True}, headers=KEY)
    assert answer.status_code == 200
    assert tail in answer.data
    assert b"[DONE]" not in answer.data
    assert len(dispatcher.calls) == 1


def test_errors_without_status_in_a_stream(client: FlaskClient, dispatcher: FakeDispatcher) -> None:
    dispatcher.blocks = [b"data: 1\n\n", IdleTimeout(3)]
    data = client.post(CHAT, json={"model": "m", "stream": True}, headers=KEY).data
    error = json.loads(data.split(b"data: ")[-1])["error"]
    assert error["message"] == "upstream sent no data within 3s"
    assert error["type"] == "server_error"


def test_keepalive_comments_stand_between_events(client: FlaskClient, dispatcher: FakeDispatcher) -> None:
    dispatcher.blocks = [b"data: 1\n\n", b"", b"data: 2\n\n"]
    data = client.post(CHAT, json={"model": "m", "stream": True}, headers=KEY).data
    assert data == b"data: 1\n\n: keep-alive\n\ndata: 2\n\ndata: [DONE]\n\n"
    assert dispatcher.sources[0].keepalive == 15.0
    client.post(f"{STREAM}?alt=json", json={}, headers=KEY)
    assert dispatcher.sources[1].keepalive == 0.0


@pytest.mark.parametrize(
    ("starts", "retries", "status", "calls"),
    [
        ([UpstreamStatus("x", status=401)], 1, 200, 2),
        ([UpstreamTransport("x")], 1, 200, 2),
        ([UpstreamStatus("x", status=400)], 1, 400, 1),
        ([UpstreamStatus("x", status=404)], 3, 404, 1),
        ([UpstreamStatus("x", status=503), UpstreamStatus("y", status=429)], 2, 200, 3),
        ([UpstreamStatus("x", status=503), UpstreamStatus("y", status=429)], 1, 429, 2),
        ([UpstreamStatus("x", status=503), AuthNotFound()], 3, 500, 2),
        ([UpstreamStatus("x", status=503)], 0, 503, 1),
        ([UpstreamStatus("x", status=503)], -1, 503, 1),
    ],
)
def test_bootstrap_retries(starts: list[Exception], retries: int, status: int, calls: int) -> None:
    dispatcher = FakeDispatcher(starts=list(starts))
    client = make_app(dispatcher, Settings(streaming=Streaming(bootstrap_retries=retries))).test_client()
    answer = client.post(CHAT, json={"model": "m", "stream": True})
    assert (answer.status_code, len(dispatcher.calls)) == (status, calls)
    if status != 200:
        assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.case("client-api:15")
@pytest.mark.parametrize("path", [CHAT, MESSAGES, GENERATE])
def test_headers_of_an_error_reach_the_client(client: FlaskClient, dispatcher: FakeDispatcher, path: str) -> None:
    text = '{"error":{"code":"model_cooldown","message":"All cooling","model":"m","reset_seconds":42}}'
    dispatcher.answer = ModelCooldown(text, headers={"Content-Type": "application/json", "Retry-After": "42"})
    answer = client.post(path, json={"model": "m"}, headers=KEY)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "42")
    body: Any = answer.json
    assert body["error"]["code"] == "model_cooldown"
    assert body.get("type") == ("error" if path == MESSAGES else None)


@pytest.mark.case("client-api:10")
def test_legacy_completions(client: FlaskClient, dispatcher: FakeDispatcher) -> None:
    dispatcher.answer = Answer(b'{"id":"i","model":"m","choices":[{"index":0,"message":{"content":"hi"}}]}', "u")
    answer = client.post(COMPLETIONS, json={"model": "m", "prompt": "p"}, headers=KEY)
    assert answer.json is not None
    assert answer.json["choices"] == [{"index": 0, "text": "hi"}]
    assert dispatcher.calls[0].body["messages"] == [{"role": "user", "content": "p"}]
    dispatcher.blocks = [
        b'data: {"id":"i","choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n',
        b'data: {"id":"i","choices":[{"index":0,"delta":{"content":"A"}}]}\n\n',
    ]
    data = client.post(COMPLETIONS, json={"model": "m", "prompt": "p", "stream": True}, headers=KEY).data
    assert data.count(b"data: ") == 2
    assert b'"text":"A"' in data
    assert data.endswith(b"data: [DONE]\n\n")


@pytest.mark.case("client-api:11")
def test_responses_shaped_chat(client: FlaskClient, dispatcher: FakeDispatcher) -> None:
    assert client.post(CHAT, json={"model": "m", "input": "hi"}, headers=KEY).status_code == 200
    call = dispatcher.calls[0]
    assert call.format == "openai"
    assert json.loads(call.payload) == call.body == {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.case("client-api:12")
def test_compact(client: FlaskClient, dispatcher: FakeDispatcher) -> None:
    refused = client.post(COMPACT, json={"model": "m", "stream": True}, headers=KEY)
    assert refused.status_code == 400
    assert refused.json == {
        "error": {"message": "Streaming not supported for compact responses", "type": "invalid_request_error"}
    }
    assert not dispatcher.calls
    for path in (COMPACT, "/backend-api/codex/responses/compact"):
        client.post(path, data=b'{"model":"m","stream":false,"n":1.0}', headers=KEY)
        call = dispatcher.calls.pop()
        assert (call.payload, call.body, call.compact) == (b'{"model":"m","n":1.0}', {"model": "m", "n": 1.0}, True)


@pytest.mark.case("client-api:13")
@pytest.mark.parametrize(
    "path", ["/v1beta/models/a:b:c", "/v1beta/models/a", "/v1beta/models/a:embed", "/v1beta/models/a:"]
)
def test_gemini_paths_that_do_not_exist(client: FlaskClient, path: str) -> None:
    answer = client.post(path, json={}, headers=KEY)
    assert answer.status_code == 404
    assert answer.json == {"error": {"message": f"{path} not found.", "type": "invalid_request_error"}}


@pytest.mark.parametrize(
    ("path", "model"),
    [("a:generateContent", "a"), ("p/a:generateContent", "p/a"), ("a%2Fb(high):countTokens", "a/b(high)")],
)
def test_gemini_model_names(client: FlaskClient, dispatcher: FakeDispatcher, path: str, model: str) -> None:
    assert client.post(f"/v1beta/models/{path}", json={"model": "ignored"}, headers=KEY).status_code == 200
    assert dispatcher.calls[0].client_model == model


@pytest.mark.case("client-api:13")
@pytest.mark.parametrize(
    ("query", "alt", "data"),
    [
        ("", "", b'data: {"a":1}\n\ndata: {"b":2}\n\n'), ("?alt=sse", "", b'data: {"a":1}\n\ndata: {"b":2}\n\n'),
        ("?$alt=sse", "", b'data: {"a":1}\n\ndata: {"b":2}\n\n'), ("?alt=json", "json", b'[{"a":1},{"b":2}]'),
        ("?$alt=json", "json", b'[{"a":1},{"b":2}]'), ("?alt=&$alt=json", "", b'data: {"a":1}\n\ndata: {"b":2}\n\n'),
        ("?alt=x", "x", b'{"a":1}{"b":2}'),
    ],
)  # fmt: skip
def test_alt(client: FlaskClient, dispatcher: FakeDispatcher, query: str, alt: str, data: bytes) -> None:
    dispatcher.blocks = [b'data: {"a":1}\n\n', b'data: {"b":2}\n\n']
    answer = client.post(STREAM + query, json={}, headers=KEY)
    assert (dispatcher.calls[0].alt, answer.data) == (alt, data)


def test_line_separators_in_a_gemini_stream(client: FlaskClient, dispatcher: FakeDispatcher) -> None:
    """Google's SDK for JavaScript takes them for the end of a line; as escapes they mean the same."""
    text = "a\u2028b\u2029c \\ \u2028"
    data = json.dumps({"text": text}, ensure_ascii=False).encode()
    dispatcher.blocks = [b"data: " + data + b"\n\n"]
    sent = client.post("/v1beta/models/m:streamGenerateContent?alt=sse", json={"contents": []}, headers=KEY).data
    assert b"\xe2\x80" not in sent
    assert json.loads(sent.removeprefix(b"data: ")) == {"text": text}
    dispatcher.blocks = [b"data: " + data + b"\n\n"]
    sent = client.post("/v1/chat/completions", json={"model": "m", "stream": True}, headers=KEY).data
    assert sent.startswith(b"data: " + data)


def test_alt_means_nothing_elsewhere(client: FlaskClient, dispatcher: FakeDispatcher) -> None:
    client.post(f"{RESPONSES}?alt=responses/compact", json={"model": "m"}, headers=KEY)
    assert (dispatcher.calls[0].alt, dispatcher.calls[0].compact) == ("", False)


@pytest.mark.case("client-api:9")
@pytest.mark.parametrize(
    ("failure", "body"), [(None, {"id": "a"}), (UpstreamStatus('{"error":{"message":"m"}}', status=503), None)]
)
def test_newlines_while_a_plain_answer_is_slow(failure: Exception | None, body: Any) -> None:
    import gevent

    def slow() -> Any:
        gevent.sleep(1.2)
        return failure or Answer(b'{"id":"a"}', "u")

    client = make_app(FakeDispatcher(answer=slow), Settings(nonstream_keepalive_interval=1)).test_client()
    answer = client.post(MESSAGES, json={"model": "m"})
    assert answer.status_code == 200
    assert answer.data.startswith(b"\n")
    assert answer.headers["Content-Type"] == "application/json"
    parsed = json.loads(answer.data)
    assert parsed == body if body else parsed["error"]["message"] == "m"


def test_no_newlines_when_the_answer_is_quick() -> None:
    dispatcher = FakeDispatcher(answer=UpstreamStatus("no", status=503))
    client = make_app(dispatcher, Settings(nonstream_keepalive_interval=1)).test_client()
    started = time.monotonic()
    assert client.post(CHAT, json={"model": "m"}).status_code == 503
    assert time.monotonic() - started < 0.9


def test_a_crash_is_an_empty_500(client: FlaskClient, dispatcher: FakeDispatcher, caplog: pytest.LogCaptureFixture) -> None:
    dispatcher.answer = ZeroDivisionError("inside")
    answer = client.post(CHAT, json={"model": "m"}, headers=KEY)
    assert (answer.status_code, answer.data) == (500, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "recovered from panic" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_too_large_a_body() -> None:
    client = make_app(FakeDispatcher(), Settings(max_request_body_mb=1)).test_client()
    answer = client.post(MESSAGES, data=b"x" * 1_100_000)
    assert answer.status_code == 413
    assert answer.json is not None
    assert answer.json["error"]["type"] == "request_too_large"
    assert "max-request-body-mb" in answer.json["error"]["message"]
