"""JSON whose numbers keep their spelling."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.translation import exactjson

SPELLINGS = ["1e3", "1.0", "-0.0", "1E-7", "123456789012345678901234567890", "0.10", "-12345678901234567890", "7", "-7"]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_numbers_come_out_as_they_came_in(spelling: str) -> None:
    value = exactjson.loads(f'{{"a":[{spelling}]}}')
    assert exactjson.dumps(value) == f'{{"a":[{spelling}]}}'.encode()
    assert value["a"][0] == float(spelling)


def test_numbers_are_numbers() -> None:
    value = exactjson.loads("[0.5,3]")
    assert value[0] + 1 == 1.5
    assert type(value[1]) is int
    assert exactjson.text(copy.deepcopy(value)) == exactjson.text(pickle.loads(pickle.dumps(value))) == "[0.5,3]"


def test_lone_surrogates_stay_escapes() -> None:
    value = exactjson.loads(b'{"a":"x\\ud83d","b":[1e3],"c":"\xc3\xa9"}')
    assert exactjson.loads(exactjson.dumps(value)) == value
    assert b'"x\\ud83d"' in exactjson.dumps(value)
    assert b"1e3" in exactjson.dumps(value)


@pytest.mark.parametrize("text", ["", "{", "nul", "NaN", "[Infinity]", "-Infinity", "{'a':1}", "[1,]", "\x00", '"\n"', "1 2"])
def test_no_json(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        exactjson.loads(text)


def test_bytes_that_are_no_utf8() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        exactjson.loads(b'"\xff"')


def test_too_deep_is_an_error_and_no_crash() -> None:
    with pytest.raises(ValueError, match="nested"):
        exactjson.loads("[" * 100_000)
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="nested"):
        exactjson.dumps(deep)
    while deep:  # taken apart step by step: freeing it whole would recurse
        deep = deep.pop()


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_there_and_back(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    found = exactjson.loads(text)
    assert found == json.loads(text)
    assert json.loads(exactjson.dumps(found)) == json.loads(text)


@given(st.text(st.characters(), max_size=30))
def test_any_text(text: str) -> None:
    """Surrogates too, alone and in pairs."""
    assert exactjson.loads(exactjson.dumps({"t": text, "n": [0.5]})) == {"t": text, "n": [0.5]}
