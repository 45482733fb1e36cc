"""The OpenAPI subset that ``parameters`` and ``responseSchema`` of generateContent take (client-api.md 17.1)."""

from __future__ import annotations

from typing import Any

from upstream.refusals.shapes import Reasons, camel, objects

_KEYWORDS = frozenset((
    "type", "format", "title", "description", "nullable", "enum", "maxItems", "minItems", "properties", "required",
    "minProperties", "maxProperties", "minLength", "maxLength", "pattern", "example", "anyOf", "propertyOrdering",
    "default", "items", "minimum", "maximum",
))  # fmt: skip
_TYPES = frozenset(("STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"))


def schema_reasons(schema: Any, where: str) -> Reasons:
    """Every keyword, type and value that does not belong to the subset, at any depth."""
    if not isinstance(schema, dict):
        yield f"{where}: no schema"
        return
    for keyword in schema:
        if camel(keyword) not in _KEYWORDS:
            yield f"{where}: keyword {keyword!r}"
    kind = schema.get("type")
    if kind is not None and (not isinstance(kind, str) or kind.upper() not in _TYPES):
        yield f"{where}: type {kind!r}"
    enum = schema.get("enum", [])
    if not isinstance(enum, list) or not all(isinstance(value, str) for value in enum):
        yield f"{where}: an enum of other things than texts"
    properties = schema.get("properties", {})
    if not isinstance(properties, dict):
        yield f"{where}: properties {properties!r}"
        properties = {}
    for name, inner in properties.items():
        yield from schema_reasons(inner, f"{where}.{name}")
    if "items" in schema:
        yield from schema_reasons(schema["items"], f"{where}[]")
    for inner in objects(schema.get("anyOf")):
        yield from schema_reasons(inner, f"{where}|")
