"""The page of the control panel and its files, without a browser (management-api.md 20)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from management.conftest import Manage

from cliproxy.web.management.panel import FOLDER, PAGE, Panel

OFF = "remote-management:\n  disable-control-panel: true\n"
FILES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.suffix in (".js", ".css", ".svg"))


def fetch(manager, path, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return manager.app.test_client().get(path, headers=names)


def test_the_page(manage: Manage) -> None:
    answer = fetch(manage(), "/management.html")
    assert answer.status_code == 200
    assert answer.content_type == "text/html; charset=utf-8"
    assert answer.data == (FOLDER / PAGE).read_bytes()
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Accept-Ranges"] == "bytes"


def test_nothing_inline_and_nothing_from_elsewhere(manage: Manage) -> None:
    policy = fetch(manage(), "/management.html").headers["Content-Security-Policy"]
    assert policy.split("; ")[0] == "default-src 'self'"
    assert "unsafe" not in policy
    page = (FOLDER / PAGE).read_text()
    assert not re.search(r"<script>|<style|\son\w+=|style=", page)
    for name in FILES:
        text = (FOLDER / name).read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text), name
        assert not re.search(r"(?:from|import)\s*\(?\s*[\"']https?:|url\(|@import", text), name


def test_without_a_management_key(manage: Manage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MANAGEMENT_PASSWORD")
    assert fetch(manage(), "/management.html").status_code == 200


@pytest.mark.parametrize("name", FILES)
def test_its_files(manage: Manage, name: str) -> None:
    answer = fetch(manage(), f"/management/{name}")
    assert answer.status_code == 200
    assert answer.data == (FOLDER / name).read_bytes()
    kinds = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
    assert answer.content_type.startswith(kinds[Path(name).suffix])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_every_file_that_is_loaded_is_there() -> None:
    for name in [*FILES, PAGE]:
        file = FOLDER / name
        for target in re.findall(r"from \"(\.[^\"]+)\"", file.read_text()):
            assert (file.parent / target).is_file(), (name, target)
        for target in re.findall(r"(?:src|href)[=:] ?\"management/([^\"]+)\"", file.read_text()):
            assert (FOLDER / target).is_file(), (name, target)


@pytest.mark.parametrize("name", ["nothing.js", "views", "management.html", "../panel.py", "../management/panel.py", "%2e%2e/bans.py", "..%2fapi.py", "app.js/x.js"])  # fmt: skip
def test_nothing_else(manage: Manage, name: str) -> None:
    answer = fetch(manage(), f"/management/{name}")
    assert (answer.status_code, answer.text) == (404, "404 page not found")


def test_a_slash_too_many(manage: Manage) -> None:
    answer = fetch(manage(), "/management/app.js/")
    assert (answer.status_code, answer.headers["Location"]) == (301, "/management/app.js")


def test_not_again_when_it_is_the_same(manage: Manage) -> None:
    manager = manage()
    first = fetch(manager, "/management.html")
    for condition in ({"If_None_Match": first.headers["ETag"]}, {"If_Modified_Since": first.headers["Last-Modified"]}):
        again = fetch(manager, "/management.html", **condition)
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["Cache-Control"] == "no-cache"
    assert fetch(manager, "/management.html", If_None_Match='"other"').status_code == 200


def test_a_range(manage: Manage) -> None:
    manager, whole = manage(), (FOLDER / PAGE).read_bytes()
    part = fetch(manager, "/management.html", Range="bytes=2-5")
    assert (part.status_code, part.data) == (206, whole[2:6])
    assert part.headers["Content-Range"] == f"bytes 2-5/{len(whole)}"
    beyond = fetch(manager, "/management.html", Range=f"bytes={len(whole)}-")
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{len(whole)}")


def test_switched_off_and_on_while_it_runs(manage: Manage) -> None:
    manager = manage(OFF)
    for path in ("/management.html", "/management/app.js"):
        answer = fetch(manager, path)
        assert (answer.status_code, answer.data) == (404, b"")
    manager.done("PUT", "config.yaml", manager.text.replace("true", "false").encode())
    assert fetch(manager, "/management.html").status_code == 200


@pytest.mark.parametrize("as_file", [True, False])
def test_somebody_elses_page(manage: Manage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, as_file: bool) -> None:
    own = tmp_path / "own"
    own.mkdir()
    page = own / PAGE
    monkeypatch.setenv("MANAGEMENT_STATIC_PATH", f" {page if as_file else own} ")
    manager = manage()
    assert fetch(manager, "/management.html").status_code == 404
    page.write_text("<script>theirs()</script>")
    answer = fetch(manager, "/management.html")
    assert (answer.status_code, answer.text) == (200, "<script>theirs()</script>")
    assert answer.content_type == "text/html; charset=utf-8"
    assert "Content-Security-Policy" not in answer.headers
    assert fetch(manager, "/management.html", If_None_Match=answer.headers["ETag"]).status_code == 304


def test_a_page_that_cannot_be_read(manage: Manage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / PAGE).mkdir()
    monkeypatch.setenv("MANAGEMENT_STATIC_PATH", str(tmp_path))
    assert fetch(manage(), "/management.html").status_code == 500


def test_only_get(manage: Manage) -> None:
    client = manage().app.test_client()
    assert [client.open("/management.html", method=method).status_code for method in ("HEAD", "POST")] == [404, 404]


def test_shows_what_it_serves() -> None:
    assert "elsewhere/management.html" in repr(Panel(lambda: None, "elsewhere"))  # type: ignore[arg-type, return-value]
