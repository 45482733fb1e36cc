"""Logging in to iFlow, with a browser and with its cookie (oauth-login.md 8, 17)."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from end_to_end.proxy import ROOT
from oauth.authority import Answer, Asked
from oauth.iflow_authority import SECRET, SENT, Iflow, app_at
from oauth.shell import HERE, Shell

from cliproxy.errors import LoginError
from cliproxy.oauth.flow import Callback
from cliproxy.oauth.iflow import CookieLogin, IflowFlow, bxauth_of, cookie_file_name, duplicate_of, normalised
from cliproxy.pool.stores.file import FileStore
from cliproxy.providers.tokens.client import TokenClient

COOKIE = "\t foo=1;  BXAuth=bx-value;\n bar=2 "
FIELDS = [
    "access_token", "refresh_token", "last_refresh", "expired", "api_key", "email", "token_type", "scope", "cookie",
    "type",
]  # fmt: skip


@pytest.fixture
def shell(tmp_path: Path, iflow: Iflow) -> Shell:
    return Shell(tmp_path, iflow.world(), {"oauth-clients": {"iflow": {"client-secret": SECRET}}})


def go(iflow: Iflow, address: str, redirect: str) -> str:
    """Log in at the address; the callback URL to which the browser is sent."""
    parts = urlsplit(address)
    query = dict(parse_qsl(parts.query))
    assert query["redirect"] == redirect
    assert re.fullmatch("[0-9a-f]{32}", query["state"])
    assert list(query) == sorted(query)
    location = iflow.answer(Asked("GET", parts.path, query, {}, b"")).headers["Location"]
    iflow.expected = {
        "grant_type": "authorization_code", "code": dict(parse_qsl(urlsplit(location).query)).get("code", ""),
        "redirect_uri": redirect,
    }  # fmt: skip
    return location.replace("localhost", "127.0.0.1")


def call_back(url: str) -> str:
    """What the listener answers: it sends the browser away, to iFlow's own page."""
    import http.client

    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        answer = connection.getresponse()
        assert answer.status == 302
        return answer.getheader("Location", "")
    finally:
        connection.close()


def redirect_of(shell: Shell) -> str:
    return f"http://localhost:{shell.port}/oauth2callback"


# With a browser


def test_a_login(shell: Shell, iflow: Iflow) -> None:
    before = int(time.time())
    with shell.login("iflow", *shell.code_options(), "--prefix", "p") as command:
        address = command.address()
        assert f"ssh -L {shell.port}:127.0.0.1:{shell.port} root@" in command.output
        assert call_back(go(iflow, address, redirect_of(shell))) == "https://iflow.cn/oauth/success"
        output = command.ends()
    assert "user@example.com: logged in." in output
    assert not re.search(r"sk-iflow|acc/1|ref-1|iflow-secret", output)
    (name, content), = shell.files().items()
    stamp = re.fullmatch(r"iflow-user@example\.com-(\d+)\.json", name)
    assert stamp
    assert before <= int(stamp[1]) <= time.time()
    assert list(content) == [*FIELDS, "prefix"]
    last, expired = (datetime.fromisoformat(content.pop(key)) for key in ("last_refresh", "expired"))
    assert (expired - last).total_seconds() == 172800
    assert content == {
        "access_token": "acc/1+", "refresh_token": "ref-1", "api_key": "sk-iflow-1", "email": "user@example.com",
        "token_type": "bearer", "scope": "read", "cookie": "", "type": "iflow", "prefix": "p",
    }  # fmt: skip
    assert (shell.auths / name).stat().st_mode & 0o777 == 0o600
    assert [asked.method + asked.path for asked in iflow.asked] == ["GET/oauth", "POST/token", "GET/user"]


@pytest.mark.parametrize(
    ("deny", "words"),
    [
        ({"error": "access_denied", "code": ""}, "the login was cancelled or denied (access_denied)"),
        ({"code": ""}, "iflow auth: the callback has no authorization code"),
    ],
)
def test_no_login(shell: Shell, iflow: Iflow, deny: dict[str, str], words: str) -> None:
    iflow.deny = deny
    with shell.login("iflow", *shell.code_options()) as command:
        page = call_back(go(iflow, command.address(), redirect_of(shell)))
        assert f"error: {words}" in command.ends(1)
    assert page == "https://iflow.cn/oauth/error"
    assert shell.files() == {}


def test_somebody_elses_callback(shell: Shell, iflow: Iflow) -> None:
    iflow.deny = {"state": "0" * 32}
    with shell.login("iflow", *shell.code_options()) as command:
        call_back(go(iflow, command.address(), redirect_of(shell)))
        assert "its state differs" in command.ends(1)
    assert iflow.requests("/token") == []


