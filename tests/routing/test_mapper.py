"""Model mappings (amp-routing.md 7, 16.3)."""

from __future__ import annotations

import logging

import pytest
from routes import aliases

from cliproxy.config.settings import AmpMapping
from cliproxy.routing.mapper import ModelMapper

ANYBODY = None
SONNET, PRO = "claude-sonnet-4", "gemini-2.5-pro"
OPUS = [("claude-opus-4.5", SONNET)]
G25P = [("g25p", PRO)]


def mapper(mappings: list[tuple[str, str]] | list[AmpMapping], offered: set[str] | None = ANYBODY) -> ModelMapper:
    """Pairs whose source begins with ``~`` are patterns."""
    entries = [entry if isinstance(entry, AmpMapping) else mapping(*entry) for entry in mappings]
    return ModelMapper(lambda model: offered is None or model in offered, entries)


def mapping(source: str, target: str) -> AmpMapping:
    return AmpMapping(source.removeprefix("~"), target, source.startswith("~"))


CASES = [
    ("M1", OPUS, set(), "claude-opus-4.5", ()),
    ("M2", OPUS, {SONNET}, "claude-opus-4.5", (SONNET,)),
    ("M3", [("gpt-5.2-alias", "gpt-5.2(xhigh)")], {"gpt-5.2"}, "gpt-5.2-alias", ("gpt-5.2(xhigh)",)),
    ("M4", [("Claude-Opus-4.5", SONNET)], {SONNET}, "claude-opus-4.5", (SONNET,)),
    ("M5", OPUS, {SONNET}, "unknown-model", ()),
    ("M6", [*OPUS, ("~.*", SONNET)], {SONNET}, "", ()),
    ("M10", [("~^gpt-5$", PRO)], {PRO}, "gpt-5(high)", (f"{PRO}(high)",)),
    ("M11", [("~^gpt-5.*$", PRO), ("gpt-5", SONNET)], {PRO, SONNET}, "gpt-5", (SONNET,)),
    ("M12", [("~(", SONNET)], {SONNET}, "anything", ()),
    ("M13", [("~^CLAUDE-OPUS-.*$", SONNET)], {SONNET}, "claude-opus-4.5", (SONNET,)),
    ("M14", G25P, {PRO}, "g25p(8192)", (f"{PRO}(8192)",)),
    ("M14", G25P, {PRO}, "g25p(high)", (f"{PRO}(high)",)),
    ("M14", G25P, {PRO}, "g25p(auto)", (f"{PRO}(auto)",)),
    ("M14", G25P, {PRO}, "g25p(none)", (f"{PRO}(none)",)),
    ("M15", [("G25P", PRO)], {PRO}, "g25p(high)", (f"{PRO}(high)",)),
    ("M16", G25P, {PRO}, "g25p()", (PRO,)),
    ("M17", [("g25p(high", PRO)], {PRO}, "g25p(high", (PRO,)),
    ("M18", [("alias", f"{PRO}(medium)")], {PRO}, "alias(high)", (f"{PRO}(medium)",)),
    ("M19", [("~^g25.*", PRO)], {PRO}, "g25p(8192)", (f"{PRO}(8192)",)),
    ("M21", [("~gpt", SONNET), ("~gpt-5", PRO)], {SONNET, PRO}, "gpt-5", (SONNET,)),
    ("M22", [("~opus", "t")], {"t"}, "my-opus-model", ("t",)),
    ("M23", [("a", SONNET), ("A", PRO)], {SONNET, PRO}, "a", (PRO,)),
]


@pytest.mark.parametrize(
    ("mappings", "offered", "requested", "result"),
    [
        pytest.param(*case[1:], id=f"{case[0]}-{case[3]}", marks=pytest.mark.case(f"amp-routing:{case[0]}"))
        for case in CASES
    ],
)
def test_mapping(mappings: list[tuple[str, str]], offered: set[str], requested: str, result: tuple[str, ...]) -> None:
    assert mapper(mappings, offered).map(requested) == result


@pytest.mark.case("amp-routing:M7")
def test_replaced_as_a_whole() -> None:
    found = mapper([("a", "b"), ("c", "d")])
    found.update([mapping("e", "f")])
    assert found.mappings() == {"e": "f"}
    assert found.map("a") == ()


@pytest.mark.case("amp-routing:M8")
def test_entries_without_a_name_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = mapper([("", "b"), ("  ", "b"), ("a", ""), ("a", " "), (" Good ", " target ")])
    assert found.mappings() == {"good": "target"}
    assert len(caplog.records) == 4


@pytest.mark.case("amp-routing:M9")
def test_the_listing_is_a_copy() -> None:
    found = mapper([("a", "b"), ("~x", "y")])
    found.mappings()["a"] = "changed"
    assert found.mappings() == {"a": "b"}


@pytest.mark.case("amp-routing:M12")
def test_a_broken_pattern_is_named(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = mapper([("~(", "a"), ("~ok", "b")])
    assert "'('" in caplog.text
    assert found.map("ok") == ("b",)


@pytest.mark.case("amp-routing:M20")
def test_aliases_of_a_target_that_is_not_offered() -> None:
    found = mapper([("x", "up")], {"a2", "a3"})
    found.update_aliases(aliases(some=[("up", "a1"), ("UP", "a2"), ("up", "A2")], other=[("up", "a3")]))
    assert found.map("x(low)") == ("a2(low)", "a3(low)")


def test_suffixes_of_aliases() -> None:
    """An own suffix wins, then the configured target's, then the request's (7, step 5)."""
    found = mapper([("x", "up(high)")], {"a", "b(low)"})
    found.update_aliases(aliases(some=[("up", "a"), ("up", "b(low)")]))
    assert found.map("x(5)") == ("a(high)", "b(low)")


@pytest.mark.parametrize("requested", ["t", "t(high)"])
def test_a_mapping_to_itself_is_none(requested: str) -> None:
    assert mapper([("t", "t"), ("~.*", "t")]).map(requested) == ()
    assert mapper([("t", "t(low)")]).map(requested) == ()


def test_another_spelling_is_another_model() -> None:
    assert mapper([("gpt-4", "GPT-4")], {"GPT-4"}).map("gpt-4") == ("GPT-4",)


def test_blanks_around_a_name() -> None:
    assert mapper(G25P).map(" g25p ") == (PRO,)


def test_a_skipped_mapping_is_said_for_debugging(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="cliproxy"):
        mapper(OPUS, set()).map("claude-opus-4.5")
    assert "skipped" in caplog.text
