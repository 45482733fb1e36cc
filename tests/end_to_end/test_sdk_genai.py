"""The official Google SDK on generateContent, before Gemini and Vertex upstreams (client-api.md 11, 17)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from end_to_end.families import GEMINI, VERTEX, Family, Fresh
from end_to_end.proxy import KEY, Proxy
from google import genai
from google.genai import errors, types
from upstream.content import ONE_TOOL, SIGNATURE, TEXT, THINKING, TWO_TOOLS, Reply
from upstream.plan import Plan
from upstream.server import FakeUpstream

FAMILIES = pytest.mark.parametrize("family", [GEMINI, VERTEX], ids=repr)
SCHEMA: Any = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = types.GenerateContentConfig(
    tools=[
        types.Tool(
            function_declarations=[
                types.FunctionDeclaration(name=name, parameters_json_schema=SCHEMA)
                for name in ("get_weather", "get_time")
            ]
        )
    ],
    automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
)


def connect(server: Proxy, key: str = KEY) -> genai.Client:
    """The SDK's default API version has become v1, which the reference has no routes for."""
    options = types.HttpOptions(base_url=server.base_url, api_version="v1beta", timeout=20_000)
    return genai.Client(api_key=key, http_options=options)


@pytest.fixture
def client(server: Proxy) -> Iterator[genai.Client]:
    with connect(server) as made:
        yield made


def parts_of(answers: list[Any]) -> list[Any]:
    return [part for answer in answers for part in answer.candidates[0].content.parts or []]


def calls_of(answers: list[Any]) -> list[tuple[str, Any]]:
    return [(part.function_call.name, part.function_call.args) for part in parts_of(answers) if part.function_call]


def text_of(answers: list[Any], *, thought: bool = False) -> str:
    return "".join(part.text or "" for part in parts_of(answers) if bool(part.thought) is thought)


def wanted(reply: Reply) -> list[tuple[str, Any]]:
    return [(call.name, json.loads(call.arguments)) for call in reply.calls]


@FAMILIES
def test_text(client: genai.Client, upstream: FakeUpstream, family: Family) -> None:
    answer = client.models.generate_content(model=family.model, contents="hi")
    assert (answer.text, answer.model_version) == (TEXT.joined, family.model)
    request = upstream.requests[0]
    assert request.headers["x-goog-api-key"] == f"{family.name}-main"
    assert f"/models/{family.upstream_model}:generateContent" in request.target
    assert answer.sdk_http_response is not None
    assert answer.sdk_http_response.headers is not None
    headers = {name.lower(): value for name, value in answer.sdk_http_response.headers.items()}
    assert headers["x-upstream-model"] == family.upstream_model


@FAMILIES
def test_usage(client: genai.Client, family: Family) -> None:
    usage = client.models.generate_content(model=family.model, contents="hi").usage_metadata
    assert usage is not None
    assert (usage.prompt_token_count, usage.cached_content_token_count, usage.total_token_count) == (20, 8, 29)
    assert (usage.candidates_token_count, usage.thoughts_token_count) == (5, 4)


