"""One credential in the pool with everything that is looked up per request made ready."""

from __future__ import annotations

from cliproxy.config.settings import Settings
from cliproxy.pool.aliases import alias_table
from cliproxy.pool.health import Blocked, Health
from cliproxy.providers.base import Provider
from cliproxy.providers.credential import Credential


class Entry:
    """A credential, its provider (None when disabled or unknown) and its health. Replaced as a whole on changes."""

    __slots__ = ("_aliases", "credential", "health", "id", "index", "priority", "provider", "source")

    def __init__(self, credential: Credential, provider: Provider | None, settings: Settings, health: Health) -> None:
        self.credential = credential
        self.provider = provider
        self.health = health
        self.id = credential.id
        self.index = credential.index
        self.priority = _priority(credential.attributes.get("priority", ""))
        self.source = usage_source(credential)
        self._aliases = alias_table(credential, settings)

    def __repr__(self) -> str:
        state = "disabled" if self.credential.disabled else "failing" if self.health.failing else "active"
        return f"<Entry {self.id} {self.credential.provider} {state}>"

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
    return _own(old) != _own(new)


def _own(credential: Credential) -> tuple[object, ...]:
    attributes = dict(credential.attributes)
    if credential.auth_kind != "apikey":
        attributes.pop("excluded_models_hash", None)
    return (credential.provider, credential.proxy_url, credential.file_name, attributes, dict(credential.metadata))
