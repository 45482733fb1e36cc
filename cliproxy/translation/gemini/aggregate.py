"""The chunks of an Antigravity stream as one whole answer (providers.md 16.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cliproxy.translation.edits import put
from cliproxy.translation.gemini.spelling import get, spelled
from cliproxy.translation.gemini.trees import renamed
from cliproxy.translation.parsing import exact_object
from cliproxy.translation.reading import obj, objects, text

_NO_USAGE = {"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0}


def aggregate(payloads: Iterable[bytes]) -> dict[str, Any]:
    """One wrapped response from the data of all events; the upstream's error object if it sent one."""
    collected = _Collected()
    for payload in payloads:
        chunk = exact_object(payload)
        if chunk is None:
            continue
        if chunk.get("error"):
            return {"error": chunk["error"]}
        collected.add(chunk)
    return collected.whole()


class _Parts:
    """Parts of one answer, neighbouring texts and neighbouring thoughts joined."""

    def __init__(self) -> None:
        self._parts: list[Mapping[str, Any]] = []
        self._is_thought = False
        self._texts: list[str] = []
        self._signature = ""

    def add(self, part: Mapping[str, Any]) -> None:
        """The next part of the stream."""
        has_data = get(part, "functionCall") is not None or get(part, "inlineData") is not None
        is_thought = part.get("thought") is True
        if has_data or not (is_thought or "text" in part):
            self._flush()
            self._parts.append(_camel(part))
            return
        if is_thought != self._is_thought:
            self._flush()
            self._is_thought = is_thought
        self._texts.append(text(part.get("text")))
        if is_thought:
            self._signature = text(get(part, "thoughtSignature")) or self._signature

    def all(self) -> list[Mapping[str, Any]]:
        """What has been collected."""
        self._flush()
        return self._parts

    def _flush(self) -> None:
        """Blank texts go; a signed thought may be blank."""
        joined, signature = "".join(self._texts), self._signature
        self._texts, self._signature = [], ""
        if not joined.strip() and not signature:
            return
        part: dict[str, Any] = {"thought": True, "text": joined} if self._is_thought else {"text": joined}
        self._parts.append(part | ({"thoughtSignature": signature} if signature else {}))


class _Collected:
    """The last of each field, and all parts."""

    def __init__(self) -> None:
        self._template: Mapping[str, Any] = {}
        self._parts = _Parts()
        self._last: dict[str, str] = {}
        self._usage: Any = _NO_USAGE

    def add(self, chunk: Mapping[str, Any]) -> None:
        """One chunk, wrapped or not."""
        inner = chunk.get("response")
        node = inner if isinstance(inner, dict) else chunk if "candidates" in chunk else None
        self._note("traceId", chunk)
        if node is None:
            return
        self._template = node
        candidate = next(iter(objects(node.get("candidates"))), {})
        content = obj(candidate.get("content"))
        self._note("role", content)
        self._note("finishReason", candidate)
        self._note("modelVersion", node)
        self._note("responseId", node)
        self._usage = get(node, "usageMetadata") or get(chunk, "usageMetadata") or self._usage
        for part in objects(content.get("parts")):
            self._parts.add(part)

    def whole(self) -> dict[str, Any]:
        """The wrapped response."""
        candidates = objects(self._template.get("candidates"))
        first = dict(candidates[0]) if candidates else {}
        first["content"] = {"role": self._last.get("role", "model"), "parts": self._parts.all()}
        if "finishReason" in self._last:
            first["finishReason"] = self._last["finishReason"]
        response = dict(self._template) | {"candidates": [first, *candidates[1:]], "usageMetadata": self._usage}
        for key in ("modelVersion", "responseId"):
            if key in self._last:
                response = put(response, (key,), self._last[key])
        return {"response": response, "traceId": self._last.get("traceId", "")}

    def _note(self, key: str, node: Mapping[str, Any]) -> None:
        if found := text(node.get(key)):
            self._last[key] = found


def _camel(part: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part with the spelling of the public API."""
    for name in ("thoughtSignature", "inlineData"):
        key = spelled(part, name)
        if key is not None and key != name:
            part = renamed(dict(part), key, name)
    return part
