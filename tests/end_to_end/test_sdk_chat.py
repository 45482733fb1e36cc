"""The official OpenAI SDK on Chat Completions, before an OpenAI-compatible upstream (client-api.md 8, 14)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from end_to_end.families import CHAT, Fresh
from end_to_end.proxy import KEY, Proxy
from upstream.content import ONE_TOOL, TEXT, THINKING, TWO_TOOLS, Reply
from upstream.plan import Plan
from upstream.server import FakeUpstream

ASKED: Any = [{"role": "user", "content": "hi"}]
TOOLS: Any = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
    for name in ("get_weather", "get_time")
]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture
def client(server: Proxy) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.base_url}/v1", api_key=KEY, max_retries=0, timeout=20) as made:
        yield made


def calls_of(message: Any) -> list[tuple[str, str, str]]:
    return [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or []]


def wanted(reply: Reply) -> list[tuple[str, str, str]]:
    return [(call.id, call.name, call.arguments) for call in reply.calls]


def test_text(client: openai.OpenAI, upstream: FakeUpstream) -> None:
    raw = client.chat.completions.with_raw_response.create(model="gpt-test", messages=ASKED)
    answer = raw.parse()
    assert answer.choices[0].message.content == TEXT.joined
    assert (answer.model, raw.headers["x-upstream-model"]) == ("gpt-test", "gpt-up")
    assert upstream.requests[0].json["model"] == "gpt-up"
    assert upstream.requests[0].headers["authorization"] == "Bearer chat-main"


def test_usage(client: openai.OpenAI, upstream: FakeUpstream) -> None:
    usage = client.chat.completions.create(model="gpt-test", messages=ASKED).usage
    assert usage is not None
    assert usage.prompt_tokens_details
    assert usage.completion_tokens_details
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (20, 9, 29)
    assert (usage.prompt_tokens_details.cached_tokens, usage.completion_tokens_details.reasoning_tokens) == (8, 4)


def test_streamed_text_and_usage(client: openai.OpenAI) -> None:
    options: Any = {"include_usage": True}
    with client.chat.completions.create(
        model="gpt-test", messages=ASKED, stream=True, stream_options=options
    ) as stream:
        chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == TEXT.joined
    assert {chunk.model for chunk in chunks} == {"gpt-test"}
    assert [chunk.usage.total_tokens for chunk in chunks if chunk.usage] == [29]


@pytest.mark.parametrize("reply", [ONE_TOOL, TWO_TOOLS], ids=["one", "two"])
def test_tool_calls(client: openai.OpenAI, upstream: FakeUpstream, reply: Reply) -> None:
    upstream.always(Plan(reply=reply))
    choice = client.chat.completions.create(model="gpt-test", messages=ASKED, tools=TOOLS).choices[0]
    assert (choice.finish_reason, calls_of(choice.message)) == ("tool_calls", wanted(reply))


@pytest.mark.case("client-api:18")
@pytest.mark.parametrize("reply", [TEXT, THINKING, ONE_TOOL, TWO_TOOLS], ids=["text", "thinking", "one", "two"])
def test_stream_helper(client: openai.OpenAI, upstream: FakeUpstream, reply: Reply) -> None:
    upstream.always(Plan(reply=reply))
    thoughts = ""
    with client.chat.completions.stream(model="gpt-test", messages=ASKED, tools=TOOLS) as stream:
        for event in stream:
            if event.type == "chunk" and event.chunk.choices:
                thoughts += getattr(event.chunk.choices[0].delta, "reasoning_content", None) or ""
        choice = stream.get_final_completion().choices[0]
    assert (choice.message.content or "", thoughts) == (reply.joined, reply.thoughts)
    assert calls_of(choice.message) == wanted(reply)


def test_reasoning_without_a_stream(client: openai.OpenAI, upstream: FakeUpstream) -> None:
    upstream.always(Plan(reply=THINKING))
    message: Any = client.chat.completions.create(model="gpt-test", messages=ASKED, reasoning_effort="high")
    assert message.choices[0].message.reasoning_content == THINKING.thoughts
    assert upstream.requests[0].json["reasoning_effort"] == "high"


def test_tool_results_go_back_as_they_are(client: openai.OpenAI, upstream: FakeUpstream) -> None:
    upstream.plan(Plan(reply=TWO_TOOLS))
    message = client.chat.completions.create(model="gpt-test", messages=ASKED, tools=TOOLS).choices[0].message
    said: Any = message.model_dump(exclude_none=True)
    results: Any = [{"role": "tool", "tool_call_id": call.id, "content": "42"} for call in reversed(TWO_TOOLS.calls)]
    client.chat.completions.create(model="gpt-test", messages=[*ASKED, said, *results], tools=TOOLS)
    assert upstream.requests[1].json["messages"] == [*ASKED, said, *results]


def test_image_input(client: openai.OpenAI, upstream: FakeUpstream) -> None:
    parts = [
        {"type": "text", "text": "what is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"}},
    ]
    asked: Any = [{"role": "user", "content": parts}]
    client.chat.completions.create(model="gpt-test", messages=asked)
    assert upstream.requests[0].json["messages"][0]["content"] == parts


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
def test_upstream_errors(
    client: openai.OpenAI, upstream: FakeUpstream, fresh: Fresh, status: int, error: type[openai.APIStatusError],
    stream: bool,
) -> None:  # fmt: skip
    upstream.plan(Plan(status=status, message="no such luck", headers=(("Retry-After", "7"),)))
    with pytest.raises(error) as caught:
        client.chat.completions.create(model=fresh(CHAT), messages=ASKED, stream=stream)
    assert "no such luck" in str(caught.value)
    assert len(upstream.requests) == 1
    if status == 429:
        assert caught.value.response.headers["retry-after"] == "7"


def test_wrong_key(server: Proxy) -> None:
    with (
        openai.OpenAI(base_url=f"{server.base_url}/v1", api_key="wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.chat.completions.create(model="gpt-test", messages=ASKED)


def test_error_inside_a_stream(client: openai.OpenAI, upstream: FakeUpstream, fresh: Fresh) -> None:
    upstream.plan(Plan(error_after=3, message="lost my mind"))
    text = ""
    with (
        client.chat.completions.create(model=fresh(CHAT), messages=ASKED, stream=True) as stream,
        pytest.raises(openai.APIError, match="lost my mind"),
    ):
        for chunk in stream:
            text += chunk.choices[0].delta.content or ""
    assert text == "".join(TEXT.text[:2])


def test_legacy_completions(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="gpt-test", prompt="hi")
    with client.completions.create(model="gpt-test", prompt="hi", stream=True) as stream:
        streamed = "".join(chunk.choices[0].text for chunk in stream if chunk.choices)
    assert answer.choices[0].text == streamed == TEXT.joined


def test_model_list(client: openai.OpenAI) -> None:
    models = {model.id: model for model in client.models.list()}
    assert {"gpt-test", "codex-test", "claude-test", "gemini-test", "vertex-test", "demo-echo"} <= models.keys()
    assert models["gpt-test"].object == "model"
