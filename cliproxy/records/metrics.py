"""Counters of one server, and their Prometheus text (design D21).

Counting is plain arithmetic on dictionaries; prometheus-client writes the text. Every object has a registry of its own.
Labels never hold client keys, addresses or names of accounts: credentials go by their index.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from cliproxy.records.access_log import AccessRecord
from cliproxy.records.routes import route_pattern
from cliproxy.records.usage.record import UNKNOWN, UsageRecord

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
TOTAL_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
FIRST_BYTE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds in seconds."""
STATES = ("active", "cooling", "blocked", "error", "disabled")
_NO_ROUTE, _OTHER = "none", "other"
_MOST_MODELS = 1000

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


@dataclass(frozen=True, slots=True)
class CredentialState:
    """One credential: ``state`` is one of ``STATES``; ``cooldowns`` counts blocked models (or the account).

    ``recovers_at``: Unix seconds at which its first block ends, 0 without one.
    """

    index: str
    provider: str
    state: str
    cooldowns: int = 0
    recovers_at: float = 0.0


Credentials = Callable[[], Iterable[CredentialState]]


class _Histogram:
    """Durations in buckets."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds

    def cumulative(self) -> list[tuple[str, float]]:
        """(upper bound, how many are not above it), ``+Inf`` last."""
        found, so_far = [], 0
        for bound, count in zip([*map(str, self.bounds), "+Inf"], self.counts, strict=True):
            so_far += count
            found.append((bound, float(so_far)))
        return found


class Metrics:
    """What ``GET /metrics`` shows. ``credentials`` is asked at each rendering.

    ``request`` is to be called at the end of each request; ``take`` is a consumer of the usage queue.
    """

    def __init__(self, credentials: Credentials = tuple, version: str = "") -> None:
        self._credentials, self._version = credentials, version
        self._requests: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._seconds: defaultdict[str, _Histogram] = defaultdict(lambda: _Histogram(TOTAL_BUCKETS))
        self._first_byte: defaultdict[str, _Histogram] = defaultdict(lambda: _Histogram(FIRST_BYTE_BUCKETS))
        self._attempts: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._upstream_seconds: defaultdict[str, _Histogram] = defaultdict(lambda: _Histogram(TOTAL_BUCKETS))
        self._upstream_first: defaultdict[str, _Histogram] = defaultdict(lambda: _Histogram(FIRST_BYTE_BUCKETS))
        self._tokens: dict[str, list[int]] = {}
        self.registry = CollectorRegistry()
        self.registry.register(_Shown(self._families))
        ProcessCollector(registry=self.registry)

    def __repr__(self) -> str:
        return f"<Metrics {sum(self._requests.values())} requests, {sum(self._attempts.values())} attempts>"

    def request(self, route: str, status: int, seconds: float, first_byte: float | None = None) -> None:
        """Count one finished request of a client.

        :param route: its pattern (``/v1/messages``), never its path; empty when none matched.
        :param seconds: from arrival to the end of the answer.
        :param first_byte: seconds from arrival to the first byte of the body; None when there was none.
        """
        route = route or _NO_ROUTE
        self._requests[route, str(status)] += 1
        self._seconds[route].observe(seconds)
        if first_byte is not None:
            self._first_byte[route].observe(first_byte)

    def finished(self, done: AccessRecord) -> None:
        """Count what the access log has seen the end of."""
        self.request(route_pattern(done.route) if done.route else "", done.status, done.seconds, done.first_byte)

    def take(self, records: Sequence[UsageRecord]) -> None:
        """Count attempts and tokens."""
        for record in records:
            provider = record.provider or UNKNOWN
            status = str(record.upstream_status) if record.upstream_status else "error" if record.failed else "200"
            self._attempts[provider, status] += 1
            if record.latency:
                self._upstream_seconds[provider].observe(record.latency)
            if record.ttft:
                self._upstream_first[provider].observe(record.ttft)
            if record.tokens:
                self._count_tokens(record)

    def render(self) -> bytes:
        """The Prometheus text format, version 0.0.4."""
        return generate_latest(self.registry)

    def _count_tokens(self, record: UsageRecord) -> None:
        model, tokens = record.model or UNKNOWN, record.tokens
        sums = self._tokens.get(model)
        if sums is None:
            if len(self._tokens) >= _MOST_MODELS:  # whoever makes names up must not fill the memory
                model = _OTHER
            sums = self._tokens.setdefault(model, [0] * len(_KINDS))
        for number, kind in enumerate(_KINDS):
            sums[number] += getattr(tokens, kind)

    def _families(self) -> Iterator[Family]:
        yield _gauge("cliproxy_build_info", "The running version.", ("version",), [((self._version,), 1.0)])
        yield _counter(
            "cliproxy_requests", "Requests of clients by route and status.", ("route", "status"), self._requests.items()
        )
        yield _histogram(
            "cliproxy_request_seconds", "Time from a request's arrival to the end of its answer.", "route",
            self._seconds,
        )  # fmt: skip
        yield _histogram(
            "cliproxy_first_byte_seconds", "Time from a request's arrival to the first byte of its answer's body.",
            "route", self._first_byte,
        )  # fmt: skip
        yield _counter(
            "cliproxy_upstream_attempts", "Attempts with one credential by provider and the upstream's status.",
            ("provider", "status"), self._attempts.items(),
        )  # fmt: skip
        yield _histogram(
            "cliproxy_upstream_seconds", "Time of one attempt.", "provider", self._upstream_seconds
        )  # fmt: skip
        yield _histogram(
            "cliproxy_upstream_first_event_seconds", "Time from a streamed attempt's start to its first event.",
            "provider", self._upstream_first,
        )  # fmt: skip
        yield _counter(
            "cliproxy_tokens", "Tokens as the upstreams count them.", ("model", "kind"),
            (((model, kind), sums[i]) for model, sums in self._tokens.items() for i, kind in enumerate(_KINDS)),
        )  # fmt: skip
        yield from _credential_families(tuple(self._credentials()))


_KINDS = ("input", "output", "reasoning", "cached")


class _Shown(Collector):
    """Hands families to the registry when it is read."""

    def __init__(self, families: Callable[[], Iterable[Family]]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        """All of them as they are now."""
        return self._families()

    def describe(self) -> Iterable[Family]:
        """Nothing: names are fixed, and asking for them must not ask the pool."""
        return ()


def _credential_families(states: Sequence[CredentialState]) -> Iterator[Family]:
    """Several credentials may share an index (the projects of one file): they are counted together."""
    counts: dict[tuple[str, str, str], float] = {}
    cooldowns: defaultdict[tuple[str, str], float] = defaultdict(float)
    recovery: dict[tuple[str, str], float] = {}
    for one in states:
        key = (one.index, one.provider)
        for state in STATES:
            counts[(*key, state)] = counts.get((*key, state), 0.0) + (state == one.state)
        cooldowns[key] += one.cooldowns
        if one.recovers_at:
            recovery[key] = min(one.recovers_at, recovery.get(key, one.recovers_at))
    labels = ("auth_index", "provider")
    yield _gauge("cliproxy_credentials", "Credentials by state.", (*labels, "state"), counts.items())
    yield _gauge("cliproxy_credential_cooldowns", "What of a credential cools down.", labels, cooldowns.items())
    yield _gauge(
        "cliproxy_credential_recovery_timestamp_seconds", "When the first of a credential's cooldowns ends.", labels,
        recovery.items(),
    )  # fmt: skip


Values = Iterable[tuple[tuple[str, ...], float]]


def _counter(name: str, words: str, labels: Sequence[str], values: Values) -> CounterMetricFamily:
    family = CounterMetricFamily(name, words, labels=labels)
    for key, value in values:
        family.add_metric(key, value)
    return family


def _gauge(name: str, words: str, labels: Sequence[str], values: Values) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=labels)
    for key, value in values:
        family.add_metric(key, value)
    return family


def _histogram(name: str, words: str, label: str, found: dict[str, _Histogram]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, words, labels=(label,))
    for key, one in found.items():
        family.add_metric((key,), one.cumulative(), one.sum)
    return family
