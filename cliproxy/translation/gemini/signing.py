"""Which signatures calls and thoughts of the history carry to a Gemini-family upstream (translation.md 4.5)."""

from __future__ import annotations

from typing import Any, Protocol

from cliproxy.translation.formats import RESPONSES, Format
from cliproxy.translation.model import Thinking
from cliproxy.translation.signatures import SKIP_SIGNATURE, SignatureCache, group_of, is_valid


class Signing(Protocol):
    """The rule of one request, asked part by part in the order of the history."""

    def turn(self) -> None:
        """The next assistant turn begins."""

    def thought(self, thinking: Thinking) -> dict[str, Any] | None:
        """The part for earlier thinking; None: it is not sent."""

    def call(self) -> str:
        """The signature of the next call."""


class StandIns:
    """Calls get the stand-in; thinking goes only where a Responses client brings Gemini's own signature with it."""

    def __init__(self, source: Format) -> None:
        self._sends_thoughts = source == RESPONSES

    def turn(self) -> None:
        """Nothing is remembered."""

    def thought(self, thinking: Thinking) -> dict[str, Any] | None:
        """The part, if the Gemini family signed it."""
        signature = thinking.signature
        if not self._sends_thoughts or signature is None or signature.group != "gemini":
            return None
        return thought_part(thinking.text, signature.value)

    def call(self) -> str:
        """Always the stand-in."""
        return SKIP_SIGNATURE


class FromCache:
    """Claude clients of Antigravity: signatures from earlier answers, or as the client sends them back.

    ``dropped`` says that thinking had to be left out, after which the request must not ask for thinking: the upstream
    refuses turns that do not begin with a signed thought.
    """

    def __init__(self, model: str, cache: SignatureCache) -> None:
        self._model = model
        self._cache = cache
        self._last = ""
        self.dropped = False

    def turn(self) -> None:
        """Signatures hold for one turn."""
        self._last = ""

    def thought(self, thinking: Thinking) -> dict[str, Any] | None:
        """The part, if it has a signature that this model takes."""
        signature = self._signature(thinking)
        if not is_valid(self._model, signature):
            self.dropped = True
            return None
        self._last = signature
        return thought_part(thinking.text, signature)

    def call(self) -> str:
        """That of the thinking before it, else the stand-in."""
        return self._last or SKIP_SIGNATURE

    def _signature(self, thinking: Thinking) -> str:
        """The one we remember, else the client's; the stand-in only when neither is there."""
        remembered, own = self._cache.get(self._model, thinking.text), thinking.signature
        if remembered and remembered != SKIP_SIGNATURE:
            return remembered
        if own is not None and own.group == group_of(self._model) and is_valid(self._model, own.value):
            return own.value
        return remembered


def thought_part(text: str, signature: str) -> dict[str, Any]:
    """A signed thought."""
    return {"thought": True, "text": text, "thoughtSignature": signature}
