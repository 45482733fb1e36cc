"""Figures by the minute: what counts where, percentiles and their error, bounded memory."""

from __future__ import annotations

import random
import tracemalloc
from math import ceil

import pytest
from records.usage_bench import record

from cliproxy.records.access_log import AccessRecord
from cliproxy.records.timeline import LONGEST, Overview, Point, Timeline

NOW = 1_767_340_810.0
"""Ten seconds into a minute, an hour and half of one into the day."""
MINUTE = NOW - 10


class Clock:
    """Unix seconds that tests move."""

    now = NOW

    def __call__(self) -> float:
        return self.now


def done(status: int = 200, first: float | None = 0.25, *, aborted: bool = False, **more: str) -> AccessRecord:
    given = {"method": "POST", "request_id": "a1b2c3d4", **more}
    return AccessRecord(
        given["method"], "/v1/messages", "", status, 3.0, first, "127.0.0.1", given["request_id"], aborted
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timeline(clock: Clock) -> Timeline:
    return Timeline(clock)


def last(timeline: Timeline, minutes: int = 60) -> Point:
    return timeline.overview(minutes).points[-1]


def close(value: float | None, to: float) -> bool:
    """Within the error that the module promises."""
    return value is not None and (abs(value - to) < 1 or abs(value / to - 1) < 0.091)


def test_nothing_yet(timeline: Timeline) -> None:
    found = timeline.overview(60)
    assert (found.step, len(found.points), timeline.started_at) == (60, 60, NOW)
    assert found.points[0] == Point(int(MINUTE) - 59 * 60, 0, 0, None, None, 0, 0)
    assert found.points[-1].at == MINUTE


def test_what_counts(timeline: Timeline) -> None:
    for one in (done(), done(201), done(404), done(500), done(499, None, aborted=True), done(200, aborted=True)):
        timeline.finished(one)
    for other in (done(request_id="--------"), done(method="OPTIONS")):
        timeline.finished(other)
    timeline.take([record(tokens=(10, 20, 5, 3, 35)), record(tokens=(1, 2, 0, 0, 3), failed=True)])
    found = last(timeline)
    assert (found.requests, found.errors, found.input_tokens, found.output_tokens) == (6, 2, 11, 22)


def test_errors_have_no_time_to_the_first_byte(timeline: Timeline) -> None:
    timeline.finished(done(500, 0.001))
    timeline.finished(done(200, None))
    assert last(timeline).ttfb_p50_ms is None
    timeline.finished(done(200, 2.0))
    found = last(timeline)
    assert close(found.ttfb_p50_ms, 2000)
    assert found.ttfb_p50_ms == found.ttfb_p95_ms


@pytest.mark.parametrize(
    "minutes", [15, 16, 59, 60, 61, 119, 120, 121, 180, 240, 241, 360, 361, 600, 601, 720, 1200, 1201, 1440]
)
def test_steps(timeline: Timeline, minutes: int) -> None:
    found = timeline.overview(minutes)
    assert found.step % 60 == 0
    assert len(found.points) <= 120
    assert len(found.points) >= min(60, minutes)
    times = [point.at for point in found.points]
    assert times == list(range(times[0], times[0] + len(times) * found.step, found.step))
    assert times[0] % found.step == 0
    assert times[-1] <= NOW < times[-1] + found.step
    assert NOW - times[0] > (minutes - found.step // 60) * 60


def requests(found: Overview) -> dict[int, int]:
    return {point.at: point.requests for point in found.points if point.requests}


def test_minutes_go_by(timeline: Timeline, clock: Clock) -> None:
    for _ in range(3):
        timeline.finished(done())
        clock.now += 60
    assert requests(timeline.overview(15)) == {MINUTE: 1, MINUTE + 60: 1, MINUTE + 120: 1}
    clock.now = NOW + 14 * 60
    assert requests(timeline.overview(15)) == {MINUTE: 1, MINUTE + 60: 1, MINUTE + 120: 1}
    clock.now = NOW + 15 * 60
    assert requests(timeline.overview(15)) == {MINUTE + 60: 1, MINUTE + 120: 1}


def test_several_minutes_in_one_point(timeline: Timeline, clock: Clock) -> None:
    clock.now = begin = NOW - NOW % 900
    for number in range(15):
        timeline.finished(done(first=(number + 1) / 10))
        timeline.take([record(tokens=(1, 10, 0, 0, 11))])
        clock.now += 60
    clock.now -= 1
    found = last(timeline, LONGEST)
    assert (found.at, found.requests, found.input_tokens, found.output_tokens) == (begin, 15, 15, 150)
    assert close(found.ttfb_p50_ms, 800)
    assert close(found.ttfb_p95_ms, 1500)


def test_a_day_later_everything_is_forgotten(timeline: Timeline, clock: Clock) -> None:
    timeline.finished(done())
    clock.now += LONGEST * 60 - 60
    assert sum(requests(timeline.overview(LONGEST)).values()) == 1
    clock.now += 60
    assert requests(timeline.overview(LONGEST)) == {}
    timeline.finished(done(500))
    found = timeline.overview(LONGEST)
    assert requests(found) == {found.points[-1].at: 1}
    assert found.points[-1].ttfb_p50_ms is None


def test_a_clock_that_is_put_back(timeline: Timeline, clock: Clock) -> None:
    timeline.finished(done())
    clock.now -= 3600
    timeline.finished(done())
    assert sum(requests(timeline.overview(15)).values()) == 1
    clock.now += 3600
    assert sum(requests(timeline.overview(120)).values()) == 2


@pytest.mark.parametrize("seed", range(8))
def test_percentiles(timeline: Timeline, seed: int) -> None:
    dice = random.Random(seed)
    values = [dice.lognormvariate(dice.uniform(-7, 5), dice.uniform(0.1, 2)) for _ in range(dice.randrange(1, 400))]
    for value in values:
        timeline.finished(done(first=value))
    found = last(timeline)
    values.sort()
    for share, estimate in ((0.5, found.ttfb_p50_ms), (0.95, found.ttfb_p95_ms)):
        true = min(values[ceil(share * len(values)) - 1] * 1000, 2**20)
        assert close(estimate, true), (share, true, estimate)


@pytest.mark.parametrize("seconds", [0.0, -1.0, 0.0009, 0.001, 1048.5, 1e9])
def test_ends_of_the_scale(timeline: Timeline, seconds: float) -> None:
    timeline.finished(done(first=seconds))
    assert close(last(timeline).ttfb_p50_ms, min(max(seconds * 1000, 0.1), 2**20))


def test_memory_is_bounded(timeline: Timeline, clock: Clock) -> None:
    tracemalloc.start()
    try:
        for _ in range(3 * LONGEST):
            timeline.finished(done())
            clock.now += 60
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size < 1.5e6
    assert repr(timeline) == f"<Timeline of {LONGEST} minutes>"
