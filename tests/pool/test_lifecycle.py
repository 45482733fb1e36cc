"""Keeping the pool in step with files and settings (config.md 12.4, 13, 23.8, 23.10)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pool.bench import Bench
from upstream.waiting import eventually

from cliproxy.config.load import load_text
from cliproxy.config.settings import Settings
from cliproxy.config.watch import ConfigWatcher
from cliproxy.pool.lifecycle import CredentialSource
from cliproxy.pool.stores.file import FileStore
from cliproxy.providers.credential import Credential
from cliproxy.routing.registration import models_for

BASE = """\
oauth-model-alias: {}
gemini-api-key: [{api-key: g, prefix: team}]
claude-api-key: [{api-key: c}]
"""


class Kept:
    """A pool that follows an auth directory, and what was done to it."""

    def __init__(self, folder: Path, text: str = BASE) -> None:
        self.auths = folder / "auths"
        self.auths.mkdir()
        self.bench = Bench(settings=self.read(text))
        self.bench.pool._registrar = self.register
        self.registered: list[str] = []
        self.source = CredentialSource(self.bench.pool, FileStore(""), self.bench.settings)

    def read(self, text: str) -> Settings:
        return replace(load_text(text).settings, auth_dir=str(self.auths))

    def register(self, credential: Credential, settings: Settings) -> None:
        self.registered.append(credential.id)
        models = models_for(credential, settings)
        self.bench.registry.register(credential.id, credential.executor_key, models)

    def write(self, name: str, **content: object) -> None:
        (self.auths / name).write_text(json.dumps(content))

    def change(self, text: str) -> list[str]:
        """New settings; what was done to the pool."""
        old, new = self.bench.settings, self.read(text)
        self.bench.settings = new
        self.registered.clear()
        return self.source.settings_changed(old, new)

    def offers(self, credential_id: str) -> set[str]:
        return {model.id for model in self.bench.registry.models_of(credential_id)}


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    kept = Kept(tmp_path)
    kept.write("claude.json", type="claude", email="c@x")
    kept.write("codex.json", type="codex", email="d@x")
    kept.source.load()
    return kept


def kinds(done: list[str]) -> set[str]:
    """``modify claude.json`` and the like; tokens cut off."""
    return {":".join(line.split(":")[:2]) for line in done}


@pytest.mark.case("config:10")
def test_exclusions_of_a_login_rebind_only_its_records(kept: Kept) -> None:
    assert "claude-opus-4-5-20251101" in kept.offers("claude.json")
    done = kept.change(BASE + "oauth-excluded-models: {claude: ['claude-opus-*']}\n")
    assert done == ["modify claude.json"]
    assert kept.registered == ["claude.json"]
    assert "claude-opus-4-5-20251101" not in kept.offers("claude.json")
    assert "claude-sonnet-4-5-20250929" in kept.offers("claude.json")
    key = next(entry.id for entry in kept.bench.pool.list() if entry.id.startswith("claude:apikey"))
    assert "claude-opus-4-5-20251101" in kept.offers(key)


@pytest.mark.case("config:10")
def test_force_model_prefix_rebinds_all(kept: Kept) -> None:
    key = next(entry.id for entry in kept.bench.pool.list() if entry.id.startswith("gemini:apikey"))
    assert {"gemini-2.5-pro", "team/gemini-2.5-pro"} <= kept.offers(key)
    done = kept.change(BASE + "force-model-prefix: true\n")
    assert kinds(done) == {"modify gemini:apikey", "modify claude:apikey", "modify claude.json", "modify codex.json"}
    assert "gemini-2.5-pro" not in kept.offers(key)
    assert "team/gemini-2.5-pro" in kept.offers(key)


def test_aliases_rebind_all(kept: Kept) -> None:
    done = kept.change(BASE.replace("{}", "{codex: [{name: gpt-5, alias: mine}]}"))
    assert len(done) == 4
    assert "mine" in kept.offers("codex.json")
    assert "gpt-5" not in kept.offers("codex.json")


def test_other_settings_touch_nothing(kept: Kept) -> None:
    assert kept.change(BASE + "debug: true\nrequest-retry: 2\n") == []


def test_entries_come_and_go(kept: Kept) -> None:
    done = kept.change(BASE.replace("api-key: c}", "api-key: c, priority: 3}").replace("api-key: g", "api-key: other"))
    assert kinds(done) == {"add gemini:apikey", "delete gemini:apikey", "modify claude:apikey"}


def test_another_auth_directory(kept: Kept, tmp_path: Path) -> None:
    old = kept.bench.settings
    new = replace(old, auth_dir=str(tmp_path / "made"))
    kept.bench.settings = new
    assert sorted(kept.source.settings_changed(old, new)) == ["delete claude.json", "delete codex.json"]
    assert kept.source.auth_dir == str(tmp_path / "made")
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700


def test_connections_are_credentials_too(kept: Kept) -> None:
    kept.source.connect("aistudio-x")
    assert "gemini-2.5-pro" in kept.offers("aistudio-x")
    assert kept.source.load() == []  # a refresh does not forget it
    text = BASE + "oauth-excluded-models: {aistudio: ['gemini-2.5-pro']}\n"
    assert kept.change(text) == ["modify aistudio-x"]
    assert "gemini-2.5-pro" not in kept.offers("aistudio-x")
    kept.source.disconnect("aistudio-x")
    assert kept.offers("aistudio-x") == set()


@pytest.fixture
def watched(kept: Kept, tmp_path: Path) -> Iterator[list[list[str]]]:
    """What each change of the auth directory has done."""
    done: list[list[str]] = []
    config = tmp_path / "config.yaml"
    config.write_text("")

    def look(event: object) -> None:
        done.append(kept.source.load())

    watcher = ConfigWatcher(config, str(kept.auths), lambda: None, look, poll=600)
    watcher.start()
    yield done
    watcher.stop()


@pytest.mark.case("config:8")
def test_auth_files_reach_the_pool_once_per_change(kept: Kept, watched: list[list[str]]) -> None:
    def becomes(*expected: list[str]) -> None:
        eventually(lambda: len(watched) >= len(expected), "the change arrives")
        assert watched == list(expected)

    kept.write("new.json", type="claude", email="1")
    becomes(["add new.json"])
    kept.write("new.json", type="claude", email="2")
    becomes(["add new.json"], ["modify new.json"])
    (kept.auths / "other").write_text(json.dumps({"type": "claude", "email": "3"}))
    (kept.auths / "other").replace(kept.auths / "new.json")
    becomes(["add new.json"], ["modify new.json"], ["modify new.json"])
    kept.write("new.json", type="claude", email="3")  # an unchanged rewrite: nothing
    (kept.auths / "new.json").unlink()
    becomes(["add new.json"], ["modify new.json"], ["modify new.json"], ["delete new.json"])
    assert kept.offers("new.json") == set()


def test_a_file_that_became_senseless_takes_its_credential_out(kept: Kept) -> None:
    (kept.auths / "claude.json").write_text("{")
    assert kept.source.load() == ["delete claude.json"]
    kept.write("claude.json", type="claude")
    assert kept.source.load() == ["add claude.json"]


def test_the_summary_lines(kept: Kept, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        kept.source.load()
    assert capsys.readouterr().out == (
        "server clients and configuration updated: 4 clients (2 auth entries + 1 Gemini API keys + 1 Claude API keys"
        " + 0 Codex keys + 0 Vertex-compat + 0 OpenAI-compat)\n"
    )
    assert "full client load complete - 4 clients (2 auth files + 1 Gemini API keys" in caplog.text


def test_an_auth_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = replace(Settings(), auth_dir=str(tmp_path / "file"))
    with pytest.raises(OSError, match="exists"):
        CredentialSource(Bench().pool, FileStore(""), settings)
