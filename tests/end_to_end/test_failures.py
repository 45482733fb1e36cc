"""Every failure in the client protocol's own shape, none with a traceback (client-api.md 3.3, 5.1, 6)."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from end_to_end.families import ALL, CLAUDE, GEMINI, PROTOCOLS, VERTEX, Family, Fresh, entry
from end_to_end.proxy import AUTHORIZED, KEY, Answer, Proxy, Start, free_port
from upstream.plan import REFUSE, Plan
from upstream.server import FakeUpstream
from upstream.waiting import eventually

EVERY = pytest.mark.parametrize("family", ALL, ids=repr)
STREAM = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])

OPENAI_WORDS = {
    400: ("invalid_request_error", None),
    413: ("invalid_request_error", None),
    415: ("invalid_request_error", None),
    500: ("server_error", "internal_server_error"),
    502: ("server_error", "internal_server_error"),
    504: ("server_error", "internal_server_error"),
}
CLAUDE_WORDS = {
    400: "invalid_request_error", 413: "request_too_large", 415: "invalid_request_error", 500: "api_error",
    502: "api_error", 504: "timeout_error",
}  # fmt: skip
GEMINI_WORDS = {
    400: "INVALID_ARGUMENT", 413: "INVALID_ARGUMENT", 415: "INVALID_ARGUMENT", 500: "INTERNAL", 502: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}  # fmt: skip


def assert_own_shape(family: Family, answer: Answer, status: int, words: str) -> None:
    """The body of client-api.md 6.1 or 6.2, exactly these members; ``words`` are in the message."""
    assert (answer.status, answer.kind) == (status, "application/json")
    body = answer.json
    message = body["error"]["message"]
    assert words in message
    if family is CLAUDE:
        assert body == {"type": "error", "error": {"type": CLAUDE_WORDS[status], "message": message}}
    elif family in (GEMINI, VERTEX):
        assert body == {"error": {"code": status, "message": message, "status": GEMINI_WORDS[status]}}
    else:
        kind, code = OPENAI_WORDS[status]
        assert body == {"error": {"message": message, "type": kind} | ({"code": code} if code else {})}


@EVERY
@pytest.mark.parametrize("body", [b'{"model": "x", ', b"", b"[1]", b'"text"', b"\xff\xfe", b"null"])
def test_broken_json(server: Proxy, upstream: FakeUpstream, family: Family, body: bytes) -> None:
    answer = server.post(family.path(), body)
    assert_own_shape(family, answer, 400, "Invalid request: ")
    assert upstream.requests == []


def test_deeply_nested_json(server: Proxy) -> None:
    body = b'{"model":"gpt-test","messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert server.post("/v1/chat/completions", body).status == 400


@pytest.mark.parametrize("family", PROTOCOLS, ids=repr)
def test_sixty_megabytes(server: Proxy, upstream: FakeUpstream, family: Family) -> None:
    body = json.dumps(family.body(padding="x")).encode().replace(b'"x"', b'"' + b"x" * (60 << 20) + b'"')
    assert_own_shape(family, post_in_parallel(server, family.path(), body), 413, "larger than 50 MiB")
    assert upstream.requests == []


def post_in_parallel(server: Proxy, path: str, body: bytes, chunked: bool = False) -> Answer:
    """Send a body and read meanwhile: the answer may come before everything has been sent."""
    connection = server.connect()
    connection.connect()
    sock = connection.sock
    pieces: Iterator[bytes] = (body[start : start + 65536] for start in range(0, len(body), 65536))
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {KEY}", framing, "", ""]

    def feed() -> None:
        try:
            sock.sendall("\r\n".join(lines).encode())
            for piece in pieces:
                sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            sock.sendall(b"0\r\n\r\n" if chunked else b"")
        except OSError:
            pass  # the server has heard enough

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        return read_answer(sock)
    finally:
        connection.close()
        feeder.join(10)


def read_answer(sock: Any) -> Answer:
    response = http.client.HTTPResponse(sock)
    response.begin()
    names = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, names, response.read())


def test_sixty_megabytes_in_chunks(server: Proxy) -> None:
    body = b'{"model":"gpt-test","messages":[{"role":"user","content":"hi"}],"padding":"' + b"x" * (60 << 20) + b'"}'
    answer = post_in_parallel(server, "/v1/chat/completions", body, chunked=True)
    assert answer.status == 413


def test_forty_megabytes_pass(server: Proxy, upstream: FakeUpstream) -> None:
    body = b'{"model":"gpt-test","messages":[{"role":"user","content":"hi"}],"padding":"' + b"x" * (40 << 20) + b'"}'
    assert post_in_parallel(server, "/v1/chat/completions", body).status == 200
    assert len(upstream.requests[0].body) == len(body) - len("gpt-test") + len("gpt-up")


@EVERY
@STREAM
def test_unknown_model(server: Proxy, family: Family, stream: bool) -> None:
    answer = server.post(family.path("no-such", stream), family.body("no-such", stream))
    assert_own_shape(family, answer, 502, "unknown provider for model no-such")


@EVERY
@pytest.mark.parametrize(
    ("headers", "words"), [({}, "Missing API key"), ({"Authorization": "Bearer wrong"}, "Invalid API key")]
)
def test_bad_key(server: Proxy, upstream: FakeUpstream, family: Family, headers: dict[str, str], words: str) -> None:
    answer = server.ask("POST", family.path(), family.body(), headers)
    assert (answer.status, answer.json) == (401, {"error": words})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert upstream.requests == []


@pytest.fixture(scope="session")
def dead_config() -> dict[str, Any]:
    """Providers at a port where nobody listens."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    families = (*PROTOCOLS, VERTEX)
    return {"api-keys": [KEY], **{f.section: entry(f, nowhere, f.model, "dead") for f in families}}


