"""What Amp's server gets of a request, and what comes back (amp-routing.md 10, 16.8)."""

from __future__ import annotations

import gzip
import logging
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from providers.forwarding import HttpProxy
from upstream.amp import FakeAmp
from upstream.plan import Framing, Plan
from upstream.server import Recorded

from cliproxy.config.settings import AmpUpstreamKey, Settings
from cliproxy.errors import UpstreamTransport
from cliproxy.providers.amp import AmpAnswer, AmpUpstream, ClientRequest, Headers
from cliproxy.providers.amp_secrets import AmpSecrets, SecretsFile
from cliproxy.providers.http import HttpClient

JSON = b'{"hello":"amp"}' * 20
PACKED = gzip.compress(JSON)
GET = ClientRequest("GET", "/api/user", ())


@pytest.fixture
def amp() -> Iterator[FakeAmp]:
    with FakeAmp() as fake:
        yield fake


@pytest.fixture
def http() -> Iterator[HttpClient]:
    client = HttpClient(lambda: Settings(proxy_url="http://dead.invalid:9"), {})
    yield client
    client.close()


@pytest.fixture
def secrets(tmp_path: Path) -> AmpSecrets:
    return AmpSecrets(SecretsFile(tmp_path / "none.json"), {})


@pytest.fixture
def upstream(amp: FakeAmp, secrets: AmpSecrets, http: HttpClient) -> AmpUpstream:
    return AmpUpstream(amp.url, secrets, http)


def whole(answer: AmpAnswer) -> bytes:
    return b"".join(answer.blocks())


def sent(upstream: AmpUpstream, amp: FakeAmp, request: ClientRequest = GET) -> Recorded:
    whole(upstream.send(request))
    return amp.requests[-1]


def header(headers: Headers, name: str) -> str | None:
    found = [value for key, value in headers if key.lower() == name]
    assert len(found) < 2
    return found[0] if found else None


@pytest.mark.case("amp-routing:P1")
def test_a_secret_goes_into_both_headers(upstream: AmpUpstream, amp: FakeAmp, secrets: AmpSecrets) -> None:
    secrets.configure("secret", ())
    headers = sent(upstream, amp).headers
    assert (headers["x-api-key"], headers["authorization"]) == ("secret", "Bearer secret")


@pytest.mark.case("amp-routing:P2")
def test_no_secret(upstream: AmpUpstream, amp: FakeAmp) -> None:
    headers = sent(upstream, amp, replace(GET, headers=[("Authorization", "Bearer c"), ("X-Api-Key", "c")])).headers
    assert not {"x-api-key", "authorization"} & headers.keys()


@pytest.mark.case("amp-routing:P3")
def test_the_clients_own_key_stays_here(upstream: AmpUpstream, amp: FakeAmp, secrets: AmpSecrets) -> None:
    secrets.configure("upstream", ())
    headers = [(name, "client-key") for name in ("Authorization", "X-Api-Key", "X-Goog-Api-Key")]
    target = "/api/user?key=client-key&key=keep&auth_token=client-key&foo=bar"
    request = sent(upstream, amp, replace(GET, target=target, headers=headers, client_key="client-key"))
    assert "x-goog-api-key" not in request.headers
    assert request.headers["authorization"] == "Bearer upstream"
    assert request.target == "/api/user?key=keep&foo=bar"
    assert "client-key" not in str(request.fields)


@pytest.mark.case("amp-routing:P4")
def test_keys_of_single_clients(upstream: AmpUpstream, amp: FakeAmp, secrets: AmpSecrets) -> None:
    secrets.configure("default", [AmpUpstreamKey("u1", ("k1",))])
    for client, expected in (("k1", "u1"), ("k2", "default"), ("", "default")):
        assert sent(upstream, amp, replace(GET, client_key=client)).headers["x-api-key"] == expected


@pytest.mark.case("amp-routing:P5")
def test_a_query_key_of_nobody_stays(upstream: AmpUpstream, amp: FakeAmp) -> None:
    assert sent(upstream, amp, replace(GET, target="/api/user?key=abc")).target == "/api/user?key=abc"


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("key=a%20b", ""), ("key=a+b&x=%2F&y", "x=%2F&y"), ("k%65y=a%20b&z=1", "z=1"), ("Key=a%20b", "Key=a%20b"),
        ("other=a%20b", "other=a%20b"), ("key=a", "key=a"), ("key", "key"), ("a=1&&b", "a=1&&b"),
    ],
)  # fmt: skip
def test_the_key_in_a_query_in_any_spelling(upstream: AmpUpstream, query: str, left: str) -> None:
    assert upstream.url(f"/p?{query}", "a b").partition("?")[2] == left


