"""Amp's routes under the real server: streams both ways, aborts, reloads (amp-routing.md 10, 16.8, 16.10)."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from end_to_end.families import CHAT, CLAUDE, GEMINI, PROTOCOLS, Family, config, entry
from end_to_end.proxy import AUTHORIZED, KEY, Proxy, Start, send, whole
from upstream.amp import FakeAmp
from upstream.content import long_text
from upstream.plan import Framing, Plan
from upstream.server import FakeUpstream
from upstream.waiting import eventually

PROMPT = 1.0
PATHS = {"chat": "/api/provider/openai", "responses": "/api/provider/openai", "claude": "/api/provider/anthropic"}


@pytest.fixture(scope="module")
def fake_amp() -> Iterator[FakeAmp]:
    with FakeAmp() as fake:
        yield fake


@pytest.fixture
def amp(fake_amp: FakeAmp) -> Iterator[FakeAmp]:
    fake_amp.reset()
    yield fake_amp
    fake_amp.release()


@pytest.fixture(scope="module")
def running(
    fake_amp: FakeAmp, shared_upstream: FakeUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """One server with Amp's routes for all tests of this file."""
    mappings = [
        {"from": f"asked-{family.name}", "to": family.model} for family in PROTOCOLS
    ] + [{"from": "^out-of-quota-(\\d+)$", "to": "alias-target", "regex": True}]  # fmt: skip
    settings = config(
        shared_upstream.url, debug=True,
        ampcode={"upstream-url": fake_amp.url, "upstream-api-key": "secret", "model-mappings": mappings},
    )  # fmt: skip
    proxy = Proxy(tmp_path_factory.mktemp("amp"), settings)
    proxy.wait_until_up()
    yield proxy
    fake_amp.release()
    shared_upstream.release()
    proxy.stop()


@pytest.fixture
def server(running: Proxy, upstream: FakeUpstream, amp: FakeAmp) -> Iterator[Proxy]:
    before = len(running.log)
    yield running
    assert "Traceback" not in running.log[before:]


def open_stream(proxy: Proxy, path: str, model: str = "for-credits") -> http.client.HTTPConnection:
    connection = proxy.connect()
    send(connection, "POST", path, {"model": model, "messages": [], "stream": True}, AUTHORIZED)
    return connection


MODEL_CALL = "/api/provider/anthropic/v1/messages"
EVENTS = tuple(b"data: %d\n\n" % number for number in range(50))


@pytest.mark.parametrize("path", [MODEL_CALL, "/api/internal?x"])
def test_an_answer_of_amp_arrives_as_it_comes(server: Proxy, amp: FakeAmp, path: str) -> None:
    amp.plan(Plan(pieces=EVENTS, kind="text/event-stream", stall_after=1))
    connection = open_stream(server, path)
    response = connection.getresponse()
    assert response.read1() == EVENTS[0]
    amp.release()
    assert response.read() == b"".join(EVENTS[1:])
    connection.close()


@pytest.mark.case("amp-routing:P16")
@pytest.mark.parametrize("path", [MODEL_CALL, "/api/internal?x", "/auth/x"])
@pytest.mark.parametrize("framing", list(Framing))
def test_a_client_leaves_in_the_middle(server: Proxy, amp: FakeAmp, path: str, framing: Framing) -> None:
    amp.plan(Plan(pieces=EVENTS, stall_after=2, framing=framing))
    connection = open_stream(server, path)
    response = connection.getresponse()
    assert response.read1()
    response.close()
    gone = time.monotonic()
    connection.close()
    left = eventually(lambda: amp.requests[0].left, "the connection to Amp is closed")
    assert left - gone < PROMPT
    assert amp.requests[0].answered is None
    assert server.ask("GET", "/healthz").status == 200


