"""The fake upstream does what it is told, and speaks as the official SDKs expect."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import threading
import zlib
from collections.abc import Iterator
from typing import Any

import anthropic
import brotli
import openai
import pytest
import zstandard
from google import genai
from upstream.content import SIGNATURE, TEXT, THINKING, TWO_TOOLS, Reply, long_text
from upstream.plan import EMPTY, REFUSE, Framing, Plan, at_random, per_byte
from upstream.server import FakeUpstream
from upstream.waiting import eventually

HEADERS = {
    "Content-Type": "application/json", "Authorization": "Bearer k", "X-Goog-Api-Key": "k",
    "Anthropic-Version": "2023-06-01",
}  # fmt: skip
CHAT = {"model": "up", "messages": [{"role": "user", "content": "hi"}]}
CLAUDE = {**CHAT, "max_tokens": 9}
CODEX = {"model": "up", "input": CHAT["messages"], "instructions": "", "store": False, "stream": True}
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
STARTS = re.compile(r"content_block_start|output_item.added")


@pytest.fixture
def fake() -> Iterator[FakeUpstream]:
    before = threading.active_count()
    with FakeUpstream() as upstream:
        yield upstream
    eventually(lambda: threading.active_count() <= before, "all threads of the fake have ended")


def ask(fake: FakeUpstream, body: Any = CHAT, path: str = "/v1/chat/completions", **more: Any) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", fake.port, timeout=5)
    try:
        connection.request("POST", path, json.dumps({**body, **more}), HEADERS)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_records_what_it_got(fake: FakeUpstream) -> None:
    assert ask(fake)[0] == 200
    (request,) = fake.requests
    assert (request.method, request.path, request.json) == ("POST", "/v1/chat/completions", CHAT)
    assert request.headers["authorization"] == "Bearer k"
    eventually(lambda: request.answered, "the answer is known to be written")
    assert request.left is None


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/chat/completions", CHAT),
        ("/v1/chat/completions", {"messages": []}),
        ("/v1/chat/completions", {"model": "", "messages": []}),
        ("/v1/messages", {"model": "m", "messages": [], "max_tokens": 1}),
        ("/responses", {"model": "m", "input": []}),
        ("/v1beta/models/m:generateContent", {"contents": []}),
        ("/v1beta/models/m:streamGenerateContent", {"contents": []}),
    ],
)
def test_refuses_malformed_requests(fake: FakeUpstream, path: str, body: dict[str, Any]) -> None:
    assert ask(fake, body, path)[0] == 400
    assert len(fake.refusals) == 1


def test_plans_are_used_in_order_and_then_the_default(fake: FakeUpstream) -> None:
    fake.plan(Plan(status=429, headers=(("Retry-After", "7"),)), Plan(status=503, body=b"down"))
    fake.always(Plan(reply=long_text(2)))
    assert [ask(fake)[0], ask(fake)] == [429, (503, b"down")]
    assert b"w0 w1 " in ask(fake)[1]


@pytest.mark.parametrize("framing", list(Framing))
@pytest.mark.parametrize("chop", [per_byte, at_random(5, 7)])
def test_framing_and_pieces_do_not_change_the_bytes(fake: FakeUpstream, framing: Framing, chop: Any) -> None:
    whole = ask(fake, stream=True)[1]
    fake.plan(Plan(framing=framing, chop=chop))
    assert ask(fake, stream=True)[1] == whole
    assert whole.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("encoding", "decode"),
    [
        ("gzip", gzip.decompress),
        ("br", brotli.decompress),
        ("zstd", lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data)),
    ],
)
def test_compressed_answers(fake: FakeUpstream, encoding: str, decode: Any) -> None:
    whole = ask(fake, stream=True)[1]
    fake.plan(Plan(encoding=encoding), Plan(encoding=encoding, status=429, message="slow down"))
    assert decode(ask(fake, stream=True)[1]) == whole
    status, body = ask(fake)
    assert status == 429
    assert json.loads(decode(body))["error"]["message"] == "slow down"


def test_compressed_pieces_can_be_read_as_they_arrive(fake: FakeUpstream) -> None:
    fake.plan(Plan(encoding="gzip", stall_after=2))
    connection = http.client.HTTPConnection("127.0.0.1", fake.port, timeout=5)
    connection.request("POST", "/v1/chat/completions", json.dumps({**CHAT, "stream": True}), HEADERS)
    answer, text = connection.getresponse(), b""
    unzip = zlib.decompressobj(wbits=31)
    while TEXT.text[0].encode() not in text:
        text += unzip.decompress(answer.read1())
    connection.close()
    eventually(lambda: fake.requests[0].left, "the fake notices that the client has gone")


def test_refusing_closes_without_a_word(fake: FakeUpstream) -> None:
    fake.plan(REFUSE)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        ask(fake)


def test_cut_breaks_the_framing(fake: FakeUpstream) -> None:
    fake.plan(Plan(cut_after=3))
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(fake, stream=True)
    assert caught.value.partial.count(b"data: ") == 3


def test_empty_stream_and_error_event(fake: FakeUpstream) -> None:
    fake.plan(EMPTY, Plan(error_after=2, message="boom"))
    assert ask(fake, stream=True) == (200, b"")
    events = ask(fake, stream=True)[1].split(b"\n\n")
    assert len(events) == 4
    assert b"boom" in events[2]


def test_stall_ends_with_release(fake: FakeUpstream) -> None:
    fake.plan(Plan(stall_before=True))
    results: list[int] = []
    client = threading.Thread(target=lambda: results.append(ask(fake)[0]))
    client.start()
    fake.wait_for(1)
    assert not results
    fake.release()
    client.join(5)
    assert results == [200]


def test_openai_sdk_reads_a_stream(fake: FakeUpstream) -> None:
    fake.always(Plan(reply=TWO_TOOLS))
    asked: Any = [{"role": "user", "content": "hi"}]
    with (
        openai.OpenAI(base_url=f"{fake.url}/v1", api_key="k", max_retries=0) as client,
        client.chat.completions.stream(model="up", messages=asked) as stream,
    ):
        message = stream.get_final_completion().choices[0].message
    assert [call.function.arguments for call in message.tool_calls or []] == [
        call.arguments for call in TWO_TOOLS.calls
    ]


def test_openai_sdk_reads_responses(fake: FakeUpstream) -> None:
    fake.always(Plan(reply=THINKING))
    with openai.OpenAI(base_url=fake.url, api_key="k", max_retries=0) as client:
        asked: Any = [{"type": "message", "role": "user", "content": "hi"}]
        with client.responses.stream(model="up", input=asked, instructions="", store=False) as stream:
            response = stream.get_final_response()
    assert response.output_text == TEXT.joined
    assert [item.type for item in response.output] == ["reasoning", "message"]


def test_anthropic_sdk_reads_a_stream(fake: FakeUpstream) -> None:
    fake.always(Plan(reply=THINKING))
    with anthropic.Anthropic(base_url=fake.url, api_key="k", max_retries=0) as client:
        asked: Any = [{"role": "user", "content": "hi"}]
        with client.messages.stream(model="up", max_tokens=9, messages=asked) as stream:
            message = stream.get_final_message()
    thinking, text = message.content
    assert thinking.type == "thinking"
    assert (thinking.thinking, thinking.signature) == (THINKING.thoughts, SIGNATURE)
    assert text.type == "text"
    assert text.text == TEXT.joined


LONG = Reply(("one ",), ("hm ",), SIGNATURE, TWO_TOOLS.calls[:1], then=Reply(("two",), (), "", TWO_TOOLS.calls[1:]))


@pytest.mark.parametrize(
    ("path", "body", "kinds"),
    [
        ("/v1/messages", {**CLAUDE, "stream": True}, ["thinking", "text", "tool_use", "text", "tool_use"]),
        ("/responses", CODEX, ["reasoning", "message", "function_call", "message", "function_call"]),
    ],
)
def test_an_answer_goes_on_after_its_calls(fake: FakeUpstream, path: str, body: Any, kinds: list[str]) -> None:
    fake.always(Plan(reply=LONG))
    events = [json.loads(line[6:]) for line in ask(fake, body, path)[1].split(b"\n") if line.startswith(b"data: {")]
    opened = [event.get("content_block") or event.get("item") for event in events if STARTS.search(event["type"])]
    assert [item["type"] for item in opened] == kinds
    assert len({item.get("id") or str(number) for number, item in enumerate(opened)}) == len(kinds)


@pytest.mark.parametrize(("stop", "word"), [("length", "MAX_TOKENS"), ("content_filter", "SAFETY")])
def test_why_an_answer_ended(fake: FakeUpstream, stop: Any, word: str) -> None:
    fake.always(Plan(reply=Reply(("x",), stop=stop)))
    assert ask(fake)[1].count(f'"finish_reason": "{stop}"'.encode()) == 1
    assert f'"finishReason": "{word}"'.encode() in ask(fake, GEMINI, "/v1beta/models/m:generateContent")[1]
    assert b'"stop_reason": "end_turn"' not in ask(fake, CLAUDE, "/v1/messages")[1]
    assert b"event: response.incomplete" in ask(fake, CODEX, "/responses")[1]


def test_genai_sdk_reads_a_stream(fake: FakeUpstream) -> None:
    fake.always(Plan(reply=TWO_TOOLS))
    with genai.Client(api_key="k", http_options={"base_url": fake.url, "api_version": "v1beta"}) as client:
        chunks = list(client.models.generate_content_stream(model="up", contents="hi"))
    calls = [call for chunk in chunks for call in chunk.function_calls or []]
    assert [call.name for call in calls] == [call.name for call in TWO_TOOLS.calls]
