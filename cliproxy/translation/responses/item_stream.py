"""The item events of a Responses stream, one item after the other (translation.md 3.7).

Upstreams differ: pieces come as deltas, only in ``done`` events, or both; ``added`` events or indexes are missing;
items interleave. Each piece is said once; an item whose turn has not come is kept back until the one before it is
complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cliproxy.translation.builder import AnswerBuilder
from cliproxy.translation.function_names import ToolNames
from cliproxy.translation.reading import obj, objects, text
from cliproxy.translation.responses.answer_items import (
    CALLS,
    arguments_of,
    begin_call,
    part_text,
    read_item,
    read_message,
    read_other,
    read_reasoning,
    sign,
)

Event = Mapping[str, Any]


class _Slot:
    """One output item. ``idle``: it may be left for another, nothing of it is half said."""

    __slots__ = ("begun", "call_id", "done", "family", "idle", "part", "pieces", "said", "waiting")

    def __init__(self, family: str) -> None:
        self.family = family
        self.call_id = ""
        self.begun = False
        """The call has been announced."""
        self.done = False
        self.idle = True
        self.part = 0
        """Number of the content or summary part, where events do not say it."""
        self.said: set[Any] = set()
        """Indexes of the parts of which something has been said."""
        self.pieces: list[str] = []
        """Argument text of a call without a name."""
        self.waiting: list[tuple[str, Event]] = []

    def index(self, event: Event, key: str) -> int:
        """Which part an event is about."""
        found = event.get(key)
        return found if isinstance(found, int) else self.part


class ItemStream:
    """Drives ``builder`` with the events of all items of one answer."""

    def __init__(self, builder: AnswerBuilder, names: ToolNames) -> None:
        self._builder, self._names = builder, names
        self._current: _Slot | None = None
        self._slots: list[_Slot] = []
        self._by_key: dict[int | str, _Slot] = {}

    def __repr__(self) -> str:
        return f"<ItemStream {len(self._slots)} items>"

    def feed(self, kind: str, event: Event) -> bool:
        """One event; False when it is not about an item."""
        family = _FAMILIES.get(kind)
        if family is None:
            return False
        slot = self._slot(kind, event, family)
        current = self._current
        if slot is current and not slot.waiting:
            self._handle(slot, kind, event)
        else:
            slot.waiting.append((kind, event))
            if current is None or current is slot or current.done or current.idle:
                self._enter(slot)
        self._go_on()
        return True

    def flush(self) -> None:
        """Say what was kept back: no more events come."""
        for slot in self._slots:
            if slot.waiting:
                self._enter(slot)
        self._builder.close()

    def add_missing(self, output: Iterable[Mapping[str, Any]]) -> None:
        """Items of the finished answer that no event was about."""
        told = [slot for slot in self._slots if slot.said or slot.begun or slot.done]
        families, calls = {slot.family for slot in told}, {slot.call_id for slot in told}
        for item in output:
            family = _family_of(item)
            if family not in families or (family == _CALL and text(item.get("call_id")) not in calls):
                read_item(self._builder, self._names, item)

    def _enter(self, slot: _Slot) -> None:
        self._current = slot
        waiting, slot.waiting = slot.waiting, []
        for kind, event in waiting:
            self._handle(slot, kind, event)

    def _go_on(self) -> None:
        """The current item is complete: the next one that has something to say may."""
        while self._current is not None and self._current.done:
            following = next((slot for slot in self._slots if slot.waiting), None)
            if following is None:
                return
            self._enter(following)

    def _slot(self, kind: str, event: Event, family: str) -> _Slot:
        """The item that an event is about, by index, else by id, else the current one; maybe a new one."""
        index, item = event.get("output_index"), event.get("item")
        known = self._by_key.get(index) if isinstance(index, int) else None
        if known is not None and known.family == family and not item:  # nearly always
            return known
        item = obj(item)
        call_id = text(item.get("call_id"))
        name = text(event.get("item_id")) or text(item.get("id")) or call_id
        slot = known or self._by_key.get(name) or (None if isinstance(index, int) else self._unfinished())
        family = _item_family(item, event, family, slot)
        if slot is None or _is_another(slot, kind, family, call_id):
            slot = _Slot(family)
            self._slots.append(slot)
            self._by_key.pop(name, None)
        if isinstance(index, int):
            self._by_key[index] = slot
        if name:
            self._by_key.setdefault(name, slot)
        slot.call_id = slot.call_id or call_id
        return slot

    def _unfinished(self) -> _Slot | None:
        return None if self._current is None or self._current.done else self._current

    def _handle(self, slot: _Slot, kind: str, event: Event) -> None:
        if not slot.done:
            _HANDLERS[kind](self, slot, event)

    def _added(self, slot: _Slot, event: Event) -> None:
        item = obj(event.get("item"))
        if slot.family == _CALL and not slot.begun:
            slot.begun = begin_call(self._builder, self._names, item)
            slot.idle = False

    def _part_added(self, slot: _Slot, event: Event) -> None:
        slot.part += 1
        if slot.family == _MESSAGE:
            self._builder.close()

    def _text(self, slot: _Slot, event: Event) -> None:
        delta = event.get("delta")
        if isinstance(delta, str):
            self._say(slot, slot.index(event, "content_index"), delta)

    def _say(self, slot: _Slot, index: int, piece: str) -> None:
        if index not in slot.said:
            slot.said.add(index)
            self._builder.close()
        slot.idle = False
        self._builder.text(piece)

    def _text_done(self, slot: _Slot, event: Event) -> None:
        index, whole = slot.index(event, "content_index"), part_text(event)
        if whole and index not in slot.said:
            self._say(slot, index, whole)
        slot.idle = True

    def _part_done(self, slot: _Slot, event: Event) -> None:
        if slot.family != _MESSAGE:
            return
        index, part = slot.index(event, "content_index"), obj(event.get("part"))
        whole = part_text(part)
        if whole and index not in slot.said:
            self._say(slot, index, whole)
        if ("cited", index) not in slot.said and self._builder.is_open("text"):
            for annotation in objects(part.get("annotations")):
                self._builder.citation(annotation)
        self._builder.close()
        slot.idle = True

    def _annotation(self, slot: _Slot, event: Event) -> None:
        annotation = event.get("annotation")
        if isinstance(annotation, dict) and self._builder.is_open("text"):
            self._builder.citation(annotation)
            slot.said.add(("cited", slot.index(event, "content_index")))

    def _summary(self, slot: _Slot, event: Event) -> None:
        self._think(slot, slot.index(event, "summary_index"), text(event.get("delta")), summary=True)

    def _summary_part_added(self, slot: _Slot, event: Event) -> None:
        slot.part += 1

    def _summary_done(self, slot: _Slot, event: Event) -> None:
        """The part stays open: the item's end brings its signature."""
        index = slot.index(event, "summary_index")
        if index not in slot.said:
            self._think(slot, index, text(event.get("text")) or part_text(obj(event.get("part"))), summary=True)
        slot.idle = True

    def _reasoning(self, slot: _Slot, event: Event) -> None:
        if all(isinstance(index, tuple) for index in slot.said):  # summaries say it better
            self._think(slot, ("raw", slot.index(event, "content_index")), text(event.get("delta")), summary=False)

    def _reasoning_done(self, slot: _Slot, event: Event) -> None:
        if not slot.said:
            self._think(slot, ("raw", slot.index(event, "content_index")), text(event.get("text")), summary=False)
        slot.idle = True

    def _think(self, slot: _Slot, index: Any, piece: str, *, summary: bool) -> None:
        if not piece:
            return
        if index not in slot.said or not self._builder.is_open("thinking"):
            slot.said.add(index)
            self._builder.open_thinking(summary=summary)
        slot.idle = False
        self._builder.thinking(piece)

    def _arguments(self, slot: _Slot, event: Event) -> None:
        piece = text(event.get("delta"))
        if not slot.begun:
            slot.pieces.append(piece)
        elif piece:
            slot.said.add(0)
            self._builder.arguments(piece)

    def _arguments_done(self, slot: _Slot, event: Event) -> None:
        if not slot.said and not slot.pieces:
            self._arguments(slot, {"delta": arguments_of(event)})
        slot.idle = bool(slot.said)

    def _ignored(self, slot: _Slot, event: Event) -> None:
        """Free text of a custom call: it is taken whole, from the item."""

    def _done(self, slot: _Slot, event: Event) -> None:
        item = obj(event.get("item"))
        if slot.family == _CALL:
            self._call_done(slot, item)
        elif slot.family == _REASONING:
            self._reasoning_item_done(slot, item)
        elif slot.family != _MESSAGE:
            read_other(self._builder, item)
        elif not slot.said:
            read_message(self._builder, item)
        self._builder.close()
        slot.done = True

    def _call_done(self, slot: _Slot, item: Mapping[str, Any]) -> None:
        if not slot.begun and not begin_call(self._builder, self._names, item):
            return
        if not slot.said:
            self._builder.arguments(arguments_of(item) or "".join(slot.pieces))

    def _reasoning_item_done(self, slot: _Slot, item: Mapping[str, Any]) -> None:
        if slot.said:
            sign(self._builder, item)
        else:
            read_reasoning(self._builder, item)


