"""One credential in the pool with everything that is looked up per request made ready."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import orjson

from cliproxy.config.settings import Settings
from cliproxy.pool.aliases import alias_table
from cliproxy.pool.health import Blocked, Health
from cliproxy.pool.recent import RecentAttempts
from cliproxy.providers.base import Provider
from cliproxy.providers.credential import Credential
from cliproxy.records.usage import Tokens


@dataclass(slots=True)
class Counters:
    """What a credential has done, kept over restarts: attempts, failed ones among them, tokens; Unix seconds."""

    attempts: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    last_used: float = 0.0

    def add(self, tokens: Tokens, now: float, *, failed: bool) -> None:
        """Count one attempt."""
        self.attempts += 1
        self.failed += failed
        self.input_tokens += tokens.input
        self.output_tokens += tokens.output
        self.last_used = now


@dataclass(slots=True)
class Runtime:
    """What happens to a credential beside its health; goes on when the record is replaced. Unix seconds, 0 = never."""

    created_at: float = 0.0
    updated_at: float = 0.0
    last_refreshed_at: float = 0.0
    next_refresh_after: float = 0.0
    refresh_failures: int = 0
    refresh_error: str = ""
    refresh_rejected: bool = False
    """The login itself is over, as its provider said."""
    counters: Counters = field(default_factory=Counters)
    recent: RecentAttempts = field(default_factory=RecentAttempts)
    """Only of this run of the server."""
    off_because: str = ""
    """Why it is switched off, in words; empty when that is not known."""

    def new_login(self) -> None:
        """The credential really changed: what was wrong with the old tokens says nothing any more."""
        self.off_because = ""
        if self.refresh_failures:
            self.refresh_failures, self.refresh_error, self.next_refresh_after = 0, "", 0.0
            self.refresh_rejected = False


class Entry:
    """A credential, its provider (None when disabled or unknown), health, runtime. Replaced as a whole on changes."""

    __slots__ = (
        "_aliases", "_fingerprint", "credential", "health", "id", "index", "priority", "provider", "runtime", "source",
    )  # fmt: skip

    def __init__(
        self, credential: Credential, provider: Provider | None, settings: Settings, health: Health, runtime: Runtime
    ) -> None:
        self.credential = credential
        self.provider = provider
        self.health = health
        self.runtime = runtime
        self.id = credential.id
        self.index = credential.index
        self.priority = _priority(credential.attributes.get("priority", ""))
        self.source = usage_source(credential)
        self._aliases = alias_table(credential, settings)
        self._fingerprint = ""

    def __repr__(self) -> str:
        state = "disabled" if self.credential.disabled else "failing" if self.health.failing else "active"
        return f"<Entry {self.id} {self.credential.provider} {state}>"

    @property
    def fingerprint(self) -> str:
        """See ``fingerprint``; made when it is first asked for."""
        if not self._fingerprint:
            self._fingerprint = fingerprint(self.credential)
        return self._fingerprint

    def blocked(self, model: str, now: float) -> Blocked | None:
        """The block that keeps it from a request for the base name ``model``."""
        health = self.health
        if not health.states and health.account is None:
            return None
        return health.blocked(model, now)

    def upstream_model(self, route_model: str) -> str:
        """The name to send upstream (credentials.md 9)."""
        return self._aliases.upstream_model(route_model)


def _priority(text: str) -> int:
    try:
        return int(text.strip() or 0)
    except ValueError:
        return 0


def usage_source(credential: Credential) -> str:
    """What usage records call a credential (logging.md 15.1); empty when only the client's key is left."""
    metadata = credential.metadata
    first: list[object] = [credential.id] if credential.provider == "gemini-cli" else []
    if credential.provider == "vertex":
        first = [metadata.get("project_id"), metadata.get("project")]
    candidates = [*first, credential.account[1], metadata.get("email"), credential.attributes.get("api_key")]
    return next((text.strip() for text in candidates if isinstance(text, str) and text.strip()), "")


def really_changed(old: Credential, new: Credential) -> bool:
    """True when a credential changed in a way that makes its health meaningless (credentials.md 3.1).

    Not: the OAuth-wide exclusions, which are no part of the credential itself.
    """
    if old.disabled and not new.disabled:
        return True
    return own_fields(old) != own_fields(new)


def own_fields(credential: Credential) -> tuple[object, ...]:
    """What belongs to the credential itself, and not to settings that are about many."""
    attributes = dict(credential.attributes)
    if credential.auth_kind != "apikey":
        attributes.pop("excluded_models_hash", None)
    return (credential.provider, credential.proxy_url, credential.file_name, attributes, dict(credential.metadata))


def fingerprint(credential: Credential) -> str:
    """Changes exactly when the credential really changes, and tells nothing about its secrets."""
    plain = orjson.dumps(own_fields(credential), default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.sha256(plain).hexdigest()
