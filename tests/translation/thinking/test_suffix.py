"""The suffix of a model's name as a wish (providers.md 20.1)."""

from __future__ import annotations

import pytest

from cliproxy.translation.names import split_suffix
from cliproxy.translation.thinking import apply
from cliproxy.translation.thinking.config import AUTO, NONE, Config, from_suffix
from cliproxy.translation.thinking.support import Capability, Thinking


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("claude-sonnet-4-5(16384)", ("claude-sonnet-4-5", "16384")), ("m()", ("m", "")), ("a(b)(c)", ("a(b)", "c")),
        ("m", ("m", None)), ("m(1", ("m(1", None)), ("m)", ("m)", None)), ("m(1) ", ("m(1) ", None)),
    ],
)  # fmt: skip
def test_splitting(name: str, expected: tuple[str, str | None]) -> None:
    assert split_suffix(name) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("none", NONE), ("NONE", NONE), ("auto", AUTO), ("Auto", AUTO), ("-1", AUTO),
        ("minimal", Config("level", level="minimal")), ("XHigh", Config("level", level="xhigh")),
        ("0", NONE), ("000", NONE), ("+0", NONE), ("-0", NONE), ("1", Config("budget", 1)),
        ("008192", Config("budget", 8192)), ("+5", Config("budget", 5)),
        ("9223372036854775807", Config("budget", 2**63 - 1)), ("9223372036854775808", None),
        ("9" * 5000, None), ("0" * 5000 + "7", Config("budget", 7)),
        ("", None), ("ultra", None), ("-2", None), ("-01", None), ("1.5", None), ("1e3", None), ("0x10", None),
        (" 8192", None), ("8_192", None), ("٣", None), ("low ", None), ("\ud800", None),
    ],
)  # fmt: skip
def test_meaning(raw: str, expected: Config | None) -> None:
    assert from_suffix(raw) == expected


BUDGETS = Capability("m", Thinking(128, 20000, dynamic_allowed=True))


@pytest.mark.parametrize("suffix", ["ultra", "-5", ""])
def test_a_suffix_without_meaning_hides_the_body(suffix: str) -> None:
    body = {"generationConfig": {"thinkingConfig": {"thinkingBudget": 1}}}
    assert apply(body, f"m({suffix})", "openai", "gemini", BUDGETS) is body


def test_the_suffix_outranks_the_body() -> None:
    body = {"generationConfig": {"thinkingConfig": {"thinkingLevel": "low", "include_thoughts": False}, "topK": 1}}
    assert apply(body, "m(512)", "openai", "gemini", BUDGETS) == {
        "generationConfig": {"thinkingConfig": {"thinkingBudget": 512, "includeThoughts": True}, "topK": 1}
    }
