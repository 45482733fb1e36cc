"""Vertex with a service account: real HTTP to a token endpoint and to the models (providers.md 14.2, 14.3)."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import rsa
from oauth.authority import Answer, Asked, Authority
from providers.fake_http import Live, call, pipeline_for

from cliproxy.errors import RequestError, UpstreamError, UpstreamStatus
from cliproxy.providers import vertex as module
from cliproxy.providers.credential import Credential
from cliproxy.providers.http import HttpClient
from cliproxy.providers.vertex import VertexProvider

NOW = 1_790_000_000.0
BODY = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "session_id": "s", "model": "x"}
CHAT = {"model": "x", "messages": [{"role": "user", "content": "hi"}]}
REPLY = {"candidates": [{"content": {"role": "model", "parts": [{"text": "yo"}]}, "finishReason": "STOP"}], "modelVersion": "up"}
PICTURES = {"predictions": [{"bytesBase64Encoded": "QUJD", "mimeType": "image/jpeg"}, {"bytesBase64Encoded": "RA=="}, {}]}
SCOPE = "https://www.googleapis.com/auth/cloud-platform"


@cache
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def key_text() -> str:
    return key().private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption()).decode()


class Google(Authority):
    """The token endpoint, which checks what it is asked with the public key, and any models under ``/v1``."""

    def __init__(self) -> None:
        super().__init__({"POST /token": self.token})
        self.claims: list[dict[str, Any]] = []
        self.reply: Answer = Answer(REPLY)
        self.first_replies: list[Answer] = []
        self.now = NOW

    def token(self, asked: Asked) -> Answer | object:
        form = asked.form
        signed = form.pop("assertion")
        assert form == {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}
        assert jwt.get_unverified_header(signed) == {"alg": "RS256", "typ": "JWT", "kid": "kid-1"}
        own_clock = {"verify_exp": False, "verify_iat": False}
        claims = jwt.decode(signed, key().public_key(), ["RS256"], audience=f"{self.url}/token", options=own_clock)
        assert claims == {
            "iss": "sa@p.example", "scope": SCOPE, "aud": f"{self.url}/token", "iat": int(self.now) - 10,
            "exp": int(self.now) + 3590,
        }, claims  # fmt: skip
        self.claims.append(claims)
        return {"access_token": f"ya29.{len(self.claims)}", "expires_in": 3599, "token_type": "Bearer"}

    def answer(self, asked: Asked) -> Answer:
        if asked.path.startswith("/v1/") and asked.method == "POST":
            self.asked.append(asked)
            return self.first_replies.pop(0) if self.first_replies else self.reply
        return super().answer(asked)

    @property
    def called(self) -> list[Asked]:
        """Requests for models."""
        return [asked for asked in self.asked if asked.path.startswith("/v1/")]


@pytest.fixture
def google() -> Iterator[Google]:
    with Google() as server:
        yield server
    assert server.refusals == []


@pytest.fixture
def provider(google: Google, live: Live, monkeypatch: pytest.MonkeyPatch) -> Iterator[VertexProvider]:
    monkeypatch.setattr(module, "SERVICE_HOST", f"{google.url}/v1/at-{{location}}")
    monkeypatch.setattr(module, "GLOBAL_HOST", f"{google.url}/v1/anywhere")
    client = HttpClient(live, {})
    yield VertexProvider(client, live, pipeline_for(live), clock=lambda: google.now)
    client.close()


def account(google: Google, **more: Any) -> dict[str, Any]:
    return {
        "type": "service_account", "client_email": "sa@p.example", "private_key_id": "kid-1", "private_key": key_text(),
        "token_uri": f"{google.url}/token", **more,
    }  # fmt: skip


def login(google: Google, **metadata: Any) -> Credential:
    own = {
        "type": "vertex", "project_id": "proj", "location": "europe-west4", "email": "sa@p.example",
        "service_account": account(google),
    }  # fmt: skip
    return Credential("v.json", "vertex", metadata={**own, **metadata})


PLACE = "/v1/at-europe-west4/v1/projects/proj/locations/europe-west4/publishers/google/models"


def test_hosts() -> None:
    assert module.SERVICE_HOST.format(location="us-east1") == "https://us-east1-aiplatform.googleapis.com"
    assert module.GLOBAL_HOST == "https://aiplatform.googleapis.com"


def test_generate(provider: VertexProvider, google: Google) -> None:
    answer = provider.execute(login(google), call("gemini", BODY, alt="json"), "gemini-2.5-pro(high)")
    (asked,) = google.called
    assert (asked.method, asked.path, asked.query) == ("POST", f"{PLACE}/gemini-2.5-pro:generateContent", {"$alt": "json"})
    assert asked.headers["authorization"] == "Bearer ya29.1"
    assert (asked.headers["content-type"], asked.headers["accept-encoding"]) == ("application/json", "gzip")
    assert "x-goog-api-key" not in asked.headers
    assert (asked.json["model"], asked.json["contents"]) == ("gemini-2.5-pro", BODY["contents"])
    assert "session_id" not in asked.json
    assert json.loads(answer.body) == {**REPLY, "modelVersion": "client-model"}


def test_stream(provider: VertexProvider, google: Google) -> None:
    google.reply = Answer(f"data: {json.dumps(REPLY)}\r\n\r\n".encode())
    out = b"".join(provider.stream(login(google), call("gemini", BODY, alt="json"), "m"))
    (asked,) = google.called
    assert (asked.path, asked.query) == (f"{PLACE}/m:streamGenerateContent", {"alt": "sse"})
    assert (asked.headers["authorization"], asked.headers["accept-encoding"]) == ("Bearer ya29.1", "identity")
    assert json.loads(out.removeprefix(b"data: ")) == {**REPLY, "modelVersion": "client-model"}


def test_a_chat_client(provider: VertexProvider, google: Google) -> None:
    answer = provider.execute(login(google), call("openai", CHAT), "m")
    assert google.called[0].json["contents"] == [{"role": "user", "parts": [{"text": "hi"}]}]
    assert json.loads(answer.body)["choices"][0]["message"]["content"] == "yo"


def test_count(provider: VertexProvider, google: Google) -> None:
    google.reply = Answer({"totalTokens": 7})
    system = {"parts": [{"text": "s"}]}
    answer = provider.count_tokens(login(google), call("gemini", {**BODY, "systemInstruction": system}), "m")
    (asked,) = google.called
    assert (asked.path, asked.headers["authorization"]) == (f"{PLACE}/m:countTokens", "Bearer ya29.1")
    assert asked.json == {"contents": BODY["contents"], "systemInstruction": system, "model": "m"}
    assert json.loads(answer.body)["totalTokens"] == 7


@pytest.mark.parametrize(
    ("metadata", "place"),
    [
        ({"location": "global"}, "/v1/anywhere/v1/projects/proj/locations/global"),
        ({"location": " Global "}, "/v1/anywhere/v1/projects/proj/locations/global"),
        ({"location": ""}, "/v1/at-us-central1/v1/projects/proj/locations/us-central1"),
        ({"location": None}, "/v1/at-us-central1/v1/projects/proj/locations/us-central1"),
        ({"location": "x1", "project_id": " ", "project": " other "}, "/v1/at-x1/v1/projects/other/locations/x1"),
        ({"location": "x1", "project_id": "example.com:a/../b"},
         "/v1/at-x1/v1/projects/example.com:a%2F..%2Fb/locations/x1"),
    ],
)  # fmt: skip
def test_places(provider: VertexProvider, google: Google, metadata: dict[str, Any], place: str) -> None:
    provider.execute(login(google, **metadata), call("gemini", BODY), "m")
    assert google.called[0].path == f"{place}/publishers/google/models/m:generateContent"


def test_a_token_serves_many_calls_until_shortly_before_its_end(provider: VertexProvider, google: Google) -> None:
    credential = login(google)
    for _ in range(2):
        provider.execute(credential, call("gemini", BODY), "m")
    google.reply = Answer(f"data: {json.dumps(REPLY)}\n\n".encode())
    list(provider.stream(login(google, location="global"), call("gemini", BODY), "m"))
    assert len(google.claims) == 1
    google.reply = Answer(REPLY)
    google.now += 3298
    provider.execute(credential, call("gemini", BODY), "m")
    assert len(google.claims) == 1
    google.now += 1
    provider.execute(credential, call("gemini", BODY), "m")
    assert [asked.headers["authorization"] for asked in google.called] == ["Bearer ya29.1"] * 4 + ["Bearer ya29.2"]


def test_a_refused_token_is_replaced_unseen(provider: VertexProvider, google: Google) -> None:
    """The client notices nothing of a token that ended early."""
    google.reply = Answer({**REPLY, "totalTokens": 3})
    for run in (provider.execute, provider.count_tokens):
        google.first_replies = [Answer({"error": {"code": 401}}, 401)]
        run(login(google), call("gemini", BODY), "m")
    used = [asked.headers["authorization"] for asked in google.called]
    assert used == ["Bearer ya29.1", "Bearer ya29.2", "Bearer ya29.2", "Bearer ya29.3"]


def test_a_refused_token_is_not_used_again(provider: VertexProvider, google: Google) -> None:
    google.reply = Answer({"error": {"code": 401}}, 401)
    for run in (provider.execute, provider.stream, provider.count_tokens):
        with pytest.raises(UpstreamStatus) as caught:
            run(login(google), call("gemini", BODY), "m")
        assert (caught.value.status, json.loads(caught.value.text)) == (401, {"error": {"code": 401}})
    google.reply = Answer({"error": {}}, 403)
    for _ in range(2):
        with pytest.raises(UpstreamStatus):
            provider.execute(login(google), call("gemini", BODY), "m")
    used = [asked.headers["authorization"] for asked in google.called]
    assert used == [f"Bearer ya29.{number}" for number in (1, 2, 2, 3, 3, 4, 4, 4)]  # once more each, with a new one


def test_no_token(provider: VertexProvider, google: Google, caplog: pytest.LogCaptureFixture) -> None:
    google.routes["POST /token"] = lambda asked: Answer({"error": "invalid_grant"}, 400)
    with caplog.at_level(logging.ERROR), pytest.raises(UpstreamError) as caught:
        provider.execute(login(google), call("gemini", BODY), "m")
    assert (caught.value.status, caught.value.text) == (500, "internal server error")
    (record,) = caplog.records
    assert record.getMessage() == 'vertex executor: no access token for v.json: {"error": "invalid_grant"}'
    assert google.called == []


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        ({"project_id": "", "project": 5}, "missing project_id in credentials"),
        ({"service_account": None}, "missing service_account in credentials"),
        ({"service_account": "x"}, "missing service_account in credentials"),
        ({"service_account": {}}, "service account payload is empty"),
        ({"service_account": {"private_key": " "}}, "service account missing private_key"),
        ({"service_account": {"private_key": "x"}}, "private_key is not valid pem: missing markers"),
        ({"location": "evil.example/"}, "unusable location in credentials"),
    ],
)  # fmt: skip
def test_incomplete(provider: VertexProvider, google: Google, metadata: dict[str, Any], text: str) -> None:
    for run in (provider.execute, provider.stream, provider.count_tokens):
        with pytest.raises(UpstreamError) as caught:
            run(login(google, **metadata), call("gemini", BODY), "m")
        assert (caught.value.status, caught.value.text) == (None, f"vertex executor: {text}")
    assert google.asked == []


def test_no_metadata(provider: VertexProvider) -> None:
    with pytest.raises(UpstreamError) as caught:
        provider.execute(Credential("v.json", "vertex"), call("gemini", BODY), "m")
    assert (caught.value.status, caught.value.text) == (None, "vertex executor: missing auth metadata")


def test_both_ways_go_through_the_accounts_proxy(live: Live) -> None:
    from providers.fake_http import FakeHttp

    class Both(FakeHttp):
        def fetch(self, request: Any) -> Any:
            self.body = b'{"access_token":"t","expires_in":9}' if request.url.endswith("/token") else b"{}"
            return super().fetch(request)

    http = Both()
    provider = VertexProvider(http.client, live, pipeline_for(live))
    metadata = {"project_id": "p", "service_account": {"private_key": key_text()}}
    credential = Credential("v", "vertex", proxy_url="socks5://p:1", metadata=metadata)
    provider.execute(credential, call("gemini", BODY), "m")
    assert [(sent.url, sent.proxy_url) for sent in http.sent] == [
        ("https://oauth2.googleapis.com/token", "socks5://p:1"),
        ("https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers/google/models/"
         "m:generateContent", "socks5://p:1"),
    ]  # fmt: skip


def test_an_access_token_in_the_file_is_the_other_mode(live: Live) -> None:
    from providers.fake_http import FakeHttp

    http = FakeHttp()
    provider = VertexProvider(http.client, live, pipeline_for(live))
    metadata = {"access_token": "tok", "project_id": "p", "service_account": {"private_key": key_text()}}
    provider.execute(Credential("v", "vertex", metadata=metadata), call("gemini", BODY), "m")
    (sent,) = http.sent
    assert sent.url == "https://generativelanguage.googleapis.com/v1/publishers/google/models/m:generateContent"
    assert sent.headers["Authorization"] == "Bearer tok"


def test_custom_headers_come_last(provider: VertexProvider, google: Google) -> None:
    whole = login(google)
    attributes = {"header:authorization": "Bearer mine", "header:X-Mine": "1"}
    provider.execute(Credential("v", "vertex", attributes=attributes, metadata=whole.metadata), call("gemini", BODY), "m")
    (asked,) = google.called
    assert (asked.headers["authorization"], asked.headers["x-mine"]) == ("Bearer mine", "1")


GEMINI_PROMPT = {"contents": [{"parts": [{"text": "a cat"}]}]}
PARTS = [{"type": "text", "text": "a cat"}]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("gemini", GEMINI_PROMPT), ("gemini", {"prompt": "a cat", "messages": [{"content": ""}]}),
        ("openai", {"messages": [{"role": "user", "content": ""}, {"role": "user", "content": "a cat"}]}),
        ("openai", {"messages": [{"role": "user", "content": PARTS}]}),
        ("claude", {"messages": [{"role": "user", "content": PARTS}], "max_tokens": 9}),
        ("openai-response", {"input": "a cat"}),
    ],
)  # fmt: skip
def test_imagen_asked(provider: VertexProvider, google: Google, form: Any, body: dict[str, Any], stream: bool) -> None:
    google.reply = Answer(PICTURES)
    asked = call(form, {**body, "model": "x", "stream": stream}, alt="json")
    if stream:
        list(provider.stream(login(google), asked, "Imagen-4.0(high)"))
    else:
        provider.execute(login(google), asked, "Imagen-4.0(high)")
    (sent,) = google.called
    assert (sent.path, sent.query) == (f"{PLACE}/Imagen-4.0:predict", {})
    assert (sent.headers["authorization"], sent.headers["content-type"]) == ("Bearer ya29.1", "application/json")
    assert sent.json == {"instances": [{"prompt": "a cat"}], "parameters": {"sampleCount": 1}}


def test_imagen_parameters(provider: VertexProvider, google: Google) -> None:
    google.reply = Answer(PICTURES)
    wishes = {"aspectRatio": "16:9", "sampleCount": 3, "negativePrompt": "dogs"}
    provider.execute(login(google), call("gemini", {**GEMINI_PROMPT, **wishes, "generationConfig": {}}), "imagen-4.0")
    assert google.called[0].json == {
        "instances": [{"prompt": "a cat", "negativePrompt": "dogs"}],
        "parameters": {"sampleCount": 3, "aspectRatio": "16:9"},
    }


@pytest.mark.parametrize("stream", [False, True])
def test_imagen_for_gemini_clients(provider: VertexProvider, google: Google, stream: bool) -> None:
    google.reply = Answer(json.dumps(PICTURES, indent=2).encode())
    asked = call("gemini", GEMINI_PROMPT)
    if stream:
        (event,) = provider.stream(login(google), asked, "imagen-4.0")
        answer = json.loads(event.removeprefix(b"data: "))
    else:
        answer = json.loads(provider.execute(login(google), asked, "imagen-4.0").body)
    assert answer.pop("responseId").startswith("imagen-")
    parts = [
        {"inlineData": {"mimeType": "image/jpeg", "data": "QUJD"}}, {"inlineData": {"mimeType": "image/png", "data": "RA=="}},
    ]  # fmt: skip
    assert answer == {
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}],
        "modelVersion": "client-model",
        "usageMetadata": {"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0},
    }


URLS = ["data:image/jpeg;base64,QUJD", "data:image/png;base64,RA=="]


def test_imagen_for_chat_clients(provider: VertexProvider, google: Google) -> None:
    google.reply = Answer(PICTURES)
    answer = json.loads(provider.execute(login(google), call("openai", CHAT), "imagen-4.0").body)
    (choice,) = answer["choices"]
    assert [image["image_url"]["url"] for image in choice["message"]["images"]] == URLS
    assert (choice["finish_reason"], answer["model"]) == ("stop", "client-model")


def test_imagen_streamed_for_chat_clients(provider: VertexProvider, google: Google) -> None:
    google.reply = Answer(PICTURES)
    stream = provider.stream(login(google), call("openai", {**CHAT, "stream": True}), "imagen-4.0")
    events = [json.loads(event.removeprefix(b"data: ")) for event in b"".join(stream).split(b"\n\n") if event]
    deltas = [event["choices"][0]["delta"] for event in events]
    assert [image["image_url"]["url"] for delta in deltas for image in delta.get("images", [])] == URLS
    assert [event["choices"][0]["finish_reason"] for event in events][-1] == "stop"
    assert stream.upstream_model == "imagen-4.0"


def test_imagen_that_makes_no_picture(provider: VertexProvider, google: Google) -> None:
    google.reply = Answer(b'{\n  "odd": 1\n}')
    assert json.loads(provider.execute(login(google), call("gemini", GEMINI_PROMPT), "imagen-4.0").body) == {"odd": 1}
    with pytest.raises(UpstreamError):
        list(provider.stream(login(google), call("gemini", GEMINI_PROMPT), "imagen-4.0"))


def test_imagen_without_a_prompt(provider: VertexProvider, google: Google) -> None:
    for run in (provider.execute, provider.stream):
        with pytest.raises(RequestError, match="imagen: no prompt found in request"):
            run(login(google), call("gemini", {}), "imagen-4.0")
        with pytest.raises(RequestError, match="/responses/compact not supported") as caught:
            run(login(google), call("openai-response", {"input": "x"}, compact=True), "imagen-4.0")
        assert caught.value.status == 501
    assert google.asked == []


@pytest.mark.parametrize("stream", [False, True])
def test_imagen_refused(provider: VertexProvider, google: Google, stream: bool) -> None:
    google.reply = Answer({"error": {"code": 429, "message": "slow"}}, 429, {"Retry-After": "7"})
    run = provider.stream if stream else provider.execute
    with pytest.raises(UpstreamStatus) as caught:
        run(login(google), call("openai", CHAT), "imagen-4.0")
    assert (caught.value.status, caught.value.retry_after, caught.value.format) == (429, 7, "gemini")
