"""Running a call along its candidates, and providers that delegate to the pool (amp-routing.md 13.2, 13.4, 16.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pool.bench import Bench, status
from routes import Named, aliases, router

from cliproxy.config.settings import CompatKey, CompatProvider, KeyEntry, Model
from cliproxy.errors import AuthNotFound, PoolError, UpstreamStatus
from cliproxy.providers.base import Call
from cliproxy.providers.credential import Credential
from cliproxy.routing.executor import PoolUpstreams, Routing, RoutingExecutor
from cliproxy.routing.route_providers import ApiKeyProvider, OAuthProvider, ProviderType, RouteProvider


def call(model: str = "m") -> Call:
    return Call("openai", b"{}", {}, model, model)


def executor(*providers: Named, **more: Any) -> RoutingExecutor:
    return RoutingExecutor(router(*providers, **more))


def run(found: RoutingExecutor, stream: bool, model: str = "m") -> str:
    """Who answers."""
    answer = found.execute_stream(call(model)).first if stream else found.execute(call(model)).body
    return answer.decode()


STREAM = pytest.mark.parametrize("stream", [False, True])


@STREAM
def test_e1_the_first_fails(stream: bool) -> None:
    first, second = Named("first", "m", fails=500), Named("second", "m")
    assert run(executor(first, second), stream) == "second"
    assert (first.asked, second.asked) == (["m"], ["m"])


@STREAM
def test_e2_all_fail(stream: bool) -> None:
    with pytest.raises(UpstreamStatus, match="second says no"):
        run(executor(Named("first", "m", fails=500), Named("second", "m", fails=429)), stream)


@STREAM
def test_e3_nobody(stream: bool) -> None:
    with pytest.raises(PoolError, match=r"^no available providers$"):
        run(executor(), stream)


@STREAM
def test_e4_the_same_twice(stream: bool) -> None:
    only = Named("only", "m", fails=500)
    names = aliases(one=[("m", "M2"), ("m", "m(low)")])
    found = executor(only, only, aliases=names)
    with pytest.raises(UpstreamStatus):
        run(found, stream)
    assert only.asked == ["m", "m(low)"]


@STREAM
@pytest.mark.parametrize("code", [400, 413, 422])
def test_a_fault_of_the_request_ends_it(stream: bool, code: int) -> None:
    second = Named("second", "m")
    with pytest.raises(UpstreamStatus, match="first says no"):
        run(executor(Named("first", "m", fails=code), second), stream)
    assert second.asked == []


@STREAM
def test_the_mapped_name_is_asked(stream: bool) -> None:
    only = Named("only", "target")
    assert run(executor(only, mapping={"x": "target"}), stream, "x(low)") == "only"
    assert only.asked == ["target(low)"]


class World:
    """A pool with its routing."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.upstreams = PoolUpstreams(bench.pool, bench.registry, bench.dispatcher)

    def oauth(self, *ids: str, **more: Any) -> OAuthProvider:
        return OAuthProvider("oauth", self.upstreams, [Credential(id_, "p") for id_ in ids], **more)

    def asked(self, provider: RouteProvider, model: str = "m", *, stream: bool = False) -> str:
        """Who answers."""
        answer = provider.execute_stream(model, call()).first if stream else provider.execute(model, call()).body
        return answer.decode()


@pytest.fixture
def world() -> World:
    bench = Bench()
    bench.add("a", "b", "c")
    return World(bench)


@STREAM
def test_only_its_own_logins_are_asked(world: World, stream: bool) -> None:
    provider = world.oauth("b", "c")
    assert {world.asked(provider, stream=stream) for _ in range(4)} == {"b", "c"}
    provider.remove("c")
    provider.remove("never there")
    assert {world.asked(provider, stream=stream) for _ in range(4)} == {"b"}
    provider.add(Credential("a", "p"))
    assert {world.asked(provider, stream=stream) for _ in range(4)} == {"a", "b"}


