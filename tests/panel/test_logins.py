"""Logging in with an account from the page, at a fake authorization server that the browser really visits."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from end_to_end.accounts import FAR, VERTEX, Account
from end_to_end.families import CLAUDE
from end_to_end.proxy import ROOT, Proxy, free_port
from oauth.authority import Answer, Asked
from oauth.claude_authority import Claude
from panel.conftest import Serve, Visit
from panel.visitor import Visitor
from playwright.sync_api import Page, expect
from upstream.server import FakeUpstream
from upstream.waiting import eventually

MODEL = "claude-sonnet-4-5-20250929"
SERVICE_ACCOUNT = VERTEX.content(Account("robot", FAR, "http://127.0.0.1:1"))["service_account"]
WAITING = "Waiting for you to finish in the other tab …"


@pytest.fixture
def claude() -> Iterator[Claude]:
    with Claude() as authority:
        authority.routes["GET /favicon.ico"] = lambda asked: Answer(status=404)  # browsers ask for it
        yield authority
    assert authority.refusals == []


@pytest.fixture
def port(claude: Claude) -> int:
    """Where logins come back to; not the usual port, so that tests can run side by side."""
    found = free_port()
    claude.redirect = f"http://localhost:{found}/callback"
    return found


@pytest.fixture
def server(serve: Serve, claude: Claude, port: int, upstream: FakeUpstream) -> Proxy:
    world = {
        "apps.claude.authorize_url": f"{claude.url}/authorize", "apps.claude.token_url": f"{claude.url}/token",
        "apps.claude.redirect_port": port, "cliproxy.providers.claude.BASE": upstream.url,
    }  # fmt: skip
    options = ("--pythonpath", str(ROOT / "tests" / "oauth"))
    return serve(options=options, app="world_wsgi:app", env={"CLIPROXY_TEST_WORLD": json.dumps(world)})


@pytest.fixture
def visitor(server: Proxy, visit: Visit) -> Visitor:
    found = visit(server)
    found.log_in("credentials")
    return found


def choose(visitor: Visitor) -> None:
    """Choose Claude."""
    visitor.button("Log in").first.click()
    visitor.dialog("Log in with").get_by_role("button", name="Claude Claude Pro").click()


def begin(visitor: Visitor) -> Page:
    """The same; the tab that opens, once it shows something."""
    with visitor.context.expect_page() as opened:
        choose(visitor)
    visitor.dialog("Log in with Claude")
    return opened.value


def logged_in(visitor: Visitor) -> None:
    """The page says so and shows the account, which answers a request."""
    visitor.told("Logged in with Claude.")
    expect(visitor.page.get_by_role("dialog")).to_have_count(0)
    expect(visitor.page.get_by_role("article", name="user@example.com")).to_contain_text("active")
    answer = visitor.server.post(CLAUDE.path(MODEL), CLAUDE.body(MODEL))
    assert answer.status == 200, answer


def test_in_a_browser_on_the_same_machine(visitor: Visitor, upstream: FakeUpstream) -> None:
    other = begin(visitor)
    other.wait_for_url(f"{visitor.server.base_url}/anthropic/callback?**")
    expect(other.get_by_role("heading")).to_contain_text("successful")
    logged_in(visitor)
    assert upstream.requests[-1].headers["authorization"] == "Bearer sk-ant-oat-1"


def test_by_pasting_the_address(visitor: Visitor, claude: Claude, port: int) -> None:
    """As from another machine: what listens on this port of the browser's machine is not our server."""
    back: list[str] = []
    authorize = claude.routes["GET /authorize"]

    def told(asked: Asked) -> Any:
        answer = authorize(asked)
        back.append(answer.headers["Location"])
        return answer

    claude.routes["GET /authorize"] = told
    visitor.expected = {500}
    with socket.create_server(("127.0.0.1", port)):
        choose(visitor)
        eventually(lambda: visitor.page.evaluate("1") and back, "the browser was sent back")
        expect(visitor.page.get_by_role("dialog").get_by_role("status").first).to_have_text(WAITING)
        visitor.field("Address after the login").fill(back[0])
        visitor.button("Send").click()
        logged_in(visitor)


def test_a_wrong_address_is_explained(visitor: Visitor, claude: Claude) -> None:
    claude.routes["GET /authorize"] = lambda asked: b"the login page"
    visitor.expected = {400, 404}
    begin(visitor)
    for pasted, words in [
        ("http://localhost/callback", "The address has no code in it."),
        ("http://localhost/callback?code=c&state=0123", "This login is over or has expired. Start it again."),
        ("http://localhost/callback?code=c&state=../x", "invalid state"),
    ]:
        visitor.field("Address after the login").fill(pasted)
        visitor.button("Send").click()
        visitor.told(words)
    expect(visitor.page.get_by_role("dialog").get_by_role("status").first).to_have_text(WAITING)
    visitor.button("Cancel this login").click()
    visitor.told("The login was cancelled.")


def test_denied(visitor: Visitor, claude: Claude) -> None:
    claude.deny = {"code": "", "error": "access_denied"}
    begin(visitor)
    visitor.told("The login with Claude failed: Bad request")
    expect(visitor.page.get_by_role("dialog")).to_have_count(0)
    expect(visitor.page.get_by_text("No accounts yet")).to_be_visible()


