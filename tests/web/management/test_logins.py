"""Logins through the management API: start, callback, status, cancel (management-api.md 12, 23)."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from end_to_end.proxy import free_port
from flask import Flask
from management.conftest import Manage
from management.dashboard import OK, Visit, error
from oauth.authority import Answer
from oauth.house import House, listens
from oauth.qwen_authority import PENDING, Qwen
from oauth.sites import ANTIGRAVITY, CODEX, EVERY, GEMINI, IFLOW, SITES, Site, browse, move
from upstream.waiting import eventually

from cliproxy.web.management.api import management_blueprint
from cliproxy.web.management.authentication import ManagementAuthenticator
from cliproxy.web.management.logins import LoginRoutes

BASE = "/v0/management/"


# A whole login


@EVERY
def test_pasted_by_hand(visit: Visit, site: Site) -> None:
    visitor = visit(site)
    url, state = visitor.start()
    assert visitor.status(state) == {"status": "wait"}
    back = browse(visitor.authority, url)
    assert visitor.post(provider=site.name.upper(), redirect_url=f" {back} ") == (200, OK)
    assert visitor.ended(state) == OK
    assert visitor.files() == [site.file]
    pool = visitor.manager.app.extensions["cliproxy"].dispatcher._pool
    assert pool.get(site.file) is not None  # in use at once


@EVERY
def test_through_the_forwarder_and_the_callback_page(visit: Visit, site: Site) -> None:
    visitor = visit(site)
    url, state = visitor.start("?is_webui=%20Yes%20")
    back = urlsplit(browse(visitor.authority, url))
    page = forwarded(visitor.port, f"{back.path}?{back.query}")
    assert page == f"http://127.0.0.1:8080{site.page}?{back.query}"
    answer = visitor.manager.app.test_client().get(page)
    assert (answer.status_code, "Authentication successful" in answer.text) == (200, True)
    assert visitor.ended(state) == OK
    assert visitor.files() == [site.file]
    eventually(lambda: not listens(visitor.port), "the port is free again")


def forwarded(port: int, target: str) -> str:
    """Where the listener at a port sends a browser."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", target)
        return connection.getresponse().headers["Location"]
    finally:
        connection.close()


@pytest.mark.parametrize("query", ["", "?is_webui=", "?is_webui=0", "?is_webui=no", "?is_webui=2"])
def test_without_web_ui_nothing_listens(visit: Visit, query: str) -> None:
    visitor = visit(CODEX)
    visitor.start(query)
    assert not listens(visitor.port)


@pytest.mark.parametrize("query", ["?is_webui=1", "?is_webui=TRUE", "?is_webui=on"])
def test_with_web_ui_a_port_listens(visit: Visit, query: str) -> None:
    visitor = visit(CODEX)
    visitor.start(query)
    assert listens(visitor.port)
    visitor.manager.stop()
    assert not listens(visitor.port)


def test_with_tls_the_page_is_at_https(visit: Visit) -> None:
    tls = {"enable": True, "cert": "c", "key": "k"}
    visitor = visit(CODEX, {"port": 8443, "tls": tls})
    visitor.start("?is_webui=1")
    assert forwarded(visitor.port, "/?code=c") == "https://127.0.0.1:8443/codex/callback?code=c"


def test_the_port_of_the_connection_counts(visit: Visit) -> None:
    """``-b`` of gunicorn overrides the port of the configuration."""
    visitor = visit(CODEX)
    with socket.create_server(("127.0.0.1", 0)) as server:
        visitor.manager.ask("GET", "codex-auth-url?is_webui=1", environ_base={"gunicorn.socket": server})
        place = forwarded(visitor.port, "/?code=c")
        assert place == f"http://127.0.0.1:{server.getsockname()[1]}/codex/callback?code=c"


def test_below_a_prefix(visit: Visit) -> None:
    visitor = visit(CODEX)
    visitor.manager.ask("GET", "codex-auth-url?is_webui=1", environ_overrides={"SCRIPT_NAME": "/l m"})
    assert forwarded(visitor.port, "/?code=c") == "http://127.0.0.1:8080/l%20m/codex/callback?code=c"


def test_a_unix_socket_has_no_port(visit: Visit, tmp_path: Path) -> None:
    visitor = visit(CODEX)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        visitor.manager.ask("GET", "codex-auth-url?is_webui=1", environ_base={"gunicorn.socket": server})
        assert forwarded(visitor.port, "/?code=c") == "http://127.0.0.1:8080/codex/callback?code=c"


def test_geminis_project(visit: Visit) -> None:
    visitor = visit(GEMINI)
    visitor.authority.several({"mine": "managed", "other": "o"}, "managed")
    url, state = visitor.start("?project_id=%20mine%20")
    visitor.post(provider="google", redirect_url=browse(visitor.authority, url))
    assert visitor.ended(state) == OK
    assert visitor.files() == ["gemini-user@example.com-managed.json"]
    assert json.loads((visitor.manager.auths / visitor.files()[0]).read_text())["auto"] is False


def test_a_device_login(manage: Manage, monkeypatch: pytest.MonkeyPatch) -> None:
    with Qwen() as qwen:
        move(monkeypatch, {**qwen.world(), "cliproxy.oauth.qwen.INTERVAL": 0.02})
        qwen.answers = [PENDING, PENDING]
        manager = manage()
        begun = manager.get("qwen-auth-url?is_webui=1")
        assert begun["url"] == f"{qwen.url}/authorize?user_code=ABCD-EFGH"
        eventually(lambda: manager.get(f"get-auth-status?state={begun['state']}") == OK, "the login ends")
    (path,) = manager.auths.glob("qwen-*.json")
    assert json.loads(path.read_text())["access_token"] == "qwen-access-1"


