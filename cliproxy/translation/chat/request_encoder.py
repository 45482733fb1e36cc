"""A conversation as a Chat Completions request (translation.md 2.1, 4.9)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cliproxy.translation import exactjson
from cliproxy.translation.arguments import as_object
from cliproxy.translation.codec import Target
from cliproxy.translation.formats import CLAUDE, GEMINI, GEMINI_CLI, RESPONSES
from cliproxy.translation.function_names import ToolNames, short_call_id
from cliproxy.translation.media import data_url
from cliproxy.translation.model import (
    BuiltinTool,
    Conversation,
    File,
    FunctionTool,
    Image,
    Output,
    Part,
    Reasoning,
    Refusal,
    Sampling,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from cliproxy.translation.pairing import paired
from cliproxy.translation.reading import obj, text
from cliproxy.translation.schemas import parameters_of
from cliproxy.translation.thinking.levels import level_of

_GEMINI = (GEMINI, GEMINI_CLI)
_LONGEST_CALL_ID = 40
"""OpenAI refuses longer ones; those that we make for long function names would be."""


def encode(conversation: Conversation, target: Target, names: ToolNames) -> dict[str, Any]:
    """The upstream's body."""
    body: dict[str, Any] = {
        "model": target.model,
        "messages": list(_messages(conversation, names)),
        "stream": target.stream,
    }
    body |= _sampling(conversation)
    as_it_likes = conversation.source == CLAUDE and conversation.reasoning.mode == "auto"
    if not as_it_likes and (effort := effort_of(conversation.reasoning)) is not None:
        body["reasoning_effort"] = effort  # no word for adaptive thinking: it is what a model does by itself
    if tools := [shape for tool in conversation.tools if (shape := _tool(tool, names)) is not None]:
        body["tools"] = tools
        if (choice := _tool_choice(conversation, names)) is not None:
            body["tool_choice"] = choice
        if conversation.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = conversation.parallel_tool_calls
    body |= _output(conversation.output)
    user = text(conversation.extra.get("user")) if conversation.source == CLAUDE else conversation.user
    if user:
        body["user"] = user
    return body


def effort_of(reasoning: Reasoning) -> str | None:
    """The effort word for a reasoning setting (1.5); None = leave it out."""
    if reasoning.mode in ("none", "auto"):
        return reasoning.mode
    if reasoning.mode == "level":
        return reasoning.level
    return level_of(reasoning.budget) if reasoning.mode == "budget" else None


def _messages(conversation: Conversation, names: ToolNames) -> Iterator[dict[str, Any]]:
    if conversation.system:
        yield {"role": "system", "content": _system(conversation)}
    wants_reasoning = conversation.source == CLAUDE and conversation.reasoning.enabled
    for turn in paired(conversation.turns, prefix="call_", spelled=_call_id):
        if turn.role == "tool":
            yield from _results(turn)
        elif turn.role == "assistant":
            yield from _assistant(turn, conversation, names, wants_reasoning=wants_reasoning)
        elif parts := [shape for part in turn.parts if (shape := _part(part)) is not None]:
            yield {"role": "user", "content": _content(turn, parts, conversation)}


def _call_id(identifier: str) -> str:
    return short_call_id(identifier, _LONGEST_CALL_ID)


def _system(conversation: Conversation) -> Any:
    if conversation.source == RESPONSES:
        return "\n".join(part.text for part in conversation.system)
    return [{"type": "text", "text": part.text} for part in conversation.system]


def _content(turn: Turn, parts: list[dict[str, Any]], conversation: Conversation) -> Any:
    """A bare string where the client wrote one, or (Gemini) where all is text; else the parts."""
    joined = turn.plain or conversation.source in _GEMINI
    if joined and all(part["type"] == "text" for part in parts):
        return "".join(part["text"] for part in parts)
    return parts


def _assistant(
    turn: Turn, conversation: Conversation, names: ToolNames, *, wants_reasoning: bool
) -> Iterator[dict[str, Any]]:
    """One message with all that the turn said; none when nothing of it can be said here."""
    parts = [shape for part in turn.parts if isinstance(part, Text | Refusal) and (shape := _part(part)) is not None]
    calls = [_call(part, names) for part in turn.parts if isinstance(part, ToolCall)]
    thoughts = [part.text for part in turn.parts if isinstance(part, Thinking) and part.text.strip()]
    if not (parts or calls or thoughts):
        return
    message: dict[str, Any] = {"role": "assistant", "content": _content(turn, parts, conversation) if parts else ""}
    if thoughts:
        message["reasoning_content"] = "\n\n".join(thoughts)
    elif calls and wants_reasoning:  # services with a thinking mode refuse calls without it
        message["reasoning_content"] = ""
    if calls:
        message["tool_calls"] = calls
    yield message


def _call(call: ToolCall, names: ToolNames) -> dict[str, Any]:
    function = {"name": names.wire(call.name, call.namespace), "arguments": arguments_of(call)}
    return {"id": call.id, "type": "function", "function": function}


def arguments_of(call: ToolCall) -> str:
    """Argument text that is a JSON object, as it came; free text of a custom tool is wrapped."""
    if call.custom:
        return exactjson.text({"input": call.arguments})
    return call.arguments if as_object(call.arguments) is not None else "{}"


