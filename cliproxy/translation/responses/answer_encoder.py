"""Answers for Responses clients (translation.md 3.8, client-api.md 15.2, 15.3).

Items open with the first thing that they hold and stay open while more of the same may follow: neighbouring texts are
one message, as in a whole body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cliproxy.translation import exactjson
from cliproxy.translation.codec import Exchange
from cliproxy.translation.events import (
    AnswerCall,
    AnswerPart,
    AnswerText,
    AnswerThinking,
    ArgumentsDelta,
    CitationSeen,
    End,
    Event,
    Finish,
    PartStart,
    PartStop,
    Response,
    SignatureSeen,
    Start,
    TextDelta,
    ThinkingDelta,
    Usage,
    WholePart,
)
from cliproxy.translation.formats import ANTIGRAVITY, CLAUDE, CODEX, GEMINI, GEMINI_CLI
from cliproxy.translation.model import Image, Signature
from cliproxy.translation.responses.answer_object import annotation_of, echo, json_object, members, usage_of
from cliproxy.translation.responses.output_items import (
    CallShape,
    ItemIds,
    image_item,
    message_item,
    reasoning_item,
    summary_part,
    text_part,
)
from cliproxy.translation.signatures import SKIP_SIGNATURE

_SIGNED_BY = (GEMINI, GEMINI_CLI, ANTIGRAVITY, CODEX)
"""Upstreams whose signatures the client gets, to send them back (3.9)."""
_PART_INDEX = {True: "content_index", False: "summary_index"}
"""How the events of messages and of reasoning count parts."""


class _Item:
    """The message or reasoning that is being written."""

    __slots__ = ("annotations", "head", "id", "is_message", "length", "pieces", "signature", "summary", "where")

    def __init__(self, identifier: str, index: int, *, is_message: bool) -> None:
        self.id, self.is_message = identifier, is_message
        self.where = {"item_id": identifier, "output_index": index, _PART_INDEX[is_message]: 0}
        self.pieces: list[str] = []
        self.length = 0
        self.annotations: list[bytes] = []
        self.signature = ""
        self.summary = False
        """The reasoning is one of several summaries: the next one is another item."""
        kind = b"response.output_text.delta" if is_message else b"response.reasoning_summary_text.delta"
        constant = members(**self.where, logprobs=[]) if is_message else members(**self.where)
        self.head = b'event: %b\ndata: {"type":"%b",%b,"sequence_number":' % (kind, kind, constant)

    @property
    def text(self) -> str:
        """All of it so far."""
        return "".join(self.pieces)


class ResponsesEncoder:
    """Writes one answer."""

    is_steady = False

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._custom = {(tool.namespace, tool.name) for tool in exchange.conversation.functions if tool.custom}
        self._echo = b""
        self._ids = ItemIds("")
        self._created = 0
        self._sequence = 0
        self._output: list[bytes] = []
        self._item: _Item | None = None
        self._part: PartStart | None = None
        self._call: CallShape | None = None
        self._has_arguments = False
        self._thought = 0
        """Bytes of thinking so far."""
        self._finish = Finish("stop")

    def __repr__(self) -> str:
        return f"<ResponsesEncoder {self._exchange.client_model!r}, {len(self._output)} items>"

    def events(self, events: list[Event]) -> bytes:
        """Events of the client's stream."""
        out: list[bytes] = []
        for event in events:
            if type(event) is TextDelta:
                if not event.candidate:
                    self._delta(event.text, out, is_message=True)
            elif type(event) is ThinkingDelta:
                if not event.candidate:
                    self._delta(event.text, out, is_message=False)
            else:
                self._other(event, out)
        return b"".join(out)

    def body(self, response: Response) -> bytes:
        """A ``response`` object."""
        self._begin(response.start)
        for part in response.parts:
            if (item := self._whole_item(part)) is not None:
                self._output.append(item)
        self._finish = response.finish
        return self._final(response.usage)

    def _other(self, event: Event, out: list[bytes]) -> None:
        if isinstance(event, Start):
            self._start(event, out)
        elif isinstance(event, End):
            self._emit(out, "response.completed", response=self._final(event.usage))
        elif event.candidate:
            return  # one answer is all that Responses has room for
        elif isinstance(event, ArgumentsDelta):
            self._arguments(event.text, out)
        elif isinstance(event, PartStart):
            self._part_start(event, out)
        elif isinstance(event, PartStop):
            self._part_stop(event.text, out)
        elif isinstance(event, SignatureSeen):
            self._signed(event.signature, out)
        elif isinstance(event, CitationSeen):
            self._cited(event.raw, out)
        elif isinstance(event, WholePart):
            if isinstance(event.part, Image) and event.part.data:
                self._image(event.part.data, out)
        elif isinstance(event, Finish):
            self._close(out)
            self._finish = event

    def _emit(self, out: list[bytes], kind: str, **fields: Any) -> None:
        """One event; bytes among ``fields`` are JSON already."""
        self._sequence += 1
        data = json_object(type=kind, sequence_number=self._sequence, **fields)
        out.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), data))

    def _begin(self, start: Start) -> None:
        self._ids, self._created = ItemIds(start.id), start.created
        self._echo = echo(self._exchange.request, self._exchange.client_model)

    def _start(self, start: Start, out: list[bytes]) -> None:
        self._begin(start)
        opened = b"{%b,%b}" % (self._head("in_progress", incomplete=None), self._echo + b',"output":[],"usage":null')
        self._emit(out, "response.created", response=opened)
        self._emit(out, "response.in_progress", response=opened)

    def _head(self, status: str, *, incomplete: Any) -> bytes:
        return members(
            id=self._ids.response, object="response", created_at=self._created, status=status, background=False,
            error=None, incomplete_details=incomplete,
        )  # fmt: skip

    def _final(self, usage: Usage | None) -> bytes:
        """The finished object; reasoning that Claude does not count is guessed (1.9)."""
        if usage is not None and not usage.reasoning and self._exchange.upstream == CLAUDE:
            usage = replace(usage, reasoning=min(self._thought // 4, usage.output))
        incomplete = {"reason": "max_output_tokens"} if self._finish.reason == "length" else None
        rest = members(output=b"[%b]" % b",".join(self._output), usage=usage_of(usage))
        return b"{%b,%b,%b}" % (self._head("completed", incomplete=incomplete), self._echo, rest)

    def _delta(self, text: str, out: list[bytes], *, is_message: bool) -> None:
        item = self._item
        if item is None or item.is_message is not is_message:
            item = self._open(out, is_message=is_message)
        self._sequence += 1
        item.length += len(text)
        out.append(item.head + b'%d,"delta":%b}\n\n' % (self._sequence, exactjson.dumps(text)))

    def _open(self, out: list[bytes], *, is_message: bool, signature: str = "") -> _Item:
        """A new message or reasoning; what was open before is complete."""
        self._close(out)
        index = len(self._output)
        identifier = self._ids.message() if is_message else self._ids.reasoning(index)
        item = self._item = _Item(identifier, index, is_message=is_message)
        item.signature = signature
        if is_message:
            opened = json_object(id=item.id, type="message", status="in_progress", content=[], role="assistant")
            kind, part = "response.content_part.added", text_part("")
        else:
            opened = json_object(
                id=item.id, type="reasoning", status="in_progress", encrypted_content=signature, summary=[]
            )
            kind, part = "response.reasoning_summary_part.added", summary_part("")
        self._emit(out, "response.output_item.added", output_index=index, item=opened)
        self._emit(out, kind, **item.where, part=part)
        return item

    def _close(self, out: list[bytes]) -> None:
        item, self._item = self._item, None
        if item is None:
            return
        text = item.text
        if item.is_message:
            part = text_part(text, item.annotations)
            self._emit(out, "response.output_text.done", **item.where, text=text, logprobs=[])
            self._emit(out, "response.content_part.done", **item.where, part=part)
            self._complete(message_item(item.id, part), out)
        else:
            self._thought += _size(text)
            self._emit(out, "response.reasoning_summary_text.done", **item.where, text=text)
            self._emit(out, "response.reasoning_summary_part.done", **item.where, part=summary_part(text))
            self._complete(reasoning_item(item.id, text, item.signature), out)

    def _complete(self, item: bytes, out: list[bytes]) -> None:
        self._emit(out, "response.output_item.done", output_index=len(self._output), item=item)
        self._output.append(item)

    def _part_start(self, part: PartStart, out: list[bytes]) -> None:
        self._part, item = part, self._item
        if part.kind == "tool":
            self._close(out)
            self._call, self._has_arguments = self._shape(part.id, part.name, part.namespace), False
            opened = self._call.opened()
            self._emit(out, "response.output_item.added", output_index=len(self._output), item=opened)
        elif part.kind == "thinking" and item is not None and (item.signature or item.summary):
            self._close(out)

    def _part_stop(self, text: str, out: list[bytes]) -> None:
        part, item = self._part, self._item
        if part is None:
            return
        if part.kind == "tool":
            self._call_stop(text, out)
        elif item is not None and item.is_message is (part.kind == "text"):
            item.pieces.append(text)
            item.summary = part.summary

    def _signed(self, signature: Signature, out: list[bytes]) -> None:
        shown = self._shown(signature)
        if not shown:
            return
        if self._item is None or self._item.is_message:
            self._open(out, is_message=False, signature=shown)
        else:
            self._item.signature = shown

    def _shown(self, signature: Signature | None) -> str:
        """What the client sees of a signature: that of a family which takes it back, never the stand-in."""
        if signature is None or self._exchange.upstream not in _SIGNED_BY or signature.value == SKIP_SIGNATURE:
            return ""
        return signature.value

    def _cited(self, raw: Mapping[str, Any], out: list[bytes]) -> None:
        item = self._item if self._item is not None and self._item.is_message else None
        annotation = annotation_of(raw, item.length if item else 0)
        if annotation is None:
            return
        item = item or self._open(out, is_message=True)
        found = exactjson.dumps(annotation)
        position = len(item.annotations)
        item.annotations.append(found)
        self._emit(
            out, "response.output_text.annotation.added", **item.where, annotation_index=position, annotation=found
        )

    def _shape(self, call_id: str, name: str, namespace: str) -> CallShape:
        custom = (namespace, name) in self._custom
        return CallShape(self._ids.call(call_id), name, namespace, custom=custom)

    def _arguments(self, text: str, out: list[bytes]) -> None:
        """Free text is known only when the arguments are complete."""
        call = self._call
        if call is not None and not call.custom:
            self._has_arguments = True
            self._call_event(call, "function_call_arguments.delta", out, delta=text)

    def _call_event(self, call: CallShape, kind: str, out: list[bytes], **fields: str) -> None:
        self._emit(out, f"response.{kind}", item_id=call.id, output_index=len(self._output), **fields)

    def _call_stop(self, arguments: str, out: list[bytes]) -> None:
        call, self._call = self._call, None
        if call is None:
            return
        text = call.text(arguments)
        if call.custom:
            self._call_event(call, "custom_tool_call_input.delta", out, delta=text)
            self._call_event(call, "custom_tool_call_input.done", out, input=text)
        else:
            if not self._has_arguments:
                self._call_event(call, "function_call_arguments.delta", out, delta=text)
            self._call_event(call, "function_call_arguments.done", out, arguments=text)
        self._complete(call.closed(arguments), out)

    def _image(self, data: str, out: list[bytes]) -> None:
        self._close(out)
        index = len(self._output)
        identifier = self._ids.image(index)
        where = {"item_id": identifier, "output_index": index}
        self._emit(out, "response.output_item.added", output_index=index, item=image_item(identifier, None))
        self._emit(out, "response.image_generation_call.in_progress", **where)
        self._emit(out, "response.image_generation_call.completed", **where)
        self._complete(image_item(identifier, data), out)

    def _whole_item(self, part: AnswerPart) -> bytes | None:
        """An output item; None for what Responses cannot say."""
        if isinstance(part, AnswerText):
            found = (annotation_of(raw, len(part.text)) for raw in part.citations)
            annotations = [exactjson.dumps(annotation) for annotation in found if annotation is not None]
            return message_item(self._ids.message(), text_part(part.text, annotations))
        if isinstance(part, AnswerThinking):
            return self._whole_reasoning(part)
        if isinstance(part, AnswerCall):
            return self._shape(part.id, part.name, part.namespace).closed(part.arguments)
        if isinstance(part, Image) and part.data:
            return image_item(self._ids.image(len(self._output)), part.data)
        return None

    def _whole_reasoning(self, part: AnswerThinking) -> bytes | None:
        shown = self._shown(part.signature)
        if not part.text and not shown:
            return None
        self._thought += _size(part.text)
        return reasoning_item(self._ids.reasoning(len(self._output)), part.text, shown)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
