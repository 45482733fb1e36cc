"""Bodies that keep the bytes of what was not edited."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.translation import exactjson
from cliproxy.translation.draft import Draft
from cliproxy.translation.edits import drop, put

RAW = b'{ "model" : "a", "x": {"n": 1.0, "e":1e3, "big":123456789012345678901, "s":"\\u00e9\\/" }, "list":[ {"a":1 },2, [3] ] }'


def draft() -> Draft:
    body = exactjson.loads(RAW)
    return Draft(body, body, RAW)


def test_untouched() -> None:
    assert draft().encode() == RAW
    assert draft().edited(lambda body: put(body, ("model",), "a")).encode() == RAW


def test_only_the_model() -> None:
    assert draft().edited(lambda body: put(body, ("model",), "b/c")).encode() == RAW.replace(b'"a", "x"', b'"b/c", "x"')


def test_a_nested_edit_keeps_its_neighbours() -> None:
    out = draft().edited(lambda body: put(body, ("x", "n"), 2)).encode()
    assert out == (
        b'{"model":"a","x":{"n":2,"e":1e3,"big":123456789012345678901,"s":"\\u00e9\\/"},"list":[ {"a":1 },2, [3] ]}'
    )


def test_removed_added_and_renamed_members() -> None:
    def edit(body: dict[str, Any]) -> dict[str, Any]:
        return {"y": body["x"], "model": "a", "new": [1.5], "list": body["list"]}

    found = draft().edited(edit).encode()
    before = json.loads(RAW)
    assert json.loads(found) == {"model": "a", "y": before["x"], "list": before["list"], "new": [1.5]}
    assert b'"y":{"n": 1.0, "e":1e3, "big":123456789012345678901, "s":"\\u00e9\\/" }' in found
    assert b'"x"' not in found
    assert b'"new":[1.5]' in found


def test_items_of_arrays() -> None:
    def edit(body: dict[str, Any]) -> dict[str, Any]:
        first, number, third = body["list"]
        return {**body, "list": [third, {**first, "b": 2}, number, "new"]}

    assert draft().edited(edit).encode().endswith(b'"list":[[3],{"a":1,"b":2},2,"new"]}')


def test_items_that_changed_keep_their_members() -> None:
    def edit(body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "list": [{**body["list"][0], "b": 2}, *body["list"][1:]]}

    assert draft().edited(edit).encode().endswith(b'"list":[{"a":1,"b":2},2,[3]]}')


def test_an_envelope_keeps_what_is_inside() -> None:
    body = exactjson.loads(RAW)
    wrapped = Draft({"project": "", "request": drop(body, ("model",)), "model": "m"}, body, RAW, "request")
    assert b'"x":{"n": 1.0, "e":1e3, "big":123456789012345678901, "s":"\\u00e9\\/" }' in wrapped.encode()
    assert json.loads(wrapped.encode())["model"] == "m"
    changed = wrapped.edited(lambda found: put(found, ("request", "x", "n"), 2)).encode()
    assert b'{"n":2,"e":1e3,"big":123456789012345678901,"s":"\\u00e9\\/"}' in changed


def test_a_new_body_is_written() -> None:
    assert Draft({"a": exactjson.loads("1.0")}).encode() == b'{"a":1.0}'


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "x", "é"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(["model", "a", "b", "c"]), VALUES, max_size=4)


@st.composite
def edits(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """(a body, the same after random copy-on-write edits)."""
    before = draw(OBJECTS)
    return before, draw(st.just(before).map(lambda body: _edited(body, draw)))


def _edited(value: Any, draw: st.DrawFn) -> Any:
    choice = draw(st.sampled_from(["keep", "keep", "replace", "inside"]))
    if choice == "keep":
        return value
    if choice == "inside" and isinstance(value, dict):
        kept = {key: _edited(item, draw) for key, item in value.items() if draw(st.booleans())}
        return kept | draw(st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=1))
    if choice == "inside" and isinstance(value, list):
        return draw(st.permutations([_edited(item, draw) for item in value]))
    return draw(OBJECTS if isinstance(value, dict) else VALUES)


@pytest.mark.parametrize("separators", [(",", ":"), (" , ", " : ")])
@given(change=edits())
def test_any_edit_says_what_it_should(change: tuple[Any, Any], separators: tuple[str, str]) -> None:
    before, after = change
    after = after if isinstance(after, dict) else {}
    payload = json.dumps(before, separators=separators).encode()
    assert json.loads(Draft(after, before, payload).encode()) == after
