"""What a Gemini generateContent upstream refuses (clients.md 2, client-api.md 17.1).

Every field may be spelled in camelCase or in snake_case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from upstream.content import SIGNATURE
from upstream.refusals.gemini_schema import schema_reasons
from upstream.refusals.shapes import Reasons, fields, is_any_base64, is_text, objects, repeated, strangers

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")
_STAND_INS = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
_TOP = frozenset((
    "model", "contents", "systemInstruction", "tools", "toolConfig", "safetySettings", "generationConfig",
    "cachedContent", "labels", "serviceTier", "store",
))  # fmt: skip
_CONFIG = frozenset((
    "temperature", "topP", "topK", "maxOutputTokens", "candidateCount", "stopSequences", "seed", "presencePenalty",
    "frequencyPenalty", "responseLogprobs", "logprobs", "responseMimeType", "responseSchema", "responseJsonSchema",
    "responseModalities", "imageConfig", "mediaResolution", "speechConfig", "thinkingConfig", "audioTimestamp",
    "enableEnhancedCivicAnswers", "routingConfig",
))  # fmt: skip
_DATA = frozenset((
    "text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult",
))  # fmt: skip
_PART = _DATA | {"thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata"}
_TOOL = frozenset((
    "functionDeclarations", "googleSearch", "googleSearchRetrieval", "codeExecution", "urlContext", "computerUse",
    "googleMaps", "fileSearch", "enterpriseWebSearch", "retrieval",
))  # fmt: skip
_DECLARATION = frozenset((
    "name", "description", "behavior", "parameters", "parametersJsonSchema", "response", "responseJsonSchema",
))  # fmt: skip
_CALLING = frozenset(("mode", "allowedFunctionNames", "streamFunctionCallArguments"))
_LEVELS = frozenset(("minimal", "low", "medium", "high", "xhigh"))


def reasons(request: Mapping[str, Any], model: str) -> Reasons:
    """Every fault of a request for content from ``model``."""
    body = fields(request)
    yield from strangers(body, _TOP, "body")
    yield from _contents(body.get("contents"))
    if model.startswith("gemini-3"):
        yield from _unsigned(objects(body.get("contents")))
    yield from _system(body.get("systemInstruction"))
    yield from _tools(body)
    yield from _config(body.get("generationConfig"))
    for setting in objects(body.get("safetySettings")):
        yield from strangers(setting, ("category", "threshold", "method"), "safetySettings")


def count_reasons(request: Mapping[str, Any], model: str) -> Reasons:
    """Every fault of a request whose tokens are to be counted."""
    body = fields(request)
    yield from strangers(body, ("model", "contents", "generateContentRequest"), "body")
    if "generateContentRequest" in body:
        yield from reasons(body["generateContentRequest"], model)
    else:
        yield from _contents(body.get("contents"))


def _contents(contents: object) -> Reasons:
    turns = objects(contents)
    if not isinstance(contents, list) or not contents or len(turns) != len(contents):
        yield "contents: not a list of at least one content"
    for index, content in enumerate(turns):
        yield from _content(content, f"contents[{index}]")
    if turns and turns[0].get("role", "user") != "user":
        yield f"the first content is of {turns[0].get('role')!r}"
    yield from _pairs(turns)


def _content(content: Mapping[str, Any], where: str) -> Reasons:
    yield from strangers(content, ("role", "parts"), where)
    if content.get("role", "user") not in ("user", "model"):
        yield f"{where}: role {content.get('role')!r}"
    parts = content.get("parts")
    if not isinstance(parts, list) or not parts or len(objects(parts)) != len(parts):
        yield f"{where}: not a list of at least one part"
    for number, part in enumerate(objects(parts)):
        yield from _part(fields(part), f"{where}.parts[{number}]")


def _part(part: Mapping[str, Any], where: str) -> Reasons:
    yield from strangers(part, _PART, where)
    data = [name for name in part if name in _DATA]
    if len(data) != 1:
        yield f"{where}: {data} where one data field belongs"
    if "text" in part and not isinstance(part["text"], str):
        yield f"{where}: text is no text"
    signature = part.get("thoughtSignature")
    if signature is not None and not _is_own(signature):
        yield f"{where}: corrupted thoughtSignature {signature!r}"
    if "inlineData" in part:
        blob = fields(part["inlineData"])
        if not is_any_base64(blob.get("data")) or not is_text(blob.get("mimeType")):
            yield f"{where}: inlineData {str(blob)[:80]}"
    for name, inside in (("functionCall", "args"), ("functionResponse", "response")):
        if name in part:
            yield from _function(fields(part[name]), inside, f"{where}.{name}")


def _is_own(signature: object) -> bool:
    if not isinstance(signature, str):
        return False
    standard = signature.replace("-", "+").replace("_", "/")
    return signature in _STAND_INS or standard.rstrip("=") == SIGNATURE.rstrip("=")


def _function(said: Mapping[str, Any], inside: str, where: str) -> Reasons:
    yield from strangers(said, ("id", "name", inside, "willContinue", "scheduling", "parts"), where)
    if not isinstance(said.get("name"), str) or not _NAME.fullmatch(said["name"]):
        yield f"{where}: name {said.get('name')!r}"
    if not isinstance(said.get(inside, {}), dict):
        yield f"{where}: {inside} is no object"


def _inside(content: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The values of one data field in the parts of a content."""
    return [fields(part[name]) for part in map(fields, objects(content.get("parts"))) if name in part]


