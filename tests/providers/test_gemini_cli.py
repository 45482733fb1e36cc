"""Code Assist with accounts of Gemini CLI (providers.md 15, oauth-login.md 3.4, 12)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
from providers.fake_http import FakeHttp, Live, call, pipeline_for

from cliproxy.config.load import load_text
from cliproxy.config.settings import OAuthClient
from cliproxy.errors import LoginError, RefreshRejected, RequestError, UpstreamError, UpstreamStatus
from cliproxy.providers import gemini_cli
from cliproxy.providers.base import Refreshes
from cliproxy.providers.credential import Credential
from cliproxy.providers.gemini_cli import GeminiCliProvider
from cliproxy.providers.gemini_cli_token import client_of, overlaid, owner_of, project_of, projects_of, token_of
from cliproxy.providers.http import Outgoing, Reply
from cliproxy.providers.pipeline import Pipeline
from cliproxy.providers.tokens.apps import APPS
from cliproxy.translation.gemini import envelope
from cliproxy.translation.gemini.safety import SAFETY_SETTINGS
from cliproxy.translation.hub import Hub
from cliproxy.translation.thinking.support import Capability, Thinking

GOOGLE = "https://cloudcode-pa.googleapis.com/v1internal"
NOW = 1_770_000_000.0
HELLO = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
ANSWER = (
    b'{"response": {"candidates": [{"content": {"role": "model", "parts": [{"text": "yo \\u00e9"}]},"finishReason": "STOP"}],'
    b' "usageMetadata": {"promptTokenCount": 2, "candidatesTokenCount": 3, "totalTokenCount": 5},'
    b' "modelVersion": "up-1", "n": 1.0}, "traceId": "t"}'
)
INSIDE = ANSWER[len(b'{"response": ') : -len(b', "traceId": "t"}')]


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def login(**more: Any) -> Credential:
    token = {"access_token": "at", "refresh_token": "rt", "expiry": moment(NOW + 3600), **more.pop("token", {})}
    metadata = {"type": "gemini", "email": "me@x", "project_id": " my-proj ", "token": token, **more}
    return Credential("me.json", "gemini-cli", "me@x", attributes={"path": "/a/me.json"}, metadata=metadata)


class Google(FakeHttp):
    """Answers one after the other, the last one again and again; an error among them is raised."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[Any] = []

    def _next(self) -> None:
        if self.answers:
            self.body = self.answers.pop(0)

    def fetch(self, request: Outgoing) -> Reply:
        self._next()
        return super().fetch(request)

    def stream(self, request: Outgoing) -> Any:
        self._next()
        return super().stream(request)


class Keeper:
    """The newest records, and what renewing one brings."""

    def __init__(self) -> None:
        self.records: dict[str, Credential] = {}
        self.fresh: dict[str, Credential | UpstreamError] = {}
        self.asked: list[str] = []

    def current(self, credential_id: str) -> Credential | None:
        return self.records.get(credential_id)

    def renewed(self, credential_id: str) -> Credential:
        self.asked.append(credential_id)
        found = self.fresh[credential_id]
        if isinstance(found, UpstreamError):
            raise found
        return found


@pytest.fixture
def google() -> Google:
    return Google()


@pytest.fixture
def keeper() -> Keeper:
    return Keeper()


@pytest.fixture
def provider(google: Google, live: Live, keeper: Keeper) -> GeminiCliProvider:
    return GeminiCliProvider(google.client, live, pipeline_for(live), keeper, {}, clock=lambda: NOW)


def headers(accept: str, encoding: str, token: str = "at") -> dict[str, str]:
    return {
        "Content-Type": "application/json", "Authorization": f"Bearer {token}",
        "User-Agent": "google-api-nodejs-client/9.15.1", "X-Goog-Api-Client": "gl-node/22.17.0",
        "Client-Metadata": "ideType=IDE_UNSPECIFIED,platform=PLATFORM_UNSPECIFIED,pluginType=GEMINI",
        "Accept": accept, "Accept-Encoding": encoding,
    }  # fmt: skip


def enveloped(request: Mapping[str, Any], model: str = "gemini-2.5-pro") -> dict[str, Any]:
    return {"project": "my-proj", "request": {**request, "safetySettings": SAFETY_SETTINGS}, "model": model}


