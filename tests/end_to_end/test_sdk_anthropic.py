"""The official Anthropic SDK on Messages, before a Claude upstream (client-api.md 10, 16)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from end_to_end.families import CLAUDE, Fresh
from end_to_end.proxy import KEY, Proxy
from upstream import claude
from upstream.content import ONE_TOOL, SIGNATURE, TEXT, THINKING, TWO_TOOLS, Reply
from upstream.plan import Plan
from upstream.server import FakeUpstream

ASKED: Any = [{"role": "user", "content": "hi"}]
TOOLS: Any = [{"name": name, "input_schema": {"type": "object"}} for name in ("get_weather", "get_time")]


@pytest.fixture
def client(server: Proxy) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=server.base_url, api_key=KEY, max_retries=0, timeout=20) as made:
        yield made


def ask(client: anthropic.Anthropic, model: str = "claude-test", **more: Any) -> Any:
    return client.messages.create(**{"model": model, "max_tokens": 2000, "messages": ASKED, **more})


def calls_of(message: Any) -> list[tuple[str, str, Any]]:
    return [(block.id, block.name, block.input) for block in message.content if block.type == "tool_use"]


def wanted(reply: Reply) -> list[tuple[str, str, Any]]:
    return [(call.id, call.name, json.loads(call.arguments)) for call in reply.calls]


def text_of(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def thinking_of(message: Any) -> list[tuple[str, str]]:
    return [(block.thinking, block.signature) for block in message.content if block.type == "thinking"]


def test_text(client: anthropic.Anthropic, upstream: FakeUpstream) -> None:
    message = ask(client, system="be brief")
    assert (text_of(message), message.model, message.stop_reason) == (TEXT.joined, "claude-test", "end_turn")
    request = upstream.requests[0]
    assert (request.json["model"], request.headers["authorization"]) == ("claude-up", "Bearer claude-main")
    assert request.target == "/v1/messages?beta=true"
    assert "client-key" not in json.dumps(dict(request.headers))


def test_upstream_model_is_in_the_header(client: anthropic.Anthropic) -> None:
    raw = client.messages.with_raw_response.create(model="claude-test", max_tokens=10, messages=ASKED)
    assert raw.headers["x-upstream-model"] == "claude-up"


def test_usage(client: anthropic.Anthropic) -> None:
    usage = ask(client).usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (12, 8, 9)


@pytest.mark.parametrize("reply", [ONE_TOOL, TWO_TOOLS], ids=["one", "two"])
def test_tool_calls(client: anthropic.Anthropic, upstream: FakeUpstream, reply: Reply) -> None:
    upstream.always(Plan(reply=reply))
    message = ask(client, tools=TOOLS)
    assert (message.stop_reason, calls_of(message)) == ("tool_use", wanted(reply))


@pytest.mark.case("client-api:18")
@pytest.mark.parametrize("reply", [TEXT, THINKING, ONE_TOOL, TWO_TOOLS], ids=["text", "thinking", "one", "two"])
def test_stream_helper(client: anthropic.Anthropic, upstream: FakeUpstream, reply: Reply) -> None:
    upstream.always(Plan(reply=reply))
    with client.messages.stream(model="claude-test", max_tokens=2000, messages=ASKED, tools=TOOLS) as stream:
        message: Any = stream.get_final_message()
    assert (text_of(message), calls_of(message)) == (reply.joined, wanted(reply))
    assert thinking_of(message) == ([(reply.thoughts, SIGNATURE)] if reply.thinking else [])
    assert (message.model, message.usage.output_tokens) == ("claude-test", 9)


def test_raw_stream_keeps_every_event(client: anthropic.Anthropic, server: Proxy, upstream: FakeUpstream) -> None:
    """Pings, signatures and blank lines pass; only the model's name changes."""
    upstream.always(Plan(reply=THINKING))
    got = server.post("/v1/messages?beta=true", {**CLAUDE.body(stream=True)}).body
    sent = b"".join(_events_of(THINKING))
    assert got == sent.replace(b'"claude-up"', b'"claude-test"')


