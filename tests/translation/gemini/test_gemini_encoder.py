"""Requests of the other formats as generateContent (translation.md 2.5, 4.12)."""

from __future__ import annotations

from typing import Any

import pytest
from translation.exchanges import request
from translation.gemini.gemini_talk import PNG, SAFETY, SKIP, call, model, result, sent, user
from upstream.content import ENCRYPTED, SIGNATURE

from cliproxy.translation.formats import Format

SENTINEL: dict[str, Any] = {"signature": SKIP}


def said(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def tool_call(identifier: str, name: str, arguments: str = "{}") -> dict[str, Any]:
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}}


def calling(*calls: dict[str, Any], content: Any = None) -> dict[str, Any]:
    return said("assistant", content, tool_calls=[*calls])


def told(identifier: str, content: Any) -> dict[str, Any]:
    return said("tool", content, tool_call_id=identifier)


def chat(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"messages": [*messages], **more}


def config(body: dict[str, Any], **more: Any) -> dict[str, Any]:
    found = request("openai", "gemini", body, **more).get("generationConfig", {})
    assert isinstance(found, dict)
    return found


@pytest.mark.case("translation:8")
def test_only_a_system_message_is_the_users() -> None:
    body = sent("openai", "gemini", chat(said("system", "S")))
    assert body["contents"] == [user("S")]
    assert "system_instruction" not in body
    assert body["safetySettings"] == SAFETY


ROUND = [
    said("user", "u"),
    calling(tool_call("c1", "f", '{"x":1}')),
    told("c1", '{"ok":true}'),
    said("user", "v"),
]


@pytest.mark.case("translation:9")
@pytest.mark.parametrize(("content", "value"), [('{"ok":true}', {"ok": True}), ("plain", "plain"), ("", "")])
def test_a_tool_round(content: str, value: Any) -> None:
    body = sent("openai", "gemini", chat(*ROUND[:2], told("c1", content), ROUND[3]))
    assert body["contents"] == [user("u"), model(call("f", SKIP, args={"x": 1})), user(result("f", value)), user("v")]


@pytest.mark.case("translation:10")
def test_a_missing_result_is_an_empty_one() -> None:
    body = sent("openai", "gemini", chat(*ROUND[:2], ROUND[3]))
    assert body["contents"][2:] == [user(result("f", {})), user("v")]


def test_calls_at_the_end_have_no_results_yet() -> None:
    body = sent("openai", "gemini", chat(*ROUND[:2]))
    assert body["contents"] == [user("u"), model(call("f", SKIP, args={"x": 1}))]


@pytest.mark.case("translation:11")
def test_empty_text_leaves_no_hole() -> None:
    content = [{"type": "text", "text": ""}, {"type": "text", "text": "a"}]
    assert sent("openai", "gemini", chat(said("user", content)))["contents"] == [user("a")]
    assert sent("openai", "gemini", chat(said("user", ""), said("user", "b")))["contents"] == [user("b")]


@pytest.mark.case("translation:12")
def test_options() -> None:
    body = chat(said("user", "u"), reasoning_effort="auto", n=2, modalities=["image", "text", "x"], top_k=5)
    body["image_config"] = {"aspect_ratio": "1:1", "image_size": "2K"}
    assert sent("openai", "gemini", body)["generationConfig"] == {
        "thinkingConfig": {"thinkingBudget": -1, "includeThoughts": True},
        "candidateCount": 2,
        "responseModalities": ["IMAGE", "TEXT"],
        "imageConfig": {"aspectRatio": "1:1", "imageSize": "2K"},
        "topK": 5,
    }
    assert config(chat(said("user", "u"), n=1)) == {}


@pytest.mark.case("translation:12")
@pytest.mark.parametrize(
    ("effort", "expected"),
    [
        ("low", {"thinkingLevel": "low", "includeThoughts": True}),
        ("none", {"thinkingLevel": "none", "includeThoughts": False}),
        (" HIGH ", {"thinkingLevel": "high", "includeThoughts": True}),
        ("weird", {"thinkingLevel": "weird", "includeThoughts": True}),
        ("", None),
    ],
)
def test_effort(effort: str, expected: Any) -> None:
    assert config(chat(said("user", "u"), reasoning_effort=effort)).get("thinkingConfig") == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"max_tokens": 7}, {"maxOutputTokens": 7}),
        ({"max_completion_tokens": 7}, {"maxOutputTokens": 7}),
        ({"temperature": 0, "top_p": 0.5}, {"temperature": 0, "topP": 0.5}),
        ({"stop": "x"}, {"stopSequences": ["x"]}),
        ({"stop": list("abcdefg")}, {"stopSequences": list("abcde")}),
        ({"seed": 3, "presence_penalty": 1, "frequency_penalty": 0}, {"seed": 3, "presencePenalty": 1}),
        ({"response_format": {"type": "text"}}, {}),
        ({"response_format": {"type": "json_object"}}, {"responseMimeType": "application/json"}),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}},
            {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}},
        ),
        ({"temperature": "hot", "max_tokens": None, "stop": [1], "n": True}, {}),
    ],
)
def test_generation_config(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    assert config(chat(said("user", "u"), **fields)) == expected


@pytest.mark.case("translation:13")
def test_tools() -> None:
    function = {"type": "function", "function": {"name": "f", "strict": True}}
    tools = [function, {"google_search": {}}, {"url_context": {}}, {"code_execution": {}}]
    assert sent("openai", "gemini", chat(said("user", "u"), tools=tools))["tools"] == [
        {"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object", "properties": {}}}]},
        {"googleSearch": {}},
        {"codeExecution": {}},
        {"urlContext": {}},
    ]