def test_dead_upstream(start: Start, dead_config: dict[str, Any]) -> None:
    server = start(dead_config)
    for family in ALL:
        for stream in (False, True):
            answer = server.post(family.path(stream=stream), family.body(stream=stream))
            assert_own_shape(family, answer, 500, "")
            assert answer.json["error"]["message"]
            assert server.base_url not in answer.body.decode()


@pytest.mark.parametrize("family", PROTOCOLS, ids=repr)
@STREAM
def test_upstream_that_hangs_up(
    server: Proxy, upstream: FakeUpstream, fresh: Fresh, family: Family, stream: bool
) -> None:
    upstream.always(REFUSE)
    model = fresh(family)
    assert_own_shape(family, server.post(family.path(model, stream), family.body(model, stream)), 500, "")


@pytest.mark.parametrize("family", PROTOCOLS, ids=repr)
@STREAM
def test_stalled_upstream(impatient: Proxy, upstream: FakeUpstream, fresh: Fresh, family: Family, stream: bool) -> None:
    upstream.plan(Plan(stall_before=True))
    model = fresh(family)
    answer = impatient.post(family.path(model, stream), family.body(model, stream))
    assert_own_shape(family, answer, 504, "upstream sent no data within 1s")
    eventually(lambda: upstream.requests[0].left, "the upstream connection is closed", seconds=2)


def test_stall_between_head_and_body_counts_as_no_first_byte(
    impatient: Proxy, upstream: FakeUpstream, fresh: Fresh
) -> None:
    upstream.plan(Plan(stall_after=0))
    answer = impatient.post("/v1/messages", CLAUDE.body(fresh(CLAUDE), True))
    assert_own_shape(CLAUDE, answer, 504, "upstream sent no data within 1s")


@pytest.mark.parametrize("family", PROTOCOLS, ids=repr)
def test_stalled_upstream_fails_over(
    impatient: Proxy, upstream: FakeUpstream, fresh_pair: Fresh, family: Family
) -> None:
    """The first credential sends nothing in time; the client gets the second one's stream (design D16)."""
    upstream.plan(Plan(stall_before=True))
    model = fresh_pair(family)
    answer = impatient.post(family.path(model, True), family.body(model, True))
    assert (answer.status, family.stream_text(answer.body)) == (200, Plan().reply.joined)
    assert len({request.credential for request in upstream.requests}) == 2


HTML = b"<!DOCTYPE html><html><head><title>Bad gateway</title></head><body>nginx</body></html>"


@pytest.mark.parametrize("family", PROTOCOLS, ids=repr)
def test_error_page_instead_of_json(server: Proxy, upstream: FakeUpstream, fresh: Fresh, family: Family) -> None:
    upstream.plan(Plan(status=502, body=HTML))
    answer = server.post(family.path(fresh(family)), family.body(fresh(family)))
    assert_own_shape(family, answer, 502, "nginx")


@pytest.mark.parametrize("family", PROTOCOLS, ids=repr)
def test_error_without_a_body(server: Proxy, upstream: FakeUpstream, fresh: Fresh, family: Family) -> None:
    upstream.plan(Plan(status=502, body=b""))
    model = fresh(family)
    assert_own_shape(family, server.post(family.path(model), family.body(model)), 502, "status 502")


@pytest.mark.parametrize("family", PROTOCOLS, ids=repr)
def test_cut_whole_answer(server: Proxy, upstream: FakeUpstream, fresh: Fresh, family: Family) -> None:
    model = fresh(family)
    upstream.always(Plan(cut_after=0))
    assert_own_shape(family, server.post(family.path(model), family.body(model)), 500, "")


def test_unknown_paths_and_methods(server: Proxy) -> None:
    for method, path in (("GET", "/nope"), ("GET", "/v1/chat/completions"), ("POST", "/v1/models"), ("PUT", "/")):
        answer = server.ask(method, path, headers=AUTHORIZED)
        assert (answer.status, answer.kind, answer.body) == (404, "text/plain", b"404 page not found")


def test_no_keys_in_the_log(server: Proxy, upstream: FakeUpstream, fresh: Fresh) -> None:
    upstream.plan(Plan(status=500, message="kaputt"))
    assert server.ask("POST", f"/v1/messages?key={KEY}", CLAUDE.body(fresh(CLAUDE))).status == 500
    assert KEY not in server.log
    assert upstream.requests[0].credential.removeprefix("Bearer ") not in server.log
