"""Every stream has the order that its clients demand, whatever the upstream and however its pieces are cut (design 7)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from end_to_end import sse
from end_to_end.families import CLAUDE, GEMINI, PROTOCOLS, RESPONSES, Family
from end_to_end.matrix import order
from end_to_end.matrix.raw_calls import calls_of
from end_to_end.matrix.targets import EACH_TARGET, TARGETS, Target
from end_to_end.proxy import AUTHORIZED, Proxy, send
from upstream.content import ONE_TOOL, TEXT, THINKING, TWO_TOOLS, Reply, ToolCall, long_text
from upstream.plan import Plan, at_once, at_random, per_byte, per_event
from upstream.server import FakeUpstream
from upstream.waiting import eventually

EACH_FAMILY = pytest.mark.parametrize("family", PROTOCOLS, ids=repr)
ACROSS = pytest.mark.parametrize(
    ("family", "target"),
    [pytest.param(f, t, id=f"{f}-{t}") for f in PROTOCOLS for t in TARGETS if t.family is not f],
)
NO_ARGUMENTS = Reply(calls=(ToolCall("c1", "get_time", "{}"), ToolCall("c2", "get_time", "{}")))
REPLIES = {
    "text": TEXT, "thinking": THINKING, "one tool": ONE_TOOL, "two tools": TWO_TOOLS,
    "all": replace(THINKING, calls=TWO_TOOLS.calls), "no arguments": NO_ARGUMENTS, "nothing": Reply(),
    "length": replace(TEXT, stop="length"), "filtered": Reply(thinking=("hm",), stop="content_filter"),
}  # fmt: skip
"""What an upstream may say."""


def stream(server: Proxy, family: Family, target: Target, **more: Any) -> bytes:
    answer = server.post(family.path(target.model, True), family.body(target.model, True, **more))
    assert (answer.status, answer.kind) == (200, "text/event-stream"), answer.body
    return answer.body


@pytest.mark.parametrize("reply", REPLIES.values(), ids=list(REPLIES))
@EACH_TARGET
@EACH_FAMILY
def test_order(matrix: Proxy, upstream: FakeUpstream, family: Family, target: Target, reply: Reply) -> None:
    upstream.always(Plan(reply=reply))
    order.check(family, stream(matrix, family, target))


@EACH_TARGET
@EACH_FAMILY
def test_pieces_do_not_change_the_answer(matrix: Proxy, upstream: FakeUpstream, family: Family, target: Target) -> None:
    """At once, byte by byte, at random."""
    reply = replace(THINKING, text=(*TEXT.text, *long_text(20).text), calls=TWO_TOOLS.calls)
    wanted = [("", call.name, json.loads(call.arguments)) for call in reply.calls]
    for chop in (per_event, at_once, per_byte, at_random(21), at_random(22, 5)):
        upstream.plan(Plan(reply=reply, chop=chop))
        answer = stream(matrix, family, target)
        order.check(family, answer)
        assert (family.stream_text(answer), calls_of(family, answer)) == (reply.joined, wanted)


@ACROSS
def test_whole_answers_say_what_streams_say(
    matrix: Proxy, upstream: FakeUpstream, family: Family, target: Target
) -> None:
    upstream.always(Plan(reply=replace(THINKING, calls=TWO_TOOLS.calls)))
    answer = matrix.post(family.path(target.model), family.body(target.model))
    assert (answer.status, answer.kind) == (200, "application/json")
    assert family.text(answer.json) == family.stream_text(stream(matrix, family, target)) == TEXT.joined
    assert family.model_of(answer.json) == target.model
    assert answer.headers["x-upstream-model"] == target.upstream_model


@EACH_FAMILY
def test_request_fields_are_echoed_by_responses_alone(matrix: Proxy, upstream: FakeUpstream, family: Family) -> None:
    """Those of the client's own request (translation.md 3.8)."""
    target = next(target for target in TARGETS if target.family is not family)
    more = {"instructions": "be brief", "metadata": {"a": "b"}, "temperature": 0.5} if family is RESPONSES else {}
    answer = matrix.post(family.path(target.model), family.body(target.model, **more)).json
    for name, value in more.items():
        assert answer[name] == value
    assert ("instructions" in answer) is (family is RESPONSES)


@EACH_TARGET
def test_gemini_clients_may_have_an_array(matrix: Proxy, upstream: FakeUpstream, target: Target) -> None:
    answer = matrix.post(f"/v1beta/models/{target.model}:streamGenerateContent?alt=json", GEMINI.body())
    assert (answer.status, answer.kind) == (200, "application/json")
    assert "".join(map(GEMINI.delta, answer.json)) == TEXT.joined


@EACH_TARGET
def test_legacy_completions(matrix: Proxy, upstream: FakeUpstream, target: Target) -> None:
    answer = matrix.post("/v1/completions", {"model": target.model, "prompt": "hi", "max_tokens": 9})
    streamed = matrix.post("/v1/completions", {"model": target.model, "prompt": "hi", "stream": True})
    (choice,) = answer.json["choices"]
    assert (choice["text"], choice["finish_reason"], answer.json["model"]) == (TEXT.joined, "stop", target.model)
    choices = [choice for chunk in sse.payloads(streamed.body) for choice in chunk["choices"]]
    assert "".join(choice["text"] for choice in choices) == TEXT.joined
    assert streamed.body.endswith(b"data: [DONE]\n\n")


@EACH_TARGET
def test_a_responses_body_on_the_chat_route(matrix: Proxy, upstream: FakeUpstream, target: Target) -> None:
    """Answered as Chat (translation.md 0.6)."""
    body = {"model": target.model, "instructions": "be brief", "input": "hi"}
    answer = matrix.post("/v1/chat/completions", body).json
    assert (answer["object"], answer["choices"][0]["message"]["content"]) == ("chat.completion", TEXT.joined)
    seen = target.read(upstream.requests[0].json)
    assert (seen.system, seen.said) == ("be brief", (("user", "hi"),))


@ACROSS
def test_words_are_passed_on_at_once(matrix: Proxy, upstream: FakeUpstream, family: Family, target: Target) -> None:
    """What has been said reaches the client while the rest stalls; the upstream hears at once that it has gone."""
    upstream.plan(Plan(stall_after=target.error_after))
    connection = matrix.connect()
    send(connection, "POST", family.path(target.model, True), family.body(target.model, True), AUTHORIZED)
    response, text = connection.getresponse(), b""
    while TEXT.text[0].encode() not in text:
        text += response.read1()
    connection.close()
    eventually(lambda: upstream.requests[0].left, "the upstream connection is closed", seconds=5)


@pytest.mark.parametrize("family", [CLAUDE, GEMINI], ids=repr)
@EACH_TARGET
def test_counts(matrix: Proxy, upstream: FakeUpstream, family: Family, target: Target) -> None:
    """From the upstream where it counts, else our own (translation.md 7)."""
    path = "/v1/messages/count_tokens" if family is CLAUDE else f"/v1beta/models/{target.model}:countTokens"
    answer = matrix.post(path, family.body(target.model))
    assert answer.status == 200
    count = answer.json["input_tokens" if family is CLAUDE else "totalTokens"]
    assert count == 20 if target.name in ("claude", "gemini") else 0 < count < 20
    if target.name in ("claude", "gemini"):
        assert "count" in upstream.requests[0].path
    assert json.loads(answer.body)
