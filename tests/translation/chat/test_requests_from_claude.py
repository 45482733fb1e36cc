"""Messages requests for Chat upstreams (translation.md 4.9, 5.3)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from translation.exchanges import request

ENABLED = {"type": "enabled", "budget_tokens": 4000}
USE = {"type": "tool_use", "id": "c1", "name": "f", "input": {"x": 1}}
RESULT = {"type": "tool_result", "tool_use_id": "c1", "content": "r"}


def text(content: str) -> dict[str, Any]:
    return {"type": "text", "text": content}


def thinking(content: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": content, "signature": "s"}


def said(*blocks: Any, **more: Any) -> dict[str, Any]:
    """The body for a history with one assistant message; its calls are answered."""
    messages: list[Any] = [{"role": "user", "content": "U"}, {"role": "assistant", "content": list(blocks)}]
    if USE in blocks:
        messages.append({"role": "user", "content": [RESULT]})
    return encoded(*messages, **more)


def encoded(*messages: Any, **more: Any) -> dict[str, Any]:
    return request("claude", "openai", {"max_tokens": 10, "messages": list(messages), **more})


@pytest.mark.case("translation:1")
def test_chat_to_chat_changes_only_the_model() -> None:
    body = {"model": "alias", "messages": [{"role": "user", "content": "U"}], "foo": {"b": 1, "a": 2}, "logit_bias": {}}
    assert json.dumps(request("openai", "openai", body)) == json.dumps(body | {"model": "m"})


@pytest.mark.case("translation:29")
def test_thinking() -> None:
    message = said(thinking("a"), {"type": "redacted_thinking", "data": "x"}, thinking("b"), text("t"))["messages"][1]
    assert message == {"role": "assistant", "content": [text("t")], "reasoning_content": "a\n\nb"}
    assert "reasoning_content" not in said(thinking(" \n"), text("t"))["messages"][1]
    user = encoded({"role": "user", "content": [thinking("a"), text("U")]})["messages"]
    assert user == [{"role": "user", "content": [text("U")]}]


@pytest.mark.case("translation:30")
def test_thinking_only() -> None:
    message = said(thinking("x"))["messages"][1]
    assert message == {"role": "assistant", "content": "", "reasoning_content": "x"}


@pytest.mark.case("translation:31")
@pytest.mark.parametrize(
    ("mode", "effort", "reasoning"),
    [
        (ENABLED, "medium", ""),
        ({"type": "adaptive"}, None, ""),
        ({"type": "enabled", "budget_tokens": -1}, "auto", ""),
        ({"type": "disabled"}, "none", None),
        (None, None, None),
    ],
)
def test_calls_without_thinking_by_mode(mode: Any, effort: str | None, reasoning: str | None) -> None:
    more = {} if mode is None else {"thinking": mode}
    body = said(text("t"), USE, **more)
    assert (body.get("reasoning_effort"), body["messages"][1].get("reasoning_content")) == (effort, reasoning)
    assert "reasoning_content" not in said(text("t"), **more)["messages"][1]


def test_adaptive_thinking_with_effort() -> None:
    body = said(text("t"), thinking={"type": "adaptive"}, output_config={"effort": "High"})
    assert body["reasoning_effort"] == "high"


@pytest.mark.case("translation:32")
def test_results_come_first() -> None:
    mixed = {"role": "user", "content": [text("before"), {**RESULT, "content": [text("ok")]}, text("after")]}
    messages = encoded({"role": "assistant", "content": [USE]}, mixed)["messages"]
    assert messages == [
        {
            "role": "assistant", "content": "",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "ok"},
        {"role": "user", "content": [text("before"), text("after")]},
    ]  # fmt: skip


@pytest.mark.case("translation:33")
@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ({"foo": "bar"}, '{"foo":"bar"}'),
        ([text("a"), text("b")], "a\n\nb"),
        ([{"type": "text", "text": " "}], '[{"type":"text","text":" "}]'),
        (["a", {"type": "odd", "n": 1.0}], 'a\n\n{"type":"odd","n":1.0}'),
        (None, ""),
        ("plain", "plain"),
    ],
)
def test_tool_result_texts(content: Any, wanted: str) -> None:
    messages = [{"role": "assistant", "content": [USE]}, {"role": "user", "content": [{**RESULT, "content": content}]}]
    assert encoded(*messages)["messages"][1]["content"] == wanted


@pytest.mark.case("translation:34")
@pytest.mark.parametrize(
    ("system", "wanted"),
    [
        ("", None),
        ("S", [text("S")]),
        ([text("S")], [text("S")]),
        ([thinking("x"), text("S")], [text("S")]),
    ],
)
def test_system(system: Any, wanted: Any) -> None:
    messages = encoded({"role": "user", "content": "U"}, system=system)["messages"]
    assert messages[:-1] == ([] if wanted is None else [{"role": "system", "content": wanted}])


def test_system_messages_inside_the_dialogue() -> None:
    dialogue = [{"role": "user", "content": "U"}, {"role": "system", "content": "B"}, {"role": "assistant", "content": "A"}]
    messages = encoded(*dialogue, system="S")["messages"]
    assert messages == [
        {"role": "system", "content": [text("S"), text("B")]},
        {"role": "user", "content": "U"},
        {"role": "assistant", "content": "A"},
    ]


TOOLS = [{"name": "f", "input_schema": {"type": "object"}}]


@pytest.mark.case("translation:35")
def test_sampling() -> None:
    user = {"role": "user", "content": "U"}
    body = encoded(user, stop_sequences=["a"], temperature=0.5, top_p=0.9, tools=TOOLS, tool_choice={"type": "any"})
    assert (body["stop"], body["tool_choice"], body["temperature"]) == ("a", "required", 0.5)
    assert "top_p" not in body
    assert encoded(user, stop_sequences=["a", "b"])["stop"] == ["a", "b"]
    assert encoded(user, tools=TOOLS, tool_choice={"type": "odd"})["tool_choice"] == "auto"


def test_parallel_use_and_user() -> None:
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    body = encoded({"role": "user", "content": "U"}, tools=TOOLS, tool_choice=choice, user="me", metadata={"user_id": "x"})
    assert (body["parallel_tool_calls"], body["user"]) == (False, "me")


def test_server_tools_are_left_out() -> None:
    tools = [{"type": "web_search_20250305", "name": "web_search"}, *TOOLS]
    assert [tool["function"]["name"] for tool in encoded({"role": "user", "content": "U"}, tools=tools)["tools"]] == ["f"]


def test_pictures_of_tool_results_follow_as_the_users() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    answered = {"role": "user", "content": [{**RESULT, "content": [text("see"), image]}]}
    messages = encoded({"role": "assistant", "content": [USE]}, answered)["messages"]
    assert messages[1:] == [
        {"role": "tool", "tool_call_id": "c1", "content": "see"},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]},
    ]


def test_calls_and_results_are_always_paired() -> None:
    stray = {**RESULT, "tool_use_id": "nobody"}
    messages = encoded({"role": "assistant", "content": [USE]}, {"role": "user", "content": [stray, text("U")]})["messages"]
    assert [message["role"] for message in messages] == ["assistant", "tool", "user"]
    assert messages[1]["tool_call_id"] == "c1"
    assert messages[1]["content"]


def test_structured_output_of_newer_clients() -> None:
    schema = {"type": "object", "properties": {}}
    body = encoded({"role": "user", "content": "U"}, output_config={"format": {"type": "json_schema", "schema": schema}})
    assert body["response_format"] == {"type": "json_schema", "json_schema": {"name": "response", "schema": schema}}


def test_a_server_tool_that_was_left_out_cannot_be_forced() -> None:
    tools = [{"type": "web_search_20250305", "name": "web_search"}, *TOOLS]
    body = encoded({"role": "user", "content": "U"}, tools=tools, tool_choice={"type": "tool", "name": "web_search"})
    assert "tool_choice" not in body
    body = encoded({"role": "user", "content": "U"}, tools=tools, tool_choice={"type": "tool", "name": "f"})
    assert body["tool_choice"] == {"type": "function", "function": {"name": "f"}}