def test_a_login_that_fails_is_followed_by_the_next(world: World) -> None:
    world.bench.provider.plan = {"b": [status(500)]}
    assert world.asked(world.oauth("b", "c")) == "c"
    assert world.bench.provider.order == "b c"


def test_what_a_login_offers(world: World) -> None:
    provider = world.oauth("a", "gone")
    assert (provider.type, provider.priority) == (ProviderType.OAUTH, 10)
    assert provider.supports("m(high)")
    assert provider.available("m(high)")
    assert not provider.supports("other")
    assert not provider.available("other")
    assert not world.oauth("gone").supports("m")


@STREAM
def test_no_free_login(world: World, stream: bool) -> None:
    provider = world.oauth("a")
    world.bench.provider.plan = {"a": [status(429)]}
    with pytest.raises(UpstreamStatus):
        world.asked(provider)
    assert provider.supports("m")
    assert not provider.available("m")
    with pytest.raises(AuthNotFound, match=r"^no available OAuth auth for model m$"):
        world.asked(provider, stream=stream)
    world.bench.clock.now += 10_000
    assert provider.available("m")


def test_the_suffix_reaches_the_upstream(world: World) -> None:
    world.asked(world.oauth("a"), "m(high)")
    assert world.bench.provider.asked == [("a", "m(high)")]


def keys(world: World) -> ApiKeyProvider:
    """Entries as the configuration has them, and a credential of theirs in the pool."""
    models = (Model("real-name", "Alias"), Model("plain"))
    service = CompatProvider("p", base_url="http://x", api_key_entries=(CompatKey("k"),), models=models)
    world.bench.models["k"] = ("Alias", "plain")
    world.bench.settings = replace(world.bench.settings, openai_compatibility=(service,))
    world.bench.add("k", attributes={"compat_name": "p", "provider_key": "p", "api_key": "k", "base_url": "http://x"})
    return ApiKeyProvider("keys", "p", world.upstreams, [KeyEntry("k", models=models)])


@STREAM
@pytest.mark.parametrize(
    ("model", "sent"),
    [("alias", "real-name"), ("ALIAS(high)", "real-name(high)"), ("Real-Name", "real-name"), ("plain(5)", "plain(5)")],
)
def test_keys_send_the_name_behind_an_alias(world: World, model: str, sent: str, stream: bool) -> None:
    assert world.asked(keys(world), model, stream=stream) == "k"
    assert world.bench.provider.asked == [("k", sent)]


@STREAM
def test_keys_that_do_not_list_a_model(world: World, stream: bool) -> None:
    provider = keys(world)
    assert (provider.type, provider.priority) == (ProviderType.API_KEY, 20)
    assert (provider.supports("m"), provider.available("m")) == (False, False)
    with pytest.raises(AuthNotFound, match=r"^no API key supports the requested model$"):
        world.asked(provider, "m", stream=stream)
    provider.add(KeyEntry("k2", models=(Model("m"),)))
    assert provider.available("M(low)")


@STREAM
def test_without_registered_providers_the_models_decide(world: World, stream: bool) -> None:
    bench = world.bench
    routing = Routing.of(bench.pool, bench.registry, bench.dispatcher, bench.settings)
    assert routing.providers.all() == ()
    (found,) = routing.providers.find("m")
    assert (found.name, found.priority, found.supports("m(low)"), found.supports("x")) == ("p", 0, True, False)
    assert run(routing.executor, stream) in ("a", "b", "c")
    mine = Named("mine", "m")
    routing.providers.register(mine)
    assert routing.providers.all() == (mine,)
    assert run(routing.executor, stream) == "mine"


def test_a_restricted_call_waits_for_nobody_else(world: World) -> None:
    """Credentials that are not named are as good as tried."""
    world.bench.provider.plan = {"a": [status(500)]}
    with pytest.raises(UpstreamStatus):
        world.bench.dispatcher.execute(["p"], replace(call(), only_credentials=frozenset({"a"})))
    assert world.bench.provider.order == "a"
