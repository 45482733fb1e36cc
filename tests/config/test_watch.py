"""Noticing changes of files, and putting a changed configuration into force (config.md 12, 13, 23.6 to 23.8)."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from upstream.waiting import eventually

from cliproxy.config import watch as watch_module
from cliproxy.config.live import LiveSettings
from cliproxy.config.load import Loaded, load_file
from cliproxy.config.save import save_settings
from cliproxy.config.settings import Settings
from cliproxy.config.watch import CONFIG_DEBOUNCE, AuthFileEvent, ConfigWatcher

QUIET = threading.Event()


class Watched:
    """A folder with a configuration and an auth directory, watched."""

    def __init__(self, folder: Path, poll: float) -> None:
        self.config = folder / "config.yaml"
        self.config.write_text("port: 1\n")
        self.auths = folder / "auths"
        self.auths.mkdir()
        self.live = LiveSettings(load_file(self.config).settings)
        self.applied: list[Settings] = []
        self.live.subscribe(lambda old, new: self.applied.append(new))
        self.looks = 0
        self.events: list[tuple[str, str]] = []
        self.watcher = ConfigWatcher(self.config, str(self.auths), self._config_changed, self._auth_changed, poll)

    def _config_changed(self) -> None:
        self.looks += 1
        self.live.reload(self.config)

    def _auth_changed(self, event: AuthFileEvent) -> None:
        self.events.append((event.kind, os.path.basename(event.path)))

    def replace(self, text: str) -> None:
        """As editors do."""
        new = self.config.with_suffix(".tmp")
        new.write_text(text)
        new.replace(self.config)

    def port_becomes(self, port: int) -> None:
        eventually(lambda: self.live.current.port == port, f"port {port} is in force", seconds=10)

    def settle(self) -> None:
        """Wait until a change made now has been seen, and with it all earlier ones."""
        marker = self.auths / f"marker-{time.monotonic_ns()}.json"
        marker.write_text('{"type":"x"}')
        eventually(lambda: ("add", marker.name) in self.events, "the marker is seen", seconds=10)
        self.events.remove(("add", marker.name))


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Watched]]:
    made: list[Watched] = []

    def start(poll: float = 600.0) -> Watched:
        watched = Watched(tmp_path, poll)
        made.append(watched)
        watched.watcher.start()
        return watched

    yield start
    for watched in made:
        watched.watcher.stop()


@pytest.fixture
def watched(make: Callable[..., Watched]) -> Watched:
    return make()


@pytest.mark.case("config:6")
def test_two_events_close_together_are_one_reload(watched: Watched) -> None:
    for port in range(2, 40, 2):
        watched.looks = 0
        watched.applied.clear()
        begin = time.monotonic()
        watched.config.write_text(f"port: {port}\n")
        QUIET.wait(0.05)
        watched.config.write_text(f"port: {port + 1}\n")
        apart = time.monotonic() - begin
        watched.port_becomes(port + 1)
        QUIET.wait(CONFIG_DEBOUNCE * 2)  # nothing more comes
        if apart < CONFIG_DEBOUNCE * 0.8:  # else the machine was too busy for two events this close
            break
    assert [settings.port for settings in watched.applied] == [port + 1]
    assert watched.looks == 1


@pytest.mark.case("config:6")
def test_unchanged_content_is_no_reload(watched: Watched) -> None:
    watched.config.write_text("port: 2\n")
    watched.port_becomes(2)
    watched.config.write_text("port: 2\n")
    eventually(lambda: watched.looks == 2, "the second write was looked at", seconds=10)
    os.utime(watched.config)
    QUIET.wait(CONFIG_DEBOUNCE * 2)
    assert len(watched.applied) == 1


@pytest.mark.case("config:6")
def test_a_broken_file_changes_nothing_and_says_where(watched: Watched) -> None:
    watched.replace("port: 2\ndebug: maybe\n")
    eventually(lambda: watched.live.problems, "the problem is known", seconds=10)
    assert [(problem.line, problem.key) for problem in watched.live.problems] == [(2, "debug")]
    assert watched.live.current.port == 1
    watched.replace("port: [2\n")
    eventually(lambda: watched.live.problems[0].key != "debug", "the new problem is known", seconds=10)
    assert watched.live.problems[0].line > 0
    watched.replace("port: 4\n")
    watched.port_becomes(4)
    assert watched.live.problems == ()


@pytest.mark.case("config:7")
def test_replaced_as_editors_do_twice_in_a_row(watched: Watched) -> None:
    for port in (2, 3, 4):
        watched.replace(f"port: {port}\n")
        watched.port_becomes(port)


@pytest.mark.case("config:7")
def test_written_in_place(watched: Watched) -> None:
    """What a bind-mounted file sees: same inode, no rename. A truncated moment is no configuration."""
    inode = watched.config.stat().st_ino
    for port in (2, 3):
        with watched.config.open("r+") as file:
            file.truncate()
            file.flush()
            QUIET.wait(CONFIG_DEBOUNCE * 1.5)
            file.write(f"port: {port}\n")
        watched.port_becomes(port)
    assert watched.config.stat().st_ino == inode
    assert [settings.port for settings in watched.applied] == [2, 3]


@pytest.mark.case("config:7")
def test_the_file_itself_is_watched(make: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch) -> None:
    """A bind-mounted single file gives no events on its folder: only the file's own watch is left here."""
    watched = make()
    watched.watcher._unwatch(str(watched.config.parent))
    watched.config.write_text("port: 2\n")
    watched.port_becomes(2)


