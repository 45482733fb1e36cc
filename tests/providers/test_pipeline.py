"""The steps that all providers share, at work in real providers (providers.md 1.3, 7, 21)."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from typing import Any

import pytest
from providers.fake_http import FakeHttp, Live, call, key
from translation.exchanges import events

from cliproxy.config.settings import Payload, PayloadFilter, PayloadModel, PayloadRule, Settings
from cliproxy.errors import RequestError, UpstreamStatus
from cliproxy.providers.claude import ClaudeProvider
from cliproxy.providers.codex import CodexProvider
from cliproxy.providers.gemini import GeminiProvider
from cliproxy.providers.openai_compat import OpenAICompatProvider
from cliproxy.providers.pipeline import Pipeline
from cliproxy.translation.hub import Hub
from cliproxy.translation.thinking.support import Capability, Thinking

CHAT = {"model": "alias", "messages": [{"role": "user", "content": "hi"}]}
CLAUDE = {"model": "alias", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
LEVELS = Capability("known", Thinking(levels=("low", "high")))
BUDGETS = Capability("known", Thinking(1024, 20000, zero_allowed=True), max_completion_tokens=64000)
BASE = "https://o.example/v1"


def provider(kind: Any, http: FakeHttp, settings: Any = None, capability: Capability | None = None) -> Any:
    get = settings or Settings
    pipeline = Pipeline(Hub(), get, lambda model, name: capability if model == "known" else None)
    if kind is OpenAICompatProvider:
        return OpenAICompatProvider("mine", http.client, get, pipeline)
    return kind(http.client, get, pipeline)


def sent(http: FakeHttp, kind: Any, name: str, client: str, body: dict[str, Any], model: str = "up", **more: Any) -> Any:
    """The upstream's body."""
    http.body = b"{}"
    made = provider(kind, http, **more)
    url = BASE if kind is OpenAICompatProvider else ""
    with contextlib.suppress(UpstreamStatus):  # Codex wants a stream that ends well
        made.execute(key(name, url), call(client, body), model)
    return http.json


def test_a_suffix_outranks_the_body(http: FakeHttp) -> None:
    body = {**CHAT, "reasoning_effort": "low"}
    assert sent(http, OpenAICompatProvider, "mine", "openai", body, "up(high)")["reasoning_effort"] == "high"


def test_thinking_of_a_known_model(http: FakeHttp) -> None:
    body = {**CLAUDE, "max_tokens": 50000, "thinking": {"type": "enabled", "budget_tokens": 9000}}
    found = sent(http, OpenAICompatProvider, "mine", "claude", body, "known", capability=LEVELS)
    assert found["reasoning_effort"] in ("low", "high")
    assert found["model"] == "known"
    with pytest.raises(RequestError, match="xhigh") as caught:
        sent(http, OpenAICompatProvider, "mine", "openai", {**CHAT, "reasoning_effort": "xhigh"}, "known", capability=LEVELS)
    assert caught.value.status == 400


def test_a_budget_of_a_claude_model_is_clamped(http: FakeHttp) -> None:
    body = {**CHAT, "reasoning_effort": "xhigh"}
    found = sent(http, ClaudeProvider, "claude", "openai", body, "known", capability=BUDGETS)
    assert found["thinking"] == {"type": "enabled", "budget_tokens": 20000}


def rules(**sections: Any) -> Any:
    return lambda: Settings(payload=Payload(**sections))


def rule(params: Any, name: str = "*", protocol: str = "") -> tuple[Any, ...]:
    kind = PayloadFilter if isinstance(params, tuple) else PayloadRule
    return (kind((PayloadModel(name, protocol),), params),)


def test_rules_see_the_upstreams_body(http: FakeHttp) -> None:
    settings = rules(
        default=rule({"temperature": 0.5, "max_tokens": 1}), override=rule({"metadata.user_id": "me"}, "up", "claude"),
        filter=rule(("stream",)),
    )  # fmt: skip
    found = sent(http, ClaudeProvider, "claude", "openai", {**CHAT, "max_tokens": 7}, settings=settings)
    assert (found["temperature"], found["max_tokens"], found["metadata"]) == (0.5, 7, {"user_id": "me"})
    assert "stream" not in found


def test_rules_of_other_protocols_and_models_do_nothing(http: FakeHttp) -> None:
    for settings in (rules(override=rule({"x": 1}, protocol="gemini")), rules(override=rule({"x": 1}, "other-*"))):
        assert "x" not in sent(http, OpenAICompatProvider, "mine", "openai", CHAT, settings=settings)


