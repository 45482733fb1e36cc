"""Requests as Antigravity takes them (translation.md 2.7, 4.5)."""

from __future__ import annotations

from typing import Any

import pytest
from translation.exchanges import request
from translation.gemini.gemini_talk import PNG, SAFETY, SIGNED, SKIP, call, model, result, user

from cliproxy.translation.hub import Hub
from cliproxy.translation.schema_cleaner import REASON
from cliproxy.translation.signatures import SignatureCache

CLAUDE_MODEL, GEMINI_MODEL = "claude-sonnet-4-5", "gemini-3-pro"
ENABLED = {"type": "enabled", "budget_tokens": 2000}
USE = {"type": "tool_use", "id": "call_1", "name": "f", "input": {"l": "P"}}
OTHER = "O" * 60


def thought(words: str, signature: str | None = None) -> dict[str, Any]:
    block = {"type": "thinking", "thinking": words}
    return block if signature is None else {**block, "signature": signature}


def words(found: str) -> dict[str, Any]:
    return {"type": "text", "text": found}


def signed(found: str, signature: str) -> dict[str, Any]:
    return {"thought": True, "text": found, "thoughtSignature": signature}


def hub(*remembered: tuple[str, str], model: str = CLAUDE_MODEL) -> Hub:
    cache = SignatureCache(lambda: 0.0)
    for found, signature in remembered:
        cache.store(model, found, signature)
    return Hub(cache)


def spoken(*blocks: Any, model: str = CLAUDE_MODEL, known: Hub | None = None, **more: Any) -> dict[str, Any]:
    """The inner request for an assistant's blocks after a user's word."""
    messages = [{"role": "user", "content": "u"}, {"role": "assistant", "content": [*blocks]}]
    body = {"messages": messages, "max_tokens": 100, "thinking": ENABLED, **more}
    envelope = request("claude", "antigravity", body, model, hub=known or hub())
    assert envelope.keys() == {"project", "request", "model"}
    assert (envelope["project"], envelope["model"]) == ("", model)
    assert "model" not in envelope["request"]
    inner = envelope["request"]
    assert isinstance(inner, dict)
    return inner


@pytest.mark.case("translation:15")
def test_chat() -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "raw text"}}]
    messages = [
        {"role": "system", "content": "S"}, {"role": "user", "content": "u"},
        {"role": "assistant", "tool_calls": calls}, {"role": "tool", "tool_call_id": "c1", "content": '{"ok":true}'},
        {"role": "user", "content": "v"},
    ]  # fmt: skip
    envelope = request("openai", "antigravity", {"messages": messages, "max_tokens": 10}, GEMINI_MODEL)
    assert envelope == {
        "project": "",
        "model": GEMINI_MODEL,
        "request": {
            "systemInstruction": user("S"),
            "contents": [
                user("u"),
                model(call("f", SKIP, args={"params": "raw text"}, id="c1")),
                user(result("f", {"ok": True}, id="c1")),
                user("v"),
            ],
            "generationConfig": {"maxOutputTokens": 10},
            "safetySettings": SAFETY,
        },
    }


@pytest.mark.parametrize("target", ["gemini-cli", "antigravity"])
def test_calls_without_ids(target: Any) -> None:
    messages = [
        {"role": "user", "content": "u"},
        {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "f"}}]},
        {"role": "tool", "content": "1"},
    ]
    contents = request("openai", target, {"messages": messages})["request"]["contents"]
    asked, answered = contents[1]["parts"][0]["functionCall"], contents[2]["parts"][0]["functionResponse"]
    assert answered["response"] == {"result": "1"}
    assert asked.get("id") == answered.get("id")
    assert ("id" in asked) == (target == "antigravity")


@pytest.mark.case("translation:38")
def test_remembered_thoughts_come_first() -> None:
    inner = spoken(words("a"), thought("T"), USE, known=hub(("T", SIGNED)))
    assert inner["contents"][1] == model(signed("T", SIGNED), "a", call("f", SIGNED, args={"l": "P"}, id="call_1"))
    assert inner["generationConfig"]["thinkingConfig"] == {"thinkingBudget": 2000, "includeThoughts": True}


@pytest.mark.case("translation:39")
def test_an_unsigned_thought_is_dropped_and_thinking_with_it() -> None:
    inner = spoken(thought("T"), words("A"))
    assert inner["contents"][1] == model("A")
    assert inner["generationConfig"] == {"maxOutputTokens": 100}


@pytest.mark.case("translation:40")
def test_a_call_with_arguments_as_text() -> None:
    inner = spoken({**USE, "input": '{"l":"P"}'})
    assert inner["contents"][1] == model(call("f", SKIP, args={"l": "P"}, id="call_1"))
    assert "thinkingConfig" in inner["generationConfig"]


TOOLS = [{"name": "f", "input_schema": {"type": "object"}}]


@pytest.mark.case("translation:41")
@pytest.mark.parametrize("system", [None, "S"])
@pytest.mark.parametrize(
    ("tools", "thinking", "name", "hinted"),
    [
        (TOOLS, ENABLED, "claude-opus-4-5-thinking", True),
        ([], ENABLED, "claude-opus-4-5-thinking", False),
        (TOOLS, {"type": "disabled"}, "claude-opus-4-5-thinking", False),
        (TOOLS, None, "claude-opus-4-5-thinking", False),
        (TOOLS, ENABLED, "claude-opus-4-5", False),
        (TOOLS, ENABLED, "gemini-3-thinking", False),
    ],
)
def test_the_hint(system: Any, tools: Any, thinking: Any, name: str, hinted: bool) -> None:
    given = {"system": system} if system else {}
    inner = spoken(words("a"), model=name, tools=tools, thinking=thinking, **given)
    parts = inner.get("systemInstruction", {"parts": []})["parts"]
    hints = [part for part in parts if part["text"].startswith("Interleaved thinking is enabled.")]
    assert hints == parts[-1:] if hinted else not hints
    assert len(parts) == bool(system) + hinted


