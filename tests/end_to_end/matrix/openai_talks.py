"""Conversations through the OpenAI SDK: Chat Completions and Responses."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import openai
from end_to_end.matrix.talk import PICTURE_TEXT, TOOLS, Call, Counts, Result, Talk, joined
from end_to_end.proxy import KEY
from openai.types import CompletionUsage

_UNKNOWN = CompletionUsage(prompt_tokens=0, completion_tokens=0, total_tokens=0)
"""An upstream that broke off has told no numbers."""


def connect(base_url: str) -> openai.OpenAI:
    """A client of one proxy."""
    return openai.OpenAI(base_url=f"{base_url}/v1", api_key=KEY, max_retries=0, timeout=20)


class ChatTalk(Talk):
    """``client.chat.completions``."""

    def say(self, text: str, picture: bytes = b"") -> None:
        """Add a user message."""
        content: Any = text
        if picture:
            url = {"url": f"data:image/png;base64,{PICTURE_TEXT}"}
            content = [{"type": "image_url", "image_url": url}, {"type": "text", "text": text}]
        self.history.append({"role": "user", "content": content})

    def give(self, results: Iterable[tuple[Call, str]]) -> None:
        """Add one tool message each."""
        self.history += [{"role": "tool", "tool_call_id": call.id, "content": text} for call, text in results]

    def ask(self, *, stream: bool) -> Result:
        """Send everything, remember the message."""
        if stream:
            return self._streamed()
        answer = self.client.chat.completions.create(**self._options())
        thinking = getattr(answer.choices[0].message, "reasoning_content", "")
        return self._result(answer, frozenset({answer.model}), thinking)

    def _streamed(self) -> Result:
        chunks, text = [], ""
        usage = {"include_usage": True}
        with self.client.chat.completions.stream(**self._options(), stream_options=usage) as events:
            for event in events:
                if event.type == "chunk":
                    chunks.append(event.chunk)
                elif event.type == "content.delta":
                    text += event.delta
            answer = events.get_final_completion()
        assert text == (answer.choices[0].message.content or "")
        deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
        thinking = joined(getattr(delta, "reasoning_content", "") for delta in deltas)
        return self._result(answer, frozenset(chunk.model for chunk in chunks), thinking)

    def _result(self, answer: Any, models: frozenset[str], thinking: str) -> Result:
        choice, usage = answer.choices[0], answer.usage or _UNKNOWN
        self.history.append(choice.message.model_dump(exclude_none=True))
        calls = [
            Call(call.id, call.function.name, json.loads(call.function.arguments))
            for call in choice.message.tool_calls or []
        ]
        assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
        counts = Counts(
            usage.prompt_tokens, getattr(usage.prompt_tokens_details, "cached_tokens", None) or 0,
            usage.completion_tokens, getattr(usage.completion_tokens_details, "reasoning_tokens", None) or 0,
        )  # fmt: skip
        text = choice.message.content or ""
        return Result(text, thinking or "", tuple(calls), counts, choice.finish_reason, models, answer.id)

    def _options(self) -> dict[str, Any]:
        wish = self.wish
        system = [{"role": "system", "content": wish.system}] if wish.system else []
        options: dict[str, Any] = {"model": self.model, "messages": [*system, *self.history]}
        if wish.tools:
            options["tools"] = [
                {"type": "function", "function": {"name": name, "description": name, "parameters": schema}}
                for name, schema in TOOLS.items()
            ]
        if wish.choice:
            named = {"type": "function", "function": {"name": wish.choice}}
            options["tool_choice"] = named if wish.choice in TOOLS else wish.choice
        if wish.thinking:
            options["reasoning_effort"] = {"on": "high", "off": "none"}[wish.thinking]
        if wish.schema:
            schema = {"name": "place", "strict": True, "schema": wish.schema}
            options["response_format"] = {"type": "json_schema", "json_schema": schema}
        if wish.max_tokens:
            options["max_tokens"] = wish.max_tokens
        if wish.temperature is not None:
            options["temperature"] = wish.temperature
        if wish.stop:
            options["stop"] = wish.stop
        return options


class ResponsesTalk(Talk):
    """``client.responses``, without storage at the server: the program keeps the items."""

    def say(self, text: str, picture: bytes = b"") -> None:
        """Add a user message."""
        image = {"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE_TEXT}", "detail": "auto"}
        content: Any = [image, {"type": "input_text", "text": text}] if picture else text
        self.history.append({"role": "user", "content": content})

    def give(self, results: Iterable[tuple[Call, str]]) -> None:
        """Add one output item each."""
        self.history += [{"type": "function_call_output", "call_id": call.id, "output": text} for call, text in results]

    def ask(self, *, stream: bool) -> Result:
        """Send everything, remember the items."""
        if stream:
            return self._streamed()
        answer = self.client.responses.create(**self._options())
        return self._result(answer, frozenset({answer.model}))

    def _streamed(self) -> Result:
        models, text, numbers, last = set(), "", [], None
        with self.client.responses.stream(**self._options()) as events:
            for event in events:
                numbers.append(event.sequence_number)
                if event.type == "response.output_text.delta":
                    text += event.delta
                last = getattr(event, "response", last)
                models |= {last.model} if getattr(last, "model", None) else set()
            assert last is not None
            answer = last if last.status == "incomplete" else events.get_final_response()
        assert text == answer.output_text
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        return self._result(answer, frozenset(models))

    def _result(self, answer: Any, models: frozenset[str]) -> Result:
        self.history += answer.output
        calls = [
            Call(item.call_id, item.name, json.loads(item.arguments))
            for item in answer.output
            if item.type == "function_call"
        ]
        thinking = joined(part.text for item in answer.output if item.type == "reasoning" for part in item.summary)
        usage = answer.usage
        counts = Counts(
            usage.input_tokens, usage.input_tokens_details.cached_tokens, usage.output_tokens,
            getattr(usage.output_tokens_details, "reasoning_tokens", None) or 0,
        )  # fmt: skip
        assert usage.total_tokens == usage.input_tokens + usage.output_tokens
        stop = (answer.status, answer.incomplete_details.reason if answer.incomplete_details else None)
        return Result(answer.output_text, thinking, tuple(calls), counts, stop, models, answer.id)

    def _options(self) -> dict[str, Any]:
        wish = self.wish
        options: dict[str, Any] = {
            "model": self.model, "input": list(self.history), "store": False, "include": ["reasoning.encrypted_content"],
        }  # fmt: skip
        if wish.system:
            options["instructions"] = wish.system
        if wish.tools:
            options["tools"] = [
                {"type": "function", "name": name, "description": name, "parameters": schema, "strict": False}
                for name, schema in TOOLS.items()
            ]
        if wish.choice:
            options["tool_choice"] = {"type": "function", "name": wish.choice} if wish.choice in TOOLS else wish.choice
        if wish.thinking:
            options["reasoning"] = {"effort": {"on": "high", "off": "none"}[wish.thinking], "summary": "auto"}
        if wish.schema:
            options["text"] = {
                "format": {"type": "json_schema", "name": "place", "strict": True, "schema": wish.schema}
            }
        if wish.max_tokens:
            options["max_output_tokens"] = wish.max_tokens
        if wish.temperature is not None:
            options["temperature"] = wish.temperature
        return options
