"""The key lists of the providers, rule by rule (management-api.md 8)."""

from __future__ import annotations

from typing import Any

import pytest
from management.conftest import Manage, Manager

GEMINI, CLAUDE, CODEX = "gemini-api-key", "claude-api-key", "codex-api-key"
VERTEX, COMPAT = "vertex-api-key", "openai-compatibility"
KEY_LISTS = [GEMINI, CLAUDE, CODEX, VERTEX]
EVERY_LIST = [*KEY_LISTS, COMPAT]
OK = {"status": "ok"}
NOT_FOUND = (404, {"error": "item not found"})
INVALID = (400, {"error": "invalid body"})
ALIAS = {"name": "n", "alias": "a"}


def listed(manager: Manager, name: str) -> Any:
    """The list as it is shown; the file and what is in force agree."""
    assert manager.in_force == manager.on_disk
    found = manager.get(name)
    assert list(found) == [name]
    return found[name]


def put(manager: Manager, name: str, *entries: Any) -> Any:
    assert manager.done("PUT", name, list(entries)) == OK
    return listed(manager, name)


def entry(name: str, key: str, **more: Any) -> dict[str, Any]:
    """An entry of any list that no rule drops. Underscores stand for dashes."""
    fields = {"name" if name == COMPAT else "api-key": key, "base-url": "https://u"}
    return fields | {field.replace("_", "-"): value for field, value in more.items()}


def names(entries: Any) -> list[str]:
    return [found.get("name", found.get("api-key")) for found in entries or ()]


# What an entry looks like (8.1)


@pytest.mark.parametrize(
    ("name", "given", "shown"),
    [
        (GEMINI, {"api-key": "k"}, {"api-key": "k"}),
        (CLAUDE, {"api-key": "k"}, {"api-key": "k", "base-url": "", "proxy-url": "", "models": None}),
        (
            CODEX,
            {"api-key": "k", "base-url": "u"},
            {"api-key": "k", "base-url": "u", "proxy-url": "", "models": None},
        ),
        (VERTEX, {"api-key": "k", "base-url": "u"}, {"api-key": "k", "base-url": "u"}),
        (COMPAT, {"base-url": "u"}, {"name": "", "base-url": "u", "models": None}),
        (
            COMPAT,
            {"name": "n", "base-url": "u", "api-key-entries": [{"api-key": "a", "proxy-url": "p"}, {"api-key": "b"}]},
            {
                "name": "n", "base-url": "u", "models": None,
                "api-key-entries": [{"api-key": "a", "proxy-url": "p"}, {"api-key": "b"}],
            },
        ),
    ],
)  # fmt: skip
def test_empty_fields(manage: Manage, name: str, given: Any, shown: Any) -> None:
    assert put(manage(), name, given) == [shown]


@pytest.mark.parametrize("name", EVERY_LIST)
def test_every_field(manage: Manage, name: str) -> None:
    """All of the list's own come back, others are ignored; also through GET config and a second load."""
    everything: dict[str, Any] = {
        "name": "N", "api-key": "k", "priority": -2, "prefix": "p", "base-url": "https://u", "proxy-url": "socks5://p",
        "headers": {"A": "1", "B": "2"}, "models": [ALIAS, {"name": "m", "alias": "b"}], "excluded-models": ["x*"],
        "api-key-entries": [{"api-key": "a"}], "cloak": {"mode": "auto", "strict-mode": False, "sensitive-words": []},
    }  # fmt: skip
    absent = {
        GEMINI: {"name", "api-key-entries", "cloak"},
        CLAUDE: {"name", "api-key-entries"},
        CODEX: {"name", "api-key-entries", "cloak"},
        VERTEX: {"name", "api-key-entries", "cloak", "excluded-models"},
        COMPAT: {"api-key", "proxy-url", "cloak", "excluded-models"},
    }[name]
    manager = manage()
    shown = put(manager, name, {**everything, "more": 1})
    assert shown == [{field: value for field, value in everything.items() if field not in absent}]
    assert manager.get("config")[name] == shown


# Normalisation (8.2)


