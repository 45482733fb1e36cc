"""The steps between a client's call and an upstream's request, and back, that all providers share (providers.md 1.3).

A provider takes a ``Prepared`` through the steps in its own order: ``translate``, ``think``, its own edits, ``rules``;
then it sends ``draft.encode()`` and has the answer turned by ``whole`` or ``transform``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from cliproxy.config.settings import Settings
from cliproxy.errors import RequestError
from cliproxy.providers import payload_rules
from cliproxy.providers.base import Answer, Call, Transform
from cliproxy.records.usage import Tokens
from cliproxy.translation import thinking
from cliproxy.translation.codec import AnswerDecoder, Exchange, Target
from cliproxy.translation.draft import Draft, Edit
from cliproxy.translation.formats import Format
from cliproxy.translation.hub import Hub, TranslatedStream, encoded, read_stream
from cliproxy.translation.names import base_name, split_suffix
from cliproxy.translation.thinking import fields
from cliproxy.translation.thinking.support import Capability

_TOO_DEEP = "Invalid request: body is nested too deeply"

Capabilities = Callable[[str, str], Capability | None]
"""(model, provider key) -> what is known of the model; None when nobody knows it."""

Same = tuple[bytes, str, Tokens]
"""A whole answer of the client's own format: (body, upstream's model name, usage)."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call on its way to one upstream.

    ``untouched`` is the translated body before any other step; ``exchange`` is None where client and upstream speak one
    format, whose answers pass as bytes.
    """

    draft: Draft
    untouched: dict[str, Any]
    exchange: Exchange | None = None

    @property
    def body(self) -> dict[str, Any]:
        """The upstream's body so far."""
        return self.draft.body

    def encode(self) -> bytes:
        """The bytes to send.

        :raises RequestError: 400; nested too deeply to be written.
        """
        try:
            return self.draft.encode()
        except (ValueError, RecursionError):
            raise RequestError(_TOO_DEEP) from None

    def edited(self, edit: Edit) -> Prepared:
        """After one more copy-on-write edit of the body."""
        draft = self.draft.edited(edit)
        return self if draft is self.draft else replace(self, draft=draft)


class Pipeline:
    """The steps, with what they need to know: all codecs, the settings, the models' abilities."""

    def __init__(self, hub: Hub, settings: Callable[[], Settings], capabilities: Capabilities) -> None:
        self._hub, self._settings, self._capabilities = hub, settings, capabilities

    def __repr__(self) -> str:
        return f"<Pipeline {self._hub!r}>"

    def translate(self, call: Call, upstream: Format, model: str, *, stream: bool, instructions: str = "") -> Prepared:
        """The call in the upstream's format. ``model`` is the upstream's name, maybe with a suffix.

        :raises RequestError: 400; nested too deeply to be translated.
        """
        target, body = Target(base_name(model), stream, instructions), call.body
        if self._hub.bypasses(call.format, upstream):
            draft = self._hub.draft(call.format, upstream, body, call.payload, target)
            return Prepared(draft, draft.body)
        try:
            exchange = self._hub.exchange(call.format, upstream, body, call.client_model, target)
        except RecursionError:
            raise RequestError(_TOO_DEEP) from None
        return Prepared(Draft(exchange.sent), exchange.sent, exchange)

    def passes(self, call: Call, upstream: Format) -> bool:
        """True when client and upstream speak one format, so that bytes pass."""
        return self._hub.bypasses(call.format, upstream)

    def think(self, prepared: Prepared, call: Call, model: str, provider: str, target: str) -> Prepared:
        """With the thinking that the model's suffix or the body asks for (providers.md 21).

        :raises RequestError: 400; the wish does not go with the model.
        """
        if split_suffix(model)[1] is None and not fields.says(prepared.body, target):
            return prepared
        known = self._capabilities(base_name(model), provider)
        return prepared.edited(lambda body: thinking.apply(body, model, call.format, target, known))

    def rules(self, prepared: Prepared, call: Call, model: str, protocol: str, root: str = "") -> Prepared:
        """With the configuration's payload rules applied (providers.md 7)."""
        payload, untouched = self._settings().payload, prepared.untouched
        names = payload_rules.candidates(base_name(model), call.client_model or model)
        return prepared.edited(
            lambda body: payload_rules.apply(
                payload, body, protocol=protocol, root=root, models=names, untouched=untouched
            )
        )

    def whole(self, prepared: Prepared, data: bytes, same: Callable[[bytes], Same]) -> Answer:
        """The client's answer for one JSON body; ``same`` reads it where the formats are equal.

        :raises UpstreamError: the upstream reported an error inside it.
        """
        if prepared.exchange is None:
            return Answer(*same(data))
        decoder = self._hub.decoder(prepared.exchange)
        decoder.body(data)
        return self.encoded(prepared.exchange, decoder)

    def collected(self, exchange: Exchange, stream: bytes) -> AnswerDecoder:
        """A decoder that has read a whole event stream, for a client that wants one body."""
        decoder = self._hub.decoder(exchange)
        read_stream(decoder, stream)
        return decoder

    def encoded(self, exchange: Exchange, decoder: AnswerDecoder) -> Answer:
        """The client's body for what ``decoder`` has read. Raises as ``whole``."""
        body = encoded(decoder, self._hub.encoder(exchange), exchange.upstream)
        return Answer(body, decoder.upstream_model, decoder.tokens)

    def transform(self, prepared: Prepared, same: Callable[[], Transform]) -> Transform:
        """What turns the upstream's stream into the client's; ``same`` makes it where the formats are equal."""
        if prepared.exchange is None:
            return same()
        stream: TranslatedStream = self._hub.stream(prepared.exchange)
        return stream

    def count(self, call: Call, tokens: int) -> bytes:
        """A token count in the client's shape (translation.md 7)."""
        return self._hub.count(call.format, tokens)
