"""Observers of the registry: told in order, never waited for (credentials.md 11.2, 15: C52)."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence

import pytest
from upstream.waiting import eventually

from cliproxy.routing.registry import ModelRegistry
from cliproxy.routing.tables import ModelInfo


class Recorder:
    """Notes what it is told; raises, or waits for ``go``, as asked."""

    def __init__(self, *, fails: bool = False, waits: bool = False) -> None:
        self.told: list[str] = []
        self.fails, self.go = fails, threading.Event()
        if not waits:
            self.go.set()

    def registered(self, provider: str, client: str, models: Sequence[ModelInfo]) -> None:
        self._note(f"{provider}/{client}: {' '.join(model.id for model in models)}")

    def unregistered(self, provider: str, client: str) -> None:
        self._note(f"{provider}/{client} is gone")

    def _note(self, text: str) -> None:
        assert self.go.wait(10)
        self.told.append(text)
        if self.fails:
            raise ZeroDivisionError(text)


def busy(registry: ModelRegistry) -> None:
    registry.register("a", "P", [ModelInfo("m"), ModelInfo("n")])
    registry.register("a", "p", [ModelInfo("m")])
    registry.unregister("a")
    registry.unregister("a")
    registry.register("b", "q", [ModelInfo("m")])


EXPECTED = ["p/a: m n", "p/a: m", "p/a is gone", "q/b: m"]


@pytest.mark.case("credentials:C52")
@pytest.mark.parametrize("fails", [False, True], ids=["fine", "raises"])
def test_told_in_order(fails: bool, caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder(fails=fails)
    registry = ModelRegistry(observer=recorder)
    busy(registry)
    eventually(lambda: len(recorder.told) == 4, "all is told")
    assert recorder.told == EXPECTED
    assert registry.providers_of("m") == ("q",)
    if fails:
        eventually(lambda: caplog.text.count("an observer of the model registry failed") == 4, "all are logged")


@pytest.mark.case("credentials:C52")
def test_one_that_blocks_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder(waits=True)
    registry = ModelRegistry(observer=recorder)
    busy(registry)
    assert registry.providers_of("m") == ("q",)
    assert recorder.told == []
    for number in range(300):
        registry.register("c", "q", [ModelInfo(str(number))])
    assert "too slow: a message was dropped" in caplog.text
    recorder.go.set()
    eventually(lambda: len(recorder.told) >= 257, "the rest is told")
    assert recorder.told[:4] == EXPECTED


SLOW = """
from gevent import monkey
monkey.patch_all()
import time, gevent
from cliproxy.routing import observer
from cliproxy.routing.registry import ModelRegistry
from cliproxy.routing.tables import ModelInfo
observer.BUDGET = 0.1
told = []
class Slow:
    def registered(self, provider, client, models):
        told.append(client)
        if client == "a":
            time.sleep(30)
    def unregistered(self, provider, client):
        pass
registry = ModelRegistry(observer=Slow())
registry.register("a", "p", [ModelInfo("m")])
registry.register("b", "p", [ModelInfo("m")])
end = time.monotonic() + 10
while told != ["a", "b"] and time.monotonic() < end:
    gevent.sleep(0.01)
assert told == ["a", "b"], told
"""


def test_its_time_is_bounded_under_gevent() -> None:
    subprocess.run([sys.executable, "-c", SLOW], check=True, timeout=30)


def test_late_results_leave_no_mark() -> None:
    """A credential that has gone, or no longer offers the model, must not be counted out."""
    registry = ModelRegistry()
    registry.register("a", "p", [ModelInfo("m")])
    registry.register("b", "p", [ModelInfo("m"), ModelInfo("n")])
    for client, model in (("gone", "m"), ("a", "n"), ("a", "unknown")):
        registry.suspend(client, model, "unauthorized")
        registry.mark_quota(client, model)
    assert [registry.count(model) for model in ("m", "n")] == [2, 1]
    assert registry.names_of("b") == {"m", "n"}
    assert registry.names_of("gone") == set()
