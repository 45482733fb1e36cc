"""Notices changes of the config file and of auth files (config.md 12).

Events only mark a path as "look again soon"; after the debounce the file's real state decides. So bursts, editors
that write a new file and rename it over the old one, and our own writes all come down to one content comparison.
A slow poll finds what events miss (some bind mounts). One thread, or greenlet, calls everything in order.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

log = logging.getLogger(__name__)

CONFIG_DEBOUNCE = 0.15
SETTLE = 0.05
POLL = 5.0
"""Seconds (config.md 12.2)."""

_READ_ONLY_EVENTS = ("opened", "closed_no_write")
_Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class AuthFileEvent:
    """One real change of an auth file."""

    kind: Literal["add", "modify", "delete"]
    path: str


class ConfigWatcher:
    """Calls ``on_config()`` when the config file may have changed and ``on_auth_change(event)`` for auth files.

    Start it after a fork. ``stop`` leaves no thread behind.
    """

    def __init__(
        self,
        config_path: str | os.PathLike[str],
        auth_dir: str,
        on_config: Callable[[], None],
        on_auth_change: Callable[[AuthFileEvent], None],
        poll: float = POLL,
    ) -> None:
        self._config = os.path.abspath(config_path)
        self._auth_dir = auth_dir
        self._on_config, self._on_auth_change = on_config, on_auth_change
        self._poll = poll
        self._due: dict[str, float] = {}
        self._reread: set[str] = set()
        self._hashes: dict[str, str] = {}
        self._stamps: dict[str, _Stamp] = {}
        self._inode = 0
        self._wake = threading.Condition()
        self._stopping = False
        self._observer: BaseObserver | None = None
        self._watches: dict[str, Any] = {}
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"<ConfigWatcher {self._config} and {self._auth_dir}, {len(self._hashes)} auth files>"

    def start(self) -> None:
        """Begin to watch. What is there now is taken as known.

        :raises OSError: the config's folder or the auth directory cannot be watched.
        """
        self._observer = Observer()
        self._watch(os.path.dirname(self._config))
        self._watch_config_file()
        self._watch_auth_dir()
        self._observer.start()
        self._learn_auth_dir()
        log.debug("watching config file: %s", self._config)
        log.debug("watching auth directory: %s", self._auth_dir)
        self._stamps = self._look_around()
        self._thread = threading.Thread(target=self._run, name="config-watcher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop and wait for the threads. Safe to call twice."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._observer is not None:
            self._observer.stop()
            self._observer.join(5)
            self._observer = None
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(5)
        self._thread = None

    def set_auth_dir(self, path: str) -> None:
        """Watch another auth directory; its files are taken as known, the caller reads them."""
        if path == self._auth_dir:
            return
        old, self._auth_dir = self._auth_dir, path
        if old not in ("", os.path.dirname(self._config)):
            self._unwatch(old)
        self._watch_auth_dir()
        self._learn_auth_dir()
        self._stamps = self._look_around()

    def note(self, path: str) -> None:
        """Look at a path again soon; called for every event."""
        if os.path.abspath(path) == self._config or self._is_mount_swap(path):
            self._schedule(self._config, CONFIG_DEBOUNCE)
        elif path.lower().endswith(".json") and os.path.dirname(os.path.abspath(path)) == self._auth_dir:
            self._schedule(os.path.abspath(path), SETTLE)

    def _is_mount_swap(self, path: str) -> bool:
        """Mounted secrets change by swapping a ``..data`` link beside the file."""
        folder, name = os.path.split(path)
        return name.startswith("..") and folder == os.path.dirname(self._config)

    def _schedule(self, path: str, delay: float) -> None:
        with self._wake:
            self._due[path] = time.monotonic() + delay
            self._wake.notify_all()

    def _run(self) -> None:
        next_poll = time.monotonic() + self._poll
        while not self._stopping:
            now = time.monotonic()
            if now >= next_poll:
                self._compare()
                next_poll = now + self._poll
            with self._wake:
                ready = [path for path, due in self._due.items() if due <= now]
                for path in ready:
                    del self._due[path]
                if not ready and not self._stopping:
                    self._wake.wait(max(0.001, min([next_poll, *self._due.values()]) - now))
            for path in ready:
                self._handle(path)

    def _handle(self, path: str) -> None:
        try:
            if path == self._config:
                self._watch_config_file()
                self._on_config()
            else:
                self._examine(path)
        except Exception:
            log.exception("handling a change of %s failed", path)

    def _examine(self, path: str) -> None:
        """Find out what really happened to an auth file."""
        try:
            data = Path(path).read_bytes()
        except FileNotFoundError:
            self._reread.discard(path)
            if self._hashes.pop(path, None) is not None:
                self._tell("delete", "REMOVE", path)
            return
        except OSError as error:
            log.warning("cannot read auth file %s: %s", path, error)
            return
        digest = hashlib.sha256(data).hexdigest()
        if not data or self._hashes.get(path) == digest:
            log.debug("auth file unchanged or empty, ignored: %s", os.path.basename(path))
            return
        if not _is_json(data) and path not in self._reread:
            self._reread.add(path)  # maybe caught half-written: once more after the settle delay
            self._schedule(path, SETTLE)
            return
        self._reread.discard(path)
        known = path in self._hashes
        self._hashes[path] = digest
        self._tell("modify" if known else "add", "WRITE" if known else "CREATE", path)

    def _tell(self, kind: Literal["add", "modify", "delete"], operation: str, path: str) -> None:
        log.info("auth file changed (%s): %s, processing incrementally", operation, os.path.basename(path))
        self._on_auth_change(AuthFileEvent(kind, path))

    def _compare(self) -> None:
        """The poll: whatever has another time, size or inode than last time is looked at."""
        stamps = self._look_around()
        for path in {*stamps, *self._stamps}:
            if stamps.get(path) != self._stamps.get(path):
                self.note(path)
        self._stamps = stamps

    def _look_around(self) -> dict[str, _Stamp]:
        paths = [self._config, *_json_files(self._auth_dir)]
        return {path: stamp for path in paths if (stamp := _stamp(path)) is not None}

    def _watch_auth_dir(self) -> None:
        if self._auth_dir:
            self._watch(self._auth_dir)

    def _learn_auth_dir(self) -> None:
        """Take the files as known. Watch first, or a change right after would be seen by nobody."""
        self._hashes = {}
        for path in _json_files(self._auth_dir):
            with contextlib.suppress(OSError):
                if data := Path(path).read_bytes():
                    self._hashes[path] = hashlib.sha256(data).hexdigest()

    def _watch(self, path: str) -> None:
        if self._observer is not None and path not in self._watches:
            self._watches[path] = self._observer.schedule(_Handler(self.note), path)

    def _unwatch(self, path: str) -> None:
        watch = self._watches.pop(path, None)
        if watch is not None and self._observer is not None:
            with contextlib.suppress(KeyError, OSError):
                self._observer.unschedule(watch)

    def _watch_config_file(self) -> None:
        """Watch the file itself too: a bind-mounted single file gives no events on its folder."""
        stamp = _stamp(self._config)
        if stamp is None or stamp[2] == self._inode:
            return
        self._inode = stamp[2]
        self._unwatch(self._config)
        with contextlib.suppress(OSError):
            self._watch(self._config)


class _Handler(FileSystemEventHandler):
    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in _READ_ONLY_EVENTS or event.is_directory:
            return
        for path in (event.src_path, event.dest_path):
            if path:
                self._note(os.fsdecode(path))


def _json_files(folder: str) -> list[str]:
    try:
        names = sorted(os.listdir(folder)) if folder else []
    except OSError:
        return []
    return [os.path.join(folder, name) for name in names if name.lower().endswith(".json")]


def _stamp(path: str) -> _Stamp | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True
