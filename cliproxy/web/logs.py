"""Request logs of one application under its configuration (logging.md 12, 13)."""

from __future__ import annotations

import logging
from pathlib import Path

from flask import Flask

from cliproxy.config.settings import Settings
from cliproxy.records.request_log.embedded import EmbeddedLogger
from cliproxy.records.request_log.logger import FileRequestLogger, RequestLogger
from cliproxy.records.request_log.spool import LogDisk
from cliproxy.web.capture import Capture

log = logging.getLogger(__name__)


class RequestLogs:
    """The logger, and how it follows the configuration. Nothing at all in ``commercial-mode``, until a restart.

    ``own``: an embedder's logger, which gets everything instead and decides by itself what it wants; ``folder`` is then
    only where bodies wait that are too large for memory. A ``FileRequestLogger`` has a folder of its own.
    """

    def __init__(self, settings: Settings, folder: Path, own: RequestLogger | None = None) -> None:
        self._own = own is not None
        self._disk = own.disk if isinstance(own, FileRequestLogger) else LogDisk(folder)
        self._files = FileRequestLogger.with_options(
            self._disk.folder, settings.request_log, error_logs_max_files=settings.error_logs_max_files, disk=self._disk
        )
        self._logger: RequestLogger = self._files
        if own is not None:
            self._logger = own if isinstance(own, FileRequestLogger) else EmbeddedLogger(own, self._disk)

    def __repr__(self) -> str:
        return f"<RequestLogs {self._logger!r}>"

    def install(self, app: Flask, settings: Settings) -> None:
        """Put the middleware around an application."""
        if not settings.commercial_mode:
            app.wsgi_app = Capture(app.wsgi_app, self._logger, self._disk)  # type: ignore[method-assign]
            self._disk.tidy()

    def settings_changed(self, old: Settings, new: Settings, folder: Path) -> None:
        """Follow; requests that run keep what they began with."""
        if self._own:
            return
        self._disk.folder = folder
        self._files.set_enabled(new.request_log)
        self._files.set_error_logs_max_files(new.error_logs_max_files)
        if old.request_log != new.request_log:
            log.debug("request-log changed from %s to %s", _shown(old.request_log), _shown(new.request_log))
        if old.error_logs_max_files != new.error_logs_max_files:
            log.debug("error-logs-max-files changed from %d to %d", old.error_logs_max_files, new.error_logs_max_files)

    def stop(self) -> None:
        """Write what waits."""
        self._disk.stop()


def _shown(flag: bool) -> str:
    return "true" if flag else "false"