def _part(part: Part) -> dict[str, Any] | None:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Image):
        image = {"url": part.url or data_url(part.mime, part.data)}
        if part.detail:
            image["detail"] = part.detail
        return {"type": "image_url", "image_url": image}
    if isinstance(part, File):
        return _file(part)
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    return None


def _file(file: File) -> dict[str, Any] | None:
    """Inline data or an uploaded file's id; Chat cannot fetch from an address."""
    if file.mime.startswith("audio/") and file.data:
        kind = file.mime.removeprefix("audio/").removeprefix("x-")
        return {"type": "input_audio", "input_audio": {"data": file.data, "format": {"mpeg": "mp3"}.get(kind, kind)}}
    inner: dict[str, Any] = {}
    if file.data:
        inner["file_data"] = data_url(file.mime, file.data)
    elif file.file_id:
        inner["file_id"] = file.file_id
    else:
        return None
    if file.filename:
        inner["filename"] = file.filename
    return {"type": "file", "file": inner}


def _results(turn: Turn) -> Iterator[dict[str, Any]]:
    """One message per result; pictures and files follow as a user message, tool messages take only text."""
    attached: list[dict[str, Any]] = []
    for part in turn.parts:
        if isinstance(part, ToolResult):
            yield {"role": "tool", "tool_call_id": part.call_id, "content": result_text(part)}
            attached += [
                shape for item in part.content if isinstance(item, Image | File) and (shape := _part(item)) is not None
            ]
    if attached:
        yield {"role": "user", "content": attached}


def result_text(result: ToolResult) -> str:
    """A tool result as one string: texts joined by blank lines, JSON of what is not text."""
    if result.raw is None:
        return "\n\n".join(part.text for part in result.content if isinstance(part, Text))
    raw = result.raw
    if isinstance(raw, list):
        joined = "\n\n".join(_item_text(item) for item in raw)
        return joined if joined.strip() else exactjson.text(raw)
    return _item_text(raw)


def _item_text(item: Any) -> str:
    if isinstance(item, str):
        return item
    found = obj(item).get("text")
    return found if isinstance(found, str) else exactjson.text(item)


def _tool(tool: FunctionTool | BuiltinTool, names: ToolNames) -> dict[str, Any] | None:
    if isinstance(tool, BuiltinTool):
        # A search by the service itself is known to some; other tools that need a server of OpenAI's are not.
        return dict(tool.raw) if tool.format == RESPONSES and tool.kind == "web_search" else None
    function: dict[str, Any] = {"name": names.wire(tool.name, tool.namespace)}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = parameters_of(tool)
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _tool_choice(conversation: Conversation, names: ToolNames) -> Any:
    choice = declared_choice(conversation)
    if choice is None:
        return None
    if choice.mode == "tool":
        return {"type": "function", "function": {"name": names.wire(choice.names[0], choice.namespace)}}
    if choice.mode == "builtin":
        return _builtin_choice(choice, conversation.tools)
    return "required" if choice.mode == "allowed" else choice.mode


def declared_choice(conversation: Conversation) -> ToolChoice | None:
    """The tool choice as far as it is about declared functions: a tool that was left out cannot be forced."""
    choice = conversation.tool_choice
    if choice is None or choice.mode not in ("tool", "allowed"):
        return choice
    declared = conversation.declared_names
    names = tuple(name for name in choice.names if (choice.namespace, name) in declared)
    if not names:
        return None
    return replace(choice, mode="tool" if len(names) == 1 else "allowed", names=names)


def _builtin_choice(choice: ToolChoice, tools: Sequence[FunctionTool | BuiltinTool]) -> Any:
    """A forced built-in tool, when it is offered."""
    kind = obj(choice.raw).get("type")
    offered: Iterable[Mapping[str, Any]] = (tool.raw for tool in tools if isinstance(tool, BuiltinTool))
    return choice.raw if any(raw.get("type") == kind for raw in offered) else "auto"


def _sampling(conversation: Conversation) -> dict[str, Any]:
    sampling = conversation.sampling
    values: dict[str, Any] = {
        "max_tokens": sampling.max_output_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "stop": _stop(sampling, conversation),
        "n": sampling.n,
        "seed": sampling.seed,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
        "logprobs": sampling.logprobs,
        "top_logprobs": sampling.top_logprobs if sampling.logprobs else None,
    }
    if conversation.source == CLAUDE and sampling.temperature is not None:
        values["top_p"] = None  # Claude clients mean one of them
    return {key: value for key, value in values.items() if value is not None}


def _stop(sampling: Sampling, conversation: Conversation) -> Any:
    stop = list(sampling.stop)
    if not stop:
        return None
    return stop[0] if len(stop) == 1 and conversation.source not in _GEMINI else stop


def _output(output: Output) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if output.format is not None:
        body["response_format"] = _format(output)
    if "image" in output.modalities:
        body["modalities"] = list(output.modalities)
    image = {"aspect_ratio": output.aspect_ratio, "image_size": output.image_size}
    if image := {key: value for key, value in image.items() if value}:
        body["image_config"] = image
    return body


def _format(output: Output) -> dict[str, Any]:
    shape = output.format
    assert shape is not None
    if shape.kind != "json_schema":
        return {"type": shape.kind}
    inner: dict[str, Any] = {"name": shape.name or "response", "schema": shape.schema}
    if shape.description:
        inner["description"] = shape.description
    if shape.strict is not None:
        inner["strict"] = shape.strict
    return {"type": "json_schema", "json_schema": inner}
