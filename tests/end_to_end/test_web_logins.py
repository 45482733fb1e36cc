"""Adding accounts through the web on a real server, from the dashboard's first call to a request that the account answers
(management-api.md 12-15)."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from end_to_end import accounts
from end_to_end.accounts import FAR, Account, Kind, Tokens, secret_of
from end_to_end.families import CHAT
from end_to_end.proxy import KEY, ROOT, Proxy, free_port
from oauth.authority import Answer, Asked
from oauth.house import listens
from oauth.iflow_authority import Iflow
from oauth.qwen_authority import PENDING, TOKENS, Qwen
from oauth.shell import visit
from oauth.sites import ANTHROPIC, ANTIGRAVITY, CODEX, EVERY, GEMINI, IFLOW, Site
from upstream.plan import Plan
from upstream.server import FakeUpstream
from upstream.waiting import eventually

KINDS = {
    ANTHROPIC: accounts.CLAUDE, CODEX: accounts.CODEX, GEMINI: accounts.GEMINI, ANTIGRAVITY: accounts.ANTIGRAVITY,
    IFLOW: accounts.IFLOW,
}  # fmt: skip
OK = {"status": "ok"}
MANAGER = {"Authorization": "Bearer manager"}
TEXT = Plan().reply.joined


class Server:
    """A real server without accounts, whose endpoints are those of a fake authority and a fake upstream."""

    def __init__(
        self, folder: Path, upstream: FakeUpstream, kind: Kind, authority: Any, world: dict[str, Any],
        settings: Any = None,
    ) -> None:  # fmt: skip
        self.upstream, self.kind, self.authority = upstream, kind, authority
        self.auths = folder / "auths"
        moved = {**kind.world(upstream.url, authority.url), **world}
        self.proxy = Proxy(
            folder, {"api-keys": [KEY], "auth-dir": str(self.auths), **(settings or {})},
            options=("--pythonpath", str(ROOT / "tests" / "oauth")), app="world_wsgi:app",
            env={"CLIPROXY_TEST_WORLD": json.dumps(moved), "MANAGEMENT_PASSWORD": "manager"},
        )  # fmt: skip
        self.proxy.wait_until_up()

    def manage(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of one management call."""
        return self.proxy.ask(method, f"/v0/management/{path}", body, MANAGER).json

    def ended(self, state: str) -> Any:
        """The status when it is no longer ``wait``."""

        def status() -> Any:
            found = self.manage("GET", f"get-auth-status?state={state}")
            return None if found == {"status": "wait"} else found

        return eventually(status, "the login ends", seconds=20)

    def files(self) -> list[str]:
        """What is in the auth directory, besides the state of the pool."""
        return sorted(path.name for path in self.auths.iterdir() if not path.name.startswith(".cliproxy-"))

    def answers_with(self, token: str) -> None:
        """A request is answered by the account with this secret."""
        model = self.kind.models[0]
        answer = self.proxy.post(CHAT.path(model), CHAT.body(model))
        assert (answer.status, answer.status == 200 and CHAT.text(answer.json)) == (200, TEXT), answer.body
        assert secret_of(self.upstream.requests[-1]) == token


Open = Callable[..., Server]


@pytest.fixture
def serve(tmp_path: Path, upstream: FakeUpstream) -> Iterator[Open]:
    """``serve(kind, authority, world)``: a server; its fake must not have refused anything at the end."""
    made: list[Server] = []

    def begin(kind: Kind, authority: Any, world: dict[str, Any], settings: Any = None) -> Server:
        made.append(Server(tmp_path, upstream, kind, authority, world, settings))
        return made[-1]

    yield begin
    upstream.release()
    for server in made:
        server.proxy.stop()
        assert server.authority.refusals == []
        assert not list(server.auths.glob(".oauth*"))


class Visited(Server):
    """A server and the site of a provider. ``port``: where the provider sends the browser."""

    def __init__(self, site: Site, server: Server, port: int) -> None:
        self.__dict__.update(server.__dict__)
        self.site, self.port = site, port

    def start(self, query: str = "") -> tuple[str, str]:
        """(the address to open, the state)."""
        found = self.manage("GET", f"{self.site.path}{query}")
        assert found["status"] == "ok"
        return found["url"], found["state"]


At = Callable[..., Visited]


@pytest.fixture
def at(serve: Open) -> Iterator[At]:
    """``at(CODEX)``: a server whose logins with this provider go to a fake."""
    running: list[Any] = []

    def begin(site: Site, **world: Any) -> Visited:
        authority = site.make().__enter__()
        running.append(authority)
        port = free_port()
        return Visited(site, serve(KINDS[site], authority, {**site.world(authority, port), **world}, site.settings), port)

    yield begin
    for authority in running:
        authority.__exit__(None, None, None)


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any) -> None:
        """Do not go there."""


def address_bar(url: str) -> str:
    """Where the browser is sent from an address, when nothing answers there: what a person copies."""
    try:
        urllib.request.build_opener(_Stay).open(url, timeout=10).close()
    except urllib.error.HTTPError as answer:
        with answer:
            return str(answer.headers["Location"])
    raise AssertionError(f"{url} sends nobody on")


