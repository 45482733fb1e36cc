"""Tools and tool choice for generateContent (translation.md 1.3, 2.5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cliproxy.translation.function_names import ToolNames
from cliproxy.translation.gemini.spelling import get
from cliproxy.translation.model import BuiltinTool, Conversation, FunctionTool, ToolChoice
from cliproxy.translation.reading import obj
from cliproxy.translation.schemas import parameters_of

_BUILTINS = {"google_search": "googleSearch", "code_execution": "codeExecution", "url_context": "urlContext"}
"""Fields of the built-ins that a foreign client can ask for, in the order in which they go out."""
_MODES = {"none": "NONE", "required": "ANY", "tool": "ANY", "allowed": "ANY"}


def encode_tools(conversation: Conversation, names: ToolNames) -> list[dict[str, Any]]:
    """The ``tools`` array: one element with all declarations, one per built-in; empty when there are none."""
    declarations = list(_declarations(conversation.functions, names))
    tools: list[dict[str, Any]] = [{"functionDeclarations": declarations}] if declarations else []
    asked = {tool.kind: tool for tool in conversation.tools if isinstance(tool, BuiltinTool)}
    tools += [{field: obj(get(asked[kind].raw, field))} for kind, field in _BUILTINS.items() if kind in asked]
    return tools


def encode_choice(conversation: Conversation, names: ToolNames) -> dict[str, Any] | None:
    """The ``toolConfig`` for anything but the default; the API takes a mode only beside declarations."""
    choice = conversation.tool_choice
    mode = _MODES.get(choice.mode) if choice is not None else None
    if choice is None or mode is None or not conversation.functions:
        return None
    calling: dict[str, Any] = {"mode": mode}
    if allowed := _allowed(choice, conversation, names):
        calling["allowedFunctionNames"] = allowed
    elif choice.names:
        return None  # none of them is declared
    return {"functionCallingConfig": calling}


def _declarations(functions: tuple[FunctionTool, ...], names: ToolNames) -> Iterator[Mapping[str, Any]]:
    """One declaration per name: the API refuses a second one."""
    seen = set()
    for tool in functions:
        name = names.wire(tool.name, tool.namespace)
        if name in seen:
            continue
        seen.add(name)
        declaration: dict[str, Any] = {"name": name}
        if tool.description is not None:
            declaration["description"] = tool.description
        declaration["parametersJsonSchema"] = parameters_of(tool)
        yield declaration


def _allowed(choice: ToolChoice, conversation: Conversation, names: ToolNames) -> list[str]:
    declared = {names.wire(name, namespace) for namespace, name in conversation.declared_names}
    wanted = (names.wire(name, choice.namespace) for name in choice.names)
    return [name for name in dict.fromkeys(wanted) if name in declared]
