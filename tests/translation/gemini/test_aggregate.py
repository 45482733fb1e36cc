"""Antigravity streams as one answer (providers.md 16.4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from translation.exchanges import Talk
from translation.gemini.gemini_talk import PNG, SIGNED, call, chunk, counts, model

from cliproxy.translation import exactjson
from cliproxy.translation.gemini.aggregate import aggregate

NO_USAGE = counts(0, 0)


def payloads(*chunks: Any) -> Iterator[bytes]:
    return (found if isinstance(found, bytes) else exactjson.dumps(found) for found in chunks)


def parts(*given: Any) -> list[Any]:
    """The parts of the answer, each given one in a chunk of its own."""
    whole = aggregate(payloads(*({"response": chunk(part)} for part in given)))
    found = whole["response"]["candidates"][0]["content"]["parts"]
    assert isinstance(found, list)
    return found


def thought(words: str, **more: Any) -> dict[str, Any]:
    return {"thought": True, "text": words, **more}


PARTS = {
    "texts": (["a", "b"], [{"text": "ab"}]),
    "blank texts": ([" ", "\n"], []),
    "blanks inside": (["a", " ", "b"], [{"text": "a b"}]),
    "thoughts": ([thought("a"), thought("b"), "c"], [thought("ab"), {"text": "c"}]),
    "a blank thought": ([thought(" "), "c"], [{"text": "c"}]),
    "a signed blank thought": ([thought("", thoughtSignature=SIGNED)], [thought("", thoughtSignature=SIGNED)]),
    "the last signature": (
        [thought("a", thoughtSignature="x"), thought("b", thought_signature=SIGNED), thought("")],
        [thought("ab", thoughtSignature=SIGNED)],
    ),
    "thoughts again": ([thought("a"), "b", thought("c")], [thought("a"), {"text": "b"}, thought("c")]),
    "a call between": (["a", call("f", args={"x": 1}), "b"], [{"text": "a"}, call("f", args={"x": 1}), {"text": "b"}]),
    "snake case": (
        [{"functionCall": {"name": "f"}, "thought_signature": "s"}, {"inline_data": {"data": PNG}}],
        [call("f", "s"), {"inlineData": {"data": PNG}}],
    ),
    "other parts": (["a", {"executableCode": {}}, "b"], [{"text": "a"}, {"executableCode": {}}, {"text": "b"}]),
}  # fmt: skip


@pytest.mark.parametrize(("given_parts", "expected"), PARTS.values(), ids=PARTS)
def test_parts(given_parts: list[Any], expected: list[Any]) -> None:
    assert parts(*given_parts) == expected


def test_the_last_of_each_field() -> None:
    chunks = [
        {"response": {**chunk("a", usage=counts(1, 1)), "modelVersion": "m1", "responseId": "r1"}, "traceId": "t1"},
        {"response": {**chunk("b", usage=counts(1, 2)), "modelVersion": "m2", "x": 1}, "traceId": "t2"},
        {
            "response": {"candidates": [{"finishReason": "STOP", "safetyRatings": []}], "modelVersion": ""},
            "traceId": "",
        },
    ]
    assert aggregate(payloads(*chunks)) == {
        "response": {
            "candidates": [{"content": model("ab"), "finishReason": "STOP", "safetyRatings": []}],
            "modelVersion": "m2", "responseId": "r1", "usageMetadata": counts(1, 2),
        },
        "traceId": "t2",
    }  # fmt: skip


@pytest.mark.parametrize("chunks", [[], [b"junk", b"5", b"[DONE]", {"x": 1}, {"response": 5}]])
def test_nothing(chunks: list[Any]) -> None:
    assert aggregate(payloads(*chunks)) == {
        "response": {"candidates": [{"content": {"role": "model", "parts": []}}], "usageMetadata": NO_USAGE}, "traceId": "",
    }  # fmt: skip


def test_without_the_wrapper_and_with_usage_outside() -> None:
    whole = aggregate(payloads(chunk("a"), {"response": chunk("b"), "usageMetadata": counts(3, 4)}))
    assert whole["response"]["candidates"][0]["content"] == model("ab")
    assert whole["response"]["usageMetadata"] == counts(3, 4)


def test_an_error_is_the_answer() -> None:
    error = {"error": {"code": 503, "message": "M"}}
    assert aggregate(payloads({"response": chunk("a")}, error, {"response": chunk("b")})) == error


def test_numbers_keep_their_spelling() -> None:
    whole = aggregate(
        [b'{"response":{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":1e3}}}]}}]}}']
    )
    assert b'"args":{"a":1e3}' in exactjson.dumps(whole)


SAID = st.lists(st.tuples(st.booleans(), st.text(min_size=1, max_size=3).filter(str.strip)), max_size=8)


@settings(deadline=None)
@given(SAID)
def test_the_same_answer_as_that_of_the_stream(said: list[tuple[bool, str]]) -> None:
    chunks = [{"response": chunk(thought(words) if thinking else words)} for thinking, words in said]
    speaker = Talk("claude", "antigravity", {"messages": []})
    whole = speaker.body(exactjson.dumps(aggregate(payloads(*chunks))))
    assert whole["content"] == speaker.collected(chunks)["content"]
