"""Responses-shaped bodies on the chat endpoint (client-api.md 8.2)."""

from __future__ import annotations

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
                    {"type": "input_image", "image_url": "data:image/png;base64,AA", "detail": "low"},
                ]},
                {"type": "reasoning", "summary": []},
                {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
                {"type": "function_call", "call_id": "c2", "name": "f", "arguments": '{"a":1}'},
                {"type": "function_call_output", "call_id": "c1", "output": "one"},
                {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "two"}]},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "done"}]},
            ],
        }
    )  # fmt: skip
    assert chat == {
        "model": "m", "stream": True, "max_tokens": 9, "reasoning_effort": "low",
        "tools": [{"type": "function", "function": {
            "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": False}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}},
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "system", "content": "dev"},
            {"role": "user", "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}},
            ]},
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "c2", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
            ]},
            {"role": "tool", "tool_call_id": "c1", "content": "one"},
            {"role": "tool", "tool_call_id": "c2", "content": "two"},
            {"role": "assistant", "content": "done"},
        ],
    }  # fmt: skip


def test_string_input_and_odd_values() -> None:
    assert to_chat({"input": "hi"})["messages"] == [{"role": "user", "content": "hi"}]
    assert to_chat({"input": [None, 3, {"role": "user"}], "tools": "x", "text": 1, "reasoning": []}) == {
        "messages": [{"role": "user", "content": ""}]
    }
