"""Failures of every upstream raise the right exception of every SDK, with the upstream's words (client-api.md 6)."""

from __future__ import annotations

from typing import Any

import pytest
from end_to_end.matrix.sdks import BOTH_WAYS, EACH_SDK, GENAI, SDKS, Begin, Sdk
from end_to_end.matrix.targets import EACH_TARGET, TARGETS, Spare, Target
from upstream.plan import Plan
from upstream.server import FakeUpstream

WORDS = "no such luck"


def status_of(error: Any) -> Any:
    return getattr(error, "status_code", None) or getattr(error, "code", None)


def headers_of(error: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in error.response.headers.items()}


@pytest.mark.parametrize("status", [400, 401, 429, 500])
@BOTH_WAYS
@EACH_TARGET
@EACH_SDK
def test_before_the_answer(
    begin: Begin, upstream: FakeUpstream, spare: Spare, sdk: Sdk, target: Target, stream: bool, status: int
) -> None:
    upstream.plan(Plan(status=status, message=WORDS, headers=(("Retry-After", "7"),)))
    talk = begin(sdk, spare(target))
    talk.say("hi")
    with pytest.raises(sdk.failures[status], match=WORDS) as caught:
        talk.ask(stream=stream)
    assert status_of(caught.value) == status
    assert len(upstream.requests) == 1
    if status == 429:
        assert headers_of(caught.value)["retry-after"] == "7"
    if sdk is GENAI:
        assert caught.value.message == WORDS  # type: ignore[attr-defined]


@EACH_TARGET
@EACH_SDK
def test_inside_a_stream(begin: Begin, upstream: FakeUpstream, spare: Spare, sdk: Sdk, target: Target) -> None:
    upstream.plan(Plan(error_after=target.error_after, message=WORDS))
    talk = begin(sdk, spare(target))
    talk.say("hi")
    with pytest.raises(sdk.any_failure, match=WORDS):
        talk.ask(stream=True)


@EACH_TARGET
@EACH_SDK
def test_in_front_of_a_stream(begin: Begin, upstream: FakeUpstream, spare: Spare, sdk: Sdk, target: Target) -> None:
    """An error event where the first words belong is an error of the request."""
    upstream.plan(Plan(error_after=0, message=WORDS))
    talk = begin(sdk, spare(target))
    talk.say("hi")
    with pytest.raises(sdk.any_failure, match=WORDS) as caught:
        talk.ask(stream=True)
    assert status_of(caught.value) >= 400


@pytest.mark.parametrize(
    ("sdk", "target"),
    [
        pytest.param(sdk, target, id=f"{sdk}-{target}")
        for sdk in SDKS
        for target in TARGETS
        if target.always_streams and (sdk.own != target.name or target.name == "codex")
    ],
)
def test_inside_the_stream_behind_a_whole_answer(
    begin: Begin, upstream: FakeUpstream, spare: Spare, sdk: Sdk, target: Target
) -> None:
    """The client did not stream, the upstream did: a half answer is none."""
    upstream.plan(Plan(error_after=target.error_after, message=WORDS))
    talk = begin(sdk, spare(target))
    talk.say("hi")
    with pytest.raises(sdk.any_failure, match=WORDS) as caught:
        talk.ask(stream=False)
    assert status_of(caught.value) >= 500


@EACH_TARGET
@EACH_SDK
def test_a_whole_answer_that_is_cut(
    begin: Begin, upstream: FakeUpstream, spare: Spare, sdk: Sdk, target: Target
) -> None:
    upstream.plan(Plan(cut_after=0))
    talk = begin(sdk, spare(target))
    talk.say("hi")
    with pytest.raises(sdk.any_failure) as caught:
        talk.ask(stream=False)
    assert status_of(caught.value) >= 500