@pytest.mark.parametrize("name", EVERY_LIST)
@pytest.mark.parametrize(
    ("prefix", "stored"), [(" team ", "team"), (" /team/ ", "team"), ("a/b", None), ("/", None), ("", None)]
)
def test_prefix(manage: Manage, name: str, prefix: str, stored: str | None) -> None:
    (shown,) = put(manage(), name, entry(name, "k", prefix=prefix))
    assert shown.get("prefix") == stored


@pytest.mark.parametrize("name", EVERY_LIST)
def test_headers(manage: Manage, name: str) -> None:
    manager = manage()
    headers = {" A ": " 1 ", "B": " ", " ": "x", "C": None}
    (first, second) = put(
        manager, name, entry(name, "k", headers=headers), entry(name, "l", headers={" ": "x"}, base_url="https://v")
    )
    assert first["headers"] == {"A": "1"}
    assert "headers" not in second


@pytest.mark.parametrize("name", [GEMINI, CLAUDE, CODEX])
def test_excluded_models(manage: Manage, name: str) -> None:
    (first, second) = put(
        manage(),
        name,
        entry(name, "k", excluded_models=[" GPT-* ", "gpt-*", "", "b", None]),
        entry(name, "l", excluded_models=[" "]),
    )
    assert first["excluded-models"] == ["gpt-*", "b"]
    assert "excluded-models" not in second


def test_gemini_rules(manage: Manage) -> None:
    """Trimmed; no blank keys; each key once, the first; models as they are."""
    manager = manage()
    shown = put(
        manager,
        GEMINI,
        {"api-key": " k ", "base-url": " b ", "proxy-url": " p ", "models": [{"name": " n ", "alias": ""}]},
        {"api-key": "k", "prefix": "second", "base-url": "other"},
        {"api-key": " "},
        {},
        None,
        {"api-key": "l"},
    )
    models = [{"name": " n ", "alias": ""}]
    assert shown == [{"api-key": "k", "base-url": "b", "proxy-url": "p", "models": models}, {"api-key": "l"}]
    assert manager.text.count("api-key: ") == 2


def test_claude_rules(manage: Manage) -> None:
    """Trimmed, models too; those without any name go, entries never do."""
    models = [{"name": " n ", "alias": " "}, {"name": "", "alias": "a"}, {"name": " "}, None]
    given = {"api-key": " k ", "base-url": " b ", "proxy-url": " p ", "models": models}
    empty = {"api-key": "", "base-url": "", "proxy-url": "", "models": None}
    assert put(manage(), CLAUDE, given, given, {}) == [
        *[{"api-key": "k", "base-url": "b", "proxy-url": "p", "models": [
            {"name": "n", "alias": ""}, {"name": "", "alias": "a"},
        ]}] * 2,
        empty,
    ]  # fmt: skip


def test_codex_rules(manage: Manage) -> None:
    """As Claude's, but none without an address."""
    shown = put(
        manage(),
        CODEX,
        {"api-key": " k ", "base-url": " b ", "models": [{"name": " n ", "alias": " "}, {}]},
        {"api-key": "l", "base-url": " "},
        {"api-key": "m"},
        {"base-url": "b"},
    )
    assert shown == [
        {"api-key": "k", "base-url": "b", "proxy-url": "", "models": [{"name": "n", "alias": ""}]},
        {"api-key": "", "base-url": "b", "proxy-url": "", "models": None},
    ]


def test_vertex_rules(manage: Manage) -> None:
    """Everything trimmed; key and address needed; models whole or not at all; unique by both, the first wins."""
    models = [{"name": " n ", "alias": " a "}, {"name": "n"}, {"alias": "a"}, {}]
    shown = put(
        manage(),
        VERTEX,
        {"api-key": " k ", "base-url": " b ", "proxy-url": " p ", "models": models},
        {"api-key": "k", "base-url": "b", "prefix": "second"},
        {"api-key": "k", "base-url": "c"},
        {"api-key": " ", "base-url": "b"},
        {"api-key": "l", "base-url": " "},
    )
    assert shown == [
        {"api-key": "k", "base-url": "b", "proxy-url": "p", "models": [{"name": "n", "alias": "a"}]},
        {"api-key": "k", "base-url": "c"},
    ]


