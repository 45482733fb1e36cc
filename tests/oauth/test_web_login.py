"""Logins from the web without a server: beginning, delivering, giving up, stopping (management-api.md 12)."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from end_to_end.proxy import free_port
from oauth.authority import Asked
from oauth.house import House, Visit, listens
from oauth.sites import ANTHROPIC, ANTIGRAVITY, CODEX, EVERY, IFLOW, SITES, Site, browse, callback_of
from upstream.waiting import eventually

from cliproxy.config.settings import Settings
from cliproxy.errors import LoginError
from cliproxy.oauth.flow import Callback
from cliproxy.oauth.handover import Handover


@EVERY
def test_a_login(house: House, at: Visit, site: Site) -> None:
    visitor = at(site)
    login = visitor.start()
    assert re.fullmatch(site.state, login.state)
    query = parse_qs(urlsplit(login.url).query)
    assert query["state"] == [login.state]
    assert list(query) == sorted(query)
    assert house.sessions.is_pending(login.state)
    assert repr(house.logins) == f"<WebLogins [<login {site.name}>]>"
    house.deliver(site.name, callback_of(browse(visitor.authority, login.url)))
    assert house.ended(login.state) == "ok"
    ((name, content),) = house.files().items()
    assert name == site.file
    assert site.token in json.dumps(content)
    assert (house.folder / name).stat().st_mode & 0o777 == 0o600
    assert house.used == [[name]]


@EVERY
def test_by_way_of_the_forwarder(house: House, at: Visit, site: Site) -> None:
    """The browser is sent to the loopback port, and from there to the callback page of the server."""
    visitor = at(site)
    server = f"http://127.0.0.1:{free_port()}"
    login = visitor.start(server=server)
    back = browse(visitor.authority, login.url)
    assert urlsplit(back).netloc == f"localhost:{visitor.port}"
    seen = _location(back.replace("localhost", "127.0.0.1"))
    assert seen == f"{server}{site.page}?{urlsplit(back).query}"
    house.deliver(site.name, callback_of(seen))
    assert house.ended(login.state) == "ok"
    assert not listens(visitor.port)


def _location(url: str) -> str:
    import http.client

    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        return connection.getresponse().headers["Location"]
    finally:
        connection.close()


@EVERY
def test_without_a_forwarder_nothing_listens(at: Visit, site: Site) -> None:
    visitor = at(site)
    visitor.start()
    assert not listens(visitor.port)


@EVERY
def test_delivered_by_another_process(house: House, at: Visit, site: Site) -> None:
    visitor = at(site)
    login = visitor.start()
    Handover(str(house.folder), site.name, login.state).put(callback_of(browse(visitor.authority, login.url)))
    assert house.ended(login.state) == "ok"
    assert list(house.files()) == [site.file]


def test_a_second_login_keeps_what_people_added(house: House, at: Visit) -> None:
    old = {"type": "claude", "email": "user@example.com", "prefix": "team", "refresh_token": "old"}
    (house.folder / ANTHROPIC.file).write_text(json.dumps(old))
    assert at(ANTHROPIC).log_in() == "ok"
    content = house.files()[ANTHROPIC.file]
    assert (content["prefix"], content["refresh_token"]) == ("team", "sk-ant-ort-1")


def test_only_the_finished_session_goes(house: House, at: Visit) -> None:
    visitor = at(CODEX)
    other = visitor.start()
    login = visitor.start()
    house.deliver("codex", callback_of(browse(visitor.authority, login.url)))
    eventually(lambda: house.sessions.get(login.state) is None, "the second login ends")
    assert house.sessions.is_pending(other.state)
    house.deliver("codex", callback_of(browse(visitor.authority, other.url)))
    assert house.ended(other.state) == "ok"


def test_claudes_code_with_its_state(house: House, at: Visit) -> None:
    """Everything from the first ``#`` on is dropped, and our own state is sent."""
    visitor = at(ANTHROPIC)
    login = visitor.start()
    back = callback_of(browse(visitor.authority, login.url))
    house.deliver("anthropic", Callback(f"{back.code}#console#x", back.state))
    assert house.ended(login.state) == "ok"
    (asked,) = visitor.authority.requests("/token")
    assert json.loads(asked.body)["state"] == login.state


# Beginning


@pytest.mark.parametrize("site", [ANTIGRAVITY, IFLOW], ids=repr)
def test_a_client_secret_is_missing(house: House, at: Visit, site: Site) -> None:
    visitor = at(site)
    house.settings = Settings(auth_dir=str(house.folder))
    with pytest.raises(LoginError, match=f"oauth-clients.{site.app}.client-secret") as caught:
        visitor.start()
    assert caught.value.code == "missing_client_secret"
    assert repr(house.sessions) == "<LoginSessions 0>"


def test_no_folder_for_accounts(house: House, at: Visit) -> None:
    house.settings = Settings(auth_dir="")
    with pytest.raises(LoginError, match="auth-dir is empty"):
        at(ANTHROPIC).start()


def test_a_store_with_a_folder_of_its_own(house: House, at: Visit) -> None:
    house.settings = Settings(auth_dir="")
    house.store.auth_dir = str(house.folder)
    assert at(ANTHROPIC).log_in() == "ok"


