"""Requests of Gemini and Gemini CLI clients for other upstreams (translation.md 2.5, 2.6, 4.11)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from translation.exchanges import request
from translation.gemini.gemini_talk import PNG, SIGNED, answer, call, model, text, user
from upstream.refusals import chat as chat_refusals
from upstream.refusals import claude as claude_refusals

from cliproxy.translation import exactjson
from cliproxy.translation.gemini.request_decoder import decode
from cliproxy.translation.model import (
    BuiltinTool,
    Code,
    CodeResult,
    File,
    FunctionTool,
    Image,
    Part,
    Reasoning,
    ResponseFormat,
    Sampling,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)


def parts_of(*parts: Any, role: str = "model") -> list[Part]:
    """The parts of a content after a user's word."""
    conversation = decode({"contents": [user("u"), {"role": role, "parts": [*parts]}]})
    return [part for turn in conversation.turns[1:] for part in turn.parts]


def to_claude(*contents: Any, **more: Any) -> dict[str, Any]:
    body = request("gemini", "claude", {"contents": [*contents], **more})
    assert [*claude_refusals.reasons(body)] == []
    return body


def to_chat(*contents: Any, **more: Any) -> dict[str, Any]:
    body = request("gemini", "openai", {"contents": [*contents], **more})
    assert [*chat_refusals.reasons(body)] == []
    return body


SIGNATURE = Signature(SIGNED, "gemini")


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (text("a"), [Text("a")]),
        (text(""), []),
        ({"text": "a", "thoughtSignature": SIGNED}, [Text("a")]),
        ({"text": "", "thoughtSignature": SIGNED}, []),
        ({"text": "a", "thought": True}, [Thinking("a")]),
        ({"text": "a", "thought": True, "thought_signature": SIGNED}, [Thinking("a", SIGNATURE)]),
        ({"text": "", "thought": True}, []),
        ({"inlineData": {"mimeType": "image/png", "data": PNG}}, [Image("image/png", PNG)]),
        ({"inline_data": {"mime_type": "image/png", "data": "-_8"}}, [Image("image/png", "+/8=")]),
        ({"inlineData": {"mimeType": "audio/wav", "data": "QUJD"}}, [File(mime="audio/wav", data="QUJD")]),
        ({"inlineData": {"mimeType": "image/png", "data": ""}}, []),
        ({"inlineData": {"data": "QUJD"}}, [File(mime="application/octet-stream", data="QUJD")]),
        ({"fileData": {"mimeType": "a/b", "fileUri": "gs://x"}}, [File(mime="a/b", url="gs://x")]),
        ({"file_data": {"mime_type": "a/b", "file_uri": "gs://x"}}, [File(mime="a/b", url="gs://x")]),
        ({"executableCode": {"language": "PYTHON", "code": "1"}}, [Code("PYTHON", "1")]),
        ({"code_execution_result": {"outcome": "OK", "output": "1"}}, [CodeResult("OK", "1")]),
        (call("f", SIGNED, id="i", args={"a": 1}), [ToolCall("i", "f", '{"a":1}')]),
        ({"function_call": {"name": "f", "id": "i"}}, [ToolCall("i", "f", "{}")]),
        (call("", id="i"), []),
        ({"other": 1}, []),
        ("odd", []),
        (None, []),
    ],
)  # fmt: skip
def test_parts_of_the_model(part: Any, expected: list[Part]) -> None:
    assert parts_of(part) == expected


@pytest.mark.parametrize("part", [call("f"), {"text": "a", "thought": True}])
def test_a_user_cannot_speak_for_the_model(part: Any) -> None:
    assert parts_of(part, text("said"), role="user") == [Text("said")]


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ({"result": "x"}, "x"), ({"result": {"a": 1}}, '{"a":1}'), ({"result": "x", "output": "y"}, "x"),
        ({"output": "x"}, "x"), ({"content": [1]}, "[1]"), ({"output": "x", "b": 1}, '{"output":"x","b":1}'),
        ({"error": "e"}, '{"error":"e"}'), ({"a": 1}, '{"a":1}'), ({}, "{}"), ({"result": ""}, ""), (None, ""), ("s", "s"),
    ],
)  # fmt: skip
def test_function_responses(response: Any, expected: str) -> None:
    part = answer("f", response, id="i")
    content = (Text(expected),) if expected else ()
    assert parts_of(part, role="user") == [ToolResult("i", content, name="f")]