@pytest.mark.case("client-api:18")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("reply", [TEXT, THINKING, ONE_TOOL, TWO_TOOLS], ids=["text", "thinking", "one", "two"])
@FAMILIES
def test_answers(client: genai.Client, upstream: FakeUpstream, family: Family, reply: Reply, stream: bool) -> None:
    upstream.always(Plan(reply=reply))
    asked: Any = {"model": family.model, "contents": "hi", "config": TOOLS}
    if stream:
        answers: list[Any] = list(client.models.generate_content_stream(**asked))
    else:
        answers = [client.models.generate_content(**asked)]
    assert (text_of(answers), text_of(answers, thought=True)) == (reply.joined, reply.thoughts)
    assert calls_of(answers) == wanted(reply)
    assert {answer.model_version for answer in answers} == {family.model}
    assert answers[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert answers[-1].usage_metadata.total_token_count == 29


@FAMILIES
def test_every_chunk_keeps_its_usage(client: genai.Client, family: Family) -> None:
    """The usage of early chunks is not renamed on its way to a Gemini client (providers.md 6)."""
    chunks = list(client.models.generate_content_stream(model=family.model, contents="hi"))
    assert all(chunk.usage_metadata and chunk.usage_metadata.prompt_token_count == 20 for chunk in chunks)


@FAMILIES
def test_history_goes_back_with_its_signature(client: genai.Client, upstream: FakeUpstream, family: Family) -> None:
    upstream.plan(Plan(reply=TWO_TOOLS))
    first = client.models.generate_content(model=family.model, contents="hi", config=TOOLS)
    assert first.candidates
    assert first.candidates[0].content
    results = [types.Part.from_function_response(name=call.name, response={"result": 42}) for call in TWO_TOOLS.calls]
    history: Any = [types.UserContent("hi"), first.candidates[0].content, types.Content(role="user", parts=results)]
    client.models.generate_content(model=family.model, contents=history, config=TOOLS)
    contents = upstream.requests[1].json["contents"]
    assert [content["role"] for content in contents] == ["user", "model", "user"]
    calls = [part for part in contents[1]["parts"] if "functionCall" in part]
    assert [part["functionCall"]["name"] for part in calls] == ["get_weather", "get_time"]
    signature = calls[0]["thoughtSignature"]
    assert base64.urlsafe_b64decode(signature) == base64.b64decode(SIGNATURE)
    assert [part["functionResponse"]["name"] for part in contents[2]["parts"]] == ["get_weather", "get_time"]


@FAMILIES
def test_image_input(client: genai.Client, upstream: FakeUpstream, family: Family) -> None:
    picture = b"\x89PNG\r\n\xff\xfe\xfb>>>???"
    image = types.Part.from_bytes(data=picture, mime_type="image/png")
    client.models.generate_content(model=family.model, contents=["what?", image])
    parts = [part for content in upstream.requests[0].json["contents"] for part in content["parts"]]
    inline = next(part["inlineData"] for part in parts if "inlineData" in part)
    data = inline["data"]
    assert base64.b64decode(data.replace("-", "+").replace("_", "/") + "==") == picture
    assert (inline.get("mimeType") or inline["mime_type"]) == "image/png"


@FAMILIES
def test_thinking_config_reaches_the_upstream(client: genai.Client, upstream: FakeUpstream, family: Family) -> None:
    config = types.GenerateContentConfig(
        thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=512), temperature=0.5
    )
    client.models.generate_content(model=family.model, contents="hi", config=config)
    sent = upstream.requests[0].json["generationConfig"]
    thinking = sent["thinkingConfig"]
    budget = thinking.get("thinkingBudget", thinking.get("thinking_budget"))  # the SDK writes the inner names in snake
    assert (budget, sent["temperature"]) == (512, 0.5)


@FAMILIES
def test_count_tokens(client: genai.Client, upstream: FakeUpstream, family: Family) -> None:
    assert client.models.count_tokens(model=family.model, contents="hi").total_tokens == 20
    assert upstream.requests[0].path.endswith(":countTokens")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, errors.ClientError),
        (401, errors.ClientError),
        (429, errors.ClientError),
        (500, errors.ServerError),
        (503, errors.ServerError),
    ],
)
@FAMILIES
def test_upstream_errors(
    client: genai.Client, upstream: FakeUpstream, fresh: Fresh, family: Family, status: int,
    error: type[errors.APIError], stream: bool,
) -> None:  # fmt: skip
    upstream.plan(Plan(status=status, message="no such luck"))
    with pytest.raises(error) as caught:
        if stream:
            list(client.models.generate_content_stream(model=fresh(family), contents="hi"))
        else:
            client.models.generate_content(model=fresh(family), contents="hi")
    assert (caught.value.code, caught.value.message) == (status, "no such luck")


def test_wrong_key(server: Proxy) -> None:
    with connect(server, "wrong") as client, pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(model="gemini-test", contents="hi")
    assert caught.value.code == 401


@FAMILIES
def test_error_inside_a_stream(client: genai.Client, upstream: FakeUpstream, fresh: Fresh, family: Family) -> None:
    upstream.plan(Plan(error_after=2, message="lost my mind"))
    with pytest.raises(errors.APIError, match="lost my mind"):
        list(client.models.generate_content_stream(model=fresh(family), contents="hi"))


def test_model_list(client: genai.Client) -> None:
    names = [model.name for model in client.models.list()]
    assert {"models/gemini-test", "models/vertex-test", "models/gpt-test", "models/demo-echo"} <= set(names)
    assert len(names) == len(set(names))
    assert client.models.get(model="gemini-test").name == "models/gemini-test"
