"""Getting in and out of the control panel."""

from __future__ import annotations

import re

import pytest
from end_to_end.proxy import Proxy
from panel.conftest import Serve, Visit
from panel.visitor import MANAGEMENT_KEY, TITLES, VIEWS, Visitor
from playwright.sync_api import expect

FORWARDED = {"X-Forwarded-For": "203.0.113.9"}
"""From a reverse proxy on this machine: the visitor comes from elsewhere."""


@pytest.fixture(scope="module")
def server(serve_for_all: Serve) -> Proxy:
    return serve_for_all()


def wrong(visitor: Visitor, words: str) -> None:
    """The door says so, and stays shut."""
    expect(visitor.page.get_by_role("alert")).to_have_text(words)
    expect(visitor.field("Management key")).to_be_visible()


def test_in_with_the_key_and_out_again(server: Proxy, visit: Visit) -> None:
    visitor = visit(server)
    visitor.log_in("settings")
    visitor.page.reload()
    visitor.sees_view("settings")
    visitor.button("Log out").click()
    expect(visitor.field("Management key")).to_be_focused()
    assert visitor.page.evaluate("[sessionStorage.length, localStorage.length]") == [0, 0]
    visitor.page.reload()
    expect(visitor.field("Management key")).to_be_visible()


def test_the_key_lasts_as_long_as_the_tab(server: Proxy, visit: Visit) -> None:
    visitor = visit(server)
    visitor.log_in()
    second = visitor.another_tab()
    expect(second.get_by_label("Management key", exact=True)).to_be_visible()


def test_the_key_is_remembered_when_asked_for(server: Proxy, visit: Visit) -> None:
    visitor = visit(server)
    visitor.open()
    visitor.field("Remember the key in this browser").check()
    visitor.field("Management key").fill(MANAGEMENT_KEY)
    visitor.button("Log in").click()
    visitor.sees_view("overview")
    second = visitor.another_tab()
    expect(second.get_by_role("heading", level=1)).to_have_text("Overview")


def test_a_wrong_key_and_none(server: Proxy, visit: Visit) -> None:
    visitor = visit(server)
    visitor.expected = {401}
    visitor.log_in(key="guessed")
    wrong(visitor, "This is not the management key.")
    visitor.field("Management key").fill("")
    visitor.button("Log in").click()
    wrong(visitor, "Enter the management key.")
    visitor.log_in()


def test_a_key_that_is_not_good_any_more(server: Proxy, visit: Visit) -> None:
    visitor = visit(server)
    visitor.expected = {401}
    visitor.open()
    visitor.page.evaluate("localStorage.setItem('cliproxy.management-key', 'an old one')")
    visitor.page.reload()
    wrong(visitor, "The key that was kept here is not valid any more.")


def test_from_another_machine(server: Proxy, visit: Visit) -> None:
    visitor = visit(server, extra_http_headers=FORWARDED)
    visitor.expected = {403}
    visitor.log_in(key="any")
    expect(visitor.page.get_by_role("alert")).to_contain_text("Management from other machines is switched off.")


def test_shut_out_after_too_many_guesses(serve: Serve, visit: Visit) -> None:
    server = serve({"remote-management": {"secret-key": MANAGEMENT_KEY, "allow-remote": True}})
    visitor = visit(server, extra_http_headers=FORWARDED)
    visitor.expected = {401, 403}
    visitor.open()
    for number in range(5):
        visitor.field("Management key").fill(f"guess {number}")
        with visitor.page.expect_response("**/v0/management/debug"):
            visitor.button("Log in").click()
        expect(visitor.button("Log in")).to_be_enabled()
    visitor.field("Management key").fill(MANAGEMENT_KEY)
    visitor.button("Log in").click()
    expect(visitor.page.get_by_role("alert")).to_have_text(
        re.compile("too many failed attempts. Try again in (30m0s|29m)")
    )


def test_management_is_off(serve: Serve, visit: Visit) -> None:
    visitor = visit(serve({"remote-management": {}}))
    visitor.expected = {404}
    visitor.log_in(key="any")
    expect(visitor.page.get_by_role("alert")).to_contain_text("Set remote-management.secret-key in the configuration.")


