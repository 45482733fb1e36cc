"""The models that an Antigravity account may use, as its endpoint lists them (providers.md 16.6)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cliproxy.config.settings import TimeLimits
from cliproxy.errors import UpstreamError
from cliproxy.providers.antigravity_attempts import first_answer
from cliproxy.providers.http import Outgoing, Reply
from cliproxy.providers.tokens.client import Fetcher, text_of
from cliproxy.translation.parsing import event_object

log = logging.getLogger(__name__)

SECONDS = 15.0
"""How long a listing may take, all hosts together."""
_SKIPPED = frozenset(
    {"chat_20706", "chat_23310", "gemini-2.5-flash-thinking", "gemini-3-pro-low", "gemini-2.5-pro"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ListedModel:
    """One model: the upstream's name, and the one for people."""

    id: str
    display_name: str


def fetch(
    http: Fetcher, bases: Sequence[str], headers: Mapping[str, str], proxy_url: str = ""
) -> tuple[ListedModel, ...]:
    """The models in the upstream's order; none after any failure. ``http`` watches over the time (``Deadline``)."""

    def send(base: str) -> Reply:
        url = f"{base}/v1internal:fetchAvailableModels"
        return http.fetch(Outgoing(url, headers, b"{}", TimeLimits(SECONDS, SECONDS), proxy_url))

    try:
        reply = first_answer(bases, send)
    except UpstreamError as error:
        log.warning("antigravity: the models of an account cannot be listed: %s", error.text[:200])
        return ()
    return listed(reply.body)


def listed(data: bytes) -> tuple[ListedModel, ...]:
    """The models in an answer."""
    models = (event_object(data) or {}).get("models")
    if not isinstance(models, dict):
        return ()
    return tuple(
        ListedModel(name, (text_of(entry, "displayName") if isinstance(entry, dict) else "") or name)
        for name, entry in models.items()
        if name.strip() and name not in _SKIPPED
    )
