"""Legacy completions as chat and back (client-api.md 8.3)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cliproxy.translation.chat import legacy


@pytest.mark.parametrize(
    ("prompt", "content"),
    [
        ("hi", "hi"), ("", "Complete this:"), (None, "Complete this:"), (["one"], "one"), (["a", "b"], "a\nb"),
        ([1, 2], "[1,2]"), ([], "Complete this:"),
    ],
)  # fmt: skip
def test_prompt(prompt: Any, content: str) -> None:
    assert legacy.to_chat({"model": "m", "prompt": prompt})["messages"] == [{"role": "user", "content": content}]


def test_fields_are_copied_coerced_or_dropped() -> None:
    chat = legacy.to_chat(
        {
            "model": "m", "prompt": "p", "max_tokens": 5.0, "temperature": 0.5, "stop": ["x"], "stream": True,
            "logprobs": 3, "echo": False, "suffix": "s", "best_of": 2, "top_logprobs": 2, "n": 3, "top_p": "no",
        }
    )  # fmt: skip
    del chat["messages"]
    assert chat == {
        "model": "m", "max_tokens": 5, "temperature": 0.5, "stop": ["x"], "stream": True, "logprobs": True,
        "echo": False, "top_logprobs": 2,
    }  # fmt: skip
    assert legacy.to_chat({"logprobs": 0})["logprobs"] is False


def test_answer() -> None:
    source = {
        "id": "i", "created": 7, "model": "m", "usage": {"total_tokens": 3},
        "choices": [
            {"index": 0, "message": {"content": "a", "reasoning_content": "r"}, "finish_reason": "stop",
             "logprobs": None},
            {"index": 1, "message": {"content": None, "tool_calls": []}},
            {"index": 2, "delta": {"content": "d"}, "finish_reason": ""},
        ],
    }  # fmt: skip
    assert json.loads(legacy.from_chat(json.dumps(source).encode())) == {
        "id": "i", "object": "text_completion", "created": 7, "model": "m", "usage": {"total_tokens": 3},
        "choices": [
            {"index": 0, "text": "a", "finish_reason": "stop", "logprobs": None},
            {"index": 1, "text": ""},
            {"index": 2, "text": "d", "finish_reason": None},
        ],
    }  # fmt: skip
    assert json.loads(legacy.from_chat(b'{"id":"i"}'))["choices"] == []


def _stream(*chunks: dict[str, Any]) -> list[dict[str, Any]]:
    events = b"".join(b"data: " + json.dumps({"id": "i", **chunk}).encode() + b"\n\n" for chunk in chunks)
    out = legacy.events_from_chat(events).decode()
    return [json.loads(event.removeprefix("data: ")) for event in out.split("\n\n") if event]


def test_stream() -> None:
    chunks = _stream(
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {"reasoning_content": "hm"}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {"content": "A"}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0}]}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"total_tokens": 9}},
    )
    assert [chunk["choices"] for chunk in chunks] == [
        [{"index": 0, "text": "A", "finish_reason": None}],
        [{"index": 0, "text": "", "finish_reason": "stop"}],
        [],
    ]
    assert chunks[2]["usage"] == {"total_tokens": 9}
    assert all(chunk["object"] == "text_completion" for chunk in chunks)
