"""The official OpenAI SDK on Responses, before a Codex upstream (client-api.md 9, 15)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from end_to_end.families import RESPONSES, Fresh
from end_to_end.proxy import KEY, Proxy
from upstream import codex
from upstream.content import ENCRYPTED, ONE_TOOL, TEXT, THINKING, TWO_TOOLS, Reply
from upstream.plan import Plan
from upstream.server import FakeUpstream

TOOLS: Any = [
    {"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}, "strict": False}
    for name in ("get_weather", "get_time")
]


@pytest.fixture
def client(server: Proxy) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.base_url}/v1", api_key=KEY, max_retries=0, timeout=20) as made:
        yield made


def calls_of(response: Any) -> list[tuple[str, str, str]]:
    return [(item.call_id, item.name, item.arguments) for item in response.output if item.type == "function_call"]


def wanted(reply: Reply) -> list[tuple[str, str, str]]:
    return [(call.id, call.name, call.arguments) for call in reply.calls]


def summaries(response: Any) -> str:
    return "".join(part.text for item in response.output if item.type == "reasoning" for part in item.summary)


def test_text(client: openai.OpenAI, upstream: FakeUpstream) -> None:
    raw = client.responses.with_raw_response.create(model="codex-test", input="hi", instructions="be brief")
    response = raw.parse()
    assert (response.output_text, response.status, response.model) == (TEXT.joined, "completed", "codex-test")
    assert raw.headers["x-upstream-model"] == "codex-up"
    assert response.instructions == "be brief"
    sent = upstream.requests[0].json
    assert (sent["model"], sent["stream"], sent["store"]) == ("codex-up", True, False)
    assert sent["input"] == [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}]


def test_usage(client: openai.OpenAI) -> None:
    usage = client.responses.create(model="codex-test", input="hi").usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (20, 9, 29)
    assert usage.input_tokens_details.cached_tokens == 8
    assert usage.output_tokens_details.reasoning_tokens == 4


@pytest.mark.parametrize("reply", [ONE_TOOL, TWO_TOOLS], ids=["one", "two"])
def test_tool_calls(client: openai.OpenAI, upstream: FakeUpstream, reply: Reply) -> None:
    upstream.always(Plan(reply=reply))
    response = client.responses.create(model="codex-test", input="hi", tools=TOOLS)
    assert calls_of(response) == wanted(reply)


@pytest.mark.case("client-api:18")
@pytest.mark.parametrize("reply", [TEXT, THINKING, ONE_TOOL, TWO_TOOLS], ids=["text", "thinking", "one", "two"])
def test_stream_helper(client: openai.OpenAI, upstream: FakeUpstream, reply: Reply) -> None:
    upstream.always(Plan(reply=reply))
    text, names, numbers = "", [], []
    with client.responses.stream(model="codex-test", input="hi", tools=TOOLS) as stream:
        for event in stream:
            names.append(event.type)
            numbers.append(event.sequence_number)
            if event.type == "response.output_text.delta":
                text += event.delta
        response = stream.get_final_response()
    assert (text, response.output_text, summaries(response)) == (reply.joined, reply.joined, reply.thoughts)
    assert calls_of(response) == wanted(reply)
    assert response.model == "codex-test"
    assert (names[0], names[-1]) == ("response.created", "response.completed")
    assert numbers == sorted(set(numbers))


def test_reasoning_comes_with_its_opaque_content(client: openai.OpenAI, upstream: FakeUpstream) -> None:
    upstream.always(Plan(reply=THINKING))
    response = client.responses.create(model="codex-test", input="hi", reasoning={"effort": "high"})
    item = response.output[0]
    assert item.type == "reasoning"
    assert item.encrypted_content == ENCRYPTED
    assert upstream.requests[0].json["reasoning"]["effort"] == "high"
    assert upstream.requests[0].json["include"] == ["reasoning.encrypted_content"]


def test_history_goes_back_as_it_is(client: openai.OpenAI, upstream: FakeUpstream) -> None:
    upstream.plan(Plan(reply=TWO_TOOLS))
    first = client.responses.create(model="codex-test", input="hi", tools=TOOLS)
    said: Any = [json.loads(item.model_dump_json(exclude_none=True)) for item in first.output]
    results: Any = [
        {"type": "function_call_output", "call_id": call.id, "output": "42"} for call in reversed(TWO_TOOLS.calls)
    ]
    client.responses.create(model="codex-test", input=[*said, *results], tools=TOOLS)
    assert upstream.requests[1].json["input"] == [*said, *results]


def test_image_input(client: openai.OpenAI, upstream: FakeUpstream) -> None:
    image = "data:image/png;base64,iVBORw0KGgo="
    parts = [{"type": "input_text", "text": "what?"}, {"type": "input_image", "image_url": image, "detail": "low"}]
    asked: Any = [{"type": "message", "role": "user", "content": parts}]
    client.responses.create(model="codex-test", input=asked)
    assert upstream.requests[0].json["input"] == asked


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
def test_upstream_errors(
    client: openai.OpenAI, upstream: FakeUpstream, fresh: Fresh, status: int, error: type[openai.APIStatusError],
    stream: bool,
) -> None:  # fmt: skip
    upstream.plan(Plan(status=status, message="no such luck", headers=(("Retry-After", "7"),)))
    with pytest.raises(error, match="no such luck") as caught:
        client.responses.create(model=fresh(RESPONSES), input="hi", stream=stream)
    if status == 429:
        assert caught.value.response.headers["retry-after"] == "7"


def test_wrong_key(server: Proxy) -> None:
    with (
        openai.OpenAI(base_url=f"{server.base_url}/v1", api_key="wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.responses.create(model="codex-test", input="hi")


def test_error_inside_a_stream(client: openai.OpenAI, upstream: FakeUpstream, fresh: Fresh) -> None:
    upstream.plan(Plan(error_after=6, message="lost my mind"))
    with (
        client.responses.create(model=fresh(RESPONSES), input="hi", stream=True) as stream,
        pytest.raises(openai.APIError, match="lost my mind"),
    ):
        list(stream)


def test_upstream_that_never_completes(client: openai.OpenAI, upstream: FakeUpstream, fresh: Fresh) -> None:
    """Without response.completed there is no answer: 408 (providers.md 12.4)."""
    events = list(codex.events(TEXT, "codex-up", {}))[:-1]
    upstream.plan(Plan(events=tuple(events)))
    with pytest.raises(openai.APIStatusError, match="stream closed before") as caught:
        client.responses.create(model=fresh(RESPONSES), input="hi")
    assert caught.value.status_code == 408