@pytest.mark.case("amp-routing:P16")
@pytest.mark.parametrize("path", [MODEL_CALL, "/api/internal?x"])
def test_a_client_leaves_before_the_answer(server: Proxy, amp: FakeAmp, path: str) -> None:
    amp.plan(Plan(stall_before=True))
    connection = open_stream(server, path)
    (request,) = amp.wait_for(1)
    gone = time.monotonic()
    connection.close()
    left = eventually(lambda: request.left, "the connection to Amp is closed")
    assert left - gone < PROMPT


@pytest.mark.parametrize("family", PROTOCOLS, ids=repr)
def test_a_client_leaves_a_mapped_stream(server: Proxy, upstream: FakeUpstream, family: Family) -> None:
    upstream.plan(Plan(reply=long_text(50), stall_after=20))
    connection = server.connect()
    path = amp_path(family, f"asked-{family.name}", stream=True)
    send(connection, "POST", path, family.body(f"asked-{family.name}", True), AUTHORIZED)
    response = connection.getresponse()
    assert response.read1()
    response.close()
    connection.close()
    eventually(lambda: upstream.requests[0].left, "the upstream connection is closed")


def amp_path(family: Family, model: str, *, stream: bool) -> str:
    if family is GEMINI:
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"/api/provider/google/v1beta1/publishers/google/models/{model}:{method}"
    return PATHS[family.name] + family.path(stream=stream)


@pytest.mark.case("amp-routing:P17")
@pytest.mark.parametrize("path", [MODEL_CALL, "/api/internal?x"])
@pytest.mark.parametrize("framing", [Framing.CHUNKED, Framing.LENGTH])
def test_amp_breaks_off(server: Proxy, amp: FakeAmp, path: str, framing: Framing) -> None:
    before = len(server.log)
    amp.plan(Plan(pieces=EVENTS, cut_after=2, framing=framing, kind="text/event-stream"))
    connection = open_stream(server, path)
    response = connection.getresponse()
    with pytest.raises(http.client.IncompleteRead) as broken:
        response.read()
    assert broken.value.partial == b"".join(EVENTS[:2])
    connection.close()
    said = [line for line in server.log[before:].splitlines() if "broke off" in line]
    assert len(said) == 1
    assert "[debug]" in said[0]


def test_amp_is_gone(start: Start) -> None:
    proxy = start({"api-keys": [KEY], "ampcode": {"upstream-url": "http://127.0.0.1:1"}})
    answer = proxy.ask("GET", "/api/user", headers=AUTHORIZED)
    assert answer.status == 502
    assert answer.body == b'{"error":"amp_upstream_proxy_error","message":"Failed to reach Amp upstream"}'
    (said,) = (line for line in proxy.log.splitlines() if "amp upstream proxy error" in line)
    assert "[error]" in said
    assert "GET /api/user" in said


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("family", PROTOCOLS, ids=repr)
def test_a_mapped_model_in_every_format(
    server: Proxy, upstream: FakeUpstream, amp: FakeAmp, family: Family, stream: bool
) -> None:
    model = f"asked-{family.name}"
    answer = server.post(amp_path(family, model, stream=stream), family.body(model, stream))
    assert answer.status == 200
    texts = answer.body.decode()
    assert set(re.findall(r'"model(?:Version)?":\s*"([^"]*)"', texts)) == {model}
    assert len(upstream.requests) == 1
    assert amp.requests == []