# Requests and answers.


def test_generate_for_a_gemini_client(provider: GeminiCliProvider, google: Google) -> None:
    google.body = ANSWER
    raw = b'{"contents":[{"role":"user","parts":[{"text":"\\u00e9\\/","n":1.0}]}],"model":"x","safetySettings":[]}'
    answer = provider.execute(login(), call("gemini", raw), "gemini-2.5-pro")
    sent = google.last
    assert (sent.method, sent.url) == ("POST", f"{GOOGLE}:generateContent")
    assert sent.headers == headers("application/json", "gzip")
    assert sent.body == (
        b'{"project":"my-proj","request":{"contents":[{"role":"user","parts":[{"text":"\\u00e9\\/","n":1.0}]}],'
        b'"safetySettings":[]},"model":"gemini-2.5-pro"}'
    )
    assert answer.body == INSIDE.replace(b'"up-1"', b'"client-model"')
    assert (answer.upstream_model, answer.tokens.input, answer.tokens.output, answer.tokens.total) == ("up-1", 2, 3, 5)


def test_generate_for_a_chat_client(provider: GeminiCliProvider, google: Google) -> None:
    google.body = ANSWER
    asked = {"model": "c", "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]}
    answer = provider.execute(login(), call("openai", asked), "gemini-2.5-pro")
    assert google.last.url == f"{GOOGLE}:generateContent"
    assert google.last.headers == headers("application/json", "gzip")
    system = {"role": "user", "parts": [{"text": "be brief"}]}
    assert google.json == enveloped({**HELLO, "systemInstruction": system})
    body = json.loads(answer.body)
    assert (body["object"], body["model"]) == ("chat.completion", "client-model")
    assert body["choices"][0]["message"]["content"] == "yo \u00e9"
    assert (answer.upstream_model, answer.tokens.total) == ("up-1", 5)


def test_generate_for_a_claude_client(provider: GeminiCliProvider, google: Google) -> None:
    google.body = ANSWER
    asked = {"model": "c", "max_tokens": 9, "system": "be brief", "messages": [{"role": "user", "content": "hi"}]}
    answer = provider.execute(login(), call("claude", asked), "gemini-2.5-pro")
    system = {"role": "user", "parts": [{"text": "be brief"}]}
    config = {"maxOutputTokens": 9}
    assert google.json == enveloped({**HELLO, "systemInstruction": system, "generationConfig": config})
    body = json.loads(answer.body)
    assert (body["type"], body["model"], body["stop_reason"]) == ("message", "client-model", "end_turn")
    assert body["content"] == [{"type": "text", "text": "yo \u00e9"}]
    assert body["usage"] | {"input_tokens": 2, "output_tokens": 3} == body["usage"]


def test_a_client_that_sends_the_envelope(provider: GeminiCliProvider, google: Google) -> None:
    """Raw both ways (translation.md 4.3)."""
    google.body = ANSWER
    raw = b'{"model":"x","project":"theirs","user_prompt_id":"u","request":{"contents":[ ],"session_id":"s"}}'
    answer = provider.execute(login(), call("gemini-cli", raw), "gemini-2.5-pro")
    assert google.json == {
        "model": "gemini-2.5-pro", "project": "my-proj", "user_prompt_id": "u",
        "request": {"contents": [], "session_id": "s"},
    }  # fmt: skip
    assert b'"request":{"contents":[ ],"session_id":"s"}' in (google.last.body or b"")
    assert answer.body == ANSWER.replace(b'"up-1"', b'"client-model"')
    assert (answer.upstream_model, answer.tokens.total) == ("up-1", 5)
    google.body = [b"data: " + ANSWER[:40], ANSWER[40:] + b"\n\n"]
    stream = provider.stream(login(), call("gemini-cli", raw), "gemini-2.5-pro")
    assert b"".join(stream) == b"data: " + ANSWER.replace(b'"up-1"', b'"client-model"') + b"\n\n"
    assert (stream.upstream_model, stream.tokens.total) == ("up-1", 5)


def test_stream_for_a_gemini_client(provider: GeminiCliProvider, google: Google) -> None:
    first = b'data: {"response":{"candidates":[{"content":{"parts":[{"text":"a\xc3\xa9"}]}}],"modelVersion":"up-1"}}\r\n\r\n'
    google.body = [first[:50], first[50:] + b"data: " + ANSWER[:99], ANSWER[99:] + b"\n\n"]
    stream = provider.stream(login(), call("gemini", HELLO, alt="json"), "gemini-2.5-pro")
    assert b"".join(stream) == (
        b'data: {"candidates":[{"content":{"parts":[{"text":"a\xc3\xa9"}]}}],"modelVersion":"client-model"}\n\n'
        b"data: " + INSIDE.replace(b'"up-1"', b'"client-model"') + b"\n\n"
    )
    assert (google.last.method, google.last.url) == ("POST", f"{GOOGLE}:streamGenerateContent?alt=sse")
    assert google.last.headers == headers("text/event-stream", "identity")
    assert google.json == enveloped(HELLO)
    assert (stream.upstream_model, stream.tokens.total) == ("up-1", 5)


def test_stream_for_a_chat_client(provider: GeminiCliProvider, google: Google) -> None:
    google.body = [b": hello\n\ndata: " + ANSWER + b"\n\n"]
    asked = {"model": "c", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    stream = provider.stream(login(), call("openai", asked), "gemini-2.5-pro")
    text = b"".join(stream)
    chunks = [json.loads(line[6:]) for line in text.split(b"\n") if line.startswith(b"data: {")]
    assert "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"]) == "yo \u00e9"
    assert {chunk["model"] for chunk in chunks} == {"client-model"}
    assert google.json == enveloped(HELLO)
    assert google.last.headers == headers("text/event-stream", "identity")


