"""Repair of tool-call arguments: quotes, half JSON, hostile sizes (translation.md 3.11)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.translation import exactjson
from cliproxy.translation.arguments import as_object, quote_fix, tolerant_object

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
ODD = st.text(st.sampled_from("{}[]:,'\"\\ntu0019.e-a \n\ud800é"), max_size=60)


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("""{'a': 'x"y'}""", r"""{"a": "x\"y"}"""),
        (r"""{'a': 'it\'s'}""", """{"a": "it's"}"""),
        (r"""{'a': '\n\r\t\b\f\/\\\u00e9'}""", r"""{"a": "\n\r\t\b\f\/\\\u00e9"}"""),
        (r"""{'a': '\"'}""", r"""{"a": "\""}"""),
        (r"""{'a': '\x'}""", r"""{"a": "\x"}"""),
        ("""{"a": "it's", 'b': "don't"}""", """{"a": "it's", "b": "don't"}"""),
        (r"""{"a\"'": '1'}""", r"""{"a\"'": "1"}"""),
        ("{'a': 'b", '{"a": "b"'),
        ("{'a': 'b\\", '{"a": "b\\\\"'),
        ("'", '""'), ("''", '""'), ("", ""), ('{"a": 1}', '{"a": 1}'), ('{"a', '{"a'), ('{"a\'', '{"a\''),
        ("{'a':['b',{'c':True}]}", '{"a":["b",{"c":True}]}'),
        ("{'é': '\u2028'}", '{"é": "\u2028"}'),
        ("{'a': 'line\nend'}", '{"a": "line\nend"}'),
    ],
)  # fmt: skip
def test_quotes(text: str, fixed: str) -> None:
    assert quote_fix(text) == fixed


@given(value=JSON)
def test_quotes_leave_json_alone(value: Any) -> None:
    """Apostrophes in JSON strings are text."""
    text = json.dumps({"it's": value}, ensure_ascii=False)
    assert quote_fix(text) == text


def python_string(value: str) -> str:
    """A single-quoted literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


@given(members=st.dictionaries(*[st.text(st.sampled_from("ab\"'\\\né{},: "), max_size=9)] * 2, max_size=4))
def test_quotes_of_whole_objects(members: dict[str, str]) -> None:
    text = "{" + ", ".join(f"{python_string(key)}: {python_string(value)}" for key, value in members.items()) + "}"
    assert as_object(quote_fix(text)) == members


@given(text=ODD)
def test_no_single_quoted_string_is_left(text: str) -> None:
    fixed = quote_fix(text)
    assert quote_fix(fixed) == fixed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"l": Paris, "n": 3}', {"l": "Paris", "n": 3}),
        ('{"a": "b", c: 1, "d": 2}', {"a": "b", "d": 2}),
        ('{"a": New York , "b": Los Angeles}', {"a": "New York", "b": "Los Angeles"}),
        ('{"a": x, "b": true, "c": false, "d": null, "e": -1.5e3, "f": 0}',
         {"a": "x", "b": True, "c": False, "d": None, "e": -1500.0, "f": 0}),
        ('{"a": x, "b": 01, "c": +1, "d": 1., "e": NaN, "f": True}',
         {"a": "x", "b": "01", "c": "+1", "d": "1.", "e": "NaN", "f": "True"}),
        ('{"a": x, "o": {"b": [1, "}"]}, "l": [{"c": "]"}]}', {"a": "x", "o": {"b": [1, "}"]}, "l": [{"c": "]"}]}),
        ('{"o": {b: 1, "c": "}"}, "l": [1,]}', {"o": '{b: 1, "c": "}"}', "l": "[1,]"}),
        ('{"a": "x",}', {"a": "x"}), ('{"a": "x" "b": 1}', {"a": "x", "b": 1}), ('{"a": "x" junk, "b": 1}', {"a": "x", "b": 1}),
        ('call({"a": x})', {"a": "x"}), ('{"a" : x , "a" : y}', {"a": "y"}), ('{"a": , "b": 1}', {"a": "", "b": 1}),
        ('{"a": "line\nend"}', {"a": "line\nend"}), (r'{"a": "\x", b}', {"a": r"\x"}),
        (r'{"\u0061\"": x}', {'a"': "x"}), ('{"a": x, "b": "open}', {"a": "x"}), ('{"a": x, "b": [1}', {"a": "x"}),
        ('{"a": x, "b}', {"a": "x"}), ('{"a": x, "b" 1, "c": 2}', {"a": "x"}), ('{"a": x, "b": 1}}', {"a": "x", "b": "1}"}),
        ('{"a": 1}', {"a": 1}), ("{}", {}), ("", {}), ("null", {}), ("[1]", {}), ('"a"', {}), ("oops", {}), ("}{", {}), ("{", {}),
        ("{'a': 'b'}", {}), ('{"a": "b", "c": "d', {}), ("{,,,}", {}), ("{:}", {}),
    ],
)  # fmt: skip
def test_tolerant_objects(text: str, expected: dict[str, Any]) -> None:
    assert tolerant_object(text) == expected


