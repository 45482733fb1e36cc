"""Twenty credentials of mixed health under 50 000 virtual requests (issue: "It holds when").

Upstreams here have a truth of their own: windows in which they answer 429, 503 or 401, a limit per minute, a dead key.
The pool only sees answers. What must hold: no request fails while somebody could have answered it, nobody is asked
while cooling down, and those who are always well carry the same load.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from pool.bench import START, Bench, Scripted, status

from cliproxy.config.settings import Settings
from cliproxy.errors import CliproxyError, UpstreamError
from cliproxy.providers.base import Answer, Call
from cliproxy.providers.credential import Credential

REQUESTS = 50_000
STEP = 0.25
"""Seconds between two requests; three and a half hours in all."""

Behaviour = Callable[[float], UpstreamError | None]
"""What an upstream answers at a moment (seconds since the start)."""


def well(moment: float) -> None:
    """Always there."""


def dead(moment: float) -> UpstreamError:
    """A key that was revoked."""
    return status(401, '{"error":{"code":"invalid_api_key"}}')


def forbidden_for_an_hour(moment: float) -> UpstreamError | None:
    """Comes back by itself, long before its block ends."""
    return status(403) if moment < 3600 else None


def flapping(period: float, share: float, code: int) -> Behaviour:
    """Away for a share of each period."""
    return lambda moment: status(code) if moment % period < period * share else None


def exhausted(period: float, share: float) -> Behaviour:
    """A quota window; the upstream says when it ends."""

    def answer(moment: float) -> UpstreamError | None:
        into = moment % period
        return status(429, retry_after=period * share - into) if into < period * share else None

    return answer


@dataclass
class PerMinute:
    """A rate limit without Retry-After."""

    limit: int
    seen: Counter[int] = field(default_factory=Counter)

    def __call__(self, moment: float) -> UpstreamError | None:
        minute = int(moment // 60)
        if self.seen[minute] >= self.limit:
            return status(429)
        self.seen[minute] += 1
        return None


WELL = tuple(f"well-{number}" for number in range(8))
MIXED: dict[str, Behaviour] = {
    "dead-0": dead, "dead-1": dead, "forbidden": forbidden_for_an_hour,
    "slow-0": PerMinute(5), "slow-1": PerMinute(7), "slow-2": PerMinute(1),
    "quota-0": exhausted(3600, 0.5), "quota-1": exhausted(900, 0.9), "quota-2": exhausted(7200, 0.99),
    "flap-0": flapping(300, 0.3, 503), "flap-1": flapping(47, 0.5, 500), "flap-2": flapping(2000, 0.9, 502),
}  # fmt: skip


class World(Scripted):
    """All upstreams at once."""

    def __init__(self, behaviours: dict[str, Behaviour]) -> None:
        super().__init__()
        self.behaviours = behaviours
        self.asked_when: list[tuple[str, float]] = []
        self.bench: Bench

    def execute(self, credential: Credential, call: Call, model: str) -> Answer:
        moment = self.bench.clock.now
        entry = self.bench.pool.get(credential.id)
        assert entry is not None
        state = entry.health.states.get("m")
        for block in (entry.health.account, state.block if state else None):
            # A block may only be passed by its half-open trial, once at a time.
            assert block is None or moment >= block.until or (block.trial and moment >= block.trial_at), credential.id
        self.asked_when.append((credential.id, moment))
        error = self.behaviours[credential.id](moment - START)
        if error is not None:
            raise error
        return Answer(credential.id.encode(), model)

    def someone_free_and_well(self) -> bool:
        """True when a request at this moment could be answered: not blocked, and the upstream would say yes."""
        now = self.bench.clock.now
        for entry in self.bench.pool.list():
            behaviour = self.behaviours[entry.id]
            if (
                entry.blocked("m", now) is None
                and not isinstance(behaviour, PerMinute)
                and behaviour(now - START) is None
            ):
                return True
        return False


def world(behaviours: dict[str, Behaviour], **settings: object) -> Bench:
    provider = World(behaviours)
    bench = Bench(settings=Settings(**settings), provider=provider)  # type: ignore[arg-type]
    provider.bench = bench
    bench.add(*behaviours)
    return bench


def test_nobody_waits_while_somebody_is_well() -> None:
    bench = world({**dict.fromkeys(WELL, well), **MIXED})
    answered: Counter[str] = Counter()
    for _ in range(REQUESTS):
        answered[bench.ask()] += 1  # never an error: eight are always well
        bench.clock.now += STEP
    assert answered.total() == REQUESTS
    loads = [answered[name] for name in WELL]
    average = sum(loads) / len(loads)
    assert max(abs(load - average) for load in loads) <= 0.02 * average, loads
    assert answered["dead-0"] == answered["dead-1"] == 0
    for name in ("forbidden", "slow-0", "quota-0", "flap-0", "flap-1", "flap-2"):
        assert answered[name] > 100, (name, answered)  # they come back into the rotation
    provider = bench.provider
    assert isinstance(provider, World)
    asked = Counter(name for name, _ in provider.asked_when)
    assert asked["dead-0"] < 30  # only its half-open trials
    wasted = len(provider.asked_when) - REQUESTS
    assert wasted < 0.1 * REQUESTS, wasted  # mostly rate limits that do not say when they end


def test_without_a_rock_it_fails_only_when_nobody_could_answer() -> None:
    bench = world(MIXED)
    provider = bench.provider
    assert isinstance(provider, World)
    failures = 0
    for _ in range(REQUESTS // 5):
        possible = provider.someone_free_and_well()
        try:
            bench.ask()
        except CliproxyError:
            failures += 1
            assert not possible
        bench.clock.now += 1
    assert 0 < failures < 0.2 * REQUESTS / 5


@pytest.mark.parametrize("seed", range(4))
def test_waiting_rounds_bridge_short_limits(seed: int) -> None:
    """With repeats allowed, limits that say when they end cost time and no request."""
    dice = random.Random(seed)
    behaviours = {f"q{n}": exhausted(dice.uniform(20, 40), dice.uniform(0.3, 0.7)) for n in range(3)}
    bench = world(dict(behaviours), request_retry=5, max_retry_interval=30)
    for _ in range(500):
        bench.ask()
        bench.clock.now += dice.uniform(0, 20)
    assert bench.clock.slept
    assert max(bench.clock.slept) <= 30


def test_one_incident_is_one_step() -> None:
    """Two hundred requests that run into the same limit at once raise the backoff once (beyond.md 13.2)."""
    bench = world({"a": well})
    entry = bench.pool.get("a")
    assert entry is not None
    for _ in range(200):
        bench.pool.failed(entry, "m", status(429))
    assert entry.health.states["m"].backoff_level == 1
    assert bench.block_end("a") == 1.0
