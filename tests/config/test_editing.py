"""Changing the configuration from inside the program: file and memory together, or neither (management-api.md 3)."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from upstream.waiting import eventually

from cliproxy.config import editing
from cliproxy.config.editing import ConfigEditor, SaveError
from cliproxy.config.live import LiveSettings
from cliproxy.config.load import load_file
from cliproxy.config.management_key import verify_key
from cliproxy.config.settings import CompatProvider, KeyEntry, Settings
from cliproxy.config.watch import ConfigWatcher
from cliproxy.errors import ConfigError

WRITTEN = """\
# of mine
port: 8080  # where it listens
unknown: kept
oauth-model-alias: {}
"""


class Edited:
    """A file, the settings in force, the editor, and the ports that a subscriber was told of."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_text(WRITTEN)
        self.live = LiveSettings(load_file(path).settings)
        self.told: list[tuple[int, int]] = []
        self.live.reload(path)
        self.live.subscribe(lambda old, new: self.told.append((old.port, new.port)))
        self.editor = ConfigEditor(self.live, path)

    @contextmanager
    def unchanged(self, error: type[Exception], match: str) -> Iterator[None]:
        """What happens inside fails, and changes neither file nor memory, and leaves nothing in the folder."""
        before = self._state()
        with pytest.raises(error, match=match):
            yield
        assert self._state() == before
        assert self.told == []

    def _state(self) -> Any:
        names = sorted(file.name for file in self.path.parent.iterdir())
        return self.live.current, self.path.read_bytes() if self.path.exists() else None, names

    @property
    def on_disk(self) -> Settings:
        return load_file(self.path).settings


@pytest.fixture
def edited(tmp_path: Path) -> Edited:
    return Edited(tmp_path / "config.yaml")


def to_port(port: int) -> Callable[[Settings], Settings]:
    return lambda settings: replace(settings, port=port)


def test_a_change_is_in_force_and_in_the_file(edited: Edited) -> None:
    assert edited.editor.change(to_port(9000)).port == 9000
    assert edited.live.current.port == 9000
    assert edited.told == [(8080, 9000)]
    assert edited.path.read_text() == WRITTEN.replace("8080", "9000")


def test_what_is_left_out_never_reaches_the_file(edited: Edited) -> None:
    """Entries that normalising drops; the result is what is in force."""
    keys = (KeyEntry(" k "), KeyEntry("k"), KeyEntry(" "))
    settings = edited.editor.change(
        lambda old: replace(old, gemini_api_key=keys, openai_compatibility=(CompatProvider("x"),))
    )
    assert settings == edited.live.current == edited.on_disk
    assert [entry.api_key for entry in settings.gemini_api_key] == ["k"]
    assert edited.path.read_text().count("api-key: ") == 1
    assert "openai" not in edited.path.read_text()


def test_an_edit_that_refuses(edited: Edited) -> None:
    def refuse(_: Settings) -> Settings:
        raise LookupError("no such entry")

    with edited.unchanged(LookupError, "no such"):
        edited.editor.change(refuse)
    edited.editor.change(to_port(2))
    assert edited.live.current.port == 2


def test_what_a_person_has_just_written_is_taken_over_first(edited: Edited) -> None:
    """Before any watcher has seen it; the comment too."""
    edited.path.write_text(WRITTEN + "debug: true  # by hand\nrequest-retry: 2\n")
    edited.editor.change(lambda old: replace(old, request_retry=old.request_retry + 1))
    assert (edited.live.current.debug, edited.live.current.request_retry) == (True, 3)
    assert edited.path.read_text() == WRITTEN + "debug: true  # by hand\nrequest-retry: 3\n"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("port: many\n", "the file was edited and has problems, .*line 1: port: must be a whole number"),
        ("port: [\n", "line 2: not valid YAML"),
        ("- a\n", "must be a mapping"),
        ("api-keys: [your-api-key-1]\n", "line 1: .*known to everybody"),
        ("\xff", "cannot read"),
        ("", "is empty"),
    ],
)
def test_a_file_that_has_problems_is_left_to_its_editor(edited: Edited, text: str, match: str) -> None:
    edited.path.write_bytes(text.encode("latin-1"))
    with edited.unchanged(SaveError, match):
        edited.editor.change(to_port(2))


