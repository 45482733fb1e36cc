"""Accounts in the page: switched off and on, reset, edited, uploaded, downloaded, deleted."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from end_to_end.accounts import CLAUDE as LOGIN
from end_to_end.accounts import Account
from end_to_end.families import CHAT, CLAUDE
from end_to_end.proxy import ROOT, Proxy
from panel.conftest import Serve, Visit
from panel.visitor import Visitor
from playwright.sync_api import Locator, expect
from upstream.plan import Plan
from upstream.server import FakeUpstream
from upstream.waiting import eventually

MODEL = LOGIN.models[0]
FILE = "claude-ann.json"
NASTY = "<img src=x onerror=alert(1)>&quot;@example.com"


def content(name: str = "ann", **more: Any) -> str:
    return json.dumps({**LOGIN.content(Account(name, timedelta(days=40), "http://127.0.0.1:1")), **more})


@pytest.fixture
def server(serve: Serve, upstream: FakeUpstream) -> Proxy:
    world = {"cliproxy.providers.claude.BASE": upstream.url}
    options = ("--pythonpath", str(ROOT / "tests" / "oauth"))
    return serve(
        auths={FILE: content()}, options=options, app="world_wsgi:app", env={"CLIPROXY_TEST_WORLD": json.dumps(world)}
    )


@pytest.fixture
def visitor(server: Proxy, visit: Visit) -> Visitor:
    found = visit(server)
    found.log_in("credentials")
    return found


def entry(visitor: Visitor, name: str = "ann@example.com") -> Locator:
    return visitor.page.get_by_role("article", name=name, exact=True)


def asked(server: Proxy) -> int:
    return server.post(CLAUDE.path(MODEL), CLAUDE.body(MODEL)).status


def stored(server: Proxy, name: str = FILE) -> Any:
    return json.loads((server.folder / "home" / "auths" / name).read_text())


def test_disabled_and_enabled(visitor: Visitor, server: Proxy) -> None:
    assert asked(server) == 200
    switch = entry(visitor).get_by_role("switch")
    switch.uncheck()
    visitor.told("ann@example.com is disabled.")
    expect(entry(visitor)).to_contain_text("disabled")
    assert asked(server) >= 400
    assert stored(server)["disabled"] is True
    switch.check()
    visitor.told("ann@example.com is enabled.")
    expect(entry(visitor)).to_contain_text("active")
    assert asked(server) == 200
    assert stored(server)["disabled"] is False


def test_a_key_of_the_configuration(visitor: Visitor, server: Proxy) -> None:
    assert server.post(CHAT.path(), CHAT.body()).status == 200
    row = visitor.page.get_by_role("list", name="API keys").get_by_role("article").filter(has_text="fake-gpt-test")
    expect(row.get_by_role("button", name="Delete")).to_have_count(0)
    row.get_by_role("switch").uncheck()
    visitor.told("is disabled.")
    assert server.post(CHAT.path(), CHAT.body()).status >= 400


def test_a_cooldown_counts_down_and_is_reset(visitor: Visitor, server: Proxy, upstream: FakeUpstream) -> None:
    upstream.plan(Plan(status=429, headers=(("Retry-After", "600"),)))
    assert asked(server) == 429
    clock = entry(visitor).get_by_role("timer")
    expect(clock).to_contain_text("9 min")
    first = clock.inner_text()
    eventually(lambda: clock.inner_text() != first, "the clock goes on", every=0.1)
    expect(entry(visitor)).to_contain_text("partly waiting")
    expect(entry(visitor)).to_contain_text(f"{MODEL}: upstream says no")
    entry(visitor).get_by_role("button", name="Models").click()
    expect(visitor.dialog("Models of ann@example.com")).to_contain_text("upstream says no")
    visitor.page.keyboard.press("Escape")
    assert asked(server) == 429
    entry(visitor).get_by_role("button", name="Reset").click()
    visitor.told("ann@example.com can be used again.")
    expect(clock).to_have_count(0)
    assert asked(server) == 200


def test_its_models(visitor: Visitor) -> None:
    entry(visitor).get_by_role("button", name="Models").click()
    expect(visitor.dialog("Models of ann@example.com").get_by_text(MODEL, exact=True)).to_be_visible()


def test_edited(visitor: Visitor, server: Proxy) -> None:
    visitor.expected = {400}
    entry(visitor).get_by_role("button", name="Edit").click()
    visitor.dialog("Edit ann@example.com")
    visitor.field("Proxy").fill("nonsense")
    visitor.button("Save").click()
    expect(visitor.top.get_by_role("alert")).to_contain_text("proxy_url cannot be changed: it must be a URL")
    visitor.field("Proxy").fill("")
    visitor.field("Prefix").fill("team")
    visitor.field("Priority").fill("4")
    visitor.field("Note").fill("shared")
    for name, value in (("X-One", "1"), ("X-Two", "2")):
        visitor.button("Add a header").click()
        visitor.page.keyboard.type(name)
        visitor.page.keyboard.press("Tab")
        visitor.page.keyboard.type(value)
    visitor.button("Save").click()
    visitor.told("ann@example.com is saved.")
    expect(entry(visitor)).to_contain_text("team/")
    found = stored(server)
    assert {name: found[name] for name in ("prefix", "priority", "note", "headers", "access_token")} == {
        "prefix": "team", "priority": 4, "note": "shared", "headers": {"X-One": "1", "X-Two": "2"}, "access_token": "ann-old",
    }  # fmt: skip
    entry(visitor).get_by_role("button", name="Edit").click()
    visitor.button("Remove this row").first.click()
    visitor.field("Prefix").fill("")
    visitor.button("Save").click()
    visitor.told("ann@example.com is saved.")
    expect(entry(visitor)).not_to_contain_text("team/")
    found = stored(server)
    assert "prefix" not in found
    assert found["headers"] == {"X-Two": "2"}


def test_uploaded(visitor: Visitor, server: Proxy, tmp_path: Path) -> None:
    visitor.expected = {400, 500}
    good, bad = tmp_path / "claude-ben.json", tmp_path / "bad.json"
    good.write_text(content("ben"))
    bad.write_text("{")
    with visitor.page.expect_file_chooser() as chosen:
        visitor.button("Upload").click()
    chosen.value.set_files([good, bad])
    visitor.told("claude-ben.json is uploaded.")
    visitor.told("invalid auth file")
    expect(entry(visitor, "ben@example.com")).to_contain_text("active")
    assert stored(server, good.name) == json.loads(good.read_text())


def test_dropped(visitor: Visitor, server: Proxy) -> None:
    transfer = visitor.page.evaluate_handle(
        """text => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([text], "claude-ben.json", { type: "application/json" }));
          return transfer;
        }""",
        content("ben"),
    )
    area = visitor.page.locator(".content")
    area.dispatch_event("dragover", {"dataTransfer": transfer})
    expect(area).to_have_class("content dropping")
    area.dispatch_event("drop", {"dataTransfer": transfer})
    visitor.told("claude-ben.json is uploaded.")
    expect(area).to_have_class("content")
    expect(entry(visitor, "ben@example.com")).to_be_visible()


def test_downloaded(visitor: Visitor, server: Proxy) -> None:
    with visitor.page.expect_download() as download:
        entry(visitor).get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == FILE
    assert json.loads(download.value.path().read_bytes()) == stored(server)


def test_deleted(visitor: Visitor, server: Proxy) -> None:
    entry(visitor).get_by_role("button", name="Delete").click()
    expect(visitor.dialog("Delete this credential?")).to_contain_text(f"The file {FILE} is removed from the server.")
    visitor.button("Cancel").click()
    assert asked(server) == 200
    entry(visitor).get_by_role("button", name="Delete").click()
    visitor.button("Delete").click()
    visitor.told(f"{FILE} is deleted.")
    expect(visitor.page.get_by_text("No accounts yet")).to_be_visible()
    assert not (server.folder / "home" / "auths" / FILE).exists()
    assert asked(server) >= 400


def test_names_are_only_text(visitor: Visitor, server: Proxy) -> None:
    name = "claude-nasty<b>.json"
    (server.folder / "home" / "auths" / name).write_text(
        content("nasty", email=NASTY, note="<script>alert(2)</script>")
    )
    expect(entry(visitor, NASTY)).to_be_visible()
    expect(entry(visitor, NASTY)).to_contain_text("<script>alert(2)</script>")
    entry(visitor, NASTY).get_by_role("button", name="Models").click()
    expect(visitor.dialog(f"Models of {NASTY}")).to_be_visible()
    assert visitor.page.locator(".content img, .content script, dialog img").count() == 0


def test_the_place_in_the_list_is_kept(visitor: Visitor, server: Proxy) -> None:
    button = entry(visitor).get_by_role("button", name="Models")
    button.focus()
    node = button.element_handle()
    for _ in range(2):
        visitor.page.wait_for_event("response", lambda answer: "auth-files" in answer.url)
    assert node.evaluate("node => node.isConnected")  # nothing new, nothing drawn
    auths = server.folder / "home" / "auths"
    (auths / "claude-aaa.json").write_text(content("aaa"))
    expect(entry(visitor, "aaa@example.com")).to_be_visible()
    expect(button).to_be_focused()
