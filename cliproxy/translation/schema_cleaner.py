"""JSON Schemas as Antigravity takes them: what it refuses becomes words of a description (providers.md 25).

Trees are rewritten bottom-up and copied only where they change. A key of a map of names, such as ``properties``, is a
name and never a keyword. Nothing recurses, so depth is no danger; ``$ref`` is never followed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Literal, NamedTuple

from cliproxy.translation import exactjson

REASON = "Brief explanation of why you are calling this tool"
"""Description of the property that an object without any gets, and the mark by which it is known again (step 12)."""

Node = dict[str, Any]

_CONSTRAINTS = (
    "minLength", "maxLength", "exclusiveMinimum", "exclusiveMaximum", "pattern", "minItems", "maxItems", "format",
    "default", "examples",
)  # fmt: skip
_DROPPED = frozenset(_CONSTRAINTS) | {
    "$schema", "$defs", "definitions", "const", "$ref", "additionalProperties", "propertyNames",
}  # fmt: skip
_DROPPED_PLAIN = _DROPPED | {"nullable", "title"}
_ANNOTATED = frozenset(_CONSTRAINTS) | {"$ref", "const", "enum", "additionalProperties", "allOf"}
_NAME_MAPS = frozenset({"properties", "patternProperties", "dependentSchemas", "dependentRequired", "dependencies"})
_NO_SCHEMAS = _DROPPED | {"enum", "required", "example"}
"""Keywords whose values hold data, or go away whole."""


def variant_of(model: str) -> bool:
    """True for models whose schemas get placeholders (providers.md 16.1)."""
    return "claude" in model or "gemini-3-pro-high" in model


def clean(schema: Any, *, placeholders: bool, root: bool = False) -> Any:
    """``schema`` after the steps of providers.md 25.2; what is no object comes back as it is.

    ``root`` says that the top node is the root for step 12: it needs no required property.
    """
    if not isinstance(schema, dict):
        return schema
    schema = _rewrite(schema, _annotate)
    for keyword in ("anyOf", "oneOf"):
        schema = _rewrite(schema, partial(_best_of, keyword=keyword))
    return _rewrite(schema, partial(_finish, placeholders=placeholders, root=root))


class _Place(NamedTuple):
    """An object or array of the tree as it was, and where it stands."""

    value: Any
    kind: Literal["node", "names", "list"]
    parent: int
    key: Any
    is_property: bool = False


def _rewrite(schema: Node, edit: Callable[[Node, _Place], Node]) -> Node:
    """Apply ``edit`` to each schema node, children first."""
    places = [_Place(schema, "node", -1, "")]
    for index, place in enumerate(places):  # grows on the way: each place comes after its parent
        places.extend(_children(place, index))
    values = [place.value for place in places]
    for index in range(len(places) - 1, 0, -1):
        place = places[index]
        if place.kind == "node":
            values[index] = edit(values[index], place)
        if values[index] is not place.value:
            if values[place.parent] is places[place.parent].value:
                values[place.parent] = values[place.parent].copy()
            values[place.parent][place.key] = values[index]
    return edit(values[0], places[0])


def _children(place: _Place, index: int) -> Iterator[_Place]:
    """The objects and arrays directly inside, where schemas may be."""
    is_node = place.kind == "node"
    members: Iterable[tuple[Any, Any]] = enumerate(place.value) if place.kind == "list" else place.value.items()
    for key, value in members:
        if is_node and (key in _NO_SCHEMAS or key.startswith("x-")):
            continue
        if isinstance(value, dict):
            names = is_node and key in _NAME_MAPS
            yield _Place(value, "names" if names else "node", index, key, place.kind == "names")
        elif isinstance(value, list):
            yield _Place(value, "list", index, key)


def _with_hint(node: Node, hint: str) -> Node:
    old = _text(node.get("description"))
    return {**node, "description": f"{old} ({hint})" if old else hint}


def _without(node: Node, *keys: str) -> Node:
    return {key: value for key, value in node.items() if key not in keys}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _spelled(value: Any) -> str:
    """A value as text: a string as it is, anything else as JSON."""
    try:
        return value if isinstance(value, str) else exactjson.text(value)
    except ValueError:
        return ""


def _unique(names: Iterable[Any]) -> list[str]:
    """The strings among ``names``, each once, in order."""
    return list(dict.fromkeys(name for name in names if isinstance(name, str)))


# Steps 1 to 7


def _annotate(node: Node, _: _Place) -> Node:
    if _ANNOTATED.isdisjoint(node):
        return node
    for step in (_reference, _constant, _enum_of_texts, _allowed, _closed, _constraints, _all_of):
        node = step(node)
    return node


def _reference(node: Node) -> Node:
    """Step 1: say what is referred to."""
    reference = node.get("$ref")
    if not isinstance(reference, str):
        return node
    kept = {"type": "object", "description": node.get("description")}
    return _with_hint(kept, f"See: {reference.rpartition('/')[2]}")


def _constant(node: Node) -> Node:
    """Step 2: a constant is an enum of one."""
    return {**node, "enum": [node["const"]]} if "const" in node and "enum" not in node else node


def _enum_of_texts(node: Node) -> Node:
    """Step 3: enums are strings."""
    values = node.get("enum")
    if not isinstance(values, list):
        return node
    texts = ["" if value is None else _spelled(value) for value in values]
    return node if texts == values and node.get("type") == "string" else {**node, "enum": texts, "type": "string"}


def _allowed(node: Node) -> Node:
    """Step 4."""
    values = node.get("enum")
    if not isinstance(values, list) or not 2 <= len(values) <= 10:
        return node
    return _with_hint(node, f"Allowed: {', '.join(values)}")


def _closed(node: Node) -> Node:
    """Step 5."""
    return _with_hint(node, "No extra properties allowed") if node.get("additionalProperties") is False else node


def _constraints(node: Node) -> Node:
    """Step 6."""
    for key in _CONSTRAINTS:
        if key in node and not isinstance(node[key], dict | list):
            node = _with_hint(node, f"{key}: {_spelled(node[key])}")
    return node


def _all_of(node: Node) -> Node:
    """Step 7: properties and required names of all parts; the rest of the parts is lost."""
    parts = node.get("allOf")
    if not isinstance(parts, list):
        return node
    properties: Node = {}
    required: list[Any] = []
    for part in (node, *parts):
        if isinstance(part, dict):
            properties |= part["properties"] if isinstance(part.get("properties"), dict) else {}
            required += part["required"] if isinstance(part.get("required"), list) else []
    merged = _without(node, "allOf")
    if properties:
        merged["properties"] = properties
    if names := _unique(required):
        merged["required"] = names
    return merged


# Step 8


def _best_of(node: Node, _: _Place, *, keyword: str) -> Node:
    """Put the best alternative of ``anyOf`` or ``oneOf`` in the node's place."""
    listed = node.get(keyword)
    if not isinstance(listed, list) or not listed:
        return node
    alternatives = [item for item in listed if isinstance(item, dict)]
    if not alternatives:
        return _without(node, keyword)
    ranks = [_rank(item) for item in alternatives]
    best = alternatives[max(range(len(ranks)), key=lambda index: ranks[index][0])]
    outer, inner = _text(node.get("description")), _text(best.get("description"))
    if outer and outer != inner:
        best = {**best, "description": f"{outer} ({inner})" if inner else outer}
    kinds = _unique(kind for _, kind in ranks)
    return _with_hint(best, f"Accepts: {' | '.join(kinds)}") if len(kinds) > 1 else best