def test_openai_compatibility_rules(manage: Manage) -> None:
    """Name, address and keys trimmed, blank keys kept, models untouched, none without an address."""
    keys, models = [{"api-key": " k "}, {"api-key": " "}, {}], [{"name": " n ", "alias": ""}, {}]
    shown = put(
        manage(),
        COMPAT,
        {"name": " N ", "base-url": " b ", "api-key-entries": keys, "models": models},
        {"name": "none"},
        {"name": "blank", "base-url": " "},
        {"name": "N", "base-url": "c"},
    )
    assert shown == [
        {
            "name": "N", "base-url": "b", "api-key-entries": [{"api-key": "k"}, {"api-key": ""}, {"api-key": ""}],
            "models": [{"name": " n ", "alias": ""}, {"name": "", "alias": ""}],
        },
        {"name": "N", "base-url": "c", "models": None},
    ]  # fmt: skip


def test_rules_of_files(manage: Manage) -> None:
    """The same at load (8.2), and again whenever the list is shown."""
    manager = manage(
        "gemini-api-key: [{api-key: ' k ', prefix: /p/}, {api-key: k}, {}]\n"
        "vertex-api-key: [{base-url: b}, {api-key: k}, {api-key: ' k ', base-url: ' b '}]\n"
        "codex-api-key: [{api-key: k}]\n"
        "claude-api-key: [{headers: {' A ': ' 1 '}}]\n"
        "openai-compatibility: [{base-url: ' '}, {name: ' N ', base-url: b, api-key-entries: [{api-key: ' k '}]}]\n"
    )
    assert listed(manager, GEMINI) == [{"api-key": "k", "prefix": "p"}]
    assert listed(manager, VERTEX) == [{"api-key": "k", "base-url": "b"}]
    assert listed(manager, CODEX) is None
    assert [shown["headers"] for shown in listed(manager, CLAUDE)] == [{"A": "1"}]
    keys = [{"api-key": "k"}]
    assert listed(manager, COMPAT) == [{"name": "N", "base-url": "b", "api-key-entries": keys, "models": None}]


# GET and PUT (8.3)


@pytest.mark.parametrize("name", EVERY_LIST)
def test_put_replaces_and_clears(manage: Manage, name: str) -> None:
    manager = manage()
    assert listed(manager, name) is None
    put(manager, name, entry(name, "a"), entry(name, "b", base_url="https://v"))
    wrapped = {"items": [entry(name, "c")]}
    assert manager.done("PUT", name, wrapped) == OK
    assert names(listed(manager, name)) == ["c"]
    for empty in (b"[]", b"null"):
        put(manager, name, entry(name, "a"))
        assert manager.done("PUT", name, empty) == OK
        assert listed(manager, name) is None


UNUSABLE = [
    b"", b"{", b"7", {}, {"items": []}, {"items": None}, {"items": {}}, ["x"], [[]], [7], b"[] []", [{"prefix": 1}],
    [{"priority": "1"}], [{"priority": 1.0}], [{"priority": True}], [{"headers": []}], [{"headers": {"a": 1}}],
    [{"models": {}}], [{"models": ["x"]}], [{"models": [{"name": 1}]}], [{"base-url": False}],
]  # fmt: skip


@pytest.mark.parametrize("name", EVERY_LIST)
def test_put_of_something_else(manage: Manage, name: str) -> None:
    manager = manage(f"{name}: [{{name: a, api-key: a, base-url: b}}]\n")
    for body in UNUSABLE:
        assert manager.refused("PUT", name, body) == INVALID, body


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (CLAUDE, {"cloak": []}), (CLAUDE, {"excluded-models": "x"}), (COMPAT, {"api-key-entries": [{"api-key": 1}]}),
        (COMPAT, {"api-key-entries": ["k"]}), (COMPAT, {"name": 1}),
    ],
)  # fmt: skip
def test_wrong_types_of_single_lists(manage: Manage, name: str, value: Any) -> None:
    manager = manage(f"{name}: [{{name: a, api-key: a, base-url: b}}]\n")
    assert manager.refused("PUT", name, [entry(name, "k") | value]) == INVALID


def test_numbers_that_no_configuration_can_hold(manage: Manage) -> None:
    status, answer = manage().refused("PUT", GEMINI, [{"api-key": "k", "priority": 1 << 63}])
    assert (status, answer["error"]) == (400, "invalid body")
    assert "gemini-api-key[0].priority" in answer["message"]


