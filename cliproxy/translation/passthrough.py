"""Same format on both sides: whole events pass, only model names change (translation.md 6).

``Passthrough`` does what all formats share: whole events, errors, the end. A format's subclass says which blocks need
no look at all (``untouched``) and what to do with an event that does. The common case, a burst or a single delta
event, costs a few searches in C and no JSON parsing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from cliproxy.errors import UpstreamError, UpstreamTransport
from cliproxy.records.usage import Tokens
from cliproxy.translation import sse
from cliproxy.translation.usage import NONE


class Passthrough:
    """A ``Transform`` (providers/base.py) between two equal formats; one object per answer.

    ``client_model`` is the name the client asked for, ``sent_model`` the one in the upstream request, taken as the
    upstream's own name until the answer reports another.
    """

    def __init__(self, client_model: str, sent_model: str) -> None:
        self.client_model = client_model
        self.upstream_model = sent_model
        self.tokens: Tokens = NONE
        self.error: UpstreamError | None = None
        self.complete = False
        self.begun = False
        """True once an event was seen: an answer without any is an empty one, not a broken one."""
        self.ending = False
        """True once the upstream gave a reason for the end; it may still add usage."""
        self._events = sse.EventBuffer()

    def __repr__(self) -> str:
        state = "complete" if self.complete else "failed" if self.error else "open"
        return f"<{type(self).__name__} {self.upstream_model!r} {state}>"

    def feed(self, data: bytes) -> bytes:
        """The events that ``data`` completes, as the client gets them."""
        if self.complete:
            return b""  # nothing counts after the end
        try:
            events = self._events.feed(data)
        except sse.EventTooLong as error:
            self.error = UpstreamTransport(str(error))
            return b""
        if not events:
            return events
        self.begun = True
        if self.untouched(events):
            return events
        return self.rewrite(events)

    def finish(self) -> bytes:
        """An event whose blank line never came, if it is one."""
        rest = self._events.rest().strip()
        out = b""
        if rest and not self.complete and self.error is None:
            data = sse.data_of(rest)
            if data == b"[DONE]" or _is_json(data):
                self.begun = True
                out = self.rewrite(rest + b"\n\n")
        if self.begun and not self.complete and not self.ending and self.error is None:
            self.error = UpstreamTransport("upstream ended its stream before the answer was complete")
        return out

    def closing(self) -> bytes:
        """Nothing: an empty answer passes as it is."""
        return b""

    def untouched(self, events: bytes) -> bool:
        """True when ``events`` can pass as they are, without being looked at one by one."""
        raise NotImplementedError

    def rewrite(self, events: bytes) -> bytes:
        """Look at each event; stop at the end of the answer or at an error."""
        out = []
        for event in sse.split(events):
            if self.complete or self.error is not None:
                break
            if changed := self.event(event):
                out.append(changed)
        return b"".join(out)

    def event(self, event: bytes) -> bytes:
        """One event without its blank line in, what the client gets (blank line included) out."""
        raise NotImplementedError

    def reported(self, model: str | None) -> None:
        """Note the upstream's own name of the model."""
        if model:
            self.upstream_model = model


def load(data: bytes) -> Mapping[str, Any] | None:
    """A JSON object, None for anything else."""
    if not data.startswith(b"{"):
        return None
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return body if isinstance(body, dict) else None


def _is_json(data: bytes) -> bool:
    return load(data) is not None
