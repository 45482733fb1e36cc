"""Tools, tool choice and schemas as Codex takes them (translation.md 1.3, 2.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliproxy.translation.formats import CLAUDE, GEMINI, GEMINI_CLI, OPENAI, RESPONSES, Format
from cliproxy.translation.function_names import ToolNames
from cliproxy.translation.model import BuiltinTool, Conversation, Tool, ToolChoice
from cliproxy.translation.reading import obj
from cliproxy.translation.schemas import parameters_of

_FROM_GEMINI = (GEMINI, GEMINI_CLI)
_SPELLED_ALIKE = (OPENAI, RESPONSES)
_GOOGLE = ("google_search", "code_execution", "url_context")


def tools_of(conversation: Conversation, names: ToolNames) -> list[dict[str, Any]]:
    """The ``tools`` list; what only another provider runs is left out."""
    shapes = (_tool(tool, conversation.source, names) for tool in conversation.tools)
    return [shape for shape in shapes if shape is not None]


def choice_of(conversation: Conversation, names: ToolNames) -> Any:
    """``tool_choice`` beside tools: the client's, else ``auto``."""
    choice = conversation.tool_choice
    if choice is None:
        return "auto"
    if choice.mode == "tool":
        return _forced(choice, conversation, names)
    if choice.mode == "allowed":
        functions = [{"type": "function", "name": names.wire(name)} for name in choice.names]
        return {"type": "allowed_tools", "mode": "required", "tools": functions}
    if choice.mode != "builtin":
        return choice.mode
    offered = (_builtin(tool) for tool in conversation.tools if isinstance(tool, BuiltinTool))
    kind = obj(choice.raw).get("type")
    return choice.raw if any(shape is not None and shape["type"] == kind for shape in offered) else "auto"


def parameters(schema: Any, source: Format) -> dict[str, Any]:
    """The schema of a function: an object with properties, without ``$schema``."""
    fixed = {key: value for key, value in obj(schema).items() if key != "$schema"}
    fixed["type"] = "object"
    if not isinstance(fixed.get("properties"), dict):
        fixed["properties"] = {}
    if source in _FROM_GEMINI:
        fixed["additionalProperties"] = False
    return fixed


def _tool(tool: Tool, source: Format, names: ToolNames) -> dict[str, Any] | None:
    if isinstance(tool, BuiltinTool):
        return _builtin(tool)
    shape: dict[str, Any] = {"type": "function", "name": names.wire(tool.name, tool.namespace)}
    if tool.description is not None:
        shape["description"] = tool.description
    shape["parameters"] = parameters_of(tool) if tool.custom else parameters(tool.schema, source)
    if tool.strict is not None:
        shape["strict"] = tool.strict
    elif source != OPENAI:
        shape["strict"] = False
    return shape


def _builtin(tool: BuiltinTool) -> dict[str, Any] | None:
    if tool.format == CLAUDE and tool.kind == "web_search":
        return {"type": "web_search"}
    own = tool.format in _SPELLED_ALIKE and tool.kind not in _GOOGLE and isinstance(tool.raw.get("type"), str)
    return dict(tool.raw) if own else None


def _forced(choice: ToolChoice, conversation: Conversation, names: ToolNames) -> Mapping[str, Any]:
    """The one tool to call; Claude clients force a search by its name, like a function."""
    name = choice.names[0]
    if (choice.namespace, name) not in conversation.declared_names:
        for tool in conversation.tools:
            if isinstance(tool, BuiltinTool) and tool.raw.get("name") == name and (shape := _builtin(tool)):
                return {"type": shape["type"]}
    return {"type": "function", "name": names.wire(name, choice.namespace)}
