"""Conversations through the Anthropic SDK."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import anthropic
from end_to_end.matrix.talk import PICTURE_TEXT, TOOLS, Call, Counts, Result, Talk, joined
from end_to_end.proxy import KEY

BUDGET = 2048
_MOST = 4000
_CHOICES = {"required": {"type": "any"}, "none": {"type": "none"}}
_THINKING = {"on": {"type": "enabled", "budget_tokens": BUDGET}, "off": {"type": "disabled"}}


def connect(base_url: str) -> anthropic.Anthropic:
    """A client of one proxy."""
    return anthropic.Anthropic(base_url=base_url, api_key=KEY, max_retries=0, timeout=20)


class AnthropicTalk(Talk):
    """``client.messages``."""

    def say(self, text: str, picture: bytes = b"") -> None:
        """Add a user message."""
        content: Any = text
        if picture:
            source = {"type": "base64", "media_type": "image/png", "data": PICTURE_TEXT}
            content = [{"type": "image", "source": source}, {"type": "text", "text": text}]
        self.history.append({"role": "user", "content": content})

    def give(self, results: Iterable[tuple[Call, str]]) -> None:
        """Add all in one user message."""
        blocks = [{"type": "tool_result", "tool_use_id": call.id, "content": text} for call, text in results]
        self.history.append({"role": "user", "content": blocks})

    def ask(self, *, stream: bool) -> Result:
        """Send everything, remember the message."""
        if stream:
            return self._streamed()
        answer = self.client.messages.create(**self._options())
        return self._result(answer, frozenset({answer.model}))

    def _streamed(self) -> Result:
        text, models = "", set()
        with self.client.messages.stream(**self._options()) as events:
            for event in events:
                if event.type == "text":
                    text += event.text
                elif event.type == "message_start":
                    models.add(event.message.model)
            answer = events.get_final_message()
        assert text == _text(answer)
        return self._result(answer, frozenset({*models, answer.model}))

    def _result(self, answer: Any, models: frozenset[str]) -> Result:
        self.history.append({"role": "assistant", "content": answer.content})
        thinking = joined(block.thinking for block in answer.content if block.type == "thinking")
        calls = [Call(block.id, block.name, block.input) for block in answer.content if block.type == "tool_use"]
        usage = answer.usage
        cached = usage.cache_read_input_tokens or 0
        given = usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0)
        counts = Counts(given, cached, usage.output_tokens, None)
        return Result(_text(answer), thinking, tuple(calls), counts, answer.stop_reason, models, answer.id)

    def _options(self) -> dict[str, Any]:
        wish = self.wish
        options: dict[str, Any] = {
            "model": self.model, "messages": list(self.history), "max_tokens": wish.max_tokens or _MOST,
        }  # fmt: skip
        if wish.system:
            options["system"] = wish.system
        if wish.tools:
            options["tools"] = [
                {"name": name, "description": name, "input_schema": schema} for name, schema in TOOLS.items()
            ]
        if wish.choice:
            options["tool_choice"] = _CHOICES.get(wish.choice, {"type": "tool", "name": wish.choice})
        if wish.thinking:
            options["thinking"] = _THINKING[wish.thinking]
        if wish.temperature is not None:
            options["extra_body"] = {"temperature": wish.temperature}  # the SDK has dropped the argument
        if wish.stop:
            options["stop_sequences"] = [wish.stop]
        return options


def _text(answer: Any) -> str:
    return joined(block.text for block in answer.content if block.type == "text")
