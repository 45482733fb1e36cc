"""Where a call goes (amp-routing.md 5, 13.3, 16.2)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from routes import Models, Named, aliases, router

from cliproxy.routing.decision import RouteType, RoutingRequest
from cliproxy.routing.router import Router

LOCAL, MAPPED, CREDITS = RouteType.LOCAL_PROVIDER, RouteType.MODEL_MAPPING, RouteType.AMP_CREDITS
GPT, CLAUDE = ("openai", "gpt-4"), ("anthropic", "claude-local")
TO_CLAUDE = {"gpt-4": "claude-local"}
A_AND_B = {"some": [("target", "alias-a"), ("target", "alias-b")]}
SONNET, OPUS = "claude-sonnet-4-20250514", "claude-opus-4-5-thinking"
OLD_OPUS = "claude-opus-4-5-20251101"

Make = Callable[[], Router]
CASES: list[tuple[str, Make, str, bool, RouteType, str, str, tuple[str, ...]]] = [
    ("D1", lambda: router(Named(*GPT), mapping=TO_CLAUDE), "gpt-4", False, LOCAL, "gpt-4", "openai", ()),
    ("D2", lambda: router(Named(*CLAUDE), mapping=TO_CLAUDE), "gpt-4", False, MAPPED, "claude-local", "anthropic", ()),
    ("D3", router, "unknown-model", False, CREDITS, "unknown-model", "", ()),
    (
        "D4", lambda: router(Named(*GPT, priority=1), Named(*CLAUDE, priority=2), mapping=TO_CLAUDE),
        "gpt-4", True, MAPPED, "claude-local", "anthropic", (),
    ),
    (
        "D5", lambda: router(Named(*CLAUDE), mapping={"claude-3-5-sonnet": "claude-local"}),
        "claude-3-5-sonnet(thinking:foo)", False, MAPPED, "claude-local(thinking:foo)", "anthropic", (),
    ),
    ("D6", lambda: router(Named(*GPT)), "gpt-4", True, LOCAL, "gpt-4", "openai", ()),
    ("D7", lambda: router(mapping=TO_CLAUDE), "gpt-4", True, CREDITS, "gpt-4", "", ()),
    ("D8", lambda: router(Named(*GPT)), "gpt-4(high)", False, LOCAL, "gpt-4(high)", "openai", ()),
    (
        "D9", lambda: router(Named("p1", "m", priority=20), Named("p2", "m", priority=10)),
        "m", False, LOCAL, "m", "p2", ("m",),
    ),
    (
        "D10",
        lambda: router(
            Named("p", "target", "alias-a", "alias-b"), mapping={"x": "target"}, aliases=aliases(**A_AND_B)
        ),
        "x(low)", False, MAPPED, "target(low)", "p", ("alias-a(low)", "alias-b(low)"),
    ),
    (
        "D11",
        lambda: router(Named("p", "alias-a", "alias-b"), mapping={"x": "target"}, aliases=aliases(**A_AND_B)),
        "x", False, MAPPED, "alias-a", "p", ("alias-b",),
    ),
    ("D12", lambda: router(Named(*GPT, free=False)), "gpt-4", False, CREDITS, "gpt-4", "", ()),
    ("D13", lambda: router(Named(*GPT), mapping={"gpt-4": "gpt-4"}), "gpt-4", True, LOCAL, "gpt-4", "openai", ()),
    ("D14", lambda: router(models=Models.of("claude", SONNET)), SONNET, False, LOCAL, SONNET, "claude", ()),
    (
        "D15", lambda: router(models=Models.of("antigravity", OPUS), mapping={OLD_OPUS: OPUS}),
        OLD_OPUS, False, MAPPED, OPUS, "antigravity", (),
    ),
    ("D16", lambda: router(models=Models.of("openai", "GPT-4")), "gpt-4", False, CREDITS, "gpt-4", "", ()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "model", "force", "kind", "resolved", "provider", "fallbacks"),
    [pytest.param(*case[1:], id=case[0], marks=pytest.mark.case(f"amp-routing:{case[0]}")) for case in CASES],
)
def test_decisions(
    make: Make, model: str, force: bool, kind: RouteType, resolved: str, provider: str, fallbacks: tuple[str, ...]
) -> None:
    decision = make().decide(RoutingRequest(model, force_model_mapping=force))
    assert decision.route_type is kind
    assert (decision.requested_model, decision.resolved_model) == (model, resolved)
    assert decision.provider_name == provider
    assert decision.fallback_models == fallbacks
    assert decision.has_fallbacks is bool(fallbacks)
    assert decision.should_proxy is (kind is CREDITS)
    assert decision.is_local is (kind in (LOCAL, MAPPED))


@pytest.mark.parametrize("prefer", [False, True])
def test_preferring_local_providers_changes_nothing(prefer: bool) -> None:
    routing = router(Named(*GPT), Named(*CLAUDE), mapping=TO_CLAUDE)
    request = RoutingRequest("gpt-4", prefer_local_provider=prefer, force_model_mapping=True)
    assert routing.decide(request).route_type is MAPPED


def test_without_a_proxy_nobody_is_left() -> None:
    decision = router().decide(RoutingRequest("x", proxy_available=False))
    assert decision.route_type is RouteType.NO_PROVIDER
    assert not decision.should_proxy
    assert not decision.is_local


def test_auto_is_a_name_like_any_other() -> None:
    assert router(models=Models.of("p", "m")).decide(RoutingRequest("auto")).should_proxy
    mapped = router(models=Models.of("p", "m"), mapping={"auto": "m"}).decide(RoutingRequest("auto"))
    assert (mapped.route_type, mapped.resolved_model) == (MAPPED, "m")


def test_a_mapped_model_is_nobodys_own_fallback() -> None:
    """Names that differ only in case are listed once (5)."""
    names = aliases(one=[("target", "ALIAS"), ("alias", "Target")], two=[("TARGET", "alias")])
    decision = router(Named("p", "target", "ALIAS", "alias"), mapping={"x": "target"}, aliases=names).decide(
        RoutingRequest("x")
    )
    assert decision.fallback_models == ("ALIAS",)


def test_an_alias_that_nobody_offers_is_no_fallback() -> None:
    decision = router(Named("p", "target", "alias-b"), mapping={"x": "target(low)"}, aliases=aliases(**A_AND_B)).decide(
        RoutingRequest("x")
    )
    assert (decision.resolved_model, decision.fallback_models) == ("target(low)", ("alias-b(low)",))


@pytest.mark.case("amp-routing:D17")
def test_candidates_of_a_mapped_model() -> None:
    routing = router(Named("p", "target-model"), mapping={"user-model": "target-model"})
    found = routing.resolve("user-model")
    assert (found.requested_model, found.resolved_model) == ("user-model", "target-model")
    assert [candidate.model for candidate in found.candidates] == ["target-model"]


@pytest.mark.case("amp-routing:D18")
def test_candidates_of_oauth_aliases_follow() -> None:
    routing = router(
        Named("oauth-2", "fallback-model", priority=2), Named("oauth-1", "primary-model", priority=1),
        aliases=aliases(some=[("primary-model", "fallback-model")]),
    )  # fmt: skip
    found = routing.resolve("primary-model")
    assert (found.requested_model, found.resolved_model) == ("primary-model", "primary-model")
    assert [(c.provider.name, c.model) for c in found.candidates] == [
        ("oauth-1", "primary-model"), ("oauth-2", "fallback-model"),
    ]  # fmt: skip


@pytest.mark.case("amp-routing:D19")
def test_no_candidates() -> None:
    found = router().resolve("unknown-model")
    assert (found.requested_model, found.resolved_model, found.candidates) == ("unknown-model", "unknown-model", ())


def test_candidates_carry_the_suffix() -> None:
    routing = router(
        Named("p", "target", "alias"), mapping={"x": "target"},
        aliases=aliases(some=[("target", "alias(low)"), ("target", "alias")]),
    )  # fmt: skip
    found = routing.resolve("x(high)")
    assert found.resolved_model == "target"
    assert [c.model for c in found.candidates] == ["target(high)", "alias(low)", "alias(high)"]


def test_candidates_of_one_priority_stay_in_order() -> None:
    routing = router(Named("b", "m"), Named("a", "m"), Named("first", "m", priority=0))
    assert [c.provider.name for c in routing.candidates("m")] == ["first", "b", "a"]


def test_several_provider_keys_of_the_registry() -> None:
    decision = router(models=Models(m=("claude", "antigravity"))).decide(RoutingRequest("m"))
    assert (decision.provider_name, decision.fallback_models) == ("claude", ("m",))
