"""Complete output items as JSON, for ``output_item.done``, the final object and whole bodies (translation.md 3.8)."""

from __future__ import annotations

from collections.abc import Sequence

from cliproxy.translation.function_names import short_call_id
from cliproxy.translation.ids import call_id, response_id
from cliproxy.translation.responses.answer_object import free_text, item_id, json_object


class ItemIds:
    """Makes the ids of one answer's items. No call id is given out twice: clients pair outputs by it."""

    def __init__(self, upstream_id: str) -> None:
        self.response = response_id(upstream_id)
        self._messages = 0
        self._calls: set[str] = set()

    def __repr__(self) -> str:
        return f"<ItemIds of {self.response}>"

    def message(self) -> str:
        """``msg_<response>_<k>``."""
        self._messages += 1
        return item_id("msg_", self.response, self._messages - 1)

    def reasoning(self, index: int) -> str:
        """``rs_<response>_<output_index>``."""
        return item_id("rs_", self.response, index)

    def image(self, index: int) -> str:
        """``ig_<response>_<output_index>``."""
        return item_id("ig_", self.response, index)

    def call(self, wanted: str) -> str:
        """The call's own id, shortened if need be, or a new one when it is missing or taken."""
        found = short_call_id(wanted)
        if not found or found in self._calls:
            found = call_id()
        self._calls.add(found)
        return found


class CallShape:
    """One tool call as an item; calls of tools that the client declared as custom carry free text."""

    __slots__ = ("_names", "call_id", "custom", "id")

    def __init__(self, call_id: str, name: str, namespace: str, *, custom: bool) -> None:
        self.call_id, self.custom = call_id, custom
        self.id = item_id("ctc_" if custom else "fc_", call_id)
        self._names = {"name": name, "namespace": namespace} if namespace else {"name": name}

    def opened(self) -> bytes:
        """The item while it is being written."""
        return self._item("in_progress", "")

    def text(self, arguments: str) -> str:
        """What the item carries: argument text, ``{}`` for none, or the free text in it."""
        return free_text(arguments) if self.custom else arguments or "{}"

    def closed(self, arguments: str) -> bytes:
        """The complete item."""
        return self._item("completed", self.text(arguments))

    def _item(self, status: str, text: str) -> bytes:
        kind, key = ("custom_tool_call", "input") if self.custom else ("function_call", "arguments")
        carried = {key: text}
        return json_object(id=self.id, type=kind, status=status, **carried, call_id=self.call_id, **self._names)


def text_part(text: str, annotations: Sequence[bytes] = ()) -> bytes:
    """An ``output_text`` part."""
    return json_object(type="output_text", annotations=b"[%b]" % b",".join(annotations), logprobs=[], text=text)


def message_item(identifier: str, part: bytes) -> bytes:
    """A message with one part."""
    return json_object(id=identifier, type="message", status="completed", content=b"[%b]" % part, role="assistant")


def reasoning_item(identifier: str, text: str, opaque: str) -> bytes:
    """A reasoning item; without text its summary is empty."""
    summary = b"[%b]" % summary_part(text) if text else b"[]"
    return json_object(id=identifier, type="reasoning", encrypted_content=opaque, summary=summary)


def summary_part(text: str) -> bytes:
    """A ``summary_text`` part."""
    return json_object(type="summary_text", text=text)


def image_item(identifier: str, data: str | None) -> bytes:
    """A generated picture, base64; None while it is being made."""
    status = "in_progress" if data is None else "completed"
    return json_object(id=identifier, type="image_generation_call", status=status, result=data)
