"""The credential record: one account or key, as config.md 8 and credentials.md 2 describe it.

A record is immutable; its health (cooldowns, last error) lives in the pool (``pool/health.py``), so that replacing
the record never touches the health by accident.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cliproxy.config.settings import empty


@dataclass(frozen=True, slots=True)
class Credential:
    """One credential. ``attributes`` describe it, ``metadata`` is the auth file's JSON object (tokens).

    ``id`` is unique; ``provider`` the lower-case provider key. Secrets are inside ``attributes`` and ``metadata``, so
    ``repr`` shows neither.
    """

    id: str
    provider: str
    label: str = ""
    prefix: str = ""
    proxy_url: str = ""
    file_name: str = ""
    disabled: bool = False
    attributes: Mapping[str, str] = field(default_factory=empty, repr=False)
    metadata: Mapping[str, Any] = field(default_factory=empty, repr=False)

    @property
    def index(self) -> str:
        """The stable index: 16 hex digits from file name, else API key, else id (credentials.md 2.5)."""
        if self.file_name.strip():
            seed = f"file:{self.file_name.strip()}"
        elif key := self.attributes.get("api_key", "").strip():
            seed = f"api_key:{key}"
        else:
            seed = f"id:{self.id.strip()}"
        return hashlib.sha256(seed.encode()).hexdigest()[:16]

    @property
    def executor_key(self) -> str:
        """Provider key whose implementation serves this credential (credentials.md 3.4)."""
        attributes = self.attributes
        if compat := attributes.get("compat_name"):
            return (attributes.get("provider_key") or compat).lower()
        return self.provider.lower() or "openai-compatibility"

    @property
    def is_compat(self) -> bool:
        """True for credentials of ``openai-compatibility`` entries."""
        return bool(self.attributes.get("compat_name")) or self.provider == "openai-compatibility"

    @property
    def is_connection(self) -> bool:
        """True for one that lives as long as a client is connected (credentials.md 3.2)."""
        return self.attributes.get("runtime_only") == "true" and self.metadata.get("email") == self.id

    @property
    def account(self) -> tuple[str, str]:
        """(kind, label): ``("oauth", email)``, ``("api_key", key)`` or two empty strings (credentials.md 2.4)."""
        email = self.metadata.get("email")
        if isinstance(email, str) and email.strip():
            project = self.metadata.get("project_id")
            if self.provider == "gemini-cli" and isinstance(project, str) and project.strip():
                return "oauth", f"{email.strip()} ({project.strip()})"
            return "oauth", email.strip()
        if key := self.attributes.get("api_key", ""):
            return "api_key", key
        return "", ""

    @property
    def auth_kind(self) -> str:
        """``apikey`` or ``oauth``; decides between per-key and OAuth-wide settings."""
        if kind := self.attributes.get("auth_kind"):
            return kind
        return "apikey" if self.account[0] == "api_key" else "oauth"

    def request_retry(self, default: int) -> int:
        """How often a failed round is repeated: the file's own ``request_retry``, else ``default``; at least 0."""
        for key in ("request_retry", "request-retry"):
            value = self.metadata.get(key)
            if isinstance(value, int | float | str) and not isinstance(value, bool):
                try:
                    return max(0, int(value))
                except (ValueError, OverflowError):
                    continue
        return max(0, default)
