"""The ``ampcode`` section through the API (management-api.md 10, 22)."""

from __future__ import annotations

from typing import Any

import pytest
from management.conftest import Manage, Manager

MAPPINGS, KEYS = "ampcode/model-mappings", "ampcode/upstream-api-keys"
CONFIG = """\
ampcode:
  upstream-url: https://amp.example
  upstream-api-key: secret
  upstream-api-keys:
    - upstream-api-key: u1  # of the team
      api-keys: [k1]
    - upstream-api-key: u2
      api-keys: []
  restrict-management-to-localhost: true
  model-mappings:
    # first
    - from: m1
      to: a
    - {from: m2, to: b, regex: true}
    - {from: m3, to: c}
    - {from: m4, to: d}
"""


def mapping(name: str, target: str, **more: Any) -> dict[str, Any]:
    return {"from": name, "to": target, **more}


def key(name: str, *clients: str) -> dict[str, Any]:
    return {"upstream-api-key": name, "api-keys": list(clients) or None}


M1, M2, M3, M4 = mapping("m1", "a"), mapping("m2", "b", regex=True), mapping("m3", "c"), mapping("m4", "d")


def mappings(manager: Manager) -> Any:
    return shown(manager, "model-mappings")


def keys(manager: Manager) -> Any:
    return shown(manager, "upstream-api-keys")


def shown(manager: Manager, name: str) -> Any:
    assert manager.in_force == manager.on_disk
    found = manager.get(f"ampcode/{name}")
    assert list(found) == [name]
    assert manager.get("ampcode")["ampcode"].get(name) == found[name]
    return found[name]


def test_the_whole_object(manage: Manage) -> None:
    assert manage(CONFIG).get("ampcode") == {
        "ampcode": {
            "upstream-url": "https://amp.example", "upstream-api-key": "secret",
            "upstream-api-keys": [key("u1", "k1"), key("u2")], "restrict-management-to-localhost": True,
            "model-mappings": [M1, M2, M3, M4], "force-model-mappings": False,
        }
    }  # fmt: skip


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("upstream-url", "https://other"), ("upstream-api-key", "k"), ("restrict-management-to-localhost", False),
        ("force-model-mappings", True),
    ],
)  # fmt: skip
def test_each_scalar_beside_the_lists(manage: Manage, method: str, name: str, value: Any) -> None:
    """Read, change, read; nothing else of the section moves (22)."""
    manager = manage(CONFIG)
    before = manager.get("ampcode")["ampcode"]
    assert manager.get(f"ampcode/{name}") == {name: before[name]}
    manager.done(method, f"ampcode/{name}", {"value": value})
    assert manager.get(f"ampcode/{name}") == {name: value}
    assert manager.get("ampcode")["ampcode"] == {**before, name: value}


def test_a_scalar_without_its_value(manage: Manage) -> None:
    manager = manage(CONFIG)
    for name in ("restrict-management-to-localhost", "force-model-mappings", "upstream-url"):
        assert manager.refused("PUT", f"ampcode/{name}", {}) == (400, {"error": "invalid body"})


def test_put_mappings_replaces_and_keeps_order_and_spaces(manage: Manage) -> None:
    manager = manage(CONFIG)
    new = [mapping(" z ", ""), mapping("m1", "x"), mapping("m1", "y", regex=True)]
    manager.done("PUT", MAPPINGS, {"value": [*new, {}]})
    assert mappings(manager) == [*new, mapping("", "")]
    assert [m.from_model for m in manager.in_force.ampcode.model_mappings] == [" z ", "m1", "m1", ""]


@pytest.mark.parametrize("body", [{}, {"value": None}, {"value": []}, b"null"])
@pytest.mark.parametrize(("path", "name"), [(MAPPINGS, "model-mappings"), (KEYS, "upstream-api-keys")])
def test_put_of_nothing_clears(manage: Manage, path: str, name: str, body: Any) -> None:
    manager = manage(CONFIG)
    manager.done("PUT", path, body)
    assert shown(manager, name) is None
    assert manager.get("ampcode")["ampcode"]["upstream-url"] == "https://amp.example"


def test_patch_mappings(manage: Manage) -> None:
    """One changed at its place, one appended; named twice, the last counts."""
    manager = manage(CONFIG)
    changed, added = mapping(" m2", "B"), mapping("m5", "e", regex=True)
    manager.done("PATCH", MAPPINGS, {"value": [changed, mapping("m5", "-"), added]})
    assert mappings(manager) == [M1, changed, M3, M4, added]
    assert "# first\n" in manager.text


def test_patch_finds_names_with_spaces(manage: Manage) -> None:
    manager = manage("ampcode:\n  model-mappings: [{from: ' m1 ', to: a}]\n")
    manager.done("PATCH", MAPPINGS, {"value": [mapping("m1", "b")]})
    assert mappings(manager) == [mapping("m1", "b")]


