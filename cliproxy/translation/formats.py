"""Identifiers of the wire formats (translation.md 0.1). They appear in configuration, logs and the management API."""

from __future__ import annotations

from typing import Literal

Format = Literal["openai", "openai-response", "claude", "gemini", "gemini-cli", "codex", "antigravity"]

OPENAI: Format = "openai"
RESPONSES: Format = "openai-response"
CLAUDE: Format = "claude"
GEMINI: Format = "gemini"
GEMINI_CLI: Format = "gemini-cli"
CODEX: Format = "codex"
ANTIGRAVITY: Format = "antigravity"

CLIENT_FORMATS: tuple[Format, ...] = (OPENAI, RESPONSES, CLAUDE, GEMINI, GEMINI_CLI)
