"""What Antigravity's body needs at the end, and how its answers are taken out of their envelope (providers.md 16)."""

from __future__ import annotations

import json
import random
import re
from hashlib import sha256
from typing import Any

import pytest

from cliproxy.errors import UpstreamStatus
from cliproxy.providers import antigravity_answers as answers
from cliproxy.providers.antigravity_body import (
    Envelope,
    collects,
    countable,
    final,
    invented_project,
    session_id,
    with_system_prefix,
)
from cliproxy.records.usage import Tokens

ENVELOPE = Envelope("gemini-3-flash", "p-1", "-1", "agent-1")


def talk(*contents: Any, **more: Any) -> dict[str, Any]:
    """An envelope as translation leaves it."""
    return {"project": "", "request": {"contents": [*contents], **more}, "model": "m"}


def user(*texts: Any) -> dict[str, Any]:
    return {"role": "user", "parts": [{"text": text} for text in texts]}


def request(body: dict[str, Any], model: str = "gemini-3-flash", prefix: str = "") -> Any:
    before = json.dumps(body)
    made = final(body, Envelope(model, "p-1", "-1", "agent-1"), prefix)
    assert json.dumps(body) == before  # copy on write
    return made["request"]


def test_the_envelope() -> None:
    assert final(talk(user("hi"), safetySettings=[], session_id="s"), ENVELOPE) == {
        "project": "p-1", "model": "gemini-3-flash", "userAgent": "antigravity", "requestType": "agent",
        "requestId": "agent-1", "request": {"contents": [user("hi")], "sessionId": "-1"},
    }  # fmt: skip
    assert final({"project": "x"}, ENVELOPE)["request"] == {"sessionId": "-1"}


@pytest.mark.parametrize("spelling", ["safetySettings", "safety_settings"])
def test_no_safety_settings(spelling: str) -> None:
    assert request(talk(**{spelling: [1]})) == {"contents": [], "sessionId": "-1"}


def test_a_tool_config_beside_the_request() -> None:
    body = {**talk(), "toolConfig": {"a": 1}}
    made = final(body, ENVELOPE)
    assert (made["request"]["toolConfig"], "toolConfig" in made) == ({"a": 1}, False)
    assert request({**talk(tool_config={"b": 2}), "toolConfig": {"a": 1}})["toolConfig"] == {"b": 2}


def test_claude_models_validate_calls() -> None:
    limits = {"maxOutputTokens": 5, "temperature": 1}
    assert request(talk(generationConfig=limits), "claude-sonnet-4-5") == {
        "contents": [], "generationConfig": limits, "sessionId": "-1",
        "toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}},
    }  # fmt: skip
    chosen = {"function_calling_config": {"mode": "ANY", "allowedFunctionNames": ["f"]}, "x": 1}
    assert request(talk(tool_config=chosen), "claude-x")["toolConfig"] == {
        "functionCallingConfig": {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}, "x": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"maxOutputTokens": 5, "temperature": 1}, "generationConfig"),
        ({"max_output_tokens": 5, "temperature": 1}, "generation_config"),
    ],
)
def test_the_others_have_no_limit(config: dict[str, Any], key: str) -> None:
    made = request(talk(**{key: config}), "Claude-in-capitals")  # names are case-sensitive here
    assert made == {"contents": [], "generationConfig": {"temperature": 1}, "sessionId": "-1"}


def test_a_count() -> None:
    body = talk(user("a"), safetySettings=[], generationConfig={"maxOutputTokens": 1})
    assert countable(body) == {"request": {"contents": [user("a")], "generationConfig": {"maxOutputTokens": 1}}}


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ([user("hi", "there"), user("more")], "hi"),
        ([{"role": "model", "parts": [{"text": "m"}]}, user(""), user("später")], "später"),
        ([{"role": "user", "parts": [{"inlineData": {}}, {"text": "second"}]}, user("first part")], "first part"),
        (["odd", {"role": "user", "parts": "odd"}, {"role": "user", "parts": ["odd"]}, user(5), user("x")], "x"),
    ],
)
def test_the_session_is_that_of_the_first_words(contents: list[Any], words: str) -> None:
    number = int(sha256(words.encode()).hexdigest()[:16], 16) % 2**63
    assert session_id({"contents": contents}) == f"-{number}"


