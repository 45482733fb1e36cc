"""Paths of payload rules: asking, setting, deleting (providers.md 7.4)."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.providers import json_path

TREE: dict[str, Any] = {
    "model": "m",
    "null": None,
    "a.b": {"c": 1},
    "a*": 1,
    "7": {"x": 1},
    "list": [1, [2, 3], {"x": None}],
    "empty": [],
    "messages": [
        {"role": "system", "content": "be brief", "n": 1, "cached": True},
        {"role": "user", "content": "hi", "n": 2.5, "cached": False, "tags": ["x", "y"]},
        {"role": "user", "content": 'say "hi." (now)', "n": 3, "tags": ["z"]},
        {"role": "tool", "content": None},
    ],
    "user@home": {"k|v": 1},
    "#": {"in": 2},
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("model", True), ("null", True), ("nothing", False), ("model.x", False), ("null.x", False),
        (r"a\.b.c", True), ("a.b.c", False), (r"a\*", True), (r"\model", True),
        ("7.x", True), (":7.x", True), ("list.0", True), ("list.2.x", True), ("list.3", False), ("list.1.1", True),
        ("list.-1", False), ("list.x", False), ("list.:0", False), ("list.99999999999999999999", False), ("list.٣", False),
        ("", False), (".model", False), ("model.", False), ("messages..role", False),
        # wildcards
        ("mod*", True), ("m?del", True), ("m?l", False), ("*", True), ("*.0.role", True), ("*.c", True), ("l*.0", True),
        ("list.*", False), (r"a\**", True), (r"m\?del", False), ("*s.1.ta?s.1", True),
        # lengths and all elements
        ("list.#", True), ("empty.#", True), ("model.#", False), ("messages.#.role", True), ("messages.#.nothing", True),
        ("model.#.x", False), ("messages.#.tags.#", True), ("list.#.x", True),
        # queries
        ('messages.#(role=="user")', True), ('messages.#(role=="assistant")', False), ('messages.#(role=="user").tags', True),
        ('messages.#(role=="user").nothing', False), ('messages.#(role=="assistant")#', True), ("messages.#(role=user)", True),
        ('messages.#(role!="system").tags.1', True), ("messages.#(n>2.9).tags.0", True), ("messages.#(n>3)", False),
        ("messages.#(n>=3)", True), ("messages.#(n<1)", False), ("messages.#(n<=1)", True), ("messages.#(n==x)", False),
        ("messages.#(n!=x)", True), ("messages.#(cached==true)", True), ("messages.#(cached==false).tags", True),
        ("messages.#(cached==maybe)", False), ("messages.#(cached!=true).tags", True), ("messages.#(content==null)", False),
        ('messages.#(role%"us*")', True), ('messages.#(role%"u?")', False), ('messages.#(role!%"s*").tags', True),
        ("messages.#(n%1)", False), ('messages.#(content=="say \\"hi.\\" (now)").tags.0', True), ("messages.#(cached)", True),
        ("messages.#(nothing)", False), ("messages.#(tags==x)", False), ('messages.#(tags.#(=="z")).n', True),
        ('messages.#(tags.#(=="q"))', False), ("list.#(==1)", True), ("list.#(==5)", False), ("list.#(>0)", True),
        ('model.#(role=="user")', False), ('messages.#(role=="user"', False), ('messages.#(role=="user")x', False),
        # pipes
        ("messages|0|role", True), ("messages.#.role|0", True), ("messages.#.role|4", False), ("messages.#.role|#", True),
        ("messages.#.role.0", True), ('messages.#(role=="user")#|1.tags', True), ('messages.#(role=="user")#|2', False), ("x|y", False),
        # what only looks special
        ("user@home", True), (r"user@home.k\|v", True), ("@this", False), ("model|@this", False), (r"\#.in", True), ("#x", False),
        ("user@", False), ("\\", False),
    ],
)  # fmt: skip
def test_asking(path: str, expected: bool) -> None:
    assert json_path.exists(TREE, path) is expected


@pytest.mark.parametrize(
    ("body", "path", "expected"),
    [
        ({}, "a", {"a": 9}),
        ({"a": 1, "b": 2}, "a", {"a": 9, "b": 2}),
        ({}, "a.b.c", {"a": {"b": {"c": 9}}}),
        ({}, r"a\.b.c", {"a.b": {"c": 9}}),
        ({}, r"a\*.\#", {"a*": {"#": 9}}),
        ({"a": 5}, "a.b", {"a": {"b": 9}}),
        ({"a": None}, "a.0", {"a": [9]}),
        ({"a": "x"}, "a.:0", {"a": {"0": 9}}),
        ({}, "users.:2313.name", {"users": {"2313": {"name": 9}}}),
        ({}, ":1", {"1": 9}),
        ({}, ":", {":": 9}),
        ({}, r"\:1", {":1": 9}),
        ({}, "a.2", {"a": [None, None, 9]}),
        ({}, "a.-1.b", {"a": [{"b": 9}]}),
        ({"a": [1]}, "a.-1", {"a": [1, 9]}),
        ({"a": [1, 2]}, "a.0", {"a": [9, 2]}),
        ({"a": [1]}, "a.3", {"a": [1, None, None, 9]}),
        ({"a": [{"b": 1}, 2]}, "a.0.c", {"a": [{"b": 1, "c": 9}, 2]}),
        ({"a": {"0": 1}}, "a.0", {"a": {"0": 9}}),
        ({"a": {}}, "a.-1", {"a": {"-1": 9}}),
        ({"a": [1]}, "a.b", {"a": [1]}),
        ({"a": [1]}, "a.:0", {"a": [1]}),
        ({"a": [[1]]}, "a.0.x.y", {"a": [[1]]}),
        ({"a": []}, "a.1001", {"a": []}),
        ({}, "a.999999999", {}),
        ({}, "a.0000000000", {"a": {"0000000000": 9}}),
        # complex paths replace what is there
        ({"ab": 1, "ac": 2}, "a*", {"ab": 9, "ac": 2}),
        ({"ab": 1}, "b*", {"ab": 1}),
        ({"ab": {"x": 1}, "ac": {"y": 1}}, "a?.y", {"ab": {"x": 1}, "ac": {"y": 9}}),
        ({"a": [{"x": 1}, {}, {"x": 2}]}, "a.#.x", {"a": [{"x": 9}, {}, {"x": 9}]}),
        ({"a": [{"x": [{"y": 1}]}, {"x": [{"y": 1}, {"y": 2}]}]}, "a.#.x.#.y", {"a": [{"x": [{"y": 9}]}, {"x": [{"y": 9}, {"y": 9}]}]}),
        ({"a": [{"k": "v", "x": 1}, {"k": "v", "x": 2}]}, 'a.#(k=="v").x', {"a": [{"k": "v", "x": 9}, {"k": "v", "x": 2}]}),
        ({"a": [{"k": "v", "x": 1}, {"k": "w"}, {"k": "v", "x": 2}]}, 'a.#(k=="v")#.x', {"a": [{"k": "v", "x": 9}, {"k": "w"}, {"k": "v", "x": 9}]}),
        ({"a": [1, 2, 3]}, "a.#(>1)#", {"a": [1, 9, 9]}),
        ({"a": [{"k": "v"}]}, 'a.#(k=="v").x', {"a": [{"k": "v"}]}),
        ({"a": {"b": 1}}, "a|b", {"a": {"b": 9}}),
        ({"a": {}}, "a|b", {"a": {}}),
        ({"a": [1]}, "a.#", {"a": [1]}),
        ({"a": [{"x": 1}]}, "a.#.x|0", {"a": [{"x": 1}]}),
        ({"u@h": 1}, "u@h", {"u@h": 9}),
        ({}, "u@h", {}),
        ({"a": 1}, "@this", {"a": 1}),
    ],
)  # fmt: skip
def test_setting(body: dict[str, Any], path: str, expected: dict[str, Any]) -> None:
    before = copy.deepcopy(body)
    after = json_path.put(body, path, 9)
    assert json.dumps(after) == json.dumps(expected)
    assert body == before
    assert (after is body) == (before == expected)


@pytest.mark.parametrize(
    ("body", "path", "expected"),
    [
        ({"a": 1, "b": 2}, "a", {"b": 2}),
        ({"a": {"b": 1, "c": 2}}, "a.b", {"a": {"c": 2}}),
        ({"a": {"b": 1}}, "a.c", {"a": {"b": 1}}),
        ({"a": [1, 2, 3]}, "a.1", {"a": [1, 3]}),
        ({"a": [1, 2, 3]}, "a.-1", {"a": [1, 2]}),
        ({"a": [{"x": 1}, {"x": 2, "y": 3}]}, "a.-1.x", {"a": [{"x": 1}, {"y": 3}]}),
        ({"a": []}, "a.-1", {"a": []}),
        ({"a": [1]}, "a.1", {"a": [1]}),
        ({"a": [1]}, "a.x", {"a": [1]}),
        ({"a": "x"}, "a.b", {"a": "x"}),
        ({"a.b": 1, "0": 2}, r"a\.b", {"0": 2}),
        ({"a.b": 1, "0": 2}, "0", {"a.b": 1}),
        ({"ab": 1}, "a*", {"ab": 1}),
        ({"a": [{"x": 1}]}, "a.#.x", {"a": [{"x": 1}]}),
        ({"a": {"b": 1}}, "a|b", {"a": {"b": 1}}),
        ({"u@h": 1}, "u@h", {"u@h": 1}),
    ],
)
def test_deleting(body: dict[str, Any], path: str, expected: dict[str, Any]) -> None:
    before = copy.deepcopy(body)
    after = json_path.drop(body, path)
    assert json.dumps(after) == json.dumps(expected)
    assert body == before
    assert (after is body) == (before == expected)


def test_what_is_beside_the_path_is_shared() -> None:
    body: dict[str, Any] = {"a": {"b": 1, "c": []}, "d": [{"x": 1}, {}]}
    after = json_path.put(json_path.put(body, "a.b", 2), "d.0.x", 2)
    assert after["a"]["c"] is body["a"]["c"]
    assert after["d"][1] is body["d"][1]
    assert json_path.put(after, "d.0.x", 2) is after
    assert json_path.put(after, "a|b", 2) is after


def test_long_keys_do_not_slow_wildcards_down() -> None:
    """Would take hours if it tried every way to share the text among the stars."""
    assert not json_path.exists({"a" * 20000: 1}, "*a*a*a*a*a*a*a*b")


KEYS = st.sampled_from(["a", "b.c", "0", "-1", ":x", "*", "k@"])
TREES = st.recursive(
    st.none() | st.integers(0, 2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
BODIES = st.dictionaries(KEYS, TREES, max_size=3)
TEXTS = st.text(st.sampled_from('ab01-.|*?#@()\\"=!<>%: '), max_size=12)


@given(BODIES, TEXTS)
def test_any_text_is_a_path(body: dict[str, Any], path: str) -> None:
    before = copy.deepcopy(body)
    there = json_path.exists(body, path)
    after = json_path.put(body, path, "new")
    if json_path.parse(path).parts is None and not there:
        assert after is body
    assert json_path.drop(after, path) is not None
    assert body == before


def escaped(key: str) -> str:
    return ":" + "".join(f"\\{character}" if character in "\\.:*?#|@" else character for character in key)


@given(BODIES, st.lists(KEYS, min_size=1, max_size=3))
def test_escaped_keys_mean_themselves(body: dict[str, Any], keys: list[str]) -> None:
    path = ".".join(map(escaped, keys))
    after = json_path.put(body, path, "new")
    node: Any = after
    for key in keys:
        if isinstance(node, list):
            assert after is body  # no key fits an array
            return
        node = node[key]
    assert node == "new"
    assert json_path.exists(after, path)
    assert not json_path.exists(json_path.drop(after, path), path)