@pytest.mark.parametrize("stream", [False, True])
def test_the_next_fallback_answers_when_the_first_is_out_of_quota(
    start: Start, upstream: FakeUpstream, amp: FakeAmp, stream: bool
) -> None:
    """The target of the mapping is offered under two OAuth aliases; the first has no quota, then is cooling down."""
    aliases = [{"name": "target", "alias": "first"}, {"name": "target", "alias": "second"}]
    proxy = start(
        {
            "api-keys": [KEY], "claude-api-key": [
                *entry(CLAUDE, upstream.url, "first", "a"), *entry(CLAUDE, upstream.url, "second", "b")
            ],
            "oauth-model-alias": {"claude": aliases}, "streaming": {"bootstrap-retries": 1},
            "ampcode": {"upstream-url": amp.url, "model-mappings": [{"from": "asked", "to": "target"}]},
        }
    )  # fmt: skip
    upstream.plan(Plan(status=429))
    for _ in range(2):
        answer = proxy.post(MODEL_CALL, CLAUDE.body("asked(2000)", stream))
        assert answer.status == 200
        text = answer.body.decode()
        assert set(re.findall(r'"model":\s*"([^"]*)"', text)) == {"asked(2000)"}
        assert (b"message_stop" in answer.body) is stream
    asked = [request.credential.removeprefix("Bearer ") for request in upstream.requests]
    assert asked == ["claude-a", "claude-b", "claude-b"]
    assert amp.requests == []


@pytest.mark.parametrize(
    "path", ["/api/user/%2E%2E/a%2Fb/%E2%82%AC;x=1//y?q=%20+&r=%2F", "/auth/?x", "/api/provider/google/v1beta1/%20"]
)
def test_paths_go_on_as_they_were_written(server: Proxy, amp: FakeAmp, path: str) -> None:
    assert server.ask("GET", path, headers={**AUTHORIZED, "Cookie": "a=b; c=d"}).status == 200
    assert amp.requests[0].target == path
    assert amp.requests[0].headers["cookie"] == "a=b; c=d"


