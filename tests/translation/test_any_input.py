"""Whatever arrives, no decoder fails and what goes out is well formed (issue 3: property tests)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from end_to_end.families import CHAT, CLAUDE, GEMINI, RESPONSES
from end_to_end.matrix import order
from hypothesis import given, settings
from hypothesis import strategies as st
from translation.exchanges import ALIAS, events
from translation.order import violations

from cliproxy.errors import UpstreamError
from cliproxy.translation import exactjson
from cliproxy.translation.builder import collect
from cliproxy.translation.codec import Target
from cliproxy.translation.formats import CLIENT_FORMATS, Format
from cliproxy.translation.hub import Hub
from cliproxy.translation.sse import EventBuffer, data_of, split

HUB = Hub()
UPSTREAMS: tuple[Format, ...] = ("openai", "claude", "gemini", "codex", "gemini-cli", "antigravity")
ALL_PAIRS = [
    (client, upstream) for client in CLIENT_FORMATS for upstream in UPSTREAMS if not HUB.bypasses(client, upstream)
]
FAMILIES = {"openai": CHAT, "openai-response": RESPONSES, "claude": CLAUDE, "gemini": GEMINI}
PAIRS = pytest.mark.parametrize(("client", "upstream"), ALL_PAIRS, ids=[f"{c}-{u}" for c, u in ALL_PAIRS])

WORDS = st.sampled_from(
    [
        "", "text", "user", "assistant", "model", "tool", "system", "tool_use", "tool_result", "thinking", "function",
        "function_call", "function_call_output", "message", "reasoning", "image_url", "image", "input_text", "output_text",
        "data:image/png;base64,AA==", "c1", "f", "{}", "\ud83d", "é", "none", "auto", "high", "stop", "tool_calls", "end_turn",
        "text_delta", "input_json_delta", "content_block_start", "content_block_delta", "content_block_stop", "message_start",
        "message_delta", "message_stop", "response.created", "response.output_item.added", "response.output_item.done",
        "response.output_text.delta", "response.function_call_arguments.delta", "response.completed", "STOP",
    ]
)  # fmt: skip
KEYS = st.sampled_from(
    [
        "messages", "role", "content", "type", "text", "tool_calls", "function", "name", "arguments", "id", "tool_call_id",
        "system", "tools", "tool_choice", "input", "tool_use_id", "input_schema", "parameters", "source", "data", "url",
        "image_url", "thinking", "signature", "reasoning", "effort", "instructions", "call_id", "output", "summary",
        "encrypted_content", "contents", "parts", "functionCall", "functionResponse", "args", "response", "inlineData",
        "mimeType", "systemInstruction", "generationConfig", "thinkingConfig", "toolConfig", "functionDeclarations", "request",
        "choices", "delta", "message", "index", "finish_reason", "usage", "prompt_tokens", "content_block", "partial_json",
        "stop_reason", "candidates", "finishReason", "usageMetadata", "thought", "thoughtSignature", "item", "output_index",
        "item_id", "part", "reasoning_content", "max_tokens", "stop", "temperature", "response_format", "json_schema", "schema",
    ]
)  # fmt: skip
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.floats(-1, 1) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)
BODIES = st.dictionaries(KEYS, VALUES, max_size=6)


def exchange(client: Format, upstream: Format, body: dict[str, Any]) -> Any:
    return HUB.exchange(client, upstream, body, ALIAS, Target("gemini-x", True))


@PAIRS
@settings(max_examples=25, deadline=None)
@given(body=BODIES)
def test_any_request(client: Format, upstream: Format, body: dict[str, Any]) -> None:
    sent = exchange(client, upstream, body).sent
    assert exactjson.loads(exactjson.dumps(sent)) == sent


@pytest.mark.parametrize("client", CLIENT_FORMATS)
@settings(max_examples=25, deadline=None)
@given(body=BODIES)
def test_any_request_within_a_family(client: Format, body: dict[str, Any]) -> None:
    before = json.dumps(body)
    for upstream in UPSTREAMS:
        if HUB.bypasses(client, upstream):
            draft = HUB.draft(client, upstream, body, exactjson.dumps(body), Target("m", True))
            assert exactjson.loads(draft.encode()) == draft.body
    assert json.dumps(body) == before


@PAIRS
@settings(max_examples=25, deadline=None)
@given(upstream_events=st.lists(BODIES, max_size=6), cut=st.integers(1, 40))
def test_any_stream(client: Format, upstream: Format, upstream_events: list[Any], cut: int) -> None:
    data = events(*upstream_events)
    whole = transcript(client, upstream, [data])
    pieces = transcript(client, upstream, [data[start : start + cut] for start in range(0, len(data), cut)])
    assert [event.get("type") for event in whole] == [event.get("type") for event in pieces]


def transcript(client: Format, upstream: Format, pieces: list[bytes]) -> list[Any]:
    """The client's events; every stream that has begun is closed."""
    transform = HUB.stream(exchange(client, upstream, {}))
    out = b""
    for piece in pieces:
        if not transform.complete and transform.error is None:
            out += transform.feed(piece)
    if not transform.complete and transform.error is None:
        out += transform.finish()
    assert out == b"" or out.endswith(b"\n\n")
    if out and transform.error is None and client in FAMILIES:
        order.check(FAMILIES[client], out + (b"data: [DONE]\n\n" if client == "openai" else b""))
    return [json.loads(data) for event in split(out) if (data := data_of(event))]