def test_without_a_client_secret(shell: Shell, iflow: Iflow) -> None:
    (shell.folder / "config.yaml").write_text(json.dumps({"auth-dir": str(shell.auths)}))
    with shell.login("iflow", *shell.code_options()) as command:
        output = command.ends(1)
    assert "oauth-clients.iflow.client-secret" in output
    assert "CLIPROXY_IFLOW_CLIENT_SECRET" in output
    assert iflow.asked == []


def test_a_client_secret_of_the_environment(shell: Shell, iflow: Iflow) -> None:
    (shell.folder / "config.yaml").write_text(json.dumps({"auth-dir": str(shell.auths)}))
    with shell.login("iflow", *shell.code_options(), CLIPROXY_IFLOW_CLIENT_SECRET=SECRET) as command:
        call_back(go(iflow, command.address(), redirect_of(shell)))
        command.ends()
    assert len(shell.files()) == 1


def test_the_web_has_one_file_per_account(here: Iflow, client: TokenClient) -> None:
    del here.user["email"]
    here.user["phone"] = "138/0000"
    flow = IflowFlow(app_at(here), client, stamped=False)
    begun = flow.start()
    go(here, begun.url, "http://localhost:11451/oauth2callback")
    made = flow.finish(begun, Callback(here.expected["code"], begun.state))
    assert (made.name, made.content["email"]) == ("iflow-138_0000.json", "138/0000")
    stamped = IflowFlow(app_at(here), client, clock=lambda: 1769947200.9).finish(begun, Callback("code-1", begun.state))
    assert stamped.name == "iflow-138_0000-1769947200.json"


def test_which_callback_is_refused_why(here: Iflow, client: TokenClient) -> None:
    flow = IflowFlow(app_at(here), client)
    begun = flow.start()
    for callback, code in [
        (Callback(error="odd", description="Not you"), "oauth_error"),
        (Callback(), "missing_code"),
        (Callback("c"), "no_state"),
        (Callback("c", "x"), "invalid_state"),
    ]:
        with pytest.raises(LoginError) as caught:
            flow.finish(begun, callback)
        assert caught.value.code == code
    assert here.asked == []


@pytest.mark.parametrize(
    ("path", "answer", "words", "code"),
    [
        ("POST /token", Answer({"error": "x"}, 400), 'token exchange failed with status 400: {"error": "x"}', "code_exchange_failed"),
        ("POST /token", Answer({"access_token": ""}), "token exchange failed: the answer has no access token", "code_exchange_failed"),
        ("GET /user", Answer(b"no", 500), "get user info request failed with status 500: no", "user_info_failed"),
        ("GET /user", Answer({"success": False, "message": "bad", "data": {"apiKey": "k"}}), "failed: bad", "user_info_failed"),
        ("GET /user", Answer({"success": "true", "data": {"apiKey": "k"}}), "did not succeed", "user_info_failed"),
        ("GET /user", Answer({"success": True, "data": {"apiKey": " "}}), "has no API key", "user_info_failed"),
        ("GET /user", Answer({"success": True, "data": {"apiKey": "k"}}), "neither e-mail address nor phone", "missing_account"),
    ],
)  # fmt: skip
def test_an_exchange_that_fails(
    here: Iflow, client: TokenClient, path: str, answer: Answer, words: str, code: str
) -> None:
    flow = IflowFlow(app_at(here), client)
    begun = flow.start()
    go(here, begun.url, begun.redirect_uri)
    here.routes[path] = lambda asked: answer
    with pytest.raises(LoginError, match=re.escape(words)) as caught:
        flow.finish(begun, Callback(here.expected["code"], begun.state))
    assert caught.value.code == code
    assert caught.value.text.startswith("iflow auth: ")


# With a cookie


def test_a_cookie_that_is_piped_in(shell: Shell, iflow: Iflow) -> None:
    (shell.folder / "config.yaml").write_text(json.dumps({"auth-dir": str(shell.auths)}))  # needs no client secret
    before = int(time.time())
    with shell.login("iflow", "--cookie", "--proxy-url", "") as command:
        command.types(COOKIE.replace("\n", " "))
        output = command.ends()
    assert "138****0000 (API key sk-i...ated, good until 2026-02-08 12:30): logged in." in output
    assert not re.search("sk-iflow-rotated|bx-value", output)
    (name, content), = shell.files().items()
    stamp = re.fullmatch(r"iflow-138xxxx0000-(\d+)\.json", name)
    assert stamp
    assert before <= int(stamp[1]) <= time.time()
    assert list(content) == FIELDS
    assert datetime.fromisoformat(content.pop("last_refresh")).timestamp() >= before
    assert content == {
        "access_token": "", "refresh_token": "", "expired": "2026-02-08 12:30", "api_key": "sk-iflow-rotated",
        "email": "138****0000", "token_type": "", "scope": "", "cookie": "BXAuth=bx-value;", "type": "iflow",
    }  # fmt: skip
    assert (shell.auths / name).stat().st_mode & 0o777 == 0o600
    assert [asked.method for asked in iflow.requests("/key")] == ["GET", "POST"]


