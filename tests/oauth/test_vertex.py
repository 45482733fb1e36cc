"""Importing service accounts, from the command to the file (oauth-login.md 10, 17.9)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from oauth.shell import Shell

from cliproxy.errors import LoginError
from cliproxy.oauth.vertex import import_key

EMAIL = "sa@my-project-123.iam.gserviceaccount.com"


@cache
def keys() -> tuple[str, str]:
    """(PKCS#8 as Google writes it, PKCS#1 as we store it)."""
    key = rsa.generate_private_key(65537, 2048)
    forms = (pem.PrivateFormat.PKCS8, pem.PrivateFormat.TraditionalOpenSSL)
    first, second = (key.private_bytes(pem.Encoding.PEM, form, pem.NoEncryption()).decode() for form in forms)
    return first, second


def account(**more: Any) -> dict[str, Any]:
    return {
        "type": "service_account", "project_id": "my-project-123", "private_key_id": "0123abcd", "private_key": keys()[0],
        "client_email": EMAIL, "token_uri": "https://oauth2.googleapis.com/token", **more,
    }  # fmt: skip


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path, {})


def imported(shell: Shell, content: object, *options: str, code: int = 0) -> str:
    """The output of importing a file with this content."""
    file = shell.folder / "sa.json"
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return run(shell, str(file), *options, code=code)


def run(shell: Shell, *arguments: str, code: int = 0) -> str:
    with shell.login("vertex", *arguments) as command:
        return command.ends(code)


def test_an_import(shell: Shell) -> None:
    output = imported(shell, account(universe_domain="googleapis.com", auth_uri="https://x"))
    path = shell.auths / "vertex-my-project-123.json"
    expected = {
        "service_account": {
            "auth_uri": "https://x", "client_email": EMAIL, "private_key": keys()[1], "private_key_id": "0123abcd",
            "project_id": "my-project-123", "token_uri": "https://oauth2.googleapis.com/token", "type": "service_account",
            "universe_domain": "googleapis.com",
        },
        "project_id": "my-project-123", "email": EMAIL, "location": "us-central1", "type": "vertex",
    }  # fmt: skip
    assert path.read_text() == json.dumps(expected, indent=2) + "\n"
    assert (path.stat().st_mode & 0o777, shell.auths.stat().st_mode & 0o777) == (0o600, 0o700)
    assert output.splitlines() == [
        f"Vertex credentials imported: {path}", f"my-project-123 ({EMAIL}): ready.",
    ]  # fmt: skip


def test_options(shell: Shell) -> None:
    imported(shell, account(), "--location", " Europe-West4 ", "--prefix", " /teamA/ ", "--proxy-url", "socks5://p:1")
    ((name, content),) = shell.files().items()
    assert name == "vertex-teamA-my-project-123.json"
    assert list(content) == ["service_account", "project_id", "email", "location", "type", "prefix", "proxy_url"]
    assert (content["location"], content["prefix"], content["proxy_url"]) == ("europe-west4", "teamA", "socks5://p:1")


def test_importing_again_keeps_what_people_added(shell: Shell) -> None:
    shell.auths.mkdir()
    old = {"type": "vertex", "project_id": "x", "note": "mine", "priority": 3, "location": "asia-east1", "email": "old"}
    (shell.auths / "vertex-my-project-123.json").write_text(json.dumps(old))
    imported(shell, account())
    ((name, content),) = shell.files().items()
    assert name == "vertex-my-project-123.json"
    assert (content["note"], content["priority"], content["email"]) == ("mine", 3, EMAIL)
    assert (content["location"], content["project_id"]) == ("us-central1", "my-project-123")


def test_keys_that_have_suffered(shell: Shell) -> None:
    escaped = account(private_key="\x1b[1m" + keys()[0].replace("\n", "\\n"))
    data = b"\xef\xbb\xbf" + json.dumps(escaped).encode().replace(b"PRIVATE KEY-----", b"PRIVATE KEY-----\xff", 1)
    imported(shell, data)
    assert shell.files()["vertex-my-project-123.json"]["service_account"]["private_key"] == keys()[1]


def test_without_an_address(shell: Shell) -> None:
    output = imported(shell, {**account(), "client_email": None})
    assert "warning: the key file has no client_email" in output
    assert "my-project-123: ready." in output
    content = shell.files()["vertex-my-project-123.json"]
    assert (content["email"], content["service_account"]["client_email"]) == ("", None)


