"""Counting credentials per model, and the lists that clients see (credentials.md 11, C49 to C53)."""

from __future__ import annotations

import pytest

from cliproxy.errors import UnknownModel
from cliproxy.routing.registry import ModelRegistry
from cliproxy.routing.resolver import Resolver
from cliproxy.routing.tables import ModelInfo


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(clock: Clock) -> ModelRegistry:
    return ModelRegistry(clock)


def models(*names: str, created: int = 0) -> list[ModelInfo]:
    return [ModelInfo(name, created=created) for name in names]


def listed(registry: ModelRegistry) -> list[str]:
    return [model.id for model in registry.available()]


def test_a_model_lives_as_long_as_its_credentials(registry: ModelRegistry) -> None:
    registry.register("a", "P", models("m", "n"))
    registry.register("b", "q", models("m"))
    assert listed(registry) == ["m", "n"]
    assert (registry.count("m"), registry.providers_of("m")) == (2, ("p", "q"))
    registry.unregister("a")
    assert (listed(registry), registry.providers_of("m")) == (["m"], ("q",))
    registry.unregister("b")
    assert (listed(registry), registry.providers_of("m"), registry.count("m")) == ([], (), 0)


def test_providers_with_more_credentials_come_first(registry: ModelRegistry) -> None:
    for client, provider in (("1", "z"), ("2", "z"), ("3", "a"), ("4", "b")):
        registry.register(client, provider, models("m"))
    assert registry.providers_of("m") == ("z", "a", "b")


@pytest.mark.case("credentials:C51")
def test_registered_again_with_other_models(registry: ModelRegistry) -> None:
    registry.register("a", "p", models("old", "kept"))
    registry.register("b", "p", models("kept"))
    registry.register("a", "p", models("kept", "new"))
    assert listed(registry) == ["kept", "new"]
    assert [registry.count(name) for name in ("old", "kept", "new")] == [0, 2, 1]


@pytest.mark.case("credentials:C49")
def test_suspended_ones_do_not_count(registry: ModelRegistry) -> None:
    registry.register("a", "p", models("m"))
    registry.register("b", "p", models("m"))
    registry.suspend("a", "m", "unauthorized")
    assert (listed(registry), registry.count("m")) == (["m"], 1)
    registry.suspend("b", "m", "unauthorized")
    assert (listed(registry), registry.count("m")) == ([], 0)
    assert registry.providers_of("m") == ("p",)  # requests still find it
    registry.resume("a", "m")
    assert listed(registry) == ["m"]


@pytest.mark.case("credentials:C50")
def test_a_cooldown_is_no_reason_to_hide_a_model(registry: ModelRegistry, clock: Clock) -> None:
    registry.register("a", "p", models("m"))
    registry.mark_quota("a", "m")
    registry.suspend("a", "m", "quota")
    assert (listed(registry), registry.count("m")) == (["m"], 0)
    registry.resume("a", "m")
    clock.now += 301
    assert registry.count("m") == 1


@pytest.mark.case("credentials:C53")
def test_registering_again_ends_a_suspension(registry: ModelRegistry) -> None:
    registry.register("a", "p", models("m"))
    registry.suspend("a", "m", "unauthorized")
    registry.register("a", "p", models("m"))
    assert registry.count("m") == 1


def test_support_ignores_case(registry: ModelRegistry) -> None:
    registry.register("a", "p", models("Team/M"))
    assert registry.supports("a", " team/m ")
    assert not registry.supports("a", "m")
    assert not registry.supports("b", "team/m")


def test_auto_is_the_newest_that_can_be_used(registry: ModelRegistry) -> None:
    resolver = Resolver(registry)
    with pytest.raises(UnknownModel, match="unknown provider for model auto"):
        resolver.resolve("auto")
    registry.register("a", "p", models("old", created=1))
    registry.register("b", "p", models("new", created=2))
    assert resolver.resolve("auto(high)").model == "new(high)"
    registry.suspend("b", "new", "unauthorized")
    assert resolver.resolve("auto").model == "old"


@pytest.mark.parametrize(
    ("asked", "model"), [("m", "m"), ("m(high)", "m(high)"), ("odd(name)", "odd(name)"), ("m()", "m()")]
)
def test_names(registry: ModelRegistry, asked: str, model: str) -> None:
    registry.register("a", "p", models("m"))
    registry.register("b", "q", models("odd(name)"))
    route = Resolver(registry).resolve(asked)
    assert (route.model, route.providers) == (model, ("q",) if "odd" in asked else ("p",))


@pytest.mark.parametrize("name", ["", "M", "x", "x(high)", "(high)"])
def test_unknown_names(registry: ModelRegistry, name: str) -> None:
    registry.register("a", "p", models("m"))
    with pytest.raises(UnknownModel):
        Resolver(registry).resolve(name)


def test_shapes(registry: ModelRegistry) -> None:
    registry.register("a", "gemini", [ModelInfo("g", "google", "gemini", 5, "G", "models/g", "2.5", "text", 10, 20)])
    assert registry.openai_models() == [{"id": "g", "object": "model", "created": 5, "owned_by": "google"}]
    (claude,) = registry.claude_models()
    assert (claude["type"], claude["created_at"], claude["display_name"]) == ("model", 5, "G")
    assert registry.gemini_models() == [
        {
            "name": "models/g", "version": "2.5", "displayName": "G", "description": "text", "inputTokenLimit": 10,
            "outputTokenLimit": 20, "supportedGenerationMethods": ["generateContent"],
        }
    ]  # fmt: skip
