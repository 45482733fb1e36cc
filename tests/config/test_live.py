"""Putting a changed file into force, or not (config.md 13.1, 13.2, 23.6)."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from cliproxy.config import live as live_module
from cliproxy.config.live import LiveSettings
from cliproxy.config.load import load_file
from cliproxy.config.management_key import verify_key
from cliproxy.config.settings import Settings


class Kept:
    """A file, the settings in force and what subscribers were told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.live = LiveSettings(Settings())
        self.told: list[tuple[int, int]] = []
        self.live.subscribe(lambda old, new: self.told.append((old.port, new.port)))

    def write(self, text: str) -> bool:
        self.path.write_text(text)
        return self.live.reload(self.path)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "config.yaml")


def test_a_change(kept: Kept) -> None:
    assert kept.write("port: 1\n")
    assert kept.write("port: 2\n")
    assert kept.live().port == kept.live.current.port == 2
    assert kept.told == [(8317, 1), (1, 2)]


@pytest.mark.case("config:6")
def test_the_same_content(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "cliproxy")
    assert kept.write("port: 1\n")
    assert not kept.write("port: 1\n")
    assert kept.told == [(8317, 1)]
    assert "config file content unchanged (hash match), skipping reload" in caplog.text


@pytest.mark.parametrize("text", ["port: [\n", "port: many\n", "- a\n", "api-keys: [your-api-key-1]\n", "a: &a [*a]\n"])
def test_a_broken_file_and_then_the_old_one_again(kept: Kept, text: str) -> None:
    """The problems go when the file is put right, also by undoing the change."""
    assert kept.write("port: 1\n")
    assert not kept.write(text)
    assert kept.live.problems
    assert kept.live.current.port == 1
    assert not kept.write("port: 1\n")
    assert kept.live.problems == ()
    assert kept.told == [(8317, 1)]


def test_a_broken_file_is_tried_again(kept: Kept) -> None:
    assert not kept.write("port: [\n")
    first = kept.live.problems
    assert not kept.live.reload(kept.path)
    assert kept.live.problems == first


@pytest.mark.parametrize("missing", [True, False])
def test_an_empty_or_missing_file_is_not_read(kept: Kept, missing: bool) -> None:
    assert kept.write("port: 1\n")
    kept.path.unlink() if missing else kept.path.write_text("")
    assert not kept.live.reload(kept.path)
    assert (kept.live.current.port, kept.live.problems) == (1, ())


def test_hashing_the_management_key_is_no_second_change(kept: Kept) -> None:
    assert kept.write("remote-management:\n  secret-key: open sesame # mine\n")
    assert verify_key("open sesame", kept.live.current.remote_management.secret_key)
    assert "# mine" in kept.path.read_text()
    assert not kept.live.reload(kept.path)
    assert len(kept.told) == 1


def test_a_change_while_the_file_is_read_is_not_lost(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(path: Path) -> live_module.Loaded:
        loaded = load_file(path)
        kept.path.write_text("port: 3\n")
        return loaded

    with monkeypatch.context() as patch:
        patch.setattr(live_module, "load_file", slow)
        assert kept.write("port: 2\n")
    assert kept.live.current.port == 2
    assert kept.live.reload(kept.path)
    assert kept.live.current.port == 3


def test_warnings_are_kept_for_those_who_ask(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    assert kept.write("port: 1\nno-such: 1\n")
    assert [(warning.line, warning.key) for warning in kept.live.warnings] == [(2, "no-such")]
    assert "no-such" in caplog.text
    assert kept.write("port: 1\n")
    assert kept.live.warnings == ()


def test_what_the_log_says(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "cliproxy")
    kept.write("oauth-model-alias: {}\nproxy-url: http://user:secret@host:1\n")
    kept.write("oauth-model-alias: {}\nproxy-url: http://user:secret@host:1\nhost: ''\n")
    messages = [record.getMessage() for record in caplog.records]
    assert messages == [
        f"config file changed, reloading: {kept.path}",
        "config changes detected:\n  proxy-url: <none> -> http://host:1",
        "config successfully reloaded, triggering client reload",
        f"config file changed, reloading: {kept.path}",
        "no material config field changes detected",
        "config successfully reloaded, triggering client reload",
    ]
