"""Switching, fields and resets of credentials (management-api.md 11.6, 11.7, 23)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from management.auths import files, index_of, pool_of, write
from management.conftest import Manage, Manager

from cliproxy.errors import AuthNotFound, UpstreamStatus
from cliproxy.pool.stores.file import FileStore

MODEL = "claude-opus-4-5-20251101"
LIMIT = UpstreamStatus("slow down", status=429, retry_after=100)


@pytest.fixture
def manager(manage: Manage) -> Manager:
    manager = manage("claude-api-key: [{api-key: k}, {api-key: k, base-url: 'http://127.0.0.1:9'}]\n")
    write(manager, "x.json", type="claude", email="a@x", note="mine")
    return manager


def on_disk(manager: Manager, name: str = "x.json") -> Any:
    return json.loads((manager.auths / name).read_text())


def fails(manager: Manager, name: str, model: str = MODEL) -> None:
    pool = pool_of(manager)
    entry = pool.get(name)
    assert entry is not None
    pool.failed(entry, model, LIMIT)


def picked(manager: Manager) -> set[str]:
    """Who is asked for the model."""
    pool, found = pool_of(manager), set()
    for _ in range(8):
        try:
            found.add(pool.pick(("claude",), MODEL, set()).id)
        except AuthNotFound:
            return set()
    return found


def keys(manager: Manager) -> list[str]:
    return [entry.id for entry in pool_of(manager).list() if ":" in entry.id]


def test_switched_off_and_on(manager: Manager) -> None:
    fails(manager, "x.json", "claude-sonnet-4-5-20250929")
    assert "x.json" in picked(manager)
    answer = manager.done("PATCH", "auth-files/status", {"name": "x.json", "disabled": True})
    assert answer == {"status": "ok", "disabled": True}
    entry = files(manager)["x.json"]
    assert (entry["status"], entry["status_message"], entry["disabled"]) == (
        "disabled",
        "disabled via management API",
        True,
    )
    assert on_disk(manager) == {"type": "claude", "email": "a@x", "note": "mine", "disabled": True}
    assert manager.get("auth-files/models?name=x.json") == {"models": []}
    assert picked(manager) == set(keys(manager))
    answer = manager.done("PATCH", "auth-files/status", {"name": "x.json", "disabled": False})
    assert answer == {"status": "ok", "disabled": False}
    entry = files(manager)["x.json"]
    assert (entry["status"], entry["status_message"], entry["disabled"]) == ("active", "", False)
    assert "cooldowns" not in entry
    assert on_disk(manager)["disabled"] is False
    assert "x.json" in picked(manager)


def test_a_key_of_the_configuration(manager: Manager) -> None:
    first, second = keys(manager)
    text = manager.text
    manager.done("PATCH", "auth-files/status", {"name": first, "disabled": True})
    assert picked(manager) == {second, "x.json"}
    assert manager.text == text
    assert files(manager, "?all=true")[first]["status_message"] == "disabled via management API"
    manager.done("PATCH", "auth-files/status", {"name": first, "disabled": False})
    assert picked(manager) == {first, second, "x.json"}


def test_a_file_with_projects(manager: Manager) -> None:
    write(manager, "g.json", type="gemini", project_id="one,two")
    status = "auth-files/status"
    manager.done("PATCH", status, {"name": "g.json::one", "disabled": True})
    assert "g.json::one" not in files(manager)
    assert "disabled" not in on_disk(manager, "g.json")
    manager.done("PATCH", status, {"name": "g.json::one", "disabled": False})
    manager.done("PATCH", status, {"name": "g.json", "disabled": True})
    assert on_disk(manager, "g.json")["disabled"] is True
    assert list(files(manager)) == ["g.json", "x.json"]
    answer = manager.refused("PATCH", status, {"name": "g.json::one", "disabled": False})
    assert answer == (409, {"error": "failed to update auth: enable its file g.json first"})
    manager.done("PATCH", status, {"name": "g.json", "disabled": False})
    assert list(files(manager)) == ["g.json", "g.json::one", "g.json::two", "x.json"]


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"", 400, "invalid request body"), (b"[]", 400, "invalid request body"), ({"name": 5}, 400, "invalid request body"),
        ({"name": "x.json", "disabled": "true"}, 400, "invalid request body"), ({"name": "", "disabled": 1}, 400, "invalid request body"),
        (b"null", 400, "name is required"), ({"name": " ", "disabled": True}, 400, "name is required"),
        ({"disabled": True}, 400, "name is required"), ({"name": "x.json"}, 400, "disabled is required"),
        ({"name": "x.json", "disabled": None}, 400, "disabled is required"), ({"name": "nobody"}, 400, "disabled is required"),
        ({"name": "nobody", "disabled": True}, 404, "auth file not found"), ({"name": "\ud800", "disabled": True}, 404, "auth file not found"),
    ],
)  # fmt: skip
def test_switches_that_are_refused(manager: Manager, body: Any, status: int, error: str) -> None:
    assert manager.refused("PATCH", "auth-files/status", body) == (status, {"error": error})
    assert "disabled" not in on_disk(manager)


def test_a_full_disk(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any) -> Any:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(FileStore, "save", full)
        for path, body in (("status", {"disabled": True}), ("fields", {"prefix": "team"})):
            status, answer = manager.refused("PATCH", f"auth-files/{path}", {"name": "x.json", **body})
            assert status == 500
            assert answer["error"].startswith("failed to update auth: in force, but not saved yet")
            assert "No space left" in answer["error"]
    manager.app.extensions["cliproxy.lifecycle"]._source.save_again()
    assert on_disk(manager) == {"type": "claude", "email": "a@x", "note": "mine", "disabled": True, "prefix": "team"}


def test_fields(manager: Manager) -> None:
    fails(manager, "x.json")
    body = {
        "name": "x.json", "prefix": "team", "proxy_url": "socks5://127.0.0.1:1", "priority": 5, "headers": {"X-A": "b"},
        "note": None, "mine": {"deep": [1, 2.5]},
    }  # fmt: skip
    assert manager.done("PATCH", "auth-files/fields", body) == {"status": "ok"}
    assert on_disk(manager) == {
        "type": "claude", "email": "a@x", "prefix": "team", "proxy_url": "socks5://127.0.0.1:1", "priority": 5,
        "headers": {"X-A": "b"}, "mine": {"deep": [1, 2.5]}, "disabled": False,
    }  # fmt: skip
    entry = files(manager)["x.json"]
    assert (entry["prefix"], entry["priority"], len(entry["cooldowns"])) == ("team", 5, 1)
    models = {model["id"] for model in manager.get("auth-files/models?name=x.json")["models"]}
    assert f"team/{MODEL}" in models
    found = pool_of(manager).get("x.json")
    assert found is not None
    assert (found.priority, found.credential.attributes["header:X-A"]) == (5, "b")
    manager.done(
        "PATCH", "auth-files/fields", {"name": "x.json", "prefix": "", "headers": {"x-a": None}, "priority": None}
    )
    assert not {"prefix", "headers", "priority"} & set(on_disk(manager))


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"{", 400, "invalid request body"), ({"note": "x"}, 400, "name is required"), ({"name": 5, "note": "x"}, 400, "name is required"),
        ({"name": "x.json"}, 400, "no fields to update"), ({"name": "nobody", "note": "x"}, 404, "auth file not found"),
        ({"name": "x.json", "note": "x", "access_token": "t"}, 400, "access_token cannot be changed"),
        ({"name": "x.json", "type": "codex"}, 400, "type cannot be changed"), ({"name": "x.json", "disabled": True}, 400, "disabled cannot be changed: use"),
        ({"name": "x.json", "priority": "high"}, 400, "priority cannot be changed"), ({"name": "x.json", "mine": 2**70}, 400, "'mine' cannot be changed"),
    ],
)  # fmt: skip
def test_fields_that_are_refused(manager: Manager, body: Any, status: int, error: str) -> None:
    code, answer = manager.refused("PATCH", "auth-files/fields", body)
    assert code == status
    assert answer["error"].startswith(error)
    assert on_disk(manager) == {"type": "claude", "email": "a@x", "note": "mine"}


def test_fields_of_what_has_no_file(manager: Manager) -> None:
    write(manager, "g.json", type="gemini", project_id="one,two")
    status, answer = manager.refused("PATCH", "auth-files/fields", {"name": "g.json::one", "note": "x"})
    assert (status, answer["error"]) == (400, "g.json::one: change its file g.json")
    status, answer = manager.refused("PATCH", "auth-files/fields", {"name": keys(manager)[0], "note": "x"})
    assert (status, "has no file" in answer["error"]) == (400, True)


def test_reset(manager: Manager) -> None:
    fails(manager, "x.json")
    fails(manager, "x.json", "claude-sonnet-4-5-20250929")
    assert "x.json" not in picked(manager)
    index = index_of("file:x.json")
    answer = manager.done("POST", "reset-quota", {"auth_index": f" {index} "})
    assert (answer["status"], answer["auth_index"]) == ("ok", index)
    assert sorted(answer["models"]) == sorted([MODEL, "claude-sonnet-4-5-20250929"])
    assert "x.json" in picked(manager)
    assert files(manager)["x.json"]["status"] == "active"
    assert manager.done("POST", "reset-quota", {"auth_index": index})["models"] == []


def test_reset_of_all_that_share_an_index(manager: Manager) -> None:
    for name in keys(manager):
        fails(manager, name)
    assert picked(manager) == {"x.json"}
    answer = manager.done("POST", "reset-quota", {"auth_index": index_of("api_key:k")})
    assert answer["models"] == [MODEL]
    assert picked(manager) == {*keys(manager), "x.json"}


@pytest.mark.parametrize(
    "body", [b"", b"[]", {}, {"auth_index": ""}, {"auth_index": " "}, {"auth_index": 5}, {"auth_index": None}]
)
def test_resets_without_sense(manager: Manager, body: Any) -> None:
    assert manager.refused("POST", "reset-quota", body) == (400, {"error": "invalid body"})


def test_reset_of_nobody(manager: Manager) -> None:
    assert manager.refused("POST", "reset-quota", {"auth_index": "0" * 16}) == (404, {"error": "auth not found"})
