"""Which models a credential offers, under which names (credentials.md 12, config.md 11.2, 11.3)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from cliproxy.config.settings import Model, OAuthAlias, Settings
from cliproxy.pool.aliases import config_entry, oauth_channel
from cliproxy.providers.credential import Credential
from cliproxy.routing.tables import TABLES, ModelInfo, static_model

_OWNERS = {
    "gemini": ("google", "gemini"),
    "vertex": ("google", "vertex"),
    "claude": ("anthropic", "claude"),
    "codex": ("openai", "openai"),
}


def models_for(
    credential: Credential, settings: Settings, fetched: Sequence[ModelInfo] | None = None
) -> list[ModelInfo]:
    """The models to register for a credential; empty when it serves none.

    ``fetched``: what its upstream has listed, for those that are asked (credentials.md 12.1).
    """
    if credential.disabled or credential.attributes.get("gemini_virtual_primary") == "true":
        return []
    if credential.is_compat:
        models = _compat_models(credential, settings)
    else:
        models = _base_models(credential, settings) if fetched is None else list(fetched)
        models = [model for model in models if not excluded(model.id, _patterns(credential, settings))]
        models = with_aliases(models, settings.oauth_model_alias.get(oauth_channel(credential), ()))
    return with_prefix(models, credential.prefix, force=settings.force_model_prefix)


def _compat_models(credential: Credential, settings: Settings) -> list[ModelInfo]:
    wanted = credential.attributes.get("compat_name", "").strip().lower()
    provider = next((p for p in settings.openai_compatibility if p.provider_key == wanted), None)
    if provider is None:
        return []
    now = int(time.time())
    return [
        ModelInfo(
            model.alias.strip() or model.name.strip(), provider.name, "openai-compatibility", now,
            model.alias.strip() or model.name.strip(), user_defined=True,
        )
        for model in provider.models
        if model.alias.strip() or model.name.strip()
    ]  # fmt: skip


def _base_models(credential: Credential, settings: Settings) -> list[ModelInfo]:
    provider = credential.provider
    static = list(TABLES.get(provider, ()))
    if provider not in _OWNERS or credential.auth_kind != "apikey":
        return static
    entry = config_entry(credential, settings)
    if entry is None or not entry.models:
        return static
    return _configured(entry.models, *_OWNERS[provider])


def _configured(models: Sequence[Model], owner: str, kind: str) -> list[ModelInfo]:
    found: dict[str, ModelInfo] = {}
    now = int(time.time())
    for model in models:
        name, alias = model.name.strip(), model.alias.strip()
        model_id = alias or name
        if not model_id:
            continue
        known = static_model(name)
        info = ModelInfo(
            model_id, owner, kind, now, name or alias, thinking=known.thinking if known else None, user_defined=True
        )
        found.setdefault(model_id.lower(), info)
    return list(found.values())


def _patterns(credential: Credential, settings: Settings) -> Sequence[str]:
    if credential.auth_kind == "apikey":
        entry = config_entry(credential, settings)
        return entry.excluded_models if entry is not None else ()
    return settings.oauth_excluded_models.get(credential.provider, ())


def excluded(model_id: str, patterns: Iterable[str]) -> bool:
    """True when a pattern matches the id: ``*`` is any run of characters, everything else literal, case ignored."""
    name = model_id.lower()
    return any(_matches(name, pattern.strip().lower()) for pattern in patterns if pattern.strip())


def _matches(name: str, pattern: str) -> bool:
    if "*" not in pattern:
        return name == pattern
    first, *middle, last = pattern.split("*")
    if not name.startswith(first):
        return False
    position = len(first)
    for part in middle:
        found = name.find(part, position)
        if found < 0:
            return False
        position = found + len(part)
    return name.endswith(last) and len(name) - len(last) >= position


def with_aliases(models: Sequence[ModelInfo], aliases: Sequence[OAuthAlias]) -> list[ModelInfo]:
    """Aliased copies in place of, or (``fork``) beside, the originals (credentials.md 12.3)."""
    if not aliases:
        return list(models)
    out: list[ModelInfo] = []
    seen: set[str] = set()

    def add(model: ModelInfo) -> bool:
        if model.id.lower() in seen:
            return False
        seen.add(model.id.lower())
        out.append(model)
        return True

    for model in models:
        own = [entry for entry in aliases if entry.name.lower() == model.id.lower()]
        forked = any(entry.fork for entry in own)
        if not own or forked:
            add(model)
        added = [add(model.renamed(entry.alias)) for entry in own]
        if own and not forked and not any(added):
            add(model)
    return out


def with_prefix(models: Iterable[ModelInfo], prefix: str, *, force: bool) -> list[ModelInfo]:
    """Every model bare and as ``prefix/id``; with ``force`` only the latter (credentials.md 12.4)."""
    if not prefix:
        return list(models)
    found: dict[str, ModelInfo] = {}
    for model in models:
        if not force or model.id == prefix:
            found.setdefault(model.id, model)
        prefixed = model.renamed(f"{prefix}/{model.id}")
        found.setdefault(prefixed.id, prefixed)
    return list(found.values())
