"""Responses requests: what the hub understands, and what other upstreams get (translation.md 2.2, 5.2)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from translation.exchanges import request
from upstream.refusals import chat, claude, gemini

from cliproxy.translation import exactjson
from cliproxy.translation.formats import CLAUDE, GEMINI, OPENAI, RESPONSES
from cliproxy.translation.model import (
    BuiltinTool,
    Conversation,
    File,
    FunctionTool,
    Image,
    Reasoning,
    Refusal,
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
from cliproxy.translation.responses.request_decoder import decode_request

ENCRYPTED = "gAAAAABopaque"


def decoded(*items: Any, **more: Any) -> Conversation:
    return decode_request({"input": list(items), **more})


def call(call_id: str, name: str = "f", arguments: str = "{}", **more: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments, **more}


def output(call_id: str, text: Any = "r") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


def message(role: str, *parts: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(parts)}


# cases


@pytest.mark.case("translation:19")
def test_basics_for_chat() -> None:
    body = {"instructions": "I", "input": "hi", "max_output_tokens": 9, "reasoning": {"effort": "Low"}}
    sent = request(RESPONSES, OPENAI, body)
    assert sent["messages"] == [{"role": "system", "content": "I"}, {"role": "user", "content": "hi"}]
    assert (sent["max_tokens"], sent["reasoning_effort"]) == (9, "low")


@pytest.mark.case("translation:20")
def test_tools_for_chat() -> None:
    search = {"type": "web_search", "search_context_size": "low"}
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object"}}, search]
    sent = request(RESPONSES, OPENAI, {"input": "hi", "tools": tools})
    assert sent["tools"] == [
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}, search,
    ]  # fmt: skip


@pytest.mark.case("translation:21")
def test_parallel_calls_for_chat() -> None:
    sent = request(RESPONSES, OPENAI, {"input": [call("c1"), call("c2"), output("c1"), output("c2")]})
    first, *results = sent["messages"]
    assert [made["id"] for made in first["tool_calls"]] == ["c1", "c2"]
    assert [(result["role"], result["tool_call_id"]) for result in results] == [("tool", "c1"), ("tool", "c2")]


@pytest.mark.case("translation:22")
def test_picture_for_claude() -> None:
    parts = [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "https://x"}]
    sent = request(RESPONSES, CLAUDE, {"input": [{"role": "user", "content": parts}]})
    assert sent["messages"] == [
        {"role": "user", "content": [
            {"type": "text", "text": "a"}, {"type": "image", "source": {"type": "url", "url": "https://x"}}]},
    ]  # fmt: skip


@pytest.mark.case("translation:23")
def test_system_items_for_claude() -> None:
    items = [{"role": "system", "content": "A"}, {"role": "user", "content": "u"}, {"role": "system", "content": "B"}]
    sent = request(RESPONSES, CLAUDE, {"input": items})
    assert [part["text"] for part in sent["system"]] == ["A", "B"]
    assert sent["messages"] == [{"role": "user", "content": [{"type": "text", "text": "u"}]}]


@pytest.mark.case("translation:24")
def test_tool_choice_for_claude() -> None:
    body = {
        "input": "hi",
        "tools": [{"type": "function", "name": "f"}],
        "tool_choice": {"type": "function", "name": "f"},
    }
    assert request(RESPONSES, CLAUDE, body)["tool_choice"] == {"type": "tool", "name": "f"}


@pytest.mark.case("translation:25")
def test_interleaved_results_for_gemini() -> None:
    items = [{"role": "user", "content": "u"}, call("c1", "f"), call("c2", "g"), output("c2"), output("c1")]
    contents = request(RESPONSES, GEMINI, {"input": items})["contents"]
    calls = [part["functionCall"] for part in contents[1]["parts"]]
    answers = [part["functionResponse"] for part in contents[2]["parts"]]
    assert [content["role"] for content in contents] == ["user", "model", "user"]
    assert [(made["id"], made["name"]) for made in calls] == [("c1", "f"), ("c2", "g")]
    assert [(given["id"], given["name"]) for given in answers] == [("c1", "f"), ("c2", "g")]


@pytest.mark.case("translation:26")
@pytest.mark.parametrize(("text", "result"), [('{"a":1}', {"a": 1}), ("[1]", [1]), ("7", "7"), ("", "")])
def test_output_values_for_gemini(text: str, result: Any) -> None:
    sent = request(RESPONSES, GEMINI, {"input": [{"role": "user", "content": "u"}, call("c1"), output("c1", text)]})
    response = sent["contents"][2]["parts"][0]["functionResponse"]["response"]
    assert response == {"result": result}


# history


def test_what_the_assistant_did_is_one_turn() -> None:
    turns = decoded(
        {"role": "user", "content": "u"},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
         "encrypted_content": ENCRYPTED},
        message("assistant", {"type": "output_text", "text": "t"}),
        call("c1", "f", '{"a":1}'), call("c2", "g"), output("c2", "two"), output("c1", "one"),
        {"role": "assistant", "content": "done"}, {"role": "user", "content": "next"}, {"role": "user", "content": "n2"},
    ).turns  # fmt: skip
    assert turns == (
        Turn("user", (Text("u"),), plain=True),
        Turn("assistant", (
            Thinking("a\nb", Signature(ENCRYPTED, "gpt")), Text("t"),
            ToolCall("c1", "f", '{"a":1}'), ToolCall("c2", "g"))),
        Turn("tool", (ToolResult("c2", (Text("two"),)), ToolResult("c1", (Text("one"),)))),
        Turn("assistant", (Text("done"),), plain=True),
        Turn("user", (Text("next"),), plain=True),
        Turn("user", (Text("n2"),), plain=True),
    )  # fmt: skip


def test_signatures_of_others_are_of_the_gemini_group() -> None:
    (turn,) = decoded({"type": "reasoning", "summary": [], "encrypted_content": "CsEB"}).turns
    assert turn.parts == (Thinking("", Signature("CsEB", "gemini")),)


def test_reasoning_without_anything_is_nothing() -> None:
    assert decoded({"type": "reasoning", "summary": [], "encrypted_content": "", "content": None}).turns == ()


def test_raw_reasoning_stands_in_for_a_missing_summary() -> None:
    (turn,) = decoded({"type": "reasoning", "content": [{"type": "reasoning_text", "text": "r"}]}).turns
    assert turn.parts == (Thinking("r"),)


def test_a_message_is_split_where_the_speaker_changes() -> None:
    spoken = [
        {"type": "input_text", "text": "a"},
        {"type": "output_text", "text": "b"},
        {"type": "input_text", "text": "c"},
    ]
    turns = decoded({"type": "message", "content": spoken}).turns
    assert [(turn.role, turn.parts) for turn in turns] == [
        ("user", (Text("a"),)), ("assistant", (Text("b"),)), ("user", (Text("c"),)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("item", "role"),
    [
        ({"role": "model", "content": "x"}, "assistant"),
        ({"type": "message", "content": "x"}, "user"),
        ({"role": "critic", "content": "x"}, "user"),
        (message("assistant", {"type": "input_text", "text": "x"}), "assistant"),
        (message("user", {"text": "x"}), "user"),
    ],
)
def test_roles(item: dict[str, Any], role: str) -> None:
    (turn,) = decoded(item).turns
    assert (turn.role, turn.parts) == (role, (Text("x"),))


@pytest.mark.parametrize(
    "item",
    [
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"type": "item_reference", "id": "x"},
        {"type": "compaction", "encrypted_content": "x"},
        {"type": "message", "role": "user", "content": None},
        {"type": "message", "role": "user", "content": ""},
        message("user", {"type": "input_text", "text": ""}),
        message("user", {"type": "input_image", "file_id": "file_1"}),
        message("user", {"type": "input_file", "filename": "a.zzz", "file_data": "QUJD"}),
        {"type": "function_call", "call_id": "c", "name": None},
        {"type": ["message"]},
        {},
    ],
)
def test_what_says_nothing_leaves_no_turn(item: dict[str, Any]) -> None:
    turns = decoded(item, {"role": "user", "content": "u", "id": "msg_1", "status": None}).turns
    assert turns == (Turn("user", (Text("u"),), plain=True),)


def test_system_texts_in_order() -> None:
    conversation = decoded(
        {"role": "user", "content": "u"},
        message("developer", {"type": "input_text", "text": "B"}, {"type": "input_text", "text": "C"}),
        instructions="A",
    )
    assert conversation.system == (Text("A"), Text("B"), Text("C"))


def test_media() -> None:
    (turn,) = decoded(
        message(
            "user",
            {"type": "input_image", "image_url": "data:image/png;base64,_-8", "detail": "low"},
            {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "high"}},
            {"type": "input_file", "filename": "a.PDF", "file_data": "QUJD"},
            {"type": "input_file", "filename": "a.txt", "file_data": "data:text/csv;base64,QUJD"},
            {"type": "input_file", "file_url": "https://x/y.pdf"},
            {"type": "input_file", "file_id": "file_1"},
            {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
        )
    ).turns
    assert turn.parts == (
        Image("image/png", "/+8=", detail="low"),
        Image(url="https://x/y.png", detail="high"),
        File("a.PDF", "application/pdf", "QUJD"),
        File("a.txt", "text/csv", "QUJD"),
        File(url="https://x/y.pdf"),
        File(file_id="file_1"),
        File(mime="audio/mp3", data="QUJD"),
    )


def test_refusals_are_the_assistants() -> None:
    (turn,) = decoded(message("user", {"type": "refusal", "refusal": "no"})).turns
    assert turn == Turn("assistant", (Refusal("no"),))


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("", ToolResult("c")),
        (None, ToolResult("c")),
        ([], ToolResult("c")),
        ([{"type": "input_text", "text": ""}], ToolResult("c")),
        ([{"type": "input_text", "text": "a"}, {"type": "output_text", "text": "b"}],
         ToolResult("c", (Text("a"), Text("b")))),
        ([{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "https://x"}, 7],
         ToolResult("c", (Text("a"), Image(url="https://x")))),
        ({"ok": True}, ToolResult("c", raw={"ok": True})),
        ([1, "two"], ToolResult("c", raw=[1, "two"])),
        ([{"a": 1}], ToolResult("c", raw=[{"a": 1}])),
        (7, ToolResult("c", raw=7)),
    ],
)  # fmt: skip
def test_outputs(value: Any, result: ToolResult) -> None:
    (turn,) = decoded(output("c", value)).turns
    assert turn.parts == (result,)


def test_arguments_that_were_not_written_as_text() -> None:
    (turn,) = decoded(
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": {"a": 1}}, call("d", "g", "")
    ).turns
    assert turn.parts == (ToolCall("c", "f", '{"a":1}'), ToolCall("d", "g", "{}"))


def test_calls_without_call_id() -> None:
    (turn,) = decoded(
        {"type": "function_call", "id": "fc_1", "name": "f"}, {"type": "function_call", "name": "g"}
    ).turns
    first, second = turn.parts
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert first.id == "fc_1"
    assert second.id.startswith("call_")


# tools


def test_custom_tools_and_calls() -> None:
    conversation = decoded(
        {"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": "*** Begin"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "done"},
        tools=[
            {"type": "custom", "name": "patch", "description": "d",
             "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"}},
            {"type": "custom", "name": "free"},
        ],
    )  # fmt: skip
    grammar = "The input is text that obeys this lark grammar:\nstart: x"
    assert conversation.tools == (
        FunctionTool("patch", f"d\n\n{grammar}", custom=True), FunctionTool("free", custom=True),
    )  # fmt: skip
    made, given = conversation.turns
    assert made.parts == (ToolCall("c", "patch", "*** Begin", custom=True),)
    assert given.parts == (ToolResult("c", (Text("done"),), custom=True),)


def test_namespaces_are_flattened() -> None:
    conversation = decoded(
        call("c", "get", namespace="mcp__a"),
        tools=[
            {"type": "namespace", "name": "mcp__a", "description": "d", "tools": [
                {"type": "function", "name": "get", "parameters": {"type": "object"}, "strict": True},
                {"type": "custom", "name": "run"}, {"type": "web_search"}]},
            {"type": "namespace", "name": "mcp__b", "tools": [{"type": "function", "name": "get"}]},
            {"type": "web_search"},
            {"type": "function", "name": "get"}, {"type": "function", "name": "get", "description": "again"},
            {"type": "function"},
        ],
        tool_choice={"type": "function", "name": "run"},
    )  # fmt: skip
    assert conversation.tools == (
        FunctionTool("get", None, {"type": "object"}, strict=True, namespace="mcp__a"),
        FunctionTool("run", namespace="mcp__a", custom=True),
        FunctionTool("get", namespace="mcp__b"),
        BuiltinTool("web_search", {"type": "web_search"}, RESPONSES),
        FunctionTool("get"),
    )
    assert conversation.tool_choice == ToolChoice("tool", ("run",), namespace="mcp__a")
    assert conversation.turns[0].parts == (ToolCall("c", "get", namespace="mcp__a"),)


@pytest.mark.parametrize("target", [OPENAI, CLAUDE, GEMINI])
def test_what_a_new_codex_client_sends_is_taken_by_others(target: Any) -> None:
    body = {
        "input": [
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "rules"}], "id": "msg_0"},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "u"}], "id": None},
            {"type": "reasoning", "id": "rs_1", "summary": [], "content": None, "encrypted_content": ENCRYPTED},
            call("c1", "get", '{"x":1}', namespace="mcp__a", id="fc_1"),
            {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": "*** Begin"},
            {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}},
            {"type": "custom_tool_call_output", "call_id": "c2", "output": "done"},
            output("c1", [{"type": "input_text", "text": "two"}, {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}]),
            message("assistant", {"type": "output_text", "text": "t", "annotations": []}),
            {"role": "user", "content": "go on"},
        ],
        "tools": [
            {"type": "namespace", "name": "mcp__a", "tools": [{"type": "function", "name": "get", "strict": False,
             "parameters": {"type": "object", "properties": {"x": {"type": "number"}}}}]},
            {"type": "custom", "name": "patch"}, {"type": "local_shell"}, {"type": "web_search"},
            {"type": "image_generation", "output_format": "png"}, {"type": "tool_search"},
        ],
        "tool_choice": "auto", "parallel_tool_calls": True, "store": False, "stream": True,
        "include": ["reasoning.encrypted_content"], "client_metadata": {"a": "b"}, "prompt_cache_key": "k",
        "reasoning": {"effort": "high", "summary": "auto"}, "text": {"verbosity": "low"},
    }  # fmt: skip
    sent = request(RESPONSES, target, body, stream=True)
    if target == CLAUDE:  # room for the thinking is the provider's to make
        sent["max_tokens"] = 200_000
    if target == GEMINI:
        assert not list(gemini.reasons({key: value for key, value in sent.items() if key != "model"}, "gemini-3-pro"))
    else:
        assert not list({OPENAI: chat, CLAUDE: claude}[target].reasons(sent))


@pytest.mark.parametrize(
    ("value", "choice"),
    [
        ("required", ToolChoice("required")),
        ("none", ToolChoice("none")),
        ("sometimes", None),
        (7, None),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("tool", ("f",))),
        ({"type": "custom", "name": "f"}, ToolChoice("tool", ("f",))),
        ({"type": "function"}, None),
        ({"type": "web_search"}, ToolChoice("builtin", raw={"type": "web_search"})),
        ({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}, {"type": "x"}]},
         ToolChoice("allowed", ("f",))),
        ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]}, ToolChoice("auto")),
        ({"type": "allowed_tools", "allowed_tools": {
            "mode": "required", "tools": [{"type": "function", "function": {"name": "g"}}]}},
         ToolChoice("allowed", ("g",))),
        ({}, None),
    ],
)  # fmt: skip
def test_tool_choice(value: Any, choice: ToolChoice | None) -> None:
    tools = [{"type": "function", "name": "f"}]
    assert decode_request({"tools": tools, "tool_choice": value}).tool_choice == choice


# settings


def test_settings() -> None:
    conversation = decode_request(
        {
            "max_output_tokens": 5, "temperature": 0.5, "top_p": 1, "stop_sequences": ["a", "", 3, "b"],
            "top_logprobs": 2, "parallel_tool_calls": False, "user": "u", "metadata": {"a": "b"}, "store": True,
            "reasoning": {"effort": " HIGH "}, "previous_response_id": None, "truncation": "auto",
            "text": {"verbosity": "low", "format": {
                "type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True, "description": "d"}},
        }
    )  # fmt: skip
    assert conversation.sampling == Sampling(5, 0.5, 1, stop=("a", "b"), top_logprobs=2)
    assert conversation.reasoning == Reasoning("level", level="high")
    assert conversation.output.verbosity == "low"
    assert conversation.output.format == ResponseFormat(
        "json_schema", "n", {"type": "object"}, strict=True, description="d"
    )
    assert (conversation.parallel_tool_calls, conversation.user, conversation.source) == (False, "u", RESPONSES)
    assert conversation.extra == {"metadata": {"a": "b"}, "store": True}


@pytest.mark.parametrize(
    ("text", "kind"), [({"type": "text"}, "text"), ({"type": "json_object"}, "json_object"), ({"type": "x"}, None)]
)
def test_formats_without_schema(text: Any, kind: str | None) -> None:
    found = decode_request({"text": {"format": text}}).output.format
    assert (found.kind if found else None) == kind


@pytest.mark.parametrize(
    ("effort", "reasoning"),
    [("none", Reasoning("none")), ("auto", Reasoning("auto")), ("", Reasoning()), (5, Reasoning()),
     ("odd", Reasoning("level", level="odd"))],
)  # fmt: skip
def test_effort(effort: Any, reasoning: Reasoning) -> None:
    assert decode_request({"reasoning": {"effort": effort}}).reasoning == reasoning


def test_the_body_is_never_changed() -> None:
    body = {"input": [message("user", {"type": "input_text", "text": "a"}), call("c"), output("c", [{"b": 1}])]}
    before = repr(body)
    decode_request(body)
    assert repr(body) == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
KINDS = ["message", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output", "reasoning"]
PARTS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["input_text", "output_text", "refusal", "input_image", "input_file", "input_audio"])
        | JSON
    },
    optional=dict.fromkeys(("text", "refusal", "image_url", "file_data", "filename", "input_audio", "detail"), JSON),
)
ITEMS = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS) | JSON},
    optional={
        "role": st.sampled_from(["user", "assistant", "developer"]) | JSON, "content": st.lists(PARTS, max_size=3) | JSON,
        "call_id": st.sampled_from(["a", "b"]) | JSON, "name": st.sampled_from(["f"]) | JSON, "arguments": JSON,
        "output": st.lists(PARTS, max_size=2) | JSON, "summary": JSON, "encrypted_content": JSON, "input": JSON,
    },
)  # fmt: skip
TOOL = st.fixed_dictionaries(
    {"type": st.sampled_from(["function", "custom", "namespace", "web_search"]) | JSON},
    optional={"name": st.just("f") | JSON, "parameters": JSON, "format": JSON, "function": JSON, "tools": JSON},
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "input": st.lists(ITEMS | JSON, max_size=5) | JSON, "tools": st.lists(TOOL, max_size=3) | JSON,
        **dict.fromkeys(("instructions", "tool_choice", "reasoning", "text", "temperature", "stop_sequences", "max_output_tokens", "user", "metadata"), JSON),
    },
)  # fmt: skip


@given(BODIES)
@settings(max_examples=200, deadline=None)
def test_any_json_is_read(body: dict[str, Any]) -> None:
    conversation = decode_request(body)
    for turn in conversation.turns:
        assert turn.parts
        assert all(isinstance(part, ToolResult) for part in turn.parts) is (turn.role == "tool")
    for before, after in pairwise(conversation.turns):
        assert before.role != after.role or before.role == "user"
    for target in (OPENAI, CLAUDE, GEMINI):
        exactjson.dumps(request(RESPONSES, target, body))


def test_deep_long_and_half_values() -> None:
    deep: Any = "x"
    for _ in range(50):
        deep = [{"content": deep}]
    body = {
        "input": [
            {"role": "user", "content": deep}, output("c", deep), {"role": "user", "content": "half \ud83d"},
            {"role": "user", "content": "x" * 1_000_000},
        ],
        "tools": [{"type": "function", "name": "f", "parameters": {"properties": deep}}],
    }  # fmt: skip
    sent = request(RESPONSES, OPENAI, body)
    assert [message["content"] for message in sent["messages"]] == ["half \ud83d", "x" * 1_000_000]