def test_stream_for_a_claude_client(provider: GeminiCliProvider, google: Google) -> None:
    google.body = [b"data: " + ANSWER + b"\n\n"]
    asked = {"model": "c", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    events = b"".join(provider.stream(login(), call("claude", asked), "gemini-2.5-pro"))
    names = [line[7:].decode() for line in events.split(b"\n") if line.startswith(b"event: ")]
    assert names[0] == "message_start"
    assert names[-2:] == ["message_delta", "message_stop"]
    assert json.loads(b'"yo \\u00e9"') in events.decode()
    assert google.json == enveloped({**HELLO, "generationConfig": {"maxOutputTokens": 9}})


@pytest.mark.parametrize("text", [b'{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}', b'{"error":{"code":"x"}}'])
@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("client", ["gemini", "gemini-cli", "openai"])
def test_an_error_inside_a_stream(
    provider: GeminiCliProvider, google: Google, text: bytes, wrapped: bool, client: Any
) -> None:
    google.body = [b"data: " + (b'{"response":%b}' % text if wrapped else text) + b"\n\n"]
    asked: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]} if client == "openai" else HELLO
    asked = {"request": asked} if client == "gemini-cli" else asked
    with pytest.raises(UpstreamStatus) as caught:
        list(provider.stream(login(), call(client, asked), "m"))
    assert caught.value.status == (429 if b"429" in text else 502)
    assert json.loads(caught.value.text)["error"]["code"] in (429, "x")


def test_a_stream_that_breaks_off(provider: GeminiCliProvider, google: Google) -> None:
    google.body = [b'data: {"response":{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}}\n\n']
    with pytest.raises(UpstreamError, match="before the answer was complete"):
        list(provider.stream(login(), call("gemini", HELLO), "m"))


def test_alt_goes_along_without_a_stream(provider: GeminiCliProvider, google: Google) -> None:
    google.body = ANSWER
    provider.execute(login(), call("gemini", HELLO, alt="json"), "m")
    assert google.last.url == f"{GOOGLE}:generateContent?$alt=json"
    google.body = b'{"totalTokens": 1}'
    provider.count_tokens(login(), call("gemini", HELLO, alt="json"), "m")
    assert google.last.url == f"{GOOGLE}:countTokens?$alt=json"


