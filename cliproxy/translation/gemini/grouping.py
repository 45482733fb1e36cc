"""Function responses brought together behind their calls, in a body of Gemini's own form (translation.md 4.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cliproxy.translation.edits import put
from cliproxy.translation.gemini.spelling import get
from cliproxy.translation.reading import objects, text


@dataclass(slots=True, eq=False)
class _Said:
    """A call or a response: the number of its content, and its part; ``partner`` once it has found its other half."""

    content: int
    part: Mapping[str, Any]
    is_call: bool
    id: str
    name: str
    partner: _Said | None = None


def grouped(contents: list[Any]) -> list[Any]:
    """Each content with calls followed by one with the responses to them that exist, in the order of the calls.

    What else stood beside responses follows as a content of its own; responses to no call are left out, the API
    refuses them. Contents that were right stay the same objects.
    """
    said = [found for number, content in enumerate(contents) for found in _said(number, content)]
    if all(found.is_call for found in said):
        return contents
    for key in (lambda one: one.id, lambda one: one.name, lambda _: "any"):
        _pair(said, key)
    groups: dict[int, list[Mapping[str, Any]]] = {}
    for found in said:
        if found.is_call and found.partner is not None:
            groups.setdefault(found.content, []).append(found.partner.part)
    return list(_laid_out(contents, groups))


def _said(number: int, content: Any) -> list[_Said]:
    """The responses of one content, then its calls: those are not answered by the same content."""
    parts = objects(content.get("parts")) if isinstance(content, dict) else []
    found = []
    for field in ("functionResponse", "functionCall"):
        for part in parts:
            inner = get(part, field)
            if isinstance(inner, dict):
                is_call = field == "functionCall"
                found.append(_Said(number, part, is_call, text(inner.get("id")), text(inner.get("name"))))
    return found


def _pair(said: Sequence[_Said], key: Callable[[_Said], str]) -> None:
    """Join each response with a call before it that has the same key: of the nearest content, there the first."""
    waiting: dict[str, list[_Said]] = {}
    for one in said:
        if one.partner is not None or not key(one):
            continue
        same = waiting.setdefault(key(one), [])
        if one.is_call:
            same.append(one)
        elif same:
            index = len(same) - 1
            while index and same[index - 1].content == same[-1].content:
                index -= 1
            call = same.pop(index)
            one.partner, call.partner = call, one


def _laid_out(contents: list[Any], groups: dict[int, list[Mapping[str, Any]]]) -> Iterator[Any]:
    for number, content in enumerate(contents):
        rest = _without_responses(content)
        group = groups.get(number)
        if rest is content or (rest and group is not None):
            yield rest
        elif rest:
            yield rest if rest.get("role") == "model" else put(rest, ("role",), "user")
        if group is not None:
            following = contents[number + 1]
            yield following if _is_exactly(following, group) else {"role": "user", "parts": group}


def _is_exactly(content: Any, group: list[Mapping[str, Any]]) -> bool:
    parts = content.get("parts") if isinstance(content, dict) else None
    if not isinstance(parts, list) or len(parts) != len(group):
        return False
    return all(a is b for a, b in zip(parts, group, strict=True))


def _without_responses(content: Any) -> Any:
    """The content's other parts; empty when there are none."""
    parts = content.get("parts") if isinstance(content, dict) else None
    if not isinstance(parts, list):
        return content
    kept = [part for part in parts if not (isinstance(part, dict) and get(part, "functionResponse") is not None)]
    if len(kept) == len(parts):
        return content
    return put(content, ("parts",), kept) if kept else {}