def test_media_in_function_responses() -> None:
    part = answer(
        "f", {"result": "r"}, id="i", parts=[{"inlineData": {"mimeType": "image/png", "data": PNG}}, {"text": "t"}]
    )
    assert parts_of(part, role="user") == [ToolResult("i", (Text("r"), Image("image/png", PNG)), name="f")]


def pairs(*contents: Any) -> list[tuple[int, str]]:
    """Each result: the number of the call it answers (-1: none), and its text."""
    turns = decode({"contents": [*contents]}).turns
    ids = [part.id for turn in turns for part in turn.parts if isinstance(part, ToolCall)]
    results = [part for turn in turns for part in turn.parts if isinstance(part, ToolResult)]
    return [
        (
            ids.index(part.call_id) if part.call_id in ids else -1,
            "".join(t.text for t in part.content if isinstance(t, Text)),
        )
        for part in results
    ]


def said(name: str, words: str, **fields: Any) -> dict[str, Any]:
    return answer(name, {"result": words}, **fields)


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        ([model(call("f"), call("g")), user(said("f", "1"), said("g", "2"))], [(0, "1"), (1, "2")]),
        ([model(call("f"), call("g")), user(said("g", "2")), user(said("f", "1"))], [(1, "2"), (0, "1")]),
        ([model(call("f"), call("f")), user(said("f", "1"), said("f", "2"))], [(0, "1"), (1, "2")]),
        ([model(call("f"), call("g")), user(said("x", "1"), said("y", "2"))], [(0, "1"), (1, "2")]),
        ([model(call("f")), user(said("f", "1"), said("f", "2"))], [(0, "1"), (-1, "2")]),
        (
            [model(call("f", id="a"), call("f", id="b")), user(said("f", "2", id="b"), said("f", "1"))],
            [(1, "2"), (0, "1")],
        ),
        ([model(call("f", id="a")), user(said("f", "1", id="z"))], [(-1, "1")]),
        ([model(call("f")), user(said("f", "1", id="z"))], [(0, "1")]),
        ([user(said("f", "1"))], [(-1, "1")]),
    ],
)
def test_pairing(contents: list[Any], expected: list[tuple[int, str]]) -> None:
    assert pairs(*contents) == expected


def test_made_ids_are_the_same_in_every_request() -> None:
    contents = [user("u"), model(call("f"), call("f")), user(said("f", "1"), said("f", "2"))]
    first, second = (decode({"contents": found}).turns for found in (contents, [*contents, model("t"), user("v")]))
    assert first == second[: len(first)]
    ids = [part.id for part in first[1].parts if isinstance(part, ToolCall)]
    assert len(set(ids)) == 2
    assert all(re.fullmatch("call_[A-Za-z0-9]{24}", identifier) for identifier in ids)


def test_roles() -> None:
    contents = [
        {"parts": [text("a")]}, {"parts": [text("b")]}, {"role": "x", "parts": [text("c")]},
        {"role": "function", "parts": [said("f", "1", id="i"), text("d")]}, {"parts": [text("e")]},
        {"role": "model", "parts": [text("g"), said("f", "2", id="i")]},
    ]  # fmt: skip
    assert [turn.role for turn in decode({"contents": contents}).turns] == [
        "user", "assistant", "user", "tool", "user", "assistant", "assistant", "tool",
    ]  # fmt: skip