def test_count(provider: GeminiCliProvider, google: Google) -> None:
    google.body = b'{"totalTokens": 31}'
    asked = {**HELLO, "model": "x", "safety_settings": [], "generationConfig": {"temperature": 1}}
    answer = provider.count_tokens(login(), call("gemini", asked), "gemini-2.5-pro")
    assert (google.last.url, google.last.headers) == (f"{GOOGLE}:countTokens", headers("application/json", "gzip"))
    assert google.json == {"request": {**HELLO, "generationConfig": {"temperature": 1}}}
    assert json.loads(answer.body) == {
        "totalTokens": 31, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 31}],
    }  # fmt: skip
    assert answer.upstream_model == "gemini-2.5-pro"


def test_count_for_other_clients(provider: GeminiCliProvider, google: Google) -> None:
    google.body = b'{"totalTokens": 31}'
    asked = {"model": "c", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    answer = provider.count_tokens(login(), call("claude", asked), "m")
    assert google.json == {"request": {**HELLO, "generationConfig": {"maxOutputTokens": 9}}}
    assert json.loads(answer.body) == {"input_tokens": 31}
    answer = provider.count_tokens(login(), call("openai", {"messages": asked["messages"]}), "m")
    assert google.json == {"request": HELLO}
    assert json.loads(answer.body) == {"totalTokens": 31}
    google.body = b"{}"
    with pytest.raises(UpstreamStatus, match="without totalTokens"):
        provider.count_tokens(login(), call("gemini", HELLO), "m")


def test_payload_rules_work_inside_the_envelope(provider: GeminiCliProvider, google: Google, live: Live) -> None:
    live.settings = load_text("""\
payload:
  default: [{models: [{name: "gemini-*", protocol: gemini}], params: {generationConfig.topK: 7}}]
  override: [{models: [{name: "*", protocol: gemini-cli}], params: {generationConfig.topP: 1}}]
  filter: [{models: [{name: "gemini-*"}], params: [session_id]}]
""").settings
    google.body = ANSWER
    provider.execute(login(), call("gemini", {**HELLO, "session_id": "s"}), "gemini-2.5-pro")
    assert google.json == enveloped({**HELLO, "generationConfig": {"topK": 7}})
    google.body = b'{"totalTokens": 31}'
    provider.count_tokens(login(), call("gemini", {**HELLO, "session_id": "s"}), "gemini-2.5-pro")
    assert google.json == {"request": {**HELLO, "session_id": "s"}}  # counts skip the rules


def test_a_suffix_asks_for_thinking(google: Google, live: Live, keeper: Keeper) -> None:
    known = Pipeline(Hub(), live, lambda model, key: Capability(model, Thinking(128, 32768)))
    provider = GeminiCliProvider(google.client, live, known, keeper, {}, clock=lambda: NOW)
    google.body = ANSWER
    provider.execute(login(), call("gemini", HELLO), "gemini-2.5-pro(1000)")
    assert google.json["model"] == "gemini-2.5-pro"
    assert google.json["request"]["generationConfig"]["thinkingConfig"]["thinkingBudget"] == 1000


@pytest.mark.parametrize("counting", [False, True])
def test_aspect_ratio(provider: GeminiCliProvider, google: Google, counting: bool) -> None:
    google.body = b'{"totalTokens": 1}' if counting else ANSWER
    run = provider.count_tokens if counting else provider.execute
    body = {**HELLO, "generationConfig": {"imageConfig": {"aspectRatio": "16:9"}}}
    run(login(), call("gemini", body), "gemini-2.5-flash-image-preview")
    request = google.json["request"]
    order, picture, original = request["contents"][0]["parts"]
    assert order["text"]
    assert picture["inlineData"]["mime_type"] == "image/png"
    assert original == {"text": "hi"}
    assert request["generationConfig"] == {"responseModalities": ["IMAGE", "TEXT"]}
    run(login(), call("gemini", body), "gemini-2.5-flash-image")
    assert google.json["request"]["generationConfig"] == body["generationConfig"]


def test_what_the_client_says_about_itself_wins(provider: GeminiCliProvider, google: Google) -> None:
    google.body = ANSWER
    told = {"user-agent": "GeminiCLI/1.0", "x-goog-api-client": " ", "client-metadata": "mine", "x-other": "1"}
    provider.execute(login(), call("gemini", HELLO, headers=told), "m")
    expected = {**headers("application/json", "gzip"), "User-Agent": "GeminiCLI/1.0", "Client-Metadata": "mine"}
    assert google.last.headers == expected
    own = replace(login(), attributes={"header:X-Mine": "1", "header:client-metadata": "its own"})
    provider.execute(own, call("gemini", HELLO, headers=told), "m")  # the account's last of all (design D22)
    del expected["Client-Metadata"]
    assert google.last.headers == {**expected, "X-Mine": "1", "client-metadata": "its own"}


def test_the_credentials_proxy_and_limits_go_along(provider: GeminiCliProvider, google: Google, live: Live) -> None:
    live.settings = load_text("timeouts: {first-byte: 5, providers: {gemini-cli: {idle: 7}}}\n").settings
    google.body = ANSWER
    provider.execute(replace(login(), proxy_url="socks5://p"), call("gemini", HELLO), "m")
    assert (google.last.proxy_url, google.last.limits.first_byte, google.last.limits.idle) == ("socks5://p", 5, 7)


def test_compact_is_refused(provider: GeminiCliProvider, google: Google) -> None:
    for run in (provider.execute, provider.stream):
        with pytest.raises(RequestError, match="/responses/compact not supported") as caught:
            run(login(), call("openai-response", {}, compact=True), "m")
        assert caught.value.status == 501
    assert google.sent == []


# The envelope by itself.


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"response":{"a":1}}', b'{"a":1}'), (b' { "response" : {"a": "}\\"" } , "traceId":"x"} ', b'{"a": "}\\"" }'),
        (b'{"traceId":"x","response":{"a":1.0}}', b'{"a":1.0}'), (b'{"response":[1]}', b'{"response":[1]}'),
        (b'{"response":null,"a":1}', b'{"response":null,"a":1}'), (b'{"candidates":[]}', b'{"candidates":[]}'),
        (b"nonsense", b"nonsense"), (b"", b""), (b'{"response":{"a":1', b'{"response":{"a":1'),
        (b'{"x":{"response":{}},"response":{"a":1}}', b'{"a":1}'),
        (b'{"response":{"n":' + b"9" * 5000 + b'},"t":1}', b'{"n":' + b"9" * 5000 + b"}"),
        ('{"response":{"a":"\u00e9\u2028\U0001f600"},"t":"\u00e9"}'.encode(), '{"a":"\u00e9\u2028\U0001f600"}'.encode()),
    ],
)  # fmt: skip
def test_envelopes(data: bytes, expected: bytes) -> None:
    assert envelope.opened(data) == expected


