"""The fake upstream refuses what the real ones refuse, and takes what they take (clients.md 2)."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from upstream import routes
from upstream.content import ENCRYPTED, SIGNATURE
from upstream.refusals import chat, claude, gemini, responses
from upstream.server import FakeUpstream

PIXEL = "iVBORw0KGgo+/w=="
URL_SAFE = "iVBORw0KGgo-_w"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
Body = dict[str, Any]


def table(*rows: tuple[str, Body, Body, str]) -> Any:
    """(rule, what is taken, what is refused, words of the reason)."""
    return pytest.mark.parametrize(("good", "bad", "words"), [pytest.param(*row[1:], id=row[0]) for row in rows])


def judge(check: Callable[[Mapping[str, Any]], Iterator[str]], good: Body, bad: Body, words: str) -> None:
    assert list(check(good)) == []
    found = list(check(bad))
    assert any(words in reason for reason in found), found


# --- Chat Completions

ASK = {"role": "user", "content": "hi"}


def called(*ids: str, arguments: str = "{}", name: str = "f") -> Body:
    function = {"name": name, "arguments": arguments}
    return {"role": "assistant", "content": None, "tool_calls": [
        {"id": call, "type": "function", "function": function} for call in ids
    ]}  # fmt: skip


def result(call: str) -> Body:
    return {"role": "tool", "tool_call_id": call, "content": "1"}


def chat_body(*messages: Body, **more: Any) -> Body:
    return {"model": "m", "messages": [ASK, *messages], **more}


def user(*parts: Body) -> Body:
    return {"role": "user", "content": list(parts)}


def function(name: str = "f", **more: Any) -> Body:
    return {"type": "function", "function": {"name": name, **more}}


def image(url: str) -> Body:
    return {"type": "image_url", "image_url": {"url": url}}


def schema_format(**more: Any) -> Body:
    return {"type": "json_schema", "json_schema": {"schema": SCHEMA, **more}}


@table(
    ("stream options", chat_body(stream=True, stream_options={}), chat_body(stream_options={}), "without stream"),
    ("no messages", chat_body(), {"messages": []}, "at least one message"),
    ("a message that is none", chat_body(), {"messages": [ASK, None]}, "at least one message"),
    ("role", chat_body({"role": "developer", "content": "x"}), chat_body({"role": "model", "content": "x"}), "role"),
    ("no content", chat_body({"role": "assistant", "content": ""}), chat_body({"role": "assistant"}), "no content"),
    ("null content", chat_body(called("a"), result("a")), chat_body({"role": "user", "content": None}), "no content"),
    ("empty parts", chat_body(user({"type": "text", "text": ""})), chat_body(user()), "neither text nor"),
    ("part type", chat_body(user({"type": "text", "text": "x"})), chat_body(user({"type": "input_text"})), "of type"),
    (
        "part of another role",
        chat_body(user(image("https://x/y"))),
        chat_body({"role": "assistant", "content": [image("https://x/y")]}),
        "of type 'image_url'",
    ),
    (
        "data URL",
        chat_body(user(image(f"data:image/png;base64,{PIXEL}"))),
        chat_body(user(image(f"data:image/png;base64,{URL_SAFE}"))),
        "malformed",
    ),
    (
        "audio",
        chat_body(user({"type": "input_audio", "input_audio": {"data": PIXEL, "format": "wav"}})),
        chat_body(user({"type": "input_audio", "input_audio": {"data": "?", "format": "wav"}})),
        "malformed",
    ),
    (
        "file",
        chat_body(user({"type": "file", "file": {"file_data": f"data:a/b;base64,{PIXEL}"}})),
        chat_body(user({"type": "file", "file": {"file_data": PIXEL}})),
        "malformed",
    ),
    (
        "reasoning text",
        chat_body({"role": "assistant", "content": "", "reasoning_content": "x"}),
        chat_body({"role": "assistant", "content": "", "reasoning_content": None}),
        "reasoning_content",
    ),
    (
        "no result",
        chat_body(called("a", "b"), result("b"), result("a")),
        chat_body(called("a"), ASK),
        "without results",
    ),
    ("no result at the end", chat_body(called("a"), result("a"), ASK), chat_body(called("a")), "without results"),
    ("one result of two", chat_body(called("a"), result("a")), chat_body(called("a", "b"), result("a")), "without"),
    ("unknown id", chat_body(called("a"), result("a")), chat_body(called("a"), result("a"), result("b")), "of no call"),
    ("late result", chat_body(called("a"), result("a"), ASK), chat_body(called("a"), ASK, result("a")), "of no call"),
    ("id twice", chat_body(called("a", "b"), result("a"), result("b")), chat_body(called("a", "a")), "twice"),
    ("no id", chat_body(called("a"), result("a")), chat_body(called(""), result("")), "no id"),
    ("arguments", chat_body(called("a"), result("a")), chat_body(called("a", arguments="{"), result("a")), "not JSON"),
    ("calls of a user", chat_body(called("a"), result("a")), chat_body({**called("a"), "role": "user"}), "of the assi"),
    ("no calls", chat_body(), chat_body({"role": "assistant", "content": "", "tool_calls": []}), "no calls"),
    (
        "name in history",
        chat_body(called("a", name="f-1"), result("a")),
        chat_body(called("a", name="f.1"), result("a")),
        "name",
    ),
    ("empty name", chat_body(tools=[function("x" * 64)]), chat_body(tools=[function("")]), "good name"),
    ("long name", chat_body(tools=[function("x" * 64)]), chat_body(tools=[function("x" * 65)]), "good name"),
    ("nested tool", chat_body(tools=[function()]), chat_body(tools=[{"type": "function", "name": "f"}]), "good name"),
    (
        "parameters",
        chat_body(tools=[function(parameters=SCHEMA)]),
        chat_body(tools=[function(parameters={})]),
        "schema of an object",
    ),
    (
        "custom",
        chat_body(tools=[{"type": "custom", "custom": {"name": "c"}}]),
        chat_body(tools=[{"type": "custom", "name": "c"}]),
        "custom tool",
    ),
    (
        "tool type",
        chat_body(tools=[{"type": "web_search"}, {"google_search": {}}]),
        chat_body(tools=[{"type": "namespace"}]),
        "type 'namespace'",
    ),
    ("no tools", chat_body(tools=[function()]), chat_body(tools=[]), "at least one tool"),
    ("choice", chat_body(tools=[function()], tool_choice="auto"), chat_body(tool_choice="auto"), "without tools"),
    (
        "choice of a tool",
        chat_body(tools=[function()], tool_choice=function()),
        chat_body(tools=[function()], tool_choice=function("g")),
        "no tool 'g'",
    ),
    (
        "choice of a kind",
        chat_body(tools=[function()], tool_choice="required"),
        chat_body(tools=[function()], tool_choice="any"),
        "tool_choice 'any'",
    ),
    (
        "parallel",
        chat_body(tools=[function()], parallel_tool_calls=True),
        chat_body(parallel_tool_calls=True),
        "without tools",
    ),
    (
        "format",
        chat_body(response_format={"type": "json_object"}),
        chat_body(response_format={"type": "x"}),
        "type 'x'",
    ),
    (
        "nameless schema",
        chat_body(response_format=schema_format(name="n")),
        chat_body(response_format=schema_format()),
        "with a name",
    ),
)
def test_chat(good: Body, bad: Body, words: str) -> None:
    judge(chat.reasons, good, bad, words)


# --- Messages


def message(role: str, *blocks: Body) -> Body:
    return {"role": role, "content": list(blocks)}


def text(words: str = "x") -> Body:
    return {"type": "text", "text": words}


def use(call: str = "a", **more: Any) -> Body:
    return {"type": "tool_use", "id": call, "name": "f", "input": {}, **more}


def answer(call: str = "a", **more: Any) -> Body:
    return {"type": "tool_result", "tool_use_id": call, "content": "1", **more}


def picture(data: str) -> Body:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}


def thought(signature: str) -> Body:
    return {"type": "thinking", "thinking": "hm", "signature": signature}


def claude_body(*messages: Body, **more: Any) -> Body:
    return {"model": "m", "max_tokens": 4000, "messages": [ASK, *messages], **more}


def using(**more: Any) -> Body:
    """A round trip with one call whose block is changed."""
    block = use(**more)
    return claude_body(message("assistant", block), message("user", answer(block["id"])))


def claude_tool(name: str = "f", **more: Any) -> Body:
    return {"name": name, "input_schema": SCHEMA, **more}


def thinking(budget: Any = 1024, **more: Any) -> Body:
    return claude_body(thinking={"type": "enabled", "budget_tokens": budget}, **more)


MARK = {"cache_control": {"type": "ephemeral"}}
FORCED = {"tools": [claude_tool()], "tool_choice": {"type": "any"}}


@table(
    ("max_tokens", claude_body(), {"model": "m", "messages": [ASK]}, "max_tokens None"),
    ("unknown field", claude_body(top_k=1), claude_body(reasoning_effort="low"), "unknown field"),
    ("metadata", claude_body(metadata={"user_id": "u"}), claude_body(metadata={"x": "y"}), "metadata"),
    ("two samplings", claude_body(temperature=0.5), claude_body(temperature=1, top_p=1), "temperature and top_p"),
    ("no messages", claude_body(), {"max_tokens": 1, "messages": []}, "at least one message"),
    ("role", claude_body(message("assistant", text())), claude_body({"role": "tool", "content": "x"}), "role 'tool'"),
    (
        "system in front",
        claude_body({"role": "system", "content": "x"}),
        {"max_tokens": 1, "messages": [{"role": "system", "content": "x"}, ASK]},
        "in front",
    ),
    (
        "first role",
        claude_body(message("user", text()), message("user", text())),
        {"max_tokens": 1, "messages": [message("assistant", text())]},
        "the first message",
    ),
    ("empty message", claude_body(ASK), claude_body({"role": "user", "content": ""}), "empty content"),
    ("no blocks", claude_body(message("user", text())), claude_body(message("user")), "at least one block"),
    ("empty text", claude_body(message("user", text())), claude_body(message("user", text(""))), "empty text"),
    ("empty system text", claude_body(system=[text()]), claude_body(system=[text("")]), "empty text"),
    ("system block", claude_body(system="x"), claude_body(system=[picture(PIXEL)]), "no text"),
    ("block type", claude_body(message("user", text())), claude_body(message("user", {"type": "x"})), "of type 'x'"),
    (
        "block of another role",
        claude_body(message("assistant", text())),
        claude_body(message("assistant", picture(PIXEL))),
        "of type 'image'",
    ),
    ("block field", claude_body(message("user", {**text(), **MARK})), using(signature="x"), "unknown field"),
    ("base64", claude_body(message("user", picture(PIXEL))), claude_body(message("user", picture(URL_SAFE))), "source"),
    ("no result", using(), claude_body(message("assistant", use()), message("user", text())), "answered by"),
    ("no result at the end", using(), claude_body(message("assistant", use())), "at the end"),
    ("result without a call", using(), claude_body(message("user", answer())), "answered by"),
    (
        "result in the second next",
        claude_body(message("assistant", use()), message("user", answer()), message("user", text())),
        claude_body(message("assistant", use()), ASK, message("assistant", text()), message("user", answer())),
        "answered by",
    ),
    (
        "result behind text",
        claude_body(message("assistant", use()), message("user", answer(), text())),
        claude_body(message("assistant", use()), message("user", text(), answer())),
        "after other blocks",
    ),
    (
        "two results",
        claude_body(message("assistant", use("a"), use("b")), message("user", answer("b"), answer("a"))),
        claude_body(message("assistant", use("a")), message("user", answer("a"), answer("a"))),
        "answered by",
    ),
    (
        "id twice",
        claude_body(message("assistant", use("a")), message("user", answer("a"))),
        claude_body(*[message("assistant", use("a")), message("user", answer("a"))] * 2),
        "ids twice",
    ),
    ("id alphabet", using(call="to-1_A"), using(call="a.1"), "id 'a.1'"),
    ("name alphabet", using(name="f" * 128), using(name="a.b"), "name 'a.b'"),
    ("input", using(input={"x": 1}), using(input="{}"), "no object"),
    (
        "result block",
        claude_body(message("assistant", use()), message("user", answer(content=[picture(PIXEL)]))),
        claude_body(message("assistant", use()), message("user", answer(content=[use("b")]))),
        "of type 'tool_use'",
    ),
    (
        "signature",
        claude_body(message("assistant", thought(SIGNATURE), text())),
        claude_body(message("assistant", thought(SIGNATURE[:-1]), text())),
        "somebody else",
    ),
    (
        "thinking first",
        claude_body(message("assistant", thought(SIGNATURE), text())),
        claude_body(message("assistant", text(), thought(SIGNATURE))),
        "thinking after text",
    ),
    ("small budget", thinking(1024), thinking(1023), "budget 1023"),
    ("no budget", thinking(1024), thinking(None), "budget None"),
    ("big budget", thinking(3999), thinking(4000), "of max_tokens"),
    (
        "thinking type",
        claude_body(thinking={"type": "adaptive"}),
        claude_body(thinking={"type": "high"}),
        "thinking {",
    ),
    (
        "budget of nothing",
        claude_body(thinking={"type": "disabled"}),
        claude_body(thinking={"type": "disabled", "budget_tokens": 0}),
        "with a budget",
    ),
    ("temperature", thinking(temperature=1), thinking(temperature=0.5), "with thinking"),
    ("top_k", claude_body(top_k=5), thinking(top_k=5), "top_k with thinking"),
    ("forced tool", claude_body(**FORCED), thinking(**FORCED), "forced tool"),
    ("tool name", claude_body(tools=[claude_tool()]), claude_body(tools=[claude_tool("a.b")]), "name 'a.b'"),
    (
        "tool twice",
        claude_body(tools=[claude_tool(), claude_tool("g")]),
        claude_body(tools=[claude_tool()] * 2),
        "names twice",
    ),
    (
        "tool type",
        claude_body(tools=[{"type": "web_search_20250305", "name": "web_search"}]),
        claude_body(tools=[{"type": "web_search", "name": "web_search"}]),
        "type 'web_search'",
    ),
    ("tool field", claude_body(tools=[claude_tool(strict=True)]), claude_body(tools=[claude_tool(x=1)]), "unknown fi"),
    ("schema", claude_body(tools=[claude_tool()]), claude_body(tools=[{"name": "f", "input_schema": {}}]), "schema"),
    ("choice", claude_body(**FORCED), claude_body(tool_choice={"type": "auto"}), "without tools"),
    (
        "choice of a tool",
        claude_body(tools=[claude_tool()], tool_choice={"type": "tool", "name": "f"}),
        claude_body(tools=[claude_tool()], tool_choice={"type": "tool", "name": "g"}),
        "no tool 'g'",
    ),
    (
        "choice of a kind",
        claude_body(**FORCED),
        claude_body(tools=[claude_tool()], tool_choice={"type": "required"}),
        "tool_choice {",
    ),
    (
        "cache marks",
        claude_body(system=[{**text(), **MARK}] * 4),
        claude_body(system=[{**text(), **MARK}] * 4, tools=[claude_tool(**MARK)]),
        "5 blocks",
    ),
)
def test_claude(good: Body, bad: Body, words: str) -> None:
    judge(claude.reasons, good, bad, words)


# --- Responses


def item(role: str, *parts: Body, **more: Any) -> Body:
    return {"type": "message", "role": role, "content": list(parts), **more}


def fcall(call: str = "a", **more: Any) -> Body:
    return {"type": "function_call", "call_id": call, "name": "f", "arguments": "{}", **more}


def output(call: str = "a", **more: Any) -> Body:
    return {"type": "function_call_output", "call_id": call, "output": "1", **more}


def codex_body(*items: Body, **more: Any) -> Body:
    asked = item("user", {"type": "input_text", "text": "hi"})
    return {"model": "m", "instructions": "", "store": False, "stream": True, "input": [asked, *items], **more}


def without(name: str) -> Body:
    return {key: value for key, value in codex_body().items() if key != name}


def reasoning(**more: Any) -> Body:
    return {"type": "reasoning", "summary": [], "content": None, **more}


def flat(name: str = "f", **more: Any) -> Body:
    return {"type": "function", "name": name, "parameters": SCHEMA, **more}


@table(
    ("stream", codex_body(), codex_body(stream=False), "stream"),
    ("store", codex_body(), without("store"), "store"),
    ("instructions", codex_body(), without("instructions"), "instructions"),
    ("max_output_tokens", codex_body(parallel_tool_calls=True), codex_body(max_output_tokens=1), "unsupported"),
    ("temperature", codex_body(include=[]), codex_body(temperature=1), "unsupported parameter temperature"),
    ("no items", codex_body(), codex_body() | {"input": []}, "at least one item"),
    ("item type", codex_body({"type": "web_search_call"}), codex_body({"type": "x"}), "unknown type 'x'"),
    ("role", codex_body(item("developer")), codex_body(item("tool")), "role 'tool'"),
    ("content", codex_body({"role": "user", "content": "x"}), codex_body({"role": "user"}), "no content"),
    (
        "part of the assistant",
        codex_body(item("assistant", {"type": "output_text", "text": "x"})),
        codex_body(item("assistant", {"type": "input_text", "text": "x"})),
        "of type 'input_text'",
    ),
    (
        "part of the user",
        codex_body(item("user", {"type": "input_text", "text": "x"})),
        codex_body(item("user", {"type": "output_text", "text": "x"})),
        "of type 'output_text'",
    ),
    (
        "image_url",
        codex_body(item("user", {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"})),
        codex_body(item("user", {"type": "input_image", "image_url": {"url": "https://x"}})),
        "malformed",
    ),
    (
        "file_data",
        codex_body(item("user", {"type": "input_file", "file_data": f"data:a/b;base64,{PIXEL}"})),
        codex_body(item("user", {"type": "input_file", "file_data": PIXEL})),
        "malformed",
    ),
    ("no output", codex_body(fcall(), output()), codex_body(fcall()), "without its output"),
    ("no call", codex_body(fcall(), output()), codex_body(output()), "without its call"),
    ("output before its call", codex_body(fcall(), output()), codex_body(output(), fcall()), "without its call"),
    ("call_id twice", codex_body(fcall(), output()), codex_body(fcall(), fcall(), output()), "twice"),
    ("id of a call", codex_body(fcall(id="fc_1"), output()), codex_body(fcall(id="call_1"), output()), "fc_"),
    ("id of a message", codex_body(item("user", id="msg_1")), codex_body(item("user", id="1")), "msg_"),
    (
        "long id",
        codex_body(fcall("c" * 64), output("c" * 64)),
        codex_body(fcall("c" * 65), output("c" * 65)),
        "call_id 'ccc",
    ),
    (
        "no id",
        codex_body(fcall(), output()),
        codex_body(fcall("x", call_id=None), output("x", call_id=None)),
        "no call",
    ),
    ("name", codex_body(fcall(name="n" * 64), output()), codex_body(fcall(name="n" * 65), output()), "name"),
    ("arguments", codex_body(fcall(), output()), codex_body(fcall(arguments={}), output()), "arguments"),
    (
        "custom",
        codex_body(
            {"type": "custom_tool_call", "call_id": "a", "name": "f", "input": "x"},
            {"type": "custom_tool_call_output", "call_id": "a", "output": "y"},
        ),
        codex_body({"type": "custom_tool_call", "call_id": "a", "name": "f", "input": "x"}, output()),
        "custom_tool_call without its output",
    ),
    (
        "output parts",
        codex_body(fcall(), output(output=[{"type": "input_text", "text": "x"}])),
        codex_body(fcall(), output(output=[{"type": "text", "text": "x"}])),
        "of type 'text'",
    ),
    (
        "encrypted_content",
        codex_body(reasoning(encrypted_content=ENCRYPTED)),
        codex_body(reasoning(encrypted_content=SIGNATURE)),
        "somebody else",
    ),
    ("stored reasoning", codex_body(reasoning()), codex_body(reasoning(id="rs_1")), "not stored"),
    ("summary", codex_body(reasoning()), codex_body({"type": "reasoning"}), "without summary"),
    ("chat tool", codex_body(tools=[flat()]), codex_body(tools=[function(parameters=SCHEMA)]), "flat"),
    ("tool name", codex_body(tools=[flat("n" * 64)]), codex_body(tools=[flat("n" * 65)]), "good name"),
    ("schema", codex_body(tools=[flat()]), codex_body(tools=[flat(parameters={"type": "object"})]), "properties"),
    (
        "tool type",
        codex_body(tools=[{"type": "web_search"}, {"type": "namespace", "name": "n", "tools": [flat()]}]),
        codex_body(tools=[{"type": "web_search_20250305", "name": "web_search"}]),
        "unknown type",
    ),
    (
        "nested tool",
        codex_body(tools=[{"type": "namespace", "name": "n", "tools": [flat()]}]),
        codex_body(tools=[{"type": "namespace", "name": "n", "tools": [function()]}]),
        "tools[0].tools[0]",
    ),
    (
        "choice",
        codex_body(tools=[flat()], tool_choice={"type": "function", "name": "f"}),
        codex_body(tools=[flat()], tool_choice=function()),
        "Chat shape",
    ),
    (
        "choice of a tool",
        codex_body(tools=[flat()], tool_choice="required"),
        codex_body(tools=[flat()], tool_choice={"type": "function", "name": "g"}),
        "no tool 'g'",
    ),
    (
        "format",
        codex_body(text={"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}}),
        codex_body(text={"format": {"type": "json_schema", "schema": SCHEMA}}),
        "without name",
    ),
    ("format type", codex_body(text={"format": {"type": "text"}}), codex_body(text={"format": {"type": "x"}}), "'x'"),
)
def test_responses(good: Body, bad: Body, words: str) -> None:
    judge(responses.reasons, good, bad, words)


# --- generateContent


def content(role: str, *parts: Body) -> Body:
    return {"role": role, "parts": list(parts)}


def gcall(name: str = "f", **more: Any) -> Body:
    return {"functionCall": {"name": name, "args": {}}, **more}


def gresult(name: str = "f") -> Body:
    return {"functionResponse": {"name": name, "response": {}}}


def gemini_body(*contents: Body, **more: Any) -> Body:
    return {"contents": [content("user", {"text": "hi"}), *contents], **more}


def signed(signature: str) -> Body:
    return gemini_body(content("model", gcall(thoughtSignature=signature)), content("user", gresult()))


def unsigned(*after: Body) -> Body:
    return gemini_body(content("model", gcall()), content("user", gresult()), *after)


def inline(data: str) -> Body:
    return gemini_body(content("user", {"inlineData": {"mimeType": "image/png", "data": data}}))


def declared(*names: str, **more: Any) -> Body:
    return gemini_body(tools=[{"functionDeclarations": [{"name": name, **more} for name in names]}])


def parameters(**more: Any) -> Body:
    return declared("f", parameters={"type": "OBJECT", "properties": {"a": {"type": "string", **more}}})


def calling(**more: Any) -> Body:
    return {**declared("f"), "toolConfig": {"functionCallingConfig": more}}


def config(**more: Any) -> Body:
    return gemini_body(generationConfig=more)


SKIP = "skip_thought_signature_validator"


@table(
    ("unknown field", gemini_body(system_instruction=content("user", {"text": "x"})), gemini_body(stream=True), "stream"),
    ("unknown setting", config(topK=1, top_p=0.5), config(max_tokens=1), "unknown field 'maxTokens'"),
    ("unknown content field", gemini_body(), gemini_body({**content("user", {"text": "x"}), "name": "n"}), "'name'"),
    (
        "unknown part field",
        gemini_body(content("user", {"text": "x", "thought": False})),
        gemini_body(content("user", {"text": "x", "type": "text"})),
        "unknown field 'type'",
    ),
    ("unknown tool", gemini_body(tools=[{"google_search": {}}]), gemini_body(tools=[{"function": {}}]), "'function'"),
    ("unknown declaration field", declared("f", description="d"), declared("f", strict=True), "'strict'"),
    ("unknown call field", unsigned(), gemini_body(content("model", {"functionCall": {"name": "f", "x": 1}})), "'x'"),
    ("no contents", gemini_body(), {"contents": []}, "at least one content"),
    ("first content", gemini_body(), {"contents": [content("model", {"text": "x"})]}, "the first content"),
    ("role", gemini_body(content("model", {"text": "x"})), gemini_body(content("assistant", {"text": "x"})), "role"),
    ("no parts", gemini_body(), gemini_body(content("user")), "at least one part"),
    ("empty part", gemini_body(), gemini_body(content("user", {"thought": True})), "one data field"),
    ("two data fields", gemini_body(), gemini_body(content("user", {"text": "x", **gresult()})), "one data field"),
    ("null text", gemini_body(), gemini_body(content("user", {"text": None})), "no text"),
    ("base64", inline(URL_SAFE), inline("a?b"), "inlineData"),
    ("args", unsigned(), gemini_body(content("model", {"functionCall": {"name": "f", "args": "{}"}})), "no object"),
    ("name", declared("_a.b:c-d"), declared("1a"), "bad name"),
    ("long name", declared("n" * 64), declared("n" * 65), "bad name"),
    (
        "name of a call",
        unsigned(),
        gemini_body(content("model", gcall("a b")), content("user", gresult("a b"))),
        "name 'a b'",
    ),
    ("twice", declared("f", "g"), declared("f", "f"), "declarations twice"),
    ("two schemas", declared("f", parameters=SCHEMA), declared("f", parameters={}, parametersJsonSchema={}), "parameters and"),
    ("any JSON Schema", declared("f", parametersJsonSchema={"$schema": "x", "const": 1}), parameters(const="x"), "const"),
    ("$schema", parameters(format="date"), declared("f", parameters={"$schema": "x"}), "$schema"),
    ("oneOf", parameters(anyOf=[{"type": "STRING"}]), parameters(oneOf=[{"type": "string"}]), "oneOf"),
    ("type list", parameters(nullable=True), parameters(type=["string", "null"]), "type ["),
    ("enum", parameters(enum=["a"]), parameters(enum=[1]), "enum"),
    ("properties", parameters(properties={}), parameters(properties=[]), "properties []"),
    ("additionalProperties", parameters(), declared("f", parameters={**SCHEMA, "additionalProperties": False}), "addit"),
    ("inside items", parameters(items={"type": "STRING"}), parameters(items={"default": 1, "const": 1}), "[]: keyword"),
    (
        "missing response",
        gemini_body(content("model", gcall(), gcall("g")), content("user", gresult("g"), gresult())),
        gemini_body(content("model", gcall(), gcall("g")), content("user", gresult())),
        "responses ['f'] to calls",
    ),
    ("other name", unsigned(), gemini_body(content("model", gcall()), content("user", gresult("g"))), "responses ['g']"),
    ("response to nothing", unsigned(), gemini_body(content("user", gresult())), "responses ['f'] to calls []"),
    ("unanswered", unsigned(), gemini_body(content("model", gcall()), content("user", {"text": "x"})), "responses []"),
    ("signature", signed(SIGNATURE), signed(SIGNATURE[2:]), "corrupted"),
    ("stand-in", signed(SKIP), signed("skip"), "corrupted"),
    ("mode", calling(mode="any"), calling(mode="REQUIRED"), "mode 'REQUIRED'"),
    ("allowed", calling(mode="ANY", allowedFunctionNames=["f"]), calling(mode="ANY", allowedFunctionNames=["g"]), "declared"),
    ("allowed in auto", calling(mode="AUTO"), calling(mode="AUTO", allowedFunctionNames=["f"]), "in mode AUTO"),
    ("mode without tools", calling(mode="ANY"), {**calling(mode="ANY"), "tools": []}, "without declarations"),
    (
        "system",
        gemini_body(systemInstruction={"parts": [{"text": "x"}]}),
        gemini_body(systemInstruction={"parts": []}),
        "list of texts",
    ),
    ("two thinkings", config(thinkingConfig={"thinking_budget": -1}), config(thinkingConfig={"thinkingBudget": 1, "thinkingLevel": "low"}), "a budget and"),
    ("level", config(thinkingConfig={"thinkingLevel": "HIGH"}), config(thinkingConfig={"thinkingLevel": "none"}), "level"),
    (
        "response schema",
        config(responseMimeType="application/json", responseSchema=SCHEMA),
        config(responseMimeType="application/json", responseSchema={"const": 1}),
        "const",
    ),
    (
        "schema without type",
        config(responseMimeType="application/json", responseJsonSchema={"const": 1}),
        config(responseJsonSchema=SCHEMA),
        "without responseMimeType",
    ),
    (
        "safety",
        gemini_body(safetySettings=[{"category": "c", "threshold": "OFF"}]),
        gemini_body(safetySettings=[{"category": "c", "level": 1}]),
        "safetySettings",
    ),
)  # fmt: skip
def test_gemini(good: Body, bad: Body, words: str) -> None:
    judge(lambda body: gemini.reasons(body, "gemini-2.5-pro"), good, bad, words)


@pytest.mark.parametrize(
    ("body", "taken"),
    [
        (signed(SKIP), True),
        (signed("context_engineering_is_the_way_to_go"), True),
        (unsigned(), False),
        (unsigned(content("user", {"text": "next"})), True),
        (gemini_body(content("model", gcall(thought_signature=SIGNATURE), gcall())), True),
        (gemini_body(content("model", gcall(), gcall(thoughtSignature=SIGNATURE))), False),
    ],
    ids=["stand-in", "other stand-in", "unsigned", "in an earlier turn", "first of two", "second of two"],
)
def test_gemini_3_wants_signed_calls(body: Body, taken: bool) -> None:
    assert (list(gemini.reasons(body, "gemini-3-pro")) == []) is taken
    assert list(gemini.reasons(body, "gemini-2.5-pro")) == []


# --- counts, compactions, and every route


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (claude.count_reasons, {"model": "m", "messages": [ASK]}, {"model": "m", "messages": []}),
        (lambda body: gemini.count_reasons(body, "m"), gemini_body(), gemini_body(tools=[])),
        (
            lambda body: gemini.count_reasons(body, "m"),
            {"generateContentRequest": gemini_body(tools=[])},
            {"generateContentRequest": {}},
        ),
        (responses.input_reasons, {"input": [fcall(), output()]}, {"input": [fcall()]}),
    ],
)
def test_parts_of_requests(check: Any, good: Body, bad: Body) -> None:
    assert list(check(good)) == []
    assert list(check(bad)) != []


ODD: list[Any] = [None, True, 7, "", "x", [], {}, [None], [[]], [{}], {"x": None}, {"type": "function"}, [{"type": []}]]


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize(
    ("check", "body"),
    [
        (chat.reasons, chat_body(called("a"), result("a"), tools=[function()], tool_choice="auto", response_format={})),
        (claude.reasons, thinking(system=[text()], tools=[claude_tool()], tool_choice={}, metadata={})),
        (responses.reasons, codex_body(fcall(), output(), tools=[flat()], text={}, tool_choice={})),
        (lambda body: gemini.reasons(body, "gemini-3"), {**calling(), **config(thinkingConfig={}), **unsigned()}),
    ],
    ids=["chat", "claude", "responses", "gemini"],
)
def test_odd_values_are_judged_too(check: Any, body: Body, odd: Any) -> None:
    """Any value at any place gives reasons or none, never an exception."""
    for name in body:
        assert all(isinstance(reason, str) for reason in check({**body, name: odd}))
    lists = [(name, value) for name, value in body.items() if isinstance(value, list)]
    for name, value in lists:
        for member in value[-1]:
            assert all(isinstance(reason, str) for reason in check({**body, name: [{**value[-1], member: odd}]}))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", chat_body(called("a"))),
        ("/v1/messages", claude_body(message("user", answer()))),
        ("/v1/messages/count_tokens", {"model": "m", "messages": []}),
        ("/responses", codex_body(fcall())),
        ("/responses/compact", {"model": "m", "input": [fcall()]}),
        ("/v1beta/models/m:generateContent", gemini_body(content("user"))),
        ("/v1beta/models/m:countTokens", {"contents": []}),
    ],
)
def test_every_route_is_checked(path: str, body: Body) -> None:
    headers = {"content-type": "application/json", "authorization": "Bearer k", "x-goog-api-key": "k"}
    headers["anthropic-version"] = "2023-06-01"
    with pytest.raises(routes.Malformed):
        routes.understand("POST", path, headers, json.dumps(body).encode())


def test_a_refusal_is_a_400_that_says_why() -> None:
    with FakeUpstream() as fake:
        connection = http.client.HTTPConnection("127.0.0.1", fake.port, timeout=5)
        headers = {"Content-Type": "application/json", "Authorization": "Bearer k"}
        connection.request("POST", "/v1/chat/completions", json.dumps(chat_body(called("a"), called("b"))), headers)
        reply = connection.getresponse()
        words = json.loads(reply.read())["error"]["message"]
        connection.close()
        assert reply.status == 400
        assert words.count("calls without results") == 2
        assert fake.refusals == [f"POST /v1/chat/completions: {words.removeprefix('malformed: ')}"]
