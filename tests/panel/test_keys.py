"""Client keys and providers: added, changed and deleted in the page, in force for the next request."""

from __future__ import annotations

from typing import Any

import pytest
from end_to_end.families import CHAT, GEMINI
from end_to_end.proxy import KEY, Proxy
from panel.conftest import Serve, Visit
from panel.visitor import MANAGEMENT_KEY, Visitor
from playwright.sync_api import Locator, expect
from ruamel.yaml import YAML
from upstream.server import FakeUpstream

MANAGED = {"Authorization": f"Bearer {MANAGEMENT_KEY}"}


@pytest.fixture
def server(common_server: Proxy) -> Proxy:
    return common_server


@pytest.fixture
def visitor(server: Proxy, visit: Visit) -> Visitor:
    found = visit(server)
    found.log_in("keys")
    return found


def on_disk(server: Proxy) -> Any:
    return YAML(typ="safe").load(server.config_path.read_text())


def group(visitor: Visitor, title: str) -> Locator:
    return visitor.page.get_by_role("region", name=title, exact=True)


def test_add_a_provider_that_answers(visitor: Visitor, server: Proxy, upstream: FakeUpstream) -> None:
    assert server.post(CHAT.path("kimi"), CHAT.body("kimi")).status >= 400
    visitor.button("Add a provider").click()
    visitor.dialog("Add a provider").get_by_role("button", name="OpenAI-compatible").click()
    visitor.dialog("Add: OpenAI-compatible")
    visitor.field("Name").fill("mine")
    visitor.field("Address").fill(f"{upstream.url}/v1")
    visitor.field("API key").fill("sk-of-mine")
    visitor.field("Name at the provider").fill("gpt-up")
    visitor.field("Name for clients").fill("kimi")
    visitor.button("Save").click()
    visitor.told("OpenAI-compatible: saved. It is used from now on.")
    expect(group(visitor, "OpenAI-compatible")).to_contain_text("1 key · kimi")
    assert server.post(CHAT.path("kimi"), CHAT.body("kimi")).status == 200
    assert upstream.requests[-1].headers["authorization"] == "Bearer sk-of-mine"
    assert on_disk(server)["openai-compatibility"][-1] == {
        "name": "mine", "base-url": f"{upstream.url}/v1", "api-key-entries": [{"api-key": "sk-of-mine"}],
        "models": [{"name": "gpt-up", "alias": "kimi"}],
    }  # fmt: skip


def test_everything_that_an_entry_can_have(visitor: Visitor, server: Proxy, upstream: FakeUpstream) -> None:
    visitor.button("Add: Gemini").click()
    visitor.field("API key").fill("AIza-1")
    visitor.field("Address").fill(upstream.url)
    visitor.button("Add a model").click()
    visitor.page.keyboard.type("gemini-up")
    visitor.page.get_by_text("More", exact=True).click()
    visitor.field("Prefix").fill("team")
    visitor.field("Priority").fill("3")
    visitor.field("Models that are not offered").fill("a-*\n\nb\n")
    visitor.button("Add a header").click()
    visitor.page.keyboard.type("X-Tenant")
    visitor.page.keyboard.press("Tab")
    visitor.page.keyboard.type("blue")
    visitor.button("Save").click()
    visitor.told("Gemini: saved.")
    expect(group(visitor, "Gemini")).to_contain_text("team/")
    wanted = {
        "api-key": "AIza-1", "priority": 3, "prefix": "team", "base-url": upstream.url,
        "models": [{"name": "gemini-up", "alias": "gemini-up"}], "headers": {"X-Tenant": "blue"},
        "excluded-models": ["a-*", "b"],
    }  # fmt: skip
    assert on_disk(server)["gemini-api-key"] == [wanted]
    assert server.post(GEMINI.path("team/gemini-up"), GEMINI.body("team/gemini-up")).status == 200
    group(visitor, "Gemini").get_by_role("button", name="Edit").click()
    visitor.page.get_by_text("More", exact=True).click()
    for label in ("Prefix", "Priority", "Models that are not offered"):
        visitor.field(label).fill("")
    for _ in range(2):  # the model and the header
        visitor.button("Remove this row").first.click()
    visitor.button("Save").click()
    visitor.told("Gemini: saved.")
    expect(group(visitor, "Gemini")).not_to_contain_text("team/")
    assert on_disk(server)["gemini-api-key"] == [{"api-key": "AIza-1", "base-url": upstream.url}]


def test_what_the_form_does_not_know_is_kept(serve: Serve, visit: Visit, upstream: FakeUpstream) -> None:
    cloak = {"mode": "never", "strict-mode": True}
    server = serve({"claude-api-key": [{"api-key": "k", "base-url": upstream.url, "cloak": cloak}]})
    visitor = visit(server)
    visitor.log_in("keys")
    group(visitor, "Claude").get_by_role("button", name="Edit").click()
    visitor.field("API key").fill("another")
    visitor.button("Save").click()
    visitor.told("Claude: saved.")
    entry = on_disk(server)["claude-api-key"][0]
    assert (entry["api-key"], entry["cloak"]) == ("another", cloak)