# Tokens.


@pytest.mark.parametrize(
    ("metadata", "access", "refresh", "kind", "ends"),
    [
        ({"token": {"access_token": "a", "refresh_token": "r", "token_type": "T", "expiry": moment(NOW)},
          "access_token": "old", "refresh_token": "old", "token_type": "old", "expiry": moment(1)}, "a", "r", "T", NOW),
        ({"token": {"access_token": "", "refresh_token": None}, "access_token": "a", "refresh_token": "r",
          "token_type": "T", "expiry": moment(NOW)}, "a", "r", "T", NOW),
        ({"token": "odd", "access_token": 5, "refresh_token": "r"}, "", "r", "", None),
        ({"token": {"access_token": "a", "expiry": "2026-02-01T13:15:29.123456789+08:00"}}, "a", "", "", 1769922929.123456),
        ({"token": {"access_token": "a", "expiry": "0001-01-01T00:00:00Z"}}, "a", "", "", None),
        ({}, "", "", "", None),
    ],
)  # fmt: skip
def test_where_tokens_are(metadata: Any, access: str, refresh: str, kind: str, ends: float | None) -> None:
    token = token_of(metadata)
    assert (token.access_token, token.refresh_token, token.token_type) == (access, refresh, kind)
    assert token.expires_at == (ends if ends is None else pytest.approx(ends))


@pytest.mark.parametrize(("left", "valid"), [(10.1, True), (10, False), (-5, False)])
def test_how_long_a_token_is_good(left: float, valid: bool) -> None:
    token = token_of({"token": {"access_token": "a", "expiry": moment(NOW + left)}})
    assert token.is_valid(NOW) is valid


