"""The client keys: raw and wrapped lists, changes by place or by value (management-api.md 7)."""

from __future__ import annotations

from typing import Any

import pytest
from management.conftest import Manage, Manager

CONFIG = """\
api-keys:
  # of the laptop
  - "one"   # mine
  - two
"""


def keys(manager: Manager) -> Any:
    assert manager.in_force == manager.on_disk
    found = manager.get("api-keys")
    assert list(found) == ["api-keys"]
    assert found["api-keys"] == (list(manager.in_force.api_keys) or None)
    return found["api-keys"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (["a", " b ", "a", ""], ["a", " b ", "a", ""]),
        ({"items": ["a", "two"], "more": 1}, ["a", "two"]),
        (["a", None], ["a", ""]),
        ([], None),
        (b"null", None),
        (b' ["a"] \n', ["a"]),
    ],
)
def test_put(manage: Manage, body: Any, expected: Any) -> None:
    manager = manage(CONFIG)
    assert manager.done("PUT", "api-keys", body) == {"status": "ok"}
    assert keys(manager) == expected


UNUSABLE = [
    b"", b"{", b"7", b'"a"', b'["a"] []', b'{"items":["a"]} x', b"[1]", b"[[]]", {}, {"items": []}, {"items": None},
    {"items": "a"}, {"items": [1]}, {"Items": ["a"]}, b"\xff",
]  # fmt: skip


def test_put_of_something_else(manage: Manage) -> None:
    manager = manage(CONFIG)
    for body in UNUSABLE:
        assert manager.refused("PUT", "api-keys", body) == (400, {"error": "invalid body"}), body


def test_put_of_keys_that_everybody_knows(manage: Manage) -> None:
    """They fit the route, but no configuration may have them (design D18)."""
    status, answer = manage(CONFIG).refused("PUT", "api-keys", ["mine", "your-api-key-1"])
    assert (status, answer["error"]) == (400, "invalid body")
    assert "api-keys[1]" in answer["message"]


def test_put_that_breaks_off(manage: Manage) -> None:
    manager = manage(CONFIG)
    response = manager.ask("PUT", "api-keys", b'["a"]', environ_overrides={"CONTENT_LENGTH": "9"})
    assert (response.status_code, response.json) == (400, {"error": "failed to read body"})
    assert keys(manager) == ["one", "two"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"index": 0, "value": " x "}, [" x ", "two"]),
        ({"index": 1, "value": ""}, ["one", ""]),
        ({"index": 1, "value": "x", "old": "one", "new": "y"}, ["one", "x"]),
        ({"old": "two", "new": "x"}, ["one", "x"]),
        ({"old": "none", "new": "x"}, ["one", "two", "x"]),
        ({"old": "two ", "new": "x"}, ["one", "two", "x"]),
        ({"index": 2, "value": "x", "old": "one", "new": "y"}, ["y", "two"]),
        ({"index": -1, "value": "x", "old": "one", "new": "y"}, ["y", "two"]),
        ({"index": 0, "value": None, "old": "one", "new": "y"}, ["y", "two"]),
    ],
)
def test_patch(manage: Manage, body: Any, expected: Any) -> None:
    manager = manage(CONFIG)
    manager.done("PATCH", "api-keys", body)
    assert keys(manager) == expected


def test_patch_changes_the_first_of_equals(manage: Manage) -> None:
    manager = manage("api-keys: [a, b, a]\n")
    manager.done("PATCH", "api-keys", {"old": "a", "new": "x"})
    assert keys(manager) == ["x", "b", "a"]


SAYING_NOTHING = [
    ({}, "missing fields"),
    (b"null", "missing fields"),
    ({"index": 2, "value": "x"}, "missing fields"),
    ({"index": -1, "value": "x"}, "missing fields"),
    ({"index": 0}, "missing fields"),
    ({"value": "x"}, "missing fields"),
    ({"old": "one"}, "missing fields"),
    ({"new": "one"}, "missing fields"),
    ({"index": "0", "value": "x"}, "invalid body"),
    ({"index": 0.0, "value": "x"}, "invalid body"),
    ({"index": 0, "value": 1}, "invalid body"),
    ({"old": 1, "new": "x"}, "invalid body"),
    (["x"], "invalid body"),
    (b"", "invalid body"),
]


def test_patch_that_says_nothing(manage: Manage) -> None:
    manager = manage(CONFIG)
    for body, error in SAYING_NOTHING:
        assert manager.refused("PATCH", "api-keys", body) == (400, {"error": error}), body


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("index=0", ["two", " one ", "two"]),
        ("index=2abc", ["one", "two", "two"]),
        ("index=+1&value=one", ["one", " one ", "two"]),
        ("value=two", ["one", " one "]),
        ("value=%20one%20", ["two", "two"]),
        ("value=none", ["one", "two", " one ", "two"]),
        ("index=9&value=two", ["one", " one "]),
        ("index=-1&value=two", ["one", " one "]),
        ("index=x&value=two", ["one", " one "]),
        ("index=&value=two", ["one", " one "]),
        ("index=99999999999999999999&value=two", ["one", " one "]),
        ("index=0000000000&value=two", ["one", " one "]),
    ],
)
def test_delete(manage: Manage, query: str, expected: list[str]) -> None:
    manager = manage("api-keys: [one, two, ' one ', two]\n")
    assert manager.done("DELETE", f"api-keys?{query}") == {"status": "ok"}
    assert keys(manager) == expected


def test_delete_of_nothing_in_particular(manage: Manage) -> None:
    manager = manage("api-keys: [one, two, three, four]\n")
    for query in ("", "?index=4", "?index=-1", "?index=x", "?value=", "?value=%20", "?other=1"):
        assert manager.refused("DELETE", f"api-keys{query}") == (400, {"error": "missing index or value"}), query


def test_the_next_request_needs_the_new_key_and_comments_stay(manage: Manage) -> None:
    manager = manage(CONFIG)
    manager.done("PATCH", "api-keys", {"old": "two", "new": "three"})
    assert manager.text.startswith('api-keys:\n# of the laptop\n  - "one"   # mine\n  - three\n')
    client = manager.app.test_client()
    asked = {key: client.get("/v1/models", headers={"Authorization": f"Bearer {key}"}) for key in ("two", "three")}
    assert {key: response.status_code for key, response in asked.items()} == {"two": 401, "three": 200}


def test_every_write_drops_the_legacy_section(manage: Manage) -> None:
    manager = manage("auth:\n  providers:\n    - type: config-api-key\n      api-keys: [old]\n")
    assert keys(manager) == ["old"]
    manager.done("PATCH", "api-keys", {"old": "x", "new": "new"})
    assert keys(manager) == ["old", "new"]
    assert "auth:" not in manager.text
    manager.done("DELETE", "api-keys?value=old")
    manager.done("DELETE", "api-keys?value=new")
    assert keys(manager) is None
