"""The panel's own modules, called in a browser: how times, lines and log files are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from end_to_end.proxy import Proxy
from panel.conftest import Serve, Visit
from panel.visitor import MANAGEMENT_KEY, Visitor
from playwright.sync_api import Browser, Page, Request, Route, expect

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def server(serve_for_all: Serve) -> Proxy:
    return serve_for_all()


@pytest.fixture(scope="module")
def page(server: Proxy, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(timezone_id="Asia/Kolkata")
    page = context.new_page()
    page.goto(f"{server.base_url}/management.html")
    yield page
    context.close()


@pytest.fixture
def call(page: Page) -> Call:
    """``call("format", "bytes", 12)``: what a function of a module returns; NaN comes back as null."""
    code = """async ([module, name, parameters]) => {
      const found = await import(new URL(`management/${module}.js`, document.baseURI));
      return JSON.parse(JSON.stringify(found[name](...parameters) ?? null));
    }"""
    return lambda module, name, *parameters: page.evaluate(code, [module, name, parameters])


@pytest.mark.parametrize(
    ("function", "value", "text"),
    [
        ("count", 1234567, "1,234,567"), ("short", 9999, "9,999"), ("short", 12345, "12.3K"), ("short", 4_200_000, "4.2M"),
        ("duration", None, "–"), ("duration", 0.4, "0.4 ms"), ("duration", 9.96, "10 ms"), ("duration", 231.4, "231 ms"),
        ("duration", 1000, "1.0 s"), ("duration", 4210, "4.2 s"), ("duration", 12_300, "12 s"), ("duration", 83_000, "1 min 23 s"),
        ("span", 0, "0 s"), ("span", 0.2, "1 s"), ("span", 59, "59 s"), ("span", 3600, "1 h"), ("span", 3725, "1 h 2 min"),
        ("span", 90061, "1 d 1 h"), ("span", 86_405, "1 d"), ("span", -3, "0 s"),
        ("bytes", 0, "0 B"), ("bytes", 999, "999 B"), ("bytes", 1500, "1.5 kB"), ("bytes", 12_000_000, "12 MB"),
        ("masked", "", "no key"), ("masked", "short", "••••••••"), ("masked", "a-longer-one", "a-…ne"),
        ("masked", "sk-0123456789abcdef", "sk-0…cdef"), ("clock", 0, "1970-01-01 05:30:00"),
        ("instant", "1970-01-01T00:00:01.123456789Z", 1123.456789), ("instant", "1970-01-01T05:30:02+05:30", 2000),
        ("instant", "", None), ("instant", "yesterday", None), ("instant", "2026-99-01T00:00:00Z", None),
    ],
)  # fmt: skip
def test_numbers_and_times(call: Call, function: str, value: Any, text: Any) -> None:
    assert call("format", function, value) == (text if isinstance(text, str | None) else pytest.approx(text, abs=1e-6))


def test_a_time_of_today_has_no_date(page: Page, call: Call) -> None:
    assert len(call("format", "clock", page.evaluate("Date.now() / 1000"))) == len("12:34:56")


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [(0, [0, 1]), (1, [0, 1]), (3, [0, 1, 2, 3]), (4.2, [0, 2, 4, 6]), (79, [0, 20, 40, 60, 80]), (100, [0, 50, 100]),
     (81_000, [0, 50_000, 100_000])],
)  # fmt: skip
def test_ticks(call: Call, highest: float, ticks: list[float]) -> None:
    assert call("chart", "ticksTo", highest) == ticks


@pytest.mark.parametrize(
    ("message", "problems"),
    [
        ("line 3: debug: must be true; or false; line 12: port: no", [(3, "debug: must be true; or false"), (12, "port: no")]),
        ("something else", [(None, "something else")]),
        ("line 2: a\nline 4: b", [(2, "a"), (4, "b")]),
        ("", []),
    ],
)  # fmt: skip
def test_problems(call: Call, message: str, problems: list[tuple[int | None, str]]) -> None:
    found = call("views/config", "problemsIn", message)
    assert [(one["line"], one["words"]) for one in found] == problems


@pytest.mark.parametrize(
    ("known", "fresh", "new"),
    [
        ([], ["a"], ["a"]), (["a", "b"], ["b", "c"], ["c"]), (["a", "b"], ["a", "b"], []), (["a"], ["b"], ["b"]),
        (["a", "b", "b"], ["b", "b", "b"], ["b"]), (["x"], [], []), (["a", "b"], ["a", "c"], ["a", "c"]),
    ],
)  # fmt: skip
def test_new_lines_of_the_log(call: Call, known: list[str], fresh: list[str], new: list[str]) -> None:
    assert call("log_lines", "unseen", known, fresh) == new


def test_lines_of_the_log(call: Call) -> None:
    line = "[2026-01-02 15:04:05] [a1b2c3d4] [warn ] [x.py:1] it [is] so"
    found = call("log_lines", "parseLine", line)
    assert found == {
        "text": line,
        "level": "warn",
        "time": "15:04:05",
        "id": "a1b2c3d4",
        "message": "[x.py:1] it [is] so",
    }
    assert call("log_lines", "parseLine", line.replace("a1b2c3d4", "--------"))["id"] == ""
    assert call("log_lines", "parseLine", "Traceback (most recent call last):")["level"] == ""


LOG = """=== REQUEST INFO ===
Version: 1
URL: /v1/messages
Method: POST
Timestamp: 2026-01-02T15:04:05.5+01:00
First Chunk: 2026-01-02T15:04:05.750250+01:00
TTFB: 250.3ms

