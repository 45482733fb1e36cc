"""Requests of imperfect clients, made into what strict upstreams take (clients.md 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from end_to_end.families import CHAT, CLAUDE, GEMINI, RESPONSES, Family
from end_to_end.matrix.targets import TARGETS, Target
from end_to_end.proxy import Proxy
from upstream.content import TEXT
from upstream.server import FakeUpstream

PIXEL = "iVBORw0KGgo="
ASK = {"role": "user", "content": "hi"}
Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Odd:
    """One request; ``body`` is beside the model's name."""

    name: str
    family: Family
    body: Body


def call(id_: str, name: str = "f", arguments: str = "{}") -> Body:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def called(*calls: Body, content: Any = None) -> Body:
    return {"role": "assistant", "content": content, "tool_calls": list(calls)}


def result(id_: str, content: Any = "1") -> Body:
    return {"role": "tool", "tool_call_id": id_, "content": content}


def tool(name: str = "f", **more: Any) -> Body:
    return {"type": "function", "function": {"name": name, **more}}


def chat(name: str, *messages: Body, **more: Any) -> Odd:
    return Odd(f"chat {name}", CHAT, {"messages": list(messages), **more})


LONG = "get_" + "x" * 100
CHATS = (
    chat("ids used again", ASK, *[called(call("call_0")), result("call_0")] * 2),
    chat("long ids", ASK, called(call("c" * 90 + "1"), call("c" * 90 + "2")), result("c" * 90 + "1"), result("c" * 90 + "2")),
    chat("odd ids", ASK, called(call("a.b:c|d/é")), result("a.b:c|d/é")),
    chat("ids equal after cleaning", ASK, called(call("a.b"), call("a:b")), result("a.b"), result("a:b")),
    chat("empty arguments", ASK, called(call("c", arguments="")), result("c")),
    chat("broken arguments", ASK, called(call("c", arguments='{"a":')), result("c")),
    chat("arguments that are no object", ASK, called(call("c", arguments="[1]")), result("c")),
    chat("interrupted call", ASK, called(call("c")), ASK),
    chat("interrupted second call", ASK, called(call("c"), call("d")), result("c"), ASK),
    chat("orphaned result", ASK, result("c"), ASK),
    chat("result twice", ASK, called(call("c")), result("c", "1"), result("c", "2")),
    chat("late result", ASK, called(call("c")), ASK, result("c")),
    chat("empty texts", ASK, {"role": "assistant", "content": ""}, {"role": "user", "content": [{"type": "text", "text": ""}]}, ASK),
    chat("blank texts", {"role": "system", "content": " \n"}, ASK, {"role": "assistant", "content": " "}, ASK),
    chat("text beside calls", ASK, called(call("c"), content=""), result("c", ""), {"role": "assistant", "content": "ok"}, ASK),
    chat("blank first words", {"role": "user", "content": " "}, {"role": "assistant", "content": "a"}, ASK),
    chat("empty first words", {"role": "user", "content": ""}, {"role": "assistant", "content": "a"}, ASK),
    chat("assistant first", {"role": "assistant", "content": "hello"}, ASK),
    chat("assistant twice", ASK, {"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}, ASK),
    chat("assistant last", ASK, {"role": "assistant", "content": "I say"}),
    chat("system late", ASK, {"role": "assistant", "content": "a"}, {"role": "system", "content": "brief"}, ASK),
    chat("system only", {"role": "system", "content": "be brief"}),
    chat("picture in a result", ASK, called(call("c")), result("c", [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}])),
    chat("URL-safe picture", {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,-_8"}}]}),
    chat("thoughts of others", ASK, {"role": "assistant", "content": "a", "reasoning_content": "hm"}, ASK),
    chat("name with dots", ASK, called(call("c", "files.read")), result("c"), tools=[tool("files.read"), tool("files_read")]),
    chat("long names", ASK, called(call("c", LONG)), result("c"), tools=[tool(LONG), tool(LONG + "y")]),
    chat("tool twice", ASK, tools=[tool(), tool()]),
    chat("no parameters", ASK, tools=[tool(), tool("g", parameters={}), tool("h", parameters=None), tool("i", parameters={"type": "object"})]),
    chat("choice without tools", ASK, tool_choice="auto", parallel_tool_calls=True),
    chat("empty tools", ASK, tools=[], tool_choice="auto"),
    chat("choice of one, others kept", ASK, tools=[tool(), tool("g")], tool_choice={"type": "function", "function": {"name": "g"}}),
    chat("both samplings", ASK, temperature=0.3, top_p=0.9, top_k=5, reasoning_effort="medium", max_tokens=20000),
    chat("small effort", ASK, reasoning_effort="minimal"),
    chat("greatest effort", ASK, reasoning_effort="xhigh"),
    chat("effort and a small limit", ASK, reasoning_effort="high", max_tokens=500),
    chat("effort and a forced tool", ASK, reasoning_effort="high", tools=[tool()], tool_choice="required"),
    chat("legacy function", ASK, {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}, {"role": "function", "name": "f", "content": "1"}, ASK),
)  # fmt: skip


def responses(name: str, *items: Body, **more: Any) -> Odd:
    return Odd(f"responses {name}", RESPONSES, {"input": list(items), **more})


def fcall(id_: str, **more: Any) -> Body:
    return {"type": "function_call", "call_id": id_, "name": "f", "arguments": "{}", **more}


def foutput(id_: str, output: Any = "1") -> Body:
    return {"type": "function_call_output", "call_id": id_, "output": output}


def thought(**more: Any) -> Body:
    return {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}], **more}


RESPONSE_ITEMS = (
    responses("interrupted call", ASK, fcall("c"), ASK),
    responses("orphaned output", ASK, foutput("c"), ASK),
    responses("outputs apart", ASK, fcall("c"), fcall("d"), foutput("d"), ASK, foutput("c")),
    responses("message between call and output", ASK, fcall("c"), {"role": "assistant", "content": "x"}, foutput("c")),
    responses("strange secrets", ASK, thought(encrypted_content="gAAAAc29tZWJvZHk="), fcall("c"), foutput("c")),
    responses("no secrets", ASK, thought(), {"role": "assistant", "content": "x"}, ASK),
    responses("picture in an output", ASK, fcall("c"), foutput("c", [{"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"}])),
    responses("other items", ASK, {"type": "web_search_call", "id": "ws_1", "status": "completed"}, {"type": "item_reference", "id": "x"}, ASK),
    responses("built-in tools", ASK, tools=[{"type": "web_search"}, {"type": "image_generation"}, {"type": "local_shell"}, {"type": "tool_search"}]),
    responses("nested tool", ASK, tools=[{"type": "namespace", "name": "n", "description": "", "tools": [{"type": "function", "name": "f"}]}, {"type": "function", "name": "n__f"}]),
    responses("custom tool choice", ASK, tools=[{"type": "custom", "name": "patch"}], tool_choice={"type": "custom", "name": "patch"}),
    responses("allowed tools", ASK, tools=[{"type": "function", "name": "f"}], tool_choice={"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]}),
    responses("strings", {"role": "developer", "content": "be brief"}, {"role": "user", "content": ""}, ASK),
    responses("refusal", ASK, {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}, ASK),
)  # fmt: skip


def claude(name: str, *messages: Body, **more: Any) -> Odd:
    return Odd(f"claude {name}", CLAUDE, {"max_tokens": 4000, "messages": list(messages), **more})


def use(id_: str, **more: Any) -> Body:
    return {"type": "tool_use", "id": id_, "name": "f", "input": {}, **more}


def answer(id_: str, content: Any = "1") -> Body:
    return {"type": "tool_result", "tool_use_id": id_, "content": content}


def message(role: str, *blocks: Body) -> Body:
    return {"role": role, "content": list(blocks)}


TEXT_BLOCK = {"type": "text", "text": "x"}
PICTURE_BLOCK = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
MESSAGES = (
    claude("unknown thought", ASK, message("assistant", {"type": "thinking", "thinking": "hm", "signature": "c29tZWJvZHk="}, TEXT_BLOCK), ASK),
    claude("redacted thought", ASK, message("assistant", {"type": "redacted_thinking", "data": "x"}, TEXT_BLOCK), ASK),
    claude("thought alone", ASK, message("assistant", {"type": "thinking", "thinking": "hm", "signature": "x"}), ASK),
    claude("empty texts", ASK, message("assistant", {"type": "text", "text": ""}), message("user", {"type": "text", "text": ""}), ASK),
    claude("no result content", ASK, message("assistant", use("c")), message("user", {"type": "tool_result", "tool_use_id": "c"})),
    claude("empty result", ASK, message("assistant", use("c")), message("user", answer("c", []))),
    claude("picture in a result", ASK, message("assistant", use("c")), message("user", answer("c", [PICTURE_BLOCK, TEXT_BLOCK]))),
    claude("results in two messages", ASK, message("assistant", use("c"), use("d")), message("user", answer("d")), message("user", answer("c"), TEXT_BLOCK)),
    claude("text around results", ASK, message("assistant", use("c")), message("user", TEXT_BLOCK, answer("c"), TEXT_BLOCK)),
    claude("text after a call", ASK, message("assistant", use("c"), TEXT_BLOCK), message("user", answer("c"))),
    claude("interrupted call", ASK, message("assistant", use("c")), ASK),
    claude("server tool", ASK, message("assistant", {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}, {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}, TEXT_BLOCK), ASK),
    claude("document", message("user", {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}}, TEXT_BLOCK)),
    claude("pdf", message("user", {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PIXEL}, "title": "a.pdf"}, TEXT_BLOCK)),
    claude("typed tools", ASK, tools=[{"type": "bash_20250124", "name": "bash"}, {"type": "custom", "name": "f", "input_schema": {}}]),
    claude("only server tools", ASK, tools=[{"type": "web_search_20250305", "name": "web_search"}], tool_choice={"type": "auto"}),
    claude("one at a time", ASK, tools=[{"name": "f", "input_schema": {"type": "object"}}], tool_choice={"type": "auto", "disable_parallel_tool_use": True}),
    claude("prefill", ASK, {"role": "assistant", "content": "I say"}),
    claude("empty system", ASK, system=[{"type": "text", "text": ""}]),
)  # fmt: skip


def gemini(name: str, *contents: Body, **more: Any) -> Odd:
    return Odd(f"gemini {name}", GEMINI, {"contents": list(contents), **more})


def content(role: str, *parts: Body) -> Body:
    return {"role": role, "parts": list(parts)}


def gcall(name: str = "f", **more: Any) -> Body:
    return {"functionCall": {"name": name, "args": {}, **more}}


def gresult(name: str = "f", **more: Any) -> Body:
    return {"functionResponse": {"name": name, "response": {"result": "1"}, **more}}


ASK_G = content("user", {"text": "hi"})
CONTENTS = (
    gemini("no role", {"parts": [{"text": "hi"}]}),
    gemini("no ids", ASK_G, content("model", gcall(), gcall()), content("user", gresult(), gresult())),
    gemini("no arguments", ASK_G, content("model", {"functionCall": {"name": "f"}}), content("function", gresult())),
    gemini("responses apart", ASK_G, content("model", gcall("f"), gcall("g")), content("user", gresult("g")), content("user", gresult("f"))),
    gemini("interrupted call", ASK_G, content("model", gcall()), ASK_G),
    gemini("orphaned response", ASK_G, content("user", gresult()), ASK_G),
    gemini("blank first words", content("user", {"text": " "}), content("model", {"text": "a"}), ASK_G),
    gemini("model first", content("model", {"text": "hello"}), ASK_G),
    gemini("thoughts", ASK_G, content("model", {"text": "hm", "thought": True}, {"text": "x"}), ASK_G),
    gemini("thought alone", ASK_G, content("model", {"text": "hm", "thought": True}), ASK_G),
    gemini("empty texts", ASK_G, content("model", {"text": ""}), content("user", {"text": ""}, {"text": "go on"})),
    gemini("code", ASK_G, content("model", {"executableCode": {"language": "PYTHON", "code": "1"}}, {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}}, {"text": "x"}), ASK_G),
    gemini("URL-safe unpadded picture", content("user", {"inline_data": {"mime_type": "image/png", "data": "-_8"}}, {"text": "?"})),
    gemini("big types", ASK_G, tools=[{"function_declarations": [{"name": "f", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "ARRAY", "items": {"type": "STRING"}}}}}]}]),
    gemini("no schema", ASK_G, tools=[{"functionDeclarations": [{"name": "f"}]}, {"googleSearch": {}}, {"codeExecution": {}}]),
    gemini("only built-ins", ASK_G, tools=[{"googleSearch": {}}], toolConfig={"functionCallingConfig": {"mode": "AUTO"}}),
    gemini("odd names", ASK_G, content("model", gcall("a.b:c")), content("user", gresult("a.b:c")), tools=[{"functionDeclarations": [{"name": "a.b:c"}, {"name": "a_b_c"}]}]),
    gemini("schema", ASK_G, generationConfig={"responseMimeType": "application/json", "responseSchema": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}}),
    gemini("json", ASK_G, generationConfig={"responseMimeType": "application/json"}),
    gemini("all samplings", ASK_G, generationConfig={"temperature": 0.5, "topP": 0.9, "topK": 40, "candidateCount": 1, "thinkingConfig": {"thinkingLevel": "LOW"}}),
    gemini("small budget", ASK_G, generationConfig={"thinkingConfig": {"thinkingBudget": 128}}),
    gemini("allowed names", ASK_G, tools=[{"functionDeclarations": [{"name": "f"}, {"name": "g"}, {"name": "h"}]}], toolConfig={"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f", "g"]}}),
)  # fmt: skip