@pytest.mark.parametrize(
    ("filled", "words"),
    [
        ({}, "Name:"),
        ({"Name": "mine"}, "Address:"),
        ({"Name": "mine", "Address": "somewhere"}, "The address must begin with http:// or https://."),
        ({"Name": "mine", "Address": "http://x"}, "Enter at least one model"),
    ],
)
def test_what_is_missing_is_said(visitor: Visitor, filled: dict[str, str], words: str) -> None:
    before = visitor.server.config_path.read_text()
    visitor.button("Add: OpenAI-compatible").click()
    if "http" not in filled.get("Address", "http"):
        visitor.field("Name at the provider").fill("m")
    for label, value in filled.items():
        visitor.field(label).fill(value)
    visitor.button("Save").click()
    expect(visitor.top.get_by_role("alert")).to_contain_text(words)
    visitor.page.keyboard.press("Escape")
    assert visitor.server.config_path.read_text() == before


def test_the_same_key_twice(visitor: Visitor, server: Proxy) -> None:
    for number in range(2):
        visitor.button("Add: Gemini").click()
        visitor.field("API key").fill("AIza-1")
        visitor.button("Save").click()
        if number == 0:
            visitor.told("Gemini: saved.")
    expect(visitor.top.get_by_role("alert")).to_contain_text("the same one is there already")
    assert len(on_disk(server)["gemini-api-key"]) == 1


def test_changes_of_others_are_not_undone(visitor: Visitor, server: Proxy) -> None:
    group(visitor, "Claude").get_by_role("button", name="Edit").click()
    new = [{"api-key": "theirs", "base-url": ""}]
    assert server.ask("PUT", "/v0/management/claude-api-key", new, MANAGED).status == 200
    visitor.field("API key").fill("mine")
    visitor.button("Save").click()
    expect(visitor.top.get_by_role("alert")).to_contain_text("has been changed elsewhere meanwhile")
    assert [entry["api-key"] for entry in on_disk(server)["claude-api-key"]] == ["theirs"]
    visitor.page.keyboard.press("Escape")
    expect(group(visitor, "Claude").get_by_role("listitem")).to_have_count(1)


def test_delete_a_provider(visitor: Visitor, server: Proxy) -> None:
    assert server.post(CHAT.path(), CHAT.body()).status == 200
    group(visitor, "OpenAI-compatible").get_by_role("button", name="Delete").click()
    visitor.dialog("Delete this provider?")
    visitor.button("Cancel").click()
    assert server.post(CHAT.path(), CHAT.body()).status == 200
    group(visitor, "OpenAI-compatible").get_by_role("button", name="Delete").click()
    visitor.button("Delete").click()
    visitor.told("is deleted.")
    assert server.post(CHAT.path(), CHAT.body()).status >= 400


def test_client_keys(visitor: Visitor, server: Proxy) -> None:
    keys = group(visitor, "Client keys")
    visitor.button("Add a key").click()
    visitor.button("Make a random one").click()
    made = visitor.field("Key").input_value()
    assert len(made) > 30
    visitor.button("Save").click()
    visitor.told("The key is saved.")
    assert server.ask("GET", "/v1/models", None, {"Authorization": f"Bearer {made}"}).status == 200
    expect(keys.get_by_text(made)).to_have_count(0)
    keys.get_by_role("button", name="Show").last.click()
    expect(keys.get_by_text(made)).to_be_visible()
    keys.get_by_role("button", name="Edit").last.click()
    visitor.field("Key").fill(KEY)
    visitor.button("Save").click()
    expect(visitor.top.get_by_role("alert")).to_have_text("This key is there already.")
    visitor.field("Key").fill("changed")
    visitor.button("Save").click()
    visitor.told("The key is saved.")
    assert on_disk(server)["api-keys"] == [KEY, "changed"]
    keys.get_by_role("button", name="Delete").last.click()
    visitor.dialog("Delete this key?")
    visitor.button("Delete").click()
    visitor.told("The key is deleted.")
    assert server.ask("GET", "/v1/models", None, {"Authorization": "Bearer changed"}).status == 401
    keys.get_by_role("button", name="Delete").click()
    visitor.button("Delete").click()
    expect(keys).to_contain_text("Everybody who reaches the port may use your accounts.")


def test_copied(visitor: Visitor) -> None:
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    group(visitor, "Client keys").get_by_role("button", name="Copy").click()
    visitor.told("Key copied.")
    assert visitor.page.evaluate("navigator.clipboard.readText()") == KEY
    visitor.page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")  # as on plain http
    group(visitor, "Client keys").get_by_role("button", name="Copy").click()
    expect(visitor.dialog("Copy key").get_by_label("Key")).to_have_value(KEY)