# It cannot begin


@pytest.mark.parametrize("site", [ANTIGRAVITY, IFLOW], ids=repr)
def test_a_client_secret_is_missing(visit: Visit, monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    variable = f"CLIPROXY_{site.app.upper()}_CLIENT_SECRET"
    monkeypatch.delenv(variable, raising=False)
    answer = visit(site, {}).manager.ask("GET", site.path)
    assert answer.status_code == 500
    assert f"oauth-clients.{site.app}.client-secret" in answer.json["error"]
    assert variable in answer.json["error"]


@pytest.mark.parametrize("site", SITES, ids=repr)
def test_the_loopback_port_is_taken(visit: Visit, site: Site) -> None:
    visitor = visit(site)
    with socket.create_server(("127.0.0.1", visitor.port)):
        answer = visitor.manager.ask("GET", f"{site.path}?is_webui=1")
    assert answer.status_code == 500
    plain = {"error": "failed to start callback server"}
    assert answer.json == ({"status": "error", **plain} if site is IFLOW else plain)


@pytest.mark.parametrize("site", [CODEX, IFLOW], ids=repr)
def test_the_port_of_the_server_is_not_known(house: House, monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    settings = replace(house.settings, port=0)
    with site.make() as authority:
        move(monkeypatch, site.world(authority, free_port()))
        answer = alone(house, lambda: settings).get(f"{BASE}{site.path}?is_webui=1", headers=KEY)
    assert answer.status_code == 500
    plain = {"error": "callback server unavailable"}
    assert answer.json == ({"status": "error", **plain} if site is IFLOW else plain)
    assert repr(house.sessions) == "<LoginSessions 0>"


def test_a_device_login_needs_no_port(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = replace(house.settings, port=0)
    with Qwen() as qwen:
        move(monkeypatch, {**qwen.world(), "cliproxy.oauth.qwen.INTERVAL": 0.02})
        begun = alone(house, lambda: settings).get(f"{BASE}qwen-auth-url?is_webui=1", headers=KEY)
        assert begun.status_code == 200
        assert house.ended(begun.json["state"]) == "ok"


def test_the_device_endpoint_refuses(manage: Manage, monkeypatch: pytest.MonkeyPatch) -> None:
    with Qwen() as qwen:
        move(monkeypatch, qwen.world())
        qwen.routes["POST /device"] = lambda asked: Answer(b"busy", 503)
        status, found = manage().refused("GET", "qwen-auth-url")
    assert (status, found["error"]) == (500, "failed to generate authorization url")
    assert "status 503: busy" in found["message"]


def test_no_folder_for_accounts(house: House) -> None:
    house.settings = replace(house.settings, auth_dir="")
    answer = alone(house, lambda: house.settings).get(f"{BASE}codex-auth-url", headers=KEY)
    assert answer.status_code == 500
    assert "auth-dir is empty" in answer.json["error"]


KEY = {"Authorization": "Bearer k"}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


def alone(house: House, settings: Callable[[], Any]) -> Any:
    """The routes of logins in an application that has no configuration file (4)."""
    app = Flask("embedder")
    authenticator = ManagementAuthenticator(settings, {"MANAGEMENT_PASSWORD": "k"})
    app.register_blueprint(management_blueprint(authenticator, LoginRoutes(house.logins, settings).routes()))
    return app.test_client()


def test_mounted_alone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with CODEX.make() as authority:
        move(monkeypatch, CODEX.world(authority, free_port()))
        client = alone(house, lambda: house.settings)
        begun = client.get(f"{BASE}codex-auth-url", headers=KEY).json
        back = browse(authority, begun["url"])
        body = {"provider": "openai", "redirect_url": back}
        assert client.post(f"{BASE}oauth-callback", json=body, headers=KEY).json == OK
        assert house.ended(begun["state"]) == "ok"
    assert list(house.files()) == [CODEX.file]


# get-auth-status


@pytest.mark.parametrize("state", ["", "%20", "never-existed", "%20x%20"])
def test_absence_is_ok(manage: Manage, state: str) -> None:
    assert manage().get(f"get-auth-status?state={state}") == OK


@pytest.mark.parametrize("state", ["a..b", "a/b", "a%20b", "x" * 129, "%C3%A4"])
def test_states_that_cannot_be(manage: Manage, state: str) -> None:
    assert manage().refused("GET", f"get-auth-status?state={state}") == (400, error("invalid state"))


# Giving up


def test_cancelling(visit: Visit) -> None:
    visitor = visit(CODEX)
    url, state = visitor.start("?is_webui=1")
    assert visitor.manager.done("DELETE", f"oauth-session?state=%20{state}") == {"status": "ok", "cancelled": True}
    assert visitor.status(state) == OK
    assert visitor.manager.done("DELETE", f"oauth-session?state={state}") == {"status": "ok", "cancelled": False}
    eventually(lambda: not listens(visitor.port), "the port is free again")
    back = browse(visitor.authority, url)
    assert visitor.post(provider="codex", redirect_url=back) == (404, error("unknown or expired state"))
    assert visitor.files() == []


def test_a_failed_login_is_not_cancelled(visit: Visit) -> None:
    visitor = visit(CODEX)
    _, state = visitor.start()
    visitor.post(provider="codex", state=state, error="no")
    visitor.ended(state)
    assert visitor.manager.done("DELETE", f"oauth-session?state={state}") == {"status": "ok", "cancelled": False}
    assert visitor.status(state) == error("Bad Request")


@pytest.mark.parametrize(("state", "text"), [("", "state is required"), ("a..b", "invalid state")])
def test_cancelling_what_cannot_be(manage: Manage, state: str, text: str) -> None:
    assert manage().refused("DELETE", f"oauth-session?state={state}") == (400, error(text))
