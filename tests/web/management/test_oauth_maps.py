"""Exclusions and aliases of OAuth accounts (management-api.md 9)."""

from __future__ import annotations

from typing import Any

import pytest
from management.conftest import Manage, Manager

EXCLUDED, ALIASES = "oauth-excluded-models", "oauth-model-alias"
CONFIG = """\
oauth-excluded-models:
  # too dear
  claude: [opus*]
  codex: [a, b]
oauth-model-alias:
  codex:
    - {name: gpt, alias: mine}  # my own
  claude:
    - {name: opus, alias: big, fork: true}
"""
CODEX, CLAUDE = {"name": "gpt", "alias": "mine"}, {"name": "opus", "alias": "big", "fork": True}


def shown(manager: Manager, name: str) -> Any:
    assert manager.in_force == manager.on_disk
    found = manager.get(name)
    assert list(found) == [name]
    assert manager.get("config").get(name) == found[name]
    return found[name]


def test_get(manage: Manage) -> None:
    manager = manage(CONFIG)
    assert shown(manager, EXCLUDED) == {"claude": ["opus*"], "codex": ["a", "b"]}
    assert shown(manager, ALIASES) == {"codex": [CODEX], "claude": [CLAUDE]}


def test_get_is_normalised(manage: Manage) -> None:
    manager = manage("oauth-excluded-models: {' Claude ': [' A ', a]}\noauth-model-alias: {X: [{name: a, alias: A}]}\n")
    assert shown(manager, EXCLUDED) == {"claude": ["a"]}
    assert shown(manager, ALIASES) is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"qwen": ["x*"]}, {"qwen": ["x*"]}),
        ({"items": {"qwen": ["x*"]}, "more": 1}, {"qwen": ["x*"]}),
        ({" Qwen ": [" X ", "x", "", "Y"], "": ["a"], "iflow": [" "], "gone": None}, {"qwen": ["x", "y"]}),
        ({"items": ["a"]}, {"items": ["a"]}),
        ({"qwen": [None, "a"]}, {"qwen": ["a"]}),
        ({}, None),
        ({"items": {}}, None),
        ({"items": None}, None),
        (b"null", None),
    ],
)
def test_put_exclusions(manage: Manage, body: Any, expected: Any) -> None:
    manager = manage(CONFIG)
    assert manager.done("PUT", EXCLUDED, body) == {"status": "ok"}
    assert shown(manager, EXCLUDED) == expected
    assert (EXCLUDED in manager.text) == bool(expected)
    assert shown(manager, ALIASES) == {"codex": [CODEX], "claude": [CLAUDE]}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"Qwen ": [{"name": " a ", "alias": " b "}]}, {"qwen": [{"name": "a", "alias": "b"}]}),
        ({"items": {"qwen": [{"name": "a", "alias": "b", "fork": False}]}}, {"qwen": [{"name": "a", "alias": "b"}]}),
        (
            {
                "x": [
                    {"name": "a", "alias": "b"},
                    {"name": "a", "alias": "c", "fork": True},
                    {"name": "z", "alias": "B"},
                ]
            },
            {"x": [{"name": "a", "alias": "b"}, {"name": "a", "alias": "c", "fork": True}]},
        ),
        ({"x": [{"name": "a", "alias": "A"}, {"name": "a"}, {"alias": "a"}, None, {}]}, None),
        ({" ": [{"name": "a", "alias": "b"}]}, None),
        ({}, None),
        (b"null", None),
    ],
)
def test_put_aliases(manage: Manage, body: Any, expected: Any) -> None:
    manager = manage(CONFIG)
    manager.done("PUT", ALIASES, body)
    assert shown(manager, ALIASES) == expected


UNUSABLE = [
    b"", b"{", b"[]", b"7", b"{} {}", {"claude": "x"}, {"claude": {}}, {"claude": [1]}, {"items": {"claude": "x"}},
    {"items": "x"}, {"items": None, "claude": "x"}, {"a": [True], "items": {"claude": [7]}},
]  # fmt: skip


@pytest.mark.parametrize("name", [EXCLUDED, ALIASES])
def test_put_of_something_else_clears_nothing(manage: Manage, name: str) -> None:
    manager = manage(CONFIG)
    for body in UNUSABLE:
        assert manager.refused("PUT", name, body) == (400, {"error": "invalid body"}), body


def test_put_of_unusable_aliases(manage: Manage) -> None:
    manager = manage(CONFIG)
    for entry in ({"name": 1, "alias": "a"}, {"name": "b", "alias": "a", "fork": 1}, "x", []):
        assert manager.refused("PUT", ALIASES, {"x": [entry]}) == (400, {"error": "invalid body"}), entry


