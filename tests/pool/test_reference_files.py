"""Auth files that the original program has written load here (oauth-login.md 17.11)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cliproxy.config.settings import Settings
from cliproxy.pool.auth_files import credentials_from_files
from cliproxy.providers.gemini_cli_token import token_of
from cliproxy.providers.token_times import expiry

GEMINI = {
    "token": {
        "access_token": "ya29.FAKE", "client_id": "c", "client_secret": "s", "expires_in": 3599,
        "expiry": "2026-02-01T13:15:29.123456789+08:00", "refresh_token": "1//FAKE", "scopes": ["a"],
        "token_type": "Bearer", "token_uri": "https://oauth2.googleapis.com/token", "universe_domain": "googleapis.com",
    },
    "project_id": "my-project-123", "email": "user@example.com", "auto": False, "checked": True, "type": "gemini",
}  # fmt: skip
CLAUDE = {
    "id_token": "", "access_token": "FAKE-access", "refresh_token": "FAKE-refresh",
    "last_refresh": "2026-02-01T12:00:00+08:00", "email": "user@example.com", "type": "claude",
    "expired": "2026-02-01T20:00:00+08:00",
}  # fmt: skip
CODEX = {
    "id_token": "hdr.payload.sig", "access_token": "FAKE", "refresh_token": "FAKE", "account_id": "acct-123",
    "last_refresh": "2026-02-01T12:00:00Z", "email": "u@x.com", "type": "codex", "expired": "2026-02-11T12:00:00Z",
}  # fmt: skip
QWEN = {
    "access_token": "FAKE", "refresh_token": "FAKE", "last_refresh": "2026-02-01T12:00:00Z",
    "resource_url": "portal.qwen.ai", "email": "my-alias", "type": "qwen", "expired": "2026-02-01T18:00:00Z",
}  # fmt: skip
IFLOW = {
    "access_token": "", "refresh_token": "", "last_refresh": "2026-02-01T12:00:00Z", "expired": "2026-02-08 12:30",
    "api_key": "FAKE-KEY", "email": "138****0000", "token_type": "", "scope": "", "cookie": "BXAuth=FAKE;", "type": "iflow",
}  # fmt: skip
ANTIGRAVITY = {
    "access_token": "ya29.FAKE", "disabled": False, "email": "user@example.com", "expired": "2026-02-01T13:00:00Z",
    "expires_in": 3599, "project_id": "mystic-victor-77", "refresh_token": "1//FAKE", "timestamp": 1769947200000,
    "type": "antigravity",
}  # fmt: skip
VERTEX = {
    "service_account": {"client_email": "sa@p.iam.gserviceaccount.com", "private_key": "k", "project_id": "p"},
    "project_id": "my-project-123", "email": "sa@p.iam.gserviceaccount.com", "location": "us-central1", "type": "vertex",
}  # fmt: skip


@pytest.mark.parametrize(
    ("content", "provider", "label", "ends"),
    [
        (GEMINI, "gemini-cli", "user@example.com (my-project-123)", 1769922929),
        (CLAUDE, "claude", "user@example.com", 1769947200), (CODEX, "codex", "u@x.com", 1770811200),
        (QWEN, "qwen", "my-alias", 1769968800), (IFLOW, "iflow", "138****0000", 1770553800),
        (ANTIGRAVITY, "antigravity", "user@example.com", 1769950800),
        (VERTEX, "vertex", "sa@p.iam.gserviceaccount.com", None),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)  # fmt: skip
def test_an_example_of_the_specification(
    tmp_path: Path, content: dict[str, Any], provider: str, label: str, ends: int | None
) -> None:
    (tmp_path / "account.json").write_text(json.dumps(content))
    (found,) = credentials_from_files(str(tmp_path), Settings())
    assert (found.provider, found.account, found.disabled) == (provider, ("oauth", label), False)
    moment = expiry(found)
    assert (None if moment is None else int(moment)) == ends
    assert dict(found.metadata) == content


def test_nanoseconds() -> None:
    token = token_of(GEMINI)
    assert token.expires_at == pytest.approx(1769922929.123456)
    assert (token.access_token, token.refresh_token) == ("ya29.FAKE", "1//FAKE")


def test_several_projects(tmp_path: Path) -> None:
    (tmp_path / "gemini-u@x-all.json").write_text(json.dumps({**GEMINI, "project_id": "a,b"}))
    found = credentials_from_files(str(tmp_path), Settings())
    assert [credential.id for credential in found] == [
        "gemini-u@x-all.json", "gemini-u@x-all.json::a", "gemini-u@x-all.json::b",
    ]  # fmt: skip
