"""Whole conversations in no format, and how each client format writes them down."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from end_to_end.matrix.seen import Answered, Seen, runs
from end_to_end.matrix.talk import PICTURE_TEXT

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Use:
    """A call and its result."""

    id: str
    name: str
    args: Mapping[str, Any]
    result: str


@dataclass(frozen=True, slots=True)
class Round:
    """The user speaks, then the assistant thinks, speaks and calls; ``order`` is that of the results."""

    asked: str
    picture: bool
    thought: str
    said: str
    uses: tuple[Use, ...]
    order: tuple[int, ...]

    @property
    def results(self) -> list[Use]:
        """The uses in the order in which their results arrive."""
        return [self.uses[index] for index in self.order]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A conversation, which ends with words of the user."""

    system: str
    rounds: tuple[Round, ...]
    last: str

    @property
    def names(self) -> list[str]:
        """The tools that are offered: those that were used."""
        return sorted({use.name for item in self.rounds for use in item.uses})

    def expected(self) -> Seen:
        """What should reach an upstream, under the client's own names."""
        said: list[tuple[str, str]] = []
        for item in self.rounds:
            said += [("user", item.asked), ("assistant", item.said)]
        answered = [Answered(use.name, use.args, use.result) for item in self.rounds for use in item.uses]
        pictures = [("image/png", PICTURE_TEXT) for item in self.rounds if item.picture]
        return Seen(self.system, runs([*said, ("user", self.last)]), tuple(answered), tuple(pictures))


def schema(name: str) -> Body:
    """A schema by which the tool is recognised under any name."""
    return {"type": "object", "properties": {f"of {name}": {"type": "string"}}}


def chat(spoken: Spoken) -> Body:
    """A Chat Completions body."""
    messages: list[Body] = [{"role": "system", "content": spoken.system}] if spoken.system else []
    for item in spoken.rounds:
        picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE_TEXT}"}}
        text = {"type": "text", "text": item.asked}
        messages.append({"role": "user", "content": [picture, text] if item.picture else item.asked})
        message: Body = {"role": "assistant", "content": item.said or None}
        if item.thought:
            message["reasoning_content"] = item.thought
        if item.uses:
            message["tool_calls"] = [
                {"id": use.id, "type": "function", "function": {"name": use.name, "arguments": json.dumps(use.args)}}
                for use in item.uses
            ]
        messages.append(message)
        messages += [{"role": "tool", "tool_call_id": use.id, "content": use.result} for use in item.results]
    body: Body = {"messages": [*messages, {"role": "user", "content": spoken.last}]}
    if spoken.names:
        body["tools"] = [
            {"type": "function", "function": {"name": name, "parameters": schema(name)}} for name in spoken.names
        ]
    return body


def responses(spoken: Spoken) -> Body:
    """A Responses body."""
    items: list[Body] = []
    for item in spoken.rounds:
        parts: list[Body] = [{"type": "input_text", "text": item.asked}]
        if item.picture:
            parts.insert(0, {"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE_TEXT}"})
        items.append({"type": "message", "role": "user", "content": parts})
        if item.thought:
            items.append({"type": "reasoning", "summary": [{"type": "summary_text", "text": item.thought}]})
        if item.said:
            text = {"type": "output_text", "text": item.said}
            items.append({"type": "message", "role": "assistant", "content": [text]})
        items += [
            {"type": "function_call", "call_id": use.id, "name": use.name, "arguments": json.dumps(use.args)}
            for use in item.uses
        ]
        items += [{"type": "function_call_output", "call_id": use.id, "output": use.result} for use in item.results]
    tools = [{"type": "function", "name": name, "parameters": schema(name)} for name in spoken.names]
    return {"instructions": spoken.system, "input": [*items, {"role": "user", "content": spoken.last}], "tools": tools}


def claude(spoken: Spoken) -> Body:
    """A Messages body. Results share a message with what the user says next."""
    messages: list[Body] = []
    waiting: list[Body] = []
    for item in spoken.rounds:
        source = {"type": "base64", "media_type": "image/png", "data": PICTURE_TEXT}
        blocks = [*waiting, *([{"type": "image", "source": source}] if item.picture else [])]
        messages.append({"role": "user", "content": [*blocks, {"type": "text", "text": item.asked}]})
        thought = [{"type": "thinking", "thinking": item.thought, "signature": "c29tZWJvZHk="}] if item.thought else []
        text = [{"type": "text", "text": item.said}] if item.said else []
        uses = [{"type": "tool_use", "id": use.id, "name": use.name, "input": use.args} for use in item.uses]
        messages.append({"role": "assistant", "content": [*thought, *text, *uses]})
        waiting = [{"type": "tool_result", "tool_use_id": use.id, "content": use.result} for use in item.results]
    last = {"role": "user", "content": [*waiting, {"type": "text", "text": spoken.last}]}
    body: Body = {"max_tokens": 4000, "messages": [*messages, last]}
    if spoken.system:
        body["system"] = spoken.system
    if spoken.names:
        body["tools"] = [{"name": name, "input_schema": schema(name)} for name in spoken.names]
    return body


def gemini(spoken: Spoken) -> Body:
    """A generateContent body."""
    contents: list[Body] = []
    for item in spoken.rounds:
        blob = {"inlineData": {"mimeType": "image/png", "data": PICTURE_TEXT}}
        contents.append({"role": "user", "parts": [*([blob] if item.picture else []), {"text": item.asked}]})
        parts: list[Body] = [{"text": item.thought, "thought": True}] if item.thought else []
        parts += [{"text": item.said}] if item.said else []
        parts += [{"functionCall": {"id": use.id, "name": use.name, "args": use.args}} for use in item.uses]
        contents.append({"role": "model", "parts": parts})
        if item.uses:
            contents.append({"role": "user", "parts": [_response(use) for use in item.results]})
    body: Body = {"contents": [*contents, {"role": "user", "parts": [{"text": spoken.last}]}]}
    if spoken.system:
        body["systemInstruction"] = {"parts": [{"text": spoken.system}]}
    if spoken.names:
        declared = [{"name": name, "parametersJsonSchema": schema(name)} for name in spoken.names]
        body["tools"] = [{"functionDeclarations": declared}]
    return body


def _response(use: Use) -> Body:
    return {"functionResponse": {"id": use.id, "name": use.name, "response": {"result": use.result}}}
