"""Credentials from config entries (config.md 9): ids, labels, attributes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import orjson

from cliproxy.config.settings import CompatKey, CompatProvider, KeyEntry, Model, Settings
from cliproxy.providers.credential import Credential


def credentials_from_config(settings: Settings) -> list[Credential]:
    """All credentials of a configuration: gemini, claude, codex, openai-compatibility, vertex, demo; in file order."""
    ids = _Ids()
    found = [
        *_keys("gemini", settings.gemini_api_key, ids),
        *_keys("claude", settings.claude_api_key, ids),
        *_keys("codex", settings.codex_api_key, ids),
        *(item for provider in settings.openai_compatibility for item in _compat(provider, ids)),
        *_vertex(settings.vertex_api_key, ids),
    ]
    if settings.demo:
        found.append(Credential("demo", "demo", "demo", attributes={"runtime_only": "true"}))
    return found


class _Ids:
    """Makes ids unique within one run: the second identical one gets ``-1``, the third ``-2``."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def make(self, kind: str, *parts: str) -> tuple[str, str]:
        """(id, token) of a credential."""
        base = token(kind, *parts)
        number = self._seen[f"{kind}:{base}"]
        self._seen[f"{kind}:{base}"] += 1
        name = f"{base}-{number}" if number else base
        return f"{kind}:{name}", name


def token(kind: str, *parts: str) -> str:
    """12 hex digits of SHA-256 over the kind and, each after a zero byte, the trimmed parts."""
    data = kind.encode() + b"".join(b"\0" + part.strip().encode() for part in parts)
    return hashlib.sha256(data).hexdigest()[:12]


def models_hash(models: Sequence[Model]) -> str:
    """Change detector of a models list; empty when nothing is in it."""
    lines = {f"{m.name.strip().lower()}|{m.alias.strip().lower()}" for m in models} - {"|"}
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest() if lines else ""


def exclusions_hash(patterns: Sequence[str]) -> str:
    """Change detector of an exclusion list; empty when nothing is in it."""
    names = sorted({pattern.strip().lower() for pattern in patterns} - {""})
    return hashlib.sha256(orjson.dumps(names)).hexdigest() if names else ""


def _keys(kind: str, entries: Sequence[KeyEntry], ids: _Ids) -> Iterator[Credential]:
    for entry in entries:
        key = entry.api_key.strip()
        if not key:
            continue
        credential_id, name = ids.make(f"{kind}:apikey", key, entry.base_url)
        attributes = {"source": f"config:{kind}[{name}]", "api_key": key, "auth_kind": "apikey"}
        if entry.base_url.strip():
            attributes["base_url"] = entry.base_url.strip()
        yield _record(credential_id, kind, f"{kind}-apikey", entry, attributes)


def _vertex(entries: Sequence[KeyEntry], ids: _Ids) -> Iterator[Credential]:
    for entry in entries:
        key, base = entry.api_key.strip(), entry.base_url.strip()
        credential_id, name = ids.make("vertex:apikey", key, base, entry.proxy_url)
        attributes = {
            "source": f"config:vertex-apikey[{name}]", "base_url": base, "auth_kind": "apikey",
            "provider_key": "vertex",
        }  # fmt: skip
        if key:
            attributes["api_key"] = key
        yield _record(credential_id, "vertex", "vertex-apikey", entry, attributes)


def _record(credential_id: str, provider: str, label: str, entry: KeyEntry, attributes: dict[str, str]) -> Credential:
    hashes = {"models_hash": models_hash(entry.models), "excluded_models_hash": exclusions_hash(entry.excluded_models)}
    attributes.update(_common(entry.priority, entry.headers))
    attributes.update({name: value for name, value in hashes.items() if value})
    return Credential(
        credential_id, provider, label, prefix=entry.prefix, proxy_url=entry.proxy_url.strip(), attributes=attributes
    )


def _common(priority: int, headers: Mapping[str, str]) -> dict[str, str]:
    found = {f"header:{name}": value for name, value in headers.items()}
    return {**found, "priority": str(priority)} if priority else found


def _compat(provider: CompatProvider, ids: _Ids) -> Iterator[Credential]:
    key, base = provider.provider_key, provider.base_url.strip()
    kind = f"openai-compatibility:{key}"
    entries: list[CompatKey | None] = list(provider.api_key_entries) or [None]
    for entry in entries:
        parts = (base,) if entry is None else (entry.api_key, base, entry.proxy_url)
        credential_id, name = ids.make(kind, *parts)
        attributes = {
            "source": f"config:{key}[{name}]", "base_url": base,
            "compat_name": provider.name or key, "provider_key": key,
            **_common(provider.priority, provider.headers),
        }  # fmt: skip
        if entry is not None and entry.api_key.strip():
            attributes["api_key"] = entry.api_key.strip()
        if digest := models_hash(provider.models):
            attributes["models_hash"] = digest
        yield Credential(
            credential_id, key, provider.name or key, prefix=provider.prefix,
            proxy_url=entry.proxy_url.strip() if entry else "", attributes=attributes,
        )  # fmt: skip
