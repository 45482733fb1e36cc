"""A person at the control panel: a page of a real browser that notices what should never happen.

Fails for: errors on the console, uncaught exceptions, requests to any host but the server, refused by its policy or not.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from end_to_end.proxy import Proxy
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, Response, expect

MANAGEMENT_KEY = "the-management-key"
WIDE = {"width": 1280, "height": 860}
PHONE = {"width": 360, "height": 740}
VIEWS = ("overview", "credentials", "keys", "models", "settings", "requests", "requests/logs", "logs", "config")
TITLES = {
    "overview": "Overview", "credentials": "Credentials", "keys": "Keys and providers", "models": "Models", "settings": "Settings",
    "requests": "Requests", "requests/logs": "Requests", "logs": "Logs", "config": "Configuration",
}  # fmt: skip
_RESOURCE = re.compile("Failed to load resource: the server responded with a status of (\\d+)")


class Visitor:
    """One tab. ``expected`` are statuses of answers that this test provokes (a browser writes such to its console)."""

    def __init__(self, browser: Browser, server: Proxy, **options: Any) -> None:
        self.server = server
        self.context = browser.new_context(**{"viewport": WIDE, "reduced_motion": "reduce", **options})
        self.context.set_default_timeout(10_000)
        self.page: Page = self.context.new_page()
        self.expected: set[int] = set()
        self.faults: list[str] = []
        self.answers: list[Response] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.faults.append(f"uncaught: {error}"))
        self.page.on("request", self._request)
        self.page.on("response", lambda response: self.answers.append(response))

    def __repr__(self) -> str:
        return f"<Visitor at {self.page.url}>"

    def _console(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        refused = _RESOURCE.match(message.text)
        if refused and int(refused[1]) in self.expected:
            return
        self.faults.append(f"console: {message.text} {message.location}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("blob", "data") and f"{parts.scheme}://{parts.netloc}" != self.server.base_url:
            self.faults.append(f"foreign request: {request.url}")

    def close(self) -> None:
        """Leave. What should not have happened is an error."""
        self.context.close()
        assert not self.faults, "\n".join(self.faults)

    def open(self, view: str = "overview") -> None:
        """Type the address of a view."""
        self.page.goto(f"{self.server.base_url}/management.html#/{view}")

    def another_tab(self, view: str = "overview") -> Page:
        """The same address in another tab of the same browser."""
        page = self.context.new_page()
        page.goto(f"{self.server.base_url}/management.html#/{view}")
        return page

    def log_in(self, view: str = "overview", key: str = MANAGEMENT_KEY) -> None:
        """Open a view and enter the key at the door."""
        self.open(view)
        self.field("Management key").fill(key)
        self.button("Log in").click()
        if key == MANAGEMENT_KEY:
            self.sees_view(view)

    def go(self, view: str) -> None:
        """Go to a view while logged in, and wait until it is there."""
        self.page.evaluate("view => { location.hash = `#/${view}`; }", view)
        self.sees_view(view)

    def sees_view(self, view: str) -> None:
        """Its title is there, and it has loaded."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(TITLES[view])
        expect(self.page.locator(".content")).to_have_attribute("aria-busy", "false")
        expect(self.page.get_by_text("could not be loaded")).to_have_count(0)

    def button(self, name: str, **options: Any) -> Locator:
        """A button by its exact name; in the dialog on top, when there is one."""
        return self.top.get_by_role("button", name=name, exact=True, **options)

    def field(self, label: str) -> Locator:
        """A field by its exact label; in the dialog on top, when there is one."""
        return self.top.get_by_label(label, exact=True)

    @property
    def top(self) -> Locator:
        """The dialog on top, else the page."""
        open_dialogs = self.page.locator("dialog[open]")
        return open_dialogs.last if open_dialogs.count() else self.page.locator("body")

    def dialog(self, title: str) -> Locator:
        """The dialog with this title, once it is there."""
        found = self.page.get_by_role("dialog", name=title, exact=True)
        expect(found).to_be_visible()
        return found

    def told(self, text: str) -> None:
        """A note says so; it is taken away, so that the same words can be waited for again."""
        notes = self.page.locator(".toast", has_text=text)
        expect(notes.first).to_be_visible()
        notes.evaluate_all("notes => notes.forEach((note) => note.remove())")

    def wider_than_screen(self) -> list[str]:
        """What makes the page scroll sideways: empty when nothing does."""
        found: list[str] = self.page.evaluate("""() => {
          const width = document.documentElement.clientWidth;
          if (document.documentElement.scrollWidth <= width) return [];
          return [...document.querySelectorAll("body *")].filter((node) => node.getBoundingClientRect().right > width + 1)
            .map((node) => `${node.tagName}.${node.className} ${Math.round(node.getBoundingClientRect().right)}`);
        }""")
        return found

    def picture(self, folder: Path, name: str) -> None:
        """A screenshot of the whole page."""
        self.page.screenshot(path=folder / f"{name}.png", full_page=True, animations="disabled")
