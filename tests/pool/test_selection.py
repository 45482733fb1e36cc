"""Who is asked (credentials.md 5, 15: C1 to C10)."""

from __future__ import annotations

import threading

import pytest
from pool.bench import Bench, status

from cliproxy.config.settings import Routing
from cliproxy.errors import AuthNotFound, AuthUnavailable, ModelCooldown, ProviderNotFound, UnknownModel, UpstreamStatus
from cliproxy.pool.selection import duration_text
from cliproxy.routing.resolver import Resolver

FILL_FIRST = Routing("fill-first")


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.case("credentials:C1")
def test_round_robin(bench: Bench) -> None:
    bench.add("b", "a", "c")
    assert "".join(bench.ask() for _ in range(5)) == "abcab"


@pytest.mark.case("credentials:C2")
def test_priorities(bench: Bench) -> None:
    bench.add("c")
    bench.add("a", "b", priority=10)
    assert "".join(bench.ask() for _ in range(4)) == "abab"


@pytest.mark.case("credentials:C3")
def test_fill_first(bench: Bench) -> None:
    bench.configure(routing=FILL_FIRST)
    bench.add("b", "a", "c")
    assert "".join(bench.ask() for _ in range(4)) == "aaaa"


@pytest.mark.case("credentials:C4")
def test_a_lower_priority_steps_in(bench: Bench) -> None:
    bench.configure(routing=FILL_FIRST)
    bench.add("low")
    bench.add("high", priority=10)
    bench.provider.plan["high"] = [status(429, retry_after=1800)]
    assert [bench.ask(), bench.ask()] == ["low", "low"]
    bench.clock.now += 1801
    assert bench.ask() == "high"


@pytest.mark.case("credentials:C5")
def test_all_are_cooling_down(bench: Bench) -> None:
    bench.add("a", "b")
    bench.provider.plan = {"a": [status(429, retry_after=95)], "b": [status(429, retry_after=200)]}
    with pytest.raises(UpstreamStatus):
        bench.ask()
    with pytest.raises(ModelCooldown) as caught:
        bench.ask("m(high)")
    assert caught.value.status == 429
    assert caught.value.headers == {"Content-Type": "application/json", "Retry-After": "95"}
    assert caught.value.text == (
        '{"error":{"code":"model_cooldown","message":"All credentials for model m(high) are cooling down",'
        '"model":"m(high)","reset_seconds":95,"reset_time":"1m35s"}}'
    )
    assert len(bench.provider.asked) == 2


@pytest.mark.case("credentials:C6")
def test_not_all_by_quota(bench: Bench) -> None:
    bench.add("a", "b")
    bench.provider.plan = {"a": [status(429, retry_after=95)], "b": [status(401)]}
    with pytest.raises(UpstreamStatus):
        bench.ask()
    with pytest.raises(AuthUnavailable) as caught:
        bench.ask()
    assert (caught.value.status, caught.value.text) == (500, "auth_unavailable: no auth available")


@pytest.mark.case("credentials:C7")
def test_no_providers(bench: Bench) -> None:
    with pytest.raises(ProviderNotFound) as caught:
        bench.dispatcher.execute([" ", ""], bench.call())
    assert (caught.value.status, caught.value.text) == (500, "provider_not_found: no provider supplied")


@pytest.mark.case("credentials:C8")
def test_a_model_of_nobody(bench: Bench) -> None:
    bench.add("a")
    with pytest.raises(UnknownModel) as caught:
        Resolver(bench.registry).resolve("X")
    assert (caught.value.status, caught.value.text) == (502, "unknown provider for model X")
    with pytest.raises(AuthNotFound, match="auth_not_found: no auth available"):
        bench.ask("X")


@pytest.mark.case("credentials:C9")
def test_many_at_once(bench: Bench) -> None:
    bench.add(*(f"c{number}" for number in range(7)))
    bad: list[object] = []

    def work() -> None:
        for _ in range(100):
            try:
                if not bench.ask():
                    bad.append("empty")
            except Exception as error:
                bad.append(error)

    threads = [threading.Thread(target=work) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bad == []
    assert len(bench.provider.asked) == 3200
    counts = [sum(asked == f"c{number}" for asked, _ in bench.provider.asked) for number in range(7)]
    assert max(counts) - min(counts) <= 1


@pytest.mark.case("credentials:C10")
def test_the_cursor_goes_on_in_a_smaller_group(bench: Bench) -> None:
    bench.add("A", "B", "C")
    bench.provider.plan = {"A": [status(500)], "C": [status(500)]}
    assert bench.ask() == "B"
    assert bench.provider.order == "A C B"


def test_models_have_their_own_cursors(bench: Bench) -> None:
    bench.models = {"a": ("m", "n"), "b": ("m", "n")}
    bench.add("a", "b")
    assert [bench.ask("m"), bench.ask("n"), bench.ask("m"), bench.ask("n")] == ["a", "a", "b", "b"]


def test_only_who_offers_the_model(bench: Bench) -> None:
    bench.models = {"a": ("m",), "b": ("other",)}
    bench.add("a", "b")
    assert {bench.ask() for _ in range(4)} == {"a"}
    assert bench.ask("OTHER") == "b"


def test_disabled_ones_are_never_asked(bench: Bench) -> None:
    bench.add("a")
    bench.add("b", disabled=True)
    assert {bench.ask() for _ in range(4)} == {"a"}


def test_a_new_strategy_starts_anew(bench: Bench) -> None:
    bench.add("a", "b", "c")
    assert [bench.ask(), bench.ask()] == ["a", "b"]
    bench.configure(routing=FILL_FIRST)
    assert bench.ask() == "a"
    bench.configure(routing=Routing("whatever"))
    assert [bench.ask(), bench.ask()] == ["a", "b"]


def test_other_settings_keep_the_rotation(bench: Bench) -> None:
    bench.add("a", "b", "c")
    assert [bench.ask(), bench.ask()] == ["a", "b"]
    bench.configure(request_retry=2)
    assert bench.ask() == "c"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.2, "1s"), (45, "45s"), (95, "1m35s"), (1800, "30m0s"), (3600, "1h0m0s"), (7505.6, "2h5m6s")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
