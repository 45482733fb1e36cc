"""Repeated rounds and fallback models (credentials.md 7, 8, 15: C23 to C32)."""

from __future__ import annotations

from typing import Any

import pytest
from pool.bench import Bench, status

from cliproxy.errors import ModelCooldown, UpstreamStatus
from cliproxy.providers.credential import Credential
from cliproxy.web.disconnect import ClientDisconnected


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.configure(request_retry=3, max_retry_interval=30)
    return bench


@pytest.mark.case("credentials:C23")
def test_waits_for_the_cooldown(bench: Bench) -> None:
    bench.add("a")
    bench.provider.plan["a"] = [status(429)]
    assert bench.ask() == "a"
    assert bench.clock.slept == [1.0]


@pytest.mark.case("credentials:C24")
def test_the_file_may_forbid_it(bench: Bench) -> None:
    bench.add("a", metadata={"request_retry": 0})
    bench.provider.plan["a"] = [status(429, retry_after=5)]
    with pytest.raises(UpstreamStatus):
        bench.ask()
    assert (bench.clock.slept, bench.provider.order) == ([], "a")


@pytest.mark.case("credentials:C25")
def test_so_many_times(bench: Bench) -> None:
    bench.add("a", metadata={"request_retry": 1})
    bench.provider.plan["a"] = [status(429), status(429), status(429)]
    with pytest.raises(UpstreamStatus):
        bench.ask()
    assert bench.provider.order == "a a"


@pytest.mark.case("credentials:C26")
@pytest.mark.parametrize(("cooldown", "repeats"), [(60, False), (30, True)])
def test_not_longer_than_the_interval(bench: Bench, cooldown: float, repeats: bool) -> None:
    bench.add("a")
    bench.provider.plan["a"] = [status(429, retry_after=cooldown)]
    if repeats:
        assert bench.ask() == "a"
    else:
        with pytest.raises(UpstreamStatus):
            bench.ask()
    assert bench.clock.slept == ([cooldown] if repeats else [])


@pytest.mark.case("credentials:C27")
def test_switched_off(bench: Bench) -> None:
    bench.configure(max_retry_interval=0)
    bench.add("a")
    bench.provider.plan["a"] = [status(429)]
    with pytest.raises(UpstreamStatus):
        bench.ask()
    assert bench.clock.slept == []


@pytest.mark.case("credentials:C28")
def test_the_client_leaves_while_we_wait(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.add("a")
    bench.provider.plan["a"] = [status(429)]

    def gone(seconds: float) -> None:
        raise ClientDisconnected

    monkeypatch.setattr(bench.dispatcher, "_sleep", gone)
    with pytest.raises(ClientDisconnected):
        bench.ask()
    assert bench.provider.order == "a"


def test_a_fault_of_the_request_is_not_repeated(bench: Bench) -> None:
    bench.add("a")
    bench.provider.plan["a"] = [status(400)]
    with pytest.raises(UpstreamStatus):
        bench.ask()
    assert bench.clock.slept == []


@pytest.fixture
def three(bench: Bench) -> Bench:
    """One credential per model: m, f1 and f2."""
    bench.configure(max_retry_interval=0)
    bench.models = {"a": ("m",), "b": ("f1",), "c": ("f2",)}
    return bench


@pytest.mark.case("credentials:C29")
def test_a_fallback_answers(three: Bench) -> None:
    three.add("a", "b", "c")
    three.provider.plan["a"] = [status(429)]
    assert three.ask("m", "f1", "f2") == "b"
    assert three.provider.asked == [("a", "m"), ("b", "f1")]


@pytest.mark.case("credentials:C30")
def test_a_fallback_without_provider_is_skipped(three: Bench) -> None:
    three.add("a", "c")
    three.provider.plan["a"] = [status(429)]
    assert three.ask("m", "f1", "f2") == "c"


@pytest.mark.case("credentials:C31")
def test_the_last_attempts_error(three: Bench) -> None:
    three.add("a", "b")
    three.provider.plan = {"a": [status(429, "quota")], "b": [status(500, "broken")]}
    with pytest.raises(UpstreamStatus, match="broken"):
        three.ask("m", "f1")


@pytest.mark.case("credentials:C32")
def test_the_primarys_cooldown_is_shown(three: Bench) -> None:
    three.add("a")
    three.provider.plan["a"] = [status(429, retry_after=9)]
    with pytest.raises(UpstreamStatus):
        three.ask("m")
    with pytest.raises(ModelCooldown) as caught:
        three.ask("m", "f1")
    assert '"model":"m"' in caught.value.text


def test_a_404_for_the_model_goes_on_with_the_fallback(three: Bench) -> None:
    three.add("a", "b")
    three.provider.plan["a"] = [status(404, '{"error":{"code":"model_not_found"}}')]
    assert three.ask("m", "f1") == "b"


def test_a_bad_request_does_not(three: Bench) -> None:
    three.add("a", "b")
    three.provider.plan["a"] = [status(400)]
    with pytest.raises(UpstreamStatus):
        three.ask("m", "f1")
    assert three.provider.order == "a"


@pytest.mark.parametrize(
    ("metadata", "default", "repeats"),
    [
        ({}, 3, 3), ({}, -1, 0), ({"request_retry": -5}, 3, 0), ({"request_retry": 2.0}, 3, 2), ({"request_retry": "x"}, 3, 3),
        ({"request_retry": "x", "request-retry": " 1 "}, 3, 1), ({"request_retry": True}, 3, 3),
        ({"request_retry": float("inf")}, 3, 3),
    ],
)  # fmt: skip
def test_which_number_counts(metadata: dict[str, Any], default: int, repeats: int) -> None:
    assert Credential("a", "claude", metadata=metadata).request_retry(default) == repeats