@pytest.mark.parametrize("text", ['{"a": 1.0, "b": 1e3}', '{"a": word, "b": 1.0, "c": [1e3]}'])
def test_numbers_keep_their_spelling(text: str) -> None:
    assert exactjson.dumps(tolerant_object(text)).decode().replace('"word"', "word") == text.replace(" ", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a":[1]}', {"a": [1]}), (" {} ", {}), ("[]", None), ("1", None), ('"x"', None), ("null", None), ("", None), ("{", None),
        ("{'a':1}", None), ('{"a":NaN}', None), ("{} {}", None), ('{"\ud800": "\\ud800"}', {"\ud800": "\ud800"}),
    ],
)  # fmt: skip
def test_strict_objects(text: str, expected: dict[str, Any] | None) -> None:
    assert as_object(text) == expected


@given(value=st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_json_is_read_as_it_is(value: dict[str, Any]) -> None:
    text = json.dumps(value)
    assert tolerant_object(text) == as_object(text) == value


@given(members=st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_every_member_survives_a_bare_word(members: dict[str, Any]) -> None:
    """One value that is no JSON costs nothing but its quotes."""
    pairs = [*(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in members.items()), '"the word": bare word']
    assert tolerant_object("{" + ",".join(pairs) + "}") == {**members, "the word": "bare word"}


@given(text=ODD)
def test_any_text_gives_an_object(text: str) -> None:
    assert isinstance(tolerant_object(text), dict)


BIG = 1_000_000
HOSTILE = {
    "quotes": "'" * BIG, "double quotes": "{" + '"' * BIG + "}", "escapes": "'" + "\\" * BIG, "one string": "{'a': '" + '"' * BIG,
    "strings": "{" + "'a'," * (BIG // 4) + "}", "open brackets": '{"a":' + "[" * BIG + "}", "commas": "{" + "," * BIG + "}",
    "nested": '{"a":' + '{"b":' * 100_000 + "x" + "}" * 100_001, "nested lists": '{"a":' + "[" * 100_000 + "]" * 100_000 + ", b}",
    "spaces": '{"a":' + " " * BIG + "}", "word": '{"a":' + "x" * BIG + "}", "escaped quotes": "{" + '\\"' * (BIG // 2) + "}",
    "keys": "{" + '"a' * (BIG // 2) + "}", "digits": '{"a": ' + "1" * BIG + ", b}",
}  # fmt: skip


@pytest.mark.parametrize("repair", [quote_fix, tolerant_object])
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_time_and_depth(repair: Callable[[str], Any], text: str) -> None:
    """A quadratic scan of these would take minutes, a recursive one would fail."""
    start = time.process_time()
    repair(text)
    assert time.process_time() - start < 10


def test_fifty_levels_are_ordinary() -> None:
    inner = '{"b":' * 50 + "1" + "}" * 50
    value = tolerant_object('{"a": word, "deep": ' + inner + "}")
    assert value == {"a": "word", "deep": json.loads(inner)}