def _events_of(reply: Reply) -> list[bytes]:
    return list(claude.events(reply, "claude-up", {}))


def test_thinking_without_a_stream(client: anthropic.Anthropic, upstream: FakeUpstream) -> None:
    upstream.always(Plan(reply=THINKING))
    message = ask(client, thinking={"type": "enabled", "budget_tokens": 1024})
    assert thinking_of(message) == [(THINKING.thoughts, SIGNATURE)]
    assert upstream.requests[0].json["thinking"] == {"type": "enabled", "budget_tokens": 1024}


def test_history_goes_back_with_its_signatures(client: anthropic.Anthropic, upstream: FakeUpstream) -> None:
    reply = Reply(thinking=THINKING.thinking, signature=SIGNATURE, calls=TWO_TOOLS.calls)
    upstream.plan(Plan(reply=reply))
    first = ask(client, tools=TOOLS)
    said = {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]}
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "42"} for call in reversed(reply.calls)]
    results[-1]["cache_control"] = {"type": "ephemeral"}  # type: ignore[assignment]
    asked = [*ASKED, said, {"role": "user", "content": results}]
    ask(client, messages=asked, tools=TOOLS)
    assert upstream.requests[1].json["messages"] == asked


def test_image_input(client: anthropic.Anthropic, upstream: FakeUpstream) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "what?"}]
    ask(client, messages=[{"role": "user", "content": content}])
    assert upstream.requests[0].json["messages"][0]["content"] == content


def test_betas_and_version_reach_the_upstream(client: anthropic.Anthropic, upstream: FakeUpstream) -> None:
    ask(client, extra_headers={"anthropic-beta": "context-1m-2025-08-07,x-2", "anthropic-version": "2023-06-01"})
    headers = upstream.requests[0].headers
    assert headers["anthropic-version"] == "2023-06-01"
    assert headers["anthropic-beta"].startswith("context-1m-2025-08-07,x-2")


def test_count_tokens(client: anthropic.Anthropic, upstream: FakeUpstream) -> None:
    counted = client.messages.count_tokens(model="claude-test", messages=ASKED)
    assert counted.input_tokens == 20
    assert upstream.requests[0].target == "/v1/messages/count_tokens?beta=true"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (403, anthropic.PermissionDeniedError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (529, anthropic.InternalServerError),
    ],
)
def test_upstream_errors(
    client: anthropic.Anthropic, upstream: FakeUpstream, fresh: Fresh, status: int,
    error: type[anthropic.APIStatusError], stream: bool,
) -> None:  # fmt: skip
    upstream.plan(Plan(status=status, message="no such luck", headers=(("Retry-After", "7"),)))
    with pytest.raises(error, match="no such luck") as caught:
        ask(client, fresh(CLAUDE), stream=stream)
    body: Any = caught.value.body
    assert body["type"] == "error"
    assert body["error"]["message"] == "no such luck"
    if status == 429:
        assert caught.value.response.headers["retry-after"] == "7"


def test_wrong_key(server: Proxy) -> None:
    with (
        anthropic.Anthropic(base_url=server.base_url, api_key="wrong", max_retries=0) as client,
        pytest.raises(anthropic.AuthenticationError),
    ):
        ask(client)


def test_bearer_token(server: Proxy) -> None:
    with anthropic.Anthropic(base_url=server.base_url, auth_token=KEY, max_retries=0) as client:
        assert text_of(ask(client)) == TEXT.joined


def test_error_inside_a_stream(client: anthropic.Anthropic, upstream: FakeUpstream, fresh: Fresh) -> None:
    upstream.plan(Plan(error_after=5, message="lost my mind"))
    events = ask(client, fresh(CLAUDE), stream=True)
    with events, pytest.raises(anthropic.APIStatusError, match="lost my mind"):
        list(events)
