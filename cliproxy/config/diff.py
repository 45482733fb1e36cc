"""What changed between two configurations, in lines for the log; secrets are never shown (config.md 14)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cliproxy.config.settings import CompatProvider, KeyEntry, Model, Settings
from cliproxy.masking import redact_proxy

_SCALARS = (
    "port", "auth-dir", "debug", "logging-to-file", "usage-statistics-enabled", "disable-cooling", "request-log",
    "request-retry", "max-retry-interval", "proxy-url", "ws-auth", "force-model-prefix",
    "nonstream-keepalive-interval", "codex-instructions-enabled",
)  # fmt: skip


def diff_lines(old: Settings, new: Settings) -> list[str]:
    """One line per difference, in the specification's order; empty when nothing reportable changed."""
    return [
        *_scalars(old, new),
        *_api_keys(old.api_keys, new.api_keys),
        *_entries("gemini", old.gemini_api_key, new.gemini_api_key),
        *_entries("claude", old.claude_api_key, new.claude_api_key),
        *_entries("codex", old.codex_api_key, new.codex_api_key),
        *_amp(old, new),
        *_groups("oauth-excluded-models", old.oauth_excluded_models, new.oauth_excluded_models),
        *_groups("oauth-model-alias", old.oauth_model_alias, new.oauth_model_alias),
        *_management(old, new),
        *_compat(old.openai_compatibility, new.openai_compatibility),
        *_entries("vertex", old.vertex_api_key, new.vertex_api_key),
    ]


