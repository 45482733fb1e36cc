"""Requests as they come in, the files of requests, the log, and the figures."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from end_to_end.families import CHAT
from end_to_end.proxy import Proxy
from panel.conftest import Serve, Visit
from panel.visitor import MANAGEMENT_KEY, Visitor
from playwright.sync_api import Locator, Route, expect
from upstream.plan import Plan
from upstream.server import FakeUpstream

HIDE = """hidden => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
MANAGED = {"Authorization": f"Bearer {MANAGEMENT_KEY}"}


@pytest.fixture
def server(serve: Serve) -> Proxy:
    return serve({"logging-to-file": True})


@pytest.fixture
def visitor(server: Proxy, visit: Visit) -> Visitor:
    return visit(server)


def rows(visitor: Visitor) -> Locator:
    return visitor.page.locator("tbody tr")


def test_a_request_appears(visitor: Visitor, server: Proxy) -> None:
    visitor.log_in("requests")
    expect(visitor.page.get_by_text("No requests yet")).to_be_visible()
    assert server.post(CHAT.path(), CHAT.body()).status == 200
    expect(rows(visitor)).to_have_count(1)
    expect(rows(visitor).first).to_contain_text("POST /v1/chat/completions")
    expect(rows(visitor).first.locator(".chip")).to_have_text("200")
    expect(rows(visitor).first).to_contain_text("127.0.0.1")
    assert server.post("/v1/messages", {"model": "nobody"}).status >= 400
    expect(rows(visitor)).to_have_count(2)
    expect(rows(visitor).first).to_contain_text("/v1/messages")


def test_nothing_is_asked_while_nobody_looks(visitor: Visitor, server: Proxy) -> None:
    visitor.page.clock.install()
    visitor.log_in("requests")
    visitor.page.evaluate(HIDE, True)
    visitor.page.wait_for_load_state("networkidle")
    visitor.answers.clear()
    visitor.page.clock.fast_forward(60_000)
    assert visitor.page.evaluate("fetch('/healthz').then((answer) => answer.status)") == 200
    assert [answer.url for answer in visitor.answers] == [f"{server.base_url}/healthz"]
    with visitor.page.expect_response("**/v0/management/requests?**"):
        visitor.page.evaluate(HIDE, False)
    with visitor.page.expect_response("**/v0/management/requests?**"):
        visitor.page.clock.fast_forward(3_000)
    visitor.page.evaluate(HIDE, True)
    visitor.answers.clear()
    visitor.go("requests/logs")
    visitor.page.clock.fast_forward(60_000)
    assert visitor.page.evaluate("fetch('/healthz').then((answer) => answer.status)") == 200
    assert len([answer for answer in visitor.answers if "/request-logs?" in answer.url]) == 1  # when it was opened
    with visitor.page.expect_response("**/v0/management/request-logs?**"):
        visitor.page.evaluate(HIDE, False)
    visitor.go("keys")
    visitor.page.wait_for_load_state("networkidle")
    visitor.answers.clear()
    visitor.page.clock.fast_forward(60_000)
    assert visitor.page.evaluate("fetch('/healthz').then((answer) => answer.status)") == 200
    assert [answer.url for answer in visitor.answers] == [f"{server.base_url}/healthz"]


def test_the_server_goes_away_and_comes_back(visitor: Visitor, server: Proxy) -> None:
    visitor.log_in("requests")
    visitor.context.route("**/v0/management/requests?**", lambda route: route.abort())
    expect(visitor.page.get_by_role("alert")).to_have_text("The server does not answer. Is it still running?")
    visitor.context.unroute("**/v0/management/requests?**")
    expect(visitor.page.get_by_role("alert")).to_have_count(0)
    visitor.faults = [fault for fault in visitor.faults if "ERR_FAILED" not in fault]


