"""A conversation as a Messages request (translation.md 2.4)."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import Any

from cliproxy.translation.arguments import as_object
from cliproxy.translation.chat.request_encoder import declared_choice, result_text
from cliproxy.translation.codec import Target
from cliproxy.translation.formats import CLAUDE, GEMINI, GEMINI_CLI
from cliproxy.translation.function_names import ToolNames, tool_id
from cliproxy.translation.model import (
    BuiltinTool,
    Conversation,
    File,
    FunctionTool,
    Image,
    Opaque,
    Part,
    Reasoning,
    RedactedThinking,
    Refusal,
    Sampling,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from cliproxy.translation.pairing import BEGIN, paired
from cliproxy.translation.schemas import for_claude
from cliproxy.translation.thinking.levels import budget_of

DEFAULT_MAX_TOKENS = 32000
Block = dict[str, Any]


def encode(conversation: Conversation, target: Target, names: ToolNames) -> dict[str, Any]:
    """The upstream's body."""
    sampling = conversation.sampling
    body: dict[str, Any] = {
        "model": target.model,
        "max_tokens": sampling.max_output_tokens or DEFAULT_MAX_TOKENS,
        "messages": _messages(conversation, names),
        "stream": target.stream,
    }
    if system := [block for part in conversation.system if (block := _text(part)) is not None]:
        body["system"] = system
    body |= _sampling(sampling)
    if conversation.user:
        body["metadata"] = {"user_id": conversation.user}
    if tools := [shape for tool in conversation.tools if (shape := _tool(tool, conversation, names)) is not None]:
        body["tools"] = tools
        if (choice := _tool_choice(conversation, names)) is not None:
            body["tool_choice"] = choice
    forced = body.get("tool_choice", {}).get("type") in ("any", "tool")
    if not forced and (thinking := thinking_of(conversation.reasoning)) is not None:
        body["thinking"] = thinking
    return body


def thinking_of(reasoning: Reasoning) -> Block | None:
    """The ``thinking`` object (1.5); None = leave it out."""
    if reasoning.mode == "none":
        return {"type": "disabled"}
    if reasoning.mode == "auto":
        return {"type": "enabled"}
    budget = reasoning.budget if reasoning.mode == "budget" else None
    if reasoning.mode == "level":
        budget = budget_of(reasoning.level)
    if budget is None:
        return None
    if budget == 0:
        return {"type": "disabled"}
    return {"type": "enabled", "budget_tokens": budget} if budget > 0 else {"type": "enabled"}


def _messages(conversation: Conversation, names: ToolNames) -> list[Block]:
    messages: list[Block] = []
    turns = paired(conversation.turns, prefix="toolu_", spelled=tool_id)
    for turn in turns:
        role = "assistant" if turn.role == "assistant" else "user"
        blocks = list(_blocks(turn, conversation, names))
        if not blocks:
            continue
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += blocks
        else:
            messages.append({"role": role, "content": blocks})
    if not messages or messages[0]["role"] != "user":  # the API wants it so; a blank first turn counts as none
        messages.insert(0, {"role": "user", "content": [{"type": "text", "text": BEGIN}]})
    if messages[-1]["role"] == "assistant":
        _trim_end(messages[-1]["content"])
    return messages


def _trim_end(blocks: list[Block]) -> None:
    """The API refuses blanks at the end of a text that the model is to continue."""
    if blocks[-1]["type"] == "text":
        blocks[-1] = {**blocks[-1], "text": blocks[-1]["text"].rstrip()}


def _blocks(turn: Turn, conversation: Conversation, names: ToolNames) -> Iterator[Block]:
    thoughts = [part for part in turn.parts if isinstance(part, Thinking | RedactedThinking)]
    for thought in thoughts if turn.role == "assistant" else []:  # they come first in a message
        if (block := _thought(thought, conversation)) is not None:
            yield block
    for part in turn.parts:
        if (block := _block(part, names, conversation)) is not None:
            yield block


def _thought(part: Thinking | RedactedThinking, conversation: Conversation) -> Block | None:
    """Only what Claude itself has signed."""
    if isinstance(part, RedactedThinking):
        return {"type": "redacted_thinking", "data": part.data} if conversation.source == CLAUDE else None
    if part.signature is None or part.signature.group != "claude":
        return None
    return {"type": "thinking", "thinking": part.text, "signature": part.signature.value}


def _block(part: Part, names: ToolNames, conversation: Conversation) -> Block | None:
    match part:
        case Text() | Refusal():
            return _text(part)
        case ToolCall():
            return _call(part, names)
        case ToolResult():
            return _result(part)
        case Image():
            return _image(part)
        case File():
            return _document(part, gemini=conversation.source in (GEMINI, GEMINI_CLI))
        case Opaque(format="claude"):
            return dict(part.raw)
        case _:
            return None


