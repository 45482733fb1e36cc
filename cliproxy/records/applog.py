"""The application log: one line format for our own, Flask's and gunicorn's messages (logging.md 4).

Destination is stdout; files, rotation and the size cap are a matter of the handler that is installed here.
"""

from __future__ import annotations

import logging
import sys
import time
from contextvars import ContextVar

NO_REQUEST = "--------"
_REQUEST_ID: ContextVar[str] = ContextVar("cliproxy_request_id", default=NO_REQUEST)
_LEVELS = {"DEBUG": "debug", "INFO": "info ", "WARNING": "warn ", "ERROR": "error", "CRITICAL": "fatal"}
_FIELDS = (
    "provider", "model", "mode", "budget", "level", "original_mode", "original_value", "min", "max", "clamped_to",
    "error",
)  # fmt: skip


def set_request_id(value: str) -> None:
    """Name the request that the current greenlet works for; log lines carry it."""
    _REQUEST_ID.set(value)


def current_request_id() -> str:
    """The id of the current request, eight hyphens outside of one."""
    return _REQUEST_ID.get()


class LineFormatter(logging.Formatter):
    """``[time] [request id] [level] [file:line] message key=value``; fields come from ``extra=``."""

    def format(self, record: logging.LogRecord) -> str:
        """One entry, maybe with continuation lines of a traceback."""
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        level = _LEVELS.get(record.levelname, record.levelname.lower())
        place = f"[{record.filename}:{record.lineno}] " if record.filename else ""
        text = record.getMessage().rstrip("\r\n")
        fields = "".join(f" {name}={record.__dict__[name]}" for name in _FIELDS if name in record.__dict__)
        line = f"[{moment}] [{_REQUEST_ID.get()}] [{level}] {place}{text}{fields}"
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return line


def install(debug: bool = False) -> None:
    """Send everything to stdout in our format. Calling it again changes nothing but the level."""
    root = logging.getLogger()
    if not any(isinstance(handler.formatter, LineFormatter) for handler in root.handlers):
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(LineFormatter())
        root.addHandler(handler)
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    logging.getLogger("watchdog").setLevel(logging.WARNING)
    _apply_level(debug)


def set_debug(debug: bool) -> None:
    """Switch between debug and info, saying so (config.md 22.4)."""
    logger = logging.getLogger("cliproxy")
    old = logging.getLevelName(logger.level or logging.INFO).lower()
    new = "debug" if debug else "info"
    if old != new:
        _apply_level(debug)
        logger.info("log level changed from %s to %s (debug=%s)", old, new, str(debug).lower())


def _apply_level(debug: bool) -> None:
    logging.getLogger("cliproxy").setLevel(logging.DEBUG if debug else logging.INFO)
    logging.getLogger().setLevel(logging.INFO)
