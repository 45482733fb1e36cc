"""Tool schemas for Antigravity: the cases of providers.md 25.3, each step alone, and what holds for any schema."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.translation import exactjson
from cliproxy.translation.schema_cleaner import REASON, clean, variant_of

S = {"type": "string"}
REASON_ONLY = {"properties": {"reason": {"type": "string", "description": REASON}}, "required": ["reason"]}
PLACEHOLDER = {"type": "object", **REASON_ONLY}
CONSTRAINTS = [
    "minLength", "maxLength", "exclusiveMinimum", "exclusiveMaximum", "pattern", "minItems", "maxItems", "format", "default", "examples",
]  # fmt: skip
DROPPED = {*CONSTRAINTS, "$schema", "$defs", "definitions", "const", "$ref", "additionalProperties", "propertyNames"}


def obj(required: list[str] | None = None, /, **properties: Any) -> dict[str, Any]:
    """An object schema."""
    return {"type": "object", "properties": properties} | ({} if required is None else {"required": required})


USER = {"definitions": {"User": obj(name=S)}}

CASES = {
    "1 const": (obj(["k"], k={"const": "X"}), obj(["k"], k={"enum": ["X"], "type": "string"})),
    "2 nullable": (
        obj(["name", "other"], name={"type": ["string", "null"]}, other=S),
        obj(["other"], name={"type": "string", "description": "(nullable)"}, other=S),
    ),
    "3 constraint": (
        obj(tags={"type": "array", "description": "Tags", "minItems": 1}),
        obj(tags={"type": "array", "description": "Tags (minItems: 1)"}),
    ),
    "4 anyOf": (
        obj(query={"anyOf": [{"type": "null"}, obj(kind=S)]}),
        obj(query={**obj(["_"], kind=S, _={"type": "boolean"}), "description": "Accepts: null | object"}),
    ),
    "5 oneOf": (
        obj(config={"oneOf": [S, {"type": "integer"}]}),
        obj(config={"type": "string", "description": "Accepts: string | integer"}),
    ),
    "6 allOf": (
        {"allOf": [{"properties": {"a": S}, "required": ["a"]}, {"properties": {"b": S}, "required": ["b"]}]},
        {"properties": {"a": S, "b": S}, "required": ["a", "b"]},
    ),
    "7 ref": (
        {**obj(customer={"$ref": "#/definitions/User"}), **USER},
        obj(customer={**PLACEHOLDER, "description": "See: User"}),
    ),
    "8 described ref": (
        {**obj(customer={"$ref": "#/definitions/User", "description": "D"}), **USER},
        obj(customer={**PLACEHOLDER, "description": "D (See: User)"}),
    ),
    "9 root ref": (
        {"$ref": "#/definitions/Node", "definitions": {"Node": obj(next={"$ref": "#/definitions/Node"})}},
        {**PLACEHOLDER, "description": "See: Node"},
    ),
    "10 required": (obj(["a", "b", "c"], a=S, b=S), obj(["a", "b"], a=S, b=S)),
    "11 property named like a keyword": (obj(["pattern"], pattern=S), obj(["pattern"], pattern=S)),
    "12 dotted name": (
        obj(["my.param", "b"], **{"my.param": {"type": ["string", "null"]}, "b": S}),
        obj(["b"], **{"my.param": {"type": "string", "description": "(nullable)"}, "b": S}),
    ),
    "12 dotted name in allOf": (
        {"type": "object", "allOf": [{"properties": {"my.*?": S}, "required": ["my.*?"]}]},
        obj(["my.*?"], **{"my.*?": S}),
    ),
    "13 descriptions": (
        obj(a={"description": "Parent desc", "anyOf": [{"type": "string", "description": "Child desc"}, {"type": "integer"}]}),
        obj(a={"type": "string", "description": "Parent desc (Child desc) (Accepts: string | integer)"}),
    ),
    "14 single enum": (obj(a={"type": "string", "enum": ["x"]}), obj(a={"type": "string", "enum": ["x"]})),
    "15 no properties": ({"type": "object"}, PLACEHOLDER),
    "15 empty properties": (obj(), PLACEHOLDER),
    "16 with required": (obj(["a"], a=S), obj(["a"], a=S)),
    "17 items": (obj(a={"type": "array", "items": {"type": "object"}}), obj(a={"type": "array", "items": PLACEHOLDER})),
    "18 integer enum": (
        obj(a={"type": "integer", "enum": [1, 2]}),
        obj(a={"type": "string", "enum": ["1", "2"], "description": "Allowed: 1, 2"}),
    ),
    "18 number enum": (obj(a={"type": "number", "enum": [1.5]}), obj(a={"type": "string", "enum": ["1.5"]})),
    "18 boolean enum": (obj(a={"type": "boolean", "enum": [True]}), obj(a={"type": "string", "enum": ["true"]})),
    "19 x-": (
        {**obj(**{"x-data": S, "b": {**S, "x-order": {"format": 1}}}), "x-root": 1},
        obj(**{"x-data": S, "b": S}),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("schema", "expected"), CASES.values(), ids=CASES)
def test_the_cases_of_the_specification(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    assert clean(schema, placeholders=True, root=True) == expected


STEPS = {
    "1 no slash": ({"$ref": "Name", "title": "gone"}, {"type": "object", "description": "See: Name"}),
    "1 whole node": ({"$ref": "#/$defs/a", "properties": {"x": S}}, {"type": "object", "description": "See: a"}),
    "1 in every place": (
        {"items": {"$ref": "/a"}, "not": {"$ref": "/b"}, "prefixItems": [{"$ref": "/c"}], "patternProperties": {"^p": {"$ref": "/d"}}},
        {
            "items": {"type": "object", "description": "See: a"}, "not": {"type": "object", "description": "See: b"},
            "prefixItems": [{"type": "object", "description": "See: c"}],
            "patternProperties": {"^p": {"type": "object", "description": "See: d"}},
        },
    ),
    "1 not a text": ({"$ref": 7, **S}, S),
    "2 with an enum": ({"const": "a", "enum": ["b"]}, {"enum": ["b"], "type": "string"}),
    "2 null": ({"const": None}, {"enum": [""], "type": "string"}),
    "3 all kinds": (
        {"enum": [True, 1.5, None, "a", [1], {"format": "x"}, 7, 8, 9, 10, 11]},
        {"enum": ["true", "1.5", "", "a", "[1]", '{"format":"x"}', "7", "8", "9", "10", "11"], "type": "string"},
    ),
    "3 type always": ({"enum": [], "type": "integer"}, {"enum": [], "type": "string"}),
    "4 two": ({"enum": ["a", "b"], **S}, {"enum": ["a", "b"], **S, "description": "Allowed: a, b"}),
    "4 eleven": ({"enum": list("abcdefghijk"), **S}, {"enum": list("abcdefghijk"), **S}),
    "5": ({"additionalProperties": False, "description": "D"}, {"description": "D (No extra properties allowed)"}),
    "5 others": ({"items": {"additionalProperties": True}, "not": {"additionalProperties": S}}, {"items": {}, "not": {}}),
    "6 in order": (
        {"default": "a", "format": "date", "minLength": 1, "maxLength": 2, "exclusiveMaximum": False},
        {"description": "minLength: 1 (maxLength: 2) (exclusiveMaximum: false) (format: date) (default: a)"},
    ),
    "6 no scalars": ({"default": [1], "examples": ["a"], "format": {"a": 1}}, {}),
    "6 null": ({"default": None}, {"description": "default: null"}),
    "6 others stay": ({"minimum": 1, "maximum": 2, "multipleOf": 3, "$id": "i"}, {"minimum": 1, "maximum": 2, "multipleOf": 3, "$id": "i"}),
    "7 into the node": (
        {"properties": {"a": S, "b": S}, "required": ["b"], "allOf": [
            {"properties": {"a": {"type": "integer"}, "c": S}, "required": ["c", "b"], "type": "object", "title": "lost"}, True, {"properties": 1},
        ]},
        {"properties": {"a": {"type": "integer"}, "b": S, "c": S}, "required": ["b", "c"]},
    ),
    "7 deepest first": (
        {"allOf": [{"allOf": [{"properties": {"a": {"allOf": [{"properties": {"b": S}}]}}}]}]},
        {"properties": {"a": {"properties": {"b": S}}}},
    ),
    "7 before 8": ({"allOf": [{"anyOf": [{"properties": {"a": S}}]}]}, {}),
    "8 first of equals": ({"anyOf": [{"type": "integer"}, S]}, {"type": "integer", "description": "Accepts: integer | string"}),
    "8 replaces the node": ({"type": "object", "properties": {"a": S}, "oneOf": [S]}, S),
    "8 ranks": (
        {"anyOf": [{}, S, {"items": S}, {"properties": {"a": S}}]},
        {"properties": {"a": S}, "description": "Accepts: null | string | array | object"},
    ),
    "8 array before scalar": ({"anyOf": [S, {"items": S}]}, {"items": S, "description": "Accepts: string | array"}),
    "8 scalar before null": ({"anyOf": [{"type": "null"}, S]}, {**S, "description": "Accepts: null | string"}),
    "8 types of one name": ({"anyOf": [S, {**S, "enum": ["a"]}]}, S),
    "8 parent's words": ({"description": "P", "anyOf": [S]}, {**S, "description": "P"}),
    "8 equal words": ({"description": "P", "anyOf": [{**S, "description": "P"}]}, {**S, "description": "P"}),
    "8 type list": (
        {"anyOf": [{"type": ["null", "object"]}, S]},
        {"type": "object", "description": "Accepts: object | string"},
    ),
    "8 anyOf wins": ({"oneOf": [{"type": "object"}], "anyOf": [S]}, S),
    "8 nested": (
        {"anyOf": [{"type": "null"}, {"type": "array", "items": {"oneOf": [S, {"type": "null"}]}}]},
        {"type": "array", "items": {**S, "description": "Accepts: string | null"}, "description": "Accepts: null | array"},
    ),
    "8 oneOf in anyOf": ({"anyOf": [{"oneOf": [S]}]}, S),
    "8 only booleans": ({"anyOf": [True, False], **S}, S),
    "8 nothing to choose": ({"anyOf": [], "oneOf": {}}, {"anyOf": [], "oneOf": {}}),
    "9 several": ({"type": ["integer", "string", "null"]}, {"type": "integer", "description": "Accepts: integer | string"}),
    "9 none": ({"items": {"type": ["null"]}, "not": {"type": []}}, {"items": S, "not": S}),
    "9 described": (
        obj(["n"], n={"type": ["string", "null"], "description": "User name"}),
        obj(n={"type": "string", "description": "User name ((nullable))"}),
    ),
    "9 several and null": (
        obj(["n"], n={"type": ["string", "integer", "null"]}),
        obj(n={"type": "string", "description": "Accepts: string | integer ((nullable))"}),
    ),
    "9 after 8": (
        obj(["n"], n={"description": "P", "anyOf": [{"type": ["string", "null"], "description": "C"}]}),
        obj(n={"type": "string", "description": "P (C) ((nullable))"}),
    ),
    "10 not below": (
        {"$schema": "s", "propertyNames": {"pattern": "a"}, "$defs": {"a": S}, "items": {"title": "t", "nullable": True, "x-a": 1}},
        {"items": {}},
    ),
    "10 placeholder": (obj(["_"], _={"type": "boolean"}), obj()),
    "10 placeholder beside others": (obj(["_", "a"], _={"type": "boolean"}, a=S), obj(["a"], a=S)),
    "10 reason": (PLACEHOLDER, obj()),
    "10 reason beside a placeholder": (obj(["_", "reason"], _={}, reason={"description": REASON}), obj()),
    "10 another's reason": (obj(["reason"], reason={"description": "Why"}), obj(["reason"], reason={"description": "Why"})),
    "10 reason and another": (obj([], reason={"description": REASON}, a=S), obj(reason={"description": REASON}, a=S)),
    "11 odd names": (obj(["a", 1, None, ["a"], {}], a=S), obj(["a"], a=S)),
    "11 without properties": ({"required": ["a"]}, {"required": ["a"]}),
    "12 not in this variant": ({"type": "object"}, {"type": "object"}),
}  # fmt: skip


@pytest.mark.parametrize(("schema", "expected"), STEPS.values(), ids=STEPS)
def test_each_step_alone(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    """In the plain variant, where no placeholder stands in the way."""
    assert clean(schema, placeholders=False) == expected


@pytest.mark.parametrize(
    ("schema", "below", "at_root"),
    [
        (obj(a=S), obj(["_"], a=S, _={"type": "boolean"}), obj(a=S)),
        (obj([], a=S), obj(["_"], a=S, _={"type": "boolean"}), obj(a=S)),
        (obj(["b"], a=S), obj(["_"], a=S, _={"type": "boolean"}), obj(a=S)),
        (obj(_=S, a=S), obj(["_"], _=S, a=S), obj(_=S, a=S)),
        (obj(["a"], a=S), obj(["a"], a=S), obj(["a"], a=S)),
        ({"type": "object", "properties": 7}, PLACEHOLDER, PLACEHOLDER),
        ({"properties": {}}, {"properties": {}}, {"properties": {}}),
        ({"title": "t", "nullable": True}, {"title": "t", "nullable": True}, {"title": "t", "nullable": True}),
        (obj(a=obj(b=S)), obj(["_"], a=obj(["_"], b=S, _={"type": "boolean"}), _={"type": "boolean"}), obj(a=obj(["_"], b=S, _={"type": "boolean"}))),
    ],
)  # fmt: skip
def test_placeholders(schema: dict[str, Any], below: dict[str, Any], at_root: dict[str, Any]) -> None:
    assert clean(schema, placeholders=True) == below
    assert clean(schema, placeholders=True, root=True) == at_root


def test_the_other_variant_takes_placeholders_out() -> None:
    schema = obj(["b"], a=obj(), b=obj(c=S), d=obj(_x=S))
    assert clean(clean(schema, placeholders=True), placeholders=False) == schema


KEYWORDS = sorted(
    {
        *DROPPED,
        "enum",
        "allOf",
        "anyOf",
        "oneOf",
        "type",
        "required",
        "properties",
        "title",
        "nullable",
        "description",
        "x-a",
    }
)


@pytest.mark.parametrize("placeholders", [True, False])
@pytest.mark.parametrize("name", KEYWORDS)
def test_properties_named_like_keywords(name: str, placeholders: bool) -> None:
    """A name is never a keyword, at the root, below, and in other maps of names."""
    schema = obj([name], **{name: {**obj([name], **{name: S}), "patternProperties": {name: S}}})
    assert clean(schema, placeholders=placeholders) is schema


def test_data_is_no_schema() -> None:
    schema = {"example": {"title": "t", "format": "f", "enum": [1]}, **S}
    assert clean(schema, placeholders=False) is schema


def test_numbers_are_spelled_as_they_came() -> None:
    schema = exactjson.loads('{"enum": [1.0, 1e3], "default": 100000000000000000000}')
    expected = {
        "enum": ["1.0", "1e3"],
        "type": "string",
        "description": "Allowed: 1.0, 1e3 (default: 100000000000000000000)",
    }
    assert clean(schema, placeholders=False) == expected


@pytest.mark.parametrize("schema", [None, True, 7, "object", [{"type": "object", "format": "a"}]])
def test_what_is_no_object_comes_back(schema: Any) -> None:
    assert clean(schema, placeholders=True) is schema


def test_unchanged_branches_are_shared() -> None:
    schema = obj(["a"], a=obj(["b"], b=S), c={"format": "date", "items": obj(["d"], d=S)})
    result = clean(schema, placeholders=True)
    assert result["properties"]["a"] is schema["properties"]["a"]
    assert result["properties"]["c"]["items"] is schema["properties"]["c"]["items"]
    assert schema["properties"]["c"]["format"] == "date"


@pytest.mark.parametrize(
    ("model", "placeholders"),
    [
        ("claude-sonnet-4-5-thinking", True), ("gemini-3-pro-high", True), ("gemini-3-pro-low", False), ("gemini-2.5-flash", False),
        ("Claude-x", False), ("gemini-claude-x", True), ("", False),
    ],
)  # fmt: skip
def test_variants(model: str, placeholders: bool) -> None:
    assert variant_of(model) is placeholders


def nested(depth: int, *wrappers: tuple[str, Any]) -> dict[str, Any]:
    """``depth`` levels; a wrapper is a keyword and what stands around the next level: a list, or a map of names."""
    schema: dict[str, Any] = {"type": "string", "format": "date"}
    for level in range(depth):
        keyword, around = wrappers[level % len(wrappers)]
        inner: Any = [schema] if around is list else {"p": schema} if around is dict else schema
        schema = {keyword: inner, "format": "f"}
    return schema


DEEP = {
    "properties": [("properties", dict)], "items": [("items", None)], "anyOf": [("anyOf", list)], "oneOf": [("oneOf", list)],
    "allOf": [("allOf", list)], "mixed": [("properties", dict), ("anyOf", list), ("items", None), ("oneOf", list), ("not", None)],
    "enum": [("enum", list)],
}  # fmt: skip


@pytest.mark.parametrize("placeholders", [True, False])
@pytest.mark.parametrize("wrappers", DEEP.values(), ids=DEEP)
def test_depth(wrappers: list[tuple[str, Any]], placeholders: bool) -> None:
    """Far beyond what a recursive walk survives, and not quadratic."""
    start = time.process_time()
    result = clean(nested(5000, *wrappers), placeholders=placeholders)
    assert "format" not in result
    assert time.process_time() - start < 10


def test_the_bottom_of_a_deep_schema_is_cleaned() -> None:
    result = clean(nested(500, ("properties", dict)), placeholders=True)
    for _ in range(500):
        assert result["description"] == "format: f"
        result = result["properties"]["p"]
    assert result == {"type": "string", "description": "format: date"}


# Any schema

NAMES = st.sampled_from(
    [*KEYWORDS, "items", "not", "patternProperties", "a", "b", "_", "reason", "minimum", "x-b", "example"]
)
TEXTS = st.sampled_from(["string", "object", "array", "null", "a", "_", "reason", "", REASON])
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | TEXTS
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=25
)


def keyword_values(schemas: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A node whose keywords have values that make sense, mostly."""
    types = st.sampled_from(["string", "object", "array", "integer"])
    listed = st.lists(schemas, max_size=3)
    names = st.dictionaries(NAMES, schemas, max_size=4)
    return st.fixed_dictionaries({}, optional={
        "type": types | st.lists(types | st.just("null"), max_size=3), "properties": names, "required": st.lists(NAMES, max_size=4),
        "items": schemas | listed, "anyOf": listed, "oneOf": listed, "allOf": listed, "not": schemas, "patternProperties": names,
        "const": SCALARS, "enum": st.lists(SCALARS, max_size=1), "description": TEXTS, "$ref": st.sampled_from([7, 7, 7, "#/$defs/a"]), "$defs": names,
        "additionalProperties": st.booleans() | schemas, "format": TEXTS, "default": ANYTHING, "title": TEXTS, "x-a": schemas, "minimum": SCALARS,
    })  # fmt: skip


