"""Gemini bodies for the other Gemini dialects (translation.md 2.6, 2.7, 4.2-4.4)."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from translation.gemini.gemini_talk import SAFETY, SIGNED, SKIP, answer, call, model, text, user

from cliproxy.translation import exactjson
from cliproxy.translation.gemini.dialects import convert, normalise
from cliproxy.translation.gemini.grouping import grouped

OWN = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]


def roles(contents: list[Any]) -> list[str]:
    return [content["role"] for content in contents]


def content(role: Any, *parts: Any) -> dict[str, Any]:
    return {**user(*parts), "role": role}


@pytest.mark.case("translation:45")
def test_roles() -> None:
    contents = [content("", "a"), content("", "b"), content("function", answer("f", {}))]
    body = normalise({"contents": contents})
    assert roles(body["contents"]) == ["user", "model", "user"]
    assert body["safetySettings"] == SAFETY
    assert normalise({"contents": contents, "safetySettings": OWN})["safetySettings"] is OWN
    assert "safetySettings" not in normalise({"contents": contents, "safety_settings": OWN})


def test_a_missing_role() -> None:
    contents = [{"parts": [text("a")]}, user("b"), {"parts": [text("c")]}, {"role": "tool", "parts": []}, "odd"]
    assert roles(normalise({"contents": contents})["contents"][:4]) == ["user", "user", "model", "user"]
    assert normalise({"contents": contents})["contents"][4] == "odd"


@pytest.mark.case("translation:46")
def test_tools_and_schema() -> None:
    schema: dict[str, Any] = {}
    tools = [{"functionDeclarations": [{"name": "f", "parameters": schema}]}, {"googleSearch": {}}]
    config = {"responseSchema": {"type": "OBJECT"}, "temperature": 1}
    body = normalise({"contents": [], "tools": tools, "generationConfig": config})
    assert body["tools"] == [
        {"function_declarations": [{"name": "f", "parametersJsonSchema": {}}]},
        {"googleSearch": {}},
    ]
    assert body["tools"][0]["function_declarations"][0]["parametersJsonSchema"] is schema
    assert body["generationConfig"] == {"responseJsonSchema": {"type": "OBJECT"}, "temperature": 1}
    assert list(body["generationConfig"]) == ["responseJsonSchema", "temperature"]


@pytest.mark.case("translation:47")
@pytest.mark.parametrize(
    "extra", [{}, {"tools": [{"functionDeclarations": []}], "generationConfig": {"responseSchema": 1}}]
)
def test_without_contents_only_safety_is_added(extra: dict[str, Any]) -> None:
    body = {"x": 1, **extra}
    assert convert("gemini", "gemini", body, "m") == {**body, "safetySettings": SAFETY}


@pytest.mark.parametrize(
    ("part", "signature"),
    [
        (call("f"), SKIP), (call("f", "short"), SKIP), (call("f", SIGNED), SIGNED),
        ({"text": "t", "thoughtSignature": "x"}, SKIP), ({"text": "t", "thoughtSignature": SIGNED}, SIGNED),
        ({"text": "t"}, None), ({"function_call": {"name": "f"}}, SKIP),
        ({"function_call": {"name": "f"}, "thought_signature": SIGNED}, None),
        ({"function_call": {"name": "f"}, "thought_signature": "x"}, SKIP),
    ],
)  # fmt: skip
@pytest.mark.parametrize("target", ["gemini", "gemini-cli"])
def test_signatures(part: dict[str, Any], signature: Any, target: Any) -> None:
    body = {"contents": [user("u"), model(part, "x"), user(part)]}
    converted = convert("gemini", target, body, "m")
    contents = (converted if target == "gemini" else converted["request"])["contents"]
    found = contents[1]["parts"][0]
    assert found.get("thoughtSignature") == signature
    assert signature is None or "thought_signature" not in found
    assert contents[1]["parts"][1] is body["contents"][1]["parts"][1]
    assert contents[2] is body["contents"][2]


@pytest.mark.case("translation:48")
def test_the_envelope() -> None:
    system, contents = user("S"), [user("u")]
    converted = convert("gemini", "gemini-cli", {"model": "x", "system_instruction": system, "contents": contents}, "m")
    assert converted == {
        "project": "",
        "request": {"systemInstruction": system, "contents": contents, "safetySettings": SAFETY},
        "model": "m",
    }
    assert converted["request"]["systemInstruction"] is system
    assert converted["request"]["contents"] is contents


@pytest.mark.parametrize("target", ["gemini-cli", "antigravity"])
def test_an_envelope_always_has_contents(target: Any) -> None:
    assert convert("gemini", target, {}, "m")["request"] == {"contents": [], "safetySettings": SAFETY}


@pytest.mark.parametrize(
    ("key", "renamed"), [("function_declarations", "parametersJsonSchema"), ("functionDeclarations", "parameters")]
)
def test_declarations_in_an_envelope(key: str, renamed: str) -> None:
    body = {"contents": [], "tools": [{key: [{"name": "f", "parameters": {}}]}]}
    assert convert("gemini", "gemini-cli", body, "m")["request"]["tools"] == [{key: [{"name": "f", renamed: {}}]}]


@pytest.mark.case("translation:49")
def test_signatures_for_antigravity() -> None:
    parts = [
        call("f", SIGNED),
        call("f"),
        call("g"),
        {"thought": True, "text": "T", "thoughtSignature": SIGNED},
        text("t"),
    ]
    contents = [user("u"), model(*parts)]
    found = convert("gemini", "antigravity", {"contents": contents}, "gemini-3-pro")["request"]["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in found] == [SIGNED, SKIP, SKIP, SKIP, None]
    untouched = convert("gemini", "antigravity", {"contents": contents}, "claude-x")["request"]["contents"]
    assert untouched is contents


@pytest.mark.parametrize("source", ["gemini", "gemini-cli"])
@pytest.mark.parametrize("key", ["parameters", "parametersJsonSchema", "parameters_json_schema"])
@pytest.mark.parametrize("listed", ["functionDeclarations", "function_declarations"])
def test_schemas_for_antigravity(source: Any, key: str, listed: str) -> None:
    inner = {
        "contents": [],
        "tools": [
            {listed: [{"name": "f", key: {"type": "object", "title": "T"}}, {"name": "g"}]},
            {"googleSearch": {}},
        ],
        "generationConfig": {"responseSchema": {"type": "OBJECT", "default": 1}},
        "session_id": "s",
    }
    body = inner if source == "gemini" else {"project": "p", "request": inner, "model": "x", "user_prompt_id": "u"}
    kept = copy.deepcopy(body)
    converted = convert(source, "antigravity", body, "gemini-2.5-pro")
    assert converted.keys() == {"project", "request", "model"}
    found = converted["request"]
    cleaned = {"name": "f", "parameters": {"type": "object"}}
    assert found["tools"] == [{listed: [cleaned, {"name": "g"}]}, {"googleSearch": {}}]
    assert found["generationConfig"] == {"responseSchema": {"type": "OBJECT", "description": "default: 1"}}
    assert ("session_id" in found) == (source == "gemini")
    assert body == kept


def test_gemini_cli_clients_on_gemini() -> None:
    inner = {
        "systemInstruction": user("S"), "contents": [user("u"), model(call("f"))], "x": 1,
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": {}}]}],
    }  # fmt: skip
    converted = convert("gemini-cli", "gemini", {"model": "x", "project": "p", "request": inner}, "m")
    assert converted == {
        "system_instruction": user("S"), "contents": [user("u"), model(call("f", SKIP))], "x": 1,
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {}}]}],
        "safetySettings": SAFETY, "model": "m",
    }  # fmt: skip


def test_gemini_cli_clients_on_gemini_cli() -> None:
    body = {"model": "x", "project": "p", "request": {"contents": [model(call("f"))]}, "y": 2}
    assert convert("gemini-cli", "gemini-cli", body, "m") == {**body, "model": "m"}
    assert convert("gemini-cli", "gemini-cli", body, "x") is body


def test_a_token_counts_own_envelope() -> None:
    counted = {"generateContentRequest": {"model": "models/x", "contents": [user("u")]}}
    assert convert("gemini", "gemini-cli", counted, "m")["request"]["contents"] == [user("u")]


@pytest.mark.parametrize("target", ["gemini", "gemini-cli", "antigravity"])
def test_what_no_rule_touches_is_the_same_object(target: Any) -> None:
    body = exactjson.loads(
        b'{"contents":[{"role":"user","parts":[{"text":"u"}]},{"role":"model","parts":[{"text":"m"}]}],'
        b'"generationConfig":{"temperature":1.0,"x":1e3},"labels":{"a":"b"},"safetySettings":[]}'
    )
    converted = convert("gemini", target, body, "m")
    inner = converted if target == "gemini" else converted["request"]
    assert all(inner[key] is body[key] for key in body)
    assert (converted is body) == (target == "gemini")


# Grouping

F, G = call("f"), call("g")


def fr(name: str, **fields: Any) -> dict[str, Any]:
    return answer(name, {"result": name}, **fields)


@pytest.mark.case("translation:50")
@pytest.mark.parametrize("target", ["gemini-cli", "antigravity"])
def test_responses_are_grouped(target: Any) -> None:
    contents = [user("u"), model(call("f", SIGNED), call("g", SIGNED)), user(fr("f")), user(fr("g"))]
    found = convert("gemini", target, {"contents": contents}, "m")["request"]["contents"]
    assert found == [*contents[:2], user(fr("f"), fr("g"))]


GROUPINGS = {
    "nothing to do": ([user("u"), model(F), user(fr("f")), user("v")], None),
    "no responses": ([user("u"), model(F), user("v")], None),
    "no calls": ([user(fr("f")), user("v")], [user("v")]),
    "text beside a response": ([model(F), user("a", fr("f"), "b")], [model(F), user(fr("f")), user("a", "b")]),
    "text of a function": ([model(F), content("function", fr("f"), "b")], [model(F), user(fr("f")), user("b")]),
    "an incomplete group": ([model(F, G), user(fr("g")), user("v")], [model(F, G), user(fr("g")), user("v")]),
    "the order of the calls": ([model(F, G), user(fr("g"), fr("f"))], [model(F, G), user(fr("f"), fr("g"))]),
    "apart from their calls": (
        [model(F), user("v"), model(G), user(fr("f"), fr("g"))],
        [model(F), user(fr("f")), user("v"), model(G), user(fr("g"))],
    ),
    "by id": (
        [model(call("f", id="1"), call("f", id="2")), user(fr("f", id="2", x=2)), user(fr("f", id="1", x=1))],
        [model(call("f", id="1"), call("f", id="2")), user(fr("f", id="1", x=1), fr("f", id="2", x=2))],
    ),
    "calls of one name": (
        [model(F, F), user(fr("f", x=1)), user(fr("f", x=2))],
        [model(F, F), user(fr("f", x=1), fr("f", x=2))],
    ),
    "the nearest call of a name": (
        [model(F), user("v"), model(F), user(fr("f"))], [model(F), user("v"), model(F), user(fr("f"))],
    ),
    "a wrong name": ([model(F), user(fr("other"))], [model(F), user(fr("other"))]),
    "more responses than calls": ([model(F), user(fr("f"), fr("f", x=1))], [model(F), user(fr("f"))]),
    "a response before its call": ([user(fr("f")), model(F)], [model(F)]),
    "the model answers itself": ([model(F), model(fr("f"), "t")], [model(F), user(fr("f")), model("t")]),
    "in snake case": (
        [model({"function_call": {"name": "f"}}), user("a"), user({"function_response": {"name": "f"}})],
        [model({"function_call": {"name": "f"}}), user({"function_response": {"name": "f"}}), user("a")],
    ),
    "odd contents": ([None, "x", {"parts": "y"}, model(F), user(fr("f")), 5], None),
}  # fmt: skip


@pytest.mark.parametrize(("contents", "expected"), GROUPINGS.values(), ids=GROUPINGS)
def test_grouping(contents: list[Any], expected: list[Any] | None) -> None:
    kept = copy.deepcopy(contents)
    found = grouped(contents)
    assert found == (contents if expected is None else expected)
    if expected is None:
        assert all(a is b for a, b in zip(found, contents, strict=True))
    assert contents == kept