def _show(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _change(key: str, old: Any, new: Any) -> Iterator[str]:
    if old != new:
        yield f"{key}: {_show(old)} -> {_show(new)}"


def _scalars(old: Settings, new: Settings) -> Iterator[str]:
    for key in _SCALARS:
        field = key.replace("-", "_")
        left, right = getattr(old, field), getattr(new, field)
        if key == "proxy-url" and left != right:
            yield f"proxy-url: {redact_proxy(left)} -> {redact_proxy(right)}"
        else:
            yield from _change(key, left, right)
    yield from _change(
        "quota-exceeded.switch-project", old.quota_exceeded.switch_project, new.quota_exceeded.switch_project
    )
    yield from _change(
        "quota-exceeded.switch-preview-model",
        old.quota_exceeded.switch_preview_model,
        new.quota_exceeded.switch_preview_model,
    )


def _api_keys(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    if len(old) != len(new):
        yield f"api-keys count: {len(old)} -> {len(new)}"
    elif [key.strip() for key in old] != [key.strip() for key in new]:
        yield "api-keys: values updated (count unchanged, redacted)"


def _entries(kind: str, old: Sequence[KeyEntry], new: Sequence[KeyEntry]) -> Iterator[str]:
    if len(old) != len(new):
        yield f"{kind}-api-key count: {len(old)} -> {len(new)}"
        return
    for index, (left, right) in enumerate(zip(old, new, strict=True)):
        yield from _entry(f"{kind}[{index}]", kind, left, right)


def _entry(name: str, kind: str, old: KeyEntry, new: KeyEntry) -> Iterator[str]:
    yield from _change(f"{name}.base-url", old.base_url, new.base_url)
    if old.proxy_url != new.proxy_url:
        yield f"{name}.proxy-url: {redact_proxy(old.proxy_url)} -> {redact_proxy(new.proxy_url)}"
    yield from _change(f"{name}.prefix", old.prefix, new.prefix)
    if old.api_key.strip() != new.api_key.strip():
        yield f"{name}.api-key: updated"
    headers = [f"{name}.headers: updated"] if old.headers != new.headers else []
    models = [_counts(f"{name}.models", old.models, new.models)] if _pairs(kind, old) != _pairs(kind, new) else []
    yield from models + headers if kind == "vertex" else headers + models
    if kind != "vertex" and set(old.excluded_models) != set(new.excluded_models):
        yield _counts(f"{name}.excluded-models", old.excluded_models, new.excluded_models)


def _pairs(kind: str, entry: KeyEntry) -> set[Any]:
    if kind == "vertex":
        return {(model.alias or model.name).strip().lower() for model in entry.models}
    return _model_set(entry.models)


def _model_set(models: Sequence[Model]) -> set[tuple[str, str]]:
    pairs = {(model.name.strip().lower(), model.alias.strip().lower()) for model in models}
    return pairs - {("", "")}


def _counts(key: str, old: Sequence[Any], new: Sequence[Any]) -> str:
    return f"{key}: updated ({len(old)} -> {len(new)} entries)"


def _amp(old: Settings, new: Settings) -> Iterator[str]:
    left, right = old.ampcode, new.ampcode
    yield from _change("ampcode.upstream-url", left.upstream_url.strip(), right.upstream_url.strip())
    yield from _secret("ampcode.upstream-api-key", left.upstream_api_key, right.upstream_api_key, "added", "removed")
    yield from _change(
        "ampcode.restrict-management-to-localhost",
        left.restrict_management_to_localhost,
        right.restrict_management_to_localhost,
    )
    if sorted((m.from_model, m.to_model) for m in left.model_mappings) != sorted(
        (m.from_model, m.to_model) for m in right.model_mappings
    ):
        yield _counts("ampcode.model-mappings", left.model_mappings, right.model_mappings)
    yield from _change("ampcode.force-model-mappings", left.force_model_mappings, right.force_model_mappings)
    if [(k.upstream_api_key, set(k.api_keys)) for k in left.upstream_api_keys] != [
        (k.upstream_api_key, set(k.api_keys)) for k in right.upstream_api_keys
    ]:
        yield _counts("ampcode.upstream-api-keys", left.upstream_api_keys, right.upstream_api_keys)


def _secret(key: str, old: str, new: str, added: str, removed: str) -> Iterator[str]:
    if old.strip() != new.strip():
        yield f"{key}: {added if not old.strip() else removed if not new.strip() else 'updated'}"


def _groups(key: str, old: Mapping[str, Sequence[Any]], new: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    for name in sorted({*old, *new}):
        left, right = old.get(name, ()), new.get(name, ())
        if name not in new:
            yield f"{key}[{name}]: removed"
        elif name not in old:
            yield f"{key}[{name}]: added ({len(right)} entries)"
        elif set(left) != set(right):
            yield f"{key}[{name}]: updated ({len(left)} -> {len(right)} entries)"


def _management(old: Settings, new: Settings) -> Iterator[str]:
    left, right = old.remote_management, new.remote_management
    yield from _change("remote-management.allow-remote", left.allow_remote, right.allow_remote)
    yield from _change(
        "remote-management.disable-control-panel", left.disable_control_panel, right.disable_control_panel
    )
    yield from _change(
        "remote-management.panel-github-repository", left.panel_github_repository, right.panel_github_repository
    )
    yield from _secret("remote-management.secret-key", left.secret_key, right.secret_key, "created", "deleted")


def _compat(old: Sequence[CompatProvider], new: Sequence[CompatProvider]) -> Iterator[str]:
    labels: dict[str, str] = {}
    left, right = _by_match_key(old, labels), _by_match_key(new, labels)
    lines = []
    for key in sorted(labels):
        label = labels[key]
        if key not in left:
            lines.append(f"    provider added: {label} ({_size(right[key])})")
        elif key not in right:
            lines.append(f"    provider removed: {label} ({_size(left[key])})")
        elif parts := list(_compat_parts(left[key], right[key])):
            lines.append(f"    provider updated: {label} ({', '.join(parts)})")
    if lines:
        yield "openai-compatibility:"
        yield from (line[2:] for line in lines)


def _compat_parts(old: CompatProvider, new: CompatProvider) -> Iterator[str]:
    left, right = _keys(old), _keys(new)
    if left != right:
        yield f"api-keys {len(left)} -> {len(right)}"
    if _model_set(old.models) != _model_set(new.models):
        yield f"models {len(_model_set(old.models))} -> {len(_model_set(new.models))}"
    if old.headers != new.headers:
        yield "headers updated"


def _keys(provider: CompatProvider) -> list[str]:
    return [entry.api_key.strip() for entry in provider.api_key_entries if entry.api_key.strip()]


def _size(provider: CompatProvider) -> str:
    return f"api-keys={len(_keys(provider))}, models={len(_model_set(provider.models))}"


def _by_match_key(providers: Sequence[CompatProvider], labels: dict[str, str]) -> dict[str, CompatProvider]:
    found = {}
    for index, provider in enumerate(providers):
        key, label = _match_key(provider, index)
        found[key] = provider
        labels[key] = label
    return found


def _match_key(provider: CompatProvider, index: int) -> tuple[str, str]:
    """(match key, label): by name, base URL, first model, content, place."""
    if provider.name:
        return f"name:{provider.name.lower()}", provider.name
    if provider.base_url:
        return f"base:{provider.base_url.lower()}", provider.base_url
    for model in provider.models:
        if model.alias.strip() or model.name.strip():
            return f"model:{(model.alias or model.name).strip().lower()}", (model.alias or model.name).strip()
    if provider.api_key_entries or provider.headers:
        digest = hashlib.sha256(repr(provider).encode()).hexdigest()
        return f"hash:{digest}", f"compat-{digest[:8]}"
    return f"index:{index}", f"entry-{index + 1}"