def test_a_schema_goes_as_it_is_and_a_name_once() -> None:
    schema = {"$schema": "x", "type": "object", "properties": {"a": {"const": 1, "type": ["string", "null"]}}}
    function = {"name": "f", "description": "D", "parameters": schema, "strict": True, "extra": 1}
    tools = [{"type": "function", "function": function}] * 2 + [{"type": "web_search"}]
    body = sent("openai", "gemini", chat(said("user", "u"), tools=tools))
    declared = {"name": "f", "description": "D", "parametersJsonSchema": schema}
    assert body["tools"] == [{"functionDeclarations": [declared]}]
    assert body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"] is schema


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", None),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ({"type": "function", "function": {"name": "a b"}}, {"mode": "ANY", "allowedFunctionNames": ["a_b"]}),
        ({"type": "function", "function": {"name": "unknown"}}, None),
        ({"type": "web_search"}, None),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
                {"type": "function", "function": {"name": name}} for name in ("g", "h", "a b")]}},
            {"mode": "ANY", "allowedFunctionNames": ["g", "a_b"]},
        ),
    ],
)  # fmt: skip
def test_tool_choice(choice: Any, expected: Any) -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("a b", "g")]
    body = sent("openai", "gemini", chat(said("user", "u"), tools=tools, tool_choice=choice))
    assert body.get("toolConfig") == (expected and {"functionCallingConfig": expected})


def test_a_tool_choice_without_functions_is_not_sent() -> None:
    body = sent("openai", "gemini", chat(said("user", "u"), tools=[{"google_search": {}}], tool_choice="required"))
    assert "toolConfig" not in body


@pytest.mark.case("translation:14")
@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ({"filename": "a.b.PDF", "file_data": "QUJD"}, ("application/pdf", "QUJD")),
        ({"filename": "a.zzz", "file_data": "QUJD"}, None),
        ({"filename": "a.zzz", "file_data": "data:text/plain;base64,QUJD"}, ("text/plain", "QUJD")),
        ({"filename": "a.pdf", "file_data": "-_8"}, ("application/pdf", "+/8=")),
        ({"file_id": "file-1"}, None),
    ],
)
def test_files(file: Any, expected: tuple[str, str] | None) -> None:
    content = [{"type": "text", "text": "t"}, {"type": "file", "file": file}]
    parts = sent("openai", "gemini", chat(said("user", content)))["contents"][0]["parts"]
    inline = expected and {"inlineData": {"mimeType": expected[0], "data": expected[1]}}
    assert parts == ([{"text": "t"}, inline] if inline else [{"text": "t"}])


def test_images_of_chat_clients() -> None:
    images = [
        {"type": "image_url", "image_url": {"url": url}} for url in (f"data:image/png;base64,{PNG}", "https://x/y")
    ]
    parts = sent("openai", "gemini", chat(said("user", images)))["contents"][0]["parts"]
    assert parts == [{"inlineData": {"mimeType": "image/png", "data": PNG}, "thoughtSignature": SKIP}]


def test_results_in_any_order_stand_behind_their_calls() -> None:
    body = sent(
        "openai", "gemini",
        chat(
            said("user", "u"), calling(tool_call("c1", "f"), tool_call("c2", "g"), content="t"), told("c2", "2"),
            said("user", "v"), told("c1", "1"), told("stranger", "3"), calling(tool_call("c3", "f")), told("c3", "[4]"),
        ),
    )  # fmt: skip
    assert body["contents"] == [
        user("u"),
        model("t", call("f", SKIP, args={}), call("g", SKIP, args={})),
        user(result("f", "1"), result("g", "2")),
        user("v"),
        model(call("f", SKIP, args={})),
        user(result("f", [4])),
    ]