def test_tokens_are_not_shown() -> None:
    shown = repr(token_of({"access_token": "very-secret", "refresh_token": "very-secret"}))
    assert "very-secret" not in shown


def test_a_token_without_an_end_is_good() -> None:
    assert token_of({"access_token": "a"}).is_valid(NOW)
    assert not token_of({"refresh_token": "r"}).is_valid(NOW)


def test_a_renewal_keeps_what_it_does_not_know() -> None:
    metadata = {
        "type": "gemini", "note": 1, "expiry": "old",
        "token": {"access_token": "a", "refresh_token": "r", "scopes": ["s"], "client_id": "c", "expiry": "old", "expires_in": 1},
    }  # fmt: skip
    after = overlaid(metadata, {"access_token": "b", "expires_in": 3599, "scope": "x"}, NOW)
    ends = after["expiry"]
    assert datetime.fromisoformat(ends).timestamp() == NOW + 3599
    fields = {"access_token": "b", "refresh_token": "r", "token_type": "Bearer", "expiry": ends}
    assert after == {
        "type": "gemini", "note": 1, **fields,
        "token": {**fields, "scopes": ["s"], "client_id": "c", "expires_in": 3599},
    }  # fmt: skip
    again = overlaid(after, {"access_token": "c", "refresh_token": "r2", "token_type": "T"}, NOW)
    fields = {"access_token": "c", "refresh_token": "r2", "token_type": "T"}
    assert again == {"type": "gemini", "note": 1, **fields, "token": {**fields, "scopes": ["s"], "client_id": "c"}}
    assert metadata["token"]["access_token"] == "a"  # type: ignore[index]


@pytest.mark.parametrize(
    ("attributes", "project_id", "projects", "project"),
    [
        ({}, "p", ("p",), "p"), ({}, " p , p,", ("p",), "p"), ({}, " , ", (), ","), ({}, 5, (), ""),
        ({"gemini_virtual_project": "b"}, "a", ("a",), "b"), ({}, "b,a,b", ("b", "a"), "b,a,b"),
    ],
)  # fmt: skip
def test_projects(attributes: dict[str, str], project_id: Any, projects: tuple[str, ...], project: str) -> None:
    credential = Credential("i", "gemini-cli", attributes=attributes, metadata={"project_id": project_id})
    assert (projects_of(credential.metadata), project_of(credential)) == (projects, project)


def test_who_owns_the_tokens() -> None:
    assert owner_of(login()) == "me.json"
    assert (
        owner_of(Credential("me.json::a", "gemini-cli", attributes={"gemini_virtual_parent": "me.json"})) == "me.json"
    )
    assert client_of({"token": {"client_id": "c", "client_secret": "s"}}) == ("c", "s")
    assert client_of({"token": {"client_id": "c"}}) is None


def test_the_newest_record_counts(provider: GeminiCliProvider, google: Google, keeper: Keeper) -> None:
    google.body = ANSWER
    keeper.records["me.json"] = login(token={"access_token": "newer"})
    provider.execute(login(), call("gemini", HELLO), "m")
    assert google.header("authorization") == "Bearer newer"
    assert keeper.asked == []


def test_an_expired_token_is_renewed(provider: GeminiCliProvider, google: Google, keeper: Keeper) -> None:
    google.body = ANSWER
    old = login(token={"expiry": moment(NOW + 9)})
    keeper.records["me.json"], keeper.fresh["me.json"] = old, login(token={"access_token": "fresh"})
    provider.execute(old, call("gemini", HELLO), "m")
    assert google.header("authorization") == "Bearer fresh"
    assert keeper.asked == ["me.json"]