=== HEADERS ===
Accept: */*

=== REQUEST BODY ===
{"a":
=== NOT A HEADING ===
1}

=== API REQUEST 1 ===
Timestamp: 2026-01-02T15:04:05.51+01:00
Upstream URL: http://u

Headers:
A: b

Body:
{"Body:": 1}

=== API REQUEST 2 ===
Timestamp: 2026-01-02T15:04:05.6+01:00

Body:
<empty>

=== API RESPONSE 1 ===
Timestamp: 2026-01-02T15:04:05.59+01:00

Status: 500
Headers:
<none>

Body:
no

=== API RESPONSE 2 ===
Timestamp: 2026-01-02T15:04:05.7+01:00

Status: 200

=== RESPONSE ===
Status: 200
A: b

one

two
"""


def test_a_request_log(call: Call) -> None:
    sections = call("request_log", "sectionsOf", LOG)
    assert [one["title"] for one in sections] == [
        "REQUEST INFO", "HEADERS", "REQUEST BODY", "API REQUEST 1", "API REQUEST 2", "API RESPONSE 1", "API RESPONSE 2", "RESPONSE",
    ]  # fmt: skip
    assert call("request_log", "valueIn", sections[0], "Method") == "POST"
    assert call("request_log", "valueIn", sections[0], "Nothing") == ""
    parts = [call("request_log", "partsOf", one) for one in sections]
    assert parts[1] == {"head": "Accept: */*", "body": ""}
    assert parts[2] == {"head": "", "body": '{"a":\n=== NOT A HEADING ===\n1}'}
    assert parts[3]["body"] == '{"Body:": 1}'
    assert parts[7] == {"head": "Status: 200\nA: b", "body": "one\n\ntwo"}


def test_its_timings(call: Call) -> None:
    steps = call("request_log", "timeline", call("request_log", "sectionsOf", LOG))["steps"]
    assert [(step["name"], step["tone"]) for step in steps] == [
        ("Upstream, call 1", "bad"), ("Upstream, call 2", "one"), ("First byte to the client", "two"),
    ]  # fmt: skip
    times = [(step["from"], step["to"]) for step in steps]
    assert times == [pytest.approx((10, 90)), pytest.approx((100, 200)), pytest.approx((0, 250.25))]
    unanswered = LOG.replace("=== API RESPONSE 2 ===", "=== OTHER ===")
    assert call("request_log", "timeline", call("request_log", "sectionsOf", unanswered))["steps"][1]["to"] is None
    assert call("request_log", "timeline", call("request_log", "sectionsOf", "no log at all")) is None


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"disabled": True}, "disabled"), ({}, "active"), ({"status": "error"}, "last call failed"), ({"status": "refreshing"}, "refreshing"),
        ({"next_retry_after": "2999-01-01T00:00:00Z", "unavailable": True}, "waiting"),
        ({"cooldowns": [{"model": "m", "until": "2999-01-01T00:00:00Z"}]}, "partly waiting"),
        ({"next_retry_after": "2001-01-01T00:00:00Z", "unavailable": True}, "active"),
    ],
)  # fmt: skip
def test_states(call: Call, more: dict[str, Any], word: str) -> None:
    assert call("credential_state", "stateOf", {"status": "active", "status_message": "", **more})["word"] == word


def test_what_an_upstream_says(call: Call) -> None:
    for said, plain in [
        ('{"error": {"message": "no"}}', "no"),
        ('{"error": "no"}', "no"),
        ("no", "no"),
        ("", ""),
        ("[1]", "[1]"),
        ("null", "null"),
    ]:
        assert call("credential_state", "plain", said) == plain


def test_below_a_prefix(server: Proxy, visit: Visit) -> None:
    """Everything is asked for relative to the page, as behind a reverse proxy that keeps a prefix to itself."""
    visitor: Visitor = visit(server)
    visitor.page.on("request", lambda request: paths.append(path_of(request)))
    paths: list[str] = []

    def path_of(request: Request) -> str:
        return request.url.removeprefix(server.base_url)

    def unprefixed(route: Route) -> None:
        route.continue_(url=route.request.url.replace("/some/prefix/", "/"))

    visitor.context.route("**/some/prefix/**", unprefixed)
    visitor.page.goto(f"{server.base_url}/some/prefix/management.html#/keys")
    visitor.field("Management key").fill(MANAGEMENT_KEY)
    visitor.button("Log in").click()
    visitor.sees_view("keys")
    expect(visitor.page.get_by_role("region", name="Claude")).to_be_visible()
    assert paths
    assert [path for path in paths if not path.startswith("/some/prefix/")] == [], json.dumps(paths)
