"""Gemini calls of Amp: by the bridge and by the plain path (amp-routing.md 9, 16.5)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from upstream.content import Reply
from upstream.plan import Plan
from web.amp.conftest import World

from cliproxy.web.amp.gateway import Gateway
from cliproxy.web.amp.management import GeminiBridge, ManagementView
from cliproxy.web.amp.routed import RoutedView
from cliproxy.web.authentication import Principal
from cliproxy.web.gemini import act

BRIDGE = "google/v1beta1/publishers/google/models"
PLAIN = "google/v1beta/models"
BODY: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


@pytest.mark.case("amp-routing:B1")
def test_a_local_model(world: World) -> None:
    world.offer_gemini("gemini-pro")
    answer = world.post(f"{BRIDGE}/gemini-pro:generateContent", BODY)
    assert (answer.status_code, world.calls) == (200, (1, 0))
    assert world.local.requests[0].path == "/v1beta/models/gemini-pro:generateContent"
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.case("amp-routing:B2")
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "PUT"])
def test_other_methods_go_to_amp(world: World, method: str) -> None:
    world.offer_gemini("gemini-pro")
    assert world.ask(method, f"/api/provider/{BRIDGE}/gemini-pro").status_code == 200
    assert world.calls == (0, 1)
    assert world.amp.requests[0].method == method


@pytest.mark.case("amp-routing:B3")
def test_a_model_that_nobody_has(world: World) -> None:
    path = f"/api/provider/{BRIDGE}/gemini-pro:generateContent"
    answer = world.ask("POST", f"{path}?alt=sse", BODY)
    assert (answer.data, world.calls) == (b'{"from":"amp"}', (0, 1))
    assert world.amp.requests[0].target == f"{path}?alt=sse"
    assert world.amp.requests[0].json == BODY


@pytest.mark.case("amp-routing:B4")
@pytest.mark.parametrize("suffix", ["", "(1024)"])
def test_a_mapped_model(world: World, suffix: str) -> None:
    world.offer_gemini("gemini-2.0-flash")
    world.map(("gemini-exp", "gemini-2.0-flash"))
    answer = world.post(f"{BRIDGE}/gemini-exp{suffix}:generateContent", BODY)
    assert answer.status_code == 200
    assert world.local.requests[0].path == "/v1beta/models/gemini-2.0-flash:generateContent"
    assert answer.json["modelVersion"] == f"gemini-exp{suffix}"


@pytest.mark.case("amp-routing:B5")
def test_a_mapped_stream(world: World) -> None:
    world.offer_gemini("gemini-flash")
    world.map(("gemini-2.5-preview", "gemini-flash"))
    answer = world.post(f"{BRIDGE}/gemini-2.5-preview:streamGenerateContent?alt=sse", BODY)
    assert world.local.requests[0].path == "/v1beta/models/gemini-flash:streamGenerateContent"
    events = [json.loads(line[6:]) for line in answer.data.splitlines() if line.startswith(b"data: {")]
    assert {event["modelVersion"] for event in events} == {"gemini-2.5-preview"}


@pytest.mark.parametrize("path", [BRIDGE, PLAIN])
def test_counting(world: World, path: str) -> None:
    world.offer_gemini("m")
    world.map(("x", "m"))
    answer = world.post(f"{path}/x:countTokens", BODY)
    assert (answer.status_code, world.local.requests[0].path) == (200, "/v1beta/models/m:countTokens")


@pytest.mark.case("amp-routing:B6")
def test_the_bridge_on_a_path_without_a_model(world: World) -> None:
    """No route leads there; an embedder may (9)."""
    gateway = Gateway(world.app.extensions["cliproxy"], world.app.extensions["cliproxy.routing"], None, None, lambda e: Principal())  # type: ignore[arg-type]  # fmt: skip
    bridge = GeminiBridge(ManagementView(gateway), RoutedView(gateway, act))
    answer = bridge.call(Principal(), "/invalid/path")
    assert (answer.status_code, answer.get_json()) == (400, {"error": "Invalid Gemini API path format"})


@pytest.mark.case("amp-routing:B7")
@pytest.mark.parametrize("path", ["google/v1beta1/models", "google/v1beta1/", "google/v1beta1/models:x"])
def test_posts_without_a_model_go_to_amp(world: World, path: str) -> None:
    assert world.post(path, {}).status_code == 200
    assert world.amp.requests[0].target == f"/api/provider/{path}"


@pytest.mark.case("amp-routing:B8")
def test_a_local_model_on_the_plain_path(world: World) -> None:
    world.offer_gemini("gemini-2.5-pro")
    assert world.post(f"{PLAIN}/gemini-2.5-pro:generateContent", BODY).status_code == 200
    assert world.calls == (1, 0)


@pytest.mark.case("amp-routing:B9")
@pytest.mark.parametrize("method", ["generateContent", "streamGenerateContent?alt=sse"])
def test_a_mapped_model_on_the_plain_path(world: World, method: str) -> None:
    world.offer_gemini("gemini-2.5-pro")
    world.map(("gemini-exp", "gemini-2.5-pro"))
    answer = world.post(f"{PLAIN}/gemini-exp:{method}", BODY)
    assert answer.status_code == 200
    assert world.local.requests[0].path == f"/v1beta/models/gemini-2.5-pro:{method.partition('?')[0]}"
    assert b'"modelVersion":"gemini-exp"' in answer.data.replace(b" ", b"")


@pytest.mark.case("amp-routing:B10")
def test_a_local_model_needs_no_amp(world: World) -> None:
    world.ampcode(upstream_url="")
    world.offer_gemini("gemini-pro")
    assert world.post(f"{BRIDGE}/gemini-pro:generateContent", BODY).status_code == 200
    nobody = world.post(f"{BRIDGE}/other:generateContent", BODY)
    assert (nobody.status_code, nobody.json["error"]["message"]) == (502, "unknown provider for model other")
    assert world.post("google/v1beta1/models", {}).status_code == 503


def test_a_body_with_a_model_of_its_own(world: World) -> None:
    """The body's name decides, and both are replaced (4, 8.1, 9)."""
    world.offer_gemini("g")
    world.map(("in-body", "g"))
    answer = world.post(f"{PLAIN}/in-path:generateContent", {"model": "in-body", **BODY})
    assert answer.json["modelVersion"] == "in-body"
    assert world.local.requests[0].path == "/v1beta/models/g:generateContent"


