"""Keeping the pool in step with files and settings (config.md 12.4, 13, 23.8, 23.10)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pool.bench import Bench, status
from upstream.waiting import eventually

from cliproxy.config.load import load_text
from cliproxy.config.settings import Settings
from cliproxy.config.watch import ConfigWatcher
from cliproxy.errors import UpstreamStatus
from cliproxy.pool.lifecycle import CredentialSource
from cliproxy.pool.stores.file import FileStore
from cliproxy.providers.credential import Credential
from cliproxy.routing.registration import models_for
from cliproxy.routing.tables import ModelInfo

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


def test_entries_are_counted_by_the_store(kept: Kept, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    """Not by listing files: a store may keep them elsewhere (config.md 13.5)."""
    monkeypatch.setattr(FileStore, "count", lambda self: 42)
    kept.source.load()
    assert "44 clients (42 auth entries" in capsys.readouterr().out

    def unreachable(self: FileStore) -> int:
        raise OSError("the database is away")

    monkeypatch.setattr(FileStore, "count", unreachable)
    kept.source.load()
    assert "2 clients (0 auth entries" in capsys.readouterr().out


def test_an_auth_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = replace(Settings(), auth_dir=str(tmp_path / "file"))
    with pytest.raises(OSError, match="exists"):
        CredentialSource(Bench().pool, FileStore(""), settings)


class Counting(FileStore):
    """A store that counts what is saved, and can be one that pushes."""

    def __init__(self) -> None:
        super().__init__("")
        self.saves: list[str] = []
        self.pushed: list[tuple[str, list[str]]] = []

    def save(self, credential: Credential, text: bytes | None = None) -> str:
        self.saves.append(credential.id)
        return super().save(credential, text)

    def push(self, message: str, paths: Sequence[str]) -> None:
        self.pushed.append((message, list(paths)))


@pytest.fixture
def counting(tmp_path: Path) -> tuple[Kept, Counting]:
    kept, store = Kept(tmp_path), Counting()
    kept.source = CredentialSource(kept.bench.pool, store, kept.bench.settings)
    return kept, store


@pytest.mark.case("credentials:C54")
def test_what_the_watcher_brings_is_not_saved(counting: tuple[Kept, Counting]) -> None:
    kept, store = counting
    kept.write("a.json", type="claude", email="a@x")
    assert "add a.json" in kept.source.load()
    assert store.saves == []
    kept.source.save(Credential("b.json", "claude", file_name="b.json", metadata={"type": "claude", "email": "b@x"}))
    assert store.saves == ["b.json"]
    assert json.loads((kept.auths / "b.json").read_text()) == {"type": "claude", "email": "b@x", "disabled": False}
    entry = kept.bench.pool.get("b.json")
    assert entry is not None
    assert entry.credential.label == "b@x"


@pytest.mark.parametrize(
    "credential",
    [
        Credential("r", "claude", attributes={"runtime_only": "true"}, metadata={"email": "x"}),
        Credential("k", "claude", attributes={"api_key": "k"}),
    ],
    ids=["runtime only", "no metadata"],
)
def test_what_has_no_file_is_not_saved(counting: tuple[Kept, Counting], credential: Credential) -> None:
    kept, store = counting
    kept.source.save(credential)
    assert store.saves == []
    assert kept.bench.pool.get(credential.id) is not None


def test_results_save_nothing(counting: tuple[Kept, Counting]) -> None:
    kept, store = counting
    kept.write("a.json", type="p", email="a@x")
    kept.source.load()
    kept.bench.provider.plan["a.json"] = [status(500)]
    kept.bench.models["a.json"] = ("m",)
    kept.bench.registry.register("a.json", "p", [ModelInfo("m")])
    with pytest.raises(UpstreamStatus):
        kept.bench.ask()
    assert store.saves == []


def test_a_store_elsewhere_is_told(counting: tuple[Kept, Counting]) -> None:
    kept, store = counting
    path = str(kept.auths / "a.json")
    kept.write("a.json", type="claude")
    kept.source.file_changed(path, removed=False)
    (kept.auths / "a.json").unlink()
    kept.source.file_changed(path, removed=True)
    assert store.pushed == [("Sync auth a.json", [path]), ("Remove auth a.json", [path])]


def test_switched_off_and_on_again(kept: Kept) -> None:
    """The flag is in the file, other fields stay, models go and come, and a new beginning has no cooldowns."""
    kept.write("claude.json", type="claude", email="c@x", note="mine")
    kept.source.load()
    pool = kept.bench.pool
    entry = pool.get("claude.json")
    assert entry is not None
    pool.failed(entry, "claude-opus-4-5-20251101", status(401))
    assert kept.source.set_disabled("claude.json", True)
    assert json.loads((kept.auths / "claude.json").read_text()) == {
        "type": "claude", "email": "c@x", "note": "mine", "disabled": True,
    }  # fmt: skip
    assert kept.offers("claude.json") == set()
    view = pool.view("claude.json")
    assert view is not None
    assert (view.status, len(view.cooldowns)) == ("disabled", 1)
    assert kept.source.load() == []
    assert kept.source.set_disabled("claude.json", False)
    assert kept.offers("claude.json")
    view = pool.view("claude.json")
    assert view is not None
    assert (view.status, view.cooldowns) == ("active", ())
    assert kept.source.load() == []
    assert not kept.source.set_disabled("nobody", True)


@pytest.mark.parametrize("what", ["config key", "connection"])
def test_switched_off_until_its_entry_changes(kept: Kept, what: str) -> None:
    kept.source.connect("aistudio-x")
    key = next(entry.id for entry in kept.bench.pool.list() if entry.id.startswith("claude:apikey"))
    name = key if what == "config key" else "aistudio-x"
    assert kept.source.set_disabled(name, True)
    assert kept.source.set_disabled(name, True)
    assert kept.offers(name) == set()
    assert kept.source.load() == []
    assert kept.change(BASE + "debug: true\n") == []
    assert kept.source.set_disabled(name, False)
    assert kept.offers(name)
    assert kept.source.set_disabled(name, True)
    if what == "config key":
        assert kept.change(BASE.replace("api-key: c}", "api-key: c, priority: 3}")) == [f"modify {name}"]
    else:
        kept.source.disconnect(name)
        kept.source.connect(name)
    assert kept.offers(name)


def test_a_priority_in_a_file(kept: Kept) -> None:
    for number, value in enumerate([3, "4", " -2 ", 0, "x", True, 1.5, None]):
        kept.write(f"p{number}.json", type="claude", priority=value)
    kept.source.load()
    found = [kept.bench.pool.get(f"p{number}.json") for number in range(8)]
    assert [entry.priority for entry in found if entry is not None] == [3, 4, -2, 0, 0, 0, 0, 0]


def test_headers_in_a_file(kept: Kept) -> None:
    """They override what goes out for everybody (design D22); a project of several has them too."""
    kept.write("h.json", type="gemini", project_id="a,b", headers={"User-Agent": "mine", "X-N": 5, " ": "x"})
    kept.source.load()
    for name in ("h.json", "h.json::a"):
        entry = kept.bench.pool.get(name)
        assert entry is not None
        own = {key: value for key, value in entry.credential.attributes.items() if key.startswith("header:")}
        assert own == {"header:User-Agent": "mine"}


def test_what_a_killed_process_left_is_removed(kept: Kept) -> None:
    left = [kept.auths / ".claude.json.abcd1234.tmp", kept.auths / "sub" / ".x.json.abcd_234.tmp"]
    (kept.auths / "sub").mkdir()
    young, other = kept.auths / ".claude.json.zzzz1234.tmp", kept.auths / "mine.tmp"
    for path in (*left, young, other):
        path.write_text("{}")
    for path in (*left, other):
        os.utime(path, (1, 1))
    kept.source.tidy()
    assert [path.exists() for path in (*left, young, other)] == [False, False, True, True]
