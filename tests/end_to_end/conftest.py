"""Servers for the end-to-end tests: shared ones for speed, own ones for what changes a server."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from end_to_end.families import Fresh, config
from end_to_end.proxy import Proxy, Start
from upstream.server import FakeUpstream


@pytest.fixture(scope="session")
def shared_upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture
def upstream(shared_upstream: FakeUpstream) -> Iterator[FakeUpstream]:
    """The upstream of this test: nothing planned, nothing recorded. Fails when it got a malformed request."""
    shared_upstream.reset()
    yield shared_upstream
    shared_upstream.release()
    assert shared_upstream.refusals == []


@pytest.fixture(scope="session")
def session_servers(
    shared_upstream: FakeUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str, Mapping[str, Any]], Proxy]]:
    """Servers by name, started when first asked for, stopped at the end."""
    running: dict[str, Proxy] = {}

    def get(name: str, settings: Mapping[str, Any]) -> Proxy:
        if name not in running:
            proxy = Proxy(tmp_path_factory.mktemp(name), config(shared_upstream.url, **settings))
            proxy.wait_until_up()
            running[name] = proxy
        return running[name]

    yield get
    shared_upstream.release()
    _stop_all(list(running.values()))


def _stop_all(proxies: list[Proxy]) -> None:
    """Stop every one, also when another fails to stop well."""
    failures = []
    for proxy in proxies:
        try:
            proxy.stop()
        except AssertionError as error:
            failures.append(str(error))
    assert not failures, "\n".join(failures)


def _watched(proxy: Proxy) -> Iterator[Proxy]:
    """A shared server for one test, which fails when the server logs a traceback meanwhile."""
    before = len(proxy.log)
    yield proxy
    assert "Traceback" not in proxy.log[before:], proxy.log[before:][-4000:]


@pytest.fixture
def server(session_servers: Callable[[str, Mapping[str, Any]], Proxy], upstream: FakeUpstream) -> Iterator[Proxy]:
    """The common server: default settings, every family, the demo model."""
    yield from _watched(session_servers("common", {"demo": True}))


@pytest.fixture
def ticking(session_servers: Callable[[str, Mapping[str, Any]], Proxy], upstream: FakeUpstream) -> Iterator[Proxy]:
    """Keep-alives each second, one restart before the first byte, no cooldowns of failing upstreams."""
    settings = {
        "streaming": {"keepalive-seconds": 1, "bootstrap-retries": 1}, "nonstream-keepalive-interval": 1,
        "disable-cooling": True,
    }  # fmt: skip
    yield from _watched(session_servers("ticking", settings))


@pytest.fixture
def impatient(session_servers: Callable[[str, Mapping[str, Any]], Proxy], upstream: FakeUpstream) -> Iterator[Proxy]:
    """One second for the first byte, one second of silence."""
    yield from _watched(session_servers("impatient", {"timeouts": {"first-byte": 1, "idle": 1}}))


@pytest.fixture
def start(tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream) -> Iterator[Start]:
    """Start servers of this test's own: ``start(config, **options of Proxy)``. Stopped at the end."""
    running: list[Proxy] = []

    def begin(settings: Mapping[str, Any] | str, *, wait: bool = True, **options: Any) -> Proxy:
        proxy = Proxy(tmp_path_factory.mktemp("own"), settings, **options)
        running.append(proxy)
        if wait:
            proxy.wait_until_up()
        return proxy

    yield begin
    upstream.release()
    _stop_all([proxy for proxy in running if proxy.process.poll() is None])


Numbers = dict[str, Iterator[int]]


@pytest.fixture(scope="session")
def numbers() -> Numbers:
    """One count per kind of model name."""
    return defaultdict(itertools.count)


@pytest.fixture
def fresh(numbers: Numbers) -> Fresh:
    """A model name of a family that no other test of this session uses, served by one credential."""
    return lambda family: family.spare(next(numbers[f"{family} spare"]))


@pytest.fixture
def fresh_pair(numbers: Numbers) -> Fresh:
    """The same with two credentials."""
    return lambda family: family.pair(next(numbers[f"{family} pair"]))
