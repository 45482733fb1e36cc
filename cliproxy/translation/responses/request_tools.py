"""Tools and tool choice of a Responses request (translation.md 1.3, 2.2; clients.md 1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cliproxy.translation import reading
from cliproxy.translation.formats import RESPONSES
from cliproxy.translation.model import BuiltinTool, FunctionTool, Tool, ToolChoice

_MODES = ("auto", "none", "required")


def read_tools(value: Any) -> tuple[Tool, ...]:
    """All tools, namespaces replaced by what is in them; of functions with one name the first counts."""
    tools: dict[Any, Tool] = {}
    for number, raw in enumerate(reading.objects(value)):
        for tool in _tools(raw, ""):
            key = (tool.namespace, tool.name) if isinstance(tool, FunctionTool) else number
            tools.setdefault(key, tool)
    return tuple(tools.values())


def _tools(raw: Mapping[str, Any], namespace: str) -> Iterator[Tool]:
    kind = raw.get("type")
    if kind in ("function", "custom", None):
        tool = _function(raw, namespace)
        if tool is not None:
            yield tool
    elif kind == "namespace" and not namespace:
        for inner in reading.objects(raw.get("tools")):
            yield from _tools(inner, reading.text(raw.get("name")))
    elif isinstance(kind, str) and not namespace:
        yield BuiltinTool(_kind(kind), raw, RESPONSES)


def _kind(kind: str) -> Any:
    if kind.startswith("web_search"):
        return "web_search"
    return "computer_use" if kind.startswith("computer") else "other"


def _function(raw: Mapping[str, Any], namespace: str) -> FunctionTool | None:
    custom = raw.get("type") == "custom"
    inner = raw.get("custom" if custom else "function")
    node = inner if isinstance(inner, dict) else raw  # Chat's nested shape
    name, description = reading.text(node.get("name")), node.get("description")
    if not name:
        return None
    if custom:
        return FunctionTool(name, _with_grammar(node), namespace=namespace, custom=True)
    return FunctionTool(
        name=name,
        description=description if isinstance(description, str) else None,
        schema=node.get("parameters") or node.get("parametersJsonSchema"),
        strict=reading.boolean(node.get("strict")),
        namespace=namespace,
    )


def _with_grammar(tool: Mapping[str, Any]) -> str | None:
    """A custom tool's description and the grammar of its text: other formats have no field for one."""
    description = reading.text(tool.get("description"))
    form = reading.obj(tool.get("format"))
    grammar = reading.text(form.get("definition"))
    if not grammar:
        return description or None
    rule = f"The input is text that obeys this {reading.text(form.get('syntax'))} grammar:\n{grammar}"
    return f"{description}\n\n{rule}" if description else rule


def read_choice(value: Any, tools: Sequence[Tool]) -> ToolChoice | None:
    """Which tools are allowed or forced; Chat's nested shape is read too."""
    if isinstance(value, str):
        return ToolChoice(value) if value in _MODES else None  # type: ignore[arg-type]
    if not isinstance(value, dict):
        return None
    kind = value.get("type")
    if kind in ("function", "custom"):
        name = _name(value, kind)
        return ToolChoice("tool", (name,), namespace=_namespace(name, value, tools)) if name else None
    if kind == "allowed_tools":
        return _allowed(value)
    return ToolChoice("builtin", raw=value) if isinstance(kind, str) else None


def _name(value: Mapping[str, Any], kind: str) -> str:
    return reading.text(value.get("name")) or reading.text(reading.obj(value.get(kind)).get("name"))


def _namespace(name: str, value: Mapping[str, Any], tools: Sequence[Tool]) -> str:
    """The namespace that the choice names, else the first one that has such a function."""
    if given := reading.text(value.get("namespace")):
        return given
    found = [tool.namespace for tool in tools if isinstance(tool, FunctionTool) and tool.name == name]
    return "" if "" in found or not found else found[0]


def _allowed(value: Mapping[str, Any]) -> ToolChoice:
    """``allowed`` means that one of them must be called; a mere preselection is ``auto``."""
    inner = value.get("allowed_tools")
    node = inner if isinstance(inner, dict) else value
    names = (_name(tool, reading.text(tool.get("type"))) for tool in reading.objects(node.get("tools")))
    known = tuple(name for name in names if name)
    return ToolChoice("allowed", known) if known and node.get("mode") == "required" else ToolChoice("auto")
