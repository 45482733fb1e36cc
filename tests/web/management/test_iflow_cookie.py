"""Logging in to iFlow with a cookie through the API (management-api.md 14)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from management.conftest import Manage
from oauth.authority import Answer
from oauth.house import House
from oauth.iflow_authority import Iflow
from oauth.sites import move

from cliproxy.web.management.api import run
from cliproxy.web.management.iflow_cookie import IflowCookieRoute

COOKIE = " foo=1;  BXAuth=bx-value;\n bar=2 "
PATH = "iflow-auth-url"


@pytest.fixture
def iflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Iflow]:
    with Iflow() as authority:
        move(monkeypatch, authority.world())
        yield authority
    assert authority.refusals == []


def error(text: str, **more: str) -> dict[str, str]:
    return {"status": "error", "error": text, **more}


def test_a_login(manage: Manage, iflow: Iflow) -> None:
    manager = manage()
    found = manager.done("POST", PATH, {"cookie": COOKIE})
    path = found.pop("saved_path")
    assert found == {"status": "ok", "email": "138****0000", "expired": "2026-02-08 12:30", "type": "iflow"}
    assert re.fullmatch(re.escape(str(manager.auths)) + r"/iflow-138xxxx0000-\d{10}\.json", path)
    content = json.loads(Path(path).read_text())
    assert (content["api_key"], content["cookie"]) == ("sk-iflow-rotated", "BXAuth=bx-value;")
    name = path.rpartition("/")[2]
    assert manager.app.extensions["cliproxy"].dispatcher._pool.get(name) is not None  # in use at once


def test_the_same_cookie_again(manage: Manage, iflow: Iflow) -> None:
    manager = manage()
    name = manager.done("POST", PATH, {"cookie": COOKIE})["saved_path"].rpartition("/")[2]
    asked = len(iflow.asked)
    found = manager.refused("POST", PATH, {"cookie": "BXAuth=bx-value"})
    assert found == (409, error("duplicate BXAuth found", existing_file=name))
    assert len(iflow.asked) == asked  # a new key would have ended the old one


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "cookie is required"), (b"{", "cookie is required"), ([], "cookie is required"),
        ({"cookie": 5}, "cookie is required"), ({}, "cookie is required"), ({"cookie": " \n"}, "cookie is required"),
        ({"cookie": "a=1; XBXAuth=2"}, "cookie missing BXAuth field"), ({"cookie": "BXAuth=;"}, "cookie missing BXAuth field"),
    ],
)  # fmt: skip
def test_no_cookie(manage: Manage, iflow: Iflow, body: Any, text: str) -> None:
    assert manage().refused("POST", PATH, body) == (400, error(text))
    assert iflow.asked == []


@pytest.mark.parametrize(
    ("route", "answer", "text"),
    [
        ("GET /key", Answer(b"no", 401), "iflow cookie authentication: status 401: no"),
        ("GET /key", Answer({"success": False, "message": "log in"}), "iflow cookie authentication: log in"),
        ("GET /key", Answer({"success": True, "data": {"name": " "}}), "failed to extract email from token"),
        ("POST /key", Answer({"success": True, "data": {}}), "iflow cookie authentication: the answer has no API key"),
    ],
)
def test_iflow_refuses(manage: Manage, iflow: Iflow, route: str, answer: Answer, text: str) -> None:
    iflow.routes[route] = lambda asked: answer
    manager = manage()
    assert manager.refused("POST", PATH, {"cookie": COOKIE}) == (400, error(text))
    assert list(manager.auths.glob("*.json")) == []


@pytest.mark.parametrize(
    ("method", "text"),
    [("list", "failed to check duplicate"), ("save", "failed to save authentication tokens")],
)
def test_the_store_fails(manage: Manage, iflow: Iflow, monkeypatch: pytest.MonkeyPatch, method: str, text: str) -> None:
    def broken(*arguments: Any) -> Any:
        raise PermissionError("not yours")

    manager = manage()
    monkeypatch.setattr(f"cliproxy.pool.stores.file.FileStore.{method}", broken)
    assert manager.refused("POST", PATH, {"cookie": COOKIE}) == (500, error(text))
    assert len(iflow.asked) == (0 if method == "list" else 2)


def test_no_folder_for_accounts(tmp_path: Path, iflow: Iflow) -> None:
    """Said before iFlow is asked: a new key would end the old one."""
    house = House(tmp_path)
    house.settings = replace(house.settings, auth_dir="")
    app = Flask("alone")
    (route,) = IflowCookieRoute(house.logins.desk).routes()
    app.add_url_rule("/", view_func=partial(run, route.view), endpoint="route", methods=["POST"])
    answer = app.test_client().post("/", json={"cookie": COOKIE})
    assert (answer.status_code, answer.json) == (500, error("failed to save authentication tokens"))
    assert iflow.asked == []
    house.close()
