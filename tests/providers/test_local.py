"""Providers inside the process: what happens when one fails, and when its client leaves (docs/embedding.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from providers.fake_http import call, pipeline_for

from cliproxy.config.settings import Settings
from cliproxy.errors import CliproxyError, RequestError, UpstreamError
from cliproxy.providers.credential import Credential
from cliproxy.providers.local import LocalProvider
from cliproxy.translation.formats import Format

MINE = Credential("mine", "mine")
BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
CHUNK: dict[str, Any] = {"model": "m", "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}]}
LAST: dict[str, Any] = {
    "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": {"total_tokens": 5},
}  # fmt: skip


class Mine(LocalProvider):
    """Raises ``error`` where it has one; in streams after the first chunk."""

    key = "mine"

    def __init__(self, error: Exception | None = None, *, at_once: bool = False) -> None:
        super().__init__(pipeline_for(Settings))
        self.error, self.at_once = error, at_once
        self.closed = 0
        self.asked: list[Mapping[str, Any]] = []

    def body(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(request)
        if self.error is not None:
            raise self.error
        return {"model": "m", "choices": [], "usage": {"total_tokens": 5}}

    def chunks(self, request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        if self.error is not None and self.at_once:
            raise self.error
        return self._chunks()

    def _chunks(self) -> Iterator[Mapping[str, Any]]:
        try:
            yield CHUNK
            if self.error is not None:
                raise self.error
            yield LAST
        finally:
            self.closed += 1

    def tokens(self, request: Mapping[str, Any]) -> int:
        if self.error is not None:
            raise self.error
        return 7


def asked() -> Any:
    return call("openai", BODY)


def test_it_answers() -> None:
    provider = Mine()
    answer = provider.execute(MINE, asked(), "m(high)")
    assert answer.tokens.total == 5
    assert provider.asked[0]["model"] == "m"
    stream = provider.stream(MINE, asked(), "m")
    blocks = list(stream)
    assert len(blocks) == 2
    assert b"[DONE]" not in b"".join(blocks)
    assert (stream.tokens.total, provider.closed) == (5, 1)
    assert b"7" in provider.count_tokens(MINE, asked(), "m").body
    assert repr(provider) == "<Mine mine>"


@pytest.mark.parametrize("error", [RequestError("bad"), UpstreamError("busy", status=429)])
def test_errors_of_ours_are_its_own_words(error: CliproxyError, caplog: pytest.LogCaptureFixture) -> None:
    provider = Mine(error, at_once=True)
    for ask in (provider.execute, provider.stream, provider.count_tokens):
        with pytest.raises(type(error)) as raised:
            ask(MINE, asked(), "m")
        assert raised.value is error
    assert caplog.text == ""


def test_other_errors_are_failures_of_the_provider(caplog: pytest.LogCaptureFixture) -> None:
    provider = Mine(KeyError("bug"), at_once=True)
    for ask in (provider.execute, provider.stream, provider.count_tokens):
        with pytest.raises(UpstreamError, match="provider mine failed") as raised:
            ask(MINE, asked(), "m")
        assert raised.value.status == 500
    assert caplog.text.count("KeyError: 'bug'") == 3


def test_a_failure_inside_a_stream(caplog: pytest.LogCaptureFixture) -> None:
    provider = Mine(KeyError("bug"))
    stream = provider.stream(MINE, asked(), "m")
    assert b'"a"' in next(stream)
    with pytest.raises(UpstreamError, match="provider mine failed"):
        next(stream)
    assert provider.closed == 1
    assert "KeyError" in caplog.text


def test_a_client_that_leaves() -> None:
    provider = Mine()
    stream = provider.stream(MINE, asked(), "m")
    next(stream)
    assert provider.closed == 0
    stream.close()
    stream.close()
    assert provider.closed == 1


@pytest.mark.parametrize("format", ["openai", "claude"])
def test_a_stream_without_an_end_is_a_failure(format: Format) -> None:
    class Cut(Mine):
        def _chunks(self) -> Iterator[Mapping[str, Any]]:
            return iter((CHUNK,))  # no generator: it has no close

    with pytest.raises(UpstreamError, match="without a finish_reason"):
        list(Cut().stream(MINE, call(format, BODY), "m"))


def test_a_base_answers_nothing() -> None:
    provider = LocalProvider(pipeline_for(Settings))
    for method in (provider.body, provider.chunks, provider.tokens):
        with pytest.raises(NotImplementedError):
            method({})
