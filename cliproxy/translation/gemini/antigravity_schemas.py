"""Schemas as Antigravity takes them: under their other name, and cleaned (translation.md 2.7.2, 2.7.3)."""

from __future__ import annotations

from typing import Any

from cliproxy.translation import schema_cleaner
from cliproxy.translation.edits import Body, put
from cliproxy.translation.gemini.trees import changed, renamed


def for_antigravity(request: Body, model: str) -> Body:
    """A request with all declared schemas as ``parameters``, and cleaned; those of the answer too.

    Cleaning twice would repeat its hints: nothing later may do it again.
    """
    cleaner = _Cleaner(placeholders=schema_cleaner.variant_of(model))
    request = changed(request, "tools", cleaner.tool)
    config = request.get("generationConfig")
    if not isinstance(config, dict):
        return request
    for key in ("responseSchema", "responseJsonSchema"):
        if key in config:
            config = put(config, (key,), cleaner.schema(config[key]))
    return put(request, ("generationConfig",), config)


class _Cleaner:
    """The cleaning for one model. The root of a schema is not the request's root (providers.md 16.1)."""

    def __init__(self, *, placeholders: bool) -> None:
        self._placeholders = placeholders

    def schema(self, schema: Any) -> Any:
        return schema_cleaner.clean(schema, placeholders=self._placeholders)

    def tool(self, tool: Body) -> Body:
        tool = changed(tool, "functionDeclarations", self.declaration)
        return changed(tool, "function_declarations", self.declaration)

    def declaration(self, declaration: Body) -> Body:
        for spelling in ("parametersJsonSchema", "parameters_json_schema"):
            declaration = renamed(declaration, spelling, "parameters")
        if "parameters" not in declaration:
            return declaration
        return put(declaration, ("parameters",), self.schema(declaration["parameters"]))
