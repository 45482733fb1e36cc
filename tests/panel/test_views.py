"""Every view on a wide screen and on a phone, light and dark: readable, not too wide, and a screenshot of each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from end_to_end.proxy import Proxy
from panel.conftest import Visit
from panel.showroom import showroom
from panel.visitor import PHONE, VIEWS, Visitor
from playwright.sync_api import expect
from upstream.server import FakeUpstream

LOOKS: dict[str, dict[str, Any]] = {
    "wide-light": {"color_scheme": "light"},
    "wide-dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "light", "viewport": PHONE, "has_touch": True, "is_mobile": True},
    "phone-dark": {"color_scheme": "dark", "viewport": PHONE, "has_touch": True, "is_mobile": True},
}
LEAST_CONTRAST = 4.5
CONTRASTS = (Path(__file__).parent / "contrast.js").read_text()


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with FakeUpstream() as upstream, showroom(tmp_path_factory.mktemp("showroom"), upstream) as proxy:
        yield proxy


def check(visitor: Visitor) -> None:
    """What must hold for whatever is on the screen."""
    assert visitor.wider_than_screen() == []
    expect(visitor.page.locator(".banner.bad:visible")).to_have_count(0)
    weak = visitor.page.evaluate(CONTRASTS, LEAST_CONTRAST)
    assert weak == []
    nameless = visitor.page.evaluate(
        "() => [...document.querySelectorAll('input, select, textarea, button, a')].filter((node) => node.checkVisibility()"
        " && !(node.ariaLabel || node.labels?.length || node.textContent.trim())).map((node) => node.outerHTML)"
    )
    assert nameless == []


@pytest.mark.parametrize("look", LOOKS)
def test_every_view(shown: Proxy, visit: Visit, screenshots: Path, look: str) -> None:
    visitor = visit(shown, **LOOKS[look])
    visitor.open()
    visitor.field("Management key").wait_for()
    check(visitor)
    visitor.picture(screenshots, f"{look}-door")
    visitor.log_in()
    for view in VIEWS:
        visitor.go(view)
        check(visitor)
        visitor.picture(screenshots, f"{look}-{view.replace('/', '-')}")


@pytest.mark.parametrize("look", LOOKS)
def test_dialogs(shown: Proxy, visit: Visit, screenshots: Path, look: str) -> None:
    visitor = visit(shown, **LOOKS[look])
    visitor.log_in("keys")
    for name, opens in [
        ("add", lambda: visitor.button("Add a provider").click()),
        ("provider", lambda: visitor.button("Edit fake-gpt-test").click()),
        ("delete", lambda: visitor.button("Delete fake-gpt-test").click()),
        ("login", lambda: (visitor.go("credentials"), visitor.button("Log in").click())),
        ("models", lambda: visitor.page.get_by_role("button", name="Models: ann@example.com").click()),
        ("edit", lambda: visitor.page.get_by_role("button", name="Edit: ann@example.com").click()),
        ("aliases", lambda: (visitor.go("models"), visitor.button("Edit Gemini CLI").click())),
    ]:
        opens()
        visitor.page.get_by_role("dialog").wait_for()
        for summary in visitor.top.locator("summary").all():
            summary.click()
        check(visitor)
        visitor.picture(screenshots, f"{look}-dialog-{name}")
        visitor.page.keyboard.press("Escape")
        expect(visitor.page.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize("look", LOOKS)
def test_what_is_wrong_with_the_configuration(shown: Proxy, visit: Visit, screenshots: Path, look: str) -> None:
    visitor = visit(shown, **LOOKS[look])
    visitor.expected = {400}
    visitor.log_in("config")
    text = visitor.field("Configuration file").input_value()
    visitor.field("Configuration file").fill(text.replace("demo: true", "demo: perhaps\nrequest-retry: many"))
    visitor.button("Save").click()
    expect(visitor.page.get_by_role("alert")).to_contain_text("request-retry")
    check(visitor)
    visitor.picture(screenshots, f"{look}-config-wrong")
    visitor.field("Configuration file").fill(text)


@pytest.mark.parametrize("look", LOOKS)
def test_a_request_log(shown: Proxy, visit: Visit, screenshots: Path, look: str) -> None:
    visitor = visit(shown, **LOOKS[look])
    visitor.log_in("requests/logs")
    refused = visitor.page.locator("tr", has=visitor.page.get_by_text("400", exact=True))
    refused.get_by_role("link").click()
    expect(visitor.page.get_by_role("heading", name="Timings")).to_be_visible()
    check(visitor)
    visitor.picture(screenshots, f"{look}-request-log")
