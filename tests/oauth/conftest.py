"""What the login tests that need no command share: a way out, and two authorities for calls of this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from oauth.gemini_cloud import MOVED, GeminiCloud
from oauth.iflow_authority import Iflow

from cliproxy.config.settings import Settings
from cliproxy.oauth import gemini_projects
from cliproxy.oauth.gemini import GoogleSession
from cliproxy.providers.http import HttpClient
from cliproxy.providers.tokens import iflow as iflow_tokens
from cliproxy.providers.tokens.apps import APPS
from cliproxy.providers.tokens.client import TokenClient


@pytest.fixture
def client() -> Iterator[TokenClient]:
    http = HttpClient(Settings, {})
    yield TokenClient(http)
    http.close()


@pytest.fixture
def cloud() -> Iterator[GeminiCloud]:
    with GeminiCloud() as authority:
        yield authority
    assert authority.refusals == []


@pytest.fixture
def session(cloud: GeminiCloud, client: TokenClient, monkeypatch: pytest.MonkeyPatch) -> GoogleSession:
    """A login at the cloud, before its projects are set up."""
    for name in MOVED:
        monkeypatch.setattr(gemini_projects, name, cloud.url)
    answer = {"access_token": "ya29.1", "refresh_token": "1//refresh", "token_type": "Bearer"}
    return GoogleSession(APPS["gemini"], client, "user@example.com", answer)


@pytest.fixture
def iflow() -> Iterator[Iflow]:
    with Iflow() as authority:
        yield authority
    assert authority.refusals == []


@pytest.fixture
def here(iflow: Iflow, monkeypatch: pytest.MonkeyPatch) -> Iflow:
    """The authority, for what runs in this process."""
    monkeypatch.setattr(iflow_tokens, "KEY_URL", f"{iflow.url}/key")
    return iflow