def test_the_poll_finds_what_events_miss(make: Callable[..., Watched]) -> None:
    watched = make(0.1)
    for path in (watched.config, watched.config.parent, watched.auths):
        watched.watcher._unwatch(str(path))
    watched.config.write_text("port: 22\n")
    watched.port_becomes(22)
    (watched.auths / "a.json").write_text('{"type":"x"}')
    eventually(lambda: watched.events == [("add", "a.json")], "the poll saw the auth file", seconds=10)


def test_a_swapped_mount_link(tmp_path: Path, make: Callable[..., Watched]) -> None:
    """Mounted secrets: config.yaml links into ``..data``, which is swapped."""
    watched = make()
    for name, port in (("..one", 5), ("..two", 6)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text(f"port: {port}\n")
    (tmp_path / "..data").symlink_to("..one")
    watched.config.unlink()
    watched.config.symlink_to("..data/config.yaml")
    watched.port_becomes(5)
    (tmp_path / "..new").symlink_to("..two")
    (tmp_path / "..new").replace(tmp_path / "..data")
    watched.port_becomes(6)


@pytest.mark.case("config:8")
def test_auth_files(watched: Watched) -> None:
    file = watched.auths / "a.json"

    def seen(*events: tuple[str, str]) -> None:
        watched.settle()
        assert watched.events == list(events)
        watched.events.clear()

    file.write_text('{"type":"claude"}')
    seen(("add", "a.json"))
    file.write_text('{"type":"claude","v":2}')
    seen(("modify", "a.json"))
    new = watched.auths / "a.tmp"
    new.write_text('{"type":"claude","v":3}')
    new.replace(file)
    seen(("modify", "a.json"))
    file.write_text('{"type":"claude","v":3}')
    seen()
    file.unlink()
    seen(("delete", "a.json"))


def test_auth_files_of_other_kinds_are_ignored(watched: Watched) -> None:
    for name in ("x.oauth", "x.cookie", "x.tmp", "x.txt"):
        (watched.auths / name).write_text("{}")
    (watched.auths / "empty.json").touch()
    (watched.auths / "UPPER.JSON").write_text("{}")
    watched.settle()
    assert watched.events == [("add", "UPPER.JSON")]


def test_deleted_made_deleted_again(watched: Watched) -> None:
    """The final state counts, whatever happened in between."""
    file = watched.auths / "a.json"
    file.write_text("{}")
    watched.settle()
    file.unlink()
    file.write_text("{}")
    file.unlink()
    watched.settle()
    assert watched.events == [("add", "a.json"), ("delete", "a.json")]


def test_another_auth_directory(watched: Watched, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "known.json").write_text("{}")
    old, watched.auths = watched.auths, other
    watched.watcher.set_auth_dir(str(other))
    (old / "ignored.json").write_text("{}")
    watched.settle()
    assert watched.events == []


def test_a_subscriber_that_fails_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    live = LiveSettings(Settings())
    seen: list[int] = []

    def fail(old: Settings, new: Settings) -> None:
        raise RuntimeError("no")

    live.subscribe(fail)
    leave = live.subscribe(lambda old, new: seen.append(new.port))
    live.apply(Loaded(Settings(port=5)))
    leave()
    live.apply(Loaded(Settings(port=6)))
    assert seen == [5]
    assert "did not take over" in caplog.text


def test_sample_keys_are_refused_on_reload_too(watched: Watched) -> None:
    watched.replace("port: 2\napi-keys: [your-api-key-2]\n")
    eventually(lambda: watched.live.problems, "the problem is known", seconds=10)
    assert watched.live.current.port == 1
    assert watched.live.problems[0].line == 2


def test_stopping_leaves_no_thread(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    watched = Watched(tmp_path, 600)
    watched.watcher.start()
    watched.watcher.stop()
    watched.watcher.stop()
    eventually(lambda: not [t for t in set(threading.enumerate()) - before if t.is_alive()], "no thread is left")


def test_a_change_right_after_another_auth_directory_is_set(
    watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading the folder and watching it nothing gets lost."""
    other = tmp_path / "other"
    other.mkdir()
    list_files = watch_module._json_files

    def slow(folder: str) -> list[str]:
        names = list_files(folder)
        if not (other / "new.json").exists():
            (other / "new.json").write_text("{}")
        return names

    monkeypatch.setattr(watch_module, "_json_files", slow)
    watched.watcher.set_auth_dir(str(other))
    eventually(lambda: watched.events == [("add", "new.json")], "the new file is seen")


def test_a_config_that_is_gone_for_a_while(watched: Watched) -> None:
    watched.config.unlink()
    watched.settle()
    assert watched.live.current.port == 1
    watched.config.write_text("port: 2\n")
    watched.port_becomes(2)


def test_a_handler_that_fails_does_not_end_the_watching(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(path: Path) -> bool:
        watched.looks += 1
        raise RuntimeError("no")

    with monkeypatch.context() as patch:
        patch.setattr(watched.live, "reload", fail)
        watched.replace("port: 2\n")
        eventually(lambda: watched.looks, "the handler has failed")
    watched.replace("port: 3\n")
    watched.port_becomes(3)
    assert "handling a change" in caplog.text


def test_a_half_written_auth_file_is_read_again(watched: Watched) -> None:
    """What is broken at first sight gets a second look before anybody hears of it."""
    file = watched.auths / "a.json"
    seen: list[str] = []
    watched.watcher._on_auth_change = lambda event: seen.append(Path(event.path).read_text())
    file.write_text('{"type":')
    file.write_text('{"type":"claude"}')
    eventually(lambda: seen, "the file is seen")
    assert seen == ['{"type":"claude"}']


def test_saving_through_the_program_is_one_reload(watched: Watched) -> None:
    watched.config.write_text("oauth-model-alias: {}\nport: 2 # mine\n")
    watched.port_becomes(2)
    save_settings(watched.config, replace(watched.live.current, port=3))
    watched.port_becomes(3)
    watched.settle()
    assert [settings.port for settings in watched.applied] == [2, 3]
