"""A 401: the token is renewed once, then the same credential is asked again; what requests hear of failed refreshes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pool.bench import status
from pool.renewing import Kept

from cliproxy.errors import LoginError, RefreshRejected, UpstreamError, UpstreamStatus
from cliproxy.pool.dispatch import Dispatcher
from cliproxy.pool.token_keeper import PoolTokens
from cliproxy.providers.base import Answer, Call
from cliproxy.providers.credential import Credential

HOUR = 3600.0


class World(Kept):
    """A pool whose dispatcher renews after a 401. Only ``good`` tokens are accepted upstream."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.tokens = PoolTokens(self.bench.clock)
        self.scheduler._spawn = lambda work: work()
        self.tokens.bind(self.bench.pool, self.scheduler)
        self.bench.dispatcher = Dispatcher(
            self.bench.pool, settings=lambda: self.bench.settings, usage=self.bench, renew=self.tokens.after_refusal,
            sleep=self.bench.clock.sleep, chance=lambda: 0.0,
        )  # fmt: skip
        self.good: set[str] = set()
        self.seen: list[tuple[str, str]] = []
        self.provider.execute = self.execute  # type: ignore[method-assign]

    def execute(self, credential: Credential, call: Call, model: str) -> Answer:
        token = credential.metadata.get("access_token", "")
        self.seen.append((credential.id, token))
        if token not in self.good:
            raise status(401, '{"error":{"code":"token_expired"}}')
        return Answer(credential.id.encode(), model)


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.write(expired=world.ends_in(9 * HOUR), access_token="old", refresh_token="r")
    world.good = {"new"}
    return world


def test_renewed_and_asked_again(world: World) -> None:
    world.provider.tokens = [{"access_token": "new"}]
    assert world.bench.ask() == "a.json"
    assert world.seen == [("a.json", "old"), ("a.json", "new")]
    assert world.read()["access_token"] == "new"
    assert world.bench.block_end("a.json") is None
    assert [used.failed for used in world.bench.used] == [False]  # one attempt, one result
    assert world.bench.ask() == "a.json"
    assert world.provider.refreshed == ["a.json"]


def test_a_stream_too(world: World) -> None:
    stream = world.provider.stream

    def strict(credential: Credential, call: Call, model: str) -> Any:
        world.execute(credential, call, model)
        return stream(credential, call, model)

    world.provider.stream = strict  # type: ignore[method-assign]
    world.provider.tokens = [{"access_token": "new"}]
    started = world.bench.stream()
    assert (started.first, list(started.stream)) == (b"a.json", [])


@pytest.mark.parametrize(
    "outcome", [RefreshRejected("invalid_grant", status=400), status(503), {}, LoginError("no secret")],
    ids=["revoked", "down", "nothing new", "no secret"],
)  # fmt: skip
def test_a_refresh_that_does_not_help(world: World, outcome: Any) -> None:
    """The credential is blocked, others are used, and the token endpoint is left alone."""
    world.write("b.json", expired=world.ends_in(9 * HOUR), access_token="new")
    world.provider.tokens = [outcome]
    assert world.bench.ask() == "b.json"
    assert world.seen == [("a.json", "old"), ("b.json", "new")]
    entry = world.entry()
    assert entry.health.account is not None
    assert entry.health.account.reason == "token_expired"
    world.bench.pool.reset("a.json")
    assert {world.bench.ask() for _ in range(2)} == {"b.json"}
    assert world.provider.refreshed == ["a.json"]


def test_refused_with_new_tokens_too(world: World) -> None:
    """A closed account: one renewal, then it is its fault; no renewal a moment later."""
    world.good = set()
    world.provider.tokens = [{"access_token": "1"}, {"access_token": "2"}]
    for _ in range(2):
        with pytest.raises(UpstreamStatus):
            world.bench.ask()
        world.bench.pool.reset("a.json")
    assert [token for _, token in world.seen] == ["old", "1", "1"]
    assert world.provider.refreshed == ["a.json"]
    world.bench.clock.now += 61
    with pytest.raises(UpstreamStatus):
        world.bench.ask()
    assert world.provider.refreshed == ["a.json", "a.json"]


def test_renewed_meanwhile_by_another_request(world: World) -> None:
    entry = world.entry()
    used = entry.credential
    world.write(expired=world.ends_in(9 * HOUR), access_token="new", refresh_token="r2")
    found = world.tokens.after_refusal(used)
    assert found is not None
    assert found.metadata["access_token"] == "new"
    assert world.provider.refreshed == []


def test_who_has_nothing_to_renew(world: World) -> None:
    assert world.tokens.after_refusal(Credential("k", "claude", attributes={"api_key": "k"})) is None
    assert world.tokens.after_refusal(Credential("gone.json", "claude", metadata={"email": "x"})) is None
    assert PoolTokens().after_refusal(world.entry().credential) is None


@pytest.mark.parametrize(
    ("outcome", "code", "words"),
    [
        (RefreshRejected("invalid_grant", status=400), 401, "log in again: invalid_grant"),
        (status(429, "slow", retry_after=9), 429, "slow"),
        (status(400, "odd"), None, "the token could not be refreshed: odd"),
        (UpstreamError("away"), None, "the token could not be refreshed: away"),
        (LoginError("set the secret"), None, "set the secret"),
    ],
)  # fmt: skip
def test_what_a_request_hears(world: World, outcome: Any, code: int | None, words: str) -> None:
    """Never a 400: that would look like a fault of the client's request and end its round."""
    world.provider.tokens = [outcome]
    with pytest.raises(UpstreamError) as caught:
        world.tokens.renewed("a.json")
    assert (caught.value.status, caught.value.text) == (code, words)


def test_before_there_is_a_pool() -> None:
    assert PoolTokens().current("a") is None
    with pytest.raises(UpstreamError):
        PoolTokens().renewed("a")
