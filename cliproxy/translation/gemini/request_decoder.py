"""A generateContent request as a conversation, plain or out of Gemini CLI's envelope (translation.md 2.5, 2.6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from cliproxy.translation.formats import GEMINI, GEMINI_CLI, Format
from cliproxy.translation.gemini.history import turns_of
from cliproxy.translation.gemini.spelling import get, objects
from cliproxy.translation.model import (
    BuiltinTool,
    Conversation,
    FunctionTool,
    Output,
    Reasoning,
    ResponseFormat,
    Sampling,
    Text,
    Tool,
    ToolChoice,
)
from cliproxy.translation.reading import boolean, integer, items, number, obj, text
from cliproxy.translation.schemas import lower_types

_BUILTINS: Mapping[str, Literal["google_search", "code_execution", "url_context", "computer_use"]] = {
    "googleSearch": "google_search", "googleSearchRetrieval": "google_search", "codeExecution": "code_execution",
    "urlContext": "url_context", "computerUse": "computer_use",
    "google_search": "google_search", "google_search_retrieval": "google_search", "code_execution": "code_execution",
    "url_context": "url_context", "computer_use": "computer_use",
}  # fmt: skip
_DECLARATIONS = ("functionDeclarations", "function_declarations")
_UNSPECIFIED = "thinking_level_unspecified"


def decode(body: Mapping[str, Any], source: Format = GEMINI) -> Conversation:
    """What a Gemini client asks for; ``source`` says whether ``body`` is an envelope."""
    request = inner_request(body, source)
    config = obj(get(request, "generationConfig"))
    return Conversation(
        turns=turns_of(objects(request.get("contents"))),
        system=tuple(_system(get(request, "systemInstruction"))),
        tools=tuple(_tools(request.get("tools"))),
        tool_choice=_tool_choice(obj(get(obj(get(request, "toolConfig")), "functionCallingConfig"))),
        sampling=_sampling(config),
        reasoning=_reasoning(obj(get(config, "thinkingConfig"))),
        output=_output(config),
        source=source,
        safety_settings=get(request, "safetySettings"),
    )


def inner_request(body: Mapping[str, Any], source: Format) -> Mapping[str, Any]:
    """The GenerateContentRequest in ``body``: without the CLI's envelope, or that of a token count."""
    request = obj(body.get("request")) if source == GEMINI_CLI else body
    counted = get(request, "generateContentRequest")
    return counted if isinstance(counted, dict) and "contents" not in request else request


def _system(instruction: Any) -> Iterator[Text]:
    if isinstance(instruction, str) and instruction:
        yield Text(instruction)
    for part in objects(obj(instruction).get("parts")):
        if found := text(part.get("text")):
            yield Text(found)


def _tools(tools: Any) -> Iterator[Tool]:
    for tool in objects(tools):
        for key, value in tool.items():
            if key in _DECLARATIONS:
                yield from _functions(value)
            else:
                yield BuiltinTool(_BUILTINS.get(key, "other"), {key: value}, GEMINI)


def _functions(declarations: Any) -> Iterator[FunctionTool]:
    for declaration in objects(declarations):
        if name := text(declaration.get("name")):
            schema = get(declaration, "parametersJsonSchema")
            schema = declaration.get("parameters") if schema is None else schema
            description = declaration.get("description")
            yield FunctionTool(name, description if isinstance(description, str) else None, lower_types(schema))


def _tool_choice(calling: Mapping[str, Any]) -> ToolChoice | None:
    mode = text(calling.get("mode")).upper()
    allowed = tuple(name for name in items(get(calling, "allowedFunctionNames")) if text(name))
    if mode == "ANY" and allowed:
        return ToolChoice("tool" if len(allowed) == 1 else "allowed", allowed)
    modes: Mapping[str, Literal["auto", "none", "required"]]
    modes = {"AUTO": "auto", "VALIDATED": "auto", "NONE": "none", "ANY": "required"}
    return ToolChoice(modes[mode]) if mode in modes else None


def _sampling(config: Mapping[str, Any]) -> Sampling:
    stop = get(config, "stopSequences")
    return Sampling(
        max_output_tokens=integer(get(config, "maxOutputTokens")),
        temperature=number(config.get("temperature")),
        top_p=number(get(config, "topP")),
        top_k=number(get(config, "topK")),
        stop=tuple(word for word in ([stop] if isinstance(stop, str) else items(stop)) if text(word)),
        n=integer(get(config, "candidateCount")),
        seed=integer(config.get("seed")),
        frequency_penalty=number(get(config, "frequencyPenalty")),
        presence_penalty=number(get(config, "presencePenalty")),
        logprobs=boolean(get(config, "responseLogprobs")),
        top_logprobs=integer(config.get("logprobs")),
    )


def _reasoning(config: Mapping[str, Any]) -> Reasoning:
    """A level, else a budget, else the wish to see thoughts (1.5)."""
    level = text(get(config, "thinkingLevel")).strip().lower()
    if level in ("none", "auto"):
        return Reasoning("none" if level == "none" else "auto")
    if level and level != _UNSPECIFIED:
        return Reasoning("level", level=level)
    budget = integer(get(config, "thinkingBudget"))
    if budget is not None:
        return _budget(budget)
    return Reasoning("auto") if get(config, "includeThoughts") is True else Reasoning()


def _budget(budget: int) -> Reasoning:
    if budget > 0:
        return Reasoning("budget", budget=budget)
    return Reasoning("none") if budget == 0 else Reasoning("auto") if budget == -1 else Reasoning()


def _output(config: Mapping[str, Any]) -> Output:
    image = obj(get(config, "imageConfig"))
    return Output(
        format=_format(config),
        modalities=tuple(word.lower() for word in map(text, items(get(config, "responseModalities"))) if word),
        aspect_ratio=text(get(image, "aspectRatio")),
        image_size=text(get(image, "imageSize")),
    )


def _format(config: Mapping[str, Any]) -> ResponseFormat | None:
    schema = get(config, "responseJsonSchema")
    if not isinstance(schema, dict):
        schema = lower_types(get(config, "responseSchema"))
    if isinstance(schema, dict):
        return ResponseFormat("json_schema", schema=schema)
    return ResponseFormat("json_object") if get(config, "responseMimeType") == "application/json" else None