def _text(part: Text | Refusal) -> Block | None:
    """Blank texts are refused."""
    if not part.text.strip():
        return None
    return _hinted({"type": "text", "text": part.text}, part)


def _hinted(block: Block, part: Text | Refusal) -> Block:
    hint = part.cache_hint if isinstance(part, Text) else None
    if isinstance(hint, dict):
        block["cache_control"] = hint
    return block


def _call(call: ToolCall, names: ToolNames) -> Block:
    given = {"input": call.arguments} if call.custom else as_object(call.arguments)
    return {"type": "tool_use", "id": call.id, "name": names.wire(call.name, call.namespace), "input": given or {}}


def _result(result: ToolResult) -> Block:
    """A string for text only, blocks when there are pictures or documents."""
    content: Any = result_text(result)
    attached = [part for part in result.content if isinstance(part, Image | File)]
    if result.raw is None and attached:
        shapes = (_text(part) if isinstance(part, Text) else _attachment(part) for part in result.content)
        content = [block for block in shapes if block is not None]
    block: Block = {"type": "tool_result", "tool_use_id": result.call_id, "content": content}
    if result.is_error:
        block["is_error"] = True
    return block


def _attachment(part: Image | File) -> Block | None:
    return _image(part) if isinstance(part, Image) else _document(part, gemini=False)


def _image(image: Image) -> Block:
    if image.data:
        source = {"type": "base64", "media_type": image.mime, "data": image.data}
    else:
        source = {"type": "url", "url": image.url}
    return {"type": "image", "source": source}


def _document(file: File, *, gemini: bool) -> Block | None:
    """PDF and text; other kinds, and files uploaded elsewhere, Claude cannot read."""
    source: Block | None = None
    if gemini and file.url:
        kind = f" (Type: {file.mime})" if file.mime else ""
        return {"type": "text", "text": f"File: {file.url}{kind}"}
    if file.mime == "application/pdf" or (file.url and not file.mime):
        if file.data:
            source = {"type": "base64", "media_type": "application/pdf", "data": file.data}
        elif file.url:
            source = {"type": "url", "url": file.url}
    elif file.data and (plain := _plain_text(file)):
        source = {"type": "text", "media_type": "text/plain", "data": plain}
    if source is None:
        return None
    block: Block = {"type": "document", "source": source}
    return {**block, "title": file.filename} if file.filename else block


def _plain_text(file: File) -> str:
    """What a text file says; empty when it is none."""
    if not (file.mime.startswith("text/") or file.mime.rpartition("/")[2] in ("json", "xml", "yaml", "toml", "x-yaml")):
        return ""
    try:
        return base64.b64decode(file.data).decode()
    except ValueError:
        return ""


def _tool(tool: FunctionTool | BuiltinTool, conversation: Conversation, names: ToolNames) -> Block | None:
    if isinstance(tool, BuiltinTool):
        return dict(tool.raw) if tool.format == CLAUDE else None
    shape: Block = {"name": names.wire(tool.name, tool.namespace)}
    if tool.description is not None:
        shape["description"] = tool.description
    shape["input_schema"] = for_claude(tool, conversation.source)
    if isinstance(tool.cache_hint, dict):
        shape["cache_control"] = tool.cache_hint
    return shape


def _tool_choice(conversation: Conversation, names: ToolNames) -> Block | None:
    choice = declared_choice(conversation)
    if choice is None:
        shape: Block = {"type": "auto"}
    elif choice.mode == "tool":
        shape = {"type": "tool", "name": names.wire(choice.names[0], choice.namespace)}
    else:
        kinds = {"required": "any", "allowed": "any", "none": "none"}
        shape = {"type": kinds.get(choice.mode, "auto")}
    if conversation.parallel_tool_calls is False and shape["type"] != "none":
        shape["disable_parallel_tool_use"] = True
    elif choice is None:
        return None
    return shape


def _sampling(sampling: Sampling) -> Block:
    """Only one of temperature and top_p; Claude's temperatures end at 1."""
    values: Block = {}
    if sampling.temperature is not None:
        values["temperature"] = sampling.temperature if sampling.temperature <= 1 else 1
    elif sampling.top_p is not None:
        values["top_p"] = sampling.top_p
    if sampling.top_k is not None and sampling.top_k >= 1:
        values["top_k"] = int(sampling.top_k)
    if stop := _stop_sequences(sampling.stop):
        values["stop_sequences"] = stop
    return values


def _stop_sequences(stop: Sequence[str]) -> list[str]:
    """Blank ones are refused."""
    return [word for word in stop if word.strip()]