def test_both_spellings_everywhere() -> None:
    camel = {
        "systemInstruction": {"parts": [text("S")]},
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object"}}]}, {"codeExecution": {}}],
        "safetySettings": [],
        "contents": [{"role": "user", "parts": [{"fileData": {"mimeType": "a/b", "fileUri": "u"}}]}],
        "generationConfig": {
            "topP": 0.5, "topK": 3, "maxOutputTokens": 4, "stopSequences": ["s"], "candidateCount": 2,
            "presencePenalty": 1, "frequencyPenalty": 2, "responseLogprobs": True, "logprobs": 3,
            "responseMimeType": "application/json", "responseJsonSchema": {"type": "object"},
            "responseModalities": ["TEXT"], "imageConfig": {"aspectRatio": "1:1", "imageSize": "2K"},
            "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 5},
        },
    }  # fmt: skip

    def snake(value: Any) -> Any:
        if isinstance(value, dict):
            return {re.sub("[A-Z]", lambda m: "_" + m[0].lower(), key): snake(item) for key, item in value.items()}
        return [snake(item) for item in value] if isinstance(value, list) else value

    read, again = decode(camel), decode(snake(camel))
    assert read.tools[1] == BuiltinTool("code_execution", {"codeExecution": {}}, "gemini")
    assert again.tools[1] == BuiltinTool("code_execution", {"code_execution": {}}, "gemini")
    assert (read.turns, read.system, read.tools[0], read.tool_choice, read.sampling) == (
        again.turns, again.system, again.tools[0], again.tool_choice, again.sampling,
    )  # fmt: skip
    assert (read.reasoning, read.output, read.safety_settings) == (again.reasoning, again.output, again.safety_settings)
    assert read.sampling == Sampling(4, None, 0.5, 3, ("s",), 2, None, 2, 1, True, 3)
    assert read.tool_choice == ToolChoice("tool", ("f",))
    assert read.reasoning == Reasoning("budget", budget=5)
    assert read.output.format == ResponseFormat("json_schema", schema={"type": "object"})
    assert read.safety_settings == []


@pytest.mark.parametrize(
    ("calling", "expected"),
    [
        ({"mode": "AUTO"}, ToolChoice("auto")), ({"mode": "VALIDATED"}, ToolChoice("auto")),
        ({"mode": "none"}, ToolChoice("none")), ({"mode": "ANY"}, ToolChoice("required")),
        ({"mode": "ANY", "allowedFunctionNames": ["f", "g"]}, ToolChoice("allowed", ("f", "g"))),
        ({"mode": "MODE_UNSPECIFIED"}, None), ({"mode": 1}, None), ("x", None),
    ],
)  # fmt: skip
def test_tool_choice(calling: Any, expected: Any) -> None:
    assert decode({"toolConfig": {"functionCallingConfig": calling}}).tool_choice == expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"thinkingLevel": "LOW"}, Reasoning("level", level="low")),
        ({"thinkingLevel": "low", "thinkingBudget": 5}, Reasoning("level", level="low")),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED", "thinkingBudget": 5}, Reasoning("budget", budget=5)),
        ({"thinkingLevel": "none"}, Reasoning("none")), ({"thinkingBudget": 0}, Reasoning("none")),
        ({"thinkingBudget": -1}, Reasoning("auto")), ({"thinkingBudget": -2}, Reasoning()),
        ({"includeThoughts": True}, Reasoning("auto")), ({"includeThoughts": False}, Reasoning()),
        ({"thinkingBudget": "5"}, Reasoning()), ("x", Reasoning()),
    ],
)  # fmt: skip
def test_thinking_config(config: Any, expected: Reasoning) -> None:
    assert decode({"generationConfig": {"thinkingConfig": config}}).reasoning == expected


def test_schemas_become_json_schema() -> None:
    schema = {
        "type": "OBJECT",
        "properties": {"type": {"type": "STRING", "enum": ["A"]}, "l": {"type": "ARRAY", "items": {"type": "NUMBER"}}},
    }
    body = {"tools": [{"functionDeclarations": [{"name": "f", "parameters": schema}]}]}
    lower = {
        "type": "object",
        "properties": {"type": {"type": "string", "enum": ["A"]}, "l": {"type": "array", "items": {"type": "number"}}},
    }
    assert decode(body).tools == (FunctionTool("f", schema=lower),)
    assert to_chat(user("u"), **body)["tools"][0]["function"]["parameters"] == lower


def test_a_schema_without_bottom_stays_as_it_is() -> None:
    schema: Any = {"type": "STRING"}
    for _ in range(2000):
        schema = {"type": "ARRAY", "items": schema}
    body = {"tools": [{"functionDeclarations": [{"name": "f", "parameters": schema}]}]}
    assert decode(body).functions[0].schema is schema


# Whole requests


@pytest.mark.case("translation:51")
def test_pairing_for_claude() -> None:
    body = to_claude(user("u"), model(call("f"), call("g")), user(answer("f", {"result": "x"}), answer("g", {"a": 1})))
    first, second = body["messages"][1]["content"]
    assert (first["name"], second["name"], first["id"] != second["id"]) == ("f", "g", True)
    assert body["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": first["id"], "content": "x"},
        {"type": "tool_result", "tool_use_id": second["id"], "content": '{"a":1}'},
    ]