def ec_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption()).decode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "invalid service account json: "), (b"[1]", "invalid service account json: it is not an object"),
        (b"", "invalid service account json: "), ({}, "service account payload is empty"),
        ({"project_id": "p"}, "service account missing private_key"),
        ({"project_id": "p", "private_key": "x"}, "private_key is not valid pem: missing markers"),
        ({"project_id": "p", "private_key": ec_key()}, "private_key is not an RSA key"),
        (account(project_id=" "), "project_id missing"), (account(project_id=5), "project_id missing"),
    ],
    ids=["json", "list", "empty", "object", "no key", "no pem", "ec", "blank project", "odd project"],
)  # fmt: skip
def test_refused(shell: Shell, content: object, words: str) -> None:
    output = imported(shell, content, code=1)
    assert output.startswith(f"error: {words}")
    assert output.count("\n") == 1
    assert not shell.auths.exists()


@pytest.mark.parametrize(
    ("path", "words"), [(" ", "the path of the key file is missing"), ("/nowhere/sa.json", "read failed: "),
                        ("/tmp", "read failed: ")],
)  # fmt: skip
def test_no_file(shell: Shell, path: str, words: str) -> None:
    assert run(shell, path, code=1).startswith(f"error: {words}")


def test_the_home_directory(shell: Shell) -> None:
    home = Path(shell.env()["HOME"])
    (home / "sa.json").write_text(json.dumps(account()))
    run(shell, "~/sa.json")
    assert list(shell.files()) == ["vertex-my-project-123.json"]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--prefix", "a/b"), 2, "a prefix is one word"),
        (("--location", "evil.example/"), 1, "a location is a name like europe-west4"),
        (("--location", "a@b"), 1, "a location is a name like europe-west4"),
    ],
)
def test_options_that_make_no_sense(shell: Shell, options: tuple[str, ...], code: int, words: str) -> None:
    assert f"error: {words}" in imported(shell, account(), *options, code=code)
    assert not shell.auths.exists()


def test_usage(shell: Shell) -> None:
    assert "KEY_FILE" in run(shell, code=2)
    output = run(shell, "--help")
    assert "Usage: cliproxy login vertex [OPTIONS] KEY_FILE" in output
    assert all(option in output for option in ("--location", "us-central1", "--prefix", "--proxy-url", "--config"))
    assert not any(option in output for option in ("--no-browser", "--callback-port", "--timeout", "--no-ip-lookup"))


@pytest.mark.parametrize(
    ("project", "prefix", "name"),
    [
        ("p", "", "vertex-p.json"), (" p ", "", "vertex-p.json"),
        ("example.com:a/b\\c d", "", "vertex-example.com_a_b_c-d.json"), ("p", "te am:\\x", "vertex-te-am__x-p.json"),
        ("p\0q", "/x/", "vertex-x-p_q.json"), ("..", "", "vertex-...json"),
    ],
)  # fmt: skip
def test_file_names(project: str, prefix: str, name: str) -> None:
    made = import_key(json.dumps(account(project_id=project)).encode(), prefix=prefix)
    assert (made.name, made.indent, made.content["project_id"]) == (name, True, project.strip())


@pytest.mark.parametrize(
    ("content", "options", "code"),
    [
        (b"no", {}, "invalid_json"), (b"[]", {}, "invalid_json"), ({"a": 1}, {}, "invalid_service_account"),
        (account(project_id=""), {}, "missing_project"), (account(), {"location": "a.b"}, "bad_location"),
        (account(), {"prefix": "a/b"}, "bad_prefix"),
    ],
    ids=["json", "list", "account", "project", "location", "prefix"],
)  # fmt: skip
def test_codes(content: object, options: Mapping[str, str], code: str) -> None:
    """What an upload over the web goes by."""
    with pytest.raises(LoginError) as caught:
        import_key(content if isinstance(content, bytes) else json.dumps(content).encode(), **options)
    assert (caught.value.code, caught.value.status) == (code, 400)


@pytest.mark.parametrize("location", ["", "  "])
def test_no_location_is_the_usual_one(location: str) -> None:
    assert import_key(json.dumps(account()).encode(), location=location).content["location"] == "us-central1"


def test_the_account_is_not_changed_otherwise() -> None:
    odd = account(extra={"b": 1, "a": [None, 1.5]})
    made = import_key(json.dumps(odd).encode())
    assert made.content["service_account"] == {**odd, "private_key": keys()[1]}
    assert keys()[1] not in repr(made.label)
