"""A browser for each worker, servers for the panel, and people who visit it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from end_to_end.families import CHAT, CLAUDE, entry
from end_to_end.proxy import KEY, Proxy
from panel.visitor import MANAGEMENT_KEY, Visitor
from playwright.sync_api import Browser, expect, sync_playwright
from upstream.needed import missing
from upstream.server import FakeUpstream

expect.set_options(timeout=15_000)  # the longest that the page waits before it looks again, and some more


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium (or Google's Chrome), one process per worker."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        missing("the tests of the control panel need Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, headless=True, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def session_upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture
def upstream(session_upstream: FakeUpstream) -> Iterator[FakeUpstream]:
    """The upstream of this test: nothing planned, nothing recorded."""
    session_upstream.reset()
    yield session_upstream
    session_upstream.release()
    assert session_upstream.refusals == []


def settings(upstream: FakeUpstream, **more: Any) -> dict[str, Any]:
    """A configuration with a management key, a client key and two providers."""
    return {
        "api-keys": [KEY], "auth-dir": "~/auths", "remote-management": {"secret-key": MANAGEMENT_KEY},
        CHAT.section: entry(CHAT, upstream.url, CHAT.model, "main"),
        CLAUDE.section: entry(CLAUDE, upstream.url, CLAUDE.model, "main"), **more,
    }  # fmt: skip


Serve = Callable[..., Proxy]


def serving(factory: pytest.TempPathFactory, upstream: FakeUpstream) -> Iterator[Serve]:
    """Start servers; stop them at the end."""
    running: list[Proxy] = []

    def begin(more: Mapping[str, Any] | None = None, auths: Mapping[str, str] | None = None, **options: Any) -> Proxy:
        folder = factory.mktemp("panel")
        put_auths(folder, auths or {})
        proxy = Proxy(folder, settings(upstream, **(more or {})), **options)
        running.append(proxy)
        proxy.wait_until_up()
        return proxy

    yield begin
    upstream.release()
    for proxy in running:
        proxy.stop()


@pytest.fixture
def serve(tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream) -> Iterator[Serve]:
    """``serve({"debug": True}, auths={"a.json": text}, **options of Proxy)``: a server of this test's own."""
    yield from serving(tmp_path_factory, upstream)


@pytest.fixture(scope="module")
def serve_for_all(tmp_path_factory: pytest.TempPathFactory, session_upstream: FakeUpstream) -> Iterator[Serve]:
    """The same, for all tests of a module."""
    yield from serving(tmp_path_factory, session_upstream)


@pytest.fixture(scope="module")
def common(serve_for_all: Serve) -> tuple[Proxy, str]:
    """A server for all tests of a module, and its configuration."""
    proxy = serve_for_all()
    return proxy, proxy.config_path.read_text()


@pytest.fixture
def common_server(common: tuple[Proxy, str], upstream: FakeUpstream) -> Proxy:
    """The same, with its configuration as it was at first."""
    proxy, text = common
    if proxy.config_path.read_text() != text:
        answer = proxy.ask(
            "PUT", "/v0/management/config.yaml", text.encode(), {"Authorization": f"Bearer {MANAGEMENT_KEY}"}
        )
        assert answer.status == 200, answer
    return proxy


def put_auths(folder: Path, auths: Mapping[str, str]) -> None:
    """Credential files of a server that is started in ``folder``."""
    place = folder / "home" / "auths"
    place.mkdir(parents=True)
    for name, text in auths.items():
        (place / name).write_text(text)


Visit = Callable[..., Visitor]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """``visit(server, **options of a browser context)``: a tab; at the end it must have had no faults."""
    visitors: list[Visitor] = []

    def begin(server: Proxy, **options: Any) -> Visitor:
        visitors.append(Visitor(browser, server, **options))
        return visitors[-1]

    yield begin
    for visitor in visitors:
        visitor.close()


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: ``PANEL_SCREENSHOTS``, else pytest's own folder."""
    named = os.environ.get("PANEL_SCREENSHOTS", "")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
