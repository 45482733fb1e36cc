"""JSON edited without reformatting, and the model's name in it (translation.md 6, design D20)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.translation import model_name, rawjson

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
OBJECT = st.dictionaries(st.text(max_size=6), JSON, max_size=5)


@given(OBJECT, st.sampled_from([None, 1]), st.booleans())
def test_opened_and_closed_it_means_the_same(value: dict[str, Any], indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert json.loads(rawjson.RawObject(text).text()) == value


@given(OBJECT, st.text(max_size=6), JSON)
def test_setting_touches_nothing_else(value: dict[str, Any], key: str, new: Any) -> None:
    root = rawjson.RawObject(json.dumps(value))
    root.set(key, json.dumps(new))
    assert json.loads(root.text()) == {**value, key: new}


def test_untouched_values_keep_their_bytes() -> None:
    raw = '{"a":1.0,"b":12345678901234567890123,"c":"\\u00e9\\/","d":[1e3, {"x" : -0.0}],"e":{"f":1E+2}}'
    root = rawjson.parse(raw.encode())
    inner = root.object("e")
    assert inner is not None
    inner.set_value("g", [1])
    assert root.text() == raw[:-2] + ',"g":[1]}}'


def test_edits() -> None:
    root = rawjson.parse(b'{"a": 1, "b": [ {"x": 1}, 2 ], "c": null}')
    array = root.array("b")
    assert array is not None
    first = array.object(0)
    assert first is not None
    first.rename("x", "y")
    assert (array.object(1), root.object("a"), root.array("c"), root.object("zz")) == (None, None, None, None)
    root.delete("a", "zz")
    root.rename("c", "d")
    assert (root.text(), root.raw("d"), root.raw("zz"), "b" in root) == (
        '{"b":[{"y":1},2],"d":null}',
        "null",
        None,
        True,
    )


def test_renaming_onto_a_name_that_is_there() -> None:
    root = rawjson.parse(b'{"old":1,"x":2,"new":3}')
    root.rename("old", "new")
    assert root.text() == '{"new":1,"x":2}'


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a"}', '{"a":}', '{"a":1 "b":2}', "{1:2}", '{"a":tru}', '{"a":1,'])
def test_no_object(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        rawjson.RawObject(text)


def test_numbers_of_any_length() -> None:
    long = "9" * 5000
    assert rawjson.RawObject(f'{{"a":{long}}}').raw("a") == long


@pytest.mark.parametrize(
    ("raw", "path", "expected"),
    [
        (b'{"model": "old","n":1.0}', ("model",), b'{"model": "new","n":1.0}'),
        (b'{"a":"\\"model\\": \\"x\\"","model":"old"}', ("model",), b'{"a":"\\"model\\": \\"x\\"","model":"new"}'),
        (b'{"inner":{"model":"other"},"model":"old"}', ("model",), b'{"inner":{"model":"other"},"model":"new"}'),
        (b'{"response":{"model":"old"},"model":"x"}', ("response", "model"), b'{"response":{"model":"new"},"model":"x"}'),
        (b'{"model":5}', ("model",), b'{"model":5}'), (b"{}", ("model",), b"{}"), (b'{"model":"new"}', ("model",), b'{"model":"new"}'),
        (b'{"mod\\u0065l":"old"}', ("model",), b'{"model":"new"}'),
    ],
)  # fmt: skip
def test_model_names(raw: bytes, path: tuple[str, ...], expected: bytes) -> None:
    assert model_name.replace(raw, json.loads(raw), path, "new") == expected
