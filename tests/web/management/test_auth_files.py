"""Download, upload and removal of auth files (management-api.md 11.3 to 11.5)."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from management.conftest import BASE, KEY, Manage, Manager
from werkzeug.test import TestResponse

from cliproxy.pool.stores.file import FileStore

LOGIN = b'{ "type":"gemini", "email":"a@x",\n "project_id": "p" }\n'
BAD_NAMES = ["", "%20", "a/b.json", "..%2Fa.json", "a%5Cb.json", "a.json%00.json", f"{'n' * 200}.json"]


def name_error(name: str) -> str:
    return "invalid name" if name in BAD_NAMES else "name must end with .json"


def upload_form(manager: Manager, name: str, data: bytes, field: str = "file", query: str = "") -> TestResponse:
    return manager.app.test_client().post(
        f"{BASE}auth-files{query}", data={field: (io.BytesIO(data), name)}, headers={"Authorization": KEY},
        content_type="multipart/form-data",
    )  # fmt: skip


def ids(manager: Manager) -> list[str]:
    return [entry["id"] for entry in manager.get("auth-files")["files"]]


def offered(manager: Manager, name: str) -> int:
    return len(manager.get(f"auth-files/models?name={name}")["models"])


@pytest.fixture
def manager(manage: Manage) -> Manager:
    manager = manage()
    assert manager.done("POST", "auth-files?name=x.json", LOGIN) == {"status": "ok"}
    return manager


def test_downloaded_as_it_is(manager: Manager) -> None:
    with manager.ask("GET", "auth-files/download?name=x.json") as response:
        assert (response.status_code, response.data) == (200, LOGIN)
        assert response.headers["Content-Type"] == "application/json"
        assert response.headers["Content-Disposition"] == 'attachment; filename="x.json"'
    odd = 'a "b" \u00e4;.JSON'
    (manager.auths / odd).write_bytes(b"{")
    with manager.ask("GET", "auth-files/download", query_string={"name": odd}) as response:
        assert response.data == b"{"
        assert response.headers["Content-Disposition"].startswith('attachment; filename="a \\"b\\" _;.JSON"')


@pytest.mark.parametrize("name", [*BAD_NAMES, "x.txt", "..", ".", "json"])
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "auth-files/download"), ("POST", "auth-files"), ("DELETE", "auth-files")]
)
def test_names(manager: Manager, method: str, path: str, name: str) -> None:
    before = sorted(os.listdir(manager.auths))
    assert manager.refused(method, f"{path}?name={name}", LOGIN) == (400, {"error": name_error(name)})
    assert sorted(os.listdir(manager.auths)) == before


@pytest.mark.parametrize(("method", "path"), [("GET", "auth-files/download"), ("DELETE", "auth-files")])
def test_no_such_file(manager: Manager, method: str, path: str) -> None:
    (manager.auths / "d.json").mkdir()
    for name in ("none.json", "d.json"):
        assert manager.refused(method, f"{path}?name={name}") == (404, {"error": "file not found"})
    assert (manager.auths / "d.json").is_dir()


def test_a_file_that_cannot_be_read(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("cliproxy.web.management.auth_files.download", refuse)
    answer = manager.refused("GET", "auth-files/download?name=x.json")
    assert answer == (500, {"error": "failed to read file: Permission denied"})


@pytest.mark.parametrize("form", [False, True])
def test_uploaded_and_in_use(manager: Manager, form: bool) -> None:
    if form:
        response = upload_form(manager, "C:\\some\\dir/new.JSON", LOGIN)
        assert (response.status_code, response.json) == (200, {"status": "ok"})
    else:
        manager.done("POST", "auth-files?name=new.JSON", LOGIN)
    path = manager.auths / "new.JSON"
    assert path.read_bytes() == LOGIN
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(os.listdir(manager.auths)) == sorted(
        {".cliproxy-lock", "new.JSON", "x.json"} & {*os.listdir(manager.auths)}
    )
    (entry,) = [entry for entry in manager.get("auth-files")["files"] if entry["id"] == "new.JSON"]
    assert (entry["provider"], entry["label"], entry["status"]) == ("gemini-cli", "a@x", "active")
    assert offered(manager, "new.JSON") > 0


def test_an_upload_replaces(manager: Manager) -> None:
    created = manager.get("auth-files")["files"][0]["created_at"]
    manager.done("POST", "auth-files?name=x.json", b'{"type":"claude","disabled":true}')
    (entry,) = manager.get("auth-files")["files"]
    assert (entry["provider"], entry["label"], entry["disabled"]) == ("claude", "claude", True)
    assert entry["created_at"] == created
    assert (manager.auths / "x.json").read_bytes() == b'{"type":"claude","disabled":true}'
    assert offered(manager, "x.json") == 0


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"{}", b"\xff\xfe", b'{"type":""}'])
@pytest.mark.parametrize("name", ["x.json", "new.json"])
def test_an_upload_without_sense_loses_nothing(manager: Manager, name: str, data: bytes) -> None:
    before = ids(manager), sorted(os.listdir(manager.auths))
    status, body = manager.refused("POST", f"auth-files?name={name}", data)
    assert status == 500
    assert body["error"].startswith("invalid auth file: ")
    response = upload_form(manager, name, data)
    assert (response.status_code, response.json) == (500, body)
    assert (ids(manager), sorted(os.listdir(manager.auths))) == before
    assert (manager.auths / "x.json").read_bytes() == LOGIN


def test_forms(manager: Manager) -> None:
    response = upload_form(manager, "x.txt", LOGIN)
    assert (response.status_code, response.json) == (400, {"error": "file must be .json"})
    response = upload_form(manager, "x.json", LOGIN, field="other", query="?name=x.json")
    assert response.status_code == 400
    assert response.json is not None
    assert response.json["error"] == "invalid name"


def test_too_large(manager: Manager) -> None:
    data = b'{"type":"claude","x":"' + b"y" * (5 << 20) + b'"}'
    assert manager.refused("POST", "auth-files?name=x.json", data)[0] == 413
    form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.json"\r\n\r\n%b\r\n--b--\r\n' % data
    response = manager.ask("POST", "auth-files", form, content_type="multipart/form-data; boundary=b")
    assert (response.status_code, response.is_json) == (413, True)
    assert (manager.auths / "x.json").read_bytes() == LOGIN


def test_a_full_disk(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FileStore, "save", full)
    monkeypatch.setattr(FileStore, "delete", full)
    answer = manager.refused("POST", "auth-files?name=x.json", b'{"type":"claude"}')
    assert answer == (500, {"error": "failed to write file: No space left on device"})
    response = upload_form(manager, "x.json", b'{"type":"claude"}')
    assert (response.status_code, response.json) == (500, {"error": "failed to save file: No space left on device"})
    answer = manager.refused("DELETE", "auth-files?name=x.json")
    assert answer == (500, {"error": "failed to remove file: No space left on device"})
    assert manager.done("DELETE", "auth-files?all=true") == {"status": "ok", "deleted": 0}
    assert ids(manager) == ["x.json"]
    assert (manager.auths / "x.json").read_bytes() == LOGIN


def test_removed_at_once(manager: Manager) -> None:
    assert offered(manager, "x.json") > 0
    assert manager.done("DELETE", "auth-files?name=x.json") == {"status": "ok"}
    assert ids(manager) == []
    assert offered(manager, "x.json") == 0
    assert not (manager.auths / "x.json").exists()


@pytest.mark.parametrize("word", ["true", "1", "*"])
def test_all_removed(manager: Manager, word: str) -> None:
    (manager.auths / "broken.json").write_text("{")
    (manager.auths / "keep.txt").write_text("")
    assert manager.done("DELETE", f"auth-files?all={word}") == {"status": "ok", "deleted": 2}
    assert ids(manager) == []
    assert (manager.auths / "keep.txt").exists()


@pytest.mark.parametrize("word", ["TRUE", "yes", "0", ""])
def test_other_words_do_not_mean_all(manager: Manager, word: str) -> None:
    assert manager.refused("DELETE", f"auth-files?all={word}") == (400, {"error": "invalid name"})
    assert ids(manager) == ["x.json"]


def test_the_directory_is_gone(manager: Manager, tmp_path: Path) -> None:
    manager.stop()
    for name in os.listdir(manager.auths):
        (manager.auths / name).unlink()
    manager.auths.rmdir()
    answer = manager.refused("DELETE", "auth-files?all=true")
    assert answer == (500, {"error": "failed to read auth dir: No such file or directory"})


def test_a_removed_file_stays_away(manager: Manager) -> None:
    """Though it was switched off before: saving what is off must not make a file."""
    manager.done("PATCH", "auth-files/status", {"name": "x.json", "disabled": True})
    manager.done("DELETE", "auth-files?name=x.json")
    assert manager.refused("PATCH", "auth-files/status", {"name": "x.json", "disabled": True})[0] == 404
    manager.app.extensions["cliproxy.lifecycle"]._source.save_again()
    assert not (manager.auths / "x.json").exists()
    assert json.loads(json.dumps(ids(manager))) == []
