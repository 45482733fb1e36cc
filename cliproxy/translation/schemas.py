"""Tool schemas as each upstream wants them (translation.md 1.3). Copy-on-write: given schemas are never changed."""

from __future__ import annotations

from typing import Any

from cliproxy.translation.formats import GEMINI, GEMINI_CLI, Format
from cliproxy.translation.model import FunctionTool

EMPTY_SCHEMA: dict[str, Any] = {"type": "object", "properties": {}}
FREE_TEXT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"input": {"type": "string", "description": "The tool's whole input as plain text."}},
    "required": ["input"],
}
"""The parameters of a tool that takes free text, where an upstream knows only functions."""
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
_DATA = frozenset({"enum", "const", "default", "example", "examples", "required"})
_ALTERNATIVES = ("oneOf", "anyOf", "allOf")


def parameters_of(tool: FunctionTool) -> dict[str, Any]:
    """A function's JSON Schema as the client gave it; one without is an empty object, free text its own schema."""
    if tool.custom:
        return FREE_TEXT_SCHEMA
    return tool.schema if isinstance(tool.schema, dict) and tool.schema else EMPTY_SCHEMA


def lower_types(schema: Any) -> Any:
    """Gemini's ``STRING`` as JSON Schema's ``string``, anywhere in it; a property named ``type`` stays.

    What is nested too deeply to be a schema comes back as it is.
    """
    try:
        return _with_lower_types(schema)
    except RecursionError:
        return schema


def _with_lower_types(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_with_lower_types(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _lowered(key, value) for key, value in schema.items()}


def _lowered(key: str, value: Any) -> Any:
    if key == "type" and isinstance(value, str):
        return value.lower()
    if key == "type" and isinstance(value, list):
        return [item.lower() if isinstance(item, str) else item for item in value]
    if key == "properties" and isinstance(value, dict):
        return {name: _with_lower_types(item) for name, item in value.items()}
    return value if key in _DATA else _with_lower_types(value)


def for_claude(tool: FunctionTool, source: Format) -> dict[str, Any]:
    """``input_schema``: an object schema; the API refuses alternatives at its top."""
    schema = shape = parameters_of(tool)
    if schema.get("type") != "object" or any(key in schema for key in _ALTERNATIVES):
        shape = {**schema, "type": "object"}
        for key in _ALTERNATIVES:
            shape.pop(key, None)
    if source in (GEMINI, GEMINI_CLI):
        return {**lower_types(shape), "type": "object", "additionalProperties": False, "$schema": DRAFT_7}
    return shape