@pytest.mark.parametrize("path", [MAPPINGS, KEYS])
@pytest.mark.parametrize("body", [{}, {"value": []}, {"value": None}])
def test_patch_of_nothing(manage: Manage, path: str, body: Any) -> None:
    """Changes nothing and still saves."""
    manager = manage(CONFIG)
    before = manager.in_force
    assert manager.done("PATCH", path, body) == {"status": "ok"}
    assert manager.in_force == before == manager.on_disk


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ({"value": ["m1"]}, [M2, M3, M4]),
        ({"value": [" m1 ", "m3", "none"]}, [M2, M4]),
        ({"value": ["none"]}, [M1, M2, M3, M4]),
        ({"value": [""]}, [M1, M2, M3, M4]),
        ({"value": []}, None),
        ({"value": None}, None),
        ({"value": "m1"}, None),
        ({"value": [1]}, None),
        ({}, None),
        (b"{", None),
        (b"[]", None),
        (b"", None),
        (None, None),
    ],
)
def test_delete_mappings(manage: Manage, body: Any, left: Any) -> None:
    manager = manage(CONFIG)
    assert manager.done("DELETE", MAPPINGS, body) == {"status": "ok"}
    assert mappings(manager) == left


def test_delete_mappings_that_breaks_off_removes_nothing(manage: Manage) -> None:
    manager = manage(CONFIG)
    response = manager.ask("DELETE", MAPPINGS, b'{"value":["m', environ_overrides={"CONTENT_LENGTH": "16"})
    assert response.status_code == 400
    assert mappings(manager) == [M1, M2, M3, M4]


def test_the_workflow(manage: Manage) -> None:
    """PUT m1..m4, PATCH m2 and new m5, DELETE m1 and m3 leaves m2 (updated), m4, m5 (22)."""
    manager = manage("port: 8080\n")
    manager.done("PUT", MAPPINGS, {"value": [M1, M2, M3, M4]})
    manager.done("PATCH", MAPPINGS, {"value": [mapping("m2", "new"), mapping("m5", "e")]})
    manager.done("DELETE", MAPPINGS, {"value": ["m1", "m3"]})
    assert mappings(manager) == [mapping("m2", "new"), M4, mapping("m5", "e")]


UNUSABLE = [
    b"", b"{", [], [{"from": "a", "to": "b"}], {"value": {}}, {"value": "x"}, {"value": ["x"]}, {"value": [[]]},
    {"value": [{"from": 1, "upstream-api-key": 1}]}, {"value": [{"regex": "true", "api-keys": "k"}]},
    {"value": [{"to": False, "upstream-api-key": "u", "api-keys": [1]}]},
]  # fmt: skip


@pytest.mark.parametrize("path", [MAPPINGS, KEYS])
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_wrong_types(manage: Manage, path: str, method: str) -> None:
    manager = manage(CONFIG)
    for body in UNUSABLE:
        assert manager.refused(method, path, body) == (400, {"error": "invalid body"}), body


def test_put_keys_are_trimmed_and_on_disk(manage: Manage) -> None:
    manager = manage("port: 8080\n")
    given = [{"upstream-api-key": "  u1  ", "api-keys": ["  k1  ", "", "k2"]}, key(" "), key("u2", " "), {}]
    manager.done("PUT", KEYS, {"value": given})
    assert keys(manager) == [key("u1", "k1", "k2"), key("u2")]
    entry = manager.on_disk.ampcode.upstream_api_keys[0]
    assert (entry.upstream_api_key, entry.api_keys) == ("u1", ("k1", "k2"))


def test_patch_keys(manage: Manage) -> None:
    """The entry is replaced whole."""
    manager = manage(CONFIG)
    manager.done("PATCH", KEYS, {"value": [key(" u2 ", "k9"), key(""), {"upstream-api-key": "u1"}, key("u3", "k3")]})
    assert keys(manager) == [key("u1"), key("u2", "k9"), key("u3", "k3")]
    assert "# of the team" in manager.text


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ({"value": [" u1 ", ""]}, [key("u2")]),
        ({"value": ["none"]}, [key("u1", "k1"), key("u2")]),
        ({"value": ["u1", "u2"]}, None),
        ({"value": []}, None),
    ],
)
def test_delete_keys(manage: Manage, body: Any, left: Any) -> None:
    manager = manage(CONFIG)
    assert manager.done("DELETE", KEYS, body) == {"status": "ok"}
    assert keys(manager) == left


UNUSABLE_DELETES = [
    (None, "invalid body"), (b"{", "invalid body"), ([], "invalid body"), ({"value": "u1"}, "invalid body"),
    ({"value": [1]}, "invalid body"), ({}, "missing value"), ({"value": None}, "missing value"),
    ({"value": ["", " "]}, "empty value"),
]  # fmt: skip


def test_delete_keys_refused(manage: Manage) -> None:
    manager = manage(CONFIG)
    for body, error in UNUSABLE_DELETES:
        assert manager.refused("DELETE", KEYS, body) == (400, {"error": error}), body


def test_without_the_section(manage: Manage) -> None:
    manager = manage("port: 8080\n")
    assert manager.get("ampcode") == {
        "ampcode": {
            "upstream-url": "", "upstream-api-key": "", "restrict-management-to-localhost": False,
            "model-mappings": None, "force-model-mappings": False,
        }
    }  # fmt: skip
    for name in ("upstream-url", "upstream-api-key"):
        assert manager.get(f"ampcode/{name}") == {name: ""}
    assert mappings(manager) is None
    assert keys(manager) is None
    manager.done("DELETE", MAPPINGS)
    manager.done("DELETE", KEYS, {"value": []})
    assert mappings(manager) is None
