"""From what is written to what is meant: trimming, dropping, de-duplicating (config.md 5, 6.5, 6.8). Pure functions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeVar

from cliproxy.config.settings import (
    EMPTY,
    CompatProvider,
    KeyEntry,
    Model,
    OAuthAlias,
    Payload,
    PayloadRule,
    RemoteManagement,
    Settings,
)
from cliproxy.errors import Problem

T = TypeVar("T")


def normalise(settings: Settings) -> tuple[Settings, list[Problem]]:
    """(normalised settings, warnings about what was left out)."""
    payload, warnings = _payload(settings.payload)
    panel = settings.remote_management.panel_github_repository.strip()
    management = replace(
        settings.remote_management,
        panel_github_repository=panel or RemoteManagement().panel_github_repository,
    )
    done = replace(
        settings,
        port=settings.port or Settings().port,
        auth_dir=settings.auth_dir or Settings().auth_dir,
        remote_management=management,
        gemini_api_key=_gemini(settings.gemini_api_key),
        vertex_api_key=_vertex(settings.vertex_api_key),
        codex_api_key=tuple(map(_entry, (e for e in settings.codex_api_key if e.base_url))),
        claude_api_key=tuple(map(_entry, settings.claude_api_key)),
        openai_compatibility=tuple(_compat(p) for p in settings.openai_compatibility if p.base_url),
        oauth_excluded_models=exclusions_of(settings.oauth_excluded_models),
        oauth_model_alias=aliases_of(settings.oauth_model_alias),
        payload=payload,
    )
    return done, warnings


def prefix_of(text: str) -> str:
    """A model prefix: spaces and slashes around it removed; one with a slash inside is none."""
    text = text.strip().strip("/").strip()
    return "" if "/" in text else text


def headers_of(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Trimmed pairs, those with a blank side dropped."""
    pairs = {name.strip(): value.strip() for name, value in headers.items() if name.strip() and value.strip()}
    return MappingProxyType(pairs) if pairs else EMPTY


def patterns_of(patterns: Iterable[str]) -> tuple[str, ...]:
    """Exclusion patterns: trimmed, lower case, no blanks, first of equals kept."""
    return tuple(_unique(p for pattern in patterns if (p := pattern.strip().lower())))


def exclusions_of(groups: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    """``oauth-excluded-models``: providers in lower case, those without patterns dropped (management-api.md 9.1)."""
    cleaned: dict[str, tuple[str, ...]] = {}
    for provider, patterns in groups.items():
        key = provider.strip().lower()
        if key and (kept := patterns_of((*cleaned.get(key, ()), *patterns))):
            cleaned[key] = kept
    return MappingProxyType(cleaned) if cleaned else EMPTY


def aliases_of(groups: Mapping[str, tuple[OAuthAlias, ...]]) -> Mapping[str, tuple[OAuthAlias, ...]]:
    """``oauth-model-alias``: each alias of a channel once, none that is its own name (management-api.md 9.2)."""
    cleaned: dict[str, tuple[OAuthAlias, ...]] = {}
    for channel, entries in groups.items():
        key = channel.strip().lower()
        kept = {entry.alias.lower(): entry for entry in cleaned.get(key, ())}
        for entry in entries:
            name, alias = entry.name.strip(), entry.alias.strip()
            if name and alias and name.lower() != alias.lower():
                kept.setdefault(alias.lower(), OAuthAlias(name, alias, entry.fork))
        if key and kept:
            cleaned[key] = tuple(kept.values())
    return MappingProxyType(cleaned) if cleaned else EMPTY


def _unique(items: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(items))


def _entry(entry: KeyEntry) -> KeyEntry:
    return replace(
        entry,
        prefix=prefix_of(entry.prefix),
        headers=headers_of(entry.headers),
        excluded_models=patterns_of(entry.excluded_models),
    )


def _gemini(entries: Iterable[KeyEntry]) -> tuple[KeyEntry, ...]:
    kept: dict[str, KeyEntry] = {}
    for entry in entries:
        key = entry.api_key.strip()
        if key and key not in kept:
            kept[key] = replace(_entry(entry), api_key=key)
    return tuple(kept.values())


def _vertex(entries: Iterable[KeyEntry]) -> tuple[KeyEntry, ...]:
    kept: dict[str, KeyEntry] = {}
    for entry in entries:
        key = entry.api_key.strip()
        if not key or not entry.base_url:
            continue
        models = (Model(m.name.strip(), m.alias.strip()) for m in entry.models)
        cleaned = replace(
            _entry(entry),
            api_key=key,
            excluded_models=(),
            models=tuple(m for m in models if m.name and m.alias),
        )
        kept.setdefault(f"{key}|{entry.base_url}", cleaned)
    return tuple(kept.values())


def _compat(provider: CompatProvider) -> CompatProvider:
    return replace(provider, prefix=prefix_of(provider.prefix), headers=headers_of(provider.headers))


def _payload(payload: Payload) -> tuple[Payload, list[Problem]]:
    warnings: list[Problem] = []
    raw = _raw_rules(payload.default_raw, "default-raw", warnings)
    override = _raw_rules(payload.override_raw, "override-raw", warnings)
    return replace(payload, default_raw=raw, override_raw=override), warnings


def _raw_rules(rules: tuple[PayloadRule, ...], section: str, warnings: list[Problem]) -> tuple[PayloadRule, ...]:
    kept = []
    for number, rule in enumerate(rules, 1):
        if not rule.params:
            continue
        if bad := [path for path, value in rule.params.items() if isinstance(value, str) and not _is_json(value)]:
            words = f"payload rule dropped: invalid raw JSON section={section} rule_index={number} param={bad[0]}"
            warnings.append(Problem(words, f"payload.{section}[{number - 1}]"))
            continue
        kept.append(rule)
    return tuple(kept)


def _is_json(text: str) -> bool:
    try:
        json.loads(text.strip(), parse_constant=_refuse)
    except ValueError:
        return False
    return True


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
