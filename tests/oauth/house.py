"""Logins from the web without a server: a folder for accounts, and a person at a provider's fake."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from oauth.sites import SITES, Site, browse, callback_of
from upstream.waiting import eventually

from cliproxy.config.settings import OAuthClient, Settings
from cliproxy.oauth.desk import LoginDesk
from cliproxy.oauth.flow import Callback
from cliproxy.oauth.web_flows import WebLogin
from cliproxy.oauth.web_login import WebLogins
from cliproxy.pool.stores.file import FileStore
from cliproxy.providers.http import HttpClient

SECRETS = {
    site.app: OAuthClient(client_secret=site.settings["oauth-clients"][site.app]["client-secret"])
    for site in SITES
    if site.settings
}


class House:
    """A folder with accounts, and the logins that add to it."""

    def __init__(self, folder: Path, patience: float = 20.0, poll: float = 0.02) -> None:
        self.folder = folder
        self.settings = Settings(auth_dir=str(folder), oauth_clients=SECRETS)
        self.store = FileStore(str(folder))
        self.http = HttpClient(lambda: self.settings, {})
        self.used: list[list[str]] = []
        self.saved: Callable[[], object] = lambda: self.used.append(sorted(self.files()))
        desk = LoginDesk(
            lambda: self.settings, self.store, self.http, lambda: self.saved(), {}, lambda: str(self.folder)
        )
        self.logins = WebLogins(desk, patience=patience, poll=poll)
        self.sessions = self.logins.sessions

    def files(self) -> dict[str, Any]:
        """All token files, parsed."""
        return {path.name: json.loads(path.read_bytes()) for path in self.folder.glob("*.json")}

    def deliver(self, name: str, callback: Callback) -> None:
        """Hand over what came back."""
        assert self.logins.deliver(name, callback)

    def ended(self, state: str) -> str:
        """What the dashboard shows at the end: ``ok`` or an error. Nothing of the login is left then."""

        def outcome() -> str:
            session = self.sessions.get(state)
            return "ok" if session is None else session.failure

        found = eventually(outcome, "the login ends")
        eventually(lambda: repr(self.logins) == "<WebLogins []>", "its thread ends")
        assert list(self.folder.glob(".oauth*")) == []
        return found

    def close(self) -> None:
        """End it."""
        self.logins.stop()
        self.http.close()


class Visitor:
    """One provider in its fake, and what a person does there."""

    def __init__(self, site: Site, house: House, authority: Any, port: int) -> None:
        self.site, self.house, self.authority, self.port = site, house, authority, port

    def start(self, project: str = "", server: str = "") -> WebLogin:
        """Begin a login."""
        return self.house.logins.start(self.site.name, project=project, server=server)

    def log_in(self, project: str = "") -> str:
        """A whole login; what the dashboard shows at the end."""
        login = self.start(project)
        self.house.deliver(self.site.name, callback_of(browse(self.authority, login.url)))
        return self.house.ended(login.state)

    def comes_back_with(self, **parts: str) -> str:
        """A callback of somebody's making; what the dashboard shows."""
        login = self.start()
        self.house.deliver(self.site.name, Callback(state=login.state, **parts))
        return self.house.ended(login.state)


Visit = Callable[[Site], Visitor]


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether anybody takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0
