"""The configuration file itself: download, upload, state (management-api.md 5.2 to 5.4)."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from management.conftest import BASE, KEY, Manage
from upstream.waiting import eventually

from cliproxy.app import create_app
from cliproxy.config.management_key import verify_key
from cliproxy.config.settings import Settings

CONFIG = """\
# mine
port: 8080
unknown: kept
"""
NOT_FOUND = (404, {"error": "not_found", "message": "config file not found"})


def invalid(message: str) -> tuple[int, Any]:
    return 400, {"error": "invalid_yaml", "message": message}


def fail(number: int, words: str) -> Any:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(number, words)

    return refuse


def test_download(manage: Manage) -> None:
    """The bytes as they are, also those that no configuration can be made of."""
    manager = manage(CONFIG)
    for data in (manager.config.read_bytes(), b"port: [\r\n\xff", b""):
        manager.config.write_bytes(data)
        response = manager.ask("GET", "config.yaml")
        assert (response.status_code, response.data) == (200, data)
        assert response.content_type == "application/yaml; charset=utf-8"
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-CPA-VERSION"]


def test_download_of_nothing(manage: Manage, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = manage(CONFIG)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", fail(errno.EIO, "Input/output error"))
        response = manager.ask("GET", "config.yaml")
    assert (response.status_code, response.json) == (500, {"error": "read_failed", "message": "Input/output error"})
    manager.config.unlink()
    response = manager.ask("GET", "config.yaml")
    assert (response.status_code, response.json) == NOT_FOUND


def test_upload(manage: Manage) -> None:
    """In force with the answer, its own text in the file but for comments at the margin; nothing left beside it."""
    manager = manage(CONFIG)
    text = f"api-keys: # keys\n  # mine\n  - 'new'\nnote: |\n  # text\ndebug:   true\nauth-dir: {manager.auths}\n"
    before = sorted(manager.folder.iterdir())
    assert manager.done("PUT", "config.yaml", b"\xef\xbb\xbf" + text.encode()) == {"ok": True, "changed": ["config"]}
    assert manager.text == text.replace("  # mine", "# mine")
    assert manager.in_force == manager.on_disk
    assert (manager.in_force.api_keys, manager.in_force.debug) == (("new",), True)
    assert sorted(manager.folder.iterdir()) == before
    client = manager.app.test_client()
    assert client.get("/v1/models", headers={"Authorization": "Bearer new"}).status_code == 200
    assert client.get("/v1/models", headers={"Authorization": "Bearer old"}).status_code == 401


def test_upload_of_a_plaintext_key(manage: Manage) -> None:
    """Only its hash reaches the disk; it is the key from now on."""
    manager = manage(CONFIG)
    text = "remote-management:\n  secret-key: open sesame  # mine\n"
    manager.done("PUT", "config.yaml", text.encode())
    hashed = manager.in_force.remote_management.secret_key
    assert verify_key("open sesame", hashed)
    assert manager.text == text.replace("open sesame", f'"{hashed}"')
    opened = manager.app.test_client().get(BASE + "debug", headers={"X-Management-Key": "open sesame"})
    assert opened.status_code == 200


def test_upload_migrates_in_memory_only(manage: Manage) -> None:
    manager = manage(CONFIG)
    text = "generative-language-api-key: [g]\n"
    manager.done("PUT", "config.yaml", text.encode())
    assert [entry.api_key for entry in manager.in_force.gemini_api_key] == ["g"]
    assert list(manager.in_force.oauth_model_alias) == ["antigravity"]
    assert manager.text == text


def test_upload_of_what_is_no_configuration(manage: Manage) -> None:
    manager = manage(CONFIG)
    for body, message in (
        (b"", "the body is empty"),
        (b" \n\n", "the body is empty"),
        (b"# a comment\n", "the body is empty"),
        (b"null\n", "the body is empty"),
        (b"port: 1\na: \xff\n", "line 2: not UTF-8 text"),
        (b"- a\n", "line 1: the file must be a mapping of keys to values"),
        (b"port: 1\nport: 2\n", "line 2: port: duplicate key (first on line 1)"),
        (b"debug: 7\n\nport: many\n", (
            "line 1: debug: must be true or false, not '7'; line 3: port: must be a whole number, not 'many'"
        )),
        (b"claude-api-key:\n  - models: [{name: {}}]\n", (
            "line 2: claude-api-key[0].models[0].name: must be text, not a mapping"
        )),
    ):  # fmt: skip
        assert manager.refused("PUT", "config.yaml", body) == invalid(message), body
    status, answer = manager.refused("PUT", "config.yaml", b"port: 1\ndebug: [\n")
    assert (status, answer["error"]) == (400, "invalid_yaml")
    assert answer["message"].startswith("line 3: not valid YAML: ")
    response = manager.ask("PUT", "config.yaml", b"port: 1\n", environ_overrides={"CONTENT_LENGTH": "99"})
    assert (response.status_code, response.json) == invalid("cannot read request body")
    assert manager.text.startswith(CONFIG)


def test_upload_of_what_must_not_be_used(manage: Manage) -> None:
    """Well-formed, and refused as at a start: every problem with line and key."""
    text = f"api-keys:\n  - your-api-key-1\n  - your-api-key-2\nremote-management:\n  secret-key: {'x' * 73}\n"
    status, answer = manage(CONFIG).refused("PUT", "config.yaml", text.encode())
    assert (status, answer["error"]) == (422, "invalid_config")
    first, second, third = answer["message"].split("; ")
    assert first.startswith("line 2: api-keys[0]: 'your-api-key-1' is a key of the example file")
    assert second.startswith("line 3: api-keys[1]: 'your-api-key-2'")
    assert third.startswith("line 5: remote-management.secret-key: failed to hash remote management key: it has 73")


@pytest.mark.parametrize("way", ["os.replace", "os.fsync", "tempfile.mkstemp"])
def test_upload_that_cannot_be_written(manage: Manage, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    manager = manage(CONFIG)
    with monkeypatch.context() as patch:
        patch.setattr(way, fail(errno.ENOSPC, "No space left on device"))
        refused = manager.refused("PUT", "config.yaml", b"port: 1\n")
    assert refused == (500, {"error": "write_failed", "message": "failed to write config"})


def test_a_change_that_cannot_be_written(manage: Manage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer of all other routes (1.3); nothing is changed in memory either."""
    manager = manage(CONFIG)
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fail(errno.ENOSPC, "No space left on device"))
        refused = manager.refused("PUT", "api-keys", ["a"])
    assert refused == (500, {"error": "failed to save config: No space left on device"})
    assert manager.get("api-keys") == {"api-keys": None}