def test_headers_of_the_server_are_not_doubled(server: Proxy, amp: FakeAmp) -> None:
    amp.plan(
        Plan(body=b"{}", headers=(("Server", "amp"), ("Date", "then"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")))
    )
    connection = server.connect()
    send(connection, "GET", "/api/user", None, AUTHORIZED)
    response = connection.getresponse()
    names = [name.lower() for name, _ in response.getheaders()]
    response.read()
    connection.close()
    assert names.count("set-cookie") == 2
    assert {name for name in names if names.count(name) > 1} == {"set-cookie"}


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("status", [200, 204, 304])
def test_answers_without_a_body_keep_the_connection(server: Proxy, amp: FakeAmp, method: str, status: int) -> None:
    body = b"" if status != 200 else b"text"
    connection = server.connect()
    for _ in range(2):
        amp.plan(Plan(status=status, body=body, framing=Framing.LENGTH))
        send(connection, method, "/api/user", None, AUTHORIZED)
        answer = whole(connection.getresponse())
        assert (answer.status, answer.body) == (status, b"" if method == "HEAD" else body)
        if status == 200:
            assert answer.headers["content-length"] == "4"
    connection.close()
    assert len({request.connection for request in amp.requests}) == 1


# What clients send.


def test_an_upload_goes_on_before_it_has_ended(start: Start) -> None:
    """Both framings of a request; the upstream reads the first piece while the client still holds the second."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        own = start({"api-keys": [KEY], "ampcode": {"upstream-url": f"http://127.0.0.1:{listener.getsockname()[1]}"}})
        first, second = b"a" * 70000, b"b" * 10
        for head, pieces in (
            (b"Content-Length: 70010", (first, second)),
            (b"Transfer-Encoding: chunked", (b"%x\r\n%b\r\n" % (len(first), first), b"a\r\n%b\r\n0\r\n\r\n" % second)),
        ):
            with socket.create_connection(("127.0.0.1", own.port), 10) as client:
                line = b"POST /api/internal HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n" % KEY.encode()
                client.sendall(line + head + b"\r\nConnection: close\r\n\r\n" + pieces[0])
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(10)
                    got = b""
                    while got.count(b"a") < 60000:
                        got += connection.recv(65536)
                    assert b"b" * 10 not in got
                    client.sendall(pieces[1])
                    while b"b" * 10 not in got:
                        got += connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                    assert client.makefile("rb").read().endswith(b"\r\n\r\nok")
                assert head.split(b":")[0].lower() in got.lower()


@pytest.mark.parametrize("head", ["Content-Length: 200000", "Content-Length: 100", "Transfer-Encoding: chunked"])
def test_a_client_leaves_in_the_middle_of_its_upload(server: Proxy, amp: FakeAmp, head: str) -> None:
    small, before = "100" in head.split(), amp.broken
    piece = "a" * (70 if small else 70000)
    body = f"{len(piece):x}\r\n{piece}\r\n" if "chunked" in head else piece
    with socket.create_connection(("127.0.0.1", server.port), 10) as client:
        text = f"POST /api/internal HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n{head}\r\n\r\n{body}"
        client.sendall(text.encode())
    if not small:  # a small body is read whole before anything is sent
        eventually(lambda: amp.broken == before + 1, "the connection to Amp is closed")
    assert server.ask("GET", "/healthz").status == 200
    assert amp.requests == []


def test_a_large_upload_arrives_whole(server: Proxy, amp: FakeAmp) -> None:
    body = bytes(range(256)) * 4096
    for headers in ({}, {"Transfer-Encoding": "chunked"}):
        connection = server.connect()
        sent: Any = iter([body[:100], body[100:]]) if headers else body
        connection.request("PUT", "/api/threads/x", sent, {**AUTHORIZED, **headers}, encode_chunked=bool(headers))
        assert whole(connection.getresponse()).body == b'{"from":"amp"}'
        connection.close()
        assert amp.requests.pop().body == body


def test_a_second_request_on_the_same_connection(server: Proxy, amp: FakeAmp) -> None:
    connection = server.connect()
    for number in range(3):
        send(connection, "POST", f"/api/internal?{number}", {"n": number}, AUTHORIZED)
        assert whole(connection.getresponse()).body == b'{"from":"amp"}'
    connection.close()
    assert [request.json for request in amp.requests] == [{"n": 0}, {"n": 1}, {"n": 2}]


# What changes while the server runs.


@pytest.mark.case("amp-routing:H10")
def test_a_server_that_never_had_amp(start: Start, amp: FakeAmp) -> None:
    proxy = start({"api-keys": [KEY], "demo": True})
    assert proxy.ask("GET", "/api/user", headers=AUTHORIZED).status == 503
    proxy.reconfigure({"api-keys": [KEY], "demo": True, "request-retry": 2})
    assert proxy.ask("GET", "/api/user", headers=AUTHORIZED).status == 503
    assert "[error]" not in proxy.log


@pytest.mark.case("amp-routing:H2", "amp-routing:H3", "amp-routing:H4", "amp-routing:H5", "amp-routing:W17")
def test_the_file_changes(start: Start, amp: FakeAmp, upstream: FakeUpstream) -> None:
    base = {"api-keys": [KEY], "openai-compatibility": entry(CHAT, upstream.url, "local", "k")}
    proxy = start(base)

    def status() -> int:
        return proxy.ask("GET", "/api/user", headers=AUTHORIZED).status

    def becomes(section: dict[str, Any], wanted: int) -> None:
        proxy.write_config({**base, "ampcode": section})
        eventually(lambda: status() == wanted, f"status {wanted}", every=0.1)

    assert status() == 503
    becomes({"upstream-url": amp.url, "model-mappings": [{"from": "x", "to": "local"}]}, 200)
    answer = proxy.post("/api/provider/openai/v1/chat/completions", CHAT.body("x"))
    assert answer.json["model"] == "x"
    becomes({"upstream-url": "http://127.0.0.1:1"}, 502)
    proxy.write_config({**base, "ampcode": {"upstream-url": "ftp://nowhere"}})
    eventually(lambda: "ftp://nowhere" in proxy.log, "the address is refused", every=0.1)
    assert status() == 502
    becomes({}, 503)
    assert json.loads(proxy.post("/api/provider/openai/v1/chat/completions", CHAT.body("x")).body)["error"]
