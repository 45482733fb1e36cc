"""The offline demo model in all client formats, streamed and not (config.md 5.12)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from end_to_end.families import ALL, CHAT, CLAUDE, GEMINI, LEGACY, RESPONSES, VERTEX, Family
from end_to_end.proxy import KEY, Proxy, Start
from end_to_end.sse import parse
from google import genai
from upstream.server import FakeUpstream

SAID = "Echo me, pleäse \u2028 \U0001f30d"
EACH = pytest.mark.parametrize("family", [family for family in ALL if family is not VERTEX], ids=repr)
ASKED: dict[Family, dict[str, Any]] = {
    CHAT: {"messages": [{"role": "user", "content": SAID}]},
    LEGACY: {"prompt": SAID},
    RESPONSES: {"input": SAID},
    CLAUDE: {"messages": [{"role": "user", "content": SAID}]},
    GEMINI: {"contents": [{"role": "user", "parts": [{"text": SAID}]}]},
}


@pytest.fixture(scope="session")
def demo_config() -> dict[str, Any]:
    return {"api-keys": [KEY], "demo": True}


@pytest.fixture
def demo(server: Proxy, upstream: FakeUpstream) -> Iterator[Proxy]:
    yield server
    assert upstream.requests == []


@EACH
def test_whole(demo: Proxy, family: Family) -> None:
    answer = demo.post(family.path("demo-echo"), family.body("demo-echo", **ASKED[family]))
    assert (answer.status, answer.kind) == (200, "application/json")
    assert SAID in family.text(answer.json)
    assert family.model_of(answer.json) == "demo-echo"


@EACH
def test_streamed(demo: Proxy, family: Family) -> None:
    answer = demo.post(family.path("demo-echo", True), family.body("demo-echo", True, **ASKED[family]))
    assert (answer.status, answer.kind) == (200, "text/event-stream")
    assert SAID in family.stream_text(answer.body)
    assert len(parse(answer.body)) > 3


def test_with_the_official_sdks(demo: Proxy) -> None:
    said: Any = [{"role": "user", "content": SAID}]
    with openai.OpenAI(base_url=f"{demo.base_url}/v1", api_key=KEY, max_retries=0) as client:
        with client.chat.completions.stream(model="demo-echo", messages=said) as chat:
            assert SAID in (chat.get_final_completion().choices[0].message.content or "")
        with client.responses.stream(model="demo-echo", input=SAID) as responses:
            assert SAID in responses.get_final_response().output_text
    with (
        anthropic.Anthropic(base_url=demo.base_url, api_key=KEY, max_retries=0) as claude,
        claude.messages.stream(model="demo-echo", max_tokens=100, messages=said) as messages,
    ):
        assert SAID in messages.get_final_text()
    options: Any = {"base_url": demo.base_url, "api_version": "v1beta"}
    with genai.Client(api_key=KEY, http_options=options) as gemini:
        chunks = gemini.models.generate_content_stream(model="demo-echo", contents=SAID)
        assert SAID in "".join(chunk.text or "" for chunk in chunks)


def test_off_without_the_setting(start: Start) -> None:
    proxy = start({"api-keys": [KEY]})
    assert proxy.ask("GET", "/v1/models", headers={"X-Api-Key": KEY}).json["data"] == []
    assert proxy.post(CHAT.path(), CHAT.body("demo-echo")).status == 502


def test_alone(start: Start, demo_config: dict[str, Any]) -> None:
    """A first run: nothing but a key and the demo."""
    proxy = start(demo_config)
    assert proxy.post(CHAT.path(), CHAT.body("auto")).status == 200
