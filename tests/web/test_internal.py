"""A local Gemini CLI that takes the proxy for Code Assist (client-api.md 12, 18.14)."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from flask.testing import FlaskClient
from web.fakes import FakeDispatcher, make_app

from cliproxy.errors import UpstreamStatus
from cliproxy.providers.base import Answer

PATH = "/v1internal:generateContent"
STREAM = "/v1internal:streamGenerateContent"
LOCAL = {"REMOTE_ADDR": "127.0.0.1"}
ENVELOPE = {"model": "m(high)", "project": "p", "user_prompt_id": "u", "request": {"contents": [{"n": 1.0}]}}


class Google(HTTPServer):
    """Answers with what the test wants and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.headers, self.body = 200, {"X-Kept": "yes"}, b'{"cloudaicompanionProject":"p"}'
        self.seen: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Google

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def google() -> Iterator[Google]:
    with Google() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def dispatcher() -> FakeDispatcher:
    return FakeDispatcher(answer=Answer(b'{"candidates":[],"modelVersion":"m"}\n', "up"))


@pytest.fixture
def client(dispatcher: FakeDispatcher, google: Google) -> FlaskClient:
    return make_app(dispatcher, code_assist=google.url).test_client()


@pytest.mark.case("client-api:14")
@pytest.mark.parametrize("path", [PATH, STREAM, "/v1internal:loadCodeAssist"])
@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("203.0.113.9", {}), ("::ffff:203.0.113.9", {}), ("", {}),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}), ("::1", {"X-Real-IP": "203.0.113.9"}),
    ],
)  # fmt: skip
def test_strangers(
    client: FlaskClient, dispatcher: FakeDispatcher, google: Google, path: str, peer: str, headers: dict[str, str]
) -> None:
    answer = client.post(path, json=ENVELOPE, headers=headers, environ_base={"REMOTE_ADDR": peer})
    assert answer.status_code == 403
    assert answer.data == b'{"error":{"message":"CLI reply only allow local access","type":"forbidden"}}'
    assert (dispatcher.calls, google.seen) == ([], [])


@pytest.mark.case("client-api:14")
@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_locals_need_no_key(client: FlaskClient, dispatcher: FakeDispatcher, peer: str) -> None:
    answer = client.post(PATH, json=ENVELOPE, environ_base={"REMOTE_ADDR": peer})
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.data == b'{"response":{"candidates":[],"modelVersion":"m"}}'
    (call,) = dispatcher.calls
    assert (call.client_model, call.format, call.payload) == ("m(high)", "gemini", b'{"contents": [{"n": 1.0}]}')
    assert call.body == ENVELOPE["request"]


@pytest.mark.parametrize("query", ["", "?alt=json", "?alt=sse"])
def test_streams_are_always_events(client: FlaskClient, dispatcher: FakeDispatcher, query: str) -> None:
    dispatcher.blocks = [b'data: {"a":1}\n\ndata: {"a":2}\n\n', b"data: [3]\n\n"]
    answer = client.post(STREAM + query, json=ENVELOPE, environ_base=LOCAL)
    assert answer.content_type == "text/event-stream"
    assert answer.data == b'data: {"response":{"a":1}}\n\ndata: {"response":{"a":2}}\n\ndata: {"response":[3]}\n\n'


def test_a_stream_that_fails_at_once_has_its_own_status(client: FlaskClient, dispatcher: FakeDispatcher) -> None:
    dispatcher.starts = [UpstreamStatus("slow down", status=422)]
    answer = client.post(STREAM, json=ENVELOPE, environ_base=LOCAL)
    assert answer.status_code == 422
    assert answer.json == {"error": {"code": 422, "message": "slow down", "status": "INVALID_ARGUMENT"}}


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"model":"m","request":5}'])
def test_no_envelope(client: FlaskClient, body: bytes) -> None:
    answer = client.post(PATH, data=body, environ_base=LOCAL)
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["error"]["status"] == "INVALID_ARGUMENT"


def test_unknown_model(client: FlaskClient) -> None:
    answer = client.post(PATH, json={**ENVELOPE, "model": "nobody"}, environ_base=LOCAL)
    assert answer.status_code == 502
    assert answer.json is not None
    assert answer.json["error"]["message"] == "unknown provider for model nobody"


def test_everything_else_goes_to_google(client: FlaskClient, google: Google) -> None:
    zipped = gzip.compress(b'{"a":1}')
    headers = {"Authorization": "Bearer t", "Content-Encoding": "gzip", "Connection": "close", "X-Mine": "1"}
    answer = client.post("/v1internal:loadCodeAssist?x=%20y", data=zipped, headers=headers, environ_base=LOCAL)
    assert (answer.status_code, answer.data, answer.headers["X-Kept"]) == (200, google.body, "yes")
    ((path, sent, body),) = google.seen
    assert (path, body) == ("/v1internal:loadCodeAssist?x=%20y", zipped)
    assert (sent["authorization"], sent["content-encoding"], sent["x-mine"]) == ("Bearer t", "gzip", "1")
    assert sent["host"] == google.url.removeprefix("http://")


def test_a_compressed_answer(client: FlaskClient, google: Google) -> None:
    plain = google.body
    google.body, google.headers = gzip.compress(plain), {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    answer = client.post("/v1internal:onboardUser", json={}, environ_base=LOCAL)
    assert (answer.data, answer.content_type) == (plain, "application/json")
    assert "Content-Encoding" not in answer.headers


def test_googles_errors_become_400(client: FlaskClient, google: Google) -> None:
    google.status, google.body = 503, b'{"error":"later"}'
    answer = client.post("/v1internal:countTokens", json={}, environ_base=LOCAL)
    assert answer.status_code == 400
    assert answer.json == {"error": {"message": '{"error":"later"}', "type": "invalid_request_error"}}


def test_google_is_not_there(dispatcher: FakeDispatcher) -> None:
    client = make_app(dispatcher).test_client()
    answer = client.post("/v1internal:countTokens", json={}, environ_base=LOCAL)
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["error"]["message"].startswith("Invalid request: cannot reach http://127.0.0.1:1: ")
    assert json.dumps(answer.json).count("Traceback") == 0