# PATCH (8.4)


@pytest.fixture
def filled(manage: Manage) -> Manager:
    """Two entries in every list, ``a`` and ``b``, with everything that PATCH cannot reach."""
    manager = manage("# on top\n")
    for name in EVERY_LIST:
        put(manager, name, entry(name, "a", priority=3, models=[ALIAS]), entry(name, "b", base_url="https://v"))
    return manager


@pytest.mark.parametrize("name", EVERY_LIST)
def test_which_entry_is_meant(filled: Manager, name: str) -> None:
    """A position that exists comes first, then the first entry of that key."""
    match = "name" if name == COMPAT else "match"

    def prefixes(**body: Any) -> list[Any]:
        assert filled.done("PATCH", name, {**body, "value": {"prefix": "x"}}) == OK
        found = [shown.get("prefix") for shown in listed(filled, name)]
        filled.done("PATCH", name, {"index": 0, "value": {"prefix": ""}})
        filled.done("PATCH", name, {"index": 1, "value": {"prefix": ""}})
        return found

    assert prefixes(index=1) == [None, "x"]
    assert prefixes(index=1, **{match: "a"}) == [None, "x"]
    assert prefixes(index=9, **{match: " a "}) == ["x", None]
    assert prefixes(index=-1, **{match: "b"}) == [None, "x"]
    assert prefixes(index=None, **{match: "b"}) == [None, "x"]


@pytest.mark.parametrize("name", EVERY_LIST)
def test_no_such_entry(filled: Manager, name: str) -> None:
    match = "name" if name == COMPAT else "match"
    for body in ({"index": 2}, {"index": -1}, {match: "c"}, {match: "A"}, {match: ""}, {match: None}, {}):
        assert filled.refused("PATCH", name, {**body, "value": {"prefix": "x"}}) == NOT_FOUND, body


@pytest.mark.parametrize(
    ("name", "empty", "found"),
    [
        (CLAUDE, {"api-key": ""}, True),
        (CODEX, {"api-key": "", "base-url": "b"}, True),
        (COMPAT, {"name": "", "base-url": "b"}, True),
    ],
)
def test_an_empty_name_finds_the_entry_without_one(manage: Manage, name: str, empty: Any, found: bool) -> None:
    """Not for Gemini and Vertex, which have none (see above)."""
    manager = manage()
    put(manager, name, entry(name, "a"), empty)
    match = "name" if name == COMPAT else "match"
    manager.done("PATCH", name, {match: " ", "value": {"prefix": "x"}})
    assert [shown.get("prefix") for shown in listed(manager, name)] == [None, "x"]
    assert manager.refused("PATCH", name, {"value": {"prefix": "y"}}) == NOT_FOUND


@pytest.mark.parametrize("name", EVERY_LIST)
def test_unusable_patches(filled: Manager, name: str) -> None:
    match = "name" if name == COMPAT else "match"
    bodies = [
        b"", b"{", [], {}, {"index": 0}, {"index": 0, "value": None}, {"index": 0, "value": []},
        {"index": "0", "value": {}}, {"index": 0.5, "value": {}}, {match: 1, "value": {}},
        {"index": 0, "value": {"prefix": 1}}, {"index": 0, "value": {"headers": {"a": 1}}},
        {"index": 7, "value": {"headers": "x"}},
    ]  # fmt: skip
    for body in bodies:
        assert filled.refused("PATCH", name, body) == INVALID, body


CHANGES: dict[str, Any] = {
    "name": " z ", "api-key": " z ", "prefix": " /z/ ", "base-url": " z ", "proxy-url": " z ",
    "headers": {" z ": " z "}, "excluded-models": [" Z "], "models": [{"name": "z", "alias": "y"}],
    "api-key-entries": [{"api-key": " z "}],
}  # fmt: skip
CHANGED: dict[str, Any] = {
    "name": "z", "api-key": "z", "prefix": "z", "base-url": "z", "proxy-url": "z", "headers": {"z": "z"},
    "excluded-models": ["z"], "models": [{"name": "z", "alias": "y"}], "api-key-entries": [{"api-key": "z"}],
}  # fmt: skip
PATCHABLE = {
    GEMINI: ("api-key", "prefix", "base-url", "proxy-url", "headers", "excluded-models"),
    CLAUDE: ("api-key", "prefix", "base-url", "proxy-url", "models", "headers", "excluded-models"),
    CODEX: ("api-key", "prefix", "base-url", "proxy-url", "models", "headers", "excluded-models"),
    VERTEX: ("api-key", "prefix", "base-url", "proxy-url", "headers", "models"),
    COMPAT: ("name", "prefix", "base-url", "api-key-entries", "models", "headers"),
}


