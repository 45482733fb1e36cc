"""The official SDK reads our answers: its stream helper is the strictest client (client-api.md 15.3)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import openai
import pydantic
import pytest
from translation.exchanges import Talk
from upstream import chat, claude, gemini
from upstream.content import TEXT, THINKING, TWO_TOOLS, Reply, ToolCall

from cliproxy.translation.formats import CLAUDE, GEMINI, OPENAI, RESPONSES, Format

Connect = Callable[..., openai.OpenAI]
VOICES: dict[str, tuple[Format, Any]] = {"chat": (OPENAI, chat), "claude": (CLAUDE, claude), "gemini": (GEMINI, gemini)}
EACH = pytest.mark.parametrize(("upstream", "voice"), VOICES.values(), ids=VOICES)
TOOLS: Any = [
    {"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}, "strict": True}
    for name in ("get_weather", "get_time")
]


class City(pydantic.BaseModel):
    name: str


def proxy(upstream: Format, voice: Any, reply: Reply) -> Callable[[httpx2.Request], httpx2.Response]:
    """Answers each request as the proxy would, before one upstream."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        body = json.loads(request.content)
        if body.get("stream"):
            spoken = b"".join(voice.events(reply, "up", {"stream_options": {"include_usage": True}}))
            out = Talk(RESPONSES, upstream, body).stream(spoken)
            return httpx2.Response(200, content=out, headers={"content-type": "text/event-stream"})
        return httpx2.Response(200, json=Talk(RESPONSES, upstream, body).body(voice.body(reply, "up", {})))

    return answer


@pytest.fixture
def connect() -> Iterator[Connect]:
    made: list[openai.OpenAI] = []

    def client(upstream: Format, voice: Any, reply: Reply) -> openai.OpenAI:
        transport = httpx2.MockTransport(proxy(upstream, voice, reply))
        http = openai.DefaultHttpxClient(transport=transport)
        made.append(
            openai.OpenAI(
                base_url="http://proxy.test/v1", api_key="k", max_retries=0, http_client=http,
                _strict_response_validation=True,
            )
        )  # fmt: skip
        return made[-1]

    yield client
    for each in made:
        each.close()


def calls_of(response: Any) -> list[tuple[str, Any]]:
    return [(item.name, json.loads(item.arguments)) for item in response.output if item.type == "function_call"]


@EACH
@pytest.mark.parametrize("reply", [TEXT, THINKING, TWO_TOOLS], ids=["text", "thinking", "two"])
def test_stream_helper(connect: Connect, upstream: Format, voice: Any, reply: Reply) -> None:
    with connect(upstream, voice, reply).responses.stream(model="m", input="hi", tools=TOOLS) as stream:
        snapshots = [event.snapshot for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert final.output_text == reply.joined
    assert snapshots[-1:] == ([reply.joined] if reply.joined else [])
    wanted = [(call.name, json.loads(call.arguments)) for call in reply.calls]
    assert calls_of(final) == wanted
    parsed = [item.parsed_arguments for item in final.output if item.type == "function_call"]
    assert parsed == [arguments for _, arguments in wanted]


@EACH
def test_body(connect: Connect, upstream: Format, voice: Any) -> None:
    final = connect(upstream, voice, TWO_TOOLS).responses.create(model="m", input="hi", tools=TOOLS)
    assert final.output_text == TWO_TOOLS.joined
    assert [name for name, _ in calls_of(final)] == ["get_weather", "get_time"]
    assert final.usage is not None
    assert final.usage.output_tokens_details.reasoning_tokens >= 0
    assert final.model == "alias(high)"


def test_structured_output(connect: Connect) -> None:
    client = connect(OPENAI, chat, Reply(text=('{"name":', '"Oslo"}')))
    with client.responses.stream(model="m", input="hi", text_format=City) as stream:
        final = stream.get_final_response()
    assert final.output_parsed == City(name="Oslo")
    assert client.responses.parse(model="m", input="hi", text_format=City).output_parsed == City(name="Oslo")


def test_custom_tools_and_namespaces(connect: Connect) -> None:
    nested: Any = {
        "type": "function",
        "name": "get",
        "parameters": {"type": "object", "properties": {}},
        "strict": True,
    }
    tools: Any = [
        {"type": "custom", "name": "patch"},
        {"type": "namespace", "name": "mcp__a", "description": "d", "tools": [nested]},
    ]
    reply = Reply(calls=(ToolCall("c1", "patch", '{"input":"*** Begin"}'), ToolCall("c2", "mcp__a__get", '{"n":1}')))
    with connect(CLAUDE, claude, reply).responses.stream(model="m", input="hi", tools=tools) as stream:
        written = [event.delta for event in stream if event.type == "response.custom_tool_call_input.delta"]
        patch, get = stream.get_final_response().output
    assert (patch.type, patch.input, written) == ("custom_tool_call", "*** Begin", ["*** Begin"])
    assert (get.type, get.namespace, get.parsed_arguments) == ("function_call", "mcp__a", {"n": 1})
