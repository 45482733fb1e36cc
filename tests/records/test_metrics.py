"""Counters and their Prometheus text (design D21)."""

from __future__ import annotations

import time
from typing import Any

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from records.usage_bench import record

from cliproxy.records.metrics import CredentialState, Metrics
from cliproxy.records.routes import route_pattern

ORDER = ("version", "auth_index", "provider", "route", "status", "state", "model", "kind", "le")


def samples(metrics: Metrics) -> dict[Any, float]:
    """Every sample of ours by name and label values; the text is parsed as Prometheus does."""
    found = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            key = (sample.name, *(sample.labels[name] for name in ORDER if name in sample.labels))
            assert key not in found, f"twice: {key}"
            found[key] = sample.value
    return found


def test_requests() -> None:
    metrics = Metrics(version="1.2.3")
    metrics.request("/v1/messages", 200, 0.2, 0.004)
    metrics.request("/v1/messages", 200, 700.0, 0.005)
    metrics.request("/v1/messages", 429, 0.25)
    metrics.request("", 404, 0.001)
    found = samples(metrics)
    assert found["cliproxy_build_info", "1.2.3"] == 1
    assert found["cliproxy_requests_total", "/v1/messages", "200"] == 2
    assert found["cliproxy_requests_total", "/v1/messages", "429"] == 1
    assert found["cliproxy_requests_total", "none", "404"] == 1
    bucket = "cliproxy_request_seconds_bucket"
    wanted = {"0.1": 0, "0.25": 2, "600.0": 2, "+Inf": 3}
    assert {bound: found[bucket, "/v1/messages", bound] for bound in wanted} == wanted
    assert found["cliproxy_request_seconds_count", "/v1/messages"] == 3
    assert found["cliproxy_request_seconds_sum", "/v1/messages"] == pytest.approx(700.45)
    assert found["cliproxy_first_byte_seconds_bucket", "/v1/messages", "0.005"] == 2
    assert found["cliproxy_first_byte_seconds_count", "/v1/messages"] == 2
    assert ("cliproxy_first_byte_seconds_count", "none") not in found


def test_attempts_and_tokens() -> None:
    metrics = Metrics()
    metrics.take(
        [
            record(upstream_status=200, tokens=(10, 20, 3, 4, 33), latency=2.0, ttft=0.3),
            record(upstream_status=200, tokens=(1, 0, 0, 0, 1)), record(tokens=()),
            record(upstream_status=429, failed=True, tokens=()), record(failed=True, tokens=(), provider=""),
        ]
    )  # fmt: skip
    found = samples(metrics)
    attempts = {key[1:]: value for key, value in found.items() if key[0] == "cliproxy_upstream_attempts_total"}
    assert attempts == {("codex", "200"): 3, ("codex", "429"): 1, ("unknown", "error"): 1}
    tokens = {key[1:]: value for key, value in found.items() if key[0] == "cliproxy_tokens_total"}
    assert tokens == {
        ("gpt-5", "input"): 11, ("gpt-5", "output"): 20, ("gpt-5", "reasoning"): 3, ("gpt-5", "cached"): 4,
    }  # fmt: skip
    assert (
        found["cliproxy_upstream_seconds_count", "codex"]
        == found["cliproxy_upstream_first_event_seconds_count", "codex"]
        == 1
    )
    assert found["cliproxy_upstream_first_event_seconds_bucket", "codex", "0.5"] == 1


def test_made_up_models_do_not_fill_the_memory() -> None:
    metrics = Metrics()
    metrics.take([record(model=f"m{number}", tokens=(1,)) for number in range(1500)])
    metrics.take([record(model="m0", tokens=(1,))])
    found = {
        key[1]: value
        for key, value in samples(metrics).items()
        if key[0] == "cliproxy_tokens_total" and key[2] == "input"
    }
    assert len(found) == 1001
    assert (found["m0"], found["other"]) == (2, 500)


def test_credentials() -> None:
    states = [
        CredentialState("i1", "claude", "cooling", 2, 2000.0), CredentialState("i2", "codex", "active"),
        CredentialState("g", "gemini-cli", "blocked", 1, 900.0), CredentialState("g", "gemini-cli", "active", 0, 950.0),
    ]  # fmt: skip
    metrics = Metrics(lambda: states)
    found = samples(metrics)
    state = {key[1:]: value for key, value in found.items() if key[0] == "cliproxy_credentials" and value}
    assert state == {
        ("i1", "claude", "cooling"): 1, ("i2", "codex", "active"): 1, ("g", "gemini-cli", "blocked"): 1,
        ("g", "gemini-cli", "active"): 1,
    }  # fmt: skip
    assert found["cliproxy_credentials", "i1", "claude", "active"] == 0
    assert found["cliproxy_credential_cooldowns", "i1", "claude"] == 2
    assert found["cliproxy_credential_cooldowns", "i2", "codex"] == 0
    assert found["cliproxy_credential_recovery_timestamp_seconds", "g", "gemini-cli"] == 900
    assert ("cliproxy_credential_recovery_timestamp_seconds", "i2", "codex") not in found
    states.clear()
    assert not any(key[0].startswith("cliproxy_credential") for key in samples(metrics))


def test_names_that_need_escaping() -> None:
    metrics = Metrics()
    metrics.take([record(provider='a"b\\c\nd')])
    assert samples(metrics)["cliproxy_upstream_attempts_total", 'a"b\\c\nd', "200"] == 1


def test_every_application_has_its_own() -> None:
    one, other = Metrics(), Metrics()
    one.request("/", 200, 0.1)
    assert ("cliproxy_requests_total", "/", "200") not in samples(other)
    assert not any(family.name.startswith("cliproxy") for family in REGISTRY.collect())
    assert "process_cpu_seconds_total" in one.render().decode()
    assert "_created" not in one.render().decode()


def test_the_usual_scrape_is_quick() -> None:
    """Far below what would be felt in a stream: 60 routes, 60 statuses, 200 credentials."""
    states = [CredentialState(f"i{number}", "p", "active") for number in range(200)]
    metrics = Metrics(lambda: states)
    for number in range(60):
        metrics.request(f"/r{number}", 200 + number, 0.1, 0.1)
    metrics.render()
    begin = time.process_time()
    metrics.render()
    assert time.process_time() - begin < 0.5


@pytest.mark.parametrize(
    ("rule", "pattern"),
    [
        ("/v1/messages", "/v1/messages"), ("/v1beta/models/<path:action>", "/v1beta/models/*action"),
        ("/api/provider/<provider>/v1/<path:rest>", "/api/provider/:provider/v1/*rest"), ("/n/<int:id>", "/n/:id"), ("", ""),
    ],
)  # fmt: skip
def test_patterns(rule: str, pattern: str) -> None:
    assert route_pattern(rule) == pattern