def cases(*odds: Odd) -> Any:
    """Each before each upstream that gets it translated."""
    pairs = [(odd, target) for odd in odds for target in TARGETS if target.family is not odd.family]
    return pytest.mark.parametrize(
        ("odd", "target"), [pytest.param(odd, target, id=f"{odd.name} to {target}") for odd, target in pairs]
    )


def take(server: Proxy, upstream: FakeUpstream, odd: Odd, target: Target) -> None:
    body = odd.body if odd.family is GEMINI else {"model": target.model, **odd.body}
    reply = server.post(odd.family.path(target.model), body)
    assert upstream.refusals == []
    assert reply.status == 200, reply.body
    assert odd.family.text(reply.json) == TEXT.joined


@cases(*CHATS)
def test_chat(matrix: Proxy, upstream: FakeUpstream, odd: Odd, target: Target) -> None:
    take(matrix, upstream, odd, target)


@cases(*RESPONSE_ITEMS)
def test_responses(matrix: Proxy, upstream: FakeUpstream, odd: Odd, target: Target) -> None:
    take(matrix, upstream, odd, target)


@cases(*MESSAGES)
def test_claude(matrix: Proxy, upstream: FakeUpstream, odd: Odd, target: Target) -> None:
    take(matrix, upstream, odd, target)


@cases(*CONTENTS)
def test_gemini(matrix: Proxy, upstream: FakeUpstream, odd: Odd, target: Target) -> None:
    take(matrix, upstream, odd, target)
