"""Keep-alives, restarts before the first byte and empty streams (client-api.md 18, cases 6 to 9)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import openai
import pytest
from end_to_end import sse
from end_to_end.families import ALL, CHAT, CLAUDE, GEMINI, LEGACY, PROTOCOLS, RESPONSES, Family, Fresh
from end_to_end.proxy import AUTHORIZED, KEY, Proxy, send
from google import genai
from upstream.content import TEXT, long_text
from upstream.plan import EMPTY, Plan
from upstream.server import FakeUpstream

EACH = pytest.mark.parametrize("family", PROTOCOLS, ids=repr)


def post(server: Proxy, family: Family, model: str | None = None, stream: bool = True) -> tuple[int, bytes]:
    answer = server.post(family.path(model, stream), family.body(model, stream), timeout=30)
    return answer.status, answer.body


# --- 6


@pytest.mark.case("client-api:6")
@EACH
@pytest.mark.parametrize(
    "failure",
    [Plan(status=401), Plan(status=500), Plan(refuse=True), EMPTY, Plan(error_after=0)],
    ids=["401", "500", "hang-up", "empty", "error-event"],
)
def test_failure_before_the_first_unit_is_invisible(
    ticking: Proxy, upstream: FakeUpstream, fresh_pair: Fresh, family: Family, failure: Plan
) -> None:
    upstream.plan(failure)
    status, body = post(ticking, family, fresh_pair(family))
    assert (status, family.stream_text(body), len(upstream.requests)) == (200, TEXT.joined, 2)
    if not failure.refuse:  # a kept connection that hangs up at once may be tried again on a new one
        assert len({request.credential for request in upstream.requests}) == 2


@pytest.mark.case("client-api:6")
@EACH
def test_a_round_that_failed_is_started_again(
    ticking: Proxy, upstream: FakeUpstream, fresh_pair: Fresh, family: Family
) -> None:
    """bootstrap-retries: 1 adds one whole round, and only one."""
    upstream.plan(Plan(status=500), Plan(status=500))
    model = fresh_pair(family)
    status, body = post(ticking, family, model)
    assert (status, family.stream_text(body), len(upstream.requests)) == (200, TEXT.joined, 3)
    upstream.always(Plan(status=500, message="for ever"))
    status, body = post(ticking, family, model)
    assert (status, len(upstream.requests)) == (500, 3 + 4)
    assert b"for ever" in body


@pytest.mark.case("client-api:6")
@pytest.mark.parametrize("status", [400, 422])
@EACH
def test_a_bad_request_is_not_tried_again(
    ticking: Proxy, upstream: FakeUpstream, fresh_pair: Fresh, family: Family, status: int
) -> None:
    upstream.always(Plan(status=status))
    assert post(ticking, family, fresh_pair(family))[0] == status
    assert len(upstream.requests) == 1


@pytest.mark.case("client-api:6")
@pytest.mark.parametrize("failure", ["cut", "event"])
@EACH
def test_failure_after_the_first_unit_is_final(
    ticking: Proxy, upstream: FakeUpstream, fresh_pair: Fresh, family: Family, failure: str
) -> None:
    reply = long_text(60)
    upstream.plan(Plan(reply=reply, cut_after=20) if failure == "cut" else Plan(reply=reply, error_after=20))
    status, body = post(ticking, family, fresh_pair(family))
    assert (status, len(upstream.requests)) == (200, 1)
    assert b"[DONE]" not in body
    assert b"event: message_stop" not in body
    assert b"response.completed" not in body
    last = sse.parse(body)[-1]
    assert "error" in last.json
    assert last.name == ("" if family in (CHAT, GEMINI) else "error")


# --- 7

ZERO = [
    (CHAT, CHAT.path(), "text/event-stream", b"data: [DONE]\n\n"),
    (LEGACY, LEGACY.path(), "text/event-stream", b"data: [DONE]\n\n"),
    (RESPONSES, RESPONSES.path(), "text/event-stream", b""),
    (CLAUDE, CLAUDE.path(), "text/event-stream", b""),
    (GEMINI, "/v1beta/models/{}:streamGenerateContent?alt=sse", "text/event-stream", b""),
    (GEMINI, "/v1beta/models/{}:streamGenerateContent?alt=json", "application/json", b"[]"),
]


@pytest.mark.case("client-api:7")
@pytest.mark.parametrize(("family", "path", "kind", "body"), ZERO)
def test_stream_without_any_unit(
    server: Proxy, upstream: FakeUpstream, fresh: Fresh, family: Family, path: str, kind: str, body: bytes
) -> None:
    upstream.always(EMPTY)
    model = fresh(CHAT if family is LEGACY else family)
    answer = server.post(path.format(model), family.body(model, True))
    assert (answer.status, answer.kind, answer.body) == (200, kind, body)


# --- 8


def torn(events: Iterable[bytes]) -> Iterator[bytes]:
    """One whole event, then half of the next, then the rest."""
    first, *rest = events
    tail = b"".join(rest)
    yield first + tail[:30]
    yield tail[30:]


@pytest.mark.case("client-api:8")
def test_comments_between_whole_events_only(ticking: Proxy, upstream: FakeUpstream) -> None:
    """Silence before the first unit, and again in the middle of an event."""
    upstream.always(Plan(delay=1.5, pause=2.4, chop=torn))
    with ThreadPoolExecutor(len(PROTOCOLS)) as pool:
        answers = list(pool.map(lambda family: post(ticking, family), PROTOCOLS))
    for family, (status, body) in zip(PROTOCOLS, answers, strict=True):
        assert status == 200, family
        if family is GEMINI:  # blank lines: Google's SDK reads a comment as broken JSON
            ticks = body.count(b"\n\n\n")
            assert b": keep-alive" not in body
        else:
            comments = [event.comment for event in sse.parse(body) if event.comment]
            ticks = len(comments)
            assert set(comments) == {"keep-alive"}, family
        assert ticks in (1, 2), family
        assert sse.parse(body)[0].data
        assert family.stream_text(body) == TEXT.joined


@pytest.mark.case("client-api:8")
@pytest.mark.parametrize("sdk", ["chat", "responses", "claude", "gemini"])
def test_official_sdks_take_keep_alives(ticking: Proxy, upstream: FakeUpstream, sdk: str) -> None:
    upstream.always(Plan(pause=1.4, chop=torn))
    assert SDKS[sdk](ticking) == TEXT.joined


def ask_chat(server: Proxy) -> str:
    asked: Any = [{"role": "user", "content": "hi"}]
    with (
        openai.OpenAI(base_url=f"{server.base_url}/v1", api_key=KEY, max_retries=0) as client,
        client.chat.completions.stream(model=CHAT.model, messages=asked) as stream,
    ):
        return stream.get_final_completion().choices[0].message.content or ""


def ask_responses(server: Proxy) -> str:
    with (
        openai.OpenAI(base_url=f"{server.base_url}/v1", api_key=KEY, max_retries=0) as client,
        client.responses.stream(model=RESPONSES.model, input="hi") as stream,
    ):
        return stream.get_final_response().output_text


def ask_claude(server: Proxy) -> str:
    asked: Any = [{"role": "user", "content": "hi"}]
    with (
        anthropic.Anthropic(base_url=server.base_url, api_key=KEY, max_retries=0) as client,
        client.messages.stream(model=CLAUDE.model, max_tokens=100, messages=asked) as stream,
    ):
        return stream.get_final_text()


def ask_gemini(server: Proxy) -> str:
    options: Any = {"base_url": server.base_url, "api_version": "v1beta"}
    with genai.Client(api_key=KEY, http_options=options) as client:
        chunks = client.models.generate_content_stream(model=GEMINI.model, contents="hi")
        return "".join(chunk.text or "" for chunk in chunks)


SDKS = {"chat": ask_chat, "responses": ask_responses, "claude": ask_claude, "gemini": ask_gemini}


@pytest.mark.case("client-api:8")
def test_nothing_is_sent_before_the_first_unit(ticking: Proxy, upstream: FakeUpstream) -> None:
    """A failure after a long wait still has its own status."""
    upstream.always(Plan(delay=2.2, status=422, message="too late"))
    assert post(ticking, CHAT)[0] == 422


@pytest.mark.case("client-api:8")
def test_no_comments_in_json_arrays(ticking: Proxy, upstream: FakeUpstream) -> None:
    upstream.always(Plan(pause=1.4, chop=torn))
    answer = ticking.post("/v1beta/models/gemini-test:streamGenerateContent?alt=json", GEMINI.body())
    assert "".join(GEMINI.delta(chunk) for chunk in answer.json) == TEXT.joined


@pytest.mark.case("client-api:8")
def test_busy_streams_have_no_comments(ticking: Proxy, upstream: FakeUpstream) -> None:
    upstream.always(Plan(reply=long_text(12), pause=0.15))
    assert b": keep-alive" not in post(ticking, CLAUDE)[1]


# --- 9


@pytest.mark.case("client-api:9")
def test_newlines_before_whole_answers(ticking: Proxy, upstream: FakeUpstream) -> None:
    upstream.always(Plan(delay=2.4))
    compact = ("/v1/responses/compact", {"model": "codex-test", "input": [{"role": "user", "content": "hi"}]})
    asked = [(family.path(), family.body()) for family in ALL] + [compact]
    with ThreadPoolExecutor(len(asked)) as pool:
        answers = list(pool.map(lambda ask: ticking.post(*ask), asked))
    for (path, _), answer in zip(asked, answers, strict=True):
        assert (answer.status, answer.kind) == (200, "application/json"), path
        assert re.match(rb"\n{1,3}\{", answer.body), path
        assert isinstance(answer.json, dict)


@pytest.mark.case("client-api:9")
def test_no_newlines_before_counts(ticking: Proxy, upstream: FakeUpstream) -> None:
    upstream.always(Plan(delay=1.3))
    counts = [("/v1/messages/count_tokens", CLAUDE.body()), ("/v1beta/models/gemini-test:countTokens", GEMINI.body())]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda ask: ticking.post(*ask), counts))
    assert [answer.body[:1] for answer in answers] == [b"{", b"{"]


@pytest.mark.case("client-api:9")
def test_quick_answers_have_no_newlines(ticking: Proxy, upstream: FakeUpstream) -> None:
    assert ticking.post(CHAT.path(), CHAT.body()).body.startswith(b"{")


@pytest.mark.case("client-api:9")
def test_late_failure_comes_after_newlines(ticking: Proxy, upstream: FakeUpstream) -> None:
    """The status has gone out as 200; the error body still follows (client-api.md 5.6)."""
    upstream.always(Plan(delay=1.4, status=422, message="too late"))
    answer = ticking.post(CLAUDE.path(), CLAUDE.body())
    assert (answer.status, answer.body[:1]) == (200, b"\n")
    assert answer.json["type"] == "error"
    assert answer.json["error"]["message"] == "too late"


@pytest.mark.case("client-api:9")
def test_newlines_come_one_by_one(ticking: Proxy, upstream: FakeUpstream) -> None:
    upstream.plan(Plan(stall_before=True))
    connection = ticking.connect()
    try:
        send(connection, "POST", CHAT.path(), CHAT.body(), AUTHORIZED)
        response = connection.getresponse()
        assert [response.read1() for _ in itertools.repeat(None, 2)] == [b"\n", b"\n"]
        upstream.release()
        assert response.read().lstrip(b"\n").startswith(b"{")
    finally:
        connection.close()
