"""What unmodified programs send is taken by every upstream, and its calls come back in the program's form (clients.md)."""

from __future__ import annotations

import json
from typing import Any

import pytest
import zstandard
from end_to_end import sse
from end_to_end.families import CLAUDE, Family
from end_to_end.matrix.clients import CLAUDE_CODE, CLIENTS, CODEX_CLI, GEMINI_CLI, OPENCODE, QWEN_CODE, Client
from end_to_end.matrix.raw_calls import calls_of
from end_to_end.matrix.targets import CHAT, CODEX, EACH_TARGET, GEMINI, TARGETS, Target
from end_to_end.proxy import KEY, Answer, Proxy
from upstream.content import ENCRYPTED, TEXT, THINKING, Reply, ToolCall
from upstream.plan import Plan
from upstream.server import FakeUpstream

EACH_CLIENT = pytest.mark.parametrize("client", CLIENTS, ids=repr)


def send(server: Proxy, client: Client, target: Target, **more: Any) -> Answer:
    data = json.dumps({**client.body(target.model), **more}).encode()
    headers = dict(client.headers)
    if client.encoding:
        data = zstandard.ZstdCompressor().compress(data)
        headers["content-encoding"] = client.encoding
    return server.ask("POST", client.path(target.model), data, headers)


def models_in(family: Family, stream: bytes) -> set[str | None]:
    return {family.model_of(data) for data in sse.payloads(stream)} - {None}


@EACH_TARGET
@EACH_CLIENT
def test_a_request_in_the_middle_of_work(matrix: Proxy, upstream: FakeUpstream, client: Client, target: Target) -> None:
    upstream.always(Plan(reply=THINKING))
    answer = send(matrix, client, target)
    assert (answer.status, answer.kind) == (200, "text/event-stream")
    assert client.family.stream_text(answer.body) == TEXT.joined
    assert models_in(client.family, answer.body) == {target.model}
    assert answer.headers["x-upstream-model"] == target.upstream_model
    seen = target.read(upstream.requests[0].json)
    assert "You help with code." in seen.system
    for answered, words in zip(seen.answered, client.results, strict=True):
        assert words in answered.result


@EACH_TARGET
@EACH_CLIENT
def test_calls_in_the_clients_own_form(matrix: Proxy, upstream: FakeUpstream, client: Client, target: Target) -> None:
    """The upstream calls every tool by the name under which it was offered there."""
    send(matrix, client, target)
    offered = target.read(upstream.requests[0].json).tools
    wire = {next(iter(schema["properties"])): name for name, schema in offered.items()}
    if target.name == client.own:
        wire = {parameter: name for parameter, name in wire.items() if parameter in client.tools}
    else:
        assert wire.keys() == client.tools.keys()
    assert len(set(wire.values())) == len(wire)
    calls = tuple(
        ToolCall(f"call_{number}", name, json.dumps({parameter: "x y"}))
        for number, (parameter, name) in enumerate(wire.items())
    )
    upstream.plan(Plan(reply=Reply(calls=calls)))
    answer = send(matrix, client, target)
    assert calls_of(client.family, answer.body) == [
        (*client.tools[parameter], "x y" if parameter in client.custom else {parameter: "x y"}) for parameter in wire
    ]


@pytest.mark.parametrize("client", [CLAUDE_CODE, CODEX_CLI, GEMINI_CLI], ids=repr)
def test_effort(matrix: Proxy, upstream: FakeUpstream, client: Client) -> None:
    """Adaptive thinking with an effort, an effort, and a budget, all in Chat's word (translation.md 1.5)."""
    send(matrix, client, CHAT)
    expected = {CLAUDE_CODE: "high", CODEX_CLI: "high", GEMINI_CLI: "medium"}
    assert CHAT.read(upstream.requests[0].json).thinking == expected[client]


def test_claude_codes_system_messages(matrix: Proxy, upstream: FakeUpstream) -> None:
    """A message of role system inside the conversation is system text for whoever knows no such thing."""
    for target in TARGETS:
        if target.name != "claude":
            send(matrix, CLAUDE_CODE, target)
    for target, request in zip((CHAT, GEMINI, CODEX), upstream.requests, strict=True):
        seen = target.read(request.json)
        assert "short answers" in seen.system
        assert not any("short answers" in text for _, text in seen.said)


def test_codex_items_reach_codex_untouched(matrix: Proxy, upstream: FakeUpstream) -> None:
    send(matrix, CODEX_CLI, CODEX)
    asked, sent = CODEX_CLI.body(CODEX.model), upstream.requests[0].json
    assert (sent["input"], sent["tools"]) == (asked["input"], asked["tools"])


@pytest.mark.parametrize("target", [t for t in TARGETS if t is not CODEX], ids=repr)
def test_what_openai_hid_stays_with_openai(matrix: Proxy, upstream: FakeUpstream, target: Target) -> None:
    send(matrix, CODEX_CLI, target)
    assert ENCRYPTED.encode() not in upstream.requests[0].body


def test_reasoning_goes_back_where_it_came_from(matrix: Proxy, upstream: FakeUpstream) -> None:
    """Qwen Code sends ``reasoning_content`` back, which a chat upstream may need."""
    send(matrix, QWEN_CODE, CHAT)
    assert upstream.requests[0].json["messages"][3]["reasoning_content"] == "A look first."


@EACH_TARGET
def test_a_title_without_tools(matrix: Proxy, upstream: FakeUpstream, target: Target) -> None:
    """OpenCode asks for one beside each prompt."""
    said = [
        {"role": "system", "content": "You make titles."}, {"role": "user", "content": "Generate a title:\n"},
        {"role": "user", "content": "Look around."},
    ]  # fmt: skip
    body = {"model": target.model, "messages": said, "max_tokens": 32000, "stream": True, "temperature": 0.5}
    answer = matrix.ask("POST", OPENCODE.path(target.model), body, OPENCODE.headers)
    assert (answer.status, OPENCODE.family.stream_text(answer.body)) == (200, TEXT.joined)
    assert target.read(upstream.requests[0].json).said == (("user", "Generate a title:\nLook around."),)


@EACH_TARGET
def test_a_title_by_a_forced_tool(matrix: Proxy, upstream: FakeUpstream, target: Target) -> None:
    """Amp's first request."""
    upstream.always(Plan(reply=Reply(calls=(ToolCall("c1", "set_title", '{"title":"A look"}'),))))
    tool = {"name": "set_title", "input_schema": {"type": "object", "properties": {"title": {"type": "string"}}}}
    body = {
        "model": target.model, "max_tokens": 60, "tools": [tool], "tool_choice": {"type": "tool", "name": "set_title"},
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Look around."}]}], "temperature": 0.7,
    }  # fmt: skip
    answer = matrix.ask("POST", CLAUDE.path(), body, {"x-api-key": KEY, "anthropic-version": "2023-06-01"})
    (block,) = answer.json["content"]
    assert (block["name"], block["input"], answer.json["stop_reason"]) == ("set_title", {"title": "A look"}, "tool_use")
    assert target.read(upstream.requests[0].json).choice == "set_title"