@pytest.mark.parametrize("action", ["m", "m:unknown", "m:a:generateContent"])
@pytest.mark.parametrize("path", [BRIDGE, PLAIN])
def test_actions_that_do_not_exist(world: World, path: str, action: str) -> None:
    world.offer_gemini("m")
    answer = world.post(f"{path}/{action}", BODY)
    if action == "m" and path == BRIDGE:
        assert answer.status_code == 404
    full = f"/api/provider/{path}/{action}"
    assert (answer.status_code, answer.json) == (
        404, {"error": {"message": f"{full} not found.", "type": "invalid_request_error"}},
    )  # fmt: skip


@pytest.mark.parametrize("alt", ["json", "raw"])
def test_other_framings_of_a_mapped_stream(world: World, alt: str) -> None:
    world.offer_gemini("m")
    world.map(("x", "m"))
    answer = world.post(f"{PLAIN}/x:streamGenerateContent?alt={alt}", BODY)
    assert b'"modelVersion":"x"' in answer.data.replace(b" ", b"")
    assert b'"modelVersion":"m"' not in answer.data.replace(b" ", b"")


@pytest.mark.parametrize("alt", ["json", "raw"])
def test_other_framings_arrive_in_pieces(world: World, alt: str) -> None:
    world.offer_gemini("m")
    world.map(("x", "m"))
    world.local.plan(Plan(reply=Reply(text=["one", "two", "three"]), stall_after=1))
    answer = world.post(f"{PLAIN}/x:streamGenerateContent?alt={alt}", BODY)
    pieces = iter(answer.response)
    first = next(pieces)
    assert b"one" in first
    world.local.release()
    assert b"three" in b"".join(pieces)


def test_a_placeholder_beside_a_valid_key(world: World) -> None:
    """As Amp sends it on these paths (clients.md)."""
    world.offer_gemini("m")
    answer = world.post(f"{BRIDGE}/m:generateContent", BODY, x_goog_api_key="placeholder")
    assert answer.status_code == 200


def test_an_error_of_a_mapped_call(world: World) -> None:
    world.offer_gemini("m")
    world.map(("x", "m"))
    world.local.plan(Plan(status=400))
    answer = world.post(f"{PLAIN}/x:generateContent", BODY)
    assert (answer.status_code, answer.json["error"]["message"]) == (400, "upstream says no")
