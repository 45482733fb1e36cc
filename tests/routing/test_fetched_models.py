"""Lists that an upstream is asked for, in the background (credentials.md 12.1, 3.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cliproxy.config.settings import OAuthAlias, Settings
from cliproxy.providers.antigravity_models import ListedModel
from cliproxy.providers.credential import Credential
from cliproxy.routing.fetched_models import FetchedModels, entry_of
from cliproxy.routing.registration import models_for
from cliproxy.routing.tables import TABLES, ModelInfo, static_model

ACCOUNT = Credential("a.json", "antigravity", metadata={"email": "x"})


class World:
    """An upstream that lists models, and what is spawned."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.lists: list[Sequence[str] | Exception] = []
        self.asked = 0
        self.changed: list[str] = []
        self.jobs: list[Callable[[], None]] = []
        self.fetched = FetchedModels(
            self.fetch, self.changed.append, clock=lambda: self.now, spawn=self.jobs.append
        )

    def fetch(self, credential: Credential) -> list[ListedModel]:
        self.asked += 1
        found = self.lists.pop(0)
        if isinstance(found, Exception):
            raise found
        return [ListedModel(name, name.upper()) for name in found]

    def run(self) -> None:
        while self.jobs:
            self.jobs.pop(0)()

    def names(self) -> list[str]:
        return [model.id for model in self.fetched.of(ACCOUNT)]


def test_asked_in_the_background() -> None:
    world = World()
    world.lists = [["m"]]
    assert world.names() == []
    assert world.names() == []  # one at a time
    assert len(world.jobs) == 1
    world.run()
    assert (world.names(), world.changed, world.asked) == (["m"], ["a.json"], 1)


def test_asked_again_when_it_is_old() -> None:
    world = World()
    world.lists = [["m"], ["m"], ["m", "n"], []]
    world.names()
    for passed, expected, changes in ((299, 1, 1), (1, 2, 1), (300, 3, 2), (300, 4, 2)):
        world.run()
        world.now += passed
        world.names()
        world.run()
        assert (world.asked, len(world.changed)) == (expected, changes)
    assert world.names() == ["m", "n"]  # a list that failed to come is no reason to forget the old one


def test_a_failure_is_tried_again_after_a_minute() -> None:
    world = World()
    world.lists = [ZeroDivisionError("inside"), ["m"]]
    world.names()
    world.run()
    world.now += 59
    assert (world.names(), world.jobs) == ([], [])
    world.now += 1
    world.names()
    world.run()
    assert world.names() == ["m"]


def test_what_is_registered() -> None:
    settings = Settings(
        oauth_excluded_models={"antigravity": ("tab_*",)},
        oauth_model_alias={"antigravity": (OAuthAlias("gemini-3-pro-high", "gemini-3-pro-preview"),)},
    )
    fetched = [ModelInfo(name) for name in ("gemini-3-pro-high", "tab_flash_lite_preview", "new-one")]
    assert [model.id for model in models_for(ACCOUNT, settings, fetched)] == ["gemini-3-pro-preview", "new-one"]
    assert models_for(ACCOUNT, settings, []) == []


def test_an_entry() -> None:
    found = entry_of(ListedModel("claude-sonnet-4-5", "Claude"), 7)
    assert (found.id, found.name, found.version, found.created) == ("claude-sonnet-4-5",) * 3 + (7,)
    assert (found.display_name, found.description, found.owned_by, found.type) == ("Claude", "Claude", "antigravity", "antigravity")
    assert (found.max_completion_tokens, found.thinking) == (64000, None)
    assert entry_of(ListedModel("gemini-3-flash", "F"), 7).thinking == static_model("gemini-3-flash").thinking  # type: ignore[union-attr]


def test_the_table_of_overrides() -> None:
    ids = [model.id for model in TABLES["antigravity"]]
    assert ids == sorted(ids)
    assert all(model.created == 0 for model in TABLES["antigravity"])
    found = static_model("claude-opus-4-5-thinking")
    assert found is not None
    assert found.thinking is not None
    assert (found.max_completion_tokens, found.thinking.min, found.thinking.max) == (64000, 1024, 128000)
    assert found.thinking.zero_allowed
    assert found.thinking.dynamic_allowed
