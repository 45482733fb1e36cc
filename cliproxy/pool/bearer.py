"""The token that a credential shows to its provider, for calls that somebody writes himself (management-api.md 18)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cliproxy.pool.entry import Entry
from cliproxy.pool.pool import Pool
from cliproxy.providers.base import HasAccessTokens

_KEYS = ("accessToken", "access_token", "token", "id_token", "cookie")
_INNER = ("access_token", "accessToken")


def bearer_of(pool: Pool, entry: Entry) -> str:
    """The token or key of a credential, renewed by its provider where that is its way; empty when it has none.

    :raises CliproxyError: it ended and could not be renewed.
    """
    provider, credential = pool.provider_of(entry), entry.credential
    if isinstance(provider, HasAccessTokens):
        return provider.access_token(credential)
    parent = pool.get(credential.attributes.get("gemini_virtual_parent", ""))
    found = [
        *_tokens(credential.metadata),
        credential.attributes.get("api_key", ""),
        *(_tokens(parent.credential.metadata) if parent is not None else ()),
    ]
    return next((token for token in map(str.strip, found) if token), "")


def _tokens(metadata: Mapping[str, Any]) -> Iterator[str]:
    """What may be one, best first."""
    for key in _KEYS:
        value = metadata.get(key)
        if key == "token" and isinstance(value, Mapping):
            yield from (inner for name in _INNER if isinstance(inner := value.get(name), str))
        elif isinstance(value, str):
            yield value
