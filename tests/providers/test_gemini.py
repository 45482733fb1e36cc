"""Gemini and Vertex with keys (providers.md 9, 10, 14)."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest
from providers.fake_http import FakeHttp, Live, call, key, pipeline_for, token

from cliproxy.errors import RequestError, UpstreamStatus
from cliproxy.providers.credential import Credential
from cliproxy.providers.gemini import GeminiProvider
from cliproxy.providers.vertex import VertexProvider

GOOGLE = "https://generativelanguage.googleapis.com"
BODY = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "session_id": "s", "model": "x"}
CHUNK = b'data: {"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}],"modelVersion":"up"}\n\n'


@pytest.fixture
def gemini(http: FakeHttp, live: Live) -> GeminiProvider:
    return GeminiProvider(http.client, live, pipeline_for(live))


@pytest.fixture
def vertex(http: FakeHttp, live: Live) -> VertexProvider:
    return VertexProvider(http.client, live, pipeline_for(live))


def test_generate(gemini: GeminiProvider, http: FakeHttp) -> None:
    http.body = (
        b'{"modelVersion": "up-1", "usageMetadata": {"promptTokenCount": 2, "candidatesTokenCount": 3}, "n": 1.0}'
    )
    answer = gemini.execute(key("gemini"), call("gemini", BODY), "gemini-2.5-pro(high)")
    assert http.last.url == f"{GOOGLE}/v1beta/models/gemini-2.5-pro:generateContent"
    assert (http.header("x-goog-api-key"), http.header("authorization")) == ("secret", None)
    assert (http.header("content-type"), http.header("accept-encoding")) == ("application/json", "gzip")
    assert http.json["model"] == "gemini-2.5-pro"
    assert "session_id" not in http.json
    assert (
        answer.body
        == b'{"modelVersion": "client-model", "usageMetadata": {"promptTokenCount": 2, "candidatesTokenCount": 3}, "n": 1.0}'
    )
    assert (answer.upstream_model, answer.tokens.input, answer.tokens.output, answer.tokens.total) == ("up-1", 2, 3, 5)


@pytest.mark.parametrize(("base", "expected"), [("", GOOGLE), (" https://g.example/x// ", "https://g.example/x")])
def test_urls(gemini: GeminiProvider, http: FakeHttp, base: str, expected: str) -> None:
    gemini.execute(key("gemini", base), call("gemini", BODY, alt="json"), "m")
    assert http.last.url == f"{expected}/v1beta/models/m:generateContent?$alt=json"
    http.body = CHUNK
    list(gemini.stream(key("gemini", base), call("gemini", BODY, alt="json"), "m"))
    assert http.last.url == f"{expected}/v1beta/models/m:streamGenerateContent?alt=sse"
    http.body = b'{"totalTokens": 3}'
    gemini.count_tokens(key("gemini", base), call("gemini", BODY), "m")
    assert http.last.url == f"{expected}/v1beta/models/m:countTokens"


def test_stream(gemini: GeminiProvider, http: FakeHttp) -> None:
    http.body = [CHUNK[:30], CHUNK[30:] + CHUNK]
    stream = gemini.stream(key("gemini"), call("gemini", BODY), "m")
    assert b"".join(stream) == CHUNK.replace(b'"up"', b'"client-model"') * 2
    assert http.header("accept-encoding") == "identity"
    assert stream.upstream_model == "up"


@pytest.mark.parametrize(
    ("credential", "expected"),
    [
        (token("gemini"), "Bearer tok"), (token("gemini", token={"access_token": "newer"}), "Bearer newer"),
        (Credential("i", "gemini"), None),
    ],
)  # fmt: skip
def test_tokens(gemini: GeminiProvider, http: FakeHttp, credential: Credential, expected: str | None) -> None:
    gemini.execute(credential, call("gemini", BODY), "m")
    assert (http.header("authorization"), http.header("x-goog-api-key")) == (expected, None)


def test_custom_headers_come_last(gemini: GeminiProvider, http: FakeHttp) -> None:
    attributes = {"header:X-Goog-Api-Key": "other", "header:X-Mine": "1", "header:X-Blank": " ", "header: ": "x"}
    gemini.execute(key("gemini", attributes=attributes), call("gemini", BODY), "m")
    assert http.last.headers == {
        "Content-Type": "application/json", "Accept-Encoding": "gzip", "X-Goog-Api-Key": "other", "X-Mine": "1",
    }  # fmt: skip
    http.body = CHUNK
    attributes = {"header:accept-encoding": "gzip"}
    list(gemini.stream(key("gemini", attributes=attributes), call("gemini", BODY), "m"))
    assert http.header("accept-encoding") == "identity"


def test_the_credentials_proxy_and_limits_go_along(gemini: GeminiProvider, http: FakeHttp, live: Live) -> None:
    from cliproxy.config.load import load_text

    live.settings = load_text("timeouts: {first-byte: 5, providers: {gemini: {idle: 7}}}\n").settings
    gemini.execute(key("gemini", proxy_url="socks5://p"), call("gemini", BODY), "m")
    assert (http.last.proxy_url, http.last.limits.first_byte, http.last.limits.idle) == ("socks5://p", 5, 7)


def test_untouched_parts_keep_their_bytes(gemini: GeminiProvider, http: FakeHttp) -> None:
    raw = b'{"contents":[{"role":"user","parts":[{"text":"\\u00e9\\/","n":1.0,"b":12345678901234567890123}]}],"safetySettings":[]}'
    gemini.execute(key("gemini"), call("gemini", raw), "m")
    assert http.last.body == raw[:-1] + b',"model":"m"}'


def test_what_gemini_needs(gemini: GeminiProvider, http: FakeHttp) -> None:
    body = {
        "contents": [
            {"parts": [{"text": "a"}]}, {"role": "assistant", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
            {"role": "model", "parts": [{"functionCall": {}, "thoughtSignature": "s" * 60}, {"text": "x"}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "object"}}]}],
        "generationConfig": {"responseSchema": {"type": "object"}},
    }  # fmt: skip
    gemini.execute(key("gemini"), call("gemini", body), "m")
    sent = http.json
    assert [content["role"] for content in sent["contents"]] == ["user", "model", "model"]
    assert sent["contents"][1]["parts"][0]["thoughtSignature"] == "skip_thought_signature_validator"
    assert sent["contents"][2]["parts"][0]["thoughtSignature"] == "s" * 60
    assert sent["tools"][0]["function_declarations"][0]["parametersJsonSchema"] == {"type": "object"}
    assert sent["generationConfig"] == {"responseJsonSchema": {"type": "object"}}
    assert len(sent["safetySettings"]) == 5


def test_count(gemini: GeminiProvider, http: FakeHttp) -> None:
    http.body = b'{"totalTokens": 12}'
    body = {**BODY, "tools": [], "generationConfig": {}, "safetySettings": []}
    answer = gemini.count_tokens(key("gemini"), call("gemini", body), "m")
    assert json.loads(answer.body) == {
        "totalTokens": 12, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 12}],
    }  # fmt: skip
    assert set(http.json) == {"contents", "model"}
    http.body = b"{}"
    with pytest.raises(UpstreamStatus):
        gemini.count_tokens(key("gemini"), call("gemini", BODY), "m")


def test_compact_is_refused(gemini: GeminiProvider, http: FakeHttp) -> None:
    for run in (gemini.execute, gemini.stream):
        with pytest.raises(RequestError, match="/responses/compact not supported") as caught:
            run(key("gemini"), call("openai-response", {}, compact=True), "m")
        assert caught.value.status == 501
    assert http.sent == []


@pytest.mark.parametrize(("ratio", "size"), [("16:9", (1344, 768)), ("9:16", (768, 1344)), ("7:5", (1024, 1024))])
def test_aspect_ratio(gemini: GeminiProvider, http: FakeHttp, ratio: str, size: tuple[int, int]) -> None:
    body = {**BODY, "generationConfig": {"imageConfig": {"aspectRatio": ratio}, "temperature": 1}}
    gemini.execute(key("gemini"), call("gemini", body), "gemini-2.5-flash-image-preview")
    order, picture, original = http.json["contents"][0]["parts"]
    assert order["text"]
    assert original == {"text": "hi"}
    png = base64.b64decode(picture["inlineData"]["data"])
    assert struct.unpack(">II", png[16:24]) == size
    assert http.json["generationConfig"] == {"temperature": 1, "responseModalities": ["IMAGE", "TEXT"]}


def test_aspect_ratio_with_a_picture_or_another_model(gemini: GeminiProvider, http: FakeHttp) -> None:
    config = {"generationConfig": {"imageConfig": {"aspectRatio": "1:1"}}}
    contents: list[Any] = [{"role": "user", "parts": [{"inlineData": {"data": "x"}}]}]
    gemini.execute(key("gemini"), call("gemini", {"contents": contents, **config}), "gemini-2.5-flash-image-preview")
    assert http.json["contents"] == contents
    assert http.json["generationConfig"] == {}
    gemini.execute(key("gemini"), call("gemini", {**BODY, **config}), "gemini-2.5-flash-image")
    assert http.json["generationConfig"] == config["generationConfig"]


def test_vertex_urls(vertex: VertexProvider, http: FakeHttp) -> None:
    credential = key("vertex", "https://v.example/")
    vertex.execute(credential, call("gemini", BODY), "m(high)")
    assert http.last.url == "https://v.example/v1/publishers/google/models/m:generateContent"
    assert http.header("x-goog-api-key") == "secret"
    http.body = CHUNK
    list(vertex.stream(credential, call("gemini", BODY), "m"))
    assert http.last.url == "https://v.example/v1/publishers/google/models/m:streamGenerateContent?alt=sse"
    http.body = b'{"totalTokens": 1}'
    vertex.count_tokens(credential, call("gemini", BODY), "m")
    assert http.last.url == "https://v.example/v1/publishers/google/models/m:countTokens"


@pytest.mark.parametrize(
    ("body", "prompt"),
    [
        (BODY, "hi"), ({"messages": [{"content": ""}, {"content": "from messages"}]}, "from messages"),
        ({"prompt": "plain"}, "plain"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True])
def test_imagen(vertex: VertexProvider, http: FakeHttp, body: dict[str, Any], prompt: str, stream: bool) -> None:
    http.body = (
        b'{"predictions":[{"bytesBase64Encoded":"QUJD","mimeType":"image/jpeg"},{"bytesBase64Encoded":"RA=="},{}]}'
    )
    asked = call("gemini", {**body, "aspectRatio": "1:1", "sampleCount": 2, "negativePrompt": "no"})
    credential = key("vertex", "https://v.example")
    if stream:
        (event,) = vertex.stream(credential, asked, "imagen-4.0")
        answer = json.loads(event.removeprefix(b"data: "))
    else:
        answer = json.loads(vertex.execute(credential, asked, "imagen-4.0").body)
    assert http.last.url == "https://v.example/v1/publishers/google/models/imagen-4.0:predict"
    assert http.json == {
        "instances": [{"prompt": prompt, "negativePrompt": "no"}],
        "parameters": {"sampleCount": 2, "aspectRatio": "1:1"},
    }
    (candidate,) = answer["candidates"]
    assert candidate["finishReason"] == "STOP"
    assert [part["inlineData"] for part in candidate["content"]["parts"]] == [
        {"mimeType": "image/jpeg", "data": "QUJD"}, {"mimeType": "image/png", "data": "RA=="},
    ]  # fmt: skip
    assert answer["modelVersion"] == "client-model"


def test_imagen_without_a_prompt(vertex: VertexProvider) -> None:
    with pytest.raises(RequestError, match="imagen: no prompt found in request"):
        vertex.execute(key("vertex"), call("gemini", {}), "imagen-4.0")