def test_a_suffix_outranks_rules_of_compatible_services(http: FakeHttp) -> None:
    settings = rules(override=rule({"reasoning_effort": "low"}))
    assert sent(http, OpenAICompatProvider, "mine", "openai", CHAT, "up(high)", settings=settings)["reasoning_effort"] == "high"
    found = sent(http, CodexProvider, "codex", "openai", CHAT, "up(high)", settings=rules(override=rule({"reasoning.effort": "low"})))
    assert found["reasoning"]["effort"] == "low"


def test_rules_on_bodies_that_pass_as_bytes(http: FakeHttp) -> None:
    http.body = b"{}"
    made = provider(OpenAICompatProvider, http, rules(override=rule({"temperature": 0.5})))
    asked = call("openai", CHAT)
    made.execute(key("mine", BASE), asked, "up")
    assert http.json == {**CHAT, "model": "up", "temperature": 0.5}


def test_usage_is_asked_for_in_translated_streams_only(http: FakeHttp, live: Live) -> None:
    made = provider(OpenAICompatProvider, http, live)
    http.body = [events({"choices": [{"delta": {"content": "x"}}]}, "[DONE]")]
    list(made.stream(key("mine", BASE), call("claude", {**CLAUDE, "stream": True}), "up"))
    assert http.json["stream_options"] == {"include_usage": True}
    list(made.stream(key("mine", BASE), call("openai", {**CHAT, "stream": True}), "up"))
    assert "stream_options" not in http.json
    settings = rules(filter=rule(("stream_options",)))
    list(provider(OpenAICompatProvider, http, settings).stream(key("mine", BASE), call("claude", CLAUDE), "up"))
    assert "stream_options" not in http.json


@pytest.mark.parametrize(
    ("kind", "name", "client", "body", "path"),
    [
        (ClaudeProvider, "claude", "openai", CHAT, "/v1/messages"),
        (GeminiProvider, "gemini", "openai", CHAT, ":generateContent"),
        (CodexProvider, "codex", "claude", CLAUDE, "/responses"),
        (OpenAICompatProvider, "mine", "gemini", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}, "/chat/completions"),
    ],
)
def test_errors_say_whose_they_are(http: FakeHttp, kind: Any, name: str, client: str, body: Any, path: str) -> None:
    made = provider(kind, http)
    http.body = UpstreamStatus('{"error":{"message":"M"}}', status=429)
    with pytest.raises(UpstreamStatus) as caught:
        made.execute(key(name, BASE), call(client, body), "up")
    assert caught.value.format == made.upstream_format
    assert path in http.last.url


def test_claude_streams_to_clients_of_other_formats(http: FakeHttp, live: Live) -> None:
    """providers.md 11.4: the upstream streams, the client gets one body; an upstream that does not stream is fine too."""
    made = provider(ClaudeProvider, http, live)
    message = {"id": "msg_1", "model": "real", "usage": {"input_tokens": 3}}
    http.body = events(
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hello"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    )
    answer = made.execute(key("claude"), call("openai", CHAT), "up")
    assert http.json["stream"] is True
    assert http.header("accept") == "application/json"
    assert b'"content":"hello"' in answer.body
    assert (answer.upstream_model, answer.tokens.input, answer.tokens.output) == ("real", 3, 2)
    http.body = b'{"type":"message","model":"real","content":[{"type":"text","text":"whole"}],"stop_reason":"end_turn"}'
    assert b'"content":"whole"' in made.execute(key("claude"), call("openai", CHAT), "up").body


def test_errors_inside_a_collected_stream(http: FakeHttp, live: Live) -> None:
    made = provider(ClaudeProvider, http, live)
    http.body = events({"type": "error", "error": {"type": "overloaded_error", "message": "M"}})
    with pytest.raises(UpstreamStatus) as caught:
        made.execute(key("claude"), call("openai", CHAT), "up")
    assert (caught.value.status, caught.value.format) == (529, "claude")


@pytest.mark.case("translation:77")
def test_codex_streams_that_end_too_early(http: FakeHttp, live: Live) -> None:
    made = provider(CodexProvider, http, live)
    http.body = events({"type": "response.created", "response": {"id": "r", "model": "m"}})
    for client, body in (("openai", CHAT), ("claude", CLAUDE), ("openai-response", {"input": "hi"})):
        with pytest.raises(UpstreamStatus, match="stream closed before") as caught:
            made.execute(key("codex"), call(client, body), "up")
        assert caught.value.status == 408


def test_prompt_cache_ids_of_claude_clients(http: FakeHttp, live: Live) -> None:
    made = provider(CodexProvider, http, live)
    found = []
    for user, model in (("a", "up"), ("a", "up"), ("b", "up"), ("a", "up(high)")):
        http.body = events({"type": "response.completed", "response": {"id": "r", "output": []}})
        made.execute(key("codex"), call("claude", {**CLAUDE, "metadata": {"user_id": user}}), model)
        assert http.json["prompt_cache_key"] == http.header("conversation_id") == http.header("session_id")
        found.append(http.json["prompt_cache_key"])
    assert found[0] == found[1]
    assert len(set(found)) == 3


COUNTS = {
    "claude": {"input_tokens": 5},
    "gemini": {"totalTokens": 5, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 5}]},
}
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


