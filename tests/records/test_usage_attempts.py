"""One record per attempt with one credential (logging.md 15.1, 15.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pool.bench import Bench, Blocks, Plain, status

from cliproxy.errors import UpstreamError, UpstreamTransport
from cliproxy.providers.base import Answer, AnswerStream
from cliproxy.records.usage import ClientRequest, Tokens, UsageRecord

TOKENS = Tokens(10, 20, total=30)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def only(bench: Bench) -> UsageRecord:
    (record,) = bench.used
    return record


def streams(bench: Bench, tokens: Tokens, *blocks: Any) -> Blocks:
    """Credential ``a`` answers with a stream that reports ``tokens``."""
    source = Blocks(blocks)

    def stream(credential: Any, call: Any, model: str) -> AnswerStream:
        transform = Plain(model)
        transform.tokens = tokens
        return AnswerStream(source, transform)

    bench.provider.stream = stream  # type: ignore[method-assign]
    bench.add("a")
    return source


@pytest.mark.case("logging:46")
@pytest.mark.parametrize("streamed", [False, True])
def test_a_success_without_numbers_is_one_record(bench: Bench, streamed: bool) -> None:
    bench.add("a")
    if streamed:
        started = bench.stream()
        list(started.stream)
        started.stream.close()
    else:
        bench.ask()
    record = only(bench)
    assert (record.failed, record.tokens, record.upstream_status) == (False, Tokens(), 200)


@pytest.mark.case("logging:46")
def test_what_goes_wrong_after_the_end_changes_nothing(bench: Bench) -> None:
    source = streams(bench, TOKENS, b"1", b"2")
    started = bench.stream()
    assert list(started.stream) == [b"2"]
    assert (only(bench).failed, only(bench).tokens) == (False, TOKENS)
    source._blocks.append(UpstreamTransport("late"))
    started.stream.close()
    assert len(bench.used) == 1


def test_a_stream_that_breaks_off_failed_whatever_it_has_counted(bench: Bench) -> None:
    streams(bench, TOKENS, b"1", UpstreamTransport("cut"))
    started = bench.stream()
    with pytest.raises(UpstreamError):
        list(started.stream)
    assert (only(bench).failed, only(bench).tokens, only(bench).upstream_status) == (True, TOKENS, 0)


@pytest.mark.parametrize("tokens", [Tokens(), TOKENS])
def test_a_client_that_leaves_pays_for_what_was_counted(bench: Bench, tokens: Tokens) -> None:
    streams(bench, tokens, b"1", b"2", b"3")
    started = bench.stream()
    started.stream.close()
    started.stream.close()
    assert [(used.failed, used.tokens) for used in bench.used] == ([(False, TOKENS)] if tokens else [])


@pytest.mark.case("logging:47")
@pytest.mark.parametrize("streamed", [False, True])
def test_every_credential_has_its_record(bench: Bench, streamed: bool) -> None:
    for number, name in enumerate("abc"):
        bench.add(name, priority=3 - number)
    bench.provider.plan = {"a": [status(429)], "b": [UpstreamTransport("down")]}
    if streamed:
        list(bench.stream().stream)
    else:
        assert bench.ask() == "c"
    seen = [(used.auth_id, used.failed, used.upstream_status) for used in bench.used]
    assert seen == [("a", True, 429), ("b", True, 0), ("c", False, 200)]
    assert len({used.auth_index for used in bench.used}) == 3


def test_what_a_record_says(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.models = {"a": ("up",)}
    bench.add("a", attributes={"api_key": "sk-a"})
    times = iter([100.0, 100.0, 100.5, 103.0])
    monkeypatch.setattr("cliproxy.pool.dispatch.time.time", lambda: next(times))
    request = ClientRequest("POST /v1/chat/completions")
    call = replace(bench.call("up(high)"), client_key="client", request=request)
    started = bench.dispatcher.stream(["p"], call)
    list(started.stream)
    record = only(bench)
    assert (record.provider, record.model, record.client_key, record.auth_id, record.source) == (
        "p", "up", "client", "a", "sk-a",
    )  # fmt: skip
    assert (record.requested_at, record.ttft, record.latency) == (100.0, 0.5, 3.0)
    assert record.request is request


def test_the_client_key_is_the_last_source(bench: Bench) -> None:
    bench.add("a")
    bench.dispatcher.execute(["p"], replace(bench.call(), client_key="client"))
    assert only(bench).source == "client"


def test_whole_answers_bring_their_tokens(bench: Bench) -> None:
    bench.add("a")
    bench.provider.execute = lambda *_: Answer(b"{}", "up", TOKENS)  # type: ignore[method-assign]
    bench.ask()
    assert only(bench).tokens == TOKENS