def test_patch_exclusions(manage: Manage) -> None:
    manager = manage(CONFIG)
    manager.done("PATCH", EXCLUDED, {"provider": " Claude ", "models": [" X ", "x", "y"]})
    manager.done("PATCH", EXCLUDED, {"provider": "qwen", "models": ["q"]})
    assert shown(manager, EXCLUDED) == {"claude": ["x", "y"], "codex": ["a", "b"], "qwen": ["q"]}
    assert "# too dear\n" in manager.text
    manager.done("PATCH", EXCLUDED, {"provider": "CODEX", "models": [" "]})
    manager.done("PATCH", EXCLUDED, {"provider": "qwen"})
    assert shown(manager, EXCLUDED) == {"claude": ["x", "y"]}


def test_patch_aliases(manage: Manage) -> None:
    manager = manage(CONFIG)
    manager.done(
        "PATCH", ALIASES, {"channel": " Codex ", "provider": "claude", "aliases": [{"name": "n", "alias": "a"}]}
    )
    manager.done("PATCH", ALIASES, {"provider": "qwen", "aliases": [{"name": "q", "alias": "a", "fork": True}]})
    assert shown(manager, ALIASES) == {
        "codex": [{"name": "n", "alias": "a"}], "claude": [CLAUDE], "qwen": [{"name": "q", "alias": "a", "fork": True}],
    }  # fmt: skip
    manager.done("PATCH", ALIASES, {"channel": "qwen", "aliases": [{"name": "same", "alias": "Same"}]})
    manager.done("PATCH", ALIASES, {"channel": "claude", "aliases": None})
    assert shown(manager, ALIASES) == {"codex": [{"name": "n", "alias": "a"}]}


UNUSABLE_PATCHES = [
    (EXCLUDED, {"models": ["a"]}, 400, "invalid body"),
    (EXCLUDED, {"provider": None, "models": ["a"]}, 400, "invalid body"),
    (EXCLUDED, {"provider": 1, "models": ["a"]}, 400, "invalid body"),
    (EXCLUDED, {"provider": "claude", "models": "a"}, 400, "invalid body"),
    (EXCLUDED, {"provider": "claude", "models": [1]}, 400, "invalid body"),
    (EXCLUDED, {"channel": "claude", "models": ["a"]}, 400, "invalid body"),
    (EXCLUDED, [], 400, "invalid body"),
    (EXCLUDED, {"provider": " ", "models": ["a"]}, 400, "invalid provider"),
    (EXCLUDED, {"provider": "qwen", "models": [""]}, 404, "provider not found"),
    (EXCLUDED, {"provider": "qwen"}, 404, "provider not found"),
    (ALIASES, {"aliases": []}, 400, "invalid channel"),
    (ALIASES, {"channel": " ", "provider": "codex", "aliases": []}, 400, "invalid channel"),
    (ALIASES, {"channel": 1}, 400, "invalid body"),
    (ALIASES, {"channel": "codex", "aliases": {}}, 400, "invalid body"),
    (ALIASES, {"channel": "codex", "aliases": ["x"]}, 400, "invalid body"),
    (ALIASES, b"", 400, "invalid body"),
    (ALIASES, {"channel": "qwen", "aliases": []}, 404, "channel not found"),
]


def test_patch_refused(manage: Manage) -> None:
    manager = manage(CONFIG)
    for name, body, status, error in UNUSABLE_PATCHES:
        assert manager.refused("PATCH", name, body) == (status, {"error": error}), (name, body)


def test_delete(manage: Manage) -> None:
    manager = manage(CONFIG)
    manager.done("DELETE", f"{EXCLUDED}?provider=%20CLAUDE")
    assert shown(manager, EXCLUDED) == {"codex": ["a", "b"]}
    manager.done("DELETE", f"{EXCLUDED}?provider=codex")
    assert shown(manager, EXCLUDED) is None
    assert EXCLUDED not in manager.text
    manager.done("DELETE", f"{ALIASES}?channel=%20&provider=Claude")
    assert shown(manager, ALIASES) == {"codex": [CODEX]}
    assert "# my own" in manager.text


def test_the_last_alias_leaves_an_explicit_empty_map(manage: Manage) -> None:
    """Otherwise the next load would bring the built-in aliases back (3.1)."""
    manager = manage("debug: true\n")
    assert list(shown(manager, ALIASES)) == ["antigravity"]
    manager.done("DELETE", f"{ALIASES}?channel=antigravity")
    assert shown(manager, ALIASES) is None
    assert "oauth-model-alias: {}\n" in manager.text


UNUSABLE_QUERIES = [
    (EXCLUDED, 400, "missing provider"),
    (f"{EXCLUDED}?provider=%20", 400, "missing provider"),
    (f"{EXCLUDED}?channel=claude", 400, "missing provider"),
    (f"{EXCLUDED}?provider=qwen", 404, "provider not found"),
    (ALIASES, 400, "missing channel"),
    (f"{ALIASES}?channel=qwen&provider=codex", 404, "channel not found"),
]


def test_delete_refused(manage: Manage) -> None:
    manager = manage(CONFIG)
    for path, status, error in UNUSABLE_QUERIES:
        assert manager.refused("DELETE", path) == (status, {"error": error}), path
