"""Settings of one value through the API: types, normalisation, the file (management-api.md 3, 6, 10)."""

from __future__ import annotations

from typing import Any

import pytest
from management.conftest import Manage

CONFIG = """\
# mine
debug: false  # quiet
request-retry: 3
unknown-key: 7
"""


@pytest.mark.parametrize(
    ("path", "field", "sent", "shown"),
    [
        ("debug", "debug", True, True),
        ("logging-to-file", "logging-to-file", True, True),
        ("logs-max-total-size-mb", "logs-max-total-size-mb", -5, 0),
        ("logs-max-total-size-mb", "logs-max-total-size-mb", 12, 12),
        ("error-logs-max-files", "error-logs-max-files", -1, 10),
        ("error-logs-max-files", "error-logs-max-files", 0, 0),
        ("usage-statistics-enabled", "usage-statistics-enabled", True, True),
        ("request-log", "request-log", True, True),
        ("ws-auth", "ws-auth", True, True),
        ("request-retry", "request-retry", -2, -2),
        ("max-retry-interval", "max-retry-interval", 30, 30),
        ("force-model-prefix", "force-model-prefix", True, True),
        ("quota-exceeded/switch-project", "switch-project", True, True),
        ("quota-exceeded/switch-preview-model", "switch-preview-model", True, True),
        ("proxy-url", "proxy-url", " socks5://x ", " socks5://x "),
        ("routing/strategy", "strategy", " FF ", "fill-first"),
        ("routing/strategy", "strategy", "", "round-robin"),
        ("ampcode/upstream-url", "upstream-url", " https://amp ", "https://amp"),
        ("ampcode/upstream-api-key", "upstream-api-key", " k ", "k"),
        ("ampcode/restrict-management-to-localhost", "restrict-management-to-localhost", True, True),
        ("ampcode/force-model-mappings", "force-model-mappings", True, True),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_written_and_in_force(manage: Manage, method: str, path: str, field: str, sent: Any, shown: Any) -> None:
    manager = manage(CONFIG)
    assert manager.done(method, path, {"value": sent}) == {"status": "ok"}
    assert manager.get(path) == {field: shown}
    assert manager.in_force == manager.on_disk
    assert manager.text.startswith("# mine\ndebug: ")
    assert "# quiet" in manager.text
    assert "unknown-key: 7\n" in manager.text


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"7", b"null", {}, {"value": None}, {"value": "true"}, {"value": 1}]
)
def test_wrong_types(manage: Manage, body: Any) -> None:
    manager = manage(CONFIG)
    assert manager.refused("PUT", "debug", body) == (400, {"error": "invalid body"})


@pytest.mark.parametrize("value", ["3", 3.0, 1.5, True])
def test_an_int_is_an_int(manage: Manage, value: Any) -> None:
    assert manage(CONFIG).refused("PATCH", "request-retry", {"value": value}) == (400, {"error": "invalid body"})


def test_what_follows_the_first_value_is_ignored(manage: Manage) -> None:
    manager = manage(CONFIG)
    manager.done("PUT", "debug", b' {"value": true, "more": 1} trailing')
    assert manager.in_force.debug


@pytest.mark.parametrize("path", ["proxy-url", "ampcode/upstream-url", "ampcode/upstream-api-key"])
def test_cleared(manage: Manage, path: str) -> None:
    manager = manage("proxy-url: http://p\nampcode:\n  upstream-url: https://a\n  upstream-api-key: k\n")
    manager.done("DELETE", path)
    assert manager.get(path) == {path.rpartition("/")[2]: ""}
    assert manager.in_force == manager.on_disk


def test_an_unknown_strategy(manage: Manage) -> None:
    manager = manage("routing:\n  strategy: ' Sideways '\n")
    assert manager.refused("PUT", "routing/strategy", {"value": "zigzag"}) == (400, {"error": "invalid strategy"})
    assert manager.get("routing/strategy") == {"strategy": "sideways"}
