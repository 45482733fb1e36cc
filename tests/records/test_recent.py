"""The ring of the newest model calls."""

from __future__ import annotations

import pytest

from cliproxy.records.access_log import AccessRecord
from cliproxy.records.recent import RecentRequests


def done(request_id: str = "a1b2c3d4", method: str = "POST", status: int = 200) -> AccessRecord:
    return AccessRecord(method, "/v1/messages", "/v1/messages", status, 1.0, 0.5, "127.0.0.1", request_id)


def ring(count: int, kept: int = 500) -> RecentRequests:
    made = RecentRequests(kept, iter(range(100, 10**6)).__next__)
    for _ in range(count):
        made.finished(done())
    return made


def numbers(ring: RecentRequests, after: int, limit: int = 100) -> list[int]:
    return [one.seq for one in ring.after(after, limit)]


def test_newest_first() -> None:
    found = ring(3).after(0, 10)
    assert [(one.seq, one.at) for one in found] == [(3, 102), (2, 101), (1, 100)]
    assert found[0].done == done()


@pytest.mark.parametrize(
    ("after", "limit", "found"),
    [(0, 2, [5, 4]), (3, 100, [5, 4]), (3, 1, [5]), (5, 100, []), (4, 100, [5]), (6, 100, [5, 4, 3, 2, 1])],
)
def test_what_came_since(after: int, limit: int, found: list[int]) -> None:
    assert numbers(ring(5), after, limit) == found


def test_only_so_many_are_kept() -> None:
    made = ring(1000, kept=3)
    assert made.latest == 1000
    assert numbers(made, 0) == [1000, 999, 998]
    assert numbers(made, 999) == [1000]
    assert repr(made) == "<RecentRequests 3 of 1000>"


def test_only_model_calls() -> None:
    made = RecentRequests()
    made.finished(done("--------"))
    made.finished(done(method="OPTIONS"))
    assert (made.latest, made.after(0, 10)) == (0, [])
    made.finished(done("00000000", method="GET", status=404))
    assert made.latest == 1