@pytest.mark.parametrize("upstream", UPSTREAMS)
@settings(max_examples=60, deadline=None)
@given(upstream_events=st.lists(BODIES, max_size=8), whole=BODIES)
def test_events_are_well_formed(upstream: Format, upstream_events: list[Any], whole: Any) -> None:
    client: Format = "openai" if upstream != "openai" else "claude"
    streamed = HUB.decoder(exchange(client, upstream, {}))
    for event in split(EventBuffer().feed(events(*upstream_events))):
        streamed.feed(data_of(event))
    streamed.finish()
    bodied = HUB.decoder(exchange(client, upstream, {}))
    bodied.body(exactjson.dumps(whole))
    for decoder in (streamed, bodied):
        if decoder.error is None:
            found = decoder.builder.take()
            assert violations(found) == []
            collect(found)
        else:
            assert isinstance(decoder.error, UpstreamError)


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("data", [b"", b"nul", b"[]", b"[1]", b'"x"', b"{", b"\xff", b'{"a":"\\ud800"}', b"[DONE]", b"0"])
def test_no_objects(upstream: Format, data: bytes) -> None:
    decoder = HUB.decoder(exchange("openai" if upstream != "openai" else "claude", upstream, {}))
    decoder.feed(data)
    decoder.finish()
    assert violations(decoder.builder.take()) == []


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for number in range(depth):
        schema = {"type": "object", "properties": {f"p{number}": schema}} if number % 2 else {"type": "array", "items": schema}
    return {"type": "object", "properties": {"p": schema}}


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("client", ["claude", "openai"])
def test_deep_schemas_and_large_arguments(client: Format, upstream: Format) -> None:
    """Schemas 50 deep, 1 MB of arguments and a lone surrogate arrive whole."""
    big = {"text": "x" * 1_000_000, "odd": "\ud83d"}
    if client == "claude":
        tool: dict[str, Any] = {"name": "f", "input_schema": nested(50)}
        said: dict[str, Any] = {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": big}]}
    else:
        tool = {"type": "function", "function": {"name": "f", "parameters": nested(50)}}
        function = {"name": "f", "arguments": exactjson.text(big)}
        said = {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": function}]}
    body = {"messages": [{"role": "user", "content": "U"}, said, {"role": "user", "content": "go"}], "tools": [tool]}
    if HUB.bypasses(client, upstream):
        return
    written = exactjson.dumps(exchange(client, upstream, body).sent)
    assert b"x" * 1_000_000 in written
    assert b"ud83d" in written
    assert written.count(b'"p49"') == 1