@pytest.mark.parametrize(
    ("kind", "name", "client", "body", "upstream"),
    [
        (ClaudeProvider, "claude", "gemini", GEMINI, b'{"input_tokens":5}'),
        (GeminiProvider, "gemini", "claude", CLAUDE, b'{"totalTokens":5}'),
        (GeminiProvider, "gemini", "gemini", GEMINI, b'{"totalTokens":5}'),
        (ClaudeProvider, "claude", "claude", CLAUDE, b'{"input_tokens":5}'),
    ],
)
def test_counts_of_upstreams(http: FakeHttp, live: Live, kind: Any, name: str, client: str, body: Any, upstream: bytes) -> None:
    http.body = upstream
    answer = provider(kind, http, live).count_tokens(key(name), call(client, body), "up")
    assert json.loads(answer.body) == COUNTS[client]
    if client == "gemini" and name == "claude":
        assert set(http.json) == {"model", "messages"}


@pytest.mark.parametrize("kind", [OpenAICompatProvider, CodexProvider])
@pytest.mark.parametrize(("client", "body"), [("claude", CLAUDE), ("gemini", GEMINI), ("openai", CHAT)])
def test_local_counts(http: FakeHttp, live: Live, kind: Any, client: str, body: Any) -> None:
    made = provider(kind, http, live)
    counted = json.loads(made.count_tokens(key(made.key, BASE), call(client, body), "gpt-5").body)
    shape = {"claude": {"input_tokens"}, "gemini": {"totalTokens", "promptTokensDetails"}, "openai": {"usage"}}
    assert set(counted) == shape[client]
    assert http.sent == []


def nested(depth: int) -> Any:
    """A schema keyword that holds arrays in arrays."""
    deep: Any = "x"
    for _ in range(depth):
        deep = [deep]
    return deep


def with_deep_tool(client: str, depth: int) -> dict[str, Any]:
    schema = {"type": "object", "x": nested(depth)}
    if client == "openai":
        return {**CHAT, "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}]}
    return {**CLAUDE, "tools": [{"name": "f", "input_schema": schema}]}


DEEP = pytest.mark.parametrize(
    ("kind", "name", "client"),
    [(ClaudeProvider, "claude", "openai"), (OpenAICompatProvider, "mine", "claude"), (GeminiProvider, "gemini", "claude")],
)


@DEEP
def test_deep_nesting_is_sent(http: FakeHttp, kind: Any, name: str, client: str) -> None:
    assert "[" * 400 in json.dumps(sent(http, kind, name, client, with_deep_tool(client, 400)))


@DEEP
def test_what_is_too_deep_to_be_written_is_refused(http: FakeHttp, kind: Any, name: str, client: str) -> None:
    asked = replace(call(client, with_deep_tool(client, 1)), body=with_deep_tool(client, 5000))
    with pytest.raises(RequestError, match="nested too deeply") as caught:
        provider(kind, http).execute(key(name, BASE), asked, "up")
    assert caught.value.status == 400


class Grumpy(FakeHttp):
    """A service that does not know ``stream_options``."""

    def stream(self, request: Any) -> Any:
        source = super().stream(request)
        if "stream_options" in self.json:
            raise UpstreamStatus('{"detail":"stream_options: extra fields not permitted"}', status=422)
        return source


def test_a_service_that_refuses_to_be_asked_for_usage(live: Live) -> None:
    """It is asked once, and then taken as it is."""
    http = Grumpy()
    made = provider(OpenAICompatProvider, http, live)
    for _ in range(2):
        http.body = [events({"choices": [{"delta": {"content": "said"}}]}, "[DONE]")]
        assert b"said" in b"".join(made.stream(key("mine", BASE), call("claude", {**CLAUDE, "stream": True}), "up"))
    assert ["stream_options" in json.loads(request.body or b"") for request in http.sent] == [True, False, False]


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_other_refusals_are_errors(http: FakeHttp, live: Live, status: int) -> None:
    words = "no" if status == 400 else "stream_options"
    http.body = UpstreamStatus(words, status=status)
    with pytest.raises(UpstreamStatus):
        provider(OpenAICompatProvider, http, live).stream(key("mine", BASE), call("claude", CLAUDE), "up")
    assert len(http.sent) == 1
