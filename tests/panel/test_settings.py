"""Settings, aliases and mappings in the page: saved at once, in force at once."""

from __future__ import annotations

from typing import Any

import pytest
from end_to_end.families import CHAT
from end_to_end.proxy import Proxy
from panel.conftest import Visit
from panel.visitor import MANAGEMENT_KEY, Visitor
from playwright.sync_api import Locator, expect
from ruamel.yaml import YAML

MANAGED = {"Authorization": f"Bearer {MANAGEMENT_KEY}"}


@pytest.fixture
def server(common_server: Proxy) -> Proxy:
    return common_server


@pytest.fixture
def visitor(server: Proxy, visit: Visit) -> Visitor:
    return visit(server)


def value(server: Proxy, path: str) -> Any:
    """What the server says of a setting."""
    return next(iter(server.ask("GET", f"/v0/management/{path}", None, MANAGED).json.values()))


def on_disk(server: Proxy) -> Any:
    return YAML(typ="safe").load(server.config_path.read_text())


def test_switches(visitor: Visitor, server: Proxy) -> None:
    visitor.log_in("settings")
    for label, path in [
        ("More lines in the log", "debug"), ("Write down every request and answer", "request-log"),
        ("Log into a file", "logging-to-file"), ("The WebSocket relay needs a client key", "ws-auth"),
        ("Count requests and tokens per model and key", "usage-statistics-enabled"),
        ("Models of entries with a prefix need the prefix", "force-model-prefix"),
        ("Switch the project when a quota is used up", "quota-exceeded/switch-project"),
    ]:  # fmt: skip
        before = value(server, path)
        switch = visitor.page.get_by_role("switch", name=label)
        assert switch.is_checked() is before
        switch.click()
        visitor.told(f"{label}: {'off' if before else 'on'}.")
        assert value(server, path) is not before
    visitor.page.reload()
    expect(visitor.page.get_by_role("switch", name="More lines in the log")).to_be_checked()


def test_numbers_texts_and_choices(visitor: Visitor, server: Proxy) -> None:
    visitor.log_in("settings")
    visitor.field("Further rounds").fill("3")
    visitor.field("Further rounds").press("Enter")
    visitor.told("Further rounds: saved.")
    visitor.field("Proxy for all calls to providers").fill("socks5://127.0.0.1:1")
    visitor.field("Proxy for all calls to providers").blur()
    visitor.told("Proxy for all calls to providers: saved.")
    visitor.field("Order of credentials").select_option("fill-first")
    visitor.told("Order of credentials: saved.")
    assert [value(server, path) for path in ("request-retry", "proxy-url", "routing/strategy")] == [
        3, "socks5://127.0.0.1:1", "fill-first",
    ]  # fmt: skip
    for wrong in ("", "-1", "1.5"):
        visitor.field("Further rounds").fill(wrong)
        visitor.field("Further rounds").blur()
        visitor.told("Further rounds: ")
        expect(visitor.field("Further rounds")).to_have_value("3")
    assert value(server, "request-retry") == 3


def test_what_cannot_be_saved_is_taken_back(visitor: Visitor, server: Proxy) -> None:
    visitor.expected = {500}
    visitor.log_in("settings")
    server.write_config("request-retry: many\n")
    switch = visitor.page.get_by_role("switch", name="More lines in the log")
    switch.click()
    visitor.told("failed to save config")
    expect(switch).not_to_be_checked()


def region(visitor: Visitor, title: str) -> Locator:
    return visitor.page.get_by_role("region", name=title, exact=True)


def test_aliases(visitor: Visitor, server: Proxy) -> None:
    visitor.log_in("models")
    visitor.button("Add aliases").click()
    visitor.field("Provider").select_option("gemini-cli")
    visitor.button("Save").click()
    expect(visitor.top.get_by_role("alert")).to_contain_text("in each row")
    visitor.field("Model").fill("gemini-2.5-pro")
    visitor.field("Name for clients").fill("pro")
    visitor.field("keep the original name").check()
    visitor.button("Save").click()
    visitor.told("Saved. It counts at once.")
    expect(region(visitor, "Aliases")).to_contain_text("and the original")
    assert on_disk(server)["oauth-model-alias"]["gemini-cli"] == [
        {"name": "gemini-2.5-pro", "alias": "pro", "fork": True}
    ]
    visitor.button("Edit Gemini CLI").click()
    visitor.field("keep the original name").uncheck()
    visitor.button("Add an alias").click()
    visitor.field("Model").last.fill("gemini-2.5-flash")
    visitor.field("Name for clients").last.fill("flash")
    visitor.button("Save").click()
    visitor.told("Saved.")
    assert on_disk(server)["oauth-model-alias"]["gemini-cli"] == [
        {"name": "gemini-2.5-pro", "alias": "pro"}, {"name": "gemini-2.5-flash", "alias": "flash"},
    ]  # fmt: skip
    visitor.button("Delete Gemini CLI").click()
    visitor.button("Delete").click()
    visitor.told("Deleted.")
    assert "gemini-cli" not in on_disk(server)["oauth-model-alias"]


def test_exclusions(visitor: Visitor, server: Proxy) -> None:
    visitor.log_in("models")
    visitor.button("Add excluded models").click()
    visitor.field("Provider").select_option("codex")
    visitor.field("Models").fill("gpt-5*\n\n*-preview")
    visitor.button("Save").click()
    visitor.told("Saved.")
    assert on_disk(server)["oauth-excluded-models"] == {"codex": ["gpt-5*", "*-preview"]}
    region(visitor, "Excluded models").get_by_role("button", name="Delete Codex").click()
    visitor.button("Delete").click()
    visitor.told("Deleted.")
    assert "oauth-excluded-models" not in on_disk(server)


def test_mappings_of_amp(visitor: Visitor, server: Proxy) -> None:
    visitor.log_in("models")
    visitor.button("Edit model mappings").click()
    visitor.field("Model that Amp asks for").fill("claude-opus-9")
    visitor.field("Model that answers").fill(CHAT.model)
    visitor.button("Save").click()
    visitor.told("Saved.")
    expect(region(visitor, "Amp")).to_contain_text("claude-opus-9")
    asked = CHAT.body("claude-opus-9")
    assert server.post("/api/provider/openai/v1/chat/completions", asked).status == 200
    visitor.button("Edit model mappings").click()
    visitor.button("Remove this row").click()
    visitor.button("Save").click()
    visitor.told("Saved.")
    assert server.post("/api/provider/openai/v1/chat/completions", asked).status >= 400


def test_amps_server(visitor: Visitor, server: Proxy) -> None:
    visitor.log_in("models")
    visitor.button("Change: Amp's server").click()
    visitor.field("Amp's server").fill("http://127.0.0.1:1")
    visitor.button("Save").click()
    visitor.told("Saved.")
    assert value(server, "ampcode/upstream-url") == "http://127.0.0.1:1"
    visitor.button("Change: Amp's server").click()
    visitor.field("Amp's server").fill("")
    visitor.button("Save").click()
    visitor.told("Saved.")
    assert value(server, "ampcode/upstream-url") == ""
    visitor.page.get_by_role("switch", name="Mappings come before models of the same name").click()
    visitor.told("Saved.")
    assert value(server, "ampcode/force-model-mappings") is True
    visitor.button("Edit keys for single clients").click()
    visitor.field("Key for Amp's server").fill("amp-1")
    visitor.field("Client keys, with commas").fill("a, b ,")
    visitor.button("Save").click()
    visitor.told("Saved.")
    assert value(server, "ampcode/upstream-api-keys") == [{"upstream-api-key": "amp-1", "api-keys": ["a", "b"]}]