def test_a_taken_port(house: House, at: Visit) -> None:
    import socket

    visitor = at(ANTHROPIC)
    with (
        socket.create_server(("127.0.0.1", visitor.port)),
        pytest.raises(LoginError, match="callback server") as caught,
    ):
        visitor.start(server="http://127.0.0.1:1")
    assert caught.value.code == "forwarder_failed"
    assert (repr(house.sessions), repr(house.logins)) == ("<LoginSessions 0>", "<WebLogins []>")


# Delivering and giving up


def test_what_is_not_delivered(house: House, at: Visit) -> None:
    visitor = at(CODEX)
    login = visitor.start()
    assert not house.logins.deliver("codex", Callback("c", "unknown"))
    assert not house.logins.deliver("anthropic", Callback("c", login.state))
    house.sessions.fail(login.state, "no")
    assert not house.logins.deliver("codex", Callback("c", login.state))
    assert list(house.folder.iterdir()) == []


def test_a_login_that_ends_while_a_callback_is_written(
    house: House, at: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = at(CODEX).start()
    real = Handover.put

    def put(handover: Handover, callback: Callback) -> None:
        house.logins.cancel(login.state)
        eventually(lambda: repr(house.logins) == "<WebLogins []>", "it has ended")
        real(handover, callback)

    monkeypatch.setattr(Handover, "put", put)
    assert not house.logins.deliver("codex", Callback("c", login.state))
    assert list(house.folder.iterdir()) == []


def test_a_callback_that_is_taken_at_once_is_delivered(
    house: House, at: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = at(CODEX).start()
    real = Handover.put

    def put(handover: Handover, callback: Callback) -> None:
        real(handover, callback)
        eventually(lambda: not house.sessions.is_pending(login.state), "the login has failed with it")

    monkeypatch.setattr(Handover, "put", put)
    assert house.logins.deliver("codex", Callback("", login.state, "access_denied"))


def test_a_delivered_callback_is_looked_at_at_once(tmp_path: Path, at: Visit) -> None:
    visitor = at(CODEX)
    visitor.house = House(tmp_path, poll=60.0)
    try:
        assert visitor.log_in() == "ok"
    finally:
        visitor.house.close()


def test_a_second_callback_is_not_left_behind(house: House, at: Visit) -> None:
    visitor = at(CODEX)
    login = visitor.start()
    back = callback_of(browse(visitor.authority, login.url))
    real = visitor.authority.routes["POST /oauth/token"]

    def token(asked: Asked) -> Any:
        house.deliver("codex", back)
        return real(asked)

    visitor.authority.routes["POST /oauth/token"] = token
    house.deliver("codex", back)
    assert house.ended(login.state) == "ok"


@EVERY
def test_cancelling(house: House, at: Visit, site: Site) -> None:
    visitor = at(site)
    login = visitor.start(server="http://127.0.0.1:1")
    assert listens(visitor.port)
    assert house.logins.cancel(login.state)
    assert not house.logins.cancel(login.state)
    assert house.ended(login.state) == "ok"
    assert not listens(visitor.port)
    assert house.files() == {}
    assert visitor.authority.asked == []


def test_cancelling_at_the_last_moment(house: House, at: Visit) -> None:
    """While the code is being exchanged: nothing is saved any more."""
    visitor = at(CODEX)
    login = visitor.start()
    real = visitor.authority.routes["POST /oauth/token"]

    def token(asked: Asked) -> Any:
        assert house.logins.cancel(login.state)
        return real(asked)

    visitor.authority.routes["POST /oauth/token"] = token
    house.deliver("codex", callback_of(browse(visitor.authority, login.url)))
    assert house.ended(login.state) == "ok"
    assert len(visitor.authority.requests("/oauth/token")) == 1
    assert house.files() == {}


def test_cancelling_a_failed_login(house: House, at: Visit) -> None:
    visitor = at(CODEX)
    login = visitor.start()
    house.deliver("codex", Callback(state=login.state, error="no"))
    house.ended(login.state)
    assert not house.logins.cancel(login.state)
    assert house.sessions.get(login.state) is not None


def test_stopping(house: House, at: Visit) -> None:
    visitors = [at(site) for site in SITES]
    for visitor in visitors:
        visitor.start(server="http://127.0.0.1:1")
    house.logins.stop()
    assert repr(house.logins) == "<WebLogins []>"
    assert not any(listens(visitor.port) for visitor in visitors)
    assert list(house.folder.iterdir()) == []


def test_stopping_does_not_wait_for_ever(house: House, at: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint hangs: the port is closed all the same, and nothing is saved when it answers at last."""
    monkeypatch.setattr("cliproxy.oauth.web_login._STOP_SECONDS", 0.05)
    visitor = at(CODEX)
    asked, answer = threading.Event(), threading.Event()
    real = visitor.authority.routes["POST /oauth/token"]

    def token(request: Asked) -> Any:
        asked.set()
        assert answer.wait(20)
        return real(request)

    visitor.authority.routes["POST /oauth/token"] = token
    login = visitor.start(server="http://127.0.0.1:1")
    house.deliver("codex", callback_of(browse(visitor.authority, login.url)))
    assert asked.wait(10)
    house.logins.stop()
    assert not listens(visitor.port)
    answer.set()
    assert house.ended(login.state) == "ok"
    assert house.files() == {}
