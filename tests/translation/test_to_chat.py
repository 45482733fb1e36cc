"""Responses-shaped bodies on the chat endpoint (client-api.md 8.2)."""

from __future__ import annotations

import pytest
from upstream.refusals import chat as refusals

from cliproxy.translation import exactjson
from cliproxy.translation.responses.to_chat import is_responses_shaped, to_chat


def test_which_bodies() -> None:
    assert is_responses_shaped({"input": "x"})
    assert is_responses_shaped({"instructions": "x"})
    assert not is_responses_shaped({"messages": [], "input": "x"})
    assert not is_responses_shaped({"model": "m"})


def test_a_whole_conversation() -> None:
    chat = to_chat(
        {
            "model": "m", "stream": True, "instructions": "Be brief.", "max_output_tokens": 9,
            "reasoning": {"effort": "low", "summary": "auto"}, "tool_choice": {"type": "function", "name": "f"},
            "tools": [
                {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"},
                 "strict": False},
                {"type": "web_search"},
            ],
            "text": {"format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True}},
            "input": [
                {"role": "developer", "content": "dev"},
                {"type": "message", "role": "user", "content": [
                    {"type": "input_text", "text": "look"},
                    {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"},
                ]},
                {"type": "reasoning", "summary": []},
                {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
                {"type": "function_call", "call_id": "c2", "name": "f", "arguments": '{"a":1}'},
                {"type": "function_call_output", "call_id": "c1", "output": "one"},
                {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "two"}]},
                {"type": "message", "role": "assistant", "content": "done"},
            ],
        }
    )  # fmt: skip
    assert chat == {
        "model": "m", "stream": True, "max_tokens": 9, "reasoning_effort": "low",
        "tools": [
            {"type": "function", "function": {
                "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": False}},
            {"type": "web_search"},
        ],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}},
        "messages": [
            {"role": "system", "content": "Be brief.\ndev"},
            {"role": "user", "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
            ]},
            {"role": "assistant", "content": "", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "c2", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
            ]},
            {"role": "tool", "tool_call_id": "c1", "content": "one"},
            {"role": "tool", "tool_call_id": "c2", "content": "two"},
            {"role": "assistant", "content": "done"},
        ],
    }  # fmt: skip
    assert not list(refusals.reasons(chat))


@pytest.mark.case("translation:28")
def test_string_input() -> None:
    assert to_chat({"model": "x", "input": "hi"}) == {"model": "x", "messages": [{"role": "user", "content": "hi"}]}


def test_instructions_alone_stay_a_system_message() -> None:
    assert to_chat({"instructions": "Be brief."}) == {"messages": [{"role": "system", "content": "Be brief."}]}


def test_what_both_know_by_the_same_name_is_carried() -> None:
    carried = {
        "stream": True, "stream_options": {"include_usage": True}, "metadata": {"a": "b"}, "store": False,
        "service_tier": "flex", "safety_identifier": "s", "prompt_cache_key": "k", "user": "u",
    }  # fmt: skip
    chat = to_chat({**carried, "input": "hi", "truncation": "auto", "previous_response_id": "resp_1"})
    assert chat == {**carried, "messages": [{"role": "user", "content": "hi"}]}


def test_numbers_keep_their_spelling() -> None:
    chat = to_chat(exactjson.loads(b'{"input":"hi","temperature":1.0,"top_p":5e-1}'))
    assert b'"temperature":1.0,"top_p":5e-1' in exactjson.dumps(chat)


def test_odd_values() -> None:
    assert to_chat({"input": [None, 3, {"role": "user"}], "tools": "x", "text": 1, "reasoning": []}) == {"messages": []}
