"""What a Gemini CLI login's file says about its tokens and projects (providers.md 15, oauth-login.md 3.4). Pure.

A file with several project ids is one record that owns the tokens and one virtual credential per project, which has
none of its own (config.md 10.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cliproxy.providers.credential import Credential
from cliproxy.providers.token_times import parse_time
from cliproxy.providers.tokens.client import seconds_of, text_of
from cliproxy.providers.tokens.times import rfc3339

_MARGIN = 10.0
"""Seconds before its end from which on a token counts as expired."""
_OF_THE_OLD = ("expiry", "expires_in")


@dataclass(frozen=True, slots=True)
class Token:
    """The tokens of a file. ``expires_at``: Unix seconds, None = no end is known."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    token_type: str
    expires_at: float | None

    def is_valid(self, now: float) -> bool:
        """True while the access token can be used; one without an end always can."""
        return bool(self.access_token) and (self.expires_at is None or self.expires_at - now > _MARGIN)


def token_of(metadata: Mapping[str, Any]) -> Token:
    """The tokens: each field of ``token``, else the one beside it."""
    inner = _inner(metadata)
    ends = parse_time(inner.get("expiry"))
    return Token(
        text_of(inner, "access_token") or text_of(metadata, "access_token"),
        text_of(inner, "refresh_token") or text_of(metadata, "refresh_token"),
        text_of(inner, "token_type") or text_of(metadata, "token_type"),
        parse_time(metadata.get("expiry")) if ends is None else ends,
    )


def client_of(metadata: Mapping[str, Any]) -> tuple[str, str] | None:
    """(client id, client secret) of the application that the account logged in with, if the file knows both."""
    inner = _inner(metadata)
    found = text_of(inner, "client_id"), text_of(inner, "client_secret")
    return found if all(found) else None


def overlaid(metadata: Mapping[str, Any], answer: Mapping[str, Any], now: float) -> dict[str, Any]:
    """The metadata after a renewal: the new fields beside ``token`` and over those in it; all else is kept.

    ``answer`` is the token endpoint's. Without a life in it, the old token's end is forgotten too.
    """
    old, life = token_of(metadata), seconds_of(answer)
    fields = {
        "access_token": text_of(answer, "access_token"),
        "token_type": text_of(answer, "token_type") or old.token_type or "Bearer",
        "refresh_token": text_of(answer, "refresh_token") or old.refresh_token,
        **({"expiry": rfc3339(now + life)} if life else {}),
    }
    inner = {**_without_end(_inner(metadata)), **fields, **({"expires_in": int(life)} if life else {})}
    return {**_without_end(metadata), **fields, "token": inner}


def owner_of(credential: Credential) -> str:
    """The id of the record that has the tokens: that of its file."""
    return credential.attributes.get("gemini_virtual_parent") or credential.id


def projects_of(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """The distinct project ids of a file, in its order."""
    ids = (part.strip() for part in text_of(metadata, "project_id").split(","))
    return tuple(dict.fromkeys(project for project in ids if project))


def project_of(credential: Credential) -> str:
    """The project id to send; empty when the file names none. A list with one distinct id is that id."""
    if project := credential.attributes.get("gemini_virtual_project", "").strip():
        return project
    projects = projects_of(credential.metadata)
    return projects[0] if len(projects) == 1 else text_of(credential.metadata, "project_id")


def _inner(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = metadata.get("token")
    return inner if isinstance(inner, dict) else {}


def _without_end(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key not in _OF_THE_OLD}
