"""Tool schemas as each upstream wants them (translation.md 1.3). Copy-on-write: given schemas are never changed."""

from __future__ import annotations

from typing import Any

from cliproxy.translation.formats import GEMINI, GEMINI_CLI, Format

EMPTY_SCHEMA: dict[str, Any] = {"type": "object", "properties": {}}
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
_ALTERNATIVES = ("oneOf", "anyOf", "allOf")


def lower_types(schema: Any) -> Any:
    """Gemini's ``STRING`` as JSON Schema's ``string``, anywhere in it; a property named ``type`` stays."""
    if isinstance(schema, list):
        return [lower_types(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _lowered(key, value) for key, value in schema.items()}


def _lowered(key: str, value: Any) -> Any:
    if key == "type" and isinstance(value, str):
        return value.lower()
    if key == "type" and isinstance(value, list):
        return [item.lower() if isinstance(item, str) else item for item in value]
    if key == "properties" and isinstance(value, dict):
        return {name: lower_types(item) for name, item in value.items()}
    return value if key in ("enum", "const", "default", "example", "examples", "required") else lower_types(value)


def for_claude(schema: Any, source: Format) -> dict[str, Any]:
    """``input_schema``: an object schema; the API refuses alternatives at its top."""
    if not isinstance(schema, dict) or not schema:
        shape: dict[str, Any] = dict(EMPTY_SCHEMA)
    elif schema.get("type") == "object" and not any(key in schema for key in _ALTERNATIVES):
        shape = schema
    else:
        shape = {**schema, "type": "object"}
        for key in _ALTERNATIVES:
            shape.pop(key, None)
    if source in (GEMINI, GEMINI_CLI):
        return {**lower_types(shape), "type": "object", "additionalProperties": False, "$schema": DRAFT_7}
    return shape
