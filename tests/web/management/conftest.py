"""A whole application on a configuration file of its own, asked through its management API without a server."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from end_to_end.proxy import free_port
from flask import Flask
from management.dashboard import Visit, Visitor
from oauth.sites import Site, move
from werkzeug.test import TestResponse

from cliproxy.app import create_app
from cliproxy.config.load import load_file
from cliproxy.config.settings import Settings

KEY = "manager"
BASE = "/v0/management/"


class Manager:
    """The application, its configuration file and its folder. The key comes from ``MANAGEMENT_PASSWORD``."""

    def __init__(self, folder: Path, config: str) -> None:
        self.folder, self.config = folder, folder / "config.yaml"
        self.auths = folder / "auths"
        self.config.write_text(textwrap.dedent(config) + f"auth-dir: {self.auths}\n")
        self.app: Flask = create_app(config=self.config)

    def __repr__(self) -> str:
        return f"<Manager {self.folder}>"

    @property
    def text(self) -> str:
        """The configuration file as it is now."""
        return self.config.read_text()

    @property
    def on_disk(self) -> Settings:
        """The settings that the file holds now."""
        return load_file(self.config).settings

    @property
    def in_force(self) -> Settings:
        """The settings that the application uses now."""
        found: Settings = self.app.extensions["cliproxy"].settings()
        return found

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> TestResponse:
        """One request with the key. ``body``: bytes as they are, None for nothing, anything else as JSON."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers: Mapping[str, str] = {"Authorization": f"Bearer {KEY}", **options.pop("headers", {})}
        return self.app.test_client().open(BASE + path, method=method, data=data, headers=headers, **options)

    def get(self, path: str) -> Any:
        """The JSON of a GET, which succeeds."""
        return self.done("GET", path)

    def done(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of a request that succeeds."""
        response = self.ask(method, path, body)
        assert response.status_code == 200, response.text
        return response.json

    def refused(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """(status, JSON) of a request that fails; it has changed neither the file nor what is in force."""
        before = self.text, self.in_force
        response = self.ask(method, path, body)
        assert response.status_code >= 400
        assert (self.text, self.in_force) == before
        return response.status_code, response.json

    def stop(self) -> None:
        """End its background work."""
        self.app.extensions["cliproxy.lifecycle"].stop()


Manage = Callable[..., Manager]


@pytest.fixture
def manage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manage]:
    """``manage("debug: true\\n")``: an application with this configuration (``auth-dir`` is added at its end)."""
    monkeypatch.setenv("MANAGEMENT_PASSWORD", KEY)
    monkeypatch.setenv("WRITABLE_PATH", str(tmp_path))
    monkeypatch.delenv("CLIPROXY_PASSWORD", raising=False)
    made: list[Manager] = []

    def begin(config: str = "port: 8080\n") -> Manager:
        made.append(Manager(tmp_path, config))
        return made[-1]

    yield begin
    for manager in made:
        manager.stop()


@pytest.fixture
def visit(manage: Manage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visit]:
    """``visit(CODEX)``: an application and the fake of a provider."""
    monkeypatch.setattr("cliproxy.oauth.web_login.POLL", 0.02)
    running: list[Any] = []

    def begin(site: Site, config: Mapping[str, Any] | None = None) -> Visitor:
        authority = site.make().__enter__()
        running.append(authority)
        port = free_port()
        move(monkeypatch, site.world(authority, port))
        settings = {"port": 8080, **site.settings} if config is None else config
        text = "".join(f"{name}: {json.dumps(value)}\n" for name, value in settings.items())
        return Visitor(manage(text), site, authority, port)

    yield begin
    for authority in running:
        authority.__exit__(None, None, None)
        assert authority.refusals == []
