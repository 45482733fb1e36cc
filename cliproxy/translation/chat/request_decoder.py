"""A Chat Completions request as a conversation (translation.md 2.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cliproxy.translation import exactjson
from cliproxy.translation.formats import OPENAI
from cliproxy.translation.media import mime_of_filename, parse_data_url, standard_base64
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
    Refusal,
    ResponseFormat,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from cliproxy.translation.reading import boolean, integer, items, number, obj, objects, text

_BUILTINS = {"google_search": "google_search", "code_execution": "code_execution", "url_context": "url_context"}


def decode(body: Mapping[str, Any]) -> Conversation:
    """What a chat client asks for."""
    system, turns = _messages(objects(body.get("messages")))
    return Conversation(
        turns=tuple(turns),
        system=tuple(system),
        tools=tuple(_tools(body)),
        tool_choice=_tool_choice(body.get("tool_choice")),
        parallel_tool_calls=boolean(body.get("parallel_tool_calls")),
        sampling=_sampling(body),
        reasoning=reasoning_of_effort(body.get("reasoning_effort")),
        output=_output(body),
        source=OPENAI,
        user=text(obj(body.get("metadata")).get("user_id")) or text(body.get("user")),
    )


def reasoning_of_effort(effort: Any) -> Reasoning:
    """The effort word of OpenAI bodies (1.5): ``none``, ``auto`` or a level; empty = unset."""
    level = text(effort).strip().lower()
    if not level:
        return Reasoning()
    if level in ("none", "auto"):
        return Reasoning("none" if level == "none" else "auto")
    return Reasoning("level", level=level)


def _messages(messages: list[Mapping[str, Any]]) -> tuple[list[Text], list[Turn]]:
    system: list[Text] = []
    turns: list[Turn] = []
    for message in messages:
        role, content = text(message.get("role")), message.get("content")
        if role in ("system", "developer"):
            system += _system(content)
        elif role == "user":
            _add(turns, Turn("user", tuple(_parts(content)), plain=isinstance(content, str)))
        elif role == "assistant":
            _add(turns, Turn("assistant", tuple(_assistant(message)), plain=isinstance(content, str)))
        elif role == "tool":
            turns.append(Turn("tool", (_result(text(message.get("tool_call_id")), content),)))
        elif role == "function":
            turns.append(Turn("tool", (_result(_id_of(text(message.get("name")), turns), content),)))
    return system, turns


def _add(turns: list[Turn], turn: Turn) -> None:
    if turn.parts:
        turns.append(turn)


def _system(content: Any) -> Iterator[Text]:
    parts = [content] if isinstance(content, str | dict) else items(content)
    for part in parts:
        found = part if isinstance(part, str) else text(obj(part).get("text"))
        if found:
            yield Text(found, cache_hint=obj(part).get("cache_control"))


def _parts(content: Any) -> Iterator[Part]:
    if isinstance(content, str):
        if content:
            yield Text(content)
        return
    for part in [content] if isinstance(content, dict) else items(content):
        found = Text(part) if isinstance(part, str) and part else _part(part) if isinstance(part, dict) else None
        if found is not None:
            yield found


def _part(part: Mapping[str, Any]) -> Part | None:
    kind = part.get("type")
    if kind in ("text", "input_text", "output_text") or (kind is None and "text" in part):
        found = text(part.get("text"))
        return Text(found, cache_hint=part.get("cache_control")) if found else None
    if kind == "image_url":
        return _image(part.get("image_url"))
    if kind == "file":
        return _file(obj(part.get("file")))
    if kind == "input_audio":
        audio = obj(part.get("input_audio"))
        data = standard_base64(text(audio.get("data")))
        return File(mime=f"audio/{text(audio.get('format')) or 'wav'}", data=data) if data else None
    if kind == "refusal":
        found = text(part.get("refusal"))
        return Refusal(found) if found else None
    return Opaque(part, OPENAI)


def _image(image: Any) -> Part | None:
    url = text(image) or text(obj(image).get("url"))
    return image_of_url(url, text(obj(image).get("detail")))


def image_of_url(url: str, detail: str = "") -> Part | None:
    """An image from a data URL or an address; None when there is nothing in it."""
    found = parse_data_url(url)
    if found is None:
        return Image(url=url, detail=detail) if url else None
    return Image(found.mime, standard_base64(found.data), detail=detail) if found.data else None


def _file(file: Mapping[str, Any]) -> Part | None:
    filename, data = text(file.get("filename")), text(file.get("file_data"))
    return file_of(filename, data, file_id=text(file.get("file_id")))


def file_of(filename: str, data: str, *, url: str = "", file_id: str = "") -> Part | None:
    """A file from base64 or a data URL, an address or an id; without any type (1.2) it is left out."""
    found = parse_data_url(data)
    if found is not None:
        if found.mime.startswith("image/"):
            return Image(found.mime, standard_base64(found.data))
        return File(filename, found.mime, standard_base64(found.data))
    mime = mime_of_filename(filename) or ""
    if data:
        return File(filename, mime, standard_base64(data)) if mime else None
    return File(filename, mime, url=url, file_id=file_id) if url or file_id else None


def _assistant(message: Mapping[str, Any]) -> Iterator[Part]:
    for thought in thoughts_of(message.get("reasoning_content")):
        yield Thinking(thought)
    yield from _parts(message.get("content"))
    if refusal := text(message.get("refusal")):
        yield Refusal(refusal)
    for call in objects(message.get("tool_calls")):
        yield _call(call)
    function = obj(message.get("function_call"))
    if name := text(function.get("name")):
        yield ToolCall("", name, text(function.get("arguments")) or "{}")


def thoughts_of(value: Any) -> Iterator[str]:
    """The texts in ``reasoning_content``: a string, a list, or objects with ``text``."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, str) and found:
            yield found
        elif isinstance(found, list):
            waiting += reversed(found)
        elif isinstance(found, dict):
            waiting.append(found.get("text"))


