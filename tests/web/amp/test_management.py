"""Amp's own routes: guards, paths, changes of the configuration (amp-routing.md 2, 3, 12, 16.7, 16.10)."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from upstream.amp import FakeAmp
from upstream.plan import Plan
from web.amp.conftest import SECRET, World

from cliproxy.config.settings import AmpMapping, AmpUpstreamKey

API = (
    "/api/internal", "/api/internal/some/path", "/api/user", "/api/user/profile", "/api/auth", "/api/auth/login",
    "/api/meta", "/api/telemetry", "/api/threads", "/api/otel", "/api/tab", "/api/tab/some/path", "/api/ads", "/api/thread-actors",
    "/api/internal/", "/api/internal//x",
)  # fmt: skip
PAGES = ("/threads/", "/threads/T-1", "/docs", "/settings", "/settings/x", "/auth", "/auth/cli-login", "/auth/callback")
FEEDS = ("/threads.rss", "/news.rss")
ALL = (*API, *PAGES, *FEEDS)
OFF = {"error": "amp upstream proxy not available"}
FOREIGN = {"error": "Access denied: management routes restricted to localhost"}
ANY = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "TRACE", "CONNECT")


@pytest.mark.case("amp-routing:G1")
@pytest.mark.parametrize("path", ALL)
def test_reaches_amp(world: World, path: str) -> None:
    answer = world.ask("GET", f"{path}?a=b%20c&d")
    assert (answer.status_code, answer.data) == (200, b'{"from":"amp"}')
    assert [request.target for request in world.amp.requests] == [f"{path}?a=b%20c&d"]


@pytest.mark.parametrize("method", ANY)
@pytest.mark.parametrize(
    "path", ["/api/internal", "/api/threads/x", "/api/ads", "/auth", "/auth/x", "/api/provider/google/v1beta1/x"]
)
def test_any_method(world: World, method: str, path: str) -> None:
    body = b"body" if method in ("POST", "PUT", "PATCH") else None
    answer = world.ask(method, path, body)
    assert answer.status_code == 200
    assert answer.data == (b"" if method == "HEAD" else b'{"from":"amp"}')
    assert answer.headers.get("Content-Length", "14") == "14"
    assert (world.amp.requests[0].method, world.amp.requests[0].body) == (method, body or b"")


@pytest.mark.case("amp-routing:G2")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_list_of_gemini_models(world: World, method: str) -> None:
    assert world.ask(method, "/api/provider/google/v1beta1/models").data == b'{"from":"amp"}'
    assert world.amp.requests[0].method == method


@pytest.mark.case("amp-routing:G3")
@pytest.mark.parametrize("path", [*ALL, "/api/provider/google/v1beta1/models"])
def test_without_an_upstream(world: World, path: str) -> None:
    world.ampcode(upstream_url="")
    for headers in ({}, {"Authorization": ""}):
        answer = world.ask("GET", path, **headers)
        assert (answer.status_code, answer.json) == (503, OFF)


@pytest.mark.case("amp-routing:G4")
def test_lists_need_no_upstream(world: World) -> None:
    world.ampcode(upstream_url="")
    assert world.ask("GET", "/api/provider/openai/models").status_code == 200


@pytest.mark.case("amp-routing:G5")
@pytest.mark.parametrize("path", API)
def test_no_key(world: World, path: str) -> None:
    answer = world.ask("GET", path, Authorization="")
    assert (answer.status_code, answer.json) == (401, {"error": "Missing API key"})
    assert world.amp.requests == []


@pytest.mark.case("amp-routing:G6")
@pytest.mark.parametrize("path", PAGES)
def test_pages_need_no_key(world: World, path: str) -> None:
    world.ampcode(upstream_api_keys=(AmpUpstreamKey("of-client", ("client-key",)),))
    for headers in ({"Authorization": ""}, {"Authorization": "Bearer wrong"}, {}):
        assert world.ask("GET", path, **headers).status_code == 200
    assert [request.headers["x-api-key"] for request in world.amp.requests] == [SECRET] * 3


@pytest.mark.case("amp-routing:G7")
@pytest.mark.parametrize("path", FEEDS)
def test_feeds_need_a_key(world: World, path: str) -> None:
    assert world.ask("GET", path, Authorization="").status_code == 401
    assert world.amp.requests == []


HERE, THERE = "127.0.0.1", "192.168.1.100"


@pytest.mark.parametrize(
    ("peer", "forwarded", "status"),
    [
        pytest.param(THERE, "127.0.0.1", 403, marks=pytest.mark.case("amp-routing:G8")),
        pytest.param(HERE, "", 200, marks=pytest.mark.case("amp-routing:G9")),
        pytest.param("::1", "", 200, marks=pytest.mark.case("amp-routing:G9")),
        pytest.param("203.0.113.42", "", 403, marks=pytest.mark.case("amp-routing:G10")),
        pytest.param("2001:db8::1", "", 403, marks=pytest.mark.case("amp-routing:G10")),
        pytest.param("203.0.113.42", "::1", 403, marks=pytest.mark.case("amp-routing:G10")),
        pytest.param(HERE, "203.0.113.42", 403, marks=pytest.mark.case("amp-routing:G10")),
        pytest.param("", "", 403),
        pytest.param("unix:", "", 403),
    ],
)
@pytest.mark.parametrize("path", ["/api/user", "/threads", "/auth/x", "/news.rss"])
def test_only_from_this_machine(
    world: World, peer: str, forwarded: str, status: int, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.ampcode(restrict_management_to_localhost=True)
    answer = world.ask("GET", path, peer=peer, X_Forwarded_For=forwarded)
    assert answer.status_code == status
    if status == 403:
        assert answer.json == FOREIGN
        assert "restricted to localhost" in caplog.text
        assert world.amp.requests == []


def test_model_calls_by_the_bridge_are_guarded_too(world: World) -> None:
    world.ampcode(restrict_management_to_localhost=True)
    path = "/api/provider/google/v1beta1/publishers/google/models/m:generateContent"
    assert world.ask("POST", path, {}, peer=THERE).json == FOREIGN
    assert world.ask("POST", "/api/provider/google/v1beta/models/m:generateContent", {}, peer=THERE).status_code == 200


@pytest.mark.case("amp-routing:G11")
def test_the_restriction_follows_the_configuration(world: World) -> None:
    seen = []
    for restricted in (True, False, True):
        world.ampcode(restrict_management_to_localhost=restricted)
        seen.append(world.ask("GET", "/api/user", peer=THERE).status_code)
    assert seen == [403, 200, 403]


@pytest.mark.case("amp-routing:G12")
@pytest.mark.parametrize("path", ["/api/user", "/threads", "/threads.rss", "/api/provider/google/v1beta1/models"])
def test_no_cors_of_ours(world: World, path: str) -> None:
    def ours(answer: object) -> list[str]:
        headers = getattr(answer, "headers")  # noqa: B009 - any response
        return [name for name, _ in headers if name.lower().startswith("access-control-")]

    assert ours(world.ask("GET", path)) == []
    world.amp.plan(Plan(headers=(("Access-Control-Allow-Origin", "theirs"),)))
    assert world.ask("GET", path).headers.getlist("Access-Control-Allow-Origin") == ["theirs"]
    world.ampcode(upstream_url="")
    assert ours(world.ask("GET", path)) == []


@pytest.mark.case("amp-routing:G13")
@pytest.mark.parametrize("path", ["/api/user", "/api/user/x", "/auth", "/threads", "/news.rss", "/api/ads"])
def test_preflights(world: World, path: str) -> None:
    answer = world.ask("OPTIONS", path, Authorization="")
    assert (answer.status_code, answer.data, world.amp.requests) == (403, b"", [])


@pytest.mark.case("amp-routing:G14")
@pytest.mark.parametrize("method", ["POST", "HEAD", "DELETE"])
@pytest.mark.parametrize("path", ["/threads", "/docs/x", "/settings", "/threads.rss", "/news.rss"])
def test_pages_are_for_reading(world: World, method: str, path: str) -> None:
    assert world.ask(method, path).status_code == 404
    assert world.amp.requests == []


@pytest.mark.case("amp-routing:G15")
@pytest.mark.parametrize(
    "path",
    [
        "/api/ads/x", "/api/unknown", "/api/provider/openai/v1/unknown", "/api", "/api/", "/api/provider", "/api/internals",
        "/api/provider/google/v1beta1", "/api/provider/google", "/threads.rss/x", "/threadsx", "/docsy", "/news",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_paths_do_not_exist(world: World, method: str, path: str) -> None:
    assert world.ask(method, path).status_code == 404
    assert world.amp.requests == []


@pytest.mark.case("amp-routing:G16")
def test_redirects_are_the_clients(world: World) -> None:
    headers = (("Location", "/auth/sign-in?next=%2Fx"), ("Set-Cookie", "a=1; Path=/; HttpOnly"), ("Set-Cookie", "b=2"))
    world.amp.plan(Plan(status=302, headers=headers, body=b""))
    answer = world.ask("GET", "/auth/cli-login", Authorization="")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/auth/sign-in?next=%2Fx")
    assert answer.headers.getlist("Set-Cookie") == ["a=1; Path=/; HttpOnly", "b=2"]
    assert len(world.amp.requests) == 1


@pytest.mark.parametrize("status", [204, 304, 404, 500, 503, 599])
def test_any_status(world: World, status: int) -> None:
    headers = (("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT"), ("ETag", '"x"'), ("X-Own", "1"))
    world.amp.plan(Plan(status=status, headers=headers, body=b"" if status in (204, 304) else b"text"))
    answer = world.ask("GET", "/api/user")
    assert (answer.status_code, dict(headers).items() <= dict(answer.headers).items()) == (status, True)


def test_what_a_client_says_of_itself(world: World) -> None:
    world.ask("GET", "/api/user", User_Agent="amp/1", X_Amp_Thread_ID="T", peer="10.0.0.9")
    headers = world.amp.requests[0].headers
    assert (headers["user-agent"], headers["x-amp-thread-id"]) == ("amp/1", "T")
    assert headers["x-forwarded-for"] == "10.0.0.9"


@pytest.mark.case("amp-routing:P4")
def test_keys_of_single_clients(world: World) -> None:
    world.reload(api_keys=("k1", "k2"))
    world.ampcode(upstream_api_keys=(AmpUpstreamKey("u1", ("k1",)),))
    for key in ("k1", "k2"):
        world.ask("GET", "/api/user", Authorization="", x_api_key=key)
        world.ask("GET", f"/api/user?key={key}&auth_token={key}", Authorization="")
    sent = [(request.headers["x-api-key"], request.target) for request in world.amp.requests]
    assert sent == [("u1", "/api/user")] * 2 + [(SECRET, "/api/user")] * 2


@pytest.mark.case("amp-routing:P6")
def test_amp_cannot_be_reached(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.ampcode(upstream_url="http://127.0.0.1:1")
    answer = world.ask("POST", "/api/internal?x", b"{}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "application/json")
    assert answer.data == b'{"error":"amp_upstream_proxy_error","message":"Failed to reach Amp upstream"}'
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "POST /api/internal" in errors[0]


def test_a_client_key_never_reaches_amp(world: World) -> None:
    world.ampcode(upstream_api_key="")
    world.ask("GET", "/api/user?key=client-key", x_api_key="client-key", x_goog_api_key="client-key")
    request = world.amp.requests[0]
    assert "client-key" not in f"{request.target} {request.fields}"
    assert not {"authorization", "x-api-key", "x-goog-api-key"} & request.headers.keys()


# What the configuration changes while the server runs.


@pytest.mark.case("amp-routing:H2", "amp-routing:H3")
def test_the_upstream_goes_and_comes(world: World, amp: FakeAmp) -> None:
    chat = {"model": "x", "messages": []}
    world.ampcode(upstream_url="")
    assert world.ask("GET", "/api/user").status_code == 503
    assert world.post("openai/v1/chat/completions", chat).status_code == 502
    world.ampcode(upstream_url=amp.url)
    assert world.ask("GET", "/api/user").status_code == 200
    assert world.post("openai/v1/chat/completions", chat).status_code == 200


@pytest.mark.case("amp-routing:H4", "amp-routing:H5", "amp-routing:P18")
def test_another_upstream(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with FakeAmp() as other:
        world.ampcode(upstream_url=f"{other.url}/base")
        world.ask("GET", "/api/user")
        assert [request.target for request in other.requests] == ["/base/api/user"]
        assert other.requests[0].headers["x-api-key"] == SECRET
        world.ampcode(upstream_url="://invalid")
        assert "://invalid" in caplog.text
        world.ask("GET", "/api/user")
        assert len(other.requests) == 2
    assert world.amp.requests == []


@pytest.mark.case("amp-routing:H1")
def test_another_key(world: World) -> None:
    world.ampcode(upstream_api_key="new")
    world.ask("GET", "/api/user")
    assert world.amp.requests[0].headers["authorization"] == "Bearer new"


@pytest.mark.case("amp-routing:H6")
def test_a_client_loses_its_key(world: World) -> None:
    world.reload(api_keys=("k1", "k2"))
    for keys in (("k1", "k2"), ("k1", "k1")):
        world.ampcode(upstream_api_keys=(AmpUpstreamKey("u", keys),))
        world.ask("GET", "/api/user", Authorization="Bearer k2")
    assert [request.headers["x-api-key"] for request in world.amp.requests] == ["u", SECRET]


def test_other_changes_leave_it_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module hears of its own section and of the aliases only (12)."""
    told = []
    monkeypatch.setattr("cliproxy.web.amp.gateway.Gateway.configure", lambda self, settings: told.append(settings))
    world.reload(request_retry=1)
    assert told == []
    world.ampcode(force_model_mappings=True)
    assert len(told) == 1


def test_an_invalid_address_at_start(make_world: Callable[..., World], caplog: pytest.LogCaptureFixture) -> None:
    world = make_world(upstream_url="://invalid")
    assert "://invalid" in caplog.text
    assert world.ask("GET", "/api/user").json == OFF
    assert world.ask("GET", "/api/provider/openai/models").status_code == 200


def test_a_mapping_that_makes_no_sense_is_said_once(
    make_world: Callable[..., World], caplog: pytest.LogCaptureFixture
) -> None:
    """At the start, and again with each configuration that still has it."""
    world = make_world(model_mappings=(AmpMapping("(", "t", regex=True),))
    assert caplog.text.count("is not a regular expression") == 1
    world.ampcode(force_model_mappings=True)
    assert caplog.text.count("is not a regular expression") == 2
