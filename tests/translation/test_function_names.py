"""Function names and ids as upstreams take them, and the way back (translation.md 2.3, 2.4; providers.md 27)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.translation.function_names import (
    CHAT,
    CLAUDE,
    CODEX,
    GEMINI,
    NameRule,
    ToolNames,
    short_call_id,
    tool_id,
)

VALID = {
    "codex": (CODEX, re.compile(r"[A-Za-z0-9_-]{1,64}")), "claude": (CLAUDE, re.compile(r"[A-Za-z0-9_-]{1,128}")),
    "gemini": (GEMINI, re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")), "chat": (CHAT, re.compile(r"[A-Za-z0-9_-]{1,64}")),
}  # fmt: skip
EACH = pytest.mark.parametrize(("rule", "pattern"), VALID.values(), ids=VALID)
LONG_A, LONG_B = (f"mcp__{letter * 70}__do" for letter in "ab")


def wires(declared: list[tuple[str, str]], rule: NameRule) -> list[str]:
    names = ToolNames(declared, rule)
    return [names.wire(name, namespace) for namespace, name in declared]


def plain(*names: str) -> list[tuple[str, str]]:
    return [("", name) for name in names]


@pytest.mark.parametrize(
    ("rule", "name", "wire"),
    [
        (CODEX, "f", "f"), (CODEX, "x" * 64, "x" * 64), (CODEX, "x" * 65, "x" * 64), (CODEX, "a b.c/é", "a_b_c__"), (CODEX, "", ""),
        (CODEX, LONG_A, "mcp__do"), (CODEX, "mcp__" + "a" * 70, "mcp__" + "a" * 59), (CODEX, "mcp__s__t", "mcp__s__t"),
        (CODEX, "mcp__s__" + "t" * 70, "mcp__" + "t" * 59), (CODEX, "mcp__s__m__" + "t" * 60, "mcp__" + "t" * 59),
        (CODEX, "mcp__" + "s" * 60 + "__m__t", "mcp__t"), (CODEX, "mcp___" + "a" * 70, "mcp___" + "a" * 58),
        (CODEX, "x" * 63 + "é", "x" * 63 + "_"), (CODEX, "é" * 80, "_" * 64), (CODEX, "\ud800" * 3, "___"), (CODEX, "mcp__é" + "s" * 60 + "__t", "mcp__t"), (CODEX, "xmcp__" + "a" * 60 + "__t", "xmcp__" + "a" * 58),
        (CLAUDE, "a b.c/é:-_9", "a_b_c___-_9"), (CLAUDE, "x" * 129, "x" * 128), (CLAUDE, LONG_A, LONG_A), (CLAUDE, "\ud800", "_"), (CLAUDE, "", ""),
        (CLAUDE, "9", "9"), (CLAUDE, "\U0001f600", "_"),
        (GEMINI, "123name", "_123name"), (GEMINI, "!name", "_name"), (GEMINI, "name with spaces", "name_with_spaces"), (GEMINI, "", ""),
        (GEMINI, "a.b:c-d_e", "a.b:c-d_e"), (GEMINI, ".a", "_.a"), (GEMINI, "-a", "_-a"), (GEMINI, "9" * 70, "_" + "9" * 63), (GEMINI, "x" * 70, "x" * 64),
        (GEMINI, LONG_A, LONG_A[:64]), (GEMINI, "éa", "_a"), (GEMINI, "_9", "_9"),
        (CHAT, "a.b", "a_b"), (CHAT, LONG_A, "mcp__do"), (CHAT, "mcp__" + "é" * 70 + "__d.o", "mcp__d_o"), (CHAT, "x" * 65, "x" * 64), (CHAT, "", ""),
    ],
)  # fmt: skip
def test_one_name(rule: NameRule, name: str, wire: str) -> None:
    """Declared or only mentioned."""
    assert ToolNames([], rule).wire(name) == wire
    assert wires(plain(name), rule) == [wire]


@pytest.mark.parametrize(
    ("rule", "declared", "expected"),
    [
        (CODEX, plain(LONG_A, LONG_B), ["mcp__do", "mcp__do_1"]),
        (CODEX, plain(LONG_A, "mcp__do", LONG_B, "mcp__do_1"), ["mcp__do_2", "mcp__do", "mcp__do_3", "mcp__do_1"]),
        (CODEX, plain("x" * 65, "x" * 66, "x" * 64), ["x" * 62 + "_1", "x" * 62 + "_2", "x" * 64]),
        (CODEX, plain("é" * 65, "é" * 66), ["_" * 64, "_" * 62 + "_1"]),
        (CLAUDE, plain("a.b", "a b", "a_b", "a_b_1"), ["a_b_2", "a_b_3", "a_b", "a_b_1"]),
        (CLAUDE, plain("a.b", "a.b", "a/b"), ["a_b", "a_b", "a_b_1"]),
        (CHAT, [("ns", "f"), ("ns__", "f"), ("", "ns__f"), ("mcp__s", "f")], ["ns__f_1", "ns__f_2", "ns__f", "mcp__s__f"]),
        (CHAT, [("", "ns.f"), ("ns", "f"), ("", "f"), ("other", "f")], ["ns_f", "ns__f", "f", "other__f"]),
        (CHAT, [("mcp__" + "s" * 70, "do"), ("", LONG_A)], ["mcp__do", "mcp__do_1"]),
        (GEMINI, plain("1", "_1", "2"), ["_1_1", "_1", "_2"]),
    ],
)  # fmt: skip
def test_names_that_meet(rule: NameRule, declared: list[tuple[str, str]], expected: list[str]) -> None:
    names = ToolNames(declared, rule)
    assert wires(declared, rule) == expected
    assert [names.original(wire) for wire in expected] == declared


def test_the_way_back_of_the_second_of_two_long_names() -> None:
    """The names of translation.md 5.1, case 17."""
    names = ToolNames(plain(LONG_A, LONG_B), CODEX)
    assert names.wire(LONG_B) == "mcp__do_1"
    assert names.original("mcp__do_1") == ("", LONG_B)


def test_unknown_names() -> None:
    names = ToolNames([("ns", "f")], CODEX)
    assert names.original("g") == ("", "g")
    assert names.original("f") == ("", "f")
    assert names.wire("g", "ns") == "ns__g"
    assert names.wire("f") == "f"
    assert names.wire(LONG_A) == "mcp__do"


def test_thousands_that_meet_are_no_burden() -> None:
    declared = plain(*("x" * 64 + str(number) for number in range(20_000)))
    assert len(set(wires(declared, CODEX))) == 20_000


PIECES = st.lists(
    st.sampled_from(["mcp__", "__", "_", "a", "b", ".", "-", ":", "1", "é", "\ud800", " ", "x" * 61, "y" * 64, "€" * 20, "_1", "_2"]),
    min_size=1, max_size=4,
).map("".join)  # fmt: skip
DECLARED = st.lists(st.tuples(st.sampled_from(["", "", "a", "a__", "mcp__a", "x" * 60]), PIECES), max_size=12)


@EACH
@given(declared=DECLARED)
def test_wire_names(rule: NameRule, pattern: re.Pattern[str], declared: list[tuple[str, str]]) -> None:
    """Within the rule, all different, and each leads back to where it came from."""
    names = ToolNames(declared, rule)
    sent = {own: names.wire(own[1], own[0]) for own in declared}
    for own, wire in sent.items():
        assert pattern.fullmatch(wire)
        assert len(wire.encode("utf-8", "surrogatepass")) <= rule.limit
        assert names.original(wire) == own
    assert len(set(sent.values())) == len(sent)
    assert wires(declared, rule) == list(map(sent.__getitem__, declared))


@EACH
@given(declared=DECLARED, name=PIECES)
def test_valid_names_never_change(
    rule: NameRule, pattern: re.Pattern[str], declared: list[tuple[str, str]], name: str
) -> None:
    if pattern.fullmatch(name) and len(name.encode("utf-8", "surrogatepass")) <= rule.limit:
        assert ToolNames([*declared, ("", name)], rule).wire(name) == name
        assert ToolNames([], rule).wire(name) == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [("toolu_1-a", "toolu_1-a"), ("call.1:x é", "call_1_x__"), ("", ""), ("f-17-3", "f-17-3"), ("\ud800\n", "__")],
)
def test_claude_ids(text: str, expected: str) -> None:
    assert tool_id(text) == expected


@pytest.mark.parametrize("text", ["", "call_1", "x" * 64])
def test_short_ids_stay(text: str) -> None:
    assert short_call_id(text) is text


@given(first=st.text(min_size=60, max_size=80), second=st.text(min_size=60, max_size=80))
def test_long_ids(first: str, second: str) -> None:
    """Short enough, the same every time, and still different."""
    shortened = short_call_id(first)
    assert len(shortened) <= 64
    assert short_call_id(shortened) == shortened == short_call_id(str(first))
    assert (shortened == short_call_id(second)) == (first == second)


def test_a_long_id() -> None:
    assert re.fullmatch(r"x{47}_[0-9a-f]{16}", short_call_id("x" * 65))
    assert len(short_call_id("\ud800" * 100)) == 64
    assert re.fullmatch(r"x{23}_[0-9a-f]{16}", short_call_id("x" * 41, 40))
