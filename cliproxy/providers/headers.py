"""Identification headers that OAuth upstreams check (design D22, providers.md 3): one table, nothing beyond need.

Overridable per credential by its ``headers``. Upstreams that check nothing get nothing.
"""

from __future__ import annotations

CODEX_VERSION = "0.21.0"
CODEX_BETA = "responses=experimental"
CODEX_USER_AGENT = "codex_cli_rs/0.50.0 (Mac OS 26.0.1; arm64) Apple_Terminal/464"
CODEX_ORIGINATOR = "codex_cli_rs"
"""providers.md 12.1; the originator goes out with OAuth logins only."""