def test_known_sessions() -> None:
    assert session_id({"contents": [user("hi")]}) == "-1099796703622425494"
    assert session_id({"contents": [user("\ud800")]}).startswith("-")


def test_what_is_invented() -> None:
    rng = random.Random(7)
    first, second = (Envelope.of(talk(user("")), "m", "", rng) for _ in range(2))
    for envelope in (first, second):
        assert re.fullmatch(r"(useful|bright|swift|calm|bold)-(fuze|wave|spark|flow|core)-[0-9a-f]{5}", envelope.project)
        assert re.fullmatch(r"agent-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", envelope.request_id)
        assert 0 <= -int(envelope.session_id) < 9 * 10**18
        assert envelope.session_id.startswith("-")
    assert first.session_id != second.session_id
    assert len({invented_project(rng) for _ in range(50)}) > 40


def test_what_is_known_is_not_invented() -> None:
    rng = random.Random(7)
    first, second = (Envelope.of(talk(user("hi")), "m", "mine", rng) for _ in range(2))
    assert (first.project, first.session_id) == ("mine", "-1099796703622425494")
    assert (second.project, second.session_id) == (first.project, first.session_id)
    assert first.request_id != second.request_id


@pytest.mark.parametrize(
    ("model", "wanted"),
    [("claude-x", True), ("gemini-3-pro-high", True), ("gemini-3-pro-low", False), ("gemini-3-flash", False)],
)
def test_who_gets_the_system_prefix(model: str, wanted: bool) -> None:
    body = talk(systemInstruction={"parts": [{"text": "mine"}]})
    made = request(body, model, "OWN")["systemInstruction"]
    if not wanted:
        assert made == {"parts": [{"text": "mine"}]}
        return
    assert made["role"] == "user"
    first, second, *rest = (part["text"] for part in made["parts"])
    assert (first, rest) == ("OWN", ["mine"])
    assert "ignore" in second
    assert "OWN" in second


def test_no_prefix_without_the_setting() -> None:
    assert "systemInstruction" not in request(talk(), "claude-x")


@pytest.mark.parametrize(
    ("before", "kept"),
    [(None, []), ("words", [{"text": "words"}]), ({"role": "system", "parts": [{"text": "a"}]}, [{"text": "a"}]), ({}, [])],
)  # fmt: skip
def test_the_prefix_goes_first(before: Any, kept: list[Any]) -> None:
    old = {} if before is None else {"systemInstruction": before}
    made = with_system_prefix(old, "OWN")
    assert made["systemInstruction"]["parts"][2:] == kept
    assert made["systemInstruction"]["role"] == "user"
    assert with_system_prefix(made, "OWN") is made


@pytest.mark.parametrize(
    ("model", "expected"),
    [("claude-x", True), ("My-CLAUDE", True), ("gemini-3-pro-low", True), ("gemini-3-PRO", False), ("gemini-3-flash", False)],
)  # fmt: skip
def test_who_only_streams(model: str, expected: bool) -> None:
    assert collects(model) is expected


# Answers

INNER = b'{"candidates":[{"content":{"parts":[{"text":"\\u00e9"}]},"finishReason":"STOP"}],"n":1.0,"modelVersion":"up"}'
COUNTS = b'{"promptTokenCount":2,"candidatesTokenCount":3,"totalTokenCount":5}'
NAMED = INNER.replace(b'"up"', b'"asked"')


def stream(*chunks: bytes, keep: bool = False) -> tuple[bytes, answers.EnvelopeStream]:
    found = answers.EnvelopeStream("asked", "sent", keep)
    out = b"".join(found.feed(chunk) for chunk in chunks)
    return out + found.finish(), found