def test_equal_ids_in_different_turns() -> None:
    turns = [calling(tool_call("c", "f")), told("c", "1"), calling(tool_call("c", "f")), told("c", "2")]
    contents = sent("openai", "gemini", chat(said("user", "u"), *turns))["contents"]
    assert [contents[2], contents[4]] == [user(result("f", "1")), user(result("f", "2"))]


def test_pictures_in_results_follow_the_results() -> None:
    content = [
        {"type": "text", "text": "a"}, {"type": "text", "text": '{"b":1}'},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
    ]  # fmt: skip
    turns = [
        said("user", "u"),
        said("assistant", [{"type": "tool_use", "id": name, "name": name, "input": {}} for name in ("f", "g")]),
        said("user", [
            {"type": "tool_result", "tool_use_id": "g", "content": "x"},
            {"type": "tool_result", "tool_use_id": "f", "content": content},
        ]),
    ]  # fmt: skip
    inline = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    contents = sent("claude", "gemini", {"messages": turns})["contents"]
    assert contents[2] == user(result("f", ["a", {"b": 1}]), result("g", "x"), inline)


def test_names_outside_the_alphabet_are_the_same_everywhere() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("a b", "a.b", "1x", "a/b")]
    turns = [calling(*(tool_call(name, name) for name in ("a b", "a/b"))), told("a b", "1"), told("a/b", "2")]
    body = sent("openai", "gemini", chat(said("user", "u"), *turns, tools=tools))
    declared = [tool["name"] for tool in body["tools"][0]["functionDeclarations"]]
    assert declared == ["a_b", "a.b", "_1x", "a_b_1"]
    calls, results = body["contents"][1:]
    assert [part["functionCall"]["name"] for part in calls["parts"]] == ["a_b", "a_b_1"]
    assert [part["functionResponse"]["name"] for part in results["parts"]] == ["a_b", "a_b_1"]


def test_a_history_that_begins_with_the_model_gets_a_users_word() -> None:
    body = sent("openai", "gemini", chat(said("assistant", "Hello."), said("user", "u")))
    assert [content["role"] for content in body["contents"]] == ["user", "model", "user"]
    assert body["contents"][1:] == [model("Hello."), user("u")]


def test_chats_thoughts_are_not_sent() -> None:
    body = sent("openai", "gemini", chat(said("user", "u"), said("assistant", "t", reasoning_content="r")))
    assert body["contents"] == [user("u"), model("t")]


def test_what_has_no_place_is_left_out() -> None:
    parts = [{"type": "refusal", "refusal": "no"}, {"type": "unknown"}, {"type": "text", "text": "t"}]
    body = sent("openai", "gemini", chat(said("user", "u"), said("assistant", parts), said("user", parts[:2])))
    assert body["contents"] == [user("u"), model("t")]


@pytest.mark.parametrize(
    ("arguments", "args"), [("", {}), (" ", {}), ("[1]", {"params": "[1]"}), ('{"a"', {"params": '{"a"'})]
)
def test_arguments(arguments: str, args: Any) -> None:
    body = sent("openai", "gemini", chat(said("user", "u"), calling(tool_call("c", "f", arguments))))
    assert body["contents"][1] == model(call("f", SKIP, args=args))


def test_results_that_are_objects() -> None:
    use = said("assistant", [{"type": "tool_use", "id": "c", "name": "f", "input": {}}])
    told_back = said("user", [{"type": "tool_result", "tool_use_id": "c", "content": {"a": 1}}])
    body = sent("claude", "gemini", {"messages": [said("user", "u"), use, told_back]})
    assert body["contents"][2] == user(result("f", {"a": 1}))


def test_several_system_messages() -> None:
    body = sent("openai", "gemini", chat(said("system", "A"), said("user", "u"), said("developer", "B")))
    assert body["system_instruction"] == user("A", "B")


@pytest.mark.parametrize("target", ["gemini", "gemini-cli", "antigravity"])
def test_numbers_keep_their_spelling_in_arguments_and_results(target: Format) -> None:
    from cliproxy.translation import exactjson

    body = chat(
        said("user", "u"), calling(tool_call("c", "f", '{"n":1e3,"m":2.50}')), told("c", "[1.0,12345678901234567890]")
    )
    data = exactjson.dumps(request("openai", target, body))
    assert b'{"n":1e3,"m":2.50}' in data
    assert b"[1.0,12345678901234567890]" in data


# Responses


def item(kind: str, call_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "call_id": call_id, **fields}


def called(call_id: str, name: str) -> dict[str, Any]:
    return item("function_call", call_id, name=name, arguments='{"a":1}')


def output(call_id: str, value: Any) -> dict[str, Any]:
    return item("function_call_output", call_id, output=value)