def test_a_file_that_can_be_read_but_not_merged(edited: Edited) -> None:
    """Of several documents the first counts; which of them should be written is not for us to say."""
    edited.path.write_text(two := "port: 1\n---\nport: 2\n")
    assert edited.live.reload(edited.path)
    with pytest.raises(SaveError, match=r"the file cannot be changed: .*document"):
        edited.editor.change(to_port(3))
    assert (edited.live.current.port, edited.path.read_text()) == (1, two)


def test_a_broken_file_that_was_put_right(edited: Edited) -> None:
    edited.path.write_text("port: many\n")
    with pytest.raises(SaveError):
        edited.editor.change(to_port(2))
    assert [problem.line for problem in edited.live.problems] == [1]
    edited.path.write_text(WRITTEN)
    edited.editor.change(to_port(2))
    assert (edited.live.current.port, edited.live.problems) == (2, ())


def test_a_missing_file(edited: Edited) -> None:
    """It is not made anew: somebody may be replacing it, and its comments would be lost."""
    edited.path.unlink()
    with edited.unchanged(SaveError, r"config\.yaml does not exist"):
        edited.editor.change(to_port(2))


@pytest.mark.parametrize("way", ["tempfile.mkstemp", "os.fsync", "os.replace"])
@pytest.mark.parametrize(
    "act", [lambda editor: editor.change(to_port(2)), lambda editor: editor.replace("port: 2\n")], ids=["change", "new"]
)
def test_a_file_that_cannot_be_written(
    edited: Edited, monkeypatch: pytest.MonkeyPatch, way: str, act: Callable[[ConfigEditor], Settings]
) -> None:
    """A read-only folder, a full disk, a lost share."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(way, refuse)
        with edited.unchanged(SaveError, "^Read-only file system$"):
            act(edited.editor)
    assert act(edited.editor).port == 2


def test_a_file_that_cannot_be_read(edited: Edited, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refuse)
        patch.setattr(Path, "read_text", refuse)
        with pytest.raises(SaveError, match=r"^Permission denied$"):
            edited.editor.change(to_port(2))
    assert (edited.live.current.port, edited.path.read_text()) == (8080, WRITTEN)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"api_keys": ("mine", "your-api-key-2")}, r"api-keys\[1\]: 'your-api-key-2' is a key of the example"),
        ({"request_retry": 1 << 63}, "request-retry: must be a whole number of 64 bits"),
        ({"proxy_url": "\ud800"}, "proxy-url: holds a surrogate"),
        ({"oauth_excluded_models": {"\udfff": ("a",)}}, "oauth-excluded-models: holds a surrogate"),
        ({"remote_management": replace(Settings().remote_management, secret_key="x" * 73)}, "at most 72"),
    ],
)
@pytest.mark.parametrize("has_file", [True, False])
def test_values_that_no_file_can_hold(edited: Edited, values: dict[str, Any], match: str, has_file: bool) -> None:
    editor = edited.editor if has_file else ConfigEditor(edited.live, None)
    with edited.unchanged(ConfigError, match):
        editor.change(lambda old: replace(old, **values))


def test_a_plaintext_key_is_hashed(edited: Edited) -> None:
    management = replace(edited.live.current.remote_management, secret_key="open sesame")
    edited.editor.change(lambda old: replace(old, remote_management=management))
    assert verify_key("open sesame", edited.live.current.remote_management.secret_key)
    assert "open sesame" not in edited.path.read_text()
    assert edited.on_disk == edited.live.current


def test_an_upload(edited: Edited) -> None:
    """Its own text, but for comments at the margin and the hash."""
    text = "# new\nremote-management:\n  # mine\n  secret-key: 'open sesame'  # keep\nport: 0x10\n"
    settings = edited.editor.replace(text)
    hashed = settings.remote_management.secret_key
    assert verify_key("open sesame", hashed)
    assert edited.path.read_text() == text.replace("  # mine", "# mine").replace("'open sesame'", f'"{hashed}"')
    assert edited.live.current == settings == edited.on_disk
    assert edited.told == [(8080, 16)]
    assert not edited.live.reload(edited.path)


def test_an_upload_takes_the_place_of_a_broken_or_missing_file(edited: Edited) -> None:
    edited.path.write_text("port: [\n")
    edited.live.reload(edited.path)
    assert edited.live.problems
    edited.editor.replace("port: 2\n")
    assert (edited.live.current.port, edited.live.problems) == (2, ())
    edited.path.unlink()
    edited.editor.replace("port: 3\n")
    assert edited.path.read_text() == "port: 3\n"


def test_an_upload_with_problems_names_all_of_them(edited: Edited) -> None:
    text = f"api-keys:\n  - your-api-key-1\nremote-management:\n  secret-key: {'x' * 73}\n"
    with edited.unchanged(
        ConfigError, r"^line 2: api-keys\[0\]: .*; line 4: remote-management.secret-key: .* 73 bytes"
    ):
        edited.editor.replace(text)


def test_without_a_file() -> None:
    live = LiveSettings(Settings(port=1))
    editor = ConfigEditor(live, None)
    given = (KeyEntry(" k ", prefix="/p/"), KeyEntry(""))
    assert editor.change(lambda old: replace(old, gemini_api_key=given, debug=True)) is live.current
    assert live.current == Settings(port=1, debug=True, gemini_api_key=(KeyEntry("k", prefix="p"),))
    with pytest.raises(SaveError, match="without a configuration file"):
        editor.replace("port: 2\n")


def test_no_change_is_lost_among_many_at_once(edited: Edited) -> None:
    """Each reads what the one before has written; one of them is a person with another editor."""

    def add(name: str) -> None:
        edited.editor.change(lambda old: replace(old, api_keys=(*old.api_keys, name)))

    threads = [threading.Thread(target=add, args=(f"k{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(edited.live.current.api_keys) == [f"k{number}" for number in range(8)]
    assert edited.on_disk == edited.live.current
    assert len(edited.told) == 8


def test_one_change_waits_for_the_other(edited: Edited) -> None:
    """Also while the first is still thinking."""
    inside, go_on = threading.Event(), threading.Event()

    def slow(settings: Settings) -> Settings:
        inside.set()
        assert go_on.wait(10)
        return replace(settings, request_retry=1)

    first = threading.Thread(target=edited.editor.change, args=(slow,))
    second = threading.Thread(target=edited.editor.change, args=(lambda old: replace(old, port=old.request_retry),))
    first.start()
    assert inside.wait(10)
    second.start()
    go_on.set()
    first.join()
    second.join()
    assert (edited.live.current.request_retry, edited.live.current.port) == (1, 1)


def test_the_watcher_does_not_read_again_what_we_wrote(edited: Edited) -> None:
    looked: list[bool] = []
    watcher = ConfigWatcher(
        edited.path, "", on_config=lambda: looked.append(edited.live.reload(edited.path)), on_auth_change=print
    )
    watcher.start()
    try:
        edited.editor.change(to_port(2))
        eventually(lambda: looked, "the watcher has seen the change")
        edited.editor.replace("port: 3\n")
        seen = len(looked)
        eventually(lambda: len(looked) > seen, "the watcher has seen the upload")
        assert not any(looked)
        edited.path.write_text("port: 4\n")
        eventually(lambda: any(looked), "the watcher has seen a person's change")
    finally:
        watcher.stop()
    assert edited.told == [(8080, 2), (2, 3), (3, 4)]


def test_what_an_editor_is() -> None:
    assert repr(editing.ConfigEditor(LiveSettings(Settings()), Path("/etc/x.yaml"))) == "<ConfigEditor /etc/x.yaml>"
