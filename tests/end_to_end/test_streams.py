"""Streams stay whole: any chunk borders, any framing, many at once, broken ones told as broken (client-api.md 7)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from end_to_end import sse
from end_to_end.families import ALL, CHAT, CLAUDE, GEMINI, PROTOCOLS, RESPONSES, Family, Fresh
from end_to_end.proxy import AUTHORIZED, Answer, Proxy, send, whole
from upstream import chat
from upstream.content import TEXT, long_text
from upstream.plan import Framing, Plan, at_once, at_random, per_byte, per_event
from upstream.server import FakeUpstream
from upstream.waiting import eventually

EACH = pytest.mark.parametrize("family", PROTOCOLS, ids=repr)
LONG = long_text(1000)


def stream(server: Proxy, family: Family, model: str | None = None) -> Answer:
    return server.post(family.path(model, True), family.body(model, True), timeout=60)


def assert_well_formed(family: Family, answer: Answer) -> None:
    assert (answer.status, answer.kind) == (200, "text/event-stream")
    events = sse.parse(answer.body)
    if family is CHAT:
        assert events[-1].data == "[DONE]"
    models = {family.model_of(data) for data in sse.payloads(answer.body)} - {None}
    assert models == {family.model}


@EACH
@pytest.mark.parametrize(
    "chop", [at_random(1), at_random(2, 12), at_once, per_event], ids=["random", "tiny", "at-once", "events"]
)
def test_a_thousand_chunks_arrive_unbroken(server: Proxy, upstream: FakeUpstream, family: Family, chop: Any) -> None:
    upstream.always(Plan(reply=LONG, chop=chop))
    answer = stream(server, family)
    assert_well_formed(family, answer)
    assert family.stream_text(answer.body) == LONG.joined


@pytest.mark.parametrize("family", ALL, ids=repr)
def test_a_border_at_every_byte(server: Proxy, upstream: FakeUpstream, family: Family) -> None:
    upstream.always(Plan(chop=per_byte))
    answer = stream(server, family)
    assert_well_formed(family, answer)
    assert family.stream_text(answer.body) == TEXT.joined


@EACH
@pytest.mark.parametrize("framing", [Framing.CLOSE, Framing.LENGTH])
def test_other_framings(server: Proxy, upstream: FakeUpstream, family: Family, framing: Framing) -> None:
    upstream.always(Plan(framing=framing, chop=at_random(3, 50)))
    answer = stream(server, family)
    assert_well_formed(family, answer)
    assert family.stream_text(answer.body) == TEXT.joined
    whole_answer = server.post(family.path(), family.body())
    assert family.text(whole_answer.json) == TEXT.joined


@EACH
@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd"])
def test_compressed_upstreams(server: Proxy, upstream: FakeUpstream, family: Family, encoding: str) -> None:
    """An upstream that compresses although it was not asked to (providers.md 2.2)."""
    upstream.always(Plan(encoding=encoding, chop=at_random(4, 30)))
    answer = stream(server, family)
    assert_well_formed(family, answer)
    assert family.stream_text(answer.body) == TEXT.joined
    assert "content-encoding" not in answer.headers
    assert family.text(server.post(family.path(), family.body()).json) == TEXT.joined


@EACH
@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd"])
def test_compressed_errors_are_readable(
    server: Proxy, upstream: FakeUpstream, family: Family, fresh: Fresh, encoding: str
) -> None:
    upstream.plan(Plan(status=400, message="compressed words", encoding=encoding))
    answer = server.post(family.path(fresh(family)), family.body(fresh(family)))
    assert answer.status == 400
    assert answer.json["error"]["message"] == "compressed words"


def test_events_are_passed_on_at_once(server: Proxy, upstream: FakeUpstream) -> None:
    """What has arrived from a compressed, close-delimited upstream reaches the client while the rest stalls."""
    for framing, encoding in ((Framing.CHUNKED, ""), (Framing.CLOSE, ""), (Framing.CLOSE, "gzip")):
        upstream.plan(Plan(stall_after=2, framing=framing, encoding=encoding))
        connection = server.connect()
        send(connection, "POST", CHAT.path(stream=True), CHAT.body(stream=True), AUTHORIZED)
        response, text = connection.getresponse(), b""
        while b"Hello" not in text:
            text += response.read1()
        connection.close()


def test_two_hundred_streams_at_once(server: Proxy, upstream: FakeUpstream) -> None:
    """All are open at the same time on one worker, then all end well."""
    upstream.always(Plan(reply=long_text(40), stall_after=3))
    families = [PROTOCOLS[number % len(PROTOCOLS)] for number in range(200)]
    with ThreadPoolExecutor(200) as pool:
        answers = [pool.submit(stream, server, family) for family in families]
        upstream.wait_for(200, seconds=30)
        assert not any(answer.done() for answer in answers)
        upstream.release()
        results = [answer.result(60) for answer in answers]
    for family, answer in zip(families, results, strict=True):
        assert_well_formed(family, answer)
        assert family.stream_text(answer.body) == long_text(40).joined


def test_a_connection_to_the_upstream_is_used_again(server: Proxy, upstream: FakeUpstream) -> None:
    for _ in range(3):
        assert stream(server, CHAT).status == 200
        assert server.post(CHAT.path(), CHAT.body()).status == 200
    assert len({request.connection for request in upstream.requests}) <= 2


# What remains of the terminal frame's words in each protocol, and what a good stream would have ended with.
BROKEN = [
    (CHAT, b"data: {", b"[DONE]"),
    (RESPONSES, b"event: error\n", b"response.completed"),
    (CLAUDE, b"event: error\n", b"message_stop"),
    (GEMINI, b"data: {", b"finishReason"),
]
BREAKS = [
    pytest.param(Plan(reply=LONG, cut_after=20), "", id="cut"),
    pytest.param(Plan(reply=LONG, error_after=20, message="lost my mind"), "lost my mind", id="error-event"),
]


@pytest.mark.parametrize(("plan", "words"), BREAKS)
@pytest.mark.parametrize(("family", "frame", "ending"), BROKEN, ids=[family.name for family, *_ in BROKEN])
def test_a_broken_stream_ends_with_one_error_frame(
    server: Proxy, upstream: FakeUpstream, fresh: Fresh, family: Family, frame: bytes, ending: bytes, plan: Plan,
    words: str,
) -> None:  # fmt: skip
    upstream.plan(plan)
    answer = stream(server, family, fresh(family))
    events = sse.parse(answer.body)
    assert (answer.status, len(upstream.requests)) == (200, 1)
    assert ending not in answer.body
    assert family.stream_text(answer.body.rpartition(frame)[0]).startswith("w0 w1 ")
    error = events[-1].json
    assert words in json_text(error)
    assert "error" in error
    assert [event.name for event in events].count("error") == (0 if family in (CHAT, GEMINI) else 1)


def json_text(data: Any) -> str:
    inner = data["error"]
    assert inner["message"], data
    return str(inner["message"])


@pytest.mark.parametrize(("family", "ending"), [(family, ending) for family, _, ending in BROKEN])
def test_close_delimited_stream_that_is_cut_is_not_a_success(
    server: Proxy, upstream: FakeUpstream, fresh: Fresh, family: Family, ending: bytes
) -> None:
    """Nothing but the missing last event tells it: the client must hear it too (anchors.md 3.2)."""
    upstream.plan(Plan(reply=LONG, framing=Framing.CLOSE, cut_after=20))
    answer = stream(server, family, fresh(family))
    assert ending not in answer.body
    assert "error" in sse.parse(answer.body)[-1].json


def test_silence_in_a_started_stream_ends_it(impatient: Proxy, upstream: FakeUpstream, fresh: Fresh) -> None:
    """The idle limit (providers.md 2.1): an error frame, and the upstream connection is dropped."""
    upstream.plan(Plan(stall_after=3))
    answer = stream(impatient, CHAT, fresh(CHAT))
    events = sse.parse(answer.body)
    assert events[-1].json["error"]["message"] == "upstream sent no data within 1s"
    assert b"[DONE]" not in answer.body
    eventually(lambda: upstream.requests[0].left, "the upstream connection is closed", seconds=2)


def test_keep_alive_connection_serves_streams_and_answers_in_turn(server: Proxy) -> None:
    connection = server.connect()
    try:
        for streamed in (True, False, True):
            send(connection, "POST", CHAT.path(), CHAT.body(stream=streamed), AUTHORIZED)
            answer = whole(connection.getresponse())
            assert answer.status == 200
            assert (b"[DONE]" in answer.body) is streamed
    finally:
        connection.close()


def test_reply_of_unknown_shape_passes(server: Proxy, upstream: FakeUpstream) -> None:
    """Same format in and out: unknown fields, odd numbers and escapes survive to the byte (translation.md 6)."""
    raw = (
        b'data: {"id":"x","model":"gpt-up","n":1.0,"big":12345678901234567890123,"e":1e3,"s":"\\u00e9\\/",'
        b'"choices":[{"index":0,"delta":{"content":"hi","new":[null]}}]}\n\n'
    )
    end = chat.chunk(TEXT, "gpt-up", {}, "stop")
    upstream.plan(Plan(events=(raw, end, b"data: [DONE]\n\n"), chop=at_random(8, 9)))
    answer = stream(server, CHAT)
    expected = (raw + end + b"data: [DONE]\n\n").replace(b'"gpt-up"', b'"gpt-test"')
    assert answer.body == expected
