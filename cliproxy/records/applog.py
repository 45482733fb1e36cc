"""The application log: one line format for our own, Flask's and gunicorn's messages (logging.md 4).

``install`` puts one handler on the root logger, ``configure`` says where it writes: standard output or ``main.log``.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from contextvars import ContextVar
from pathlib import Path

from cliproxy.blocking import off_hub
from cliproxy.records.log_writer import LogWriter
from cliproxy.records.rotating import RotatingFile

NO_REQUEST = "--------"
_REQUEST_ID: ContextVar[str] = ContextVar("cliproxy_request_id", default=NO_REQUEST)
_LEVELS = {"DEBUG": "debug", "INFO": "info ", "WARNING": "warn ", "ERROR": "error", "CRITICAL": "fatal"}
_FIELDS = (
    "provider", "model", "mode", "budget", "level", "original_mode", "original_value", "min", "max", "clamped_to",
    "error",
)  # fmt: skip
_NOBODY = "(unknown file)"
"""What ``logging`` calls the file of a caller that it cannot find."""


def set_request_id(value: str) -> None:
    """Name the request that the current greenlet works for; log lines carry it."""
    _REQUEST_ID.set(value)


def current_request_id() -> str:
    """The id of the current request, eight hyphens outside of one."""
    return _REQUEST_ID.get()


class LineFormatter(logging.Formatter):
    """``[time] [request id] [level] [file:line] message key=value``; fields come from ``extra=`` (logging.md 4.1)."""

    _second, _moment = -1, ""

    def format(self, record: logging.LogRecord) -> str:
        """One entry without its line end, maybe with continuation lines of a traceback."""
        second = int(record.created)
        if second != self._second:  # most entries share their second with the one before
            self._second, self._moment = second, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        level = _LEVELS.get(record.levelname) or record.levelname.lower().ljust(5)
        known = record.filename and record.pathname != _NOBODY
        place = f"[{record.filename}:{record.lineno}] " if known else ""
        text = record.getMessage().rstrip("\r\n")
        values = record.__dict__
        fields = "".join([f" {name}={values[name]}" for name in _FIELDS if name in values])
        line = f"[{self._moment}] [{_REQUEST_ID.get()}] [{level}] {place}{text}{fields}"
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        if record.stack_info:
            line = f"{line}\n{self.formatStack(record.stack_info)}"
        return line


class Output(logging.Handler):
    """The one handler of the process. ``writer`` None = standard output, whatever that is at the moment."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(LineFormatter())
        self.writer: LogWriter | None = None

    def __repr__(self) -> str:
        return f"<Output to {self.writer.file.path if self.writer is not None else 'stdout'}>"

    def emit(self, record: logging.LogRecord) -> None:
        """Write one entry; never raises."""
        try:
            line = f"{self.format(record)}\n"
            if self.writer is not None:
                self.writer.write(_encoded(line))
            else:
                _print(line)
        except Exception:  # noqa: BLE001 - a log that fails must not stop what it tells of
            self.handleError(record)

    def flush(self) -> None:
        """Wait until everything so far is written, at most 5 s."""
        if self.writer is not None:
            self.writer.drain()

    def close(self) -> None:
        """The end of the process (``logging`` calls this too): from now on entries are written at once."""
        if self.writer is not None:
            self.writer.settle()
        super().close()


def install(debug: bool = False) -> None:
    """Send everything through one handler in our format, at first to stdout. Again: changes nothing but the level."""
    root = logging.getLogger()
    if _output() is None:
        root.addHandler(Output())
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    logging.getLogger("watchdog").setLevel(logging.WARNING)
    _apply_level(debug)


def configure(directory: Path | None, *, own_thread: bool = True) -> None:
    """Write to ``<directory>/main.log`` from now on; None = to stdout. What waits for the old place is written there.

    :param own_thread: False = without a thread, for processes that serve no requests (gunicorn's master).
    :raises OSError: the directory or the file cannot be made; everything stays as it was.
    """
    install_once()
    output = _output()
    assert output is not None
    old = output.writer
    if directory is None:
        output.writer = None
    elif old is None or old.file.directory != directory or old.own_thread != own_thread:
        file = RotatingFile(directory)
        if own_thread:
            off_hub(file.open)
        else:  # gunicorn's master: it must have no threads when it forks
            file.open()
        output.writer = LogWriter(file, warn=_print_warning, lost=_lost_entry, own_thread=own_thread)
    if old is not None and old is not output.writer:
        old.close()


def install_once() -> None:
    """``install``, unless it was done: the level stays."""
    if _output() is None:
        install()


def log_file() -> Path | None:
    """The file that entries go to, None while that is stdout."""
    output = _output()
    return output.writer.file.path if output is not None and output.writer is not None else None


def close() -> None:
    """The process ends: write what waits, at most 5 s long. What comes later is still written, at once."""
    output = _output()
    if output is not None and output.writer is not None:
        output.writer.settle()


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


def _output() -> Output | None:
    return next((handler for handler in logging.getLogger().handlers if isinstance(handler, Output)), None)


def _encoded(line: str) -> bytes:
    return line.encode("utf-8", "backslashreplace")


def _print(line: str) -> None:
    stream = sys.stdout
    try:
        stream.write(line)
    except UnicodeEncodeError:
        stream.write(line.encode(stream.encoding or "ascii", "backslashreplace").decode(stream.encoding or "ascii"))
    stream.flush()


def _entry(level: str, text: str) -> str:
    """A line in our format that no ``logging`` call made."""
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime())
    return f"[{moment}] [{NO_REQUEST}] [{level}] {text}\n"


def _print_warning(text: str) -> None:
    """To stderr, without ``logging``: it is about the log itself. May run in a hurry; a closed stderr is no reason."""
    stream = sys.stderr
    if stream is not None:
        stream.write(_entry("warn ", text))
        stream.flush()


def _lost_entry(number: int) -> bytes:
    return _encoded(
        _entry("warn ", f"{number} log entries were lost: the log file could not be written (pid {os.getpid()})")
    )
