"""Requests of one Gemini dialect as those of another, without the hub (translation.md 2.6, 2.7, 4.2-4.5).

Trees in, trees out. Only what a rule touches is copied; everything else, down to the spelling of numbers, is the
client's own object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cliproxy.translation.edits import Body, drop, put
from cliproxy.translation.formats import ANTIGRAVITY, GEMINI, GEMINI_CLI, Format
from cliproxy.translation.gemini.antigravity_schemas import for_antigravity
from cliproxy.translation.gemini.grouping import grouped
from cliproxy.translation.gemini.request_decoder import inner_request
from cliproxy.translation.gemini.request_encoder import envelope
from cliproxy.translation.gemini.safety import SAFETY_SETTINGS
from cliproxy.translation.gemini.spelling import get, snake, spelled
from cliproxy.translation.gemini.trees import changed, each, renamed
from cliproxy.translation.signatures import SHORTEST, SKIP_SIGNATURE

Change = Callable[[Body], Body]


def convert(source: Format, target: Format, body: Mapping[str, Any], model: str) -> Body:
    """The body for ``target``; ``model`` is the upstream's name.

    :raises KeyError: not two formats of this family.
    """
    return _WAYS[source, target](_tree(body), model)


def normalise(body: Mapping[str, Any]) -> Body:
    """A Gemini body as a Gemini upstream takes it: the six rules of translation.md 4.2."""
    tree = _tree(body)
    if isinstance(tree.get("contents"), list):
        tree = changed(tree, "tools", _declarations_in_snake_case)
        tree = put(tree, ("contents",), each(with_roles(tree["contents"]), _signed))
        config = tree.get("generationConfig")
        if isinstance(config, dict):
            tree = put(tree, ("generationConfig",), renamed(config, "responseSchema", "responseJsonSchema"))
    return _with_safety(tree)


def to_gemini_cli(body: Mapping[str, Any], model: str) -> Body:
    """A Gemini body in the envelope of Gemini CLI (2.6)."""
    request = _for_envelope(body)
    request = _with_json_schemas(request, "function_declarations")
    request = put(request, ("contents",), each(request["contents"], _signed))
    return envelope(_with_safety(request), model)


def to_antigravity(body: Mapping[str, Any], model: str) -> Body:
    """A Gemini body in the envelope of Antigravity, its schemas renamed and cleaned (2.7)."""
    request = for_antigravity(_for_envelope(body), model)
    if "claude" not in model:
        request = put(request, ("contents",), each(request["contents"], _signed_for_antigravity))
    return envelope(_with_safety(request), model)


def gemini_cli_to_gemini(body: Mapping[str, Any], model: str) -> Body:
    """What is in the envelope, for a Gemini upstream (4.3)."""
    request = renamed(dict(inner_request(body, GEMINI_CLI)), "systemInstruction", "system_instruction")
    request = _with_json_schemas(request, "functionDeclarations", "function_declarations")
    request = changed(request, "contents", _signed)
    return _with_safety(put(request, ("model",), model))


def gemini_cli_to_gemini_cli(body: Mapping[str, Any], model: str) -> Body:
    """The client's envelope with another model."""
    return put(_tree(body), ("model",), model)


def gemini_cli_to_antigravity(body: Mapping[str, Any], model: str) -> Body:
    """What is in the envelope, in that of Antigravity."""
    request = drop(_tree(inner_request(body, GEMINI_CLI)), ("session_id",))  # it gets one from the upstream
    return to_antigravity(request, model)


def with_roles(contents: list[Any]) -> list[Any]:
    """The contents with roles that the API knows: a wrong or missing one becomes the opposite of the one before."""
    roles: list[str] = []

    def role_of(content: Any) -> Any:
        role = content.get("role") if isinstance(content, dict) else None
        if role not in ("user", "model"):
            role = "model" if roles and roles[-1] == "user" else "user"
        roles.append(str(role))
        return put(content, ("role",), role) if isinstance(content, dict) else content

    return each(contents, role_of)


def _tree(body: Mapping[str, Any]) -> Body:
    return body if isinstance(body, dict) else dict(body)


def _with_safety(request: Body) -> Body:
    if spelled(request, "safetySettings") is not None:
        return request
    return put(request, ("safetySettings",), SAFETY_SETTINGS)


def _for_envelope(body: Mapping[str, Any]) -> Body:
    """The inner request: no model, one content of responses per content of calls, roles right."""
    request = drop(_tree(inner_request(body, GEMINI)), ("model",))
    request = renamed(request, "system_instruction", "systemInstruction")
    contents = request.get("contents")
    found = contents if isinstance(contents, list) else []
    return put(request, ("contents",), with_roles(grouped(found)))


def _declarations_in_snake_case(tool: Body) -> Body:
    if "functionDeclarations" not in tool:
        return tool
    return renamed(changed(tool, "functionDeclarations", _json_schema), "functionDeclarations", "function_declarations")


def _with_json_schemas(request: Body, *keys: str) -> Body:
    def of_tool(tool: Body) -> Body:
        for key in keys:
            tool = changed(tool, key, _json_schema)
        return tool

    return changed(request, "tools", of_tool)


def _json_schema(declaration: Body) -> Body:
    return renamed(declaration, "parameters", "parametersJsonSchema")


def _parts_of_model(content: Any, change: Change) -> Any:
    is_model = isinstance(content, dict) and content.get("role") == "model"
    return changed(content, "parts", change) if is_model else content


def _signed(content: Any) -> Any:
    """Calls, and signed parts, of the model with a real signature or the stand-in (4.2 rule 4, 2.6 rule 5)."""

    def change(part: Body) -> Body:
        wants = spelled(part, "functionCall") is not None or spelled(part, "thoughtSignature") is not None
        return _stand_in(part) if wants and not _is_signed(part) else part

    return _parts_of_model(content, change)


def _signed_for_antigravity(content: Any) -> Any:
    """Calls with a real signature or the stand-in; thoughts always with the stand-in (2.7.1)."""

    def change(part: Body) -> Body:
        unsigned_call = spelled(part, "functionCall") is not None and not _is_signed(part)
        return _stand_in(part) if unsigned_call or part.get("thought") is True else part

    return _parts_of_model(content, change)


def _is_signed(part: Body) -> bool:
    signature = get(part, "thoughtSignature")
    return isinstance(signature, str) and len(signature) >= SHORTEST


def _stand_in(part: Body) -> Body:
    return put(drop(part, (snake("thoughtSignature"),)), ("thoughtSignature",), SKIP_SIGNATURE)


_WAYS: Mapping[tuple[Format, Format], Callable[[Mapping[str, Any], str], Body]] = {
    (GEMINI, GEMINI): lambda body, _: normalise(body),  # its upstream sets the model
    (GEMINI, GEMINI_CLI): to_gemini_cli,
    (GEMINI, ANTIGRAVITY): to_antigravity,
    (GEMINI_CLI, GEMINI): gemini_cli_to_gemini,
    (GEMINI_CLI, GEMINI_CLI): gemini_cli_to_gemini_cli,
    (GEMINI_CLI, ANTIGRAVITY): gemini_cli_to_antigravity,
}
