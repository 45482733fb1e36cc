"""A Messages request as a conversation (translation.md 2.4, clients.md 1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cliproxy.translation import exactjson
from cliproxy.translation.arguments import as_object
from cliproxy.translation.formats import CLAUDE
from cliproxy.translation.media import standard_base64
from cliproxy.translation.model import (
    BuiltinTool,
    Conversation,
    File,
    FunctionTool,
    Image,
    Opaque,
    Output,
    Part,
    Reasoning,
    RedactedThinking,
    ResponseFormat,
    Sampling,
    Signature,
    SignatureGroup,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from cliproxy.translation.reading import boolean, get, integer, items, number, obj, objects, text
from cliproxy.translation.signatures import split_prefixed

_EFFORTS = {"max": "xhigh"}
"""Claude's own words for a level; all others are everybody's."""
_GROUPS: tuple[SignatureGroup, ...] = ("claude", "gemini", "gpt")


def decode(body: Mapping[str, Any]) -> Conversation:
    """What a Messages client asks for."""
    system = list(_system(body.get("system")))
    turns: list[Turn] = []
    for message in objects(body.get("messages")):
        if message.get("role") == "system":  # Claude Code says what has changed this way
            system += _system(message.get("content"))
        else:
            turns += _turns(message)
    choice = obj(body.get("tool_choice"))
    return Conversation(
        turns=tuple(turns),
        system=tuple(system),
        tools=tuple(_tools(body.get("tools"))),
        tool_choice=_tool_choice(choice),
        parallel_tool_calls=False if choice.get("disable_parallel_tool_use") is True else None,
        sampling=_sampling(body),
        reasoning=_reasoning(body),
        output=_output(body),
        source=CLAUDE,
        user=text(obj(body.get("metadata")).get("user_id")),
        extra={"user": body["user"]} if text(body.get("user")) else {},
    )


def thinking_text(block: Mapping[str, Any]) -> str:
    """The text of a thinking part, in any of the spellings that clients use (providers.md 22.6)."""
    thinking = block.get("thinking")
    for candidate in (block.get("text"), thinking, obj(thinking).get("text"), obj(thinking).get("thinking")):
        if isinstance(candidate, str):
            return candidate
    return ""


def _system(content: Any) -> Iterator[Text]:
    if isinstance(content, str):
        if content:
            yield Text(content)
        return
    for block in objects(content):
        found = text(block.get("text"))
        if block.get("type", "text") == "text" and found:
            yield Text(found, cache_hint=block.get("cache_control"))


def _turns(message: Mapping[str, Any]) -> Iterator[Turn]:
    """One turn; of a user's message with tool results two, the results first."""
    content = message.get("content")
    plain = isinstance(content, str)
    if message.get("role") == "assistant":
        parts = tuple(_parts(content, assistant=True))
        if parts:
            yield Turn("assistant", parts, plain)
        return
    parts = tuple(_parts(content, assistant=False))
    results = tuple(part for part in parts if isinstance(part, ToolResult))
    others = tuple(part for part in parts if not isinstance(part, ToolResult))
    if results:
        yield Turn("tool", results)
    if others:
        yield Turn("user", others, plain)


def _parts(content: Any, *, assistant: bool) -> Iterator[Part]:
    if isinstance(content, str):
        if content:
            yield Text(content)
        return
    for block in [content] if isinstance(content, dict) else items(content):
        if isinstance(block, str):
            if block:
                yield Text(block)
        elif isinstance(block, dict) and (part := _part(block, assistant=assistant)) is not None:
            yield part


def _part(block: Mapping[str, Any], *, assistant: bool) -> Part | None:
    kind = block.get("type")
    if kind == "text" or (kind is None and "text" in block):
        found = text(block.get("text"))
        return Text(found, cache_hint=block.get("cache_control")) if found else None
    if kind == "image":
        return _image(block)
    if kind == "document":
        return _document(block)
    if kind == "tool_result":
        return None if assistant else _result(block)
    if kind == "tool_use":
        return _call(block) if assistant else None
    if kind == "thinking":
        return Thinking(thinking_text(block), _signature(text(block.get("signature")))) if assistant else None
    if kind == "redacted_thinking":
        return RedactedThinking(text(block.get("data"))) if assistant else None
    return Opaque(block, CLAUDE)


def _signature(value: str) -> Signature | None:
    """``<group>#<value>`` names the group; anything else is Claude's own."""
    if not value:
        return None
    split = split_prefixed(value)
    for group in _GROUPS:
        if split is not None and split[0] == group:
            return Signature(split[1], group)
    return Signature(value, "claude")


def _image(block: Mapping[str, Any]) -> Image | None:
    source = obj(block.get("source"))
    data = text(get(source, "data", "base64"))
    if data:
        mime = text(get(source, "media_type", "mime_type")) or "application/octet-stream"
        return Image(mime, standard_base64(data))
    url = text(source.get("url")) or text(block.get("url"))
    return Image(url=url) if url else None


