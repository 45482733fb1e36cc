"""Identification headers that OAuth upstreams check (design D22, providers.md 3): one table, nothing beyond need.

Overridable per credential by its ``headers``. Upstreams that check nothing get nothing.
"""

from __future__ import annotations

CODEX_VERSION = "0.21.0"
CODEX_BETA = "responses=experimental"
CODEX_USER_AGENT = "codex_cli_rs/0.50.0 (Mac OS 26.0.1; arm64) Apple_Terminal/464"
CODEX_ORIGINATOR = "codex_cli_rs"
"""providers.md 12.1; the originator goes out with OAuth logins only."""

GOOGLE_NODE = {
    "User-Agent": "google-api-nodejs-client/9.15.1",
    "X-Goog-Api-Client": "gl-node/22.17.0",
    "Client-Metadata": "ideType=IDE_UNSPECIFIED,platform=PLATFORM_UNSPECIFIED,pluginType=GEMINI",
}
"""providers.md 15 (where the client does not say it itself) and 17; oauth-login.md 4.3."""

ANTIGRAVITY_USER_AGENT = "antigravity/1.104.0 darwin/arm64"
"""providers.md 16; also for renewing its tokens."""

IFLOW_USER_AGENT = "iFlow-Cli"
"""providers.md 18."""
