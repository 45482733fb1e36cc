"""Importing a service account through the API (management-api.md 15)."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from management.conftest import Manage, Manager
from oauth.house import House
from oauth.test_vertex import EMAIL, account, keys

from cliproxy.errors import LoginError
from cliproxy.web.management.answers import ManagementError
from cliproxy.web.management.vertex_import import VertexImportRoute

PATH = "vertex/import"


def upload(manager: Manager, content: Any, query: str = "", **form: str) -> tuple[int, Any]:
    """(status, JSON) of a form with a file. ``content``: bytes, or anything else as JSON."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return sent(manager, {"file": (io.BytesIO(data), "sa.json"), **form}, query)


def sent(manager: Manager, form: Any, query: str = "") -> tuple[int, Any]:
    headers = {"Authorization": "Bearer manager"}
    url = f"/v0/management/{PATH}{query}"
    answer = manager.app.test_client().post(url, data=form, headers=headers, content_type="multipart/form-data")
    return answer.status_code, answer.json


def test_an_import(manage: Manage) -> None:
    manager = manage()
    status, found = upload(manager, account())
    path = manager.auths / "vertex-my-project-123.json"
    assert (status, found) == (
        200,
        {
            "status": "ok",
            "auth-file": str(path),
            "project_id": "my-project-123",
            "email": EMAIL,
            "location": "us-central1",
        },
    )
    content = json.loads(path.read_text())
    assert content["service_account"]["private_key"] == keys()[1]
    assert list(content) == ["service_account", "project_id", "email", "location", "type"]
    assert path.read_text().startswith('{\n  "service_account": {\n')
    assert path.stat().st_mode & 0o777 == 0o600
    assert manager.app.extensions["cliproxy"].dispatcher._pool.get(path.name) is not None  # in use at once


def test_an_older_file_is_overwritten(manage: Manage) -> None:
    manager = manage()
    upload(manager, account(client_email="old"))
    upload(manager, account(project_id="a/b c"))
    status, found = upload(manager, account())
    assert (status, found["email"]) == (200, EMAIL)
    assert sorted(path.name for path in manager.auths.glob("*.json")) == [
        "vertex-a_b-c.json", "vertex-my-project-123.json",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "form", "location"),
    [
        ("", {"location": " Europe-West4 "}, "europe-west4"), ("?location=global", {}, "global"),
        ("?location=global", {"location": "asia-east1"}, "asia-east1"), ("?location=global", {"location": " "}, "global"),
    ],
)  # fmt: skip
def test_the_location(manage: Manage, query: str, form: dict[str, str], location: str) -> None:
    assert upload(manage(), account(), query, **form)[1]["location"] == location


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"{", "invalid json", "invalid service account json"), (b"[]", "invalid json", "it is not an object"),
        (b"", "invalid json", "invalid service account json"),
        ({}, "invalid service account", "service account payload is empty"),
        (account(private_key=" "), "invalid service account", "service account missing private_key"),
        (account(private_key="x"), "invalid service account", "private_key is not valid pem"),
    ],
)  # fmt: skip
def test_no_service_account(manage: Manage, content: Any, error: str, words: str) -> None:
    manager = manage()
    status, found = upload(manager, content)
    assert (status, found["error"]) == (400, error)
    assert words in found["message"]
    assert list(manager.auths.glob("*.json")) == []


def test_no_project(manage: Manage) -> None:
    assert upload(manage(), account(project_id=" ")) == (400, {"error": "project_id missing"})


def test_a_location_that_cannot_be_in_a_host_name(manage: Manage) -> None:
    status, found = upload(manage(), account(), location="evil.example/")
    assert (status, found["error"]) == (400, "invalid location")
    assert "evil.example/" in found["message"]


@pytest.mark.parametrize(
    "form", [{}, {"file": "text"}, {"file": (io.BytesIO(b""), "")}, {"other": (io.BytesIO(b"x"), "x")}]
)
def test_no_file(manage: Manage, form: Any) -> None:
    assert sent(manage(), form) == (400, {"error": "file required"})


def test_no_form(manage: Manage) -> None:
    assert manage().refused("POST", PATH, account()) == (400, {"error": "file required"})


def test_far_too_much(manage: Manage) -> None:
    """As bytes: the test client would put a form of this size into a file that it never closes."""
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
        + b"x" * (1 << 20)
        + b"\r\n--b--\r\n"
    )
    answer = manage().ask("POST", PATH, body, content_type="multipart/form-data; boundary=b")
    assert answer.status_code == 413
    assert "larger than 1 MB" in answer.json["error"]


def test_it_cannot_be_saved(manage: Manage, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any) -> str:
        raise OSError("disk full")

    manager = manage()
    monkeypatch.setattr("cliproxy.pool.stores.file.FileStore.save", full)
    status, found = upload(manager, account())
    assert (status, found["error"]) == (500, "save_failed")
    assert "disk full" in found["message"]


def test_no_folder_for_accounts(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.settings = replace(house.settings, auth_dir="")
    (route,) = VertexImportRoute(house.logins.desk).routes()
    with pytest.raises(ManagementError, match="auth directory not configured") as caught:
        route.view()
    assert caught.value.status == 503
    assert isinstance(caught.value.__cause__, LoginError)
    house.close()