_MESSAGE, _REASONING, _CALL, _OTHER = "message", "reasoning", "call", "other"
_Handler = Callable[[ItemStream, _Slot, Event], None]
_EVENTS: dict[str, tuple[str, _Handler]] = {
    "response.output_text.delta": (_MESSAGE, ItemStream._text),
    "response.reasoning_summary_text.delta": (_REASONING, ItemStream._summary),
    "response.function_call_arguments.delta": (_CALL, ItemStream._arguments),
    "response.output_item.added": (_OTHER, ItemStream._added),
    "response.output_item.done": (_OTHER, ItemStream._done),
    "response.content_part.added": (_MESSAGE, ItemStream._part_added),
    "response.content_part.done": (_MESSAGE, ItemStream._part_done),
    "response.output_text.done": (_MESSAGE, ItemStream._text_done),
    "response.output_text.annotation.added": (_MESSAGE, ItemStream._annotation),
    "response.refusal.delta": (_MESSAGE, ItemStream._text),
    "response.refusal.done": (_MESSAGE, ItemStream._text_done),
    "response.reasoning_summary_part.added": (_REASONING, ItemStream._summary_part_added),
    "response.reasoning_summary_part.done": (_REASONING, ItemStream._summary_done),
    "response.reasoning_summary_text.done": (_REASONING, ItemStream._summary_done),
    "response.reasoning_text.delta": (_REASONING, ItemStream._reasoning),
    "response.reasoning_text.done": (_REASONING, ItemStream._reasoning_done),
    "response.function_call_arguments.done": (_CALL, ItemStream._arguments_done),
    "response.custom_tool_call_input.delta": (_CALL, ItemStream._ignored),
    "response.custom_tool_call_input.done": (_CALL, ItemStream._ignored),
}
_FAMILIES = {kind: family for kind, (family, _) in _EVENTS.items()}
_HANDLERS = {kind: handler for kind, (_, handler) in _EVENTS.items()}


def _family_of(item: Mapping[str, Any]) -> str:
    kind = item.get("type")
    if kind in CALLS:
        return _CALL
    return kind if kind in (_MESSAGE, _REASONING) else _OTHER


def _item_family(item: Mapping[str, Any], event: Event, family: str, slot: _Slot | None) -> str:
    """What kind of item an event is about; ``family`` is what its name says."""
    if item:
        return _family_of(item)
    if family == _OTHER:
        return slot.family if slot is not None else _OTHER
    return _REASONING if obj(event.get("part")).get("type") == "reasoning_text" else family


def _is_another(slot: _Slot, kind: str, family: str, call_id: str) -> bool:
    """True when an event cannot be about this item, though it names it: some upstreams number all items 0."""
    if slot.family != family:
        return True
    if kind == "response.output_item.added" and (slot.done or slot.begun):
        return not call_id or call_id != slot.call_id
    return bool(call_id and slot.call_id) and call_id != slot.call_id
