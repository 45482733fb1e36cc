"""Credentials from config entries and auth files (config.md 8, 9, 10, 23.11; credentials.md 2)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cliproxy.config.load import load_text
from cliproxy.pool.auth_files import credentials_from_files
from cliproxy.pool.synthesis import credentials_from_config, exclusions_hash, models_hash, token
from cliproxy.providers.credential import Credential

ALIAS = "oauth-model-alias: {}\n"


def made(text: str) -> list[Credential]:
    return credentials_from_config(load_text(ALIAS + text).settings)


@pytest.mark.case("config:11")
@pytest.mark.parametrize(
    ("kind", "parts", "expected"),
    [
        ("gemini:apikey", ("k1", ""), "a0ff00d2ace0"),
        ("claude:apikey", ("k1", "https://example.com"), "65105d9d106f"),
        ("codex:apikey", ("k1", "https://www.example.com"), "bb058c611be3"),
        ("openai-compatibility:openrouter", ("k1", "https://openrouter.ai/api/v1", ""), "7fd9fb0a358a"),
        ("openai-compatibility:openrouter", ("https://openrouter.ai/api/v1",), "7f953d5a2180"),
        ("vertex:apikey", ("vk", "https://example.com/api", ""), "fdb82222dee4"),
        ("vertex:apikey", (" vk ", " https://example.com/api", "  "), "fdb82222dee4"),
    ],
)
def test_tokens(kind: str, parts: tuple[str, ...], expected: str) -> None:
    assert token(kind, *parts) == expected


@pytest.mark.case("config:11")
@pytest.mark.parametrize(
    ("credential", "index"),
    [
        (Credential("a.json", "claude", file_name="a.json"), "1af52cced29d5a37"),
        (Credential("a.json", "claude"), "215f423630d1a957"),
        (Credential("x", "gemini", attributes={"api_key": "k1"}), "d921b5f1e5014fb2"),
        (Credential("x", "gemini", file_name=" a.json ", attributes={"api_key": "k1"}), "1af52cced29d5a37"),
    ],
)
def test_indexes(credential: Credential, index: str) -> None:
    assert credential.index == index


@pytest.mark.case("config:11")
def test_whole_records() -> None:
    text = """\
gemini-api-key: [{api-key: " k1 "}]
claude-api-key: [{api-key: k1, base-url: "https://example.com"}, {api-key: ""}]
codex-api-key: [{api-key: k1, base-url: "https://www.example.com"}]
openai-compatibility:
  - {name: OpenRouter, base-url: "https://openrouter.ai/api/v1", api-key-entries: [{api-key: k1}]}
  - {name: OpenRouter, base-url: "https://openrouter.ai/api/v1"}
