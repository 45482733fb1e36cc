"""The settings of one configuration file, as every other part sees them: frozen, complete, normalised.

One dataclass per section of config.yaml; field names are the YAML keys with underscores. Defaults are the "absent"
values of config.md 5. Nothing here reads files: ``load.py`` builds a ``Settings`` from YAML, and embedders may build
one by hand (``create_app(Settings(...))``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from cliproxy.config.durations import parse_duration

EMPTY: Mapping[str, Any] = MappingProxyType({})
_AFFINITY_TTL = "1h"


def empty() -> Mapping[str, Any]:
    """The empty mapping, as a default factory (a mapping proxy cannot be a dataclass default)."""
    return EMPTY


@dataclass(frozen=True, slots=True)
class Tls:
    """Server certificate; ``cert`` and ``key`` are file paths (config.md 5.1)."""

    enable: bool = False
    cert: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class RemoteManagement:
    """Who may use ``/v0/management``; ``secret_key`` is a bcrypt hash after loading."""

    allow_remote: bool = False
    secret_key: str = ""
    disable_control_panel: bool = False
    panel_github_repository: str = "https://github.com/router-for-me/Cli-Proxy-API-Management-Center"


@dataclass(frozen=True, slots=True)
class QuotaExceeded:
    """Stored and editable, without effect (config.md 5.1)."""

    switch_project: bool = False
    switch_preview_model: bool = False


@dataclass(frozen=True, slots=True)
class Routing:
    """``strategy`` as written, trimmed and lower-cased; read it through ``fill_first``.

    ``session_affinity`` (ours): a conversation stays with its credential, until ``session_affinity_ttl`` (a span of
    time as text, empty = 1h) has passed without a request.
    """

    strategy: str = ""
    session_affinity: bool = False
    session_affinity_ttl: str = ""

    @property
    def affinity_seconds(self) -> float:
        """The time to live of a conversation's binding."""
        return parse_duration(self.session_affinity_ttl or _AFFINITY_TTL) or parse_duration(_AFFINITY_TTL) or 0.0

    @property
    def fill_first(self) -> bool:
        """True for ``fill-first``, ``fillfirst`` and ``ff``; everything else is round-robin."""
        return self.strategy in ("fill-first", "fillfirst", "ff")


@dataclass(frozen=True, slots=True)
class Streaming:
    """Seconds of silence before a keep-alive (<= 0 off) and whole restarts before the first byte."""

    keepalive_seconds: int = 15
    bootstrap_retries: int = 0