def test_request_logs(visitor: Visitor, server: Proxy, upstream: FakeUpstream) -> None:
    visitor.expected = {404}
    visitor.log_in("requests/logs")
    expect(visitor.page.get_by_text("Only failed requests are written down.")).to_be_visible()
    visitor.button("Write down all of them").click()
    visitor.told("Requests are written down from now on.")
    expect(visitor.page.get_by_text("The next request is written down.")).to_be_visible()
    upstream.plan(Plan(status=500), Plan())
    server.post(CHAT.path(), CHAT.body(messages=[{"role": "user", "content": "<b>hi</b> & all"}]))
    row = rows(visitor).first
    expect(row).to_contain_text("/v1/chat/completions")
    row.get_by_role("link").click()
    expect(visitor.page.get_by_role("heading", name="POST /v1/chat/completions")).to_be_visible()
    times = visitor.page.get_by_role("region", name="Timings")
    expect(times.get_by_role("listitem").first).to_contain_text("Upstream, call 1")
    expect(visitor.page.get_by_text('"content": "<b>hi</b> & all"').first).to_be_visible()
    headers = visitor.page.get_by_text("Headers of the client")
    headers.click()
    expect(visitor.page.locator("pre", has_text="Content-Type: application/json").first).to_be_visible()
    with visitor.page.expect_download() as download:
        visitor.button("Download").click()
    assert b"=== REQUEST INFO ===" in download.value.path().read_bytes()
    visitor.page.goto(f"{server.base_url}/management.html#/requests/log/00000000")
    expect(visitor.page.get_by_text("Request 00000000 was not written down")).to_be_visible()


def test_the_log(visitor: Visitor, server: Proxy) -> None:
    visitor.log_in("logs")
    output = visitor.page.get_by_role("log")
    server.post(CHAT.path("first-model"), CHAT.body("first-model"))
    line = output.locator(".log-line", has_text="/v1/chat/completions")
    expect(line).to_have_count(1)
    request_id = line.get_by_role("link").inner_text()
    assert len(request_id) == 8
    expect(output.locator(".log-line", has_text="/v0/management/")).to_have_count(0)
    visitor.field("Without this panel's own requests").uncheck()
    expect(output.locator(".log-line", has_text="/v0/management/debug").first).to_be_visible()
    visitor.field("Only lines with this text").fill("CHAT/completions")
    expect(output.locator(".log-line")).to_have_count(1)
    visitor.field("Level").select_option("error")
    visitor.field("Only lines with this text").fill("")
    expect(output.locator(".log-line.info")).to_have_count(0)
    visitor.field("Level").select_option("")
    visitor.button("Pause").click()
    server.post(CHAT.path("second-model"), CHAT.body("second-model"))
    visitor.field("Only lines with this text").fill("/v1/chat/completions")
    expect(output.locator(".log-line")).to_have_count(1)
    visitor.button("Follow").click()
    expect(output.locator(".log-line")).to_have_count(2)
    visitor.button("Clear").click()
    visitor.dialog("Clear the log?")
    visitor.button("Clear").click()
    visitor.told("The log is empty.")
    expect(output.locator(".log-line")).to_have_count(0)
    assert "/v1/chat/completions" not in (server.folder / "logs" / "main.log").read_text()


def test_lines_are_only_text(visitor: Visitor, server: Proxy) -> None:
    server.ask("GET", "/v1/%3Cimg%20src=x%20onerror=alert(1)%3E")
    visitor.log_in("logs")
    expect(visitor.page.get_by_role("log")).to_contain_text("<img src=x onerror=alert(1)>")
    assert visitor.page.locator(".content img").count() == 0


def test_the_log_is_not_in_a_file(serve: Serve, visit: Visit) -> None:
    server = serve()
    visitor = visit(server)
    visitor.expected = {400}
    visitor.log_in("logs")
    expect(visitor.page.get_by_text("The log goes to standard output")).to_be_visible()
    visitor.button("Log into a file").click()
    expect(visitor.page.get_by_role("log")).to_be_visible()
    assert server.ask("GET", "/v0/management/logging-to-file", None, MANAGED).json == {"logging-to-file": True}


