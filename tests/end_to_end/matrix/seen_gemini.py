"""Reading generateContent requests, whichever spelling their fields have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from end_to_end.matrix.seen import Answered, Seen, limits, runs
from upstream.refusals.shapes import fields

_CHOICES = {"ANY": "required"}


def read(body: Mapping[str, Any]) -> Seen:
    """What a request says."""
    top = fields(body)
    config = fields(top.get("generationConfig"))
    roles = {"user": "user", "model": "assistant"}
    parts = [(roles[content["role"]], fields(part)) for content in top["contents"] for part in content["parts"]]
    texts = [(role, "" if part.get("thought") else part.get("text", "")) for role, part in parts]
    blobs = [fields(part["inlineData"]) for _, part in parts if "inlineData" in part]
    declared = [fields(item) for tool in top.get("tools", []) for item in fields(tool).get("functionDeclarations", [])]
    return Seen(
        "".join(part["text"] for part in fields(top.get("systemInstruction")).get("parts", [])), runs(texts),
        _answered([part for _, part in parts]), tuple((blob["mimeType"], blob["data"]) for blob in blobs),
        {item["name"]: item.get("parametersJsonSchema", item.get("parameters")) for item in declared},
        _choice(fields(top.get("toolConfig"))), fields(config.get("thinkingConfig")) or None,
        config.get("responseJsonSchema"), limits(config, "maxOutputTokens", "temperature", "stopSequences"),
    )  # fmt: skip


def _answered(parts: list[dict[str, Any]]) -> tuple[Answered, ...]:
    """Responses belong to calls by id, and without ids by their order among those of one name."""
    responses = [part["functionResponse"] for part in parts if "functionResponse" in part]
    found = []
    for call in (part["functionCall"] for part in parts if "functionCall" in part):
        same = [r for r in responses if r["name"] == call["name"] and r.get("id", call.get("id")) == call.get("id")]
        responses.remove(same[0])
        result = same[0]["response"].get("result", same[0]["response"])
        text = result if isinstance(result, str) else json.dumps(result)
        found.append(Answered(call["name"], call.get("args", {}), text))
    return tuple(found)


def _choice(config: Mapping[str, Any]) -> str:
    calling = fields(config.get("functionCallingConfig"))
    mode = str(calling.get("mode", "AUTO"))
    (name,) = calling.get("allowedFunctionNames") or [""]
    return name or _CHOICES.get(mode, mode.lower())
