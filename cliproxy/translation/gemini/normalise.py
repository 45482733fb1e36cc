"""What a Gemini request needs before a Gemini upstream takes it (translation.md 4.2); the rest keeps its bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cliproxy.translation import rawjson

SKIP_SIGNATURE = "skip_thought_signature_validator"
"""The documented stand-in for a signature that is not known."""

_REAL_SIGNATURE = 50
_SAFETY = [
    {"category": f"HARM_CATEGORY_{name}", "threshold": threshold}
    for name, threshold in (
        ("HARASSMENT", "OFF"), ("HATE_SPEECH", "OFF"), ("SEXUALLY_EXPLICIT", "OFF"), ("DANGEROUS_CONTENT", "OFF"),
        ("CIVIC_INTEGRITY", "BLOCK_NONE"),
    )
]  # fmt: skip


def normalise(root: rawjson.RawObject, body: Mapping[str, Any]) -> None:
    """Apply the six rules to ``root``; ``body`` is the same request parsed."""
    if isinstance(body.get("contents"), list):
        _tools(root, body)
        _contents(root, body["contents"])
        config = root.object("generationConfig")
        if config is not None and "responseSchema" in config:
            config.rename("responseSchema", "responseJsonSchema")
    if "safetySettings" not in body and "safety_settings" not in body:
        root.set_value("safetySettings", _SAFETY)


def _tools(root: rawjson.RawObject, body: Mapping[str, Any]) -> None:
    tools = body.get("tools")
    if not isinstance(tools, list):
        return
    if not any(isinstance(tool, dict) and "functionDeclarations" in tool for tool in tools):
        return
    opened = root.array("tools")
    for index in range(len(opened) if opened else 0):
        tool = opened.object(index) if opened else None
        if tool is None or "functionDeclarations" not in tool:
            continue
        declarations = tool.array("functionDeclarations")
        for number in range(len(declarations) if declarations else 0):
            declaration = declarations.object(number) if declarations else None
            if declaration is not None:
                declaration.rename("parameters", "parametersJsonSchema")
        tool.rename("functionDeclarations", "function_declarations")


def _contents(root: rawjson.RawObject, contents: Sequence[Any]) -> None:
    roles = _roles(contents)
    opened = None
    for index, (content, role) in enumerate(zip(contents, roles, strict=True)):
        if not isinstance(content, dict):
            continue
        parts = _unsigned(content) if role == "model" else []
        if content.get("role") == role and not parts:
            continue
        opened = opened or root.array("contents")
        item = opened.object(index) if opened is not None else None
        if item is None:
            continue
        if content.get("role") != role:
            item.set_value("role", role)
        listed = item.array("parts")
        for number in parts:
            part = listed.object(number) if listed is not None else None
            if part is not None:
                part.set_value("thoughtSignature", SKIP_SIGNATURE)


def _roles(contents: Sequence[Any]) -> list[str]:
    """The role of each content: a wrong or missing one becomes the opposite of the one before, the first ``user``."""
    roles: list[str] = []
    for content in contents:
        role = content.get("role") if isinstance(content, dict) else None
        if role not in ("user", "model"):
            role = "model" if roles and roles[-1] == "user" else "user"
        roles.append(str(role))
    return roles


def _unsigned(content: Mapping[str, Any]) -> list[int]:
    """Parts of a model content that need the stand-in: calls, else signed parts, without a real signature."""
    parts = content.get("parts")
    if not isinstance(parts, list):
        return []
    found = []
    for number, part in enumerate(parts):
        if isinstance(part, dict) and ("functionCall" in part or "thoughtSignature" in part):
            signature = part.get("thoughtSignature")
            if not (isinstance(signature, str) and len(signature) >= _REAL_SIGNATURE):
                found.append(number)
    return found
