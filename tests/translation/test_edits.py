"""Copy-on-write edits: the change is there, the old tree is as it was, everything beside the path is shared."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.translation import edits, exactjson
from cliproxy.translation.edits import MISSING, drop, get, put

KEYS = st.sampled_from(["a", "b", "c"])
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
BODIES = st.dictionaries(KEYS, TREES, max_size=3)
PATHS = st.lists(KEYS, min_size=1, max_size=3).map(tuple)


def untyped(value: Any) -> str:
    """Text that tells 1, true and 1.0 apart, and the order of keys."""
    return repr(value)


@given(BODIES, PATHS, TREES)
def test_what_was_put_is_there_and_nothing_else_changed(body: dict[str, Any], path: tuple[str, ...], new: Any) -> None:
    before = copy.deepcopy(body)
    after = put(body, path, new)
    assert untyped(body) == untyped(before)
    assert untyped(get(after, path)) == untyped(new)
    assert all(after[key] is body[key] for key in body if key != path[0])
    assert list(after)[: len(body)] == list(body)


@given(BODIES, PATHS)
def test_what_was_dropped_is_gone_and_nothing_else_changed(body: dict[str, Any], path: tuple[str, ...]) -> None:
    before = copy.deepcopy(body)
    after = drop(body, path)
    assert untyped(body) == untyped(before)
    assert get(after, path) is MISSING
    assert (after is body) is (get(body, path) is MISSING)
    assert all(after[key] is body[key] for key in body if key != path[0])


@given(BODIES, PATHS)
def test_putting_back_what_is_there_changes_nothing(body: dict[str, Any], path: tuple[str, ...]) -> None:
    if get(body, path) is not MISSING:
        assert put(body, path, get(body, path)) is body


@pytest.mark.parametrize(
    ("body", "path", "value", "expected"),
    [
        ({}, ("a", "b"), 1, {"a": {"b": 1}}),
        ({"a": 5, "z": 1}, ("a", "b"), 1, {"a": {"b": 1}, "z": 1}),
        ({"a": [1]}, ("a", "b"), 1, {"a": {"b": 1}}),
        ({"a": {"x": {}, "b": 0}}, ("a", "b"), 1, {"a": {"x": {}, "b": 1}}),
        ({"a": 1}, ("a",), True, {"a": True}),
        ({"a": 1.0}, ("a",), 1, {"a": 1}),
        ({"a": None}, ("a",), {}, {"a": {}}),
    ],
)
def test_put(body: dict[str, Any], path: tuple[str, ...], value: Any, expected: dict[str, Any]) -> None:
    assert untyped(put(body, path, value)) == untyped(expected)


@pytest.mark.parametrize(
    ("body", "path", "value"),
    [
        ({"a": {"b": "x"}}, ("a", "b"), "".join(["", "x"])), ({"a": 512}, ("a",), int("512")),
        ({"a": None}, ("a",), None), ({"a": False}, ("a",), False),
    ],
)  # fmt: skip
def test_equal_scalars_stay(body: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    assert put(body, path, value) is body


def test_numbers_that_are_equal_only_as_floats_do_not_stay() -> None:
    body, seed = exactjson.loads('{"seed":18446744073709551617}'), exactjson.loads("18446744073709551616")
    assert exactjson.dumps(put(body, ("seed",), seed)) == b'{"seed":18446744073709551616}'


@pytest.mark.parametrize("body", [None, [], "a", 1, {"a": []}, {"a": {"b": [{"c": 1}]}}, {"b": 1}])
def test_nothing_is_there(body: Any) -> None:
    assert get(body, ("a", "b", "c")) is MISSING


def test_a_null_is_there() -> None:
    assert get({"a": None}, ("a",)) is None


def test_missing_is_false_and_says_what_it_is() -> None:
    assert not edits.MISSING
    assert repr(edits.MISSING) == "MISSING"
