"""Counting tokens without an upstream (providers.md 8), usage and errors out of answers (providers.md 5.2, 12.4)."""

from __future__ import annotations

from typing import Any

import pytest

from cliproxy.records.usage import Tokens
from cliproxy.translation import usage
from cliproxy.translation.stream_errors import status_of
from cliproxy.translation.token_count import count_chat, count_codex, count_text, encoding_for


@pytest.mark.parametrize(
    ("model", "codex", "encoding"),
    [
        ("gpt-5-codex", False, "o200k_base"), (" GPT-4o-mini", False, "o200k_base"), ("gpt-4.1", False, "o200k_base"),
        ("gpt-4-turbo", False, "cl100k_base"), ("gpt-3.5-turbo", False, "cl100k_base"), ("", False, "cl100k_base"),
        ("qwen3-coder", False, "o200k_base"), ("o3", False, "o200k_base"), ("codex-mini", True, "cl100k_base"),
        ("gpt-5", True, "o200k_base"),
    ],
)  # fmt: skip
def test_encodings(model: str, codex: bool, encoding: str) -> None:
    assert encoding_for(model, codex=codex) == encoding


@pytest.mark.parametrize(
    ("text", "o200k", "cl100k"),
    [("", 0, 0), ("hello world", 2, 2), ("tiktoken is great!", 6, 6), ("<|endoftext|>", 7, 7)],
)
def test_texts(text: str, o200k: int, cl100k: int) -> None:
    assert (count_text(text, "o200k_base"), count_text(text, "cl100k_base")) == (o200k, cl100k)


def test_a_chat_request() -> None:
    body = {
        "messages": [
            {"role": "user", "name": "me", "content": [{"type": "text", "text": "hello"}, {"type": "image_url", "image_url": {"url": "u"}}]},
            {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    }  # fmt: skip
    joined = 'user\nme\nhello\nu\nassistant\n1\nfunction\nf\n{}\nfunction\nf\n{"type":"object"}'
    assert count_chat(body, "gpt-4o") == count_text(joined, "o200k_base")


def test_a_codex_request() -> None:
    body = {
        "instructions": " be brief ",
        "input": [
            {"type": "message", "content": [{"text": "hi"}]}, {"type": "function_call", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "output": {"a": 1}}, {"type": "reasoning", "text": "hm"},
        ],
        "tools": [{"name": "f", "description": "d", "parameters": {}}],
        "text": {"format": {"name": "n", "schema": {"x": 1}}},
    }  # fmt: skip
    joined = 'be brief\nhi\nf\n{}\n{"a":1}\nhm\nf\nd\n{}\nn\n{"x":1}'
    assert count_codex(body, "gpt-5") == count_text(joined, "o200k_base")


@pytest.mark.parametrize("body", [{}, {"messages": 5}, {"messages": [5, None, {"content": 7}]}, {"tools": "x"}])
def test_odd_requests(body: dict[str, Any]) -> None:
    assert count_chat(body, "gpt-4o") >= 0
    assert count_codex(body, "gpt-5") >= 0


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (
            usage.openai({"usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3,
             "completion_tokens_details": {"reasoning_tokens": 4}, "prompt_tokens_details": {"cached_tokens": 5}}}),
            Tokens(input=1, output=2, reasoning=4, cached=5, total=3),
        ),
        (usage.openai({"usage": {"input_tokens": 1, "output_tokens": 2}}), Tokens(input=1, output=2)),
        (usage.openai({"usage": None}), Tokens()), (usage.openai({"usage": {"prompt_tokens": "x"}}), Tokens()),
        (usage.codex({"response": {"usage": {"input_tokens": 1, "total_tokens": 1}}}), Tokens(input=1, total=1)),
        (
            usage.claude({"usage": {"input_tokens": 1, "output_tokens": 2, "cache_creation_input_tokens": 3}}),
            Tokens(input=1, output=2, cached=3, total=3),
        ),
        (usage.claude({"usage": {"output_tokens": 9}}, Tokens(input=5, cached=2)), Tokens(input=5, output=9, cached=2, total=14)),
        (
            usage.gemini({"usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2, "thoughtsTokenCount": 3}}),
            Tokens(input=1, output=2, reasoning=3, total=6),
        ),
        (usage.gemini({"usage_metadata": {"totalTokenCount": 8}}), Tokens(total=8)),
    ],
)  # fmt: skip
def test_usage(tokens: Tokens, expected: Tokens) -> None:
    assert tokens == expected


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"code": 429}, 429), ({"code": "503"}, 503), ({"status": "RESOURCE_EXHAUSTED"}, 429), ({"type": "overloaded_error"}, 529),
        ({"code": "odd", "type": "invalid_request_error"}, 400), ({"code": 200}, 502), ({"code": True}, 502), ("text", 502), (None, 502),
        ({"code": "\u00b2"}, 502), ({"code": "4" * 5000}, 502),
    ],
)  # fmt: skip
def test_statuses_of_stream_errors(error: Any, status: int) -> None:
    assert status_of(error) == status