def test_cancelled_with_escape(visitor: Visitor, claude: Claude, port: int) -> None:
    claude.routes["GET /authorize"] = lambda asked: b"the login page"
    begin(visitor)
    assert listens(port)
    visitor.page.bring_to_front()
    visitor.page.keyboard.press("Escape")
    visitor.told("The login was cancelled.")
    eventually(lambda: visitor.page.evaluate("1") and not listens(port), "the port is free again")


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_port_is_taken(visitor: Visitor, claude: Claude, port: int) -> None:
    visitor.expected = {500}
    with socket.create_server(("127.0.0.1", port)):
        claude.routes["GET /authorize"] = lambda asked: b"the login page"
        begin(visitor)
        asked = [urlsplit(answer.url) for answer in visitor.answers if "anthropic-auth-url" in answer.url]
        assert [parts.query for parts in asked] == ["is_webui=true", ""]
        expect(visitor.button("Send")).to_be_visible()
        visitor.button("Cancel this login").click()


def test_a_secret_is_missing(visitor: Visitor) -> None:
    visitor.expected = {500}
    visitor.button("Log in").first.click()
    visitor.dialog("Log in with").get_by_role("button", name="Antigravity").click()
    visitor.told("CLIPROXY_ANTIGRAVITY_CLIENT_SECRET")


def test_the_project_of_gemini(visitor: Visitor, claude: Claude) -> None:
    visitor.context.route("https://accounts.google.com/**", lambda route: route.fulfill(body="the login page"))
    visitor.button("Log in").first.click()
    visitor.dialog("Log in with").get_by_role("button", name="Gemini CLI").click()
    visitor.dialog("Google Cloud project")
    visitor.field("Project id").fill("ALL")
    with visitor.page.expect_response("**/gemini-cli-auth-url?project_id=ALL&is_webui=true"):
        visitor.button("Continue").click()
    dialog = visitor.dialog("Log in with Gemini CLI")
    link = dialog.get_by_role("link", name="Open the login page").get_attribute("href")
    assert link is not None
    assert link.startswith("https://accounts.google.com/o/oauth2/auth?")
    visitor.button("Cancel this login").click()


def test_a_cookie_of_iflow(visitor: Visitor) -> None:
    visitor.expected = {400}
    visitor.button("Log in").first.click()
    visitor.dialog("Log in with").get_by_role("button", name="iFlow with a cookie").click()
    visitor.dialog("iFlow with a cookie")
    visitor.button("Log in").click()
    expect(visitor.top.get_by_role("alert")).to_contain_text("Cookie:")
    visitor.field("Cookie").fill("other=1")
    visitor.button("Log in").click()
    expect(visitor.top.get_by_role("alert")).to_have_text("cookie missing BXAuth field")


def test_a_service_account_of_vertex(visitor: Visitor) -> None:
    visitor.expected = {400}
    visitor.button("Log in").first.click()
    visitor.dialog("Log in with").get_by_role("button", name="Vertex").click()
    visitor.field("Key file").set_input_files({"name": "k.json", "mimeType": "application/json", "buffer": b"{}"})
    visitor.button("Import").click()
    expect(visitor.top.get_by_role("alert")).to_contain_text("invalid service account")
    visitor.field("Key file").set_input_files(
        {"name": "k.json", "mimeType": "application/json", "buffer": json.dumps(SERVICE_ACCOUNT).encode()}
    )
    visitor.field("Location").fill("europe-west4")
    visitor.button("Import").click()
    visitor.told("Imported robot@p.iam.gserviceaccount.com of p.")
    expect(visitor.page.get_by_role("article", name="robot@p.iam.gserviceaccount.com")).to_contain_text("vertex-p.json")
    stored = json.loads((visitor.server.folder / "home" / "auths" / "vertex-p.json").read_text())
    assert stored["location"] == "europe-west4"


def fulfil(visitor: Visitor, path: str, **body: str) -> None:
    """Answer in place of the server."""
    visitor.context.route(f"**/v0/management/{path}*", lambda route: route.fulfill(json=body))


def test_a_login_with_a_code_has_nothing_to_paste(visitor: Visitor, claude: Claude) -> None:
    claude.routes["GET /device"] = lambda asked: b"enter the code"
    fulfil(visitor, "qwen-auth-url", status="ok", url=f"{claude.url}/device?user_code=AB-CD", state="gem-1")
    fulfil(visitor, "get-auth-status", status="wait")
    visitor.button("Log in").first.click()
    visitor.dialog("Log in with").get_by_role("button", name="Qwen").click()
    expect(visitor.dialog("Log in with Qwen")).to_contain_text("user_code=AB-CD")
    expect(visitor.button("Send")).to_have_count(0)
    visitor.context.unroute("**/v0/management/get-auth-status*")
    fulfil(visitor, "get-auth-status", status="error", error="Authentication failed")
    visitor.told("The login with Qwen failed: Authentication failed")


def test_only_web_addresses_are_opened(visitor: Visitor) -> None:
    fulfil(visitor, "codex-auth-url", status="ok", url="javascript:alert(1)", state="s")
    visitor.button("Log in").first.click()
    visitor.dialog("Log in with").get_by_role("button", name="Codex").click()
    visitor.told("The server gave no address to open.")
    assert len(visitor.context.pages) == 1
