"""The configuration file in the page: objections at their lines, saved, and never somebody else's work undone."""

from __future__ import annotations

import pytest
from end_to_end.families import CHAT
from end_to_end.proxy import Proxy
from panel.conftest import Visit
from panel.visitor import MANAGEMENT_KEY, Visitor
from playwright.sync_api import Locator, expect

MANAGED = {"Authorization": f"Bearer {MANAGEMENT_KEY}"}


@pytest.fixture
def server(common_server: Proxy) -> Proxy:
    return common_server


@pytest.fixture
def visitor(server: Proxy, visit: Visit) -> Visitor:
    found = visit(server)
    found.log_in("config")
    return found


def editor(visitor: Visitor) -> Locator:
    return visitor.field("Configuration file")


def test_shown_as_it_is(visitor: Visitor, server: Proxy) -> None:
    text = editor(visitor).input_value()
    assert text == server.config_path.read_text()
    numbers = visitor.page.locator(".editor-lines").inner_text().split()
    assert numbers == [str(number) for number in range(1, text.count("\n") + 2)]
    expect(visitor.button("Save")).to_be_disabled()


def test_an_error_is_explained_and_corrected(visitor: Visitor, server: Proxy) -> None:
    visitor.expected = {400, 422}
    before = server.config_path.read_text()
    lines = before.rstrip().split("\n")
    editor(visitor).fill(f"{before}# mine\nrequest-retry: many\ndebug: perhaps\n")
    expect(visitor.button("Save")).to_be_enabled()
    visitor.button("Save").click()
    problems = visitor.page.get_by_role("alert")
    expect(problems).to_contain_text("Not saved.")
    wrong = len(lines) + 2
    expect(problems).to_contain_text(f"Line {wrong}")
    expect(problems).to_contain_text("request-retry")
    expect(problems).to_contain_text(f"Line {wrong + 1}")
    expect(visitor.page.locator(".editor-lines .marked")).to_have_text([str(wrong), str(wrong + 1)])
    assert server.config_path.read_text() == before
    problems.get_by_role("button", name=f"Line {wrong}", exact=True).click()
    selected = editor(visitor).evaluate("area => area.value.slice(area.selectionStart, area.selectionEnd)")
    assert selected == "request-retry: many"
    visitor.page.keyboard.type("request-retry: 2")
    problems.get_by_role("button", name=f"Line {wrong + 1}", exact=True).click()
    visitor.page.keyboard.type("debug: true")
    visitor.page.keyboard.press("Control+s")
    visitor.told("Saved. The configuration is in use.")
    expect(problems).to_be_hidden()
    expect(visitor.page.locator(".editor-lines .marked")).to_have_count(0)
    expect(visitor.button("Save")).to_be_disabled()
    assert server.config_path.read_text() == f"{before}# mine\nrequest-retry: 2\ndebug: true\n"
    assert server.ask("GET", "/v0/management/debug", None, MANAGED).json == {"debug": True}


def test_syntax(visitor: Visitor) -> None:
    visitor.expected = {400}
    editor(visitor).fill("a: [1\nb: 2\n")
    visitor.button("Save").click()
    expect(visitor.page.get_by_role("alert")).to_contain_text("Line ")
    expect(visitor.page.locator(".editor-lines .marked")).to_have_count(1)


def test_changes_are_not_lost_by_going_elsewhere(visitor: Visitor) -> None:
    editor(visitor).fill("debug: true\n")
    visitor.page.get_by_role("link", name="Logs", exact=True).click()
    visitor.dialog("Unsaved changes")
    visitor.button("Cancel").click()
    expect(editor(visitor)).to_have_value("debug: true\n")
    assert visitor.page.url.endswith("#/config")
    visitor.page.get_by_role("link", name="Settings", exact=True).click()
    visitor.button("Discard the changes").click()
    visitor.sees_view("settings")
    assert visitor.page.url.endswith("#/settings")
    visitor.go("config")
    expect(editor(visitor)).not_to_have_value("debug: true\n")


def test_closing_the_tab_asks(visitor: Visitor) -> None:
    editor(visitor).press("End")
    visitor.page.keyboard.type(" ")
    asked: list[str] = []

    def stay(question: object) -> None:
        asked.append(question.type)  # type: ignore[attr-defined]
        question.accept()  # type: ignore[attr-defined]

    visitor.page.on("dialog", stay)
    visitor.page.reload()
    assert asked == ["beforeunload"]


def test_revert(visitor: Visitor, server: Proxy) -> None:
    editor(visitor).fill("x")
    visitor.button("Revert").click()
    visitor.dialog("Revert?")
    visitor.button("Revert").click()
    expect(editor(visitor)).to_have_value(server.config_path.read_text())


def test_changed_elsewhere_meanwhile(visitor: Visitor, server: Proxy) -> None:
    text = editor(visitor).input_value()
    assert server.ask("PUT", "/v0/management/debug", {"value": True}, MANAGED).status == 200
    theirs = server.config_path.read_text()
    editor(visitor).fill(f"{text}request-retry: 5\n")
    visitor.button("Save").click()
    visitor.dialog("The file has changed")
    visitor.button("Cancel").click()
    assert server.config_path.read_text() == theirs
    visitor.button("Save").click()
    visitor.button("Save all the same").click()
    visitor.told("Saved.")
    assert server.config_path.read_text() == f"{text}request-retry: 5\n"


def test_a_broken_file_on_the_server(visitor: Visitor, server: Proxy) -> None:
    visitor.go("overview")
    server.write_config("request-retry: many\n")
    notice = visitor.page.get_by_role("link", name="request-retry")
    expect(notice).to_contain_text("The old configuration stays in use.")
    notice.click()
    visitor.sees_view("config")
    expect(visitor.page.get_by_role("alert")).to_contain_text("The file on the server has problems.")
    expect(visitor.page.locator(".editor-lines .marked")).to_have_text("1")
    assert server.post(CHAT.path(), CHAT.body()).status == 200


def test_far_problems_are_scrolled_to(visitor: Visitor) -> None:
    visitor.expected = {400}
    editor(visitor).fill("# a line\n" * 200 + "debug: perhaps\n")
    editor(visitor).evaluate("area => { area.scrollTop = 0; }")
    visitor.button("Save").click()
    expect(visitor.page.locator(".editor-lines .marked")).to_be_in_viewport()
    visitor.button("Revert").click()
    visitor.button("Revert").click()
    expect(visitor.button("Revert")).to_be_disabled()


def test_leaving_while_it_loads(visitor: Visitor) -> None:
    """What comes too late for a view is not blamed on the next one."""
    visitor.go("keys")
    visitor.context.route("**/v0/management/config", lambda route: None)  # never answered
    visitor.page.get_by_role("region", name="Claude").get_by_role("button", name="Delete").click()
    with visitor.page.expect_request("**/v0/management/config"):
        visitor.button("Delete").click()
    visitor.go("models")
    visitor.page.wait_for_load_state("networkidle")
    expect(visitor.page.get_by_role("alert")).to_have_count(0)
