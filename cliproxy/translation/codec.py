"""What a wire format has to bring for the hub: the protocol ``Codec`` and what an answer's codecs may look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cliproxy.errors import UpstreamError
from cliproxy.records.usage import Tokens
from cliproxy.translation.builder import AnswerBuilder
from cliproxy.translation.events import Event, Response
from cliproxy.translation.formats import Format
from cliproxy.translation.function_names import ToolNames
from cliproxy.translation.model import Conversation


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is encoded for. ``model`` is the upstream's name without suffix; ``stream`` the call's flag."""

    model: str
    stream: bool
    instructions: str = ""
    """Codex only: the configured instructions, empty when the switch is off (translation.md 2.3)."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One translated request, as the codecs of its answer see it.

    ``request`` is the client's body, ``sent`` the upstream's, both parsed; ``names`` maps function names both ways;
    ``client_model`` goes into every reply (design D20).
    """

    client: Format
    upstream: Format
    client_model: str
    sent_model: str
    request: Mapping[str, Any]
    conversation: Conversation
    sent: dict[str, Any]
    names: ToolNames


class AnswerDecoder(Protocol):
    """Reads one upstream answer, streamed or whole, into ``builder``. Never raises for odd input."""

    builder: AnswerBuilder
    tokens: Tokens
    """Usage as the upstream counts it (providers.md 5.2), for the usage record."""
    upstream_model: str
    error: UpstreamError | None
    """An error that the upstream reported inside its answer."""

    def feed(self, data: bytes) -> None:
        """The data of one SSE event."""

    def body(self, data: bytes) -> None:
        """A whole answer in one JSON body."""

    def finish(self) -> None:
        """The upstream's stream has ended: close what it left open."""


class AnswerEncoder(Protocol):
    """Writes one answer for a client."""

    is_steady: bool
    """Two deltas of one text part differ in the text only; false where events are numbered."""

    def events(self, events: list[Event]) -> bytes:
        """Whole SSE events in the client's framing, maybe none."""

    def body(self, response: Response) -> bytes:
        """A whole answer."""


class ClientCodec(Protocol):
    """A format that clients speak."""

    format: Format

    def decode_request(self, body: Mapping[str, Any]) -> Conversation:
        """What the client asks for."""

    def encoder(self, exchange: Exchange) -> AnswerEncoder:
        """A fresh encoder for one answer."""

    def count(self, tokens: int) -> bytes:
        """The answer to a token count (translation.md 7)."""


class UpstreamCodec(Protocol):
    """A format that upstreams speak."""

    format: Format

    def encode_request(self, conversation: Conversation, target: Target, names: ToolNames) -> dict[str, Any]:
        """The upstream's body."""

    def names(self, conversation: Conversation) -> ToolNames:
        """Function names as this format takes them, and back."""

    def decoder(self, exchange: Exchange) -> AnswerDecoder:
        """A fresh decoder for one answer."""
