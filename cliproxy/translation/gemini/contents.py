"""The ``contents`` of a generateContent request (translation.md 2.5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cliproxy.translation import exactjson, ids
from cliproxy.translation.arguments import as_object
from cliproxy.translation.formats import OPENAI
from cliproxy.translation.function_names import ToolNames
from cliproxy.translation.gemini.signing import Signing
from cliproxy.translation.media import mime_of_filename, standard_base64
from cliproxy.translation.model import (
    Conversation,
    File,
    Image,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from cliproxy.translation.pairing import BEGIN, NO_RESULT, paired
from cliproxy.translation.signatures import SKIP_SIGNATURE


class ContentWriter:
    """Writes the contents of one request; ``with_ids``: calls and results carry the ids of the client."""

    def __init__(self, conversation: Conversation, names: ToolNames, signing: Signing, *, with_ids: bool) -> None:
        self._conversation = conversation
        self._names = names
        self._signing = signing
        self._with_ids = with_ids

    def contents(self) -> list[dict[str, Any]]:
        """One content per turn; after each one with calls a content with their results. The first is the user's."""
        contents = list(self._contents())
        if contents and contents[0]["role"] == "model":
            contents.insert(0, {"role": "user", "parts": [{"text": BEGIN}]})
        return contents

    def _contents(self) -> Iterator[dict[str, Any]]:
        calls: list[ToolCall] = []
        for turn in answered_turns(self._conversation):
            if turn.role == "tool":
                parts = list(self._results(calls, turn))
            elif turn.role == "assistant":
                calls = [part for part in turn.parts if isinstance(part, ToolCall)]
                parts = self._model(turn)
            else:
                parts = [shape for part in turn.parts if (shape := self._part(part)) is not None]
            if parts:
                yield {"role": "model" if turn.role == "assistant" else "user", "parts": parts}

    def _model(self, turn: Turn) -> list[dict[str, Any]]:
        """What the model said; thoughts come first (4.5)."""
        self._signing.turn()
        parts = [shape for part in turn.parts if (shape := self._part(part)) is not None]
        return sorted(parts, key=lambda part: "thought" not in part)

    def _part(self, part: Part) -> dict[str, Any] | None:
        if isinstance(part, Text):
            return {"text": part.text}
        if isinstance(part, Thinking):
            return self._signing.thought(part)
        if isinstance(part, ToolCall):
            return self._call(part)
        if isinstance(part, Image | File):
            shape = inline_data(part)
            if shape is not None and isinstance(part, Image) and self._conversation.source == OPENAI:
                shape["thoughtSignature"] = SKIP_SIGNATURE
            return shape
        return None

    def _call(self, call: ToolCall) -> dict[str, Any]:
        function: dict[str, Any] = {"name": self._names.wire(call.name, call.namespace), "args": arguments_of(call)}
        if self._with_ids:
            function["id"] = call.id
        return {"functionCall": function, "thoughtSignature": self._signing.call()}

    def _results(self, calls: Sequence[ToolCall], turn: Turn) -> Iterator[dict[str, Any]]:
        """A response per call, then the pictures and files of the results."""
        results = [part for part in turn.parts if isinstance(part, ToolResult)]
        for call, result in zip(calls, results, strict=True):
            response: dict[str, Any] = {
                "name": self._names.wire(call.name, call.namespace),
                "response": {"result": {} if _is_missing(result) else result_value(result)},
            }
            if self._with_ids:
                response["id"] = call.id
            yield {"functionResponse": response}
        for result in results:
            for part in result.content:
                if isinstance(part, Image | File) and (shape := inline_data(part)) is not None:
                    yield shape


def answered_turns(conversation: Conversation) -> list[Turn]:
    """The turns with each call answered directly after it, except when nothing has followed the last calls yet."""
    given = [turn for turn in conversation.turns if turn.parts]
    return paired(given if conversation.source == OPENAI else list(_with_calls(given)), prefix="call_")


def _with_calls(turns: Sequence[Turn]) -> Iterator[Turn]:
    """Results whose call the client has forgotten get it back: the API refuses one without the other.

    Its name is the one in the id, if we made that (translation.md 4.6), else the id itself. Chat clients' results
    without a call are dropped instead (4.12).
    """
    known = {part.id for turn in turns for part in turn.parts if isinstance(part, ToolCall)}
    for turn in turns:
        if turn.role == "tool":
            lost = [part.call_id for part in turn.parts if isinstance(part, ToolResult) and part.call_id not in known]
            if calls := [ToolCall(call_id, ids.name_in_tool_id(call_id) or call_id) for call_id in lost if call_id]:
                yield Turn("assistant", tuple(calls))
        yield turn


def _is_missing(result: ToolResult) -> bool:
    return result.is_error and result.content == (Text(NO_RESULT),)


def arguments_of(call: ToolCall) -> dict[str, Any]:
    """The arguments as an object; what is none goes under ``params``, the text of a custom tool under ``input``."""
    if call.custom:
        return {"input": call.arguments}
    if not call.arguments.strip():
        return {}
    found = as_object(call.arguments)
    return {"params": call.arguments} if found is None else found


def result_value(result: ToolResult) -> Any:
    """What the function returned: JSON where the text is an object or array, else the text; of several texts a list."""
    if result.raw is not None:
        return result.raw
    values = [_value(part.text) for part in result.content if isinstance(part, Text)]
    return values[0] if len(values) == 1 else values or ""


def _value(text: str) -> Any:
    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        return exactjson.loads(text)
    except ValueError:
        return text


def inline_data(part: Image | File) -> dict[str, Any] | None:
    """Media with its data inside; None for an address or an uploaded file's id, and for an unknown type."""
    mime = part.mime or ("image/png" if isinstance(part, Image) else mime_of_filename(part.filename))
    if not part.data or not mime:
        return None
    return {"inlineData": {"mimeType": mime, "data": standard_base64(part.data)}}


def texts(parts: Iterable[Text]) -> list[dict[str, Any]]:
    """Text parts of a system instruction."""
    return [{"text": part.text} for part in parts if part.text]