def _call(call: Mapping[str, Any]) -> Part:
    identifier, kind = text(call.get("id")), call.get("type", "function")
    if kind == "custom":
        custom = obj(call.get("custom"))
        return ToolCall(identifier, text(custom.get("name")), text(custom.get("input")), custom=True)
    function = obj(call.get("function"))
    if kind != "function" or not text(function.get("name")):
        return Opaque(call, OPENAI)
    arguments = function.get("arguments")
    if isinstance(arguments, dict):  # some clients forget to write them as text
        arguments = exactjson.text(arguments)
    return ToolCall(identifier, text(function.get("name")), text(arguments) or "{}")


def _result(call_id: str, content: Any) -> ToolResult:
    if content is None or isinstance(content, str):
        return ToolResult(call_id, (Text(content),) if content else ())
    parts = tuple(part for part in _parts(content) if isinstance(part, Text | Image | File))
    listed = content if isinstance(content, list) else [content]
    if parts and all(isinstance(item, str) or obj(item).get("type") for item in listed):
        return ToolResult(call_id, parts)
    return ToolResult(call_id, raw=content)


def _id_of(name: str, turns: list[Turn]) -> str:
    """The id of the newest call of a function: legacy results name the function only. Empty for legacy calls."""
    for turn in reversed(turns):
        for part in turn.parts:
            if isinstance(part, ToolCall) and part.name == name:
                return part.id
    return ""


def _tools(body: Mapping[str, Any]) -> Iterator[Tool]:
    for tool in objects(body.get("tools")):
        yield from _tool(tool)
    for function in objects(body.get("functions")):
        yield from _function(function)


def _tool(tool: Mapping[str, Any]) -> Iterator[Tool]:
    kind = tool.get("type")
    if kind == "function":
        yield from _function(obj(tool.get("function")) or tool)
    elif kind == "custom":
        custom = obj(tool.get("custom"))
        if name := text(custom.get("name")):
            yield FunctionTool(name, text(custom.get("description")) or None, custom=True)
    else:
        found = next((hub for key, hub in _BUILTINS.items() if key in tool), None)
        is_search = text(kind).startswith("web_search")
        yield BuiltinTool(found or ("web_search" if is_search else "other"), tool, OPENAI)  # type: ignore[arg-type]


def _function(function: Mapping[str, Any]) -> Iterator[Tool]:
    if name := text(function.get("name")):
        schema = function.get("parameters")
        if schema is None:
            schema = function.get("parametersJsonSchema")
        description = function.get("description")
        yield FunctionTool(
            name, description if isinstance(description, str) else None, schema, boolean(function.get("strict"))
        )


def _tool_choice(choice: Any) -> ToolChoice | None:
    if isinstance(choice, str):
        modes = {"auto": "auto", "none": "none", "required": "required", "any": "required"}
        return ToolChoice(modes[choice]) if choice in modes else None  # type: ignore[arg-type]
    kind = obj(choice).get("type")
    if kind is None:
        return None
    if kind in ("function", "custom"):
        name = text(obj(choice.get(kind)).get("name")) or text(choice.get("name"))
        return ToolChoice("tool", (name,)) if name else None
    if kind == "allowed_tools":
        return _allowed(obj(choice.get("allowed_tools")))
    return ToolChoice("builtin", raw=choice)


def _allowed(allowed: Mapping[str, Any]) -> ToolChoice:
    names = [text(obj(tool.get("function")).get("name")) for tool in objects(allowed.get("tools"))]
    if allowed.get("mode") == "required":
        return ToolChoice("allowed", tuple(name for name in names if name))
    return ToolChoice("auto")


def _sampling(body: Mapping[str, Any]) -> Sampling:
    stop = body.get("stop")
    limit = integer(body.get("max_tokens"))
    return Sampling(
        max_output_tokens=limit if limit is not None else integer(body.get("max_completion_tokens")),
        temperature=number(body.get("temperature")),
        top_p=number(body.get("top_p")),
        top_k=number(body.get("top_k")),
        stop=tuple(word for word in ([stop] if isinstance(stop, str) else items(stop)) if text(word)),
        n=integer(body.get("n")),
        seed=integer(body.get("seed")),
        frequency_penalty=number(body.get("frequency_penalty")),
        presence_penalty=number(body.get("presence_penalty")),
        logprobs=boolean(body.get("logprobs")),
        top_logprobs=integer(body.get("top_logprobs")),
    )


def _output(body: Mapping[str, Any]) -> Output:
    image = obj(body.get("image_config"))
    return Output(
        format=_format(obj(body.get("response_format"))),
        verbosity=text(obj(body.get("text")).get("verbosity")) or text(body.get("verbosity")),
        modalities=tuple(text(word).lower() for word in items(body.get("modalities")) if text(word)),
        aspect_ratio=text(image.get("aspect_ratio")),
        image_size=text(image.get("image_size")),
    )


def _format(shape: Mapping[str, Any]) -> ResponseFormat | None:
    kind = shape.get("type")
    if kind in ("text", "json_object"):
        return ResponseFormat(kind)
    if kind != "json_schema":
        return None
    inner = obj(shape.get("json_schema"))
    return ResponseFormat(
        "json_schema", text(inner.get("name")), inner.get("schema"), boolean(inner.get("strict")),
        text(inner.get("description")) or None,
    )  # fmt: skip