def _pairs(contents: list[dict[str, Any]]) -> Reasons:
    """Responses come in the content after their calls, as many as calls and with the same names."""
    waiting: list[str] = []
    for index, content in enumerate(contents):
        given = sorted(str(response.get("name")) for response in _inside(content, "functionResponse"))
        if given != sorted(waiting):
            yield f"contents[{index}]: responses {given} to calls {sorted(waiting)}"
        waiting = [str(call.get("name")) for call in _inside(content, "functionCall")]


def _unsigned(contents: list[dict[str, Any]]) -> Reasons:
    """In the current turn the first call of each content needs a signature."""
    questions = [
        index
        for index, content in enumerate(contents)
        if content.get("role", "user") == "user" and not _inside(content, "functionResponse")
    ]
    for index in range(questions[-1] if questions else 0, len(contents)):
        calls = [part for part in map(fields, objects(contents[index].get("parts"))) if "functionCall" in part]
        if calls and not calls[0].get("thoughtSignature"):
            yield f"contents[{index}]: a call without thoughtSignature"


def _system(content: object) -> Reasons:
    if content is None:
        return
    parts = objects(fields(content).get("parts"))
    yield from strangers(fields(content), ("role", "parts"), "systemInstruction")
    if not parts or not all(is_text(part.get("text")) for part in parts):
        yield "systemInstruction: not a list of texts"


def _tools(body: Mapping[str, Any]) -> Reasons:
    names: list[Any] = []
    for index, tool in enumerate(objects(body.get("tools"))):
        yield from strangers(fields(tool), _TOOL, f"tools[{index}]")
        if not tool:
            yield f"tools[{index}]: empty"
        for declaration in objects(fields(tool).get("functionDeclarations")):
            names.append(declaration.get("name"))
            yield from _declaration(fields(declaration), f"tools[{index}] {names[-1]!r}")
    if repeated(names):
        yield f"declarations twice: {repeated(names)}"
    yield from _calling(fields(body.get("toolConfig")), names)


def _declaration(declaration: Mapping[str, Any], where: str) -> Reasons:
    yield from strangers(declaration, _DECLARATION, where)
    if not isinstance(declaration.get("name"), str) or not _NAME.fullmatch(declaration["name"]):
        yield f"{where}: a bad name"
    if "parameters" in declaration and "parametersJsonSchema" in declaration:
        yield f"{where}: parameters and parametersJsonSchema"
    if "parameters" in declaration:
        yield from schema_reasons(declaration["parameters"], f"{where}.parameters")
    if not isinstance(declaration.get("parametersJsonSchema", {}), dict):
        yield f"{where}: parametersJsonSchema is no object"


def _calling(config: Mapping[str, Any], names: list[Any]) -> Reasons:
    yield from strangers(config, ("functionCallingConfig", "retrievalConfig"), "toolConfig")
    calling = fields(config.get("functionCallingConfig"))
    yield from strangers(calling, _CALLING, "functionCallingConfig")
    mode = str(calling.get("mode", "AUTO")).upper()
    if mode not in ("AUTO", "ANY", "NONE", "VALIDATED"):
        yield f"functionCallingConfig: mode {mode!r}"
    if mode in ("ANY", "VALIDATED") and not names:
        yield f"functionCallingConfig: mode {mode} without declarations"
    allowed = calling.get("allowedFunctionNames")
    allowed = allowed if isinstance(allowed, list) else []
    if allowed and mode not in ("ANY", "VALIDATED"):
        yield f"functionCallingConfig: allowedFunctionNames in mode {mode}"
    if any(name not in names for name in allowed):
        yield f"functionCallingConfig: {allowed} are not all declared"


def _config(value: object) -> Reasons:
    config = fields(value)
    yield from strangers(config, _CONFIG, "generationConfig")
    thinking = fields(config.get("thinkingConfig"))
    yield from strangers(thinking, ("includeThoughts", "thinkingBudget", "thinkingLevel"), "thinkingConfig")
    if "thinkingBudget" in thinking and "thinkingLevel" in thinking:
        yield "thinkingConfig: a budget and a level"
    if "thinkingLevel" in thinking and str(thinking["thinkingLevel"]).lower() not in _LEVELS:
        yield f"thinkingConfig: level {thinking['thinkingLevel']!r}"
    if "responseSchema" in config and "responseJsonSchema" in config:
        yield "responseSchema and responseJsonSchema"
    if "responseSchema" in config:
        yield from schema_reasons(config["responseSchema"], "responseSchema")
    if {"responseSchema", "responseJsonSchema"} & config.keys() and not config.get("responseMimeType"):
        yield "a response schema without responseMimeType"