@pytest.mark.case("translation:42")
@pytest.mark.parametrize(
    ("signature", "kept"),
    [
        (f"claude#{SIGNED}", True), (f"gemini#{SIGNED}", False), (f"gpt#{SIGNED}", False), ("claude#short", False),
        (SIGNED, True), ("short", False), ("", False),
    ],
)  # fmt: skip
def test_a_signature_that_the_client_kept(signature: str, kept: bool) -> None:
    inner = spoken(thought("T", signature), words("a"))
    assert inner["contents"][1] == (model(signed("T", SIGNED), "a") if kept else model("a"))
    assert ("thinkingConfig" in inner["generationConfig"]) == kept


def test_what_we_remember_beats_what_the_client_sends() -> None:
    inner = spoken(thought("T", f"claude#{OTHER}"), known=hub(("T", SIGNED)))
    assert inner["contents"][1] == model(signed("T", SIGNED))


def test_a_signature_holds_for_the_calls_of_its_message_only() -> None:
    messages = [
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": [thought("T"), USE]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "1"}]},
        {"role": "assistant", "content": [{**USE, "id": "call_2"}, thought("V"), {**USE, "id": "call_3"}]},
        {"role": "user", "content": "w"},
    ]
    known = hub(("T", SIGNED), ("V", OTHER))
    contents = request("claude", "antigravity", {"messages": messages}, CLAUDE_MODEL, hub=known)["request"]["contents"]
    assert contents[1:] == [
        model(signed("T", SIGNED), call("f", SIGNED, args={"l": "P"}, id="call_1")),
        user(result("f", "1", id="call_1")),
        model(
            signed("V", OTHER),
            call("f", SKIP, args={"l": "P"}, id="call_2"),
            call("f", OTHER, args={"l": "P"}, id="call_3"),
        ),
        user(result("f", {}, id="call_2"), result("f", {}, id="call_3")),
        user("w"),
    ]


@pytest.mark.parametrize(
    ("signature", "expected"), [(None, SKIP), (f"gemini#{SIGNED}", SIGNED), (f"claude#{SIGNED}", SKIP)]
)
def test_gemini_models_take_the_stand_in(signature: Any, expected: str) -> None:
    inner = spoken(thought("T", signature), USE, model=GEMINI_MODEL)
    assert inner["contents"][1] == model(signed("T", expected), call("f", expected, args={"l": "P"}, id="call_1"))
    assert "thinkingConfig" in inner["generationConfig"]


def test_other_models_without_signature_think_no_more() -> None:
    inner = spoken(thought("T", SIGNED), words("a"), model="gpt-oss-120b")
    assert inner["contents"][1] == model("a")


def test_images_and_results_of_claude_clients() -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    by_url = {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}
    messages = [
        {"role": "user", "content": [picture, by_url]},
        {"role": "assistant", "content": [USE]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": [words('{"a":1}')]}]},
    ]
    contents = request("claude", "antigravity", {"messages": messages}, CLAUDE_MODEL)["request"]["contents"]
    assert contents[0] == user({"inlineData": {"mimeType": "image/png", "data": PNG}})
    assert contents[2] == user(result("f", {"a": 1}, id="call_1"))


SCHEMA = {
    "$schema": "x", "type": "object", "additionalProperties": False,
    "properties": {"format": {"type": "string", "format": "uri", "title": "F"}, "o": {"type": "object"}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "gemini-3-pro",
            {
                "type": "object",
                "properties": {"format": {"type": "string", "description": "format: uri"}, "o": {"type": "object"}},
                "description": "No extra properties allowed",
            },
        ),
        (
            "claude-x",
            {
                "type": "object",
                "properties": {
                    "format": {"type": "string", "title": "F", "description": "format: uri"},
                    "o": {
                        "type": "object",
                        "properties": {"reason": {"type": "string", "description": REASON}},
                        "required": ["reason"],
                    },
                    "_": {"type": "boolean"},
                },
                "required": ["_"],
                "description": "No extra properties allowed",
            },
        ),
    ],
)
def test_schemas_are_cleaned_and_renamed(name: str, expected: dict[str, Any]) -> None:
    tool = {
        "name": "f", "description": "D", "input_schema": SCHEMA, "strict": True, "input_examples": [{}],
        "cache_control": {"type": "ephemeral"}, "type": "custom",
    }  # fmt: skip
    inner = spoken(USE, model=name, tools=[tool])
    assert inner["tools"] == [{"functionDeclarations": [{"name": "f", "description": "D", "parameters": expected}]}]
    assert SCHEMA["additionalProperties"] is False


def test_the_answers_schema_is_cleaned_too_and_arguments_are_not() -> None:
    shape = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object", "title": "T", "x-a": 1}}}
    arguments = '{"format":"x","default":1,"title":"t","const":2}'
    calls = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}]
    messages = [{"role": "user", "content": "u"}, {"role": "assistant", "tool_calls": calls}]
    inner = request("openai", "antigravity", {"messages": messages, "response_format": shape}, "gemini-x")["request"]
    assert inner["generationConfig"]["responseJsonSchema"] == {"type": "object"}
    args = inner["contents"][1]["parts"][0]["functionCall"]["args"]
    assert args == {"format": "x", "default": 1, "title": "t", "const": 2}