def figures(step: int = 60, number: int = 60) -> dict[str, Any]:
    """An overview with something in it; every tenth point has no requests."""
    start = int(time.time()) // step * step - (number - 1) * step
    points = [
        {
            "at": start + index * step, "requests": 0 if index % 10 == 0 else 20 + index, "errors": 0 if index % 10 == 0 else index % 4,
            "ttfb_p50_ms": None if index % 10 == 0 else 200 + 3 * index, "ttfb_p95_ms": None if index % 10 == 0 else 900 + 9 * index,
            "input_tokens": 1000 * index, "output_tokens": 300 * index,
        }
        for index in range(number)
    ]  # fmt: skip
    totals = {
        name: sum(point[name] for point in points) for name in ("requests", "errors", "input_tokens", "output_tokens")
    }
    return {"step": step, "points": points, "totals": totals, "started_at": int(time.time()) - 7300, "version": "0.1.0"}


def test_charts(visitor: Visitor, screenshots: Any) -> None:
    said = figures()

    def fulfil(route: Route) -> None:
        route.fulfill(body=json.dumps(said), content_type="application/json")

    visitor.context.route("**/v0/management/overview?**", fulfil)
    visitor.log_in()
    cards = visitor.page.locator(".cards")
    expect(cards).to_contain_text("2,700")
    expect(cards).to_contain_text("2 h 1 min")
    chart = visitor.page.get_by_role("img", name="Requests. answered")
    assert "failed: latest 3, highest 3" in (chart.get_attribute("aria-label") or "")
    expect(chart.locator("rect.bar.one")).to_have_count(54)
    expect(visitor.page.get_by_role("img", name="Time to first byte").locator("path.one")).to_have_attribute(
        "d", re.compile(r"^(M[^M]*){6}$")
    )
    visitor.picture(screenshots, "wide-light-overview-figures")
    chart.focus()
    visitor.page.keyboard.press("ArrowLeft")
    readout = visitor.page.locator("figure", has=chart).locator(".chart-readout")
    expect(readout).to_contain_text("answered 76")
    expect(readout).to_contain_text("failed 3")
    visitor.page.keyboard.press("Home")
    expect(readout).to_contain_text("answered 0")
    table = visitor.page.locator("figure", has=chart).locator("details")
    table.locator("summary").click()
    expect(table.get_by_role("row")).to_have_count(61)
    expect(table.get_by_role("row").nth(1)).to_contain_text("763")
    box = chart.bounding_box()
    assert box is not None
    visitor.page.mouse.move(box["x"] + box["width"] - 20, box["y"] + 50)
    expect(readout).to_contain_text("answered 76")
    with visitor.page.expect_request("**/overview?minutes=1440"):
        visitor.page.get_by_text("24 h", exact=True).click()
    visitor.page.set_viewport_size({"width": 360, "height": 740})
    assert visitor.wider_than_screen() == []
    visitor.picture(screenshots, "phone-overview-figures")
    visitor.page.emulate_media(color_scheme="dark")
    visitor.page.set_viewport_size({"width": 1280, "height": 860})
    visitor.picture(screenshots, "wide-dark-overview-figures")


def test_what_has_really_happened(visitor: Visitor, server: Proxy) -> None:
    for _ in range(3):
        assert server.post(CHAT.path(), CHAT.body()).status == 200
    visitor.log_in()
    cards = visitor.page.locator(".cards > div")
    expect(cards.first).to_have_text("Requests3")
    assert server.post(CHAT.path("nobody"), CHAT.body("nobody")).status >= 400
    expect(cards.nth(1)).to_contain_text("1")
    expect(cards.nth(1)).to_contain_text("25 %")


def test_an_empty_house(serve: Serve, visit: Visit) -> None:
    server = serve({"openai-compatibility": [], "claude-api-key": []})
    visitor = visit(server)
    visitor.log_in()
    expect(visitor.page.get_by_text("There is no account yet")).to_be_visible()
    visitor.page.get_by_role("link", name="Add a provider").click()
    visitor.sees_view("keys")
