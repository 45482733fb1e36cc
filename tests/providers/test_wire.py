"""What each provider really puts on the wire, and what becomes of errors and aborts (providers.md 2-4, 10-14)."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from providers.fake_http import call, key, pipeline_for
from providers.forwarding import HttpProxy, SocksProxy
from upstream.content import TEXT, long_text
from upstream.plan import Framing, Plan
from upstream.server import FakeUpstream, Recorded
from upstream.waiting import eventually

from cliproxy import __version__
from cliproxy.config.settings import Settings, TimeLimits, Timeouts
from cliproxy.errors import FirstByteTimeout, IdleTimeout, UpstreamStatus, UpstreamTransport
from cliproxy.providers.base import Call
from cliproxy.providers.claude import ClaudeProvider
from cliproxy.providers.codex import CodexProvider
from cliproxy.providers.credential import Credential
from cliproxy.providers.gemini import GeminiProvider
from cliproxy.providers.http import HttpClient
from cliproxy.providers.openai_compat import OpenAICompatProvider
from cliproxy.providers.vertex import VertexProvider
from cliproxy.translation.formats import Format

UUID4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
BETAS = "interleaved-thinking-2025-05-14,fine-grained-tool-streaming-2025-05-14,prompt-caching-2024-07-31"
TALK: list[Any] = [{"role": "user", "content": "hi"}]
CONTENTS = [{"role": "user", "parts": [{"text": "hi"}]}]
SAFETY = [
    {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"},
    {"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "OFF"},
    {"category": "HARM_CATEGORY_SEXUALLY_EXPLICIT", "threshold": "OFF"},
    {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "threshold": "OFF"},
    {"category": "HARM_CATEGORY_CIVIC_INTEGRITY", "threshold": "BLOCK_NONE"},
]


@dataclass(frozen=True)
class Family:
    """One provider and what providers.md says about its calls. ``headers`` are those of a whole and of a stream."""

    name: str
    make: Any
    format: Format
    body: dict[str, Any]
    sent: dict[str, Any]
    """The body that must arrive, without ``stream``."""
    target: str
    stream_target: str
    headers: dict[str, str]
    whole: dict[str, str] = field(default_factory=dict)
    stream: dict[str, str] = field(default_factory=dict)
    base: str = ""
    high: dict[str, Any] = field(default_factory=dict)
    """What the suffix ``(high)`` adds to the body."""
    streams_in_body: bool = True
    stream_always: bool = False

    def provider(self, client: HttpClient, settings: Settings | None = None) -> Any:
        get = lambda: settings or Settings()  # noqa: E731
        return self.make(client, get, pipeline_for(get))

    def call(self, *, stream: bool = False, **more: Any) -> Call:
        body = {**self.body, "stream": True} if stream and self.streams_in_body else self.body
        return call(self.format, body, **more)

    def credential(self, url: str, **more: Any) -> Credential:
        return key(self.name, url + self.base, **more)


GEMINI_HIGH = {"generationConfig": {"thinkingConfig": {"thinkingLevel": "high", "includeThoughts": True}}}
FAMILIES = [
    Family(
        "mine", lambda http, get, pipeline: OpenAICompatProvider("mine", http, get, pipeline), "openai",
        {"model": "alias", "messages": TALK}, {"model": "up", "messages": TALK},
        "/v1/chat/completions", "/v1/chat/completions",
        {"authorization": "Bearer secret", "user-agent": "cli-proxy-openai-compat"},
        {"accept-encoding": "gzip"},
        {"accept": "text/event-stream", "cache-control": "no-cache"}, base="/v1/", high={"reasoning_effort": "high"},
    ),
    Family(
        "gemini", GeminiProvider, "gemini",
        {"contents": CONTENTS, "session_id": "s"}, {"contents": CONTENTS, "safetySettings": SAFETY, "model": "up"},
        "/v1beta/models/up:generateContent", "/v1beta/models/up:streamGenerateContent?alt=sse",
        {"x-goog-api-key": "secret", "user-agent": "LIBRARY"}, {"accept-encoding": "gzip"}, base="//",
        high=GEMINI_HIGH, streams_in_body=False,
    ),
    Family(
        "vertex", VertexProvider, "gemini",
        {"contents": CONTENTS}, {"contents": CONTENTS, "safetySettings": SAFETY, "model": "up"},
        "/v1/publishers/google/models/up:generateContent",
        "/v1/publishers/google/models/up:streamGenerateContent?alt=sse",
        {"x-goog-api-key": "secret", "user-agent": "LIBRARY"}, {"accept-encoding": "gzip"}, base="/",
        high=GEMINI_HIGH, streams_in_body=False,
    ),
    Family(
        "claude", ClaudeProvider, "claude",
        {"model": "alias", "max_tokens": 9, "messages": TALK}, {"model": "up", "max_tokens": 9, "messages": TALK},
        "/v1/messages?beta=true", "/v1/messages?beta=true",
        {
            "authorization": "Bearer secret", "anthropic-version": "2023-06-01", "anthropic-beta": BETAS,
            "user-agent": f"cliproxy/{__version__}", "connection": "keep-alive",
        },
        {"accept": "application/json", "accept-encoding": "gzip, deflate, br, zstd"},
        {"accept": "text/event-stream"}, base="/",
    ),
    Family(
        "codex", CodexProvider, "openai-response",
        {"model": "alias", "input": "hi", "temperature": 1},
        {
            "model": "up", "store": False, "parallel_tool_calls": True, "include": ["reasoning.encrypted_content"],
            "instructions": "",
            "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        },
        "/responses", "/responses",
        {
            "authorization": "Bearer secret", "version": "0.21.0", "openai-beta": "responses=experimental",
            "user-agent": "codex_cli_rs/0.50.0 (Mac OS 26.0.1; arm64) Apple_Terminal/464", "connection": "Keep-Alive",
            "session_id": "UUID", "accept": "text/event-stream",
        },
        {"accept-encoding": "identity"}, base="/", high={"reasoning": {"effort": "high"}}, stream_always=True,
    ),
]  # fmt: skip
EACH = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake
        fake.release()
        assert fake.refusals == []


@pytest.fixture
def client() -> Iterator[HttpClient]:
    client = HttpClient(Settings, {})
    yield client
    client.close()


def arrived(request: Recorded) -> dict[str, str]:
    """The headers that say something, with what is not fixed replaced by words."""
    headers = {name: value for name, value in request.headers.items() if name not in ("host", "content-length")}
    if headers.get("user-agent", "").startswith("python-urllib3/"):
        headers["user-agent"] = "LIBRARY"
    if "session_id" in headers:
        headers["session_id"] = re.sub(UUID4, "UUID", headers["session_id"])
    return headers


@EACH
@BOTH
def test_the_whole_request(client: HttpClient, upstream: FakeUpstream, family: Family, stream: bool) -> None:
    credential, provider = family.credential(upstream.url), family.provider(client)
    if stream:
        answer = b"".join(provider.stream(credential, family.call(stream=True), "up(high)"))
    else:
        answer = provider.execute(credential, family.call(), "up(high)").body
    assert all(piece in answer.decode() for piece in (TEXT.text if stream else [TEXT.joined]))
    assert b"client-model" in answer
    (request,) = upstream.requests
    assert (request.method, request.target) == ("POST", family.stream_target if stream else family.target)
    varying = {"accept-encoding": "identity", **family.stream} if stream else family.whole
    assert arrived(request) == {"content-type": "application/json", **family.headers, **varying}
    streamed = family.stream_always or (stream and family.streams_in_body)
    assert request.json == {**family.sent, **family.high, **({"stream": True} if streamed else {})}


@EACH
@BOTH
def test_custom_headers_come_last(client: HttpClient, upstream: FakeUpstream, family: Family, stream: bool) -> None:
    """They replace what is built in, credentials too; only what makes a stream one stays."""
    attributes = {
        "header:authorization": "Bearer other", "header:x-goog-api-key": "other", "header:User-Agent": "agent/1",
        "header:Accept-Encoding": "zstd", "header:X-Mine": "1", "header:X-Blank": "  ", "header:": "nameless",
    }  # fmt: skip
    credential, provider = family.credential(upstream.url, attributes=attributes), family.provider(client)
    if stream:
        list(provider.stream(credential, family.call(stream=True), "up"))
    else:
        provider.execute(credential, family.call(), "up")
    headers = upstream.requests[0].headers
    expected = {"authorization": "Bearer other", "x-goog-api-key": "other", "user-agent": "agent/1", "x-mine": "1"}
    assert {name: headers[name] for name in expected} == expected
    assert headers["accept-encoding"] == ("identity" if stream or family.stream_always else "zstd")
    assert "x-blank" not in headers
    assert "secret" not in json.dumps(dict(headers))


@EACH
@BOTH
@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [(429, "12", 12.0), (429, "", None), (401, "12", None), (500, "12", None), (503, "", None), (404, "", None)],
)
def test_an_upstreams_refusal(
    client: HttpClient, upstream: FakeUpstream, family: Family, stream: bool, status: int, header: str, seconds: Any
) -> None:
    words = b'{ "error": {"message":"say it \xe2\x80\xa8 again", "n":1.0}}'
    upstream.always(Plan(status=status, body=words, headers=(("Retry-After", header),) if header else ()))
    provider, credential = family.provider(client), family.credential(upstream.url)
    with pytest.raises(UpstreamStatus) as caught:
        (provider.stream if stream else provider.execute)(credential, family.call(stream=stream), "up")
    assert (caught.value.status, caught.value.text.encode()) == (status, words)
    assert caught.value.retry_after == seconds
    assert len(upstream.requests) == 1  # whether to try again is the pool's business


@EACH
@BOTH
def test_a_keys_own_proxy_carries_its_calls(
    client: HttpClient, upstream: FakeUpstream, family: Family, stream: bool
) -> None:
    upstream.always(Plan(reply=long_text(30)))
    with HttpProxy() as proxy, SocksProxy({"upstream.invalid": upstream.port}) as socks:
        provider = family.provider(client)
        for proxy_url, base in (
            (f"http://{proxy.address}", upstream.url), (f"socks5://127.0.0.1:{socks.port}", "http://upstream.invalid"),
        ):  # fmt: skip
            credential = family.credential(base, proxy_url=proxy_url)
            if stream:
                text = b"".join(provider.stream(credential, family.call(stream=True), "up"))
            else:
                text = provider.execute(credential, family.call(), "up").body
            assert b"w29 " in text
        target = family.stream_target if stream else family.target
        assert proxy.lines == [f"POST {upstream.url}{target} HTTP/1.1"]
        assert socks.asked == [("upstream.invalid", 80)]
        assert [request.target for request in upstream.requests] == [target] * 2
        client.close()


@EACH
def test_an_abort_ends_the_upstreams_call(client: HttpClient, upstream: FakeUpstream, family: Family) -> None:
    upstream.plan(Plan(reply=long_text(30), stall_after=5))
    ends: list[str] = []
    stream = family.provider(client).stream(family.credential(upstream.url), family.call(stream=True), "up")
    stream.on_abort = lambda: ends.append("abort")
    stream.on_end = lambda *_: ends.append("end")
    assert next(stream)
    stream.close()
    stream.close()
    eventually(lambda: upstream.requests[0].left, "the upstream sees it", seconds=1)
    assert list(stream) == []
    assert ends == ["abort"]


@EACH
@pytest.mark.parametrize("framing", list(Framing))
def test_a_stream_that_is_cut(client: HttpClient, upstream: FakeUpstream, family: Family, framing: Framing) -> None:
    """However the body is framed: half an answer is an error, told exactly once."""
    upstream.plan(Plan(reply=long_text(30), cut_after=25, framing=framing, chop=_in_hundreds))
    stream = family.provider(client).stream(family.credential(upstream.url), family.call(stream=True), "up")
    ends: list[Any] = []
    stream.on_end, stream.on_abort = lambda _, error: ends.append(error), lambda: ends.append("abort")
    got = []
    with pytest.raises(UpstreamTransport) as caught:
        got += iter(stream)
    stream.close()
    assert caught.value.status is None
    assert ends == [caught.value]


def _in_hundreds(events: Any) -> Iterator[bytes]:
    data = b"".join(events)
    return (data[start : start + 100] for start in range(0, len(data), 100))


@EACH
def test_an_error_inside_a_stream(client: HttpClient, upstream: FakeUpstream, family: Family) -> None:
    upstream.plan(Plan(reply=long_text(30), error_after=6, message="out of order"))
    stream = family.provider(client).stream(family.credential(upstream.url), family.call(stream=True), "up")
    got: list[bytes] = []
    with pytest.raises(UpstreamStatus, match="out of order") as caught:
        got.extend(iter(stream))
    statuses = {"mine": 502, "gemini": 503, "vertex": 503, "claude": 529, "codex": 500}
    assert caught.value.status == statuses[family.name]
    assert b"out of order" not in b"".join(got)


@EACH
def test_both_limits_are_the_providers_own(client: HttpClient, upstream: FakeUpstream, family: Family) -> None:
    limits = Timeouts(TimeLimits(60, 60), {family.name: TimeLimits(0.2, 0.3)})
    provider = family.provider(client, Settings(timeouts=limits))
    upstream.plan(Plan(stall_before=True), Plan(stall_after=0), Plan(reply=long_text(9), stall_after=3))
    credential, asked = family.credential(upstream.url), family.call(stream=True)
    for start in (lambda: provider.stream(credential, asked, "up"), lambda: provider.stream(credential, asked, "up")):
        with pytest.raises(FirstByteTimeout) as first:
            list(start())
        assert (first.value.status, first.value.text) == (504, "upstream sent no data within 0.2s")
    with pytest.raises(IdleTimeout) as idle:
        list(provider.stream(credential, asked, "up"))
    assert (idle.value.status, idle.value.text) == (None, "upstream sent no data within 0.3s")
    eventually(lambda: all(request.left for request in upstream.requests), "all three were dropped", seconds=2)


@pytest.mark.parametrize("name", ["gemini", "vertex", "claude"])
def test_counts(client: HttpClient, upstream: FakeUpstream, name: str) -> None:
    family = next(family for family in FAMILIES if family.name == name)
    tools = {"tools": [{"name": "f", "input_schema": {"type": "object"}}]}
    more = tools if name == "claude" else {"tools": [{"x": 1}], "generationConfig": {}, "safetySettings": []}
    body = {**family.body, **more}
    answer = family.provider(client).count_tokens(family.credential(upstream.url), call(family.format, body), "up(1)")
    (request,) = upstream.requests
    if name == "claude":
        assert request.target == "/v1/messages/count_tokens?beta=true"
        assert request.json == {**body, "model": "up"}
        assert json.loads(answer.body) == {"input_tokens": 20}
    else:
        assert request.target == family.target.replace("generateContent", "countTokens")
        assert request.json == {"contents": CONTENTS, "model": "up"}
        assert json.loads(answer.body)["totalTokens"] == 20


@pytest.mark.parametrize("name", ["mine", "codex"])
def test_compaction(client: HttpClient, upstream: FakeUpstream, name: str) -> None:
    family = next(family for family in FAMILIES if family.name == name)
    body = {"model": "alias", "stream": False, "input": [{"role": "user", "content": "hi"}], "n": 1.0}
    asked = call("openai-response", body, compact=True)
    answer = family.provider(client).execute(family.credential(upstream.url), asked, "up(high)")
    (request,) = upstream.requests
    assert request.path == ("/v1/responses/compact" if name == "mine" else "/responses/compact")
    assert request.body == b'{"model":"up","input":[{"role": "user", "content": "hi"}],"n":1.0}'
    assert json.loads(answer.body)["object"] == "response.compaction"
    assert request.headers.get("accept") == (None if name == "mine" else "application/json")


def test_an_alt_stays_as_the_client_wrote_it(client: HttpClient, upstream: FakeUpstream) -> None:
    family = next(family for family in FAMILIES if family.name == "gemini")
    family.provider(client).execute(family.credential(upstream.url), family.call(alt="json"), "up")
    assert upstream.requests[0].target == "/v1beta/models/up:generateContent?$alt=json"


def test_a_cache_id_that_no_header_can_carry(client: HttpClient, upstream: FakeUpstream) -> None:
    """It is no reason to fail: it stays in the body."""
    family = next(family for family in FAMILIES if family.name == "codex")
    for cache_key in ("a\r\nX-Evil: 1", "ключ"):
        asked = call("openai-response", {"input": "hi", "prompt_cache_key": cache_key})
        family.provider(client).execute(family.credential(upstream.url), asked, "up")
        request = upstream.requests[-1]
        assert request.json["prompt_cache_key"] == cache_key
        assert "conversation_id" not in request.headers
        assert re.fullmatch(UUID4, request.headers["session_id"])


def test_parallel_calls_do_not_mix(client: HttpClient, upstream: FakeUpstream) -> None:
    """One shared client, many threads: each answer belongs to its question."""
    family = FAMILIES[0]
    provider, credential = family.provider(client), family.credential(upstream.url)
    wrong: list[Any] = []

    def ask(number: int) -> None:
        for turn in range(5):
            name = f"m-{number}-{turn}"
            answer = provider.execute(credential, family.call(), name)
            if answer.upstream_model != name:
                wrong.append((name, answer.upstream_model))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(upstream.requests) == 40