SCHEMAS = st.recursive(keyword_values(st.just({})), keyword_values, max_leaves=10)
EITHER = pytest.mark.parametrize("placeholders", [True, False])


def nodes(schema: Any, *, names: bool = False) -> Iterator[dict[str, Any]]:
    """Each schema node, by a walk of its own."""
    if isinstance(schema, list):
        for item in schema:
            yield from nodes(item)
    elif isinstance(schema, dict):
        if not names:
            yield schema
        for key, value in schema.items():
            if names or key not in ("enum", "required", "example"):
                is_map = (
                    not names
                    and key in ("properties", "patternProperties", "dependentSchemas")
                    and isinstance(value, dict)
                )
                yield from nodes(value, names=is_map)


@EITHER
@given(schema=ANYTHING, root=st.booleans())
def test_any_json_is_taken_and_none_is_changed(placeholders: bool, schema: Any, root: bool) -> None:
    before = json.dumps(schema)
    result = clean(schema, placeholders=placeholders, root=root)
    assert json.dumps(schema) == before
    assert isinstance(result, dict) is isinstance(schema, dict)


@EITHER
@given(schema=SCHEMAS, root=st.booleans())
def test_what_a_clean_schema_lacks(placeholders: bool, schema: dict[str, Any], root: bool) -> None:
    result = clean(schema, placeholders=placeholders, root=root)
    for node in nodes(result):
        assert DROPPED.isdisjoint(node)
        assert placeholders or {"title", "nullable"}.isdisjoint(node)
        assert not any(key.startswith("x-") for key in node)
        assert not any(node.get(key) for key in ("allOf", "anyOf", "oneOf"))
        assert not isinstance(node.get("type"), list)
        assert all(isinstance(value, str) for value in node.get("enum", ()))
        if "properties" in node:
            assert set(node.get("required", ())) <= set(node["properties"])
        if placeholders and node.get("type") == "object":
            assert node["properties"]
            assert node.get("required") or (root and node is result)


@EITHER
@given(schema=SCHEMAS, root=st.booleans())
def test_cleaning_twice_is_cleaning_once(placeholders: bool, schema: dict[str, Any], root: bool) -> None:
    """But for the hint of step 4: the enum that it repeats stays."""
    before = json.dumps(schema)
    result = clean(schema, placeholders=placeholders, root=root)
    assert json.dumps(schema) == before
    assert clean(result, placeholders=placeholders, root=root) is result
