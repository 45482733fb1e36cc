"""What results do to a credential, and what a request does next (credentials.md 4, 6, 15: C11 to C22)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pool.bench import Bench, status

from cliproxy.errors import AuthUnavailable, RequestError, UpstreamError, UpstreamStatus, UpstreamTransport
from cliproxy.providers.credential import Credential
from cliproxy.web.disconnect import ClientDisconnected

HALF_HOUR, HALF_DAY = 1800.0, 43200.0


@pytest.fixture
def bench() -> Bench:
    return Bench()


def fails(bench: Bench, model: str = "m") -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        bench.ask(model)
    return caught.value


def suspended(bench: Bench, model: str = "m") -> dict[str, str]:
    entry = bench.registry._entries.get(model)
    return entry.suspended if entry else {}


@pytest.mark.parametrize(
    ("code", "span", "reason"),
    [
        pytest.param(401, HALF_HOUR, "unauthorized", marks=pytest.mark.case("credentials:C11")),
        pytest.param(402, HALF_HOUR, "payment_required", marks=pytest.mark.case("credentials:C12")),
        pytest.param(403, HALF_HOUR, "payment_required", marks=pytest.mark.case("credentials:C12")),
        pytest.param(404, HALF_DAY, "not_found", marks=pytest.mark.case("credentials:C13")),
    ],
)
def test_a_block_is_about_one_model(bench: Bench, code: int, span: float, reason: str) -> None:
    bench.models = {"a": ("m", "m2"), "b": ("m", "m2")}
    bench.add("a", "b")
    bench.provider.plan["a"] = [status(code)]
    assert bench.ask() == "b"
    assert bench.block_end("a") == span
    assert suspended(bench) == {"a": reason}
    assert {bench.ask() for _ in range(3)} == {"b"}
    assert {bench.ask("m2") for _ in range(2)} == {"a", "b"}


@pytest.mark.case("credentials:C13")
@pytest.mark.parametrize(
    "error",
    [
        {"code": "model_not_found"}, {"type": "not_found_error"}, {"status": "NOT_FOUND"},
        {"message": "the model m does not exist"},
    ],
)  # fmt: skip
def test_a_404_for_the_model_ends_its_round(bench: Bench, error: dict[str, str]) -> None:
    bench.add("a", "b")
    bench.provider.plan["a"] = [status(404, json.dumps({"error": error}))]
    assert fails(bench).status == 404
    assert bench.provider.order == "a"


@pytest.mark.case("credentials:C14")
def test_backoff_doubles(bench: Bench) -> None:
    bench.add("a")
    spans = []
    for _ in range(3):
        bench.provider.plan["a"] = [status(429)]
        fails(bench)
        spans.append(bench.block_end("a"))
        bench.clock.now += spans[-1] or 0
    assert spans == [1.0, 2.0, 4.0]
    assert state(bench).backoff_level == 3


def state(bench: Bench, model: str = "m") -> Any:
    entry = bench.pool.get("a")
    assert entry is not None
    return entry.health.states[model]


@pytest.mark.case("credentials:C15")
def test_backoff_ends_at_half_an_hour(bench: Bench) -> None:
    bench.add("a")
    for _ in range(11):
        bench.provider.plan["a"] = [status(429)]
        fails(bench)
        bench.clock.now += (bench.block_end("a") or 0) + 1
    assert state(bench).backoff_level == 11
    for _ in range(2):
        bench.provider.plan["a"] = [status(429)]
        fails(bench)
        assert bench.block_end("a") == HALF_HOUR
        assert state(bench).backoff_level == 11
        bench.clock.now += HALF_HOUR


@pytest.mark.case("credentials:C16")
def test_retry_after_leaves_the_level(bench: Bench) -> None:
    bench.add("a")
    for error in (status(429), status(429), status(429, retry_after=7)):
        bench.provider.plan["a"] = [error]
        fails(bench)
        end = bench.block_end("a")
        bench.clock.now += end or 0
    assert end == 7.0
    assert state(bench).backoff_level == 2


def test_no_block_is_longer_than_a_day(bench: Bench) -> None:
    bench.add("a")
    bench.provider.plan["a"] = [status(429, retry_after=10**6)]
    fails(bench)
    assert bench.block_end("a") == 86400.0


@pytest.mark.case("credentials:C17")
@pytest.mark.parametrize("code", [408, 500, 502, 503, 504])
def test_transient_faults(bench: Bench, code: int) -> None:
    bench.add("a")
    bench.provider.plan["a"] = [status(code)]
    fails(bench)
    assert bench.block_end("a") == 60.0
    bench.clock.now += 60
    assert bench.ask() == "a"


@pytest.mark.case("credentials:C17")
@pytest.mark.parametrize("code", [503, 429])
def test_cooling_switched_off_in_the_file(bench: Bench, code: int) -> None:
    bench.add("a", metadata={"disable_cooling": True})
    bench.provider.plan["a"] = [status(code)]
    fails(bench)
    assert bench.block_end("a") is None
    assert bench.ask() == "a"


@pytest.mark.case("credentials:C18")
def test_the_file_wins_over_the_global_switch(bench: Bench) -> None:
    bench.configure(disable_cooling=True)
    bench.add("a", metadata={"disable_cooling": False})
    bench.provider.plan["a"] = [status(500)]
    fails(bench)
    assert bench.block_end("a") == 60.0


@pytest.mark.case("credentials:C19")
@pytest.mark.parametrize("code", [400, 413, 422])
def test_the_requests_own_faults_end_the_round(bench: Bench, code: int) -> None:
    bench.add("a", "b")
    bench.provider.plan["a"] = [status(code)]
    assert fails(bench).status == code
    assert bench.provider.order == "a"
    assert bench.block_end("a") is None
    entry = bench.pool.get("a")
    assert entry is not None
    assert entry.health.status(bench.clock.now) == "error"


@pytest.mark.case("credentials:C20")
def test_success_forgets(bench: Bench) -> None:
    bench.add("a")
    bench.provider.plan["a"] = [status(429)]
    fails(bench)
    assert suspended(bench) == {"a": "quota"}
    bench.clock.now += 1
    assert bench.ask() == "a"
    entry = bench.pool.get("a")
    assert entry is not None
    assert (entry.health.states, entry.health.status(bench.clock.now), suspended(bench)) == ({}, "active", {})
    assert bench.registry.count("m") == 1


@pytest.mark.case("credentials:C21")
@pytest.mark.parametrize("how", ["status", "first block", "empty"])
def test_a_stream_that_fails_before_its_first_chunk(bench: Bench, how: str) -> None:
    bench.add("A", "B")
    if how == "status":
        bench.provider.plan["A"] = [status(500)]
    else:
        bench.provider.streams["A"] = [[status(500)] if how == "first block" else []]
    started = bench.stream()
    assert (started.first, list(started.stream)) == (b"B", [])
    assert bench.provider.order == "A B"
    assert [(used.auth_id, used.failed) for used in bench.used] == [("A", True), ("B", False)]


@pytest.mark.case("credentials:C22")
def test_a_stream_that_fails_after_three_chunks(bench: Bench) -> None:
    bench.add("a", "b")
    bench.provider.streams["a"] = [[b"1", b"2", b"3", status(503, "later")]]
    started = bench.stream()
    got = [started.first]
    with pytest.raises(UpstreamStatus, match="later"):
        got.extend(started.stream)
    assert bench.provider.order == "a"
    assert bench.block_end("a") == 60.0
    assert [(used.auth_id, used.failed) for used in bench.used] == [("a", True)]


def test_a_stream_is_a_success_only_at_its_end(bench: Bench) -> None:
    bench.add("a")
    bench.provider.plan["a"] = [status(429)]
    fails(bench)
    bench.clock.now += 1
    bench.provider.streams["a"] = [[b"1", b"2"]]
    started = bench.stream()
    assert state(bench).backoff_level == 1
    assert list(started.stream) == [b"2"]
    entry = bench.pool.get("a")
    assert entry is not None
    assert entry.health.states == {}


def test_a_client_that_goes_away_is_no_result(bench: Bench) -> None:
    bench.add("a", "b")
    bench.provider.streams["a"] = [[b"1", b"2"]]
    started = bench.stream()
    started.stream.close()
    assert bench.provider.sources[0].closed
    assert bench.used == []
    bench.provider.plan["b"] = [ClientDisconnected()]
    with pytest.raises(ClientDisconnected):
        bench.ask()
    assert [bench.block_end(name) for name in "ab"] == [None, None]
    assert bench.provider.order == "a b"


@pytest.mark.parametrize("error", [UpstreamTransport("refused"), status(409), status(418)])
def test_other_failures_move_on_without_a_block(bench: Bench, error: UpstreamError) -> None:
    bench.add("a", "b")
    bench.provider.plan["a"] = [error]
    assert bench.ask() == "b"
    assert bench.block_end("a") is None


def test_a_refusal_of_ours_is_not_the_credentials_fault(bench: Bench) -> None:
    bench.add("a", "b")
    bench.provider.plan["a"] = [RequestError("bad", status=400)]
    with pytest.raises(RequestError):
        bench.ask()
    bench.provider.plan["b"] = [RequestError("cannot", status=501)]
    assert bench.ask() == "a"  # somebody else may
    entry = bench.pool.get("a")
    assert entry is not None
    assert not entry.health.failing


@pytest.mark.parametrize("code", ["invalid_api_key", "insufficient_quota", "usage_limit_reached"])
@pytest.mark.parametrize("field", ["code", "type"])
def test_an_error_about_the_account_blocks_all_its_models(bench: Bench, code: str, field: str) -> None:
    bench.models = {"a": ("m", "m2")}
    bench.add("a")
    bench.provider.plan["a"] = [status(401, json.dumps({"error": {field: code}}))]
    fails(bench)
    with pytest.raises(AuthUnavailable):
        bench.ask("m2")
    bench.clock.now += HALF_HOUR
    assert bench.ask("m2") == "a"


def test_half_open_lets_one_try(bench: Bench) -> None:
    """A block of half an hour: after ten minutes one request; after its failure the next in twenty (design D17)."""
    bench.add("a")
    bench.provider.plan["a"] = [status(401), status(401)]
    fails(bench)
    bench.clock.now += 599
    with pytest.raises(AuthUnavailable):
        bench.ask()
    bench.clock.now += 1
    fails(bench)
    assert bench.block_end("a") == HALF_HOUR
    bench.clock.now += 1199
    with pytest.raises(AuthUnavailable):
        bench.ask()
    bench.clock.now += 1
    assert bench.ask() == "a"
    assert bench.ask() == "a"


def test_half_open_is_for_one_at_a_time(bench: Bench) -> None:
    bench.add("a")
    bench.provider.plan["a"] = [status(401)]
    fails(bench)
    bench.clock.now += 600
    bench.provider.streams["a"] = [[b"1", b"2"]]
    started = bench.stream()
    with pytest.raises(AuthUnavailable):
        bench.ask()
    started.stream.close()  # no result: the trial is free again
    assert bench.ask() == "a"


def test_the_last_error_is_shown(bench: Bench) -> None:
    bench.add("a", "b")
    bench.provider.plan = {"a": [status(500, "first")], "b": [status(503, "second")]}
    assert fails(bench).text == "second"


@pytest.mark.parametrize(
    ("change", "cleared"),
    [
        ({}, False), ({"label": "other"}, False), ({"metadata": {"access_token": "new"}}, True),
        ({"proxy_url": "http://p"}, True), ({"attributes": {"models_hash": "x"}}, True),
        ({"attributes": {"excluded_models_hash": "x"}}, False),
    ],
)  # fmt: skip
def test_only_real_changes_clear_a_block(bench: Bench, change: dict[str, Any], cleared: bool) -> None:
    bench.add("a")
    bench.provider.plan["a"] = [status(401)]
    fails(bench)
    bench.add("a", **change)
    assert (bench.block_end("a") if not cleared else None) == (None if cleared else HALF_HOUR)
    if cleared:
        assert bench.ask() == "a"


def test_our_own_write_keeps_the_block(bench: Bench) -> None:
    bench.add("a")
    bench.provider.plan["a"] = [status(401)]
    fails(bench)
    bench.pool.put(Credential("a", "p", metadata={"access_token": "refreshed"}), own_write=True)
    assert bench.block_end("a") == HALF_HOUR


def test_reset_by_hand(bench: Bench) -> None:
    bench.add("a")
    bench.provider.plan["a"] = [status(401)]
    fails(bench)
    assert bench.pool.reset("a") == ("m",)
    assert bench.ask() == "a"
    assert bench.registry.count("m") == 1
    assert bench.pool.reset("nobody") is None


@pytest.mark.parametrize(
    ("error", "span"),
    [
        ({"type": "rate_limit", "resets_in_seconds": 4321}, 4321.0), ({"type": "rate_limit", "resets_in_seconds": "x"}, 1.0),
        ({"resets_in_seconds": True}, 1.0), ({"resets_in_seconds": -5}, 0.0), ({"resets_at": "soon"}, 1.0), ("resets_at", 1.0),
    ],
)  # fmt: skip
def test_the_body_may_say_when_to_come_back(bench: Bench, error: Any, span: float) -> None:
    """Codex reports its limits so, also inside a stream that has begun (beyond.md 13.2)."""
    bench.add("a")
    bench.provider.streams["a"] = [[b"1", status(429, json.dumps({"error": error}))]]
    started = bench.stream()
    with pytest.raises(UpstreamStatus):
        list(started.stream)
    assert bench.block_end("a") == span


@pytest.mark.parametrize(("seconds", "span"), [(0, 60.0), (7, 7.0), (-1, None)])
def test_how_long_a_transient_fault_cools(bench: Bench, seconds: int, span: float | None) -> None:
    bench.configure(transient_error_cooldown_seconds=seconds)
    bench.add("a")
    bench.provider.plan["a"] = [status(503)]
    fails(bench)
    assert bench.block_end("a") == span