def test_chunks_leave_their_envelope() -> None:
    whole = b'data: {"response": %b, "traceId": "t"}\r\n\r\n' % INNER
    for cut in range(len(whole)):
        out, found = stream(whole[:cut], whole[cut:])
        assert out == b"data: %b\n\n" % NAMED
        assert (found.upstream_model, found.error) == ("up", None)


def test_chunks_in_their_envelope() -> None:
    out, found = stream(b'data: {"response": %b, "traceId": "t"}\n\n' % INNER, keep=True)
    assert out == b'data: {"response":%b,"traceId":"t"}\n\n' % NAMED
    assert found.error is None


def test_chunks_without_one_and_what_is_none() -> None:
    out, found = stream(b"data: %b\n\ndata: [DONE]\n\n: ping\n\ndata: nonsense\n\ndata: {broken\n\n" % INNER)
    assert out == b"data: %b\n\n" % NAMED
    assert found.error is None


@pytest.mark.parametrize(
    "chunk",
    [
        b'{"response":{"usageMetadata":%b,"candidates":[{"finishReason":"STOP"}]},"usageMetadata":{"totalTokenCount":9}}',
        b'{"response":{"candidates":[{"finishReason":"STOP"}]},"usageMetadata":%b}',
        b'{"response":{"candidates":[{"finishReason":"STOP"}]},"usage_metadata":%b}',
    ],
)
def test_usage(chunk: bytes) -> None:
    _, found = stream(b"data: %b\n\n" % (chunk % COUNTS))
    assert found.tokens == Tokens(2, 3, total=5)
    assert answers.body(chunk % COUNTS, "asked", "sent")[2] == Tokens(2, 3, total=5)


@pytest.mark.parametrize(
    "chunk",
    [
        b'{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"m"}}',
        b'{"response":{"error":{"code":429,"message":"m"}}}',
        b'{"response":{"candidates":[]},"error":{"code":429}}',
    ],
)
def test_an_error_inside(chunk: bytes) -> None:
    out, found = stream(b"data: %b\n\n" % chunk)
    assert out == b""
    assert (found.error is not None and found.error.status) == 429
    with pytest.raises(UpstreamStatus) as caught:
        answers.body(chunk, "asked", "sent")
    assert caught.value.status == 429


def test_an_answer_that_breaks_off() -> None:
    out, found = stream(b'data: {"response":{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}}\n\n')
    assert out
    assert found.error is not None


@pytest.mark.parametrize(
    ("data", "keep", "expected"),
    [
        (b' {"response": %b, "traceId": "t"}\n' % INNER, False, (NAMED, "up")),
        (b'{"response":%b,"traceId":"t"}' % INNER, True, (b'{"response":%b,"traceId":"t"}' % NAMED, "up")),
        (INNER, False, (NAMED, "up")),
        (b"nonsense", False, (b"nonsense", "sent")),
        (b"{nonsense", False, (b"{nonsense", "sent")),
    ],
)
def test_a_whole_answer(data: bytes, keep: bool, expected: tuple[bytes, str]) -> None:
    assert answers.body(data, "asked", "sent", keep=keep)[:2] == expected


def test_a_collected_stream() -> None:
    chunks = [{"candidates": [{"content": {"parts": [{"text": "a"}]}}]},
              {"candidates": [{"content": {"parts": [{"text": "b"}]}, "finishReason": "STOP"}]}]  # fmt: skip
    events = [b"data: %b\r\n\r\n" % json.dumps({"response": chunk, "traceId": "t"}).encode() for chunk in chunks]
    assert json.loads(answers.collected(b": ping\r\n\r\n" + b"".join(events) + b"data: [DONE]\r\n\r\n")) == {
        "response": {
            "candidates": [{"content": {"role": "model", "parts": [{"text": "ab"}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0},
        },
        "traceId": "t",
    }
