"""Chat requests for Messages upstreams (translation.md 5.1)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from translation.exchanges import request

USER = {"role": "user", "content": "U"}


def encoded(*messages: Any, **more: Any) -> dict[str, Any]:
    return request("openai", "claude", {"messages": list(messages) or [USER], **more})


def call(name: str, arguments: str | None = None, call_id: str | None = None) -> dict[str, Any]:
    function = {"name": name} | ({"arguments": arguments} if arguments is not None else {})
    return {"type": "function", "function": function} | ({"id": call_id} if call_id else {})


@pytest.mark.case("translation:2")
def test_basics() -> None:
    body = encoded({"role": "system", "content": "S"}, USER, temperature=0.5, top_p=0.9)
    assert body == {
        "model": "m", "max_tokens": 32000, "stream": False, "system": [{"type": "text", "text": "S"}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "U"}]}], "temperature": 0.5,
    }  # fmt: skip


@pytest.mark.case("translation:3")
def test_tools() -> None:
    calls = {"role": "assistant", "content": None, "tool_calls": [call("f", '{"a":1}', "c1"), call("g", "oops", "c2")]}
    results = [{"role": "tool", "tool_call_id": f"c{n}", "content": f"r{n}"} for n in (1, 2)]
    messages = encoded(USER, calls, *results)["messages"]
    assert messages[1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}},
                {"type": "tool_use", "id": "c2", "name": "g", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "r1"},
                {"type": "tool_result", "tool_use_id": "c2", "content": "r2"},
            ],
        },
    ]


@pytest.mark.case("translation:4")
def test_missing_id() -> None:
    messages = encoded(USER, {"role": "assistant", "tool_calls": [call("f")]}, {"role": "tool", "content": "r"})["messages"]
    (use,) = messages[1]["content"]
    assert re.fullmatch(r"toolu_[A-Za-z0-9]{24}", use["id"])
    assert use["input"] == {}
    assert messages[2]["content"] == [{"type": "tool_result", "tool_use_id": use["id"], "content": "r"}]


@pytest.mark.case("translation:5")
@pytest.mark.parametrize(
    ("effort", "thinking"),
    [
        ("HIGH", {"type": "enabled", "budget_tokens": 24576}),
        ("none", {"type": "disabled"}),
        ("auto", {"type": "enabled"}),
        ("weird", None),
    ],
)
def test_stop_and_effort(effort: str, thinking: Any) -> None:
    body = encoded(stop="X", reasoning_effort=effort)
    assert (body["stop_sequences"], body.get("thinking")) == (["X"], thinking)


TOOLS = [{"type": "function", "function": {"name": "f"}}]


@pytest.mark.case("translation:6")
@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ("required", {"type": "any"}),
        ({"type": "function", "function": {"name": "f"}}, {"type": "tool", "name": "f"}),
        ("none", {"type": "none"}),
        ("auto", {"type": "auto"}),
    ],
)
def test_tool_choice(choice: Any, wanted: Any) -> None:
    body = encoded(tools=TOOLS, tool_choice=choice, reasoning_effort="low")
    assert body["tool_choice"] == wanted
    assert ("thinking" in body) is (wanted["type"] in ("none", "auto"))


def test_a_tool_choice_needs_tools() -> None:
    assert "tool_choice" not in encoded(tool_choice="required", parallel_tool_calls=False)


def test_one_call_at_a_time() -> None:
    body = encoded(tools=TOOLS, parallel_tool_calls=False)
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


@pytest.mark.case("translation:7")
@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("data:image/png;base64,AAAA", {"type": "base64", "media_type": "image/png", "data": "AAAA"}),
        ("https://x/y.png", {"type": "url", "url": "https://x/y.png"}),
        ("data:image/png;base64,-_8", {"type": "base64", "media_type": "image/png", "data": "+/8="}),
    ],
)
def test_image(url: str, source: Any) -> None:
    part = {"type": "image_url", "image_url": {"url": url, "detail": "low"}}
    assert encoded({"role": "user", "content": [part]})["messages"][0]["content"] == [{"type": "image", "source": source}]


@pytest.mark.parametrize(
    ("file", "block"),
    [
        (
            {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"},
            {
                "type": "document", "title": "a.pdf",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "QUJD"},
            },
        ),
        (
            {"filename": "a.TXT", "file_data": "QUJD"},
            {
                "type": "document", "title": "a.TXT",
                "source": {"type": "text", "media_type": "text/plain", "data": "ABC"},
            },
        ),
    ],
)  # fmt: skip
def test_files(file: Any, block: Any) -> None:
    content = [{"type": "file", "file": file}, {"type": "text", "text": "?"}]
    assert encoded({"role": "user", "content": content})["messages"][0]["content"][0] == block


def test_only_system_text_becomes_the_users() -> None:
    body = encoded({"role": "system", "content": "S"})
    assert "system" not in body
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "S"}]}]


def test_a_history_that_begins_with_the_assistant_gets_a_user_turn() -> None:
    messages = encoded({"role": "assistant", "content": "hello "}, {"role": "assistant", "content": "there  "})["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant"]
    assert [block["text"] for block in messages[1]["content"]] == ["hello ", "there"]


@pytest.mark.parametrize("first", ["", " ", [{"type": "text", "text": "\n"}]])
def test_a_blank_first_turn_counts_as_none(first: Any) -> None:
    messages = encoded({"role": "user", "content": first}, {"role": "assistant", "content": "a"}, USER)["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert messages[0]["content"][0]["text"].strip()


def test_blank_texts_are_left_out() -> None:
    content = [{"type": "text", "text": text} for text in ("", " \n", "a")]
    assert encoded({"role": "user", "content": content})["messages"][0]["content"] == [{"type": "text", "text": "a"}]


def test_cache_marks_of_chat_clients_stay() -> None:
    mark = {"type": "ephemeral"}
    content = [{"type": "text", "text": "a", "cache_control": mark}]
    body = encoded({"role": "system", "content": content}, {"role": "user", "content": content})
    assert body["system"] == body["messages"][0]["content"] == [{"type": "text", "text": "a", "cache_control": mark}]


def test_who_the_user_is() -> None:
    assert encoded(user="u1")["metadata"] == {"user_id": "u1"}
    assert encoded(user="u1", metadata={"user_id": "u2"})["metadata"] == {"user_id": "u2"}


def test_names_and_ids_keep_to_the_alphabet() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("a.b", "a_b")]
    calls = {"role": "assistant", "tool_calls": [call("a.b", "{}", "functions.a:0"), call("a_b", "{}", "functions_a_0")]}
    body = encoded(USER, calls, {"role": "tool", "tool_call_id": "functions_a_0", "content": "2"}, tools=tools)
    names = [tool["name"] for tool in body["tools"]]
    uses = body["messages"][1]["content"]
    assert [use["name"] for use in uses] == names
    assert len(set(names)) == 2
    assert len({use["id"] for use in uses}) == 2
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", text) for text in (*names, *(use["id"] for use in uses)))
    assert [result["content"] for result in body["messages"][2]["content"]][1] == "2"


@pytest.mark.parametrize("schema", [None, {}, {"anyOf": [{"type": "object"}]}, {"type": "string"}, "x", {"properties": {}}])
def test_input_schemas_are_objects(schema: Any) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    shape = encoded(tools=[tool])["tools"][0]["input_schema"]
    assert shape["type"] == "object"
    assert not {"anyOf", "oneOf", "allOf"} & set(shape)


def test_numbers_keep_their_spelling() -> None:
    from cliproxy.translation import exactjson

    raw = b'{"messages":[{"role":"user","content":"U"},{"role":"assistant","tool_calls":[{"id":"c","type":"function",'
    raw += b'"function":{"name":"f","arguments":"{\\"a\\":1e3,\\"b\\":123456789012345678901234567890}"}}]}],"temperature":0.70}'
    out = exactjson.dumps(request("openai", "claude", exactjson.loads(raw)))
    assert b'"input":{"a":1e3,"b":123456789012345678901234567890}' in out
    assert b'"temperature":0.70' in out


def test_temperatures_above_one_are_one() -> None:
    assert encoded(temperature=1.7)["temperature"] == 1


def test_legacy_functions() -> None:
    asked = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"a":1}'}}
    answered = {"role": "function", "name": "f", "content": "ok"}
    body = encoded(USER, asked, answered, functions=[{"name": "f", "parameters": {"type": "object"}}])
    use, result = body["messages"][1]["content"][0], body["messages"][2]["content"][0]
    assert (use["name"], use["input"], result["content"]) == ("f", {"a": 1}, "ok")
    assert use["id"] == result["tool_use_id"]
    assert body["tools"] == [{"name": "f", "input_schema": {"type": "object"}}]


def test_pictures_in_tool_results() -> None:
    url = "data:image/png;base64,AAAA"
    content = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": url}}]
    messages = encoded(
        USER, {"role": "assistant", "tool_calls": [call("f", "{}", "c")]},
        {"role": "tool", "tool_call_id": "c", "content": content},
    )["messages"]  # fmt: skip
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    assert messages[2]["content"][0]["content"] == [{"type": "text", "text": "see"}, image]