def test_a_cookie_of_a_file_is_not_taken_twice(shell: Shell, iflow: Iflow) -> None:
    file = shell.folder / "cookie.txt"
    file.write_text(COOKIE)
    with shell.login("iflow", "--cookie-file", str(file)) as command:
        command.ends()
    (name,) = shell.files()
    with shell.login("iflow", "--cookie-file", str(file)) as command:
        assert f"error: duplicate BXAuth found: {name} is a login with the same cookie" in command.ends(1)
    assert list(shell.files()) == [name]
    assert len(iflow.requests("/key")) == 2  # refused before a new key would have ended the old one


def test_a_cookie_that_is_typed_is_not_seen(shell: Shell, iflow: Iflow) -> None:
    outer, inner = pty.openpty()
    line = [sys.executable, str(HERE / "world.py"), "login", "iflow", "--cookie"]
    with subprocess.Popen(
        line, cwd=ROOT, env=shell.env(TERM="dumb"), stdin=inner, stdout=inner, stderr=inner, start_new_session=True
    ) as process:
        os.close(inner)
        seen, typed = b"", False
        try:
            while select.select([outer], [], [], 20)[0] and (chunk := os.read(outer, 4096)):
                seen += chunk
                if b"Cookie of platform.iflow.cn" in seen and not typed:
                    typed = bool(os.write(outer, SENT.encode() + b"\n"))
        except OSError:
            pass  # how a pty says that its other end is closed
        finally:
            os.close(outer)
        assert process.wait(20) == 0, seen
    assert b"logged in." in seen
    assert b"bx-value" not in seen
    assert len(shell.files()) == 1


@pytest.mark.parametrize(
    ("typed", "words"), [("  ", "cookie cannot be empty"), ("a=1; XBXAuth=2", "cookie missing BXAuth field")]
)
def test_no_cookie(shell: Shell, iflow: Iflow, typed: str, words: str) -> None:
    with shell.login("iflow", "--cookie") as command:
        command.types(typed)
        assert f"error: {words}" in command.ends(1)
    assert iflow.asked == []
    assert shell.files() == {}


def test_one_cookie_is_enough(shell: Shell) -> None:
    with shell.login("iflow", "--cookie", "--cookie-file", str(shell.folder / "config.yaml")) as command:
        assert "exclude each other" in command.ends(2)


@pytest.mark.parametrize(
    ("path", "answer", "words"),
    [
        ("GET /key", Answer(b"no", 401), "status 401: no"),
        ("GET /key", Answer({"success": False, "message": "please log in"}), "please log in"),
        ("GET /key", Answer({"success": True, "data": {"name": " "}}), "the answer has no account name"),
        ("POST /key", Answer({"success": True, "data": {"name": "n", "apiKeyMask": "sk-***"}}), "the answer has no API key"),
    ],
)
def test_a_cookie_that_is_refused(
    here: Iflow, client: TokenClient, tmp_path: Path, path: str, answer: Answer, words: str
) -> None:
    here.routes[path] = lambda asked: answer
    with pytest.raises(LoginError) as caught:
        CookieLogin(client, FileStore(str(tmp_path / "none"))).run(COOKIE)
    assert caught.value.text == f"iflow cookie authentication: {words}"


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("BXAuth=1", "BXAuth=1;"),
        (" a=1;\r\n\t BXAuth=x=y; ", "a=1; BXAuth=x=y;"),
        ("", "cookie cannot be empty"),
        ("a=1", "cookie missing BXAuth field"),
        ("BXAuth=;", "cookie missing BXAuth field"),
    ],
)
def test_normalising(text: str, made: str) -> None:
    if made.endswith(";"):
        assert normalised(text) == made
    else:
        with pytest.raises(LoginError, match=made):
            normalised(text)


def test_duplicates_are_found_by_value(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    files = {
        "iflow-a.json": {"cookie": "x=1; BXAuth=one;"}, "iflow-b.json": {"cookie": 5}, "other.json": {"cookie": "BXAuth=two;"},
        "sub/iflow-c.json": {"cookie": "BXAuth=three;"}, "iflow-d.json": {"cookie": "BXAuth=;"},
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps({"type": "iflow", **content}))
    (tmp_path / "iflow-broken.json").write_text("{")
    records = FileStore(str(tmp_path)).list()
    assert [duplicate_of(records, value) for value in ("one", "two", "three", "")] == ["iflow-a.json", "", "", ""]
    assert bxauth_of("a=1;BXAuth= v ;BXAuth=w") == "v"


@pytest.mark.parametrize(
    ("account", "name"),
    [
        ("138****0000", "iflow-138xxxx0000-1769947200.json"), ("a b/c@d_e.f-g", "iflow-abc@d_e.f-g-1769947200.json"),
        ("木", "iflow-1769947200500-1769947200.json"),
    ],
)  # fmt: skip
def test_cookie_names(account: str, name: str) -> None:
    assert cookie_file_name(account, 1769947200.5) == name