@dataclass(frozen=True, slots=True)
class Model:
    """One ``models:`` item of a key entry: upstream ``name`` and the ``alias`` clients use."""

    name: str = ""
    alias: str = ""


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One item of gemini-, codex-, claude- or vertex-api-key (config.md 5.2-5.4, 5.6)."""

    api_key: str = ""
    priority: int = 0
    prefix: str = ""
    base_url: str = ""
    proxy_url: str = ""
    headers: Mapping[str, str] = field(default_factory=empty)
    models: tuple[Model, ...] = ()
    excluded_models: tuple[str, ...] = ()
    cloak: Mapping[str, Any] | None = None
    """Claude only: accepted, kept, ignored (design D7)."""


@dataclass(frozen=True, slots=True)
class CompatKey:
    """One ``api-key-entries`` item of an OpenAI-compatible provider."""

    api_key: str = ""
    proxy_url: str = ""


@dataclass(frozen=True, slots=True)
class CompatProvider:
    """One ``openai-compatibility`` item (config.md 5.5)."""

    name: str = ""
    priority: int = 0
    prefix: str = ""
    base_url: str = ""
    api_key_entries: tuple[CompatKey, ...] = ()
    models: tuple[Model, ...] = ()
    headers: Mapping[str, str] = field(default_factory=empty)

    @property
    def provider_key(self) -> str:
        """The provider key under which its models are registered."""
        return self.name.strip().lower() or "openai-compatibility"


@dataclass(frozen=True, slots=True)
class AmpUpstreamKey:
    """Client keys that use one Amp upstream key."""

    upstream_api_key: str = ""
    api_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AmpMapping:
    """A model mapping of the Amp module; ``regex`` makes ``from_model`` a pattern."""

    from_model: str = ""
    to_model: str = ""
    regex: bool = False


@dataclass(frozen=True, slots=True)
class Ampcode:
    """The ``ampcode`` section (config.md 5.7)."""

    upstream_url: str = ""
    upstream_api_key: str = ""
    upstream_api_keys: tuple[AmpUpstreamKey, ...] = ()
    restrict_management_to_localhost: bool = False
    model_mappings: tuple[AmpMapping, ...] = ()
    force_model_mappings: bool = False


@dataclass(frozen=True, slots=True)
class OAuthAlias:
    """Upstream ``name`` offered as ``alias``; ``fork`` keeps the original name too (config.md 5.8)."""

    name: str
    alias: str
    fork: bool = False


@dataclass(frozen=True, slots=True)
class PayloadModel:
    """Which requests a payload rule is for: wildcard name, optional protocol."""

    name: str = ""
    protocol: str = ""


@dataclass(frozen=True, slots=True)
class PayloadRule:
    """``params``: path -> value (default, override: YAML value; raw sections: JSON text or YAML structure)."""

    models: tuple[PayloadModel, ...] = ()
    params: Mapping[str, Any] = field(default_factory=empty)


@dataclass(frozen=True, slots=True)
class PayloadFilter:
    """``params``: paths to delete."""

    models: tuple[PayloadModel, ...] = ()
    params: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Payload:
    """The ``payload`` section (config.md 5.10), applied in this order."""

    default: tuple[PayloadRule, ...] = ()
    default_raw: tuple[PayloadRule, ...] = ()
    override: tuple[PayloadRule, ...] = ()
    override_raw: tuple[PayloadRule, ...] = ()
    filter: tuple[PayloadFilter, ...] = ()


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds; 0 = no limit (providers.md 2.1)."""

    first_byte: float = 600.0
    idle: float = 300.0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits for all providers and exceptions per provider key (already filled up from the common ones)."""

    common: TimeLimits = TimeLimits()
    providers: Mapping[str, TimeLimits] = field(default_factory=empty)

    def of(self, provider: str) -> TimeLimits:
        """The limits of one provider key."""
        return self.providers.get(provider, self.common)


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """Client id and secret of one OAuth provider; empty = the built-in public id, the environment's secret."""

    client_id: str = ""
    client_secret: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """One whole configuration. Compare two with ``==``; never changed in place."""

    host: str = "127.0.0.1"
    port: int = 8317
    tls: Tls = Tls()
    auth_dir: str = "~/.cli-proxy-api"
    debug: bool = False
    commercial_mode: bool = False
    logging_to_file: bool = False
    logs_max_total_size_mb: int = 0
    error_logs_max_files: int = 10
    request_log: bool = False
    usage_statistics_enabled: bool = False
    proxy_url: str = ""
    force_model_prefix: bool = False
    request_retry: int = 0
    max_retry_interval: int = 0
    disable_cooling: bool = False
    quota_exceeded: QuotaExceeded = QuotaExceeded()
    routing: Routing = Routing()
    ws_auth: bool = False
    nonstream_keepalive_interval: int = 0
    streaming: Streaming = Streaming()
    codex_instructions_enabled: bool = False
    api_keys: tuple[str, ...] = ()
    """As written, blank ones included: empty = open to all, only blanks = closed (config.md 16.1)."""
    remote_management: RemoteManagement = RemoteManagement()
    gemini_api_key: tuple[KeyEntry, ...] = ()
    codex_api_key: tuple[KeyEntry, ...] = ()
    claude_api_key: tuple[KeyEntry, ...] = ()
    openai_compatibility: tuple[CompatProvider, ...] = ()
    vertex_api_key: tuple[KeyEntry, ...] = ()
    ampcode: Ampcode = Ampcode()
    oauth_model_alias: Mapping[str, tuple[OAuthAlias, ...]] = field(default_factory=empty)
    oauth_excluded_models: Mapping[str, tuple[str, ...]] = field(default_factory=empty)
    payload: Payload = Payload()
    # Keys the reference lacks (config.md 5.12).
    demo: bool = False
    timeouts: Timeouts = Timeouts()
    oauth_clients: Mapping[str, OAuthClient] = field(default_factory=empty)
    oauth_system_prefix: Mapping[str, str] = field(default_factory=empty)
    codex_instructions_file: str = ""
    usage_database: str = ""
    metrics_public: bool = False
    """``metrics.public`` (design D21)."""
    transient_error_cooldown_seconds: int = 0
    """Seconds for which a 408 or 5xx cools a model down; 0 = the usual minute, negative = not at all."""
    max_request_body_mb: int = 50
    """Largest request body in MiB, counted after decompression; 0 = no limit. Larger ones get 413."""