@EVERY
def test_with_a_browser_on_this_machine(at: At, site: Site) -> None:
    """Authorization page, loopback port, callback page: the browser only follows redirects."""
    server = at(site)
    url, state = server.start("?is_webui=true")
    assert server.manage("GET", f"get-auth-status?state={state}") == {"status": "wait"}
    seen = visit(url)
    assert (seen.status, "Authentication successful" in seen.text) == (200, True)
    assert urlsplit(seen.url).netloc == f"127.0.0.1:{server.proxy.port}"
    assert urlsplit(seen.url).path == site.page
    assert server.ended(state) == OK
    assert server.files() == [site.file]
    server.answers_with(site.token)
    eventually(lambda: not listens(server.port), "the loopback port is free again")
    assert "code-1" not in server.proxy.log


def test_with_a_browser_elsewhere(at: At) -> None:
    """Everything else that can become of a login, one after the other on one server."""
    server = at(CODEX)
    url, state = server.start()
    assert not listens(server.port)
    body = {"provider": "codex", "redirect_url": address_bar(url)}
    wrong = {**body, "state": "0" * 32}
    assert server.manage("POST", "oauth-callback", wrong) == {"status": "error", "error": "unknown or expired state"}
    assert server.manage("POST", "oauth-callback", body) == OK
    assert server.ended(state) == OK
    server.answers_with(CODEX.token)

    server.authority.deny = {"error": "access_denied", "code": ""}
    url, state = server.start("?is_webui=1")
    assert "The login failed: access_denied" in visit(url).text
    assert server.ended(state) == {"status": "error", "error": "Bad Request"}

    _, state = server.start("?is_webui=1")
    assert server.manage("DELETE", f"oauth-session?state={state}") == {"status": "ok", "cancelled": True}
    assert server.manage("GET", f"get-auth-status?state={state}") == OK
    eventually(lambda: not listens(server.port), "the loopback port is free again")

    server.authority.deny = {}
    url, state = server.start()
    query = urlsplit(address_bar(url)).query
    assert server.proxy.ask("GET", f"/v0/management/oauth-callback?provider=codex&{query}").json == OK
    assert server.ended(state) == OK
    assert server.files() == [CODEX.file]


def test_nobody_comes_back(at: At) -> None:
    server = at(GEMINI, **{"cliproxy.oauth.web_login.PATIENCE": 0.2})
    _, state = server.start("?is_webui=1")
    assert server.ended(state) == {"status": "error", "error": "OAuth flow timed out"}
    eventually(lambda: not listens(server.port), "the loopback port is free again")
    assert server.files() == []


def test_a_device_login(serve: Open) -> None:
    with Qwen() as qwen:
        qwen.answers = [PENDING, PENDING, Answer({**TOKENS, "resource_url": ""})]
        server = serve(accounts.QWEN, qwen, {**qwen.world(), "cliproxy.oauth.qwen.INTERVAL": 0.05})
        begun = server.manage("GET", "qwen-auth-url")
        assert begun["url"] == f"{qwen.url}/authorize?user_code=ABCD-EFGH"
        assert server.ended(begun["state"]) == OK
        server.answers_with("qwen-access-1")


def test_a_cookie(serve: Open) -> None:
    with Iflow() as iflow:
        server = serve(accounts.IFLOW, iflow, iflow.world())
        made = server.manage("POST", "iflow-auth-url", {"cookie": "foo=1; BXAuth=bx-value; bar=2"})
        assert (made["status"], made["email"]) == ("ok", "138****0000")
        server.answers_with("sk-iflow-rotated")


def test_a_service_account(serve: Open) -> None:
    with Tokens() as google:
        key = accounts.VERTEX.content(Account("ann", FAR, google.url))["service_account"]
        server = serve(accounts.VERTEX, google, {})
        form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="sa.json"\r\n\r\n%b\r\n--b--\r\n'
        headers = {**MANAGER, "Content-Type": "multipart/form-data; boundary=b"}
        body = form % json.dumps(key).encode()
        made = server.proxy.ask("POST", "/v0/management/vertex/import", body, headers).json
        assert made == {
            "status": "ok", "auth-file": str(server.auths / "vertex-p.json"), "project_id": "p",
            "email": "ann@p.iam.gserviceaccount.com", "location": "us-central1",
        }  # fmt: skip
        server.answers_with("fresh-1")


def test_the_server_stops_while_people_log_in(at: At) -> None:
    """One waits for a browser, one for an endpoint that does not answer: no traceback, no process, no port, no file."""
    server = at(CODEX)
    arrived, answer = threading.Event(), threading.Event()

    def hangs(asked: Asked) -> Any:
        arrived.set()
        answer.wait(30)
        return {}

    server.authority.routes["POST /oauth/token"] = hangs
    url, _ = server.start("?is_webui=1")
    assert visit(url).status == 200
    assert arrived.wait(10)
    server.start("?is_webui=1")
    assert listens(server.port)
    try:
        server.proxy.stop()
    finally:
        answer.set()
    assert not listens(server.port)
    assert server.files() == []
