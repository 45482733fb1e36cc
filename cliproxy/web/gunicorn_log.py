"""gunicorn's own messages in our log: the same format, the same place (logging.md 4.2)."""

from __future__ import annotations

import logging
from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from cliproxy.records.applog import install_once


class GunicornLog(Logger):  # type: ignore[misc]
    """For gunicorn's ``logger_class``. Of its options ``loglevel`` counts; ``errorlog`` and the like have no effect."""

    def setup(self, cfg: Any) -> None:
        """Have messages pass on to the root logger. Called again when gunicorn reads its configuration again."""
        install_once()
        self.cfg = cfg
        self.loglevel = self.LOG_LEVELS.get(cfg.loglevel.lower(), logging.INFO)
        self.error_log.setLevel(self.loglevel)
        self.error_log.propagate = True

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        """Nothing: our middleware writes the line."""

    def reopen_files(self) -> None:
        """Nothing: our writer notices by itself when its file was renamed."""