@pytest.mark.parametrize("name", EVERY_LIST)
def test_each_field_alone(filled: Manager, name: str) -> None:
    """Only what is sent changes; priority, and Gemini's models, cannot be reached."""
    for field, value in CHANGES.items():
        before = listed(filled, name)
        filled.done("PATCH", name, {"index": 0, "value": {field: value, "priority": 9, "cloak": {"mode": "x"}}})
        expected = {field: CHANGED[field]} if field in PATCHABLE[name] else {}
        assert listed(filled, name) == [{**before[0], **expected}, before[1]], field
    first = listed(filled, name)[0]
    assert first["priority"] == 3
    assert first["models"] == ([ALIAS] if name == GEMINI else CHANGED["models"])


@pytest.mark.parametrize("name", EVERY_LIST)
def test_null_changes_nothing(filled: Manager, name: str) -> None:
    before = listed(filled, name)
    filled.done("PATCH", name, {"index": 0, "value": dict.fromkeys(CHANGES)})
    assert listed(filled, name) == before


@pytest.mark.parametrize(
    ("name", "field", "removes"),
    [
        (GEMINI, "api-key", True), (GEMINI, "base-url", False), (GEMINI, "prefix", False),
        (CLAUDE, "api-key", False), (CLAUDE, "base-url", False), (CLAUDE, "models", False),
        (CODEX, "api-key", False), (CODEX, "base-url", True), (CODEX, "models", False),
        (VERTEX, "api-key", True), (VERTEX, "base-url", True), (VERTEX, "models", False),
        (COMPAT, "name", False), (COMPAT, "base-url", True), (COMPAT, "api-key-entries", False),
    ],
)  # fmt: skip
def test_what_is_set_to_nothing(filled: Manager, name: str, field: str, removes: bool) -> None:
    empty: Any = [] if field in ("models", "api-key-entries") else " "
    filled.done("PATCH", name, {"index": 0, "value": {field: empty}})
    shown = listed(filled, name)
    assert len(shown) == (1 if removes else 2)
    if removes:
        assert names(shown) == ["b"]
        assert filled.text.count("https://u") == 4  # those of the other lists: nothing of it stays in the file
    else:
        assert not shown[0].get(field)


def test_lists_are_replaced_whole(manage: Manage) -> None:
    manager = manage()
    put(manager, CLAUDE, entry(CLAUDE, "k", headers={"A": "1", "B": "2"}, models=[ALIAS], excluded_models=["x", "y"]))
    change = {"headers": {"B": "3"}, "models": [{"name": " m "}, {"name": " "}], "excluded-models": ["z"]}
    manager.done("PATCH", CLAUDE, {"match": "k", "value": change})
    (shown,) = listed(manager, CLAUDE)
    assert shown["headers"] == {"B": "3"}
    assert shown["models"] == [{"name": "m", "alias": ""}]
    assert shown["excluded-models"] == ["z"]


def test_a_patch_normalises_the_list_again(manage: Manage) -> None:
    """Two entries that have become one."""
    manager = manage()
    put(manager, GEMINI, {"api-key": "a", "prefix": "first"}, {"api-key": "b"})
    manager.done("PATCH", GEMINI, {"match": "b", "value": {"api-key": "a"}})
    assert listed(manager, GEMINI) == [{"api-key": "a", "prefix": "first"}]


# DELETE (8.4)


@pytest.mark.parametrize("name", EVERY_LIST)
def test_delete_by_position(filled: Manager, name: str) -> None:
    assert filled.done("DELETE", f"{name}?index=1x") == OK
    assert names(listed(filled, name)) == ["a"]
    assert filled.done("DELETE", f"{name}?index=0") == OK
    assert listed(filled, name) is None


