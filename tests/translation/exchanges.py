"""Whole translated exchanges for tests: a request there, an upstream's answer back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cliproxy.errors import UpstreamError
from cliproxy.translation import exactjson, sse
from cliproxy.translation.codec import Exchange, Target
from cliproxy.translation.formats import Format
from cliproxy.translation.hub import Hub, encoded, read_stream

Chop = Callable[[bytes], Iterable[bytes]]
MODEL, ALIAS = "m", "alias(high)"


def request(
    source: Format, target: Format, body: Mapping[str, Any], model: str = MODEL, *,
    stream: bool = False, hub: Hub | None = None,
) -> dict[str, Any]:
    """The upstream's body, before thinking, payload rules and provider edits."""
    hub, wanted = hub or Hub(), Target(model, stream)
    if hub.bypasses(source, target):
        return dict(hub.draft(source, target, dict(body), exactjson.dumps(body), wanted).body)
    return dict(hub.exchange(source, target, body, model, wanted).sent)


@dataclass
class Talk:
    """One client format before one upstream format; ``asked`` is the client's request."""

    client: Format
    upstream: Format
    asked: Mapping[str, Any] = field(default_factory=dict)
    model: str = MODEL
    hub: Hub = field(default_factory=Hub)

    def exchange(self, *, stream: bool = True) -> Exchange:
        """The translated request."""
        return self.hub.exchange(self.client, self.upstream, self.asked, ALIAS, Target(self.model, stream))

    def stream(self, upstream: bytes | Iterable[Any], chop: Chop = lambda data: [data]) -> bytes:
        """The client's bytes for the upstream's (or for its events, as objects); ends with the upstream's end."""
        data = upstream if isinstance(upstream, bytes) else events(*upstream)
        transform = self.hub.stream(self.exchange())
        out = [transform.feed(piece) for piece in chop(data) if not transform.complete]
        if not transform.complete and transform.error is None:
            out.append(transform.finish())
        if transform.error is not None:
            raise transform.error
        return b"".join(out)

    def error(self, upstream: Iterable[Any]) -> UpstreamError:
        """The error that the upstream reports inside its stream."""
        try:
            self.stream(upstream)
        except UpstreamError as error:
            return error
        raise AssertionError("no error")

    def payloads(self, upstream: bytes | Iterable[Any], chop: Chop = lambda data: [data]) -> list[Any]:
        """The same as objects, one per event."""
        return payloads(self.stream(upstream, chop))

    def body(self, upstream: Any) -> Any:
        """The client's body for the upstream's."""
        exchange = self.exchange(stream=False)
        decoder = self.hub.decoder(exchange)
        decoder.body(upstream if isinstance(upstream, bytes) else exactjson.dumps(upstream))
        return json.loads(encoded(decoder, self.hub.encoder(exchange), self.upstream))

    def collected(self, upstream: Iterable[Any]) -> Any:
        """The client's body for an upstream that always streams."""
        exchange = self.exchange()
        decoder = self.hub.decoder(exchange)
        read_stream(decoder, events(*upstream))
        return json.loads(encoded(decoder, self.hub.encoder(exchange), self.upstream))


def events(*objects: Any) -> bytes:
    """An event stream; a string such as ``[DONE]`` stands for itself."""
    return b"".join(_event(item) for item in objects)


def _event(item: Any) -> bytes:
    if isinstance(item, bytes):
        return item
    data = item.encode() if isinstance(item, str) else exactjson.dumps(item)
    name = item.get("type", "") if isinstance(item, dict) else ""
    return sse.frame(data, name if isinstance(name, str) else "")


def payloads(stream: bytes) -> list[Any]:
    """The data of each event, parsed; ``[DONE]`` as text."""
    found = [sse.data_of(event) for event in sse.split(stream)]
    return [data.decode() if data == b"[DONE]" else json.loads(data) for data in found if data]


def per_byte(data: bytes) -> Iterator[bytes]:
    """Each byte alone."""
    for byte in data:
        yield bytes([byte])


def in_halves(data: bytes) -> Iterator[bytes]:
    """Pieces of 7 bytes: every border is hit sooner or later."""
    for start in range(0, len(data), 7):
        yield data[start : start + 7]
