"""An upper bound for the log directory: the oldest log files go (logging.md 6)."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from cliproxy.blocking import off_hub

log = logging.getLogger(__name__)

_COUNTED = (".log", ".log.gz")


@dataclass(frozen=True, slots=True)
class Trimmed:
    """What ``trim`` did: files deleted, and (name, reason) of those that could not be."""

    deleted: int = 0
    failures: tuple[tuple[str, str], ...] = ()


def trim(directory: Path, limit_bytes: int, protected: Collection[str] = ()) -> Trimmed:
    """Delete log files, oldest first, until those left have at most ``limit_bytes`` together. Never logs.

    Counted are regular files directly in ``directory`` named ``*.log`` or ``*.log.gz`` in any case. Those whose names
    are ``protected`` count too but stay. A missing directory is empty.

    :raises OSError: the directory cannot be listed.
    """
    found = _log_files(directory)
    total = sum(size for _, size, _ in found)
    deleted, failures = 0, []
    for _, size, name in sorted(found):
        if total <= limit_bytes:
            break
        if name in protected:
            continue
        try:
            (directory / name).unlink()
        except FileNotFoundError:
            total -= size  # somebody else was quicker
        except OSError as error:
            failures.append((name, error.strerror or str(error)))
        else:
            total -= size
            deleted += 1
    return Trimmed(deleted, tuple(failures))


def _log_files(directory: Path) -> list[tuple[int, int, str]]:
    """(modification time in ns, size, name) of what counts."""
    found = []
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.name.lower().endswith(_COUNTED) and entry.is_file(follow_symlinks=False):
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    found.append((status.st_mtime_ns, status.st_size, entry.name))
    except FileNotFoundError:
        return []
    return found


class SizeCap:
    """Keeps a cap that may change while the server runs. ``run`` is a job for every 60 s; without a cap it is idle."""

    EVERY = 60.0
    """Seconds."""

    def __init__(self) -> None:
        self._directory, self._limit, self._protected = Path(), 0, tuple[str, ...]()

    def __repr__(self) -> str:
        return f"<SizeCap {self._limit} bytes in {self._directory}>" if self._limit > 0 else "<SizeCap off>"

    def set(self, directory: Path, limit_bytes: int, protected: tuple[str, ...] = ()) -> None:
        """The cap from the next ``run`` on; 0 or less = none."""
        self._directory, self._limit, self._protected = directory, limit_bytes, protected

    def run(self) -> int:
        """Keep the cap now, off the hub; how many files were deleted. Never raises ``OSError``: it warns."""
        directory, limit, protected = self._directory, self._limit, self._protected
        if limit <= 0:
            return 0
        try:
            result = off_hub(lambda: trim(directory, limit, protected))
        except OSError as error:
            log.warning("failed to enforce the size limit of the logs in %s: %s", directory, error)
            return 0
        for name, reason in result.failures:
            log.warning("failed to remove old log file %s: %s", name, reason)
        if result.deleted:
            log.debug("removed %d old log file(s) to enforce the total size limit", result.deleted)
        return result.deleted