def _rank(item: Node) -> tuple[int, str]:
    """How good an alternative is, and its type."""
    kind = item.get("type")
    if isinstance(kind, list):
        kind = next((name for name in kind if isinstance(name, str) and name != "null"), "null")
    kind = _text(kind)
    if kind == "object" or "properties" in item:
        return 3, kind or "object"
    if kind == "array" or "items" in item:
        return 2, kind or "array"
    return (1, kind) if kind not in ("", "null") else (0, "null")


# Steps 9 to 12


def _finish(node: Node, place: _Place, *, placeholders: bool, root: bool) -> Node:
    node = _one_type(node, place)
    dropped = _DROPPED if placeholders else _DROPPED_PLAIN
    if any(key in dropped or key.startswith("x-") for key in node):
        node = {key: value for key, value in node.items() if key not in dropped and not key.startswith("x-")}
    if not placeholders:
        node = _without_placeholders(node)
    properties = node.get("properties")
    if isinstance(properties, dict):
        node = _requiring(node, lambda name: name in properties)  # step 11
    if placeholders and node.get("type") == "object":
        node = _with_placeholder(node, is_root=root and place.parent < 0)
    return node


def _one_type(node: Node, place: _Place) -> Node:
    """Step 9: one type per node; a property that may be null is not required."""
    kinds = node.get("type")
    if isinstance(kinds, list):
        names = [name for name in _unique(kinds) if name != "null"]
        node = {**node, "type": names[0] if names else "string"}
        if len(names) > 1:
            node = _with_hint(node, f"Accepts: {' | '.join(names)}")
        if place.is_property and "null" in kinds:
            node = _with_hint(node, "(nullable)")
    properties = place.value.get("properties")  # as they were: the node's own have one type by now
    if isinstance(properties, dict) and (optional := {name for name in properties if _nullable(properties[name])}):
        node = _requiring(node, lambda name: name not in optional)
    return node


def _nullable(schema: Any) -> bool:
    return isinstance(schema, dict) and isinstance(schema.get("type"), list) and "null" in schema["type"]


def _requiring(node: Node, keep: Callable[[str], bool]) -> Node:
    """The node with only those required names; with none left the list goes."""
    required = node.get("required")
    if not isinstance(required, list):
        return node
    kept = [name for name in required if isinstance(name, str) and keep(name)]
    if not kept:
        return _without(node, "required")
    return node if len(kept) == len(required) else {**node, "required": kept}


def _without_placeholders(node: Node) -> Node:
    """End of step 10: take out what step 12 of an earlier cleaning put in."""
    properties = node.get("properties")
    if not isinstance(properties, dict):
        return node
    kept = _without(properties, "_")
    only = kept.get("reason") if len(kept) == 1 else None
    if isinstance(only, dict) and only.get("description") == REASON:
        kept = {}
    if len(kept) == len(properties):
        return node
    return _requiring({**node, "properties": kept}, lambda name: name in kept or name not in properties)


def _with_placeholder(node: Node, *, is_root: bool) -> Node:
    """Step 12: an object has a property, and below the root a required one."""
    properties = node.get("properties")
    if not isinstance(properties, dict) or not properties:
        reason = {"type": "string", "description": REASON}
        return {**node, "properties": {"reason": reason}, "required": ["reason"]}
    required = node.get("required")
    if is_root or (isinstance(required, list) and required):
        return node
    return {**node, "properties": {**properties, "_": properties.get("_", {"type": "boolean"})}, "required": ["_"]}