@pytest.mark.case("translation:25")
def test_responses_calls_and_outputs_interleaved() -> None:
    items = [said("user", "u"), called("c1", "f"), called("c2", "g"), output("c2", "2"), output("c1", "1")]
    contents = sent("openai-response", "gemini", {"input": items})["contents"]
    assert contents == [
        user("u"),
        model(call("f", SKIP, args={"a": 1}, id="c1"), call("g", SKIP, args={"a": 1}, id="c2")),
        user(result("f", "1", id="c1"), result("g", "2", id="c2")),
    ]


@pytest.mark.case("translation:26")
@pytest.mark.parametrize(
    ("value", "expected"),
    [('{"a":1}', {"a": 1}), ("[1]", [1]), ("7", "7"), ("", ""), ("{oops", "{oops"), ("null", "null")],
)
def test_responses_output_values(value: str, expected: Any) -> None:
    items = [said("user", "u"), called("c1", "f"), output("c1", value)]
    contents = sent("openai-response", "gemini", {"input": items})["contents"]
    assert contents[2] == user(result("f", expected, id="c1"))


def test_responses_output_without_its_call_gets_the_call_back() -> None:
    """The call may be known to the other server only (``previous_response_id``)."""
    items = [said("user", "u"), output("get-time-1700-3", "12:00"), output("", "lost")]
    contents = sent("openai-response", "gemini", {"input": items})["contents"]
    assert contents == [
        user("u"),
        model(call("get-time", SKIP, args={}, id="get-time-1700-3")),
        user(result("get-time", "12:00", id="get-time-1700-3")),
    ]


@pytest.mark.parametrize(
    ("encrypted", "expected"),
    [(SIGNATURE, [{"thought": True, "text": "r", "thoughtSignature": SIGNATURE}]), (ENCRYPTED, []), (None, [])],
)
@pytest.mark.parametrize("target", ["gemini", "gemini-cli", "antigravity"])
def test_responses_reasoning_goes_back_to_the_family_that_signed_it(
    target: Format, encrypted: Any, expected: list[Any]
) -> None:
    reasoning = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "r"}],
        "encrypted_content": encrypted,
    }
    contents = sent("openai-response", target, {"input": [said("user", "u"), reasoning, said("assistant", "t")]})[
        "contents"
    ]
    assert contents == [user("u"), model(*expected, "t")]


def test_custom_tools_take_their_text_as_input() -> None:
    items = [said("user", "u"), {"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": "*** Begin"}]
    body = sent("openai-response", "gemini", {"input": items, "tools": [{"type": "custom", "name": "patch"}]})
    assert body["contents"][1] == model(call("patch", SKIP, args={"input": "*** Begin"}, id="c"))
    schema = body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"]
    assert schema["required"] == ["input"]


# Claude


@pytest.mark.case("translation:36")
@pytest.mark.parametrize("target", ["gemini", "gemini-cli"])
def test_claude(target: Format) -> None:
    content = [
        {"type": "text", "text": ""},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        {"type": "tool_result", "tool_use_id": "get-weather-1700-3", "content": "22C"},
    ]
    body = sent("claude", target, {"system": "S", "messages": [said("user", content)]})
    assert body["system_instruction" if target == "gemini" else "systemInstruction"] == user("S")
    parts = [part for content in body["contents"] for part in content["parts"]]
    assert result("get-weather", "22C") in parts
    assert {"inlineData": {"mimeType": "image/png", "data": PNG}} in parts
    assert {"text": ""} not in parts


@pytest.mark.case("translation:37")
@pytest.mark.parametrize(
    ("thinking", "expected"),
    [
        ({"type": "enabled", "budget_tokens": 8000}, {"thinkingBudget": 8000, "includeThoughts": True}),
        ({"type": "disabled"}, None),
        ({"type": "enabled"}, {"thinkingBudget": -1, "includeThoughts": True}),
        ({"type": "adaptive"}, {"thinkingBudget": -1, "includeThoughts": True}),
    ],
)
def test_claude_budget(thinking: Any, expected: Any) -> None:
    body = sent("claude", "gemini", {"messages": [said("user", "u")], "thinking": thinking, "max_tokens": 9})
    assert body["generationConfig"].get("thinkingConfig") == expected
    assert body["generationConfig"]["maxOutputTokens"] == 9


def test_claudes_thoughts_are_not_sent_to_gemini() -> None:
    content = [{"type": "thinking", "thinking": "T", "signature": "s" * 60}, {"type": "text", "text": "t"}]
    body = sent("claude", "gemini", {"messages": [said("user", "u"), said("assistant", content)]})
    assert body["contents"] == [user("u"), model("t")]
