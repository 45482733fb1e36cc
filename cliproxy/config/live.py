"""The configuration that is in force, and how it is replaced while the server runs (config.md 13)."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from cliproxy.blocking import off_hub
from cliproxy.config.diff import diff_lines
from cliproxy.config.load import Loaded, load_file, refuse_sample_keys
from cliproxy.config.settings import Settings
from cliproxy.errors import ConfigError, Problem

log = logging.getLogger(__name__)

Subscriber = Callable[[Settings, Settings], None]


class LiveSettings:
    """Holds the current settings; ``reload`` replaces them when the file has really changed.

    Readers take ``current`` once per request and keep it; it is in force since ``loaded_at`` (Unix). ``problems`` are
    those of the last reload that failed, empty when the file in force is the one on disk.
    """

    def __init__(self, settings: Settings, digest: str = "") -> None:
        """``digest``: that of the file they come from, as ``file_digest`` gives it."""
        self.current = settings
        self.loaded_at = time.time()
        self.problems: tuple[Problem, ...] = ()
        self.warnings: tuple[Problem, ...] = ()
        self._digest = digest
        self._subscribers: list[Subscriber] = []
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<LiveSettings {len(self._subscribers)} subscribers, {len(self.problems)} problems>"

    def __call__(self) -> Settings:
        """The current settings."""
        return self.current

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call ``subscriber(old, new)`` after each change, in order of subscription; returns the way out."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def reload(self, path: str | os.PathLike[str]) -> bool:
        """Read the file again; True when new settings are in force. A broken file changes nothing but ``problems``."""
        with self._lock:
            digest = file_digest(path)
            if digest is None:
                return False
            if digest == self._digest:
                self.problems = ()  # a broken file may have been put right
                log.debug("config file content unchanged (hash match), skipping reload")
                return False
            log.info("config file changed, reloading: %s", path)
            try:
                loaded = off_hub(lambda: load_file(path))
                refuse_sample_keys(loaded)
            except ConfigError as error:
                self.problems = error.problems
                log.error("failed to reload config: %s", error)
                return False
            # Not read again without need: somebody may have written the file since, which must not pass for loaded.
            self._digest = (file_digest(path) or "") if loaded.rewritten else digest
            self.apply(loaded)
            return True

    def put(self, write: Callable[[], tuple[bytes, Loaded]]) -> None:
        """Put into force what ``write`` has just written as the file: its bytes, which no watcher need read again."""
        with self._lock:
            data, loaded = write()
            self._digest = hashlib.sha256(data).hexdigest()
            self.apply(loaded)

    def apply(self, loaded: Loaded) -> None:
        """Put settings into force and tell the subscribers; one that fails does not stop the others."""
        old, new = self.current, loaded.settings
        self.problems, self.warnings = (), loaded.warnings
        for warning in loaded.warnings:
            log.warning("config: %s", warning)
        lines = diff_lines(old, new)
        changes = "\n  ".join(["config changes detected:", *lines])
        log.debug(changes if lines else "no material config field changes detected")
        self.current, self.loaded_at = new, time.time()
        log.info("config successfully reloaded, triggering client reload")
        for subscriber in tuple(self._subscribers):
            try:
                subscriber(old, new)
            except Exception:
                log.exception("a part did not take over the new configuration")


def file_digest(path: str | os.PathLike[str]) -> str | None:
    """SHA-256 of the file; None when it is empty (an in-place writer truncates first) or cannot be read."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        log.error("failed to reload config: %s", error)
        return None
    return hashlib.sha256(data).hexdigest() if data else None
