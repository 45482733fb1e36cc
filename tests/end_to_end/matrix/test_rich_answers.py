"""Answers with more than words and calls: what a client format cannot say is left out, the rest stays whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from end_to_end import sse
from end_to_end.families import CHAT, CLAUDE, GEMINI, PROTOCOLS, RESPONSES, Family
from end_to_end.matrix import order
from end_to_end.matrix import targets as to
from end_to_end.matrix.targets import TARGETS, Target
from end_to_end.proxy import Proxy
from upstream.content import SIGNATURE
from upstream.plan import Plan
from upstream.server import FakeUpstream

PIXEL = "iVBORw0KGgo="
Data = dict[str, Any]


def framed(datas: list[Data], end: bytes = b"") -> tuple[bytes, ...]:
    events = []
    for data in datas:
        name = f"event: {data['type']}\n".encode() if "type" in data else b""
        events.append(name + b"data: " + json.dumps(data).encode() + b"\n\n")
    return (*events, end) if end else tuple(events)


# --- Gemini: code that was run, a picture, sources, signatures alone


def chunk(*parts: Data, **more: Any) -> Data:
    candidate = {"index": 0, "content": {"role": "model", "parts": list(parts)}, **more}
    return {"candidates": [candidate], "modelVersion": "gemini-3-up", "responseId": "r1"}


SOURCE = {"groundingChunks": [{"web": {"uri": "https://x", "title": "x"}}]}
GEMINI_EVENTS = framed([
    chunk({"text": "one "}, {"executableCode": {"language": "PYTHON", "code": "print(1)"}}),
    chunk({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}}),
    chunk({"inlineData": {"mimeType": "image/png", "data": PIXEL}}),
    chunk({"thoughtSignature": SIGNATURE}, {"text": "two", "thoughtSignature": SIGNATURE}),
    chunk({"text": "", "thoughtSignature": SIGNATURE}, finishReason="STOP", groundingMetadata=SOURCE),
    {"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7}},
])  # fmt: skip

# --- Claude: a search at the server, citations, a redacted thought, words and calls by turns


def block(index: int, start: Data, *deltas: Data) -> Iterator[Data]:
    yield {"type": "content_block_start", "index": index, "content_block": start}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def words(text: str) -> Data:
    return {"type": "text_delta", "text": text}


CITATION = {"type": "web_search_result_location", "url": "https://x", "title": "x", "cited_text": "t"}
CLAUDE_EVENTS = framed([
    {"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-up", "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": {"input_tokens": 5, "output_tokens": 1},
    }},
    *block(0, {"type": "redacted_thinking", "data": "xyz"}),
    *block(1, {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
           {"type": "input_json_delta", "partial_json": '{"query":"x"}'}),
    *block(2, {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}),
    *block(3, {"type": "text", "text": ""}, words("one "), {"type": "citations_delta", "citation": CITATION}),
    *block(4, {"type": "text", "text": "tw"}, words("o")),
    {"type": "something_new", "index": 4},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
])  # fmt: skip

# --- Codex: a search at the server, an annotation, a refusal, two summaries


def item(index: int, done: Data, **start: Any) -> tuple[Data, Data]:
    added = {"type": "response.output_item.added", "output_index": index, "item": {**done, **start}}
    return added, {"type": "response.output_item.done", "output_index": index, "item": done}


def message_item(index: int, part: Data, delta: str, *more: Data) -> Iterator[Data]:
    """A message of one part, whose text comes as one event of type ``delta``."""
    where = {"item_id": f"msg_{index}", "output_index": index, "content_index": 0}
    kind = str(part["type"])
    field = "refusal" if kind == "refusal" else "text"
    whole = {"id": f"msg_{index}", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    added, done = item(index, whole, content=[], status="in_progress")
    yield added
    yield {"type": "response.content_part.added", **where, "part": {**part, field: ""}}
    yield {"type": delta, **where, "delta": part[field]}
    yield from ({**event, **where} for event in more)
    yield {"type": "response.content_part.done", **where, "part": part}
    yield done


def codex_response(status: str, **more: Any) -> Data:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": status,
        "model": "codex-up",
        "output": [],
        **more,
    }


NOTE = {"type": "response.output_text.annotation.added", "annotation_index": 0, "annotation": {"type": "url_citation"}}
CODEX_EVENTS = framed([
    {"type": "response.created", "response": codex_response("in_progress")},
    *item(0, {"id": "ws_1", "type": "web_search_call", "status": "completed"}, status="in_progress"),
    {"type": "response.web_search_call.searching", "item_id": "ws_1", "output_index": 0},
    *message_item(1, {"type": "output_text", "text": "one ", "annotations": []}, "response.output_text.delta", NOTE),
    *message_item(2, {"type": "refusal", "refusal": "two"}, "response.refusal.delta"),
    {"type": "response.something.new", "x": 1},
    {"type": "response.completed", "response": codex_response(
        "completed", usage={"input_tokens": 5, "output_tokens": 2, "total_tokens": 7})},
])  # fmt: skip

# --- Chat: no role, null members, a name in a later fragment, usage alone, a provider's own fields


def delta(reason: str | None = None, **members: Any) -> Data:
    choice = {"index": 0, "delta": members, "finish_reason": reason}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-up", "choices": [choice]}


CHAT_EVENTS = framed([
    {"id": "", "object": "chat.completion.chunk", "created": 0, "model": "", "choices": [], "prompt_filter_results": []},
    delta(content=None, tool_calls=None, reasoning_content=None),
    delta(content="one ", provider="x"),
    delta(content="", reasoning_content=""),
    delta(content="two"),
    delta("stop", content=None),
    {**delta(), "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}},
], b"data: [DONE]\n\n")  # fmt: skip
EVENTS = {to.CHAT: CHAT_EVENTS, to.CLAUDE: CLAUDE_EVENTS, to.GEMINI: GEMINI_EVENTS, to.CODEX: CODEX_EVENTS}
ACROSS = [pytest.param(f, t, id=f"{f}-{t}") for f in PROTOCOLS for t in TARGETS if t.family is not f]


def ask(server: Proxy, upstream: FakeUpstream, family: Family, target: Target, *, stream: bool = True) -> Any:
    upstream.plan(Plan(events=EVENTS[target]))
    answer = server.post(family.path(target.model, stream), family.body(target.model, stream))
    assert answer.status == 200
    return answer.body if stream else answer.json


@pytest.mark.parametrize(("family", "target"), ACROSS)
def test_the_words_arrive(matrix: Proxy, upstream: FakeUpstream, family: Family, target: Target) -> None:
    stream = ask(matrix, upstream, family, target)
    order.check(family, stream)
    assert family.stream_text(stream) == "one two"


@pytest.mark.parametrize(
    ("family", "target"),
    [pair for pair in ACROSS if isinstance(pair.values[1], Target) and pair.values[1].always_streams],
)
def test_whole_answers_too(matrix: Proxy, upstream: FakeUpstream, family: Family, target: Target) -> None:
    assert family.text(ask(matrix, upstream, family, target, stream=False)) == "one two"


def test_pictures_of_gemini(matrix: Proxy, upstream: FakeUpstream) -> None:
    """Where the client format has a place for them (translation.md 4.7)."""
    chat = sse.payloads(ask(matrix, upstream, CHAT, to.GEMINI))
    images = [image for data in chat for choice in data["choices"] for image in choice["delta"].get("images", [])]
    assert [image["image_url"]["url"] for image in images] == [f"data:image/png;base64,{PIXEL}"]
    events = sse.payloads(ask(matrix, upstream, RESPONSES, to.GEMINI))
    items = events[-1]["response"]["output"]
    assert [item["result"] for item in items if item["type"] == "image_generation_call"] == [PIXEL]


def test_no_signature_of_others_leaves(matrix: Proxy, upstream: FakeUpstream) -> None:
    """Gemini's own are kept from Chat and Claude clients (translation.md 3.9)."""
    for family in (CHAT, CLAUDE):
        assert SIGNATURE.encode() not in ask(matrix, upstream, family, to.GEMINI)


def test_usage_that_comes_after_the_end(matrix: Proxy, upstream: FakeUpstream) -> None:
    """In a chunk of its own behind the finish reason, as Chat and Gemini upstreams send it."""
    claude = sse.payloads(ask(matrix, upstream, CLAUDE, to.CHAT))
    assert next(data for data in claude if data["type"] == "message_delta")["usage"]["output_tokens"] == 2
    responses = sse.payloads(ask(matrix, upstream, RESPONSES, to.GEMINI))
    assert responses[-1]["response"]["usage"]["total_tokens"] == 7
    gemini = sse.payloads(ask(matrix, upstream, GEMINI, to.CHAT))
    assert gemini[-1]["usageMetadata"]["totalTokenCount"] == 7
