"""Conversations through the Google SDK."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from end_to_end.matrix.talk import TOOLS, Call, Counts, Result, Talk, joined
from end_to_end.proxy import KEY
from google import genai
from google.genai import types

BUDGET = 2048
_MODES = {"required": ("ANY", None), "none": ("NONE", None)}


def connect(base_url: str) -> genai.Client:
    """A client of one proxy. The SDK's default API version is v1, which the proxy does not have."""
    options = types.HttpOptions(base_url=base_url, api_version="v1beta", timeout=20_000)
    return genai.Client(api_key=KEY, http_options=options)


class GenaiTalk(Talk):
    """``client.models``."""

    def say(self, text: str, picture: bytes = b"") -> None:
        """Add a user content; the SDK writes pictures in URL-safe base64."""
        image = [types.Part.from_bytes(data=picture, mime_type="image/png")] if picture else []
        self.history.append(types.UserContent([*image, types.Part(text=text)]))

    def give(self, results: Iterable[tuple[Call, str]]) -> None:
        """Add all in one user content."""
        parts = [
            types.Part(
                function_response=types.FunctionResponse(id=call.id or None, name=call.name, response={"result": text})
            )
            for call, text in results
        ]
        self.history.append(types.Content(role="user", parts=parts))

    def ask(self, *, stream: bool) -> Result:
        """Send everything, remember the content."""
        asked: dict[str, Any] = {"model": self.model, "contents": list(self.history), "config": self._config()}
        if stream:
            answers = list(self.client.models.generate_content_stream(**asked))
        else:
            answers = [self.client.models.generate_content(**asked)]
        return self._result(answers)

    def _result(self, answers: list[Any]) -> Result:
        last = answers[-1]
        parts = [part for answer in answers for part in answer.candidates[0].content.parts or []]
        self.history.append(types.Content(role="model", parts=parts))
        calls = [
            Call(part.function_call.id or "", part.function_call.name, part.function_call.args or {})
            for part in parts
            if part.function_call
        ]
        models = frozenset(answer.model_version for answer in answers)
        (id_,) = {answer.response_id for answer in answers}
        reasons = [answer.candidates[0].finish_reason for answer in answers]
        assert not any(reasons[:-1])
        return Result(
            joined(part.text for part in parts if not part.thought),
            joined(part.text for part in parts if part.thought),
            tuple(calls), _counts(last.usage_metadata), reasons[-1].name, models, id_,
        )  # fmt: skip

    def _config(self) -> types.GenerateContentConfig:
        wish = self.wish
        options: dict[str, Any] = {"system_instruction": wish.system or None, "temperature": wish.temperature}
        if wish.tools:
            declared = [
                types.FunctionDeclaration(name=name, description=name, parameters_json_schema=schema)
                for name, schema in TOOLS.items()
            ]
            options["tools"] = [types.Tool(function_declarations=declared)]
            options["automatic_function_calling"] = types.AutomaticFunctionCallingConfig(disable=True)
        if wish.choice:
            mode, names = _MODES.get(wish.choice, ("ANY", [wish.choice]))
            calling: Any = {"mode": mode, "allowed_function_names": names}
            options["tool_config"] = types.ToolConfig(function_calling_config=types.FunctionCallingConfig(**calling))
        if wish.thinking:
            budget = BUDGET if wish.thinking == "on" else 0
            options["thinking_config"] = types.ThinkingConfig(include_thoughts=budget > 0, thinking_budget=budget)
        if wish.schema:
            options |= {"response_mime_type": "application/json", "response_json_schema": wish.schema}
        if wish.max_tokens:
            options["max_output_tokens"] = wish.max_tokens
        if wish.stop:
            options["stop_sequences"] = [wish.stop]
        return types.GenerateContentConfig(**options)


def _counts(usage: Any) -> Counts:
    thoughts = usage.thoughts_token_count or 0
    output = (usage.candidates_token_count or 0) + thoughts
    assert usage.total_token_count == usage.prompt_token_count + output
    return Counts(usage.prompt_token_count, usage.cached_content_token_count or 0, output, thoughts)
