"""Which model a request is for (amp-routing.md 4, 16.1)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cliproxy.routing.extraction import action_of_path, extract_model, replace_model

CASES: list[tuple[str, Any, str, str, str]] = [
    ("X1", {"model": "gpt-4.1"}, "", "", "gpt-4.1"),
    ("X2", {"model": "gpt-4", "messages": [{"role": "user", "content": "model"}]}, "", "", "gpt-4"),
    ("X3", None, "", "", ""),
    ("X4", {"messages": []}, "", "", ""),
    ("X5", {"model": 123}, "", "", ""),
    ("X6", {}, "gemini-pro:generateContent", "", "gemini-pro"),
    ("X7", {}, "/gemini-pro:generateContent", "", "gemini-pro"),
    ("X8", {}, "gemini-ultra:chat", "", "gemini-ultra"),
    ("X9", {}, "gemini-model", "", "gemini-model"),
    ("X10", {}, "", "", ""),
    ("X11", {}, "", "/publishers/google/models/gemini-3-pro:streamGenerateContent", "gemini-3-pro"),
    ("X12", {}, "", "/publishers/google/models/gemini-3-pro-preview:generateContent", "gemini-3-pro-preview"),
    ("X13", {}, "", "/publishers/google/gemini-3-pro:streamGenerateContent", ""),
    ("X14", {}, "", "/publishers/google/models/gemini-3-pro", ""),
    ("X15", {"model": "gpt-4"}, "gemini-pro:generateContent", "", "gpt-4"),
    (
        "X16", {}, "gemini-action:generate", "/publishers/google/models/gemini-path:streamGenerateContent",
        "gemini-action",
    ),
    ("X17", {"model": 123}, "gemini-pro:generateContent", "", "gemini-pro"),
    ("X18", {"stream": True, "contents": []}, "", "", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "action", "path", "model"),
    [pytest.param(*case[1:], id=case[0], marks=pytest.mark.case(f"amp-routing:{case[0]}")) for case in CASES],
)
def test_the_model_of_a_request(body: Any, action: str, path: str, model: str) -> None:
    parsed = json.loads(json.dumps(body))
    assert extract_model(parsed, action, path) == model


@pytest.mark.parametrize("body", [[], "text", 5, {"model": None}, {"model": {"a": 1}}, {"x": {"model": "inner"}}])
def test_no_model(body: Any) -> None:
    assert extract_model(body) == ""


def test_an_empty_model_is_one() -> None:
    """It stands in the body, so nothing else is looked at (4)."""
    assert extract_model({"model": ""}, "gemini-pro:generateContent") == ""


@pytest.mark.parametrize(
    ("path", "action"),
    [
        ("/publishers/google/models/m:generateContent", "m:generateContent"),
        ("/models/a/models/b:c", "a/models/b:c"),
        ("/models/", ""),
        ("/publishers/google", None),
    ],
)
def test_the_action_of_a_path(path: str, action: str | None) -> None:
    assert action_of_path(path) == action


@pytest.mark.parametrize(
    ("action", "replaced"),
    [("m:generateContent", "new:generateContent"), ("a/b:c:d", "new:c:d"), ("m", "m"), (":x", "new:x")],
)
def test_another_model_for_an_action(action: str, replaced: str) -> None:
    assert replace_model(action, "new") == replaced
