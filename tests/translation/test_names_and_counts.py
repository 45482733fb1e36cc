"""Model names in bodies and with suffixes; every kind of text that counts as tokens (providers.md 8; design D20)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.translation import model_name
from cliproxy.translation.names import base_name, split_suffix
from cliproxy.translation.token_count import count_chat, count_codex, count_text, encoding_for

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('model":{}\\é ,'), max_size=14),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["model", "response", "x", '"model":"y"']), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(
    body=st.dictionaries(st.sampled_from(["a", "b", "response", "z"]), VALUES, max_size=4), old=st.text(max_size=6),
    new=st.text(max_size=6), indent=st.sampled_from([None, 1]), ascii_only=st.booleans(), at=st.integers(0, 4),
    path=st.sampled_from([("model",), ("response", "model")]),
)  # fmt: skip
def test_only_that_name_is_replaced(
    body: dict[str, Any], old: str, new: str, indent: int | None, ascii_only: bool, at: int, path: tuple[str, ...]
) -> None:
    """Among other members called the same, texts that look the same, any spacing and any escapes."""
    owner = {**body, "response": {"before": body, "model": old, "after": [body]}} if len(path) == 2 else body
    items = list(owner.items())
    if len(path) == 1:
        items.insert(at, ("model", old))
    expected: Any = dict(items)
    data = json.dumps(expected, indent=indent, ensure_ascii=ascii_only).encode()
    changed = model_name.replace(data, json.loads(data), path, new)
    (expected["response"] if len(path) == 2 else expected)["model"] = new
    assert json.loads(changed) == expected


@pytest.mark.parametrize(
    ("name", "base", "suffix"),
    [
        ("gpt-5", "gpt-5", None), ("gpt-5(high)", "gpt-5", "high"), ("a(b)(8192)", "a(b)", "8192"), ("a(", "a(", None),
        ("a)", "a)", None), ("a()", "a", ""), ("(x)", "", "x"), ("a(b)c", "a(b)c", None), ("a (high)", "a ", "high"), ("", "", None),
    ],
)  # fmt: skip
def test_suffixes(name: str, base: str, suffix: str | None) -> None:
    assert (split_suffix(name), base_name(name)) == ((base, suffix), base)


def chat(*segments: str) -> int:
    """What texts joined by line ends count; other than the sum of their parts."""
    return count_text("\n".join(segments), "o200k_base")


LONG = "antidisestablishmentarianism"


@pytest.mark.parametrize(
    ("body", "segments"),
    [
        ({"messages": [{"role": "user", "content": LONG}]}, ["user", LONG]),
        ({"messages": [{"role": " user ", "content": f"  {LONG}\n "}, {"role": "", "content": " "}]}, ["user", LONG]),
        ({"messages": [{"content": [{"type": kind, "text": LONG}]} for kind in ("text", "input_text", "output_text")]}, [LONG] * 3),
        ({"messages": [{"content": [{"type": kind, "id": LONG, "data": "no"}]} for kind in ("input_audio", "output_audio", "audio")]}, [LONG] * 3),
        ({"messages": [{"content": [{"type": "image_url", "image_url": {"url": LONG, "detail": "no"}}]}]}, [LONG]),
        ({"messages": [{"content": [{"type": "tool_result", "name": "n", "content": [{"type": "text", "text": LONG}]}]}]}, ["n", LONG]),
        ({"messages": [{"content": [{"type": "tool_result", "name": "n", "content": LONG}]}]}, ["n", LONG]),
        ({"messages": [{"content": [{"type": "other", "x": LONG}]}]}, [f'{{"type":"other","x":"{LONG}"}}']),
        ({"messages": [{"content": [LONG, ["a", {"type": "text", "text": "b"}]]}]}, [LONG, "a", "b"]),
        ({"messages": [{"content": {"x": LONG}}]}, [f'{{"x":"{LONG}"}}']),
        ({"messages": [{"function_call": {"name": "f", "arguments": LONG, "description": "no"}}]}, ["f", LONG]),
        (
            {"messages": [{"tool_calls": [{"id": "i", "type": "function", "function": {"name": "f", "description": "d", "arguments": LONG, "parameters": {"a": 1}}}]}]},
            ["i", "function", "f", "d", LONG, '{"a":1}'],
        ),
        (
            {"tools": {"type": "function", "name": "n", "description": "d", "function": {"name": "f", "description": "e", "parameters": {"a": 1}}}},
            ["function", "n", "d", "f", "e", '{"a":1}'],
        ),
        ({"functions": [{"name": "f", "description": "d", "parameters": {"a": [1]}}]}, ["f", "d", '{"a":[1]}']),
        ({"tool_choice": LONG}, [LONG]), ({"tool_choice": {"type": LONG}}, [f'{{"type":"{LONG}"}}']),
        (
            {"response_format": {"type": "json_schema", "name": "n", "json_schema": {"a": 1}, "schema": {"b": 2}}},
            ["json_schema", "n", '{"a":1}', '{"b":2}'],
        ),
        ({"input": LONG, "prompt": "p"}, [LONG, "p"]),
        (
            {"prompt": "7", "input": "6", "response_format": {"type": "5"}, "tool_choice": "4", "functions": [{"name": "3"}],
             "tools": [{"type": "2"}], "messages": [{"role": "1"}]},
            ["1", "2", "3", "4", "5", "6", "7"],
        ),
        ({}, []), ({"messages": [{"role": "  "}]}, []),
    ],
)  # fmt: skip
def test_chat_texts(body: dict[str, Any], segments: list[str]) -> None:
    assert count_chat(body, "gpt-4o") == chat(*segments)


@pytest.mark.parametrize(
    ("body", "segments"),
    [
        ({"input": [{"type": "message", "content": [{"type": "input_text", "text": LONG}, {"text": "b"}]}]}, [LONG, "b"]),
        ({"input": [{"type": "function_call", "name": "f", "arguments": LONG, "call_id": "no"}]}, ["f", LONG]),
        ({"input": [{"type": "function_call_output", "output": LONG, "call_id": "no"}]}, [LONG]),
        ({"input": [{"type": "other", "text": LONG}, {"text": "b"}]}, [LONG, "b"]),
        ({"tools": [{"type": "no", "name": "n", "description": "d", "parameters": LONG}]}, ["n", "d", LONG]),
        ({"tools": [{"name": "n", "parameters": {"a": 1}}]}, ["n", '{"a":1}']),
        ({"text": {"format": {"type": "no", "name": "n", "schema": '{"a" : 1}'}}}, ["n", '{"a" : 1}']),
        (
            {"text": {"format": {"name": "4"}}, "tools": [{"name": "3"}], "input": [{"text": "2"}], "instructions": "1"},
            ["1", "2", "3", "4"],
        ),
        ({}, []),
    ],
)  # fmt: skip
def test_codex_texts(body: dict[str, Any], segments: list[str]) -> None:
    assert count_codex(body, "gpt-5") == chat(*segments)


@pytest.mark.parametrize(
    ("model", "chat_encoding", "codex_encoding"),
    [
        ("", "cl100k_base", "cl100k_base"), ("gpt-5", "o200k_base", "o200k_base"), ("gpt-5.1-codex", "o200k_base", "o200k_base"),
        ("gpt-4.1-mini", "o200k_base", "o200k_base"), ("GPT-4o", "o200k_base", "o200k_base"), ("gpt-4", "cl100k_base", "cl100k_base"),
        ("gpt-3.5-turbo", "cl100k_base", "cl100k_base"), ("gpt-3", "cl100k_base", "cl100k_base"), ("o1", "o200k_base", "cl100k_base"),
        ("o3-mini", "o200k_base", "cl100k_base"), ("o4-mini", "o200k_base", "cl100k_base"), ("kimi-k2", "o200k_base", "cl100k_base"),
        ("my-gpt-4", "o200k_base", "cl100k_base"),
    ],
)  # fmt: skip
def test_the_table_of_tokenizers(model: str, chat_encoding: str, codex_encoding: str) -> None:
    assert (encoding_for(model), encoding_for(model, codex=True)) == (chat_encoding, codex_encoding)


def test_special_tokens_are_plain_text() -> None:
    """One token would mean that a client can write control tokens."""
    for encoding in ("o200k_base", "cl100k_base"):
        assert count_text("<|endoftext|>", encoding) > 3
        assert count_text("<|im_start|>", encoding) > 3