def test_an_auth_dir_in_the_home_directory(manage: Manage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``~`` is expanded at once; the file keeps it (3.1, 5.3)."""
    monkeypatch.setenv("HOME", str(tmp_path))
    manager = manage(CONFIG)
    manager.done("PUT", "config.yaml", b"auth-dir: ~/elsewhere\n")
    assert (tmp_path / "elsewhere").is_dir()
    manager.done("PUT", "debug", {"value": True})
    assert manager.text.startswith("auth-dir: ~/elsewhere\n")


@pytest.mark.parametrize("change", ["debug: true\n", "port: 8080\n"])
def test_a_file_of_one_line_can_be_edited(manage: Manage, change: str) -> None:
    """Missing sections are added; no defaults are (22, 3.1)."""
    manager = manage(CONFIG)
    manager.config.write_text(change)
    manager.done("PUT", "api-keys", ["k"])
    manager.done("PUT", "gemini-api-key", [{"api-key": "g"}])
    manager.done("PUT", "quota-exceeded/switch-project", {"value": True})
    manager.done("PUT", "oauth-model-alias", {})
    manager.done("PUT", "ampcode/model-mappings", {"value": [{"from": "a", "to": "b"}]})
    added = manager.text.removeprefix(change)
    assert [line.partition(":")[0] for line in added.splitlines() if line[0].isalpha()] == [
        "api-keys", "oauth-model-alias", "gemini-api-key", "quota-exceeded", "ampcode",
    ]  # fmt: skip
    assert manager.in_force == manager.on_disk


def test_status(manage: Manage) -> None:
    manager = manage(CONFIG)
    first = manager.get("config-status")
    assert first["path"] == str(manager.config)
    assert first["errors"] == []
    loaded = datetime.fromisoformat(first["loaded-at"])
    assert loaded.tzinfo is not None
    manager.done("PUT", "debug", {"value": True})
    assert datetime.fromisoformat(manager.get("config-status")["loaded-at"]) > loaded


def test_status_of_a_file_that_was_broken_by_hand(manage: Manage) -> None:
    """The old configuration stays in force; no route changes the file until it is put right (D9)."""
    manager = manage(CONFIG)
    good = manager.text
    manager.config.write_text("port: 1\ndebug: maybe\nproxy-url: {}\n")
    errors = eventually(lambda: manager.get("config-status")["errors"], "the watcher has read the file")
    assert errors == [
        {"line": 2, "key": "debug", "message": "must be true or false, not 'maybe'"},
        {"line": 3, "key": "proxy-url", "message": "must be text, not a mapping"},
    ]
    status, answer = manager.refused("PUT", "debug", {"value": True})
    assert status == 500
    assert answer["error"].startswith("failed to save config: the file was edited and has problems")
    assert "line 2: debug: must be true or false" in answer["error"]
    manager.config.write_text(good)
    manager.done("PUT", "debug", {"value": True})
    assert manager.get("config-status")["errors"] == []


def test_status_of_a_file_that_is_no_yaml(manage: Manage) -> None:
    manager = manage(CONFIG)
    manager.config.write_bytes(b"\xff")
    (error,) = eventually(lambda: manager.get("config-status")["errors"], "the watcher has read the file")
    assert (error["line"], error["key"]) == (None, "")
    assert "cannot read" in error["message"]


@pytest.fixture
def fileless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """An application that was made of settings (``create_app(Settings(...))``)."""
    monkeypatch.setenv("MANAGEMENT_PASSWORD", KEY)
    monkeypatch.setenv("WRITABLE_PATH", str(tmp_path))
    app = create_app(Settings(auth_dir=str(tmp_path / "auths"), usage_database=str(tmp_path / "usage.sqlite3")))
    yield app
    app.extensions["cliproxy.lifecycle"].stop()


def test_without_a_file(fileless: Flask) -> None:
    """Changes last until the end of the process; what a file could not hold is refused all the same."""
    client = fileless.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {KEY}"
    for method in ("GET", "PUT"):
        response = client.open(f"{BASE}config.yaml", method=method, data=b"port: 1\n")
        assert (response.status_code, response.json) == NOT_FOUND
    status = client.get(f"{BASE}config-status").json
    assert (status["path"], status["errors"]) == (None, [])
    assert client.put(f"{BASE}api-keys", json=[" a "]).json == {"status": "ok"}
    assert client.put(f"{BASE}gemini-api-key", json=[{"api-key": " k ", "prefix": "/p/"}]).status_code == 200
    shown = client.get(f"{BASE}config").json
    assert shown["api-keys"] == [" a "]
    assert shown["gemini-api-key"] == [{"api-key": "k", "prefix": "p"}]
    for body in ([{"api-key": "k", "priority": 1 << 64}], [{"api-key": "\ud800"}]):
        assert client.put(f"{BASE}gemini-api-key", json=body).status_code == 400
    assert client.get(f"{BASE}gemini-api-key").json == {"gemini-api-key": shown["gemini-api-key"]}
