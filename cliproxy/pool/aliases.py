"""The upstream's name of a model for one credential: prefix, OAuth alias, API-key alias (credentials.md 9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cliproxy.config.settings import KeyEntry, Model, OAuthAlias, Settings, empty
from cliproxy.providers.credential import Credential
from cliproxy.translation.names import split_suffix

_ALWAYS = ("gemini-cli", "aistudio", "antigravity", "qwen", "iflow")
_UNLESS_KEY = ("vertex", "claude", "codex")


def oauth_channel(credential: Credential) -> str:
    """The ``oauth-model-alias`` channel of a credential; empty when none applies (9.2)."""
    provider = credential.provider
    if credential.is_compat:
        return ""
    if provider in _ALWAYS or (provider in _UNLESS_KEY and credential.auth_kind != "apikey"):
        return provider
    return ""


def config_entry(credential: Credential, settings: Settings) -> KeyEntry | None:
    """The config entry that a key credential comes from (9.3, config.md 9.1)."""
    entries = {
        "gemini": settings.gemini_api_key,
        "claude": settings.claude_api_key,
        "codex": settings.codex_api_key,
        "vertex": settings.vertex_api_key,
    }.get(credential.provider, ())
    key = credential.attributes.get("api_key", "").strip().lower()
    base = credential.attributes.get("base_url", "").strip().lower()
    pairs = [(entry.api_key.strip().lower(), entry.base_url.strip().lower(), entry) for entry in entries]
    if not key:
        return next((entry for _, url, entry in pairs if base and url == base), None)
    for wanted in ((key, base), (key, "")):
        for entry_key, url, entry in pairs:
            if (entry_key, url) == wanted:
                return entry
    return next((entry for entry_key, _, entry in pairs if entry_key == key), None)


@dataclass(frozen=True, slots=True)
class AliasTable:
    """Upstream names by lower-case client name, for one credential; made once per change, read per attempt."""

    prefix: str = ""
    oauth: Mapping[str, str] = field(default_factory=empty)
    keys: Mapping[str, str] = field(default_factory=empty)

    def upstream_model(self, route_model: str) -> str:
        """The name to send for a route model, its thinking suffix carried over."""
        if self.prefix and route_model.startswith(f"{self.prefix}/"):
            route_model = route_model[len(self.prefix) + 1 :]
        if self.oauth:
            route_model = _looked_up(self.oauth, route_model)
        return _looked_up(self.keys, route_model) if self.keys else route_model


def _looked_up(table: Mapping[str, str], requested: str) -> str:
    base, suffix = split_suffix(requested)
    name = table.get(base.lower()) or table.get(requested.lower())
    if name is None:
        return requested
    if name.lower() == base.lower():
        return requested
    if split_suffix(name)[1] is not None or not suffix:
        return name
    return f"{name}({suffix})"


def alias_table(credential: Credential, settings: Settings) -> AliasTable:
    """The table of a credential under the current settings."""
    oauth = _oauth_names(settings.oauth_model_alias.get(oauth_channel(credential), ()))
    return AliasTable(credential.prefix, oauth, _key_names(_models(credential, settings)))


def _models(credential: Credential, settings: Settings) -> Sequence[Model]:
    if credential.is_compat:
        names = [
            credential.attributes.get("compat_name", ""),
            credential.attributes.get("provider_key", ""),
            credential.provider,
        ]
        wanted = {name.strip().lower() for name in names if name.strip()}
        found = next((p for p in settings.openai_compatibility if p.name.strip().lower() in wanted), None)
        if found is None:
            found = next((p for p in settings.openai_compatibility if p.provider_key in wanted), None)
        return found.models if found else ()
    if credential.account[0] != "api_key":
        return ()
    entry = config_entry(credential, settings)
    return entry.models if entry else ()


def _oauth_names(entries: Sequence[OAuthAlias]) -> Mapping[str, str]:
    table: dict[str, str] = {}
    for entry in entries:
        name, alias = entry.name.strip(), entry.alias.strip()
        if name and alias and name.lower() != alias.lower():
            table.setdefault(alias.lower(), name)
    return table


def _key_names(models: Sequence[Model]) -> Mapping[str, str]:
    """Aliases and names in list order; an alias without a name means itself."""
    table: dict[str, str] = {}
    for model in models:
        name, alias = model.name.strip(), model.alias.strip()
        for client_name in (alias, name):
            if client_name and (name or client_name):
                table.setdefault(split_suffix(client_name)[0].lower(), name or client_name)
    return table
