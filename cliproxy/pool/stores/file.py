"""Auth files in a directory: atomic, 0600, untouched when nothing changed (config.md 17)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from cliproxy.config.files import atomic_write
from cliproxy.pool.auth_files import read_json_object
from cliproxy.providers.credential import Credential


class FileStore:
    """A ``TokenStore`` over one directory tree."""

    auth_dir = ""

    def __init__(self, base_dir: str) -> None:
        self._base = Path(base_dir)

    def __repr__(self) -> str:
        return f"<FileStore {self._base}>"

    def set_base_dir(self, path: str) -> None:
        """Use another directory from now on."""
        self._base = Path(path)

    def list(self) -> list[Credential]:
        """Every file with a JSON object, recursively; id and file name are the relative path."""
        if not self._base.is_dir():
            raise FileNotFoundError(f"auth directory {self._base} does not exist")
        return [found for path in self._paths() if (found := self._record(path)) is not None]

    def count(self) -> int:
        """The number of those files."""
        return len(self.list())

    def save(self, credential: Credential, text: bytes | None = None) -> str:
        """Write the record's metadata with its ``disabled`` flag, or ``text``."""
        path = self._path_of(credential)
        if text is None and credential.disabled and not path.exists():
            return ""  # a deleted file is not brought back
        if not credential.metadata:
            raise ValueError(f"credential {credential.id} has nothing to write")
        content = {**credential.metadata, "disabled": credential.disabled}
        if text is not None or read_json_object(path) != content:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            atomic_write(path, orjson.dumps(content, option=orjson.OPT_SORT_KEYS) if text is None else text)
        return str(path)

    def delete(self, credential_id: str) -> None:
        """Remove the file of a record; of a symbolic link the link, not what it leads to."""
        path = self._base / credential_id
        path = path.parent.resolve() / path.name if path.is_symlink() else path.resolve()
        self._checked(path, credential_id).unlink(missing_ok=True)

    def push(self, message: str, paths: Sequence[str]) -> None:
        """Nothing: the files are the store."""

    def _paths(self) -> Iterator[Path]:
        for folder, _, names in os.walk(self._base):
            for name in sorted(names):
                if name.lower().endswith(".json"):
                    yield Path(folder, name)

    def _record(self, path: Path) -> Credential | None:
        content = read_json_object(path)
        if content is None:
            return None
        name = path.relative_to(self._base).as_posix()
        texts = [value for key in ("label", "email", "project_id") if isinstance(value := content.get(key), str)]
        email = content.get("email")
        attributes = {"path": str(path)}
        if isinstance(email, str) and email:
            attributes["email"] = email
        kind = content.get("type")
        return Credential(
            id=name,
            provider=kind if isinstance(kind, str) and kind else "unknown",
            label=next((text for text in texts if text), ""),
            file_name=name,
            disabled=content.get("disabled") is True,
            attributes=attributes,
            metadata=content,
        )

    def _path_of(self, credential: Credential) -> Path:
        name = credential.attributes.get("path") or credential.file_name or credential.id
        if not name:
            raise ValueError("credential has no path, file name or id")
        return self._inside(name)

    def _inside(self, name: str) -> Path:
        """The path of a name under the base directory, links followed.

        :raises ValueError: it would be somewhere else.
        """
        return self._checked((self._base / name).resolve(), name)

    def _checked(self, path: Path, name: str) -> Path:
        if self._base.resolve() not in path.parents:
            raise ValueError(f"{name!r} is outside the auth directory")
        return path
