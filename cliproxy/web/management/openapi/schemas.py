"""Short ways to write JSON schemas (OpenAPI 3.1 = JSON Schema 2020-12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

STRING: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
BOOLEAN: Schema = {"type": "boolean"}
STRINGS: Schema = {"type": "array", "items": STRING}
SENT_STRINGS: Schema = {"type": "array", "items": {"type": ["string", "null"]}}
"""In bodies: a null is an empty string."""
STRING_MAP: Schema = {"type": "object", "additionalProperties": STRING}
SENT_STRING_MAP: Schema = {"type": "object", "additionalProperties": {"type": ["string", "null"]}}
TIMESTAMP: Schema = {"type": "string", "format": "date-time"}
"""RFC 3339 (management-api.md 1.4)."""
ANYTHING: Schema = {}
ANY_OBJECT: Schema = {"type": "object"}


def array(items: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": items}


def map_of(values: Schema) -> Schema:
    """An object with any names and one kind of values."""
    return {"type": "object", "additionalProperties": values}


def nullable(schema: Schema) -> Schema:
    """The same, or null."""
    kind = schema.get("type")
    if isinstance(kind, str) and "enum" not in schema:
        return {**schema, "type": [kind, "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def one_of(*values: str) -> Schema:
    """One of these words."""
    return {"type": "string", "enum": list(values)}


def whole(least: int, most: int | None = None) -> Schema:
    """An integer in a range."""
    return {**INTEGER, "minimum": least} | ({} if most is None else {"maximum": most})


def constant(value: Any) -> Schema:
    """Exactly this value."""
    return {"const": value}


def either(*schemas: Schema) -> Schema:
    """Any of these."""
    return {"anyOf": list(schemas)}


def ref(name: str) -> Schema:
    """A schema of ``components``."""
    return {"$ref": f"#/components/schemas/{name}"}


def answer(fields: Mapping[str, Schema]) -> Schema:
    """An object that we send: these fields and no others; ``?`` at the end of a name: may be absent."""
    return {**_fields(fields), "additionalProperties": False}


def body(fields: Mapping[str, Schema]) -> Schema:
    """An object that we are sent: unknown fields are ignored, null for an optional field is its absence (1.2).

    So is null for the whole, if nothing in it is required.
    """
    found = _fields({name: nullable(schema) if name.endswith("?") else schema for name, schema in fields.items()})
    return found if "required" in found else nullable(found)


def _fields(fields: Mapping[str, Schema]) -> Schema:
    found: Schema = {"type": "object", "properties": {name.rstrip("?"): schema for name, schema in fields.items()}}
    required = [name for name in fields if not name.endswith("?")]
    return {**found, "required": required} if required else found