vertex-api-key: [{api-key: vk, base-url: "https://example.com/api"}]
demo: true
"""
    found = {credential.id: credential for credential in made(text)}
    assert list(found) == [
        "gemini:apikey:a0ff00d2ace0", "claude:apikey:65105d9d106f", "codex:apikey:bb058c611be3",
        "openai-compatibility:openrouter:7fd9fb0a358a", "openai-compatibility:openrouter:7f953d5a2180",
        "vertex:apikey:fdb82222dee4", "demo",
    ]  # fmt: skip
    gemini = found["gemini:apikey:a0ff00d2ace0"]
    assert (gemini.provider, gemini.label, gemini.auth_kind) == ("gemini", "gemini-apikey", "apikey")
    assert dict(gemini.attributes) == {"source": "config:gemini[a0ff00d2ace0]", "api_key": "k1", "auth_kind": "apikey"}
    compat = found["openai-compatibility:openrouter:7f953d5a2180"]
    assert (compat.provider, compat.label, compat.executor_key) == ("openrouter", "OpenRouter", "openrouter")
    assert "api_key" not in compat.attributes
    vertex = found["vertex:apikey:fdb82222dee4"]
    assert vertex.attributes["source"] == "config:vertex-apikey[fdb82222dee4]"


def test_the_same_entry_again_gets_a_number() -> None:
    entry = "{api-key: k1, base-url: 'https://www.example.com'}"
    ids = [credential.id for credential in made(f"codex-api-key: [{entry}, {entry}, {entry}]")]
    assert ids == [f"codex:apikey:bb058c611be3{number}" for number in ("", "-1", "-2")]


@pytest.mark.case("config:11")
def test_hashes() -> None:
    models = load_text("claude-api-key: [{api-key: k, models: [{name: ' M1 '}, {name: a, alias: B}, {name: M1}, {}]}]")
    assert models_hash(models.settings.claude_api_key[0].models).startswith("182368f0d90ab929")
    assert exclusions_hash(["Model-2", "model-1", "model-2"]).startswith("d320bf8eda9ada18")
    assert (models_hash(()), exclusions_hash([" "])) == ("", "")


def test_everything_of_an_entry() -> None:
    (credential,) = made(
        "claude-api-key: [{api-key: k, priority: 5, prefix: /team/, proxy-url: ' socks5://p ', headers: {X-A: b},"
        " models: [{name: a, alias: b}], excluded-models: [C]}]"
    )
    assert (credential.prefix, credential.proxy_url) == ("team", "socks5://p")
    attributes = credential.attributes
    assert (attributes["priority"], attributes["header:X-A"]) == ("5", "b")
    assert re.fullmatch("[0-9a-f]{64}", attributes["models_hash"])
    assert re.fullmatch("[0-9a-f]{64}", attributes["excluded_models_hash"])


def test_a_record_does_not_show_its_secrets() -> None:
    (credential,) = made("gemini-api-key: [{api-key: very-secret}]")
    assert "very-secret" not in repr(credential)


def auth_files(folder: Path, **files: Any) -> list[Credential]:
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content if isinstance(content, str) else json.dumps(content))
    return credentials_from_files(str(folder), load_text("oauth-excluded-models: {gemini-cli: [x]}\n").settings)


def test_auth_files(tmp_path: Path) -> None:
    (tmp_path / "sub.json").mkdir()
    found = auth_files(
        tmp_path,
        b__json={"type": " Claude ", "email": "me@x", "prefix": "/p/", "proxy_url": "http://p", "disabled": True},
        A__JSON={"type": "gemini", "email": ""},
        broken__json='{"type":', empty__json="", list__json="[]", untyped__json={"email": "x"}, number__json={"type": 5},
        blank__json={"type": " "}, text__txt={"type": "claude"},
    )  # fmt: skip
    assert [(c.id, c.provider, c.label, c.prefix, c.proxy_url, c.disabled, c.file_name) for c in found] == [
        ("A.JSON", "gemini-cli", "gemini-cli", "", "", False, "A.JSON"),
        ("b.json", "claude", "me@x", "p", "http://p", True, "b.json"),
    ]
    gemini, claude = found
    path = str(tmp_path / "b.json")
    assert dict(claude.attributes) == {"source": path, "path": path, "auth_kind": "oauth"}
    assert gemini.attributes["excluded_models_hash"] == exclusions_hash(["x"])
    assert claude.metadata["email"] == "me@x"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert credentials_from_files(str(tmp_path / "none"), load_text("").settings) == []


@pytest.mark.parametrize(
    ("credential", "account"),
    [
        (Credential("a", "claude", metadata={"email": " me@x "}, attributes={"api_key": "k"}), ("oauth", "me@x")),
        (Credential("a", "gemini-cli", metadata={"email": "me@x", "project_id": "p"}), ("oauth", "me@x (p)")),
        (Credential("a", "claude", metadata={"email": "me@x", "project_id": "p"}), ("oauth", "me@x")),
        (Credential("a", "claude", attributes={"api_key": "k"}), ("api_key", "k")),
        (Credential("a", "claude"), ("", "")),
    ],
)
def test_accounts(credential: Credential, account: tuple[str, str]) -> None:
    assert credential.account == account
