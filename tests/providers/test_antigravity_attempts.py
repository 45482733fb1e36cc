"""Which of Antigravity's hosts is asked, and when the next one (providers.md 16.2)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from oauth.authority import Answer
from providers.antigravity_hosts import (
    ALL,
    BUSY,
    COUNT,
    FULL,
    GENERATE,
    GENERATING,
    NOWHERE,
    STREAM,
    Bench,
    Work,
    bench_of,
    counted,
    good,
    login,
    whole,
)

from cliproxy.errors import FirstByteTimeout, UpstreamStatus, UpstreamTransport
from cliproxy.providers import antigravity
from cliproxy.providers.antigravity_attempts import patient_answer
from cliproxy.providers.http import HttpClient


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with bench_of(monkeypatch) as made:
        made.live.set(request_retry=2)
        yield made


def status_of(bench: Bench, work: Work, **metadata: Any) -> UpstreamStatus:
    with pytest.raises(UpstreamStatus) as caught:
        work(bench, login(**metadata))
    assert caught.value.format == "antigravity"
    return caught.value


@pytest.mark.parametrize("work", ALL)
def test_the_next_host_after_a_429(bench: Bench, work: Work) -> None:
    bench.daily.answers, bench.sandbox.answers = [BUSY], [good(work)]
    work(bench, login())
    first, second = *bench.daily.asked, *bench.sandbox.asked
    assert first.path == second.path == {whole: GENERATE, counted: COUNT}.get(work, STREAM)
    one, other = json.loads(first.body), json.loads(second.body)
    assert one.pop("requestId", 1) != other.pop("requestId", 2)  # each attempt has its own
    assert one == other
    assert bench.slept == []


@pytest.mark.parametrize("work", ALL)
def test_a_429_everywhere(bench: Bench, work: Work) -> None:
    bench.daily.answers = bench.sandbox.answers = [BUSY]
    error = status_of(bench, work)
    assert (error.status, error.retry_after, error.headers) == (429, 7.0, {"Retry-After": "7"})
    assert json.loads(error.text) == BUSY.body
    assert (len(bench.daily.asked), len(bench.sandbox.asked), bench.slept) == (1, 1, [])


def test_the_header_counts_where_the_body_says_nothing(bench: Bench) -> None:
    bench.daily.answers = bench.sandbox.answers = [Answer({"error": {}}, 429, {"Retry-After": "11"})]
    assert status_of(bench, whole).retry_after == 11


@pytest.mark.parametrize("work", ALL)
def test_the_next_host_after_a_network_error(bench: Bench, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(antigravity, "DAILY_BASE", NOWHERE)
    bench.sandbox.answers = [good(work)]
    work(bench, login())
    assert len(bench.sandbox.asked) == 1
    monkeypatch.setattr(antigravity, "SANDBOX_BASE", NOWHERE)
    with pytest.raises(UpstreamTransport):
        work(bench, login())
    assert bench.slept == []


@pytest.mark.parametrize("work", ALL)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 503])
def test_anything_else_ends_at_once(bench: Bench, work: Work, status: int) -> None:
    bench.daily.answers = [Answer({"error": {"code": status, "message": "reset after 7s"}}, status)]
    error = status_of(bench, work)
    assert (error.status, error.retry_after) == (status, None)
    assert bench.sandbox.asked == []


@pytest.mark.parametrize("work", GENERATING)
def test_rounds_while_there_is_no_capacity(bench: Bench, work: Work) -> None:
    bench.daily.answers, bench.sandbox.answers = [FULL, FULL, BUSY], [FULL, FULL, good(work)]
    work(bench, login())
    assert bench.slept == [0.25, 0.5]
    assert (len(bench.daily.asked), len(bench.sandbox.asked)) == (3, 3)


@pytest.mark.parametrize(("metadata", "rounds"), [({}, 3), ({"request_retry": 0}, 1), ({"request-retry": "1"}, 2)])
def test_no_capacity_at_all(bench: Bench, metadata: dict[str, Any], rounds: int) -> None:
    bench.daily.answers = bench.sandbox.answers = [FULL]
    assert status_of(bench, whole, **metadata).status == 503
    assert len(bench.daily.asked) == len(bench.sandbox.asked) == rounds
    assert len(bench.slept) == rounds - 1


def test_only_capacity_makes_rounds(bench: Bench) -> None:
    bench.daily.answers, bench.sandbox.answers = [FULL], [BUSY]
    assert status_of(bench, whole).status == 429
    assert (len(bench.daily.asked), bench.slept) == (1, [])


def test_a_count_has_no_rounds(bench: Bench) -> None:
    bench.daily.answers = [FULL]
    assert status_of(bench, counted).status == 503
    assert bench.sandbox.asked == []


def test_pauses_grow_to_two_seconds() -> None:
    slept: list[float] = []

    def send(base: str) -> None:
        raise UpstreamStatus("no capacity available", status=503)

    with pytest.raises(UpstreamStatus):
        patient_answer(["a", "b"], send, 11, slept.append)
    assert slept == [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.0, 2.0]


def test_a_silent_host_is_not_waited_for_twice() -> None:
    asked: list[str] = []

    def send(base: str) -> None:
        asked.append(base)
        raise FirstByteTimeout(600)

    with pytest.raises(FirstByteTimeout):
        patient_answer(["a", "b"], send, 3, lambda seconds: None)
    assert asked == ["a"]


def test_an_own_base_is_the_only_one(bench: Bench) -> None:
    bench.sandbox.answers = [BUSY]
    assert status_of(bench, whole, base_url=f"{bench.sandbox.url}/").status == 429
    assert (len(bench.daily.asked), len(bench.sandbox.asked)) == (0, 1)


@pytest.mark.parametrize("work", GENERATING)
def test_an_answer_that_has_begun_is_not_asked_for_again(bench: Bench, work: Work) -> None:
    bench.daily.answers = [Answer(b"damaged", 200, {"Content-Encoding": "gzip"})]
    with pytest.raises(UpstreamTransport):
        work(bench, login())
    assert (len(bench.daily.asked), bench.sandbox.asked) == (1, [])


class Gone(BaseException):
    """The client has left."""


class Interrupted:
    """A body during which the client leaves."""

    def __init__(self) -> None:
        self.keepalive, self.closed = 0.0, False

    def read(self) -> bytes | None:
        raise Gone

    def close(self) -> None:
        self.closed = True

    def release(self) -> None:
        raise AssertionError("it has not ended")


def test_a_client_that_leaves_closes_the_upstream(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Interrupted()
    monkeypatch.setattr(HttpClient, "stream", lambda client, request: source)
    with pytest.raises(Gone):
        whole(bench, login())
    assert source.closed