@pytest.mark.case("translation:52")
def test_tools_for_claude() -> None:
    schema = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}
    tools = [{"functionDeclarations": [{"name": "f", "parameters": schema}]}]
    body = to_claude(user("u"), tools=tools, toolConfig={"functionCallingConfig": {"mode": "ANY"}})
    assert body["tools"] == [
        {
            "name": "f",
            "input_schema": {
                "type": "object",
                "properties": {"a": {"type": "string"}},
                "additionalProperties": False,
                "$schema": "http://json-schema.org/draft-07/schema#",
            },
        }
    ]
    assert body["tool_choice"] == {"type": "any"}


@pytest.mark.case("translation:53")
@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"thinkingLevel": "low"}, {"type": "enabled", "budget_tokens": 1024}),
        ({"thinkingBudget": 0}, {"type": "disabled"}),
        ({"thinkingBudget": -1}, {"type": "enabled"}),
        ({"includeThoughts": True}, {"type": "enabled"}),
    ],
)
def test_thinking_for_claude(config: Any, expected: Any) -> None:
    body = request("gemini", "claude", {"contents": [user("u")], "generationConfig": {"thinkingConfig": config}})
    assert body["thinking"] == expected


INLINE = {"inlineData": {"mimeType": "image/png", "data": PNG}}
REQUEST = {
    "contents": [user("a", "b"), model("t"), user("c", INLINE)],
    "generationConfig": {"thinkingConfig": {"thinkingBudget": 600}},
}
AS_CHAT = [
    {"role": "user", "content": "ab"},
    {"role": "assistant", "content": "t"},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "c"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        ],
    },
]


@pytest.mark.case("translation:54")
def test_chat() -> None:
    body = to_chat(*REQUEST["contents"], generationConfig=REQUEST["generationConfig"])
    assert body["reasoning_effort"] == "low"
    assert body["messages"] == AS_CHAT


@pytest.mark.case("translation:55")
def test_the_envelope_of_gemini_cli() -> None:
    body = request("gemini-cli", "openai", {"model": "x", "project": "p", "request": REQUEST})
    assert body == {**request("gemini", "openai", REQUEST)}
    assert body["messages"] == AS_CHAT


@pytest.mark.parametrize("envelope", [{}, {"request": None}, {"request": [1]}, {"contents": [user("u")]}])
def test_an_envelope_with_nothing_in_it(envelope: Any) -> None:
    assert decode(envelope, "gemini-cli").turns == ()


def test_only_function_responses_leave_no_empty_message() -> None:
    body = to_chat(user("u"), model(call("f", id="c1")), user(answer("f", {"result": "x"}, id="c1")))
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "tool"]


def test_thoughts_of_the_history() -> None:
    thoughts = model({"text": "r", "thought": True}, "t")
    assert to_chat(user("u"), thoughts, user("v"))["messages"][1]["reasoning_content"] == "r"
    assert to_claude(user("u"), thoughts, user("v"))["messages"][1]["content"] == [{"type": "text", "text": "t"}]


def test_numbers_keep_their_spelling() -> None:
    body = exactjson.loads(b'{"contents":[{"role":"user","parts":[{"text":"u"}]},{"role":"model","parts":'
                           b'[{"functionCall":{"name":"f","id":"c","args":{"a":1e3,"b":1.0}}}]}]}')  # fmt: skip
    arguments = to_chat(*body["contents"], user("go on"))["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert arguments == '{"a":1e3,"b":1.0}'


def test_a_lone_object_counts_as_an_array_of_one() -> None:
    body = {"contents": {"parts": {"text": "u"}}, "tools": {"functionDeclarations": {"name": "f"}}}
    conversation = decode(body)
    assert conversation.turns == (Turn("user", (Text("u"),)),)
    assert conversation.tools == (FunctionTool("f"),)


def test_a_token_counts_own_envelope() -> None:
    counted = {"generateContentRequest": {"contents": [user("u")]}}
    assert decode(counted).turns == (Turn("user", (Text("u"),)),)
    assert decode(counted | {"contents": [user("v")]}).turns == (Turn("user", (Text("v"),)),)
