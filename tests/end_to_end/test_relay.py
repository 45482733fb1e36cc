"""The WebSocket relay and the AI Studio provider behind a real gunicorn (client-api.md 13, 18.16)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import websocket
from end_to_end import sse
from end_to_end.browser import Browser, appear, vanish
from end_to_end.proxy import KEY, Answer, Proxy, Start

MODEL = "gemini-2.5-pro"
PATH = f"/v1beta/models/{MODEL}"
BODY = {
    "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
    "generationConfig": {"maxOutputTokens": 5, "responseMimeType": "application/json", "temperature": 1.0},
}
CASE = pytest.mark.case("client-api:16")


def chunk(text: str, **more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [{"text": text}]}, **more}], "modelVersion": "up-model"}


@pytest.fixture(scope="module")
def relay_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    settings = {"api-keys": [KEY], "disable-cooling": True, "timeouts": {"providers": {"aistudio": {"idle": 1}}}}
    proxy = Proxy(tmp_path_factory.mktemp("relay"), settings)
    proxy.wait_until_up()
    yield proxy
    proxy.stop()


@pytest.fixture
def browser(relay_server: Proxy) -> Iterator[Browser]:
    with Browser(relay_server) as page:
        appear(relay_server, MODEL, KEY)
        yield page
    vanish(relay_server, MODEL, KEY)


@pytest.fixture
def later() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def ask(later: ThreadPoolExecutor, proxy: Proxy, action: str, body: Any = BODY) -> Future[Answer]:
    return later.submit(proxy.post, f"{PATH}:{action}", body)


@CASE
def test_models_appear_and_vanish(relay_server: Proxy) -> None:
    vanish(relay_server, MODEL, KEY)
    with Browser(relay_server):
        appear(relay_server, MODEL, KEY)
    vanish(relay_server, MODEL, KEY)
    assert relay_server.post(f"{PATH}:generateContent", BODY).status == 502
    assert re.search(r"websocket provider connected: aistudio-[a-z0-9]{16}\n", relay_server.log)
    assert re.search(r"websocket provider disconnected: aistudio-[a-z0-9]{16}\n", relay_server.log)


@CASE
def test_a_whole_answer(relay_server: Proxy, browser: Browser, later: ThreadPoolExecutor) -> None:
    answer = ask(later, relay_server, "generateContent")
    request_id, asked = browser.asked()
    assert (asked["method"], asked["url"], asked["headers"]) == (
        "POST", f"https://generativelanguage.googleapis.com{PATH}:generateContent",
        {"Content-Type": ["application/json"]},
    )  # fmt: skip
    sent = json.loads(asked["body"])
    assert {setting["threshold"] for setting in sent.pop("safetySettings")} <= {"OFF", "BLOCK_NONE"}
    assert sent == {"contents": BODY["contents"], "generationConfig": {"temperature": 1.0}}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", asked["sent_at"])
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", request_id)
    browser.send("http_response", "somebody-else", status=200, body="no")
    browser.send("http_response", request_id, status=200, headers={"a": ["b"]}, body=json.dumps(chunk("hello")))
    got = answer.result(20)
    assert (got.status, got.json) == (200, {**chunk("hello"), "modelVersion": MODEL})
    assert got.headers["x-upstream-model"] == "up-model"


@CASE
def test_a_whole_answer_in_stream_form(relay_server: Proxy, browser: Browser, later: ThreadPoolExecutor) -> None:
    answer = ask(later, relay_server, "generateContent")
    request_id, _ = browser.asked()
    text = json.dumps(chunk("in pieces"))
    browser.send("stream_start", request_id, status=200)
    for start in range(0, len(text), 20):
        browser.send("stream_chunk", request_id, data=text[start : start + 20])
    browser.send("stream_end", request_id)
    assert answer.result(20).json["candidates"] == chunk("in pieces")["candidates"]


@CASE
def test_a_stream_of_a_hundred_quick_chunks(relay_server: Proxy, browser: Browser, later: ThreadPoolExecutor) -> None:
    answer = ask(later, relay_server, "streamGenerateContent?alt=sse")
    request_id, asked = browser.asked()
    assert asked["url"].endswith(f"{PATH}:streamGenerateContent?alt=sse")
    browser.send("stream_start", request_id, status=200)
    for number in range(100):
        browser.send("stream_chunk", request_id, data=f"data: {json.dumps(chunk(f'{number} '))}\n\n")
    browser.send("stream_end", request_id)
    got = answer.result(20)
    texts = [data["candidates"][0]["content"]["parts"][0]["text"] for data in sse.payloads(got.body)]
    assert texts == [f"{number} " for number in range(100)]
    assert {data["modelVersion"] for data in sse.payloads(got.body)} == {MODEL}


def test_a_whole_answer_where_a_stream_was_asked_for(
    relay_server: Proxy, browser: Browser, later: ThreadPoolExecutor
) -> None:
    answer = ask(later, relay_server, "streamGenerateContent?alt=sse")
    request_id, _ = browser.asked()
    browser.send("http_response", request_id, status=200, body=json.dumps(chunk("all at once"), indent=1))
    assert [data["candidates"] for data in sse.payloads(answer.result(20).body)] == [chunk("all at once")["candidates"]]


@CASE
@pytest.mark.parametrize("action", ["generateContent", "streamGenerateContent?alt=sse", "countTokens"])
@pytest.mark.parametrize(
    ("messages", "status", "text"),
    [
        ([("error", {"error": "busy", "status": 429})], 429, "wsrelay: busy (status=429)"),
        ([("error", {"error": "odd", "status": 200})], 500, "wsrelay: odd (status=200)"),
        ([("error", {})], 500, "wsrelay: unknown error"),
        ([("error", {"status": 503})], 503, "wsrelay: upstream error (status=503)"),
        ([("http_response", {"status": 403, "body": "not you"})], 403, "not you"),
        ([("http_response", {})], 502, "status 502"),
        (
            [("stream_start", {"status": 400}), ("stream_chunk", {"data": "bad "}), ("stream_chunk", {"data": "key"}),
             ("stream_end", {})], 400, "bad key",
        ),
        ([("stream_start", {"status": 404}), ("error", {"error": "gone"})], 404, "wsrelay: gone"),
    ],
)  # fmt: skip
def test_errors(
    relay_server: Proxy, browser: Browser, later: ThreadPoolExecutor, action: str,
    messages: list[tuple[str, dict[str, Any]]], status: int, text: str,
) -> None:  # fmt: skip
    answer = ask(later, relay_server, action)
    request_id, _ = browser.asked()
    for kind, payload in messages:
        browser.send(kind, request_id, **payload)
    got = answer.result(20)
    if status == 404 and "stream" not in action:  # a whole answer has no first status to keep
        status = 500
    assert (got.status, got.json["error"]["message"]) == (status, text)


@CASE
def test_an_error_in_a_started_stream(relay_server: Proxy, browser: Browser, later: ThreadPoolExecutor) -> None:
    answer = ask(later, relay_server, "streamGenerateContent?alt=sse")
    request_id, _ = browser.asked()
    browser.send("stream_start", request_id, status=200)
    browser.send("stream_chunk", request_id, data=f"data: {json.dumps(chunk('first'))}\n\n")
    browser.send("error", request_id, error="tab closed")
    first, last = sse.payloads(answer.result(20).body)
    assert first["candidates"] == chunk("first")["candidates"]
    assert last["error"]["message"] == "wsrelay: tab closed"


@CASE
@pytest.mark.parametrize("begun", [False, True])
def test_disconnect_in_flight(relay_server: Proxy, later: ThreadPoolExecutor, begun: bool) -> None:
    with Browser(relay_server) as page:
        appear(relay_server, MODEL, KEY)
        answer = ask(later, relay_server, "streamGenerateContent?alt=sse")
        request_id, _ = page.asked()
        if begun:
            page.send("stream_start", request_id, status=200)
            page.send("stream_chunk", request_id, data=f"data: {json.dumps(chunk('first'))}\n\n")
    got = answer.result(20)
    error = (sse.payloads(got.body)[-1] if begun else got.json)["error"]
    assert got.status == (200 if begun else 500)
    assert error["message"] == "wsrelay: connection closed"


def test_a_browser_that_falls_silent(relay_server: Proxy, browser: Browser, later: ThreadPoolExecutor) -> None:
    """The idle limit holds here too; late answers are ignored and the session stays."""
    answer = ask(later, relay_server, "streamGenerateContent?alt=sse")
    request_id, _ = browser.asked()
    browser.send("stream_start", request_id, status=200)
    browser.send("stream_chunk", request_id, data=f"data: {json.dumps(chunk('first'))}\n\n")
    assert sse.payloads(answer.result(20).body)[-1]["error"]["message"] == "upstream sent no data within 1s"
    browser.send("stream_chunk", request_id, data="data: {}\n\n")
    again = ask(later, relay_server, "generateContent")
    request_id, _ = browser.asked()
    browser.send("http_response", request_id, status=200, body="{}")
    assert again.result(20).status == 200


@CASE
def test_ping_and_pong(browser: Browser) -> None:
    browser.send("ping", "p-1")
    assert browser.receive() == {"id": "p-1", "type": "pong"}
    browser.socket.ping("are you there")
    opcode, data = browser.socket.recv_data(control_frame=True)
    assert (opcode, data) == (websocket.ABNF.OPCODE_PONG, b"are you there")


def test_count_tokens(relay_server: Proxy, browser: Browser, later: ThreadPoolExecutor) -> None:
    for body, status in (('{"totalTokens": 7}', 200), ('{"totalTokens": 0}', 500)):
        answer = ask(later, relay_server, "countTokens", {**BODY, "tools": [], "safetySettings": []})
        request_id, asked = browser.asked()
        assert json.loads(asked["body"]) == {"contents": BODY["contents"]}
        browser.send("http_response", request_id, status=200, body=body)
        got = answer.result(20)
        assert got.status == status
    assert got.json["error"]["message"] == "wsrelay: totalTokens missing in response"


def test_requests_at_once_are_kept_apart(relay_server: Proxy, browser: Browser, later: ThreadPoolExecutor) -> None:
    answers = {
        word: ask(later, relay_server, "generateContent", {"contents": [{"parts": [{"text": word}]}]})
        for word in ("one", "two", "three")
    }
    asked = [browser.asked() for _ in answers]
    for request_id, payload in reversed(asked):
        word = json.loads(payload["body"])["contents"][0]["parts"][0]["text"]
        browser.send("http_response", request_id, status=200, body=json.dumps(chunk(word)))
    for word, answer in answers.items():
        assert answer.result(20).json["candidates"] == chunk(word)["candidates"]


def test_a_large_request_arrives_whole(relay_server: Proxy, browser: Browser, later: ThreadPoolExecutor) -> None:
    """More than a socket takes at once."""
    text = "x" * (6 << 20)
    answer = ask(later, relay_server, "generateContent", {"contents": [{"parts": [{"text": text}]}]})
    request_id, asked = browser.asked()
    assert json.loads(asked["body"])["contents"][0]["parts"][0]["text"] == text
    browser.send("http_response", request_id, status=200, body=json.dumps(chunk(text)))
    assert answer.result(20).json["candidates"][0]["content"]["parts"][0]["text"] == text


def test_a_frame_that_is_no_message_ends_the_session(relay_server: Proxy) -> None:
    with Browser(relay_server) as page:
        appear(relay_server, MODEL, KEY)
        page.socket.send("not json")
        assert page.closed()
    vanish(relay_server, MODEL, KEY)
    assert "message is not JSON" in relay_server.log


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_upgrade(relay_server: Proxy, method: str) -> None:
    answer = relay_server.ask(method, "/v1/ws")
    assert answer.status == (400 if method == "GET" else 404)


def test_an_sdk_through_the_relay(relay_server: Proxy, browser: Browser, later: ThreadPoolExecutor) -> None:
    from google import genai

    options: Any = {"base_url": relay_server.base_url, "api_version": "v1beta"}
    with genai.Client(api_key=KEY, http_options=options) as client:
        answer = later.submit(client.models.generate_content, model=MODEL, contents="hi")
        request_id, _ = browser.asked()
        browser.send("http_response", request_id, status=200, body=json.dumps(chunk("hello", finishReason="STOP")))
        assert answer.result(20).text == "hello"


def test_a_client_of_another_format(relay_server: Proxy, browser: Browser, later: ThreadPoolExecutor) -> None:
    """The browser gets Gemini's words, the client gets its own."""
    asked = {"model": MODEL, "stream": True, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    answer = later.submit(relay_server.post, "/v1/messages", asked)
    request_id, sent = browser.asked()
    body = json.loads(sent["body"])
    assert (body["contents"], "model" in body) == ([{"role": "user", "parts": [{"text": "hi"}]}], False)
    browser.send("stream_start", request_id, status=200)
    for piece in (chunk("hel"), chunk("lo", finishReason="STOP")):
        browser.send("stream_chunk", request_id, data=f"data: {json.dumps(piece)}\n\n")
    browser.send("stream_end", request_id)
    events = sse.payloads(answer.result(20).body)
    assert "".join(event["delta"]["text"] for event in events if event["type"] == "content_block_delta") == "hello"
    assert [event["type"] for event in events][-2:] == ["message_delta", "message_stop"]


def test_errors_for_a_client_of_another_format(
    relay_server: Proxy, browser: Browser, later: ThreadPoolExecutor
) -> None:
    asked = {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    answer = later.submit(relay_server.post, "/v1/messages", asked)
    request_id, _ = browser.asked()
    error = {"error": {"code": 403, "message": "not you", "status": "PERMISSION_DENIED"}}
    browser.send("http_response", request_id, status=403, body=json.dumps(error))
    got = answer.result(20)
    assert got.status == 403
    assert got.json == {"type": "error", "error": {**error["error"], "type": "permission_error"}}


@CASE
def test_enabling_ws_auth_drops_the_session(start: Start) -> None:
    proxy = start({"api-keys": [KEY]})
    with Browser(proxy) as page:
        appear(proxy, MODEL, KEY)
        proxy.write_config({"api-keys": [KEY], "ws-auth": True})
        assert page.closed()
    vanish(proxy, MODEL, KEY)
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        Browser(proxy)
    assert refused.value.status_code == 401
    for path in (f"/v1/ws?auth_token={KEY}", f"/v1/ws?key={KEY}"):
        with Browser(proxy, path):
            appear(proxy, MODEL, KEY)
        vanish(proxy, MODEL, KEY)


def test_a_stop_does_not_wait_for_sessions(start: Start) -> None:
    proxy = start({"api-keys": [KEY]})
    with Browser(proxy) as page:
        appear(proxy, MODEL, KEY)
        proxy.stop()
        assert page.closed()
