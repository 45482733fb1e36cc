"""What the login tests that need no command share: a way out, and two authorities for calls of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from end_to_end.proxy import free_port
from oauth.gemini_cloud import MOVED, GeminiCloud
from oauth.house import House, Visit, Visitor
from oauth.iflow_authority import Iflow
from oauth.qwen_authority import Qwen
from oauth.sites import Site, move

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


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("login")]


@pytest.fixture
def at(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visit]:
    """``at(site)``: its authority, to which its endpoints are moved."""
    running: list[Any] = []

    def begin(site: Site) -> Visitor:
        authority = site.make().__enter__()
        running.append(authority)
        port = free_port()
        move(monkeypatch, site.world(authority, port))
        return Visitor(site, house, authority, port)

    yield begin
    for authority in running:
        authority.__exit__(None, None, None)
        assert authority.refusals == []


@pytest.fixture
def device_login(monkeypatch: pytest.MonkeyPatch) -> Iterator[Qwen]:
    with Qwen() as authority:
        move(monkeypatch, {**authority.world(), "cliproxy.oauth.qwen.INTERVAL": 0.02})
        yield authority
    assert authority.refusals == []
