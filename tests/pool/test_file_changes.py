"""Changes of auth files that come from people: uploads, removals, fields, switches (management-api.md 11, 23)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pool.bench import START, status
from pool.renewing import Kept

from cliproxy.pool.auth_files import InvalidAuthFile
from cliproxy.pool.stores.file import FileStore
from cliproxy.providers.credential import Credential

LOGIN = b'{ "type":"claude", "email":"b@x",\n "access_token":"t" }\n'


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    kept = Kept(tmp_path)
    kept.write(access_token="old")
    return kept


@pytest.fixture
def broken(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> Kept:
    """Nothing can be written."""

    def full(self: FileStore, credential: Credential, text: bytes | None = None) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FileStore, "save", full)
    return kept


def ids(kept: Kept) -> list[str]:
    return [entry.id for entry in kept.bench.pool.list()]


def with_note(content: Mapping[str, Any]) -> dict[str, Any]:
    return {**content, "note": "n"}


def test_an_import_keeps_every_byte_and_counts_at_once(kept: Kept) -> None:
    kept.source.import_file("b.json", LOGIN)
    path = kept.folder / "b.json"
    assert path.read_bytes() == LOGIN
    assert path.stat().st_mode & 0o777 == 0o600
    assert ids(kept) == ["a.json", "b.json"]
    assert kept.entry("b.json").credential.label == "b@x"
    assert kept.source.load() == []


def test_an_import_that_is_switched_off(kept: Kept) -> None:
    kept.source.import_file("b.json", b'{"type":"claude","disabled":true}')
    assert (kept.folder / "b.json").read_bytes() == b'{"type":"claude","disabled":true}'
    assert kept.entry("b.json").credential.disabled


def test_an_import_with_several_projects(kept: Kept) -> None:
    kept.source.import_file("g.json", b'{"type":"gemini","project_id":"one,two"}')
    assert ids(kept) == ["a.json", "g.json", "g.json::one", "g.json::two"]
    assert kept.entry("g.json").credential.provider == "gemini-cli"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty document"), (b"{", "unexpected"), (b"[]", "not a JSON object"), (b'"x"', "not a JSON object"), (b"\xff", "UTF-8"),
        (b"{}", "no \"type\""), (b'{"type":" "}', "no \"type\""), (b'{"type":5}', "no \"type\""), (b'{"type":"x","n":NaN}', "unexpected"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["a.json", "new.json"])
def test_what_is_no_credential_changes_nothing(kept: Kept, name: str, data: bytes, why: str) -> None:
    before = kept.entry().credential, sorted(os.listdir(kept.folder)), (kept.folder / "a.json").read_bytes()
    with pytest.raises(InvalidAuthFile, match=why):
        kept.source.import_file(name, data)
    assert (kept.entry().credential, sorted(os.listdir(kept.folder)), (kept.folder / "a.json").read_bytes()) == before


def test_an_import_that_cannot_be_written_changes_nothing(broken: Kept) -> None:
    with pytest.raises(OSError, match="No space"):
        broken.source.import_file("a.json", LOGIN)
    assert broken.entry().credential.metadata["access_token"] == "old"
    assert broken.read()["access_token"] == "old"
    assert broken.source.unsaved == {}


def test_an_import_is_a_new_login(kept: Kept) -> None:
    """Cooldowns go; when it was created and is refreshed next stay; its own time of refresh counts if it has one."""
    pool, runtime = kept.bench.pool, kept.entry().runtime
    pool.failed(kept.entry(), "m", status(401))
    runtime.last_refreshed_at, runtime.next_refresh_after = START + 5, START + 60
    kept.bench.clock.now += 100
    kept.source.import_file("a.json", b'{"type":"claude","access_token":"new"}')
    view = pool.view("a.json")
    assert view is not None
    assert (view.cooldowns, view.status) == ((), "active")
    assert (view.created_at, view.last_refreshed_at, view.next_refresh_after) == (START, START + 5, START + 60)
    kept.source.import_file("a.json", b'{"type":"claude","access_token":"newer","lastRefresh":"1700000100"}')
    view = pool.view("a.json")
    assert view is not None
    assert view.last_refreshed_at == 1_700_000_100


def test_an_import_wins_over_what_could_not_be_saved(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    on_disk = (kept.folder / "a.json").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(FileStore, "save", lambda *_: (_ for _ in ()).throw(OSError("full")))
        kept.source.change_file("a.json", with_note)
    assert kept.source.unsaved == {"a.json": "full"}
    kept.source.import_file("a.json", on_disk)
    assert kept.source.unsaved == {}
    assert "note" not in kept.entry().credential.metadata


def test_a_file_is_removed_with_its_credential(kept: Kept) -> None:
    kept.source.import_file("g.json", b'{"type":"gemini","project_id":"one,two"}')
    assert kept.source.remove_file("g.json")
    assert ids(kept) == ["a.json"]
    assert os.listdir(kept.folder) == ["a.json"]
    assert kept.bench.registry.models_of("g.json::one") == ()
    assert not kept.source.remove_file("g.json")
    (kept.folder / "d.json").mkdir()
    assert not kept.source.remove_file("d.json")


def test_a_file_without_sense_is_removed_too(kept: Kept) -> None:
    (kept.folder / "x.json").write_text("{")
    assert kept.source.remove_file("x.json")
    assert not (kept.folder / "x.json").exists()


def test_a_removed_file_does_not_come_back(kept: Kept) -> None:
    """Neither by a refresh that was running, nor by what could not be saved before."""
    before = kept.entry().credential
    kept.source.remove_file("a.json")
    after = Credential("a.json", "claude", metadata={**before.metadata, "access_token": "new"})
    assert kept.source.refreshed(before, after) is None
    kept.source.save_again()
    assert os.listdir(kept.folder) == []


def test_of_a_link_only_the_link_is_removed(kept: Kept, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere" / "real.json"
    target.parent.mkdir()
    target.write_bytes(LOGIN)
    (kept.folder / "link.json").symlink_to(target)
    kept.source.catch_up()
    assert "link.json" in ids(kept)
    assert kept.source.remove_file("link.json")
    assert target.read_bytes() == LOGIN
    assert not (kept.folder / "link.json").is_symlink()
    with pytest.raises(ValueError, match="outside"):
        FileStore(str(kept.folder)).delete("../out.json")


def test_all_files_are_removed_but_nothing_else(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    kept.write("B.JSON")
    (kept.folder / "sub").mkdir()
    (kept.folder / "sub" / "c.json").write_bytes(LOGIN)
    (kept.folder / "note.txt").write_text("")
    (kept.folder / "d.json").mkdir()
    assert kept.source.remove_all_files() == 2
    assert ids(kept) == []
    assert sorted(os.listdir(kept.folder)) == ["d.json", "note.txt", "sub"]
    assert (kept.folder / "sub" / "c.json").exists()
    assert "d.json could not be removed" in caplog.text


def test_fields_change_at_once_and_in_the_file(kept: Kept) -> None:
    kept.bench.pool.failed(kept.entry(), "m", status(429))
    assert kept.source.change_file("a.json", lambda content: {**content, "prefix": "team", "priority": 7})
    entry = kept.entry()
    assert (entry.credential.prefix, entry.priority) == ("team", 7)
    assert kept.read() == {
        "type": "claude", "email": "a@x", "access_token": "old", "prefix": "team", "priority": 7, "disabled": False,
    }  # fmt: skip
    view = kept.bench.pool.view("a.json")
    assert view is not None
    assert len(view.cooldowns) == 1
    assert kept.source.load() == []


def test_projects_come_and_go_with_their_field(kept: Kept) -> None:
    kept.source.import_file("g.json", b'{"type":"gemini","project_id":"one,two"}')
    assert kept.source.change_file("g.json", lambda content: {**content, "project_id": "two,three"})
    assert ids(kept) == ["a.json", "g.json", "g.json::three", "g.json::two"]


def test_only_files_have_fields(kept: Kept) -> None:
    kept.source.import_file("g.json", b'{"type":"gemini","project_id":"one,two"}')
    kept.source.connect("aistudio-x")
    for name in ("nobody.json", "g.json::one", "aistudio-x"):
        assert not kept.source.change_file(name, with_note)


def test_what_cannot_be_saved_is_in_force_and_said(broken: Kept) -> None:
    assert broken.source.change_file("a.json", with_note)
    assert broken.source.set_disabled("a.json", True)
    assert "No space left" in broken.source.unsaved["a.json"]
    entry = broken.entry()
    assert (entry.credential.metadata["note"], entry.credential.disabled) == ("n", True)
    assert "note" not in broken.read()


def test_why_it_is_switched_off(kept: Kept) -> None:
    pool = kept.bench.pool

    def message() -> str:
        view = pool.view("a.json")
        assert view is not None
        return view.status_message

    pool.failed(kept.entry(), "m", status(401))
    last = message()
    assert last
    kept.source.set_disabled("a.json", True, "by hand")
    assert message() == "by hand"
    kept.source.set_disabled("a.json", True)
    assert message() == last
    kept.source.set_disabled("a.json", True, "by hand")
    (kept.folder / "a.json").write_text(json.dumps({"type": "claude", "disabled": False}))
    kept.source.catch_up()
    assert message() == ""
    kept.source.set_disabled("a.json", True, "by hand")
    kept.source.set_disabled("a.json", False, "never shown")
    assert kept.entry().runtime.off_because == ""
    kept.source.set_disabled("a.json", True, "by hand")
    (kept.folder / "a.json").write_text(json.dumps({"type": "claude", "disabled": False}))
    kept.source.catch_up()
    (kept.folder / "a.json").write_text(json.dumps({"type": "claude", "disabled": True}))
    kept.source.catch_up()
    assert message() == ""


def test_tokens_of_one_that_is_switched_off_can_be_renewed(kept: Kept) -> None:
    """By whoever needs them; not in the background."""
    kept.source.set_disabled("a.json", True)
    assert kept.check() == []
    kept.provider.tokens = [{"access_token": "new"}]
    flight, started = kept.scheduler._start("a.json")
    assert started
    kept.run()
    assert flight.result is not None
    assert flight.result.disabled
    assert kept.read() == {"type": "claude", "email": "a@x", "access_token": "new", "disabled": True}
