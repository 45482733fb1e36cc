"""Whole responses of mapped calls, and the context that makes them (amp-routing.md 6.1, 8.2)."""

from __future__ import annotations

import pytest
from flask import Response

from cliproxy.routing.decision import RouteType, RoutingDecision
from cliproxy.routing.rewriting import rewriter_for
from cliproxy.web.amp.routed import restored
from cliproxy.web.authentication import Principal
from cliproxy.web.context import RequestContext
from cliproxy.web.streaming import Body

LONG = "a-longer-name"


@pytest.mark.case("amp-routing:R13")
@pytest.mark.parametrize("status", [201, 202])
def test_status_and_headers_stay(status: int) -> None:
    kind = "application/json"
    answer = Response(b'{"model":"t","n":1}', status, headers={"X-Request-ID": "r"}, content_type=kind)
    found = restored(answer, rewriter_for(LONG, "t", kind))
    assert (found.status_code, found.headers["X-Request-ID"], found.headers["Content-Type"]) == (status, "r", kind)
    assert found.get_data() == b'{"model":"a-longer-name","n":1}'
    assert found.headers["Content-Length"] == str(len(found.get_data()))


def test_a_streamed_body_is_closed_with_it() -> None:
    closed = []
    body = Body(iter([b'data: {"model"', b':"t"}\n\n', b"data: rest"]), lambda: closed.append(True))
    answer = Response(body, 200, headers={"Content-Length": "99"}, direct_passthrough=True)
    found = restored(answer, rewriter_for(LONG, "t", "text/event-stream"))
    assert isinstance(found.response, Body)
    assert list(found.response) == [b'data: {"model":"a-longer-name"}\n\n', b"data: rest"]
    assert "Content-Length" not in found.headers
    found.response.close()
    assert closed == [True]


def test_without_a_rewriter_nothing_is_touched() -> None:
    answer = Response(b'{"model":"t"}')
    assert restored(answer, None).get_data() == b'{"model":"t"}'


@pytest.mark.parametrize(
    ("decision", "mapped", "fallbacks", "name"),
    [
        (None, "", (), "asked"),
        (RoutingDecision(RouteType.LOCAL_PROVIDER, "m", "m", "p", ("m",)), "", (), "asked"),
        (RoutingDecision(RouteType.MODEL_MAPPING, "m(low)", "t(low)", "p", ("u",)), "t(low)", ("u",), "m(low)"),
        (RoutingDecision(RouteType.NO_PROVIDER, "m", "m"), "", (), "asked"),
    ],
)
def test_what_the_context_says(
    decision: RoutingDecision | None, mapped: str, fallbacks: tuple[str, ...], name: str
) -> None:
    context = RequestContext({}, Principal(), b"{}", {}, decision)
    assert (context.mapped_model, context.fallback_models) == (mapped, fallbacks)
    assert context.client_model("asked") == name