def test_all_projects_share_the_tokens_of_their_file(
    provider: GeminiCliProvider, google: Google, keeper: Keeper
) -> None:
    google.body = ANSWER
    attributes = {"gemini_virtual_parent": "me.json", "gemini_virtual_project": "b"}
    child = Credential("me.json::b", "gemini-cli", attributes=attributes, metadata={"project_id": "b"})
    keeper.records["me.json"] = login(project_id="a,b")
    provider.execute(child, call("gemini", HELLO), "m")
    assert (google.header("authorization"), google.json["project"]) == ("Bearer at", "b")
    keeper.records["me.json"] = login(project_id="a,b", token={"expiry": moment(NOW)})
    keeper.fresh["me.json"] = login(project_id="a,b", token={"access_token": "fresh"})
    provider.execute(child, call("gemini", HELLO), "m")
    assert (google.header("authorization"), google.json["project"]) == ("Bearer fresh", "b")
    assert keeper.asked == ["me.json"]
    del keeper.records["me.json"]
    with pytest.raises(UpstreamError, match="gemini-cli auth metadata missing"):
        provider.execute(child, call("gemini", HELLO), "m")


def test_a_token_that_cannot_be_renewed(provider: GeminiCliProvider, google: Google, keeper: Keeper) -> None:
    keeper.fresh["me.json"] = UpstreamError("log in again: invalid_grant", status=401)
    with pytest.raises(UpstreamError, match="invalid_grant") as caught:
        provider.stream(login(token={"expiry": moment(NOW)}), call("gemini", HELLO), "m")
    assert caught.value.status == 401
    keeper.asked.clear()
    for run in (provider.execute, provider.stream, provider.count_tokens):
        with pytest.raises(UpstreamError, match=r"log in again: me\.json has no valid token") as caught:
            run(login(token={"expiry": moment(NOW), "refresh_token": ""}), call("gemini", HELLO), "m")
        assert caught.value.status == 401
    with pytest.raises(UpstreamError, match="gemini-cli auth metadata missing"):
        provider.execute(Credential("x.json", "gemini-cli"), call("gemini", HELLO), "m")
    assert (google.sent, keeper.asked) == ([], [])


def test_refresh(provider: GeminiCliProvider, google: Google, live: Live) -> None:
    google.body = b'{"access_token": "fresh", "expires_in": 3599, "token_type": "Bearer"}'
    before = replace(login(note=1), proxy_url="http://p")
    after = provider.refresh(before)
    sent = google.last
    assert (sent.method, sent.url, sent.proxy_url) == ("POST", "https://oauth2.googleapis.com/token", "http://p")
    assert sent.headers["Content-Type"] == "application/x-www-form-urlencoded"
    app = APPS["gemini"]
    form = {"grant_type": "refresh_token", "refresh_token": "rt", "client_id": app.client_id}
    assert dict(parse_qsl((sent.body or b"").decode())) == {**form, "client_secret": app.client_secret}
    assert after.metadata == overlaid(before.metadata, json.loads(google.body), NOW)
    assert after == replace(before, metadata=after.metadata)
    assert token_of(after.metadata).is_valid(NOW)


def test_refresh_as_the_application_of_the_file(provider: GeminiCliProvider, google: Google, live: Live) -> None:
    live.set(oauth_clients={"gemini": OAuthClient("from-config", "config-secret")})
    google.body = b'{"access_token": "fresh"}'
    provider.refresh(login(token={"client_id": "mine", "client_secret": "hush"}))
    form = dict(parse_qsl((google.last.body or b"").decode()))
    assert (form["client_id"], form["client_secret"]) == ("mine", "hush")
    provider.refresh(login(token={"client_id": "mine"}))
    form = dict(parse_qsl((google.last.body or b"").decode()))
    assert (form["client_id"], form["client_secret"]) == ("from-config", "config-secret")


def test_refresh_without_a_secret(provider: GeminiCliProvider, google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(APPS, "gemini", replace(APPS["gemini"], client_secret=""))
    with pytest.raises(LoginError, match="CLIPROXY_GEMINI_CLIENT_SECRET"):
        provider.refresh(login())
    assert google.sent == []


def test_refresh_with_nothing_to_renew(provider: GeminiCliProvider, google: Google) -> None:
    before = login(token={"refresh_token": ""})
    assert provider.refresh(before) is before
    assert google.sent == []
    assert isinstance(provider, Refreshes)


def test_refresh_that_is_refused(provider: GeminiCliProvider, google: Google) -> None:
    google.body = UpstreamStatus('{"error": "invalid_grant"}', status=400)
    with pytest.raises(RefreshRejected, match="invalid_grant"):
        provider.refresh(login())
    google.body = UpstreamStatus(exhausted("3s"), status=429, retry_after=60)
    with pytest.raises(UpstreamStatus) as caught:
        provider.refresh(login())
    assert (caught.value.status, caught.value.retry_after) == (429, 3)
    google.body = b'{"error": "x"}'
    with pytest.raises(UpstreamError, match="without an access token"):
        provider.refresh(login())


# No quota.


def exhausted(delay: str) -> str:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]
    return json.dumps({"error": {"code": 429, "message": "slow down", "details": details}})


