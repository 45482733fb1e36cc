"""The demo provider: an echo of the last user text in every format, without a network (config.md 5.12, design D11)."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
from providers.fake_http import call, pipeline_for
from translation.exchanges import payloads

from cliproxy.config.settings import Settings
from cliproxy.errors import RequestError
from cliproxy.providers.credential import Credential
from cliproxy.providers.demo import DemoProvider
from cliproxy.translation.formats import Format

SAID = "Echo  me,\npleäse \u2028 \U0001f30d "
DEMO = Credential("demo", "demo")
DEMO_PROVIDER = DemoProvider(pipeline_for(Settings))
Text = Callable[[Any], str]


def ask(format: Format, text: str, *more: Any) -> dict[str, Any]:
    """A request whose last user text is ``text``; ``more`` are further parts of that turn."""
    if format == "gemini":
        turns = [{"role": "user", "parts": [{"text": "old"}]}, {"role": "model", "parts": [{"text": "said"}]}]
        return {"contents": [*turns, {"role": "user", "parts": [*more, {"text": text}]}]}
    kind = "input_text" if format == "openai-response" else "text"
    content: Any = [*more, {"type": kind, "text": text}] if more else text
    turns = [{"role": "user", "content": "old"}, {"role": "assistant", "content": "said"}]
    name = "input" if format == "openai-response" else "messages"
    return {"model": "demo-echo", "max_tokens": 9, name: [*turns, {"role": "user", "content": content}]}


WHOLE: dict[Format, Text] = {
    "openai": lambda body: body["choices"][0]["message"]["content"],
    "openai-response": lambda body: body["output"][0]["content"][0]["text"],
    "claude": lambda body: body["content"][0]["text"],
    "gemini": lambda body: body["candidates"][0]["content"]["parts"][0]["text"],
}
MODEL = {"openai": "model", "openai-response": "model", "claude": "model", "gemini": "modelVersion"}
DELTA: dict[Format, Text] = {
    "openai": lambda event: event["choices"][0]["delta"].get("content", ""),
    "openai-response": lambda event: event["delta"] if event["type"] == "response.output_text.delta" else "",
    "claude": lambda event: event["delta"].get("text", "") if event["type"] == "content_block_delta" else "",
    "gemini": lambda event: "".join(part["text"] for part in event["candidates"][0]["content"]["parts"]),
}
ATTACHED: dict[Format, list[Any]] = {
    "openai": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}],
    "openai-response": [{"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"}],
    "claude": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}],
    "gemini": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}],
}
EACH = pytest.mark.parametrize("format", WHOLE)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise AssertionError("the demo went to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@EACH
def test_whole(format: Format) -> None:
    answer = DEMO_PROVIDER.execute(DEMO, call(format, ask(format, SAID), "my-alias"), "demo-echo(high)")
    body = json.loads(answer.body)
    assert (WHOLE[format](body), body[MODEL[format]]) == (SAID, "my-alias")
    assert answer.upstream_model == "demo-echo"
    assert answer.tokens.total == answer.tokens.input + answer.tokens.output > 1


@EACH
def test_streamed(format: Format) -> None:
    stream = DEMO_PROVIDER.stream(DEMO, call(format, ask(format, SAID), "my-alias"), "demo-echo")
    ends: list[Any] = []
    stream.on_end = lambda _, error: ends.append(error)
    blocks = list(stream)
    assert len(blocks) >= 4  # word by word
    assert all(block.endswith(b"\n\n") for block in blocks)
    events = payloads(b"".join(blocks))
    assert "".join(DELTA[format](event) for event in events) == SAID
    assert "my-alias" in json.dumps(events)
    assert "demo-echo" not in json.dumps(events)
    assert ends == [None]
    assert stream.tokens.total > 1


@EACH
def test_attachments_are_not_echoed(format: Format) -> None:
    answer = DEMO_PROVIDER.execute(DEMO, call(format, ask(format, "look", *ATTACHED[format])), "demo-echo")
    assert WHOLE[format](json.loads(answer.body)) == "look"


@EACH
@pytest.mark.parametrize("body", [{}, {"messages": 5, "input": 5, "contents": 5}, {"messages": [None, 3], "input": [None, 3], "contents": [None, 3]}])  # fmt: skip
def test_nothing_said(format: Format, body: dict[str, Any]) -> None:
    answer = DEMO_PROVIDER.execute(DEMO, call(format, body), "demo-echo")
    assert "cliproxy" in WHOLE[format](json.loads(answer.body))


@EACH
def test_an_abort_stops_it(format: Format) -> None:
    stream = DEMO_PROVIDER.stream(DEMO, call(format, ask(format, "word " * 500)), "demo-echo")
    next(stream)
    stream.close()
    assert list(stream) == []


@pytest.mark.parametrize(
    ("format", "field"),
    [("claude", "input_tokens"), ("gemini", "totalTokens"), ("openai", "usage"), ("openai-response", "usage")],
)
def test_counts(format: Format, field: str) -> None:
    demo = DEMO_PROVIDER
    short, long = (json.loads(demo.count_tokens(DEMO, call(format, ask(format, text)), "m").body) for text in ("a", "a" * 400))  # fmt: skip
    if field == "usage":
        assert short["usage"] == {**short["usage"], "completion_tokens": 0}
        short, long, field = short["usage"], long["usage"], "total_tokens"
    assert 0 < short[field] < long[field]


def test_what_it_cannot() -> None:
    for run in (DEMO_PROVIDER.execute, DEMO_PROVIDER.stream):
        with pytest.raises(RequestError) as caught:
            run(DEMO, call("openai-response", {"input": "x"}, compact=True), "m")
        assert (caught.value.status, caught.value.text) == (501, "/responses/compact not supported")
