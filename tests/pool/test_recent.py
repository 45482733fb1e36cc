"""Attempts in steps of ten minutes."""

from __future__ import annotations

import pytest
from pool.bench import START, Bench, status

from cliproxy.errors import UpstreamStatus
from cliproxy.pool.recent import STEP, STEPS, RecentAttempts, Step, sums

BEGIN = START // STEP * STEP


def counts(recent: RecentAttempts, now: float) -> list[tuple[int, int]]:
    return [(step.succeeded, step.failed) for step in recent.steps(now)]


def test_counted_where_they_were() -> None:
    recent = RecentAttempts()
    assert not recent
    recent.add(BEGIN, failed=False)
    recent.add(BEGIN + STEP - 0.001, failed=True)
    recent.add(BEGIN + STEP, failed=True)
    assert recent
    assert counts(recent, BEGIN + STEP) == [(0, 0)] * (STEPS - 2) + [(1, 1), (0, 1)]
    assert [step.start for step in recent.steps(BEGIN)] == [int(BEGIN) + STEP * n for n in range(1 - STEPS, 1)]


def test_what_is_old_is_forgotten() -> None:
    recent = RecentAttempts()
    for number in range(100):
        recent.add(BEGIN + number * STEP, failed=False)
    assert len(recent.counts) == STEPS
    now = BEGIN + 99 * STEP
    assert counts(recent, now) == [(1, 0)] * STEPS
    assert counts(recent, now + 3 * STEP) == [(1, 0)] * (STEPS - 3) + [(0, 0)] * 3
    assert counts(recent, now + 100 * STEP) == [(0, 0)] * STEPS


def test_a_copy_is_a_copy() -> None:
    recent = RecentAttempts()
    copied = recent.copy()
    recent.add(BEGIN, failed=True)
    assert not copied


def test_sums() -> None:
    one, two = (Step(0, 1, 2), Step(STEP, 0, 1)), (Step(0, 3, 4), Step(STEP, 5, 0))
    assert sums([one, two]) == (Step(0, 4, 6), Step(STEP, 5, 1))
    assert sums([]) == ()


def test_the_pool_counts_attempts() -> None:
    bench = Bench()
    bench.add("a")
    bench.provider.plan["a"] = [status(400)]
    with pytest.raises(UpstreamStatus):
        bench.ask()
    for _ in range(2):
        bench.ask()
    view = bench.pool.view("a")
    assert view is not None
    assert counts(view.recent, bench.clock.now)[-1] == (2, 1)
    bench.ask()
    assert counts(view.recent, bench.clock.now)[-1] == (2, 1)