@pytest.mark.case("amp-routing:P6")
def test_nobody_listens(secrets: AmpSecrets, http: HttpClient) -> None:
    with pytest.raises(UpstreamTransport):
        AmpUpstream("http://127.0.0.1:1", secrets, http).send(GET)


@pytest.mark.case("amp-routing:P7")
def test_gzip_that_does_not_say_so(upstream: AmpUpstream, amp: FakeAmp) -> None:
    amp.plan(Plan(body=PACKED, framing=Framing.LENGTH, headers=(("ETag", "x"),)))
    answer = upstream.send(GET)
    assert whole(answer) == JSON
    assert header(answer.headers, "content-length") == str(len(JSON))
    assert header(answer.headers, "content-encoding") is None
    assert (header(answer.headers, "content-type"), header(answer.headers, "etag")) == ("application/json", "x")


GARBAGE = b"\x1f\x8b" + b"garbage" * 9


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(
            Plan(body=PACKED, headers=(("Content-Encoding", "gzip"),)), id="P8", marks=pytest.mark.case("amp-routing:P8")
        ),
        pytest.param(Plan(body=PACKED[:10]), id="P9-cut", marks=pytest.mark.case("amp-routing:P9")),
        pytest.param(Plan(body=GARBAGE), id="P9-garbage", marks=pytest.mark.case("amp-routing:P9")),
        pytest.param(Plan(body=JSON), id="P10-plain", marks=pytest.mark.case("amp-routing:P10")),
        pytest.param(Plan(body=b""), id="P10-empty", marks=pytest.mark.case("amp-routing:P10")),
        pytest.param(Plan(body=b"\x1f"), id="P10-byte", marks=pytest.mark.case("amp-routing:P10")),
        pytest.param(Plan(body=PACKED, status=404), id="P11", marks=pytest.mark.case("amp-routing:P11")),
        pytest.param(
            Plan(body=PACKED, kind="text/event-stream; charset=utf-8"), id="P12",
            marks=pytest.mark.case("amp-routing:P12"),
        ),
        pytest.param(Plan(body=JSON, kind="application/json; x=y"), id="P14", marks=pytest.mark.case("amp-routing:P14")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("framing", list(Framing))
def test_bodies_that_stay_as_they_are(upstream: AmpUpstream, amp: FakeAmp, plan: Plan, framing: Framing) -> None:
    amp.plan(replace(plan, framing=framing))
    answer = upstream.send(GET)
    assert answer.status == plan.status
    assert whole(answer) == plan.body
    encoding = dict(plan.headers).get("Content-Encoding")
    assert header(answer.headers, "content-encoding") == encoding
    assert header(answer.headers, "content-type") == plan.kind
    length = str(len(plan.body or b"")) if framing is Framing.LENGTH else None
    assert header(answer.headers, "content-length") == length


@pytest.mark.case("amp-routing:P9")
def test_gzip_that_cannot_be_unpacked_is_said(
    upstream: AmpUpstream, amp: FakeAmp, caplog: pytest.LogCaptureFixture
) -> None:
    amp.plan(Plan(body=GARBAGE))
    with caplog.at_level(logging.WARNING):
        whole(upstream.send(GET))
    assert "cannot be unpacked" in caplog.text


@pytest.mark.case("amp-routing:P13")
def test_chunked_gzip(upstream: AmpUpstream, amp: FakeAmp) -> None:
    amp.plan(Plan(pieces=tuple(PACKED[at : at + 1] for at in range(len(PACKED)))))
    answer = upstream.send(GET)
    assert whole(answer) == JSON
    assert header(answer.headers, "transfer-encoding") is None


def test_gzip_in_several_members(upstream: AmpUpstream, amp: FakeAmp) -> None:
    amp.plan(Plan(body=PACKED + PACKED))
    assert whole(upstream.send(GET)) == JSON + JSON


@pytest.mark.case("amp-routing:P15")
@pytest.mark.parametrize(
    ("base", "target", "path"),
    [
        ("/base", "/api/user", "/base/api/user"), ("/base/", "/api/user", "/base/api/user"),
        ("", "/api/user", "/api/user"), ("/", "/", "/"), ("/base?a=1", "/x?b=2", "/base/x?a=1&b=2"),
        ("?a=1", "/x", "/x?a=1"), ("", "/a%2Fb//c;d=1/%E2%82%AC?q=%20+&r", "/a%2Fb//c;d=1/%E2%82%AC?q=%20+&r"),
    ],
)  # fmt: skip
def test_where_requests_go(
    amp: FakeAmp, secrets: AmpSecrets, http: HttpClient, base: str, target: str, path: str
) -> None:
    upstream = AmpUpstream(f" {amp.url}{base} ", secrets, http)
    assert sent(upstream, amp, replace(GET, target=target)).target == path


@pytest.mark.case("amp-routing:P18")
@pytest.mark.parametrize(
    "url", ["://invalid", "ampcode.com", "ftp://x", "http://", "http://x:99999", "http://x:a", "http://[::1", "/path"]
)
def test_addresses_that_make_no_sense(url: str, secrets: AmpSecrets, http: HttpClient) -> None:
    with pytest.raises(ValueError, match=r"(?i)address|port|url"):
        AmpUpstream(url, secrets, http)


@pytest.mark.case("amp-routing:P19")
def test_a_broken_file_of_secrets(
    amp: FakeAmp, http: HttpClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "secrets.json").write_text("{")
    upstream = AmpUpstream(amp.url, AmpSecrets(SecretsFile(tmp_path / "secrets.json"), {}), http)
    with caplog.at_level(logging.WARNING):
        assert "x-api-key" not in sent(upstream, amp).headers
    assert "secrets.json" in caplog.text


def test_headers_that_go_on(upstream: AmpUpstream, amp: FakeAmp) -> None:
    headers = [
        ("User-Agent", "amp/1"), ("Anthropic-Beta", "context-1m-2025-08-07,b"), ("X-Request-Id", "r"),
        ("Cookie", "a=b; c=d"), ("Accept-Encoding", "gzip, br"), ("X-Amp-Thread", "T-1"), ("Te", "trailers"),
    ]  # fmt: skip
    fields = dict(sent(upstream, amp, replace(GET, headers=headers)).fields)
    assert {name: fields[name] for name, _ in headers} == dict(headers)
    assert fields["Host"] == f"127.0.0.1:{amp.port}"


def test_headers_of_one_connection_stay(upstream: AmpUpstream, amp: FakeAmp) -> None:
    names = (
        "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Upgrade",
        "X-Named", "X-Also",
    )  # fmt: skip
    headers = [*((name, "x") for name in names), ("Connection", "x-named, Upgrade ,X-ALSO"), ("Host", "client.example")]
    got = sent(upstream, amp, replace(GET, headers=headers)).headers
    assert not {name.lower() for name in names} & got.keys()
    assert got["host"] != "client.example"


def test_what_the_client_did_not_send(upstream: AmpUpstream, amp: FakeAmp) -> None:
    got = sent(upstream, amp).headers
    assert got.keys() == {"host", "accept-encoding"}
    assert got["accept-encoding"] == "identity"


@pytest.mark.parametrize(("had", "has"), [(None, "10.1.1.1"), ("9.9.9.9", "9.9.9.9, 10.1.1.1")])
def test_the_peers_address(upstream: AmpUpstream, amp: FakeAmp, had: str | None, has: str) -> None:
    headers = [("X-Forwarded-For", had)] if had else []
    got = sent(upstream, amp, replace(GET, headers=headers, peer="10.1.1.1"))
    assert got.headers["x-forwarded-for"] == has


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_methods_and_bodies(upstream: AmpUpstream, amp: FakeAmp, method: str) -> None:
    headers = [("Content-Length", "6"), ("Content-Type", "text/x")]
    got = sent(upstream, amp, replace(GET, method=method, headers=headers, body=b"a\x00b\xff\r\n"))
    assert (got.method, got.body) == (method, b"a\x00b\xff\r\n")
    assert got.headers["content-type"] == "text/x"


@pytest.mark.parametrize(("headers", "chunked"), [([("Content-Length", "6")], False), ([], True)])
def test_bodies_in_pieces(upstream: AmpUpstream, amp: FakeAmp, headers: Any, chunked: bool) -> None:
    got = sent(upstream, amp, replace(GET, method="POST", headers=headers, body=iter([b"abc", b"def"])))
    assert got.body == b"abcdef"
    assert ("transfer-encoding" in got.headers, "content-length" in got.headers) == (chunked, not chunked)


def test_an_empty_body_stays_one(upstream: AmpUpstream, amp: FakeAmp) -> None:
    got = sent(upstream, amp, replace(GET, method="POST", headers=[("Content-Length", "0")]))
    assert (got.body, got.headers["content-length"]) == (b"", "0")


def test_answers_come_as_they_are(upstream: AmpUpstream, amp: FakeAmp) -> None:
    headers = (
        ("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2"), ("X-Named", "x"), ("Keep-Alive", "timeout=5"),
        ("Server", "other"), ("Date", "now"), ("X-Folded", "one\r\n  two"), ("Location", "/elsewhere?a=b%20c"),
    )  # fmt: skip
    amp.plan(Plan(status=302, headers=headers, body=b"moved"))
    answer = upstream.send(GET)
    assert (answer.status, whole(answer)) == (302, b"moved")
    assert [value for name, value in answer.headers if name == "Set-Cookie"] == ["a=1; Path=/", "b=2"]
    assert header(answer.headers, "location") == "/elsewhere?a=b%20c"
    assert header(answer.headers, "x-folded") == "one two"
    assert not {"keep-alive", "server", "date", "connection"} & {name.lower() for name, _ in answer.headers}
    assert len(amp.requests) == 1


def test_a_header_that_nobody_would_send_on(upstream: AmpUpstream, amp: FakeAmp) -> None:
    amp.plan(Plan(body=JSON, headers=(("X-Bad", "a\x01b"), ("X-Good", "tab\tand \xe9"))))
    answer = upstream.send(GET)
    assert header(answer.headers, "x-bad") is None
    good = header(answer.headers, "x-good")
    assert good is not None
    assert good.encode("latin-1") == "tab\tand \xe9".encode()
    answer.close()


def test_blocks_arrive_one_by_one(upstream: AmpUpstream, amp: FakeAmp) -> None:
    amp.plan(Plan(pieces=(b"data: 1\n\n", b"data: 2\n\n"), kind="text/event-stream", stall_after=1))
    answer = upstream.send(GET)
    blocks = answer.blocks()
    assert next(blocks) == b"data: 1\n\n"
    amp.release()
    assert b"".join(blocks) == b"data: 2\n\n"


@pytest.mark.parametrize("body", [b"", b"half"])
def test_connections_are_used_again(upstream: AmpUpstream, amp: FakeAmp, body: bytes) -> None:
    amp.always(Plan(body=body))
    assert {sent(upstream, amp).connection for _ in range(3)} == {0}


def test_an_answer_that_breaks_off(upstream: AmpUpstream, amp: FakeAmp) -> None:
    amp.plan(Plan(pieces=(b"aa", b"bb"), cut_after=1))
    answer = upstream.send(GET)
    with pytest.raises(UpstreamTransport):
        whole(answer)


@pytest.mark.parametrize(
    ("environment", "through"),
    [({"HTTP_PROXY": "{}"}, True), ({"HTTP_PROXY": "{}", "NO_PROXY": "127.0.0.1"}, False), ({}, False)],
)
def test_only_proxies_of_the_environment(
    amp: FakeAmp, secrets: AmpSecrets, environment: dict[str, str], through: bool
) -> None:
    with HttpProxy() as proxy:
        filled = {name: value.format(proxy.address) for name, value in environment.items()}
        client = HttpClient(lambda: Settings(proxy_url="http://dead.invalid:9"), filled)
        try:
            assert whole(AmpUpstream(amp.url, secrets, client).send(GET)) == b'{"from":"amp"}'
        finally:
            client.close()
        assert bool(proxy.lines) is through


def test_a_handshake_that_never_ends(secrets: AmpSecrets, http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers may take as long as they like, connections not."""
    monkeypatch.setattr("cliproxy.providers.http._HANDSHAKE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        with pytest.raises(UpstreamTransport):
            AmpUpstream(url, secrets, http).send(GET)
        assert time.monotonic() - started < 5
