"""Live figures for the panel: charts and the newest requests (routes of ours)."""

from __future__ import annotations

import time
from typing import Any

import pytest
from management.conftest import Manage, Manager

from cliproxy import __version__

CONFIG = "demo: true\napi-keys: [client-key]\n"
CHAT = {"model": "demo-echo", "messages": [{"role": "user", "content": "once more"}]}
FIELDS = ["seq", "id", "at", "method", "path", "status", "duration_ms", "ttfb_ms", "client", "aborted"]


def ask(manager: Manager, path: str = "/v1/chat/completions", key: str = "client-key", **more: Any) -> int:
    """A model call, read to its end."""
    headers = {"Authorization": f"Bearer {key}"}
    answer = manager.app.test_client().post(path, json=CHAT, headers=headers, buffered=True, **more)
    return answer.status_code


class TestOverview:
    def test_nothing_yet(self, manage: Manage) -> None:
        begin = time.time()
        found = manage(CONFIG).get("overview")
        assert list(found) == ["step", "points", "totals", "started_at", "version"]
        assert (found["step"], len(found["points"]), found["version"]) == (60, 60, __version__)
        assert found["totals"] == {"requests": 0, "errors": 0, "input_tokens": 0, "output_tokens": 0}
        assert int(begin) <= found["started_at"] <= time.time()
        assert found["points"][0] == {
            "at": found["points"][-1]["at"] - 59 * 60, "requests": 0, "errors": 0, "ttfb_p50_ms": None,
            "ttfb_p95_ms": None, "input_tokens": 0, "output_tokens": 0,
        }  # fmt: skip

    def test_requests(self, manage: Manage) -> None:
        manager = manage(CONFIG)
        assert [ask(manager), ask(manager, key="wrong"), ask(manager)] == [200, 401, 200]
        manager.app.test_client().get("/v1/models")
        manager.app.extensions["cliproxy.lifecycle"]._usage.queue.flush()
        found = manager.get("overview?minutes=15")
        assert len(found["points"]) == 15
        totals = found["totals"]
        assert (totals["requests"], totals["errors"]) == (3, 1)
        assert totals["input_tokens"] > 0
        assert totals["output_tokens"] > 0
        filled = [point for point in found["points"] if point["requests"]]
        assert all(point["ttfb_p50_ms"] <= point["ttfb_p95_ms"] for point in filled if point["ttfb_p50_ms"] is not None)
        assert any(point["ttfb_p50_ms"] is not None for point in filled)
        for name, total in totals.items():
            assert sum(point[name] for point in found["points"]) == total

    def test_a_day(self, manage: Manage) -> None:
        found = manage(CONFIG).get("overview?minutes=1440")
        assert (found["step"], len(found["points"])) == (900, 96)

    @pytest.mark.parametrize("minutes", ["14", "1441", "0", "-60", "x", "60.0", "6_0", "9" * 30])
    def test_minutes_that_are_none(self, manage: Manage, minutes: str) -> None:
        words = {"error": "invalid minutes: must be a whole number from 15 to 1440"}
        assert manage().refused("GET", f"overview?minutes={minutes}") == (400, words)

    def test_needs_the_key(self, manage: Manage) -> None:
        manager = manage()
        for path in ("overview", "requests", "request-logs", "usage", "logs"):
            assert manager.ask("GET", path, headers={"Authorization": "Bearer wrong"}).status_code == 401


class TestRequests:
    def test_one(self, manage: Manage) -> None:
        manager = manage(CONFIG)
        assert manager.get("requests") == {"requests": [], "latest": 0}
        begin = time.time()
        ask(manager, "/v1/chat/completions?key=abcdefghijkl&a=b%0Ac")
        found = manager.get("requests")
        (one,) = found["requests"]
        assert list(one) == FIELDS
        assert (one["seq"], found["latest"]) == (1, 1)
        assert (one["method"], one["path"]) == ("POST", "/v1/chat/completions?key=abcd...ijkl&a=b%0Ac")
        assert (one["status"], one["client"], one["aborted"]) == (200, "127.0.0.1", False)
        assert len(one["id"]) == 8
        assert begin - 1 <= one["at"] <= time.time()
        assert 0 <= one["ttfb_ms"] <= one["duration_ms"] < 60_000

    def test_forged_paths(self, manage: Manage) -> None:
        manager = manage(CONFIG)
        assert ask(manager, "/v1/messages/%0Aforged") == 404
        assert [one["path"] for one in manager.get("requests")["requests"]] == ["/v1/messages/\\nforged"]

    def test_what_came_since(self, manage: Manage) -> None:
        manager = manage(CONFIG)
        for _ in range(4):
            ask(manager)
        assert [one["seq"] for one in manager.get("requests")["requests"]] == [4, 3, 2, 1]
        assert [one["seq"] for one in manager.get("requests?after=2")["requests"]] == [4, 3]
        assert [one["seq"] for one in manager.get("requests?after=1&limit=1")["requests"]] == [4]
        assert manager.get("requests?after=4") == {"requests": [], "latest": 4}

    @pytest.mark.parametrize(
        ("query", "words"),
        [
            ("after=-1", "invalid after: must be a whole number from 0 to 1000000000000000"),
            ("after=x", "invalid after: must be a whole number from 0 to 1000000000000000"),
            ("limit=0", "invalid limit: must be a whole number from 1 to 500"),
            ("limit=501", "invalid limit: must be a whole number from 1 to 500"),
        ],
    )
    def test_numbers_that_are_none(self, manage: Manage, query: str, words: str) -> None:
        assert manage().refused("GET", f"requests?{query}") == (400, {"error": words})

    def test_the_management_api_itself_is_no_model_call(self, manage: Manage) -> None:
        manager = manage(CONFIG)
        manager.get("overview")
        manager.app.test_client().options("/v1/messages")
        assert manager.get("requests")["latest"] == 0