def test_put_out_when_the_key_is_changed(serve: Serve, visit: Visit) -> None:
    server = serve()
    visitor = visit(server)
    visitor.expected = {401}
    visitor.log_in("settings")
    other = visit(server)
    other.log_in("config")
    text = other.field("Configuration file").input_value()
    line = next(one for one in text.splitlines() if "secret-key" in one)
    other.field("Configuration file").fill(text.replace(line, "  secret-key: another-management-key"))
    other.expected = {401}
    other.button("Save").click()
    expect(other.page.get_by_role("alert")).to_have_text("This is not the management key.")
    visitor.field("Further rounds").fill("7")
    visitor.field("Further rounds").blur()
    wrong(visitor, "This is not the management key.")


def test_no_panel(serve: Serve) -> None:
    server = serve({"remote-management": {"secret-key": MANAGEMENT_KEY, "disable-control-panel": True}})
    assert [server.ask("GET", path).status for path in ("/management.html", "/management/app.js")] == [404, 404]


def test_with_the_keyboard_alone(server: Proxy, visit: Visit) -> None:
    visitor = visit(server)
    visitor.open("settings")
    keyboard = visitor.page.keyboard
    expect(visitor.field("Management key")).to_be_focused()
    keyboard.type(MANAGEMENT_KEY)
    keyboard.press("Enter")
    visitor.sees_view("settings")
    keyboard.press("Tab")
    expect(visitor.page.get_by_role("link", name="To the content")).to_be_focused()
    for title in dict.fromkeys(TITLES[view] for view in VIEWS):
        keyboard.press("Tab")
        expect(visitor.page.get_by_role("link", name=title, exact=True).first).to_be_focused()
        assert visitor.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    visitor.page.get_by_role("link", name="Keys and providers", exact=True).focus()
    keyboard.press("Enter")
    visitor.sees_view("keys")
    expect(visitor.page.get_by_role("heading", level=1)).to_be_focused()
    keyboard.press("Tab")
    expect(visitor.button("Add a provider")).to_be_focused()
    keyboard.press("Enter")
    visitor.dialog("Add a provider")
    for _ in range(9):  # the focus stays inside
        keyboard.press("Tab")
        assert visitor.page.evaluate(
            "document.activeElement === document.body || Boolean(document.activeElement.closest('dialog'))"
        )
    keyboard.press("Escape")
    expect(visitor.page.get_by_role("dialog")).to_have_count(0)
    expect(visitor.button("Add a provider")).to_be_focused()
    keyboard.press("Enter")
    visitor.dialog("Add a provider").get_by_role("button", name="Claude").focus()
    keyboard.press("Enter")
    visitor.dialog("Add: Claude")
    keyboard.type("sk-typed")
    keyboard.press("Enter")
    visitor.told("Claude: saved.")


def test_colours(server: Proxy, visit: Visit) -> None:
    visitor = visit(server, color_scheme="light")
    visitor.log_in()
    ground = "getComputedStyle(document.body).backgroundColor"
    light = visitor.page.evaluate(ground)
    visitor.field("Colours").select_option("dark")
    dark = visitor.page.evaluate(ground)
    assert dark != light
    visitor.page.reload()
    visitor.sees_view("overview")
    assert visitor.page.evaluate(ground) == dark
    visitor.field("Colours").select_option("auto")
    assert visitor.page.evaluate(ground) == light
    visitor.page.emulate_media(color_scheme="dark")
    assert visitor.page.evaluate(ground) == dark


def test_the_menu_of_a_phone(server: Proxy, visit: Visit) -> None:
    visitor = visit(server, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    visitor.expected = {400}  # the log is not in a file
    visitor.log_in()
    visitor.button("Menu").click()
    visitor.dialog("Menu").get_by_role("link", name="Logs").click()
    visitor.sees_view("logs")
    expect(visitor.page.get_by_role("dialog")).to_have_count(0)
    visitor.button("Menu").click()
    visitor.dialog("Menu").get_by_role("button", name="Log out").click()
    expect(visitor.field("Management key")).to_be_visible()
