"""The file that brings a callback to the login that waits for it (management-api.md 12.3)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cliproxy.oauth.flow import Callback
from cliproxy.oauth.handover import Handover, remove_stale


@pytest.fixture
def handover(tmp_path: Path) -> Handover:
    return Handover(str(tmp_path), "codex", "abc")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".oauth-codex-abc.oauth"


def test_there_and_back(handover: Handover, path: Path) -> None:
    assert handover.take() is None
    handover.put(Callback(" c ", " abc ", " e ", "never written"))
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text()) == {"code": "c", "state": "abc", "error": "e"}
    assert handover.take() == Callback("c", "abc", "e")
    assert list(path.parent.iterdir()) == []
    assert handover.take() is None


def test_half_a_file_is_left_alone(handover: Handover, path: Path) -> None:
    path.write_text('{"code":"c","sta')
    assert handover.take() is None
    assert path.exists()
    path.write_text('{"code":"c","state":"abc"}')
    assert handover.take() == Callback("c", "abc")


@pytest.mark.parametrize("text", ["[]", "7", '{"code": 1, "state": null}'])
def test_odd_content(handover: Handover, path: Path, text: str) -> None:
    path.write_text(text)
    assert handover.take() == Callback()
    assert not path.exists()


def test_half_a_character(handover: Handover) -> None:
    handover.put(Callback("a\ud800b", "abc"))
    assert handover.take() == Callback("a?b", "abc")


def test_discarding(handover: Handover, path: Path) -> None:
    assert not handover.discard()
    handover.put(Callback("c"))
    assert handover.discard()
    assert not path.exists()


def test_what_nobody_waits_for(handover: Handover, path: Path) -> None:
    old = path.with_name(".oauth-codex-old.oauth")
    for each in (path, old, path.with_name("login.json")):
        each.write_text("{}")
        if each != path:
            os.utime(each, (1, 1))
    remove_stale(str(path.parent), 600)
    assert sorted(each.name for each in path.parent.iterdir()) == [path.name, "login.json"]
    remove_stale(str(path.parent / "none"), 600)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none"):
        Handover(str(tmp_path / "none"), "codex", "abc").put(Callback("c"))
