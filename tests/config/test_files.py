"""Files with secrets are written whole or not at all (config.md 7, design D10)."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from cliproxy.config.files import atomic_write, resolve_auth_dir


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text("old, and longer than the new")
    return file


def test_a_new_file_takes_the_place_of_the_old(path: Path) -> None:
    inode = path.stat().st_ino
    path.chmod(0o644)
    atomic_write(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_ino != inode
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("code", [errno.EBUSY, errno.EXDEV])
def test_a_mounted_file_is_written_in_place(path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(code, "it is a mount point")

    inode = path.stat().st_ino
    monkeypatch.setattr(os, "replace", refuse)
    atomic_write(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_ino == inode
    assert os.listdir(path.parent) == ["config.yaml"]


def test_other_errors_leave_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError):
        atomic_write(path, b"new")
    assert path.read_text().startswith("old")
    assert os.listdir(path.parent) == ["config.yaml"]


def test_a_link_stays_one(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.yaml"
    link.symlink_to(path.name)
    atomic_write(link, b"new")
    assert link.is_symlink()
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ""), ("~", "/home/me"), ("~/a", "/home/me/a"), ("~\\a\\b", "/home/me/a/b"), ("~a", "/home/me/a"),
        ("/x/../y/", "/y"), ("./auths", "auths"), ("$HOME/a", "$HOME/a"),
    ],
)  # fmt: skip
def test_the_auth_directory(monkeypatch: pytest.MonkeyPatch, value: str, expected: str) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert resolve_auth_dir(value) == expected
