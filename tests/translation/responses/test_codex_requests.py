"""Requests in the Codex dialect (translation.md 2.3, 4.8, 4.10, 4.11)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from translation.exchanges import Talk, request
from upstream.content import ENCRYPTED
from upstream.refusals import responses as refusals

from cliproxy.translation import exactjson
from cliproxy.translation.codec import Target
from cliproxy.translation.formats import CLAUDE, CODEX, GEMINI, GEMINI_CLI, OPENAI, RESPONSES
from cliproxy.translation.function_names import short_call_id
from cliproxy.translation.model import (
    Conversation,
    File,
    Image,
    Part,
    RedactedThinking,
    Refusal,
    Role,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from cliproxy.translation.responses.codec import CodexCodec
from cliproxy.translation.responses.codex_request import MARKER

CODEC = CodexCodec()


def encoded(*turns: Turn, instructions: str = "", **more: Any) -> dict[str, Any]:
    conversation = Conversation(turns=turns, **more)
    return CODEC.encode_request(conversation, Target("m", True, instructions), CODEC.names(conversation))


def items(role: Role, *parts: Part) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = encoded(Turn(role, parts))["input"]
    return found


def said(role: str, text: str) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def chat_call(call_id: str, name: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}


# cases


@pytest.mark.case("translation:16")
def test_chat_basics() -> None:
    messages = [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]
    assert request(OPENAI, CODEX, {"messages": messages, "temperature": 1, "max_tokens": 5}) == {
        "model": "m", "instructions": "", "input": [said("developer", "S"), said("user", "U")],
        "parallel_tool_calls": True, "reasoning": {"effort": "medium", "summary": "auto"},
        "include": ["reasoning.encrypted_content"], "stream": True, "store": False,
    }  # fmt: skip


@pytest.mark.case("translation:17")
def test_chat_names() -> None:
    first, second = f"mcp__{'a' * 70}__do", f"mcp__{'b' * 70}__do"
    tools = [{"type": "function", "function": {"name": name}} for name in (first, second)]
    messages = [
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": "", "tool_calls": [chat_call("c1", second)]},
        {"role": "tool", "tool_call_id": "c1", "content": "r"},
    ]
    choice = {"type": "function", "function": {"name": second}}
    talk = Talk(OPENAI, CODEX, {"messages": messages, "tools": tools, "tool_choice": choice})
    sent = talk.exchange().sent
    assert [tool["name"] for tool in sent["tools"]] == ["mcp__do", "mcp__do_1"]
    assert sent["input"][1]["name"] == "mcp__do_1"
    assert sent["tool_choice"] == {"type": "function", "name": "mcp__do_1"}
    answer = {"output": [{"type": "function_call", "call_id": "c2", "name": "mcp__do_1", "arguments": "{}"}]}
    (choice,) = talk.body(answer)["choices"]
    assert choice["message"]["tool_calls"][0]["function"]["name"] == second


@pytest.mark.case("translation:18")
def test_chat_built_ins_and_formats() -> None:
    schema = {"name": "n", "strict": True, "schema": {"type": "object"}}
    body = {
        "messages": [{"role": "user", "content": "u"}],
        "tools": [{"type": "web_search", "search_context_size": "high"}, {"google_search": {}}],
        "tool_choice": {"type": "web_search"},
        "response_format": {"type": "json_schema", "json_schema": schema},
    }
    sent = request(OPENAI, CODEX, body)
    assert sent["tools"] == [{"type": "web_search", "search_context_size": "high"}]
    assert sent["tool_choice"] == {"type": "web_search"}
    assert sent["text"] == {
        "format": {"type": "json_schema", "name": "n", "strict": True, "schema": {"type": "object"}}
    }


@pytest.mark.case("translation:27")
def test_responses_pass() -> None:
    raw = '{"type":"reasoning","summary":[],"encrypted_content":"gAAAA\\u0042","n":1.0}'
    options = '"temperature":1,"service_tier":"x","store":true,"include":[]'
    body = exactjson.loads(f'{{"input":[{raw}],{options}}}')
    sent = request(RESPONSES, CODEX, body)
    assert exactjson.loads(exactjson.dumps(sent["input"][0])) == exactjson.loads(raw)
    assert sent["input"] is body["input"]  # untouched: its bytes are kept
    assert (sent["store"], sent["include"]) == (False, ["reasoning.encrypted_content"])
    assert not {"temperature", "service_tier"} & sent.keys()
    assert request(RESPONSES, CODEX, {"input": "hi"})["input"] == [said("user", "hi")]


@pytest.mark.case("translation:43")
def test_claude_tools() -> None:
    tools = [
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
        {"name": "f", "input_schema": {"$schema": "x", "type": "object"}, "cache_control": {"type": "ephemeral"}},
        {"type": "bash_20250124", "name": "bash"},
    ]
    assert request(CLAUDE, CODEX, {"messages": [{"role": "user", "content": "u"}], "tools": tools})["tools"] == [
        {"type": "web_search"},
        {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": False},
    ]  # fmt: skip


@pytest.mark.case("translation:44")
def test_claude_order() -> None:
    content = [{"type": "text", "text": "a"}, {"type": "tool_use", "id": "c1", "name": "f", "input": {"b": 1}},
               {"type": "text", "text": "b"}]  # fmt: skip
    sent = request(
        CLAUDE, CODEX, {"messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": content}]}
    )
    assert sent["input"][1:4] == [
        said("assistant", "a"),
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"b":1}'},
        said("assistant", "b"),
    ]


# calls and results


def test_each_call_has_one_output_and_each_output_a_call() -> None:
    sent = encoded(
        Turn("user", (Text("u"),)),
        Turn("assistant", (ToolCall("c1", "f"), ToolCall("c2", "g"))),
        Turn("tool", (ToolResult("c2", (Text("two"),)), ToolResult("lost", (Text("x"),)))),
        Turn("user", (Text("go on"),)),
    )
    assert [(item["type"], item.get("call_id")) for item in sent["input"]] == [
        ("message", None), ("function_call", "c1"), ("function_call", "c2"),
        ("function_call_output", "c1"), ("function_call_output", "c2"), ("message", None),
    ]  # fmt: skip
    assert sent["input"][4]["output"] == "two"
    assert not list(refusals.reasons(sent))


def test_long_call_ids_are_shortened_alike() -> None:
    long = "c" * 70
    sent = encoded(Turn("assistant", (ToolCall(long, "f"),)), Turn("tool", (ToolResult(long, (Text("r"),)),)))
    assert {item["call_id"] for item in sent["input"]} == {short_call_id(long)}
    assert not list(refusals.reasons(sent))


@pytest.mark.parametrize(
    ("result", "output"),
    [
        (ToolResult("c"), ""),
        (ToolResult("c", (Text("a"),)), "a"),
        (ToolResult("c", (Text("a"), Text("b"))), "a\n\nb"),
        (ToolResult("c", (Text("broken"),), is_error=True), "broken"),
        (ToolResult("c", raw={"a": 1}), '{"a":1}'),
        (ToolResult("c", raw=[{"text": "x"}, 7]), "x\n\n7"),
        (ToolResult("c", (Text("a"), Image("image/png", "AAAA"))),
         [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}]),
        (ToolResult("c", (Image(url="gs://x"),)), ""),
    ],
)  # fmt: skip
def test_outputs(result: ToolResult, output: Any) -> None:
    sent = encoded(Turn("assistant", (ToolCall("c", "f"),)), Turn("tool", (result,)))
    assert sent["input"][1] == {"type": "function_call_output", "call_id": "c", "output": output}
    assert not list(refusals.reasons(sent))


def test_custom_calls_go_as_functions() -> None:
    tools = [{"type": "custom", "custom": {"name": "patch", "description": "d"}}]
    calls = [{"id": "c1", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}}]
    messages = [{"role": "assistant", "tool_calls": calls}, {"role": "tool", "tool_call_id": "c1", "content": "ok"}]
    sent = request(OPENAI, CODEX, {"messages": messages, "tools": tools})
    (tool,) = sent["tools"]
    assert (tool["type"], tool["name"], list(tool["parameters"]["properties"])) == ("function", "patch", ["input"])
    assert sent["input"][0]["arguments"] == '{"input":"*** Begin"}'
    assert not list(refusals.reasons(sent))


# parts


def test_only_openais_own_reasoning_goes_back() -> None:
    assert items(
        "assistant",
        Thinking("a", Signature(ENCRYPTED, "gpt")),
        Thinking("", Signature(ENCRYPTED, "gpt")),
        Thinking("b", Signature("s", "claude")),
        Thinking("c", Signature("s", "gemini")),
        Thinking("d"),
        RedactedThinking("e"),
        Text("t"),
    ) == [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}], "content": None,
         "encrypted_content": ENCRYPTED},
        {"type": "reasoning", "summary": [], "content": None, "encrypted_content": ENCRYPTED},
        said("assistant", "t"),
    ]  # fmt: skip


def test_media_of_the_user() -> None:
    (message,) = items(
        "user", Text("a"), Image("image/png", "AAAA", detail="low"), Image(url="https://x"), Image(url="gs://x"),
        File("", "application/pdf", "QUJD"), File("b.txt", "text/plain", "QUJD"), File(url="https://y"),
        File(url="gs://z"), File(file_id="file_1"), File(mime="audio/wav", data="QUJD"),
    )  # fmt: skip
    assert message["content"] == [
        {"type": "input_text", "text": "a"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"},
        {"type": "input_image", "image_url": "https://x"},
        {"type": "input_file", "filename": "file.pdf", "file_data": "data:application/pdf;base64,QUJD"},
        {"type": "input_file", "filename": "b.txt", "file_data": "data:text/plain;base64,QUJD"},
        {"type": "input_file", "file_url": "https://y"},
        {"type": "input_file", "file_id": "file_1"},
    ]


def test_the_assistant_shows_no_pictures() -> None:
    (message,) = items("assistant", Text("t"), Image("image/png", "AAAA"), Refusal("no"))
    refusal = {"type": "refusal", "refusal": "no"}
    assert message == {"type": "message", "role": "assistant", "content": [*said("assistant", "t")["content"], refusal]}


def test_a_turn_of_calls_alone_has_no_message() -> None:
    messages = [{"role": "assistant", "content": "", "tool_calls": [chat_call("c1", "f")]}]
    sent = request(OPENAI, CODEX, {"messages": messages})
    assert [item["type"] for item in sent["input"]] == ["function_call"]
    later = request(OPENAI, CODEX, {"messages": [*messages, {"role": "user", "content": "u"}]})
    assert [item["type"] for item in later["input"]] == ["function_call", "function_call_output", "message"]


def test_system_messages_of_chat_are_items_of_their_own() -> None:
    messages = [
        {"role": "system", "content": "A"},
        {"role": "user", "content": "u"},
        {"role": "developer", "content": "B"},
    ]
    sent = request(OPENAI, CODEX, {"messages": messages})
    assert sent["input"] == [said("developer", "A"), said("developer", "B"), said("user", "u")]


@pytest.mark.parametrize(
    "system", ["AB", [{"type": "text", "text": "A"}, {"type": "image"}, {"type": "text", "text": "B"}]]
)
def test_claudes_system_is_one_message(system: Any) -> None:
    body = {"system": system, "messages": [{"role": "user", "content": "u"}]}
    first = request(CLAUDE, CODEX, body)["input"][0]
    assert first["role"] == "developer"
    assert "".join(part["text"] for part in first["content"]) == "AB"


def test_gemini_texts_are_messages_of_their_own() -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    body = {"contents": [{"role": "user", "parts": [{"text": "a"}, picture, {"text": "b"}]}]}
    first, second = request(GEMINI, CODEX, body)["input"]
    assert [part["type"] for part in first["content"]] == ["input_text", "input_image"]
    assert second == said("user", "b")


# tools


@pytest.mark.parametrize("source", [GEMINI, GEMINI_CLI])
def test_gemini_tools(source: Any) -> None:
    schema = {"type": "OBJECT", "properties": {"type": {"type": "STRING"}}, "$schema": "x"}
    body: dict[str, Any] = {
        "contents": [{"role": "user", "parts": [{"text": "u"}]}],
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": schema}, {"name": "g"}]}, {"googleSearch": {}}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f", "g"]}},
    }
    sent = request(source, CODEX, body if source == GEMINI else {"request": body})
    assert [tool["parameters"] for tool in sent["tools"]] == [
        {"type": "object", "properties": {"type": {"type": "string"}}, "additionalProperties": False},
        {"type": "object", "properties": {}, "additionalProperties": False},
    ]
    assert all(tool["strict"] is False for tool in sent["tools"])
    named = [{"type": "function", "name": name} for name in ("f", "g")]
    assert sent["tool_choice"] == {"type": "allowed_tools", "mode": "required", "tools": named}
    assert not list(refusals.reasons(sent))


@pytest.mark.parametrize("strict", [True, False, None])
def test_chat_clients_decide_about_strict(strict: bool | None) -> None:
    function = {"name": "f", "parameters": {"description": "p"}} | ({} if strict is None else {"strict": strict})
    sent = request(OPENAI, CODEX, {"messages": [], "tools": [{"type": "function", "function": function}]})
    assert sent["tools"][0].get("strict") is strict
    assert sent["tools"][0]["parameters"] == {"description": "p", "type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("choice", "mapped"),
    [
        (None, "auto"), ({"type": "any"}, "required"), ({"type": "none"}, "none"), ({"type": "auto"}, "auto"),
        ({"type": "tool", "name": "f"}, {"type": "function", "name": "f"}),
        ({"type": "tool", "name": "web_search"}, {"type": "web_search"}),
    ],
)  # fmt: skip
def test_claudes_tool_choice(choice: Any, mapped: Any) -> None:
    tools = [{"name": "f", "input_schema": {}}, {"type": "web_search_20250305", "name": "web_search"}]
    body = {"messages": [{"role": "user", "content": "u"}], "tools": tools, "tool_choice": choice}
    assert request(CLAUDE, CODEX, body)["tool_choice"] == mapped


def test_a_forced_search_must_be_offered() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    body = {"messages": [{"role": "user", "content": "u"}], "tools": tools, "tool_choice": {"type": "web_search"}}
    assert request(OPENAI, CODEX, body)["tool_choice"] == "auto"


def test_no_tools_no_choice() -> None:
    body = {"messages": [{"role": "user", "content": "u"}], "tool_choice": {"type": "any"}}
    assert not {"tools", "tool_choice"} & request(CLAUDE, CODEX, body).keys()


def test_a_client_that_takes_one_call_at_a_time() -> None:
    body = {"messages": [{"role": "user", "content": "u"}]}
    assert request(OPENAI, CODEX, {**body, "parallel_tool_calls": False})["parallel_tool_calls"] is False
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    assert request(CLAUDE, CODEX, {**body, "tool_choice": choice})["parallel_tool_calls"] is False


# settings


@pytest.mark.parametrize(
    ("source", "fields", "effort"),
    [
        (OPENAI, {"reasoning_effort": "HIGH"}, "high"),
        (OPENAI, {"reasoning_effort": "none"}, "none"),
        (OPENAI, {"reasoning_effort": "odd"}, "odd"),
        (OPENAI, {"reasoning_effort": "auto"}, "auto"),
        (CLAUDE, {"thinking": {"type": "enabled"}}, "medium"),
        (CLAUDE, {"thinking": {"type": "adaptive"}}, "medium"),
        (CLAUDE, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, "low"),
        (CLAUDE, {"thinking": {"type": "disabled"}}, "none"),
        (CLAUDE, {"thinking": {"type": "enabled", "budget_tokens": 1000}}, "low"),
        (CLAUDE, {"thinking": {"type": "enabled", "budget_tokens": -1}}, "auto"),
        (CLAUDE, {"thinking": {"type": "enabled", "budget_tokens": -5}}, "medium"),
        (GEMINI, {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}, "none"),
        (GEMINI, {"generationConfig": {"thinkingConfig": {"thinkingBudget": -1}}}, "auto"),
        (GEMINI, {"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}}}, "low"),
        (GEMINI, {}, "medium"),
    ],
)
def test_effort(source: Any, fields: dict[str, Any], effort: str) -> None:
    assert request(source, CODEX, fields)["reasoning"] == {"effort": effort, "summary": "auto"}


@pytest.mark.parametrize(
    ("source", "fields", "text"),
    [
        (OPENAI, {"response_format": {"type": "json_object"}}, {"format": {"type": "json_object"}}),
        (OPENAI, {"response_format": {"type": "text"}}, {"format": {"type": "text"}}),
        (OPENAI, {"text": {"verbosity": "low"}}, {"verbosity": "low"}),
        (OPENAI, {}, None),
        (GEMINI, {"generationConfig": {"responseMimeType": "application/json", "responseSchema": {"type": "OBJECT"}}},
         {"format": {"type": "json_schema", "name": "response", "schema": {"type": "object"}}}),
    ],
)  # fmt: skip
def test_output_format(source: Any, fields: dict[str, Any], text: Any) -> None:
    assert request(source, CODEX, fields).get("text") == text


def test_nothing_that_the_back_end_refuses() -> None:
    body = {
        "messages": [{"role": "user", "content": "u"}], "temperature": 1, "top_p": 1, "max_tokens": 1, "n": 2,
        "max_completion_tokens": 1, "service_tier": "x", "user": "u", "metadata": {"a": "b"}, "stop": "x", "top_k": 1,
        "previous_response_id": "r", "prompt_cache_retention": "24h", "safety_identifier": "s", "seed": 3,
    }  # fmt: skip
    sent = request(OPENAI, CODEX, body)
    assert not list(refusals.reasons(sent))
    assert sent.keys() == {
        "model", "instructions", "input", "parallel_tool_calls", "reasoning", "include", "stream", "store",
    }  # fmt: skip


def test_configured_instructions() -> None:
    sent = encoded(Turn("user", (Text("u"),)), system=(Text("S"),), instructions="Configured.")
    assert sent["instructions"] == "Configured."
    assert sent["input"] == [said("user", MARKER), said("developer", "S"), said("user", "u")]
    again = encoded(Turn("user", (Text(MARKER),)), Turn("user", (Text("u"),)), instructions="Configured.")
    assert again["input"] == [said("user", MARKER), said("user", "u")]


# properties

IDS = st.text(max_size=80) | st.sampled_from(["c1", "c2"])
RESULTS = st.builds(ToolResult, IDS, st.tuples(st.builds(Text, st.text(min_size=1))))
PARTS = st.one_of(
    st.builds(Text, st.text(min_size=1)),
    st.builds(Thinking, st.text(), st.just(Signature(ENCRYPTED, "gpt"))),
    st.builds(Thinking, st.text()),
    st.builds(ToolCall, IDS, st.sampled_from(["f", "g"]), st.just("{}")),
    st.builds(Image, st.just("image/png"), st.just("AAAA")),
    st.builds(Refusal, st.text(min_size=1)),
)
TURNS = st.lists(
    st.builds(Turn, st.sampled_from(["user", "assistant"]), st.lists(PARTS, max_size=4).map(tuple))
    | st.builds(Turn, st.just("tool"), st.lists(RESULTS, max_size=4).map(tuple)),
    max_size=6,
)


@given(TURNS)
@settings(deadline=None)
def test_no_history_is_refused(turns: list[Turn]) -> None:
    sent = encoded(Turn("user", (Text("u"),)), *turns, Turn("user", (Text("go on"),)))
    assert not list(refusals.reasons(sent))
    json.loads(exactjson.dumps(sent))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "content", "role"]), inner)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["messages", "tools", "tool_choice", "contents", "system", "response_format"]), JSON
    )
)
@settings(deadline=None)
def test_any_json_is_encoded(body: dict[str, Any]) -> None:
    for source in (OPENAI, CLAUDE, GEMINI, GEMINI_CLI):
        sent = request(source, CODEX, body)
        assert isinstance(sent["input"], list)
        json.loads(exactjson.dumps(sent))