@pytest.mark.parametrize("run", ["execute", "stream", "count_tokens"])
@pytest.mark.parametrize(
    ("status", "text", "told", "expected", "header"),
    [
        (429, exhausted("12.5s"), None, 12.5, "13"), (429, exhausted("1.2s"), 90.0, 1.2, "2"),
        (429, "{}", 90.0, 90.0, "90"), (429, "{}", None, None, None), (503, exhausted("12.5s"), None, None, None),
    ],
)  # fmt: skip
def test_how_long_to_wait(
    provider: GeminiCliProvider, google: Google, run: str, status: int, text: str, told: float | None,
    expected: float | None, header: str | None,
) -> None:  # fmt: skip
    known = {"Retry-After": f"{told:g}"} if told is not None else {}
    google.body = UpstreamStatus(text, status=status, retry_after=told, headers=known)
    with pytest.raises(UpstreamStatus) as caught:
        getattr(provider, run)(login(), call("gemini", HELLO), "m")
    error = caught.value
    assert (error.status, error.text, error.retry_after, error.format) == (status, text, expected, "gemini-cli")
    assert error.headers.get("Retry-After") == header
    assert len(google.sent) == 1


def test_no_model_has_a_preview() -> None:
    assert gemini_cli.PREVIEWS == {"gemini-2.5-pro": (), "gemini-2.5-flash": (), "gemini-2.5-flash-lite": ()}


@pytest.fixture
def previews(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gemini_cli, "PREVIEWS", {"gemini-2.5-pro": ("pro-preview-2", "pro-preview-1")})


def quota() -> UpstreamStatus:
    return UpstreamStatus(exhausted("5s"), status=429)


@pytest.mark.usefixtures("previews")
@pytest.mark.parametrize("client", ["gemini", "claude"])
@pytest.mark.parametrize("run", ["execute", "stream"])
def test_previews_are_tried_without_quota(provider: GeminiCliProvider, google: Google, run: str, client: Any) -> None:
    nameless = ANSWER.replace(b'"modelVersion": "up-1", ', b"")
    google.answers = [quota(), [b"data: " + nameless + b"\n\n"] if run == "stream" else nameless]
    asked = HELLO if client == "gemini" else {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    answer: Any = getattr(provider, run)(login(), call(client, asked), "gemini-2.5-pro(auto)")
    if run == "stream":
        list(answer)
    bodies = [json.loads(sent.body or b"") for sent in google.sent]
    assert [(body["model"], body["project"]) for body in bodies] == [
        ("gemini-2.5-pro", "my-proj"), ("pro-preview-2", "my-proj"),
    ]  # fmt: skip
    assert bodies[0]["request"] == bodies[1]["request"]
    assert answer.upstream_model == "pro-preview-2"


@pytest.mark.usefixtures("previews")
def test_the_last_preview_has_the_last_word(provider: GeminiCliProvider, google: Google) -> None:
    google.answers = [quota(), quota(), UpstreamStatus(exhausted("7s"), status=429)]
    with pytest.raises(UpstreamStatus) as caught:
        provider.execute(login(), call("gemini", HELLO), "gemini-2.5-pro")
    assert (caught.value.status, caught.value.retry_after, len(google.sent)) == (429, 7, 3)
    google.sent.clear()
    google.answers = [quota(), UpstreamStatus("no", status=500)]
    with pytest.raises(UpstreamStatus, match="no"):
        provider.stream(login(), call("gemini", HELLO), "gemini-2.5-pro")
    assert len(google.sent) == 2
    google.sent.clear()
    google.answers = [quota()]
    with pytest.raises(UpstreamStatus):
        provider.execute(login(), call("gemini", HELLO), "another")
    assert len(google.sent) == 1