def _document(block: Mapping[str, Any]) -> Part | None:
    source, title = obj(block.get("source")), text(block.get("title"))
    kind, mime = source.get("type"), text(source.get("media_type"))
    if kind == "text":
        found = text(source.get("data"))
        return Text(found) if found else None
    if kind == "content":
        parts = _parts(source.get("content"), assistant=False)
        joined = "\n".join(part.text for part in parts if isinstance(part, Text))
        return Text(joined) if joined else None
    if kind == "file":
        return File(title, mime, file_id=text(source.get("file_id")))
    if data := text(get(source, "data", "base64")):
        return File(title, mime or "application/pdf", standard_base64(data))
    url = text(source.get("url"))
    return File(title, mime or "application/pdf", url=url) if url else None


def _call(block: Mapping[str, Any]) -> ToolCall | None:
    name, given = text(block.get("name")), block.get("input")
    if not name:
        return None
    if isinstance(given, str):
        arguments = given if as_object(given) is not None else "{}"
    else:
        arguments = exactjson.text(obj(given))
    return ToolCall(text(block.get("id")), name, arguments)


def _result(block: Mapping[str, Any]) -> ToolResult:
    content, call_id = block.get("content"), text(block.get("tool_use_id"))
    is_error = block.get("is_error") is True
    if isinstance(content, dict) and "type" not in content:
        return ToolResult(call_id, raw=content, is_error=is_error)
    parts = tuple(_result_parts(content))
    if not any(not isinstance(part, Text) or part.text.strip() for part in parts) and isinstance(content, list | dict):
        raw = content or None
        return ToolResult(call_id, raw=raw, is_error=is_error)
    return ToolResult(call_id, parts, is_error=is_error)


def _result_parts(content: Any) -> Iterator[Text | Image | File]:
    """Texts, pictures and documents; anything else as its JSON."""
    listed = content if isinstance(content, list) else [content] if content is not None else []
    for item in listed:
        if isinstance(item, str):
            yield Text(item)
            continue
        block = obj(item)
        found = _part(block, assistant=False) if block.get("type") in ("text", "image", "document") else None
        if isinstance(found, Text | Image | File):
            yield found
        elif block.get("type") != "text":
            yield Text(text(block.get("text")) or exactjson.text(item))


def _tools(tools: Any) -> Iterator[Tool]:
    for tool in objects(tools):
        name, kind = text(tool.get("name")), text(tool.get("type"))
        if kind not in ("", "custom") and "input_schema" not in tool:
            yield BuiltinTool("web_search" if kind.startswith("web_search") else "other", tool, CLAUDE)
        elif name:
            description = tool.get("description")
            yield FunctionTool(
                name, description if isinstance(description, str) else None, tool.get("input_schema"),
                boolean(tool.get("strict")), tool.get("cache_control"),
            )  # fmt: skip


def _tool_choice(choice: Mapping[str, Any]) -> ToolChoice | None:
    kind = choice.get("type")
    if kind == "tool":
        name = text(choice.get("name"))
        return ToolChoice("tool", (name,)) if name else None
    if kind is None:
        return None
    return ToolChoice({"any": "required", "none": "none"}.get(text(kind), "auto"))  # type: ignore[arg-type]


def _sampling(body: Mapping[str, Any]) -> Sampling:
    return Sampling(
        max_output_tokens=integer(body.get("max_tokens")),
        temperature=number(body.get("temperature")),
        top_p=number(body.get("top_p")),
        top_k=number(body.get("top_k")),
        stop=tuple(word for word in items(body.get("stop_sequences")) if text(word)),
    )


def _reasoning(body: Mapping[str, Any]) -> Reasoning:
    """``thinking``, with the effort of adaptive thinking (1.5, clients.md 1)."""
    thinking = obj(body.get("thinking"))
    kind = thinking.get("type")
    if kind == "disabled":
        return Reasoning("none")
    if kind == "adaptive":
        effort = text(obj(body.get("output_config")).get("effort")).strip().lower()
        level = _EFFORTS.get(effort, effort)
        return Reasoning("level", level=level, enabled=True) if level else Reasoning("auto", enabled=True)
    if kind != "enabled":
        return Reasoning()
    budget = integer(thinking.get("budget_tokens"))
    if budget is None:
        return Reasoning("auto", enabled=True)
    return Reasoning("budget", budget=budget, enabled=True) if budget >= -1 else Reasoning(enabled=True)


def _output(body: Mapping[str, Any]) -> Output:
    """Structured output, by its current and its earlier name."""
    shape = obj(obj(body.get("output_config")).get("format")) or obj(body.get("output_format"))
    if shape.get("type") != "json_schema":
        return Output()
    return Output(format=ResponseFormat("json_schema", schema=shape.get("schema")))