@pytest.mark.parametrize("name", EVERY_LIST)
def test_delete_by_name_comes_first(filled: Manager, name: str) -> None:
    selector = "name" if name == COMPAT else "api-key"
    assert filled.done("DELETE", f"{name}?index=1&{selector}=a") == OK
    assert names(listed(filled, name)) == ["b"]


@pytest.mark.parametrize("name", EVERY_LIST)
def test_delete_of_spaces_and_strangers(filled: Manager, name: str) -> None:
    selector = "name" if name == COMPAT else "api-key"
    if name == GEMINI:
        assert filled.refused("DELETE", f"{name}?{selector}=c") == NOT_FOUND
        assert filled.refused("DELETE", f"{name}?{selector}=c&index=0") == NOT_FOUND
    else:
        assert filled.done("DELETE", f"{name}?{selector}=c") == OK
    assert names(listed(filled, name)) == ["a", "b"]
    assert filled.done("DELETE", f"{name}?{selector}=%20a%20") == OK
    assert names(listed(filled, name)) == (["b"] if name in (GEMINI, VERTEX) else ["a", "b"])


@pytest.mark.parametrize("name", [CLAUDE, CODEX, VERTEX, COMPAT])
def test_delete_removes_all_of_a_name(manage: Manage, name: str) -> None:
    manager = manage()
    put(manager, name, entry(name, "a"), entry(name, "b"), entry(name, "a", base_url="https://v"))
    selector = "name" if name == COMPAT else "api-key"
    manager.done("DELETE", f"{name}?{selector}=a")
    assert names(listed(manager, name)) == ["b"]


@pytest.mark.parametrize("name", EVERY_LIST)
def test_delete_of_nothing_in_particular(filled: Manager, name: str) -> None:
    selector = "name" if name == COMPAT else "api-key"
    for query in ("", "?index=2", "?index=-1", "?index=x", f"?{selector}=", "?other=a"):
        expected = (400, {"error": f"missing {selector} or index"})
        assert filled.refused("DELETE", name + query) == expected, query


# The file (3.1)

WRITTEN = """\
port: 8080
claude-api-key:
  # the good one
  - api-key: "a"  # of the team
    my-note: kept
    cloak:
      mode: always
      strict-mode: false
      sensitive-words: []
  # the other
  - api-key: b
gemini-api-key: [{api-key: g}]
openai-compatibility:
  - name: n
    base-url: https://n
    api-keys: [old]
"""


def test_comments_unknown_keys_and_cloaks_stay(manage: Manage) -> None:
    manager = manage(WRITTEN)
    cloak = {"mode": "always", "strict-mode": False, "sensitive-words": []}
    assert listed(manager, CLAUDE)[0]["cloak"] == cloak
    manager.done("PATCH", CLAUDE, {"match": "a", "value": {"prefix": "p"}})
    assert listed(manager, CLAUDE)[0]["cloak"] == cloak
    for line in ("# the good one\n", '  - api-key: "a"  # of the team\n', "    my-note: kept\n", "# the other\n"):
        assert line in manager.text
    manager.done("DELETE", f"{CLAUDE}?api-key=b")
    assert "# the other" not in manager.text
    assert "my-note: kept" in manager.text


def test_put_of_a_cloak(manage: Manage) -> None:
    """Kept as sent, and gone when the entry is sent without it."""
    manager = manage(WRITTEN)
    (shown,) = put(manager, CLAUDE, {"api-key": "a", "cloak": {"strict-mode": False, "more": {"deep": [0, ""]}}})
    assert shown["cloak"] == {"strict-mode": False, "more": {"deep": [0, ""]}}
    (shown,) = put(manager, CLAUDE, {"api-key": "a"})
    assert "cloak" not in shown
    assert "cloak:" not in manager.text


def test_keys_of_older_files_are_moved(manage: Manage) -> None:
    manager = manage(WRITTEN)
    manager.done("PATCH", COMPAT, {"name": "n", "value": {"prefix": "p"}})
    assert "api-keys:" not in manager.text
    assert listed(manager, COMPAT)[0]["api-key-entries"] == [{"api-key": "old"}]
