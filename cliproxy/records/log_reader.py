"""Reading what was written: the application log with its rotated files, error logs, request logs (logging.md 14).

For the management API and the command line (management-api.md 16). Plain functions over a directory that block: call
them off the hub. Errors carry the status and the text of the management API.
"""

from __future__ import annotations

import gzip
import os
import re
import stat
import time
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from cliproxy.errors import CliproxyError, RequestError
from cliproxy.records.rotating import MAIN_LOG

MAX_LINE = 8 << 20
_BLOCK = 1 << 16
_STAMPED = re.compile(r"main-(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d)(\.[^/]+)?\.log(\.gz)?", re.ASCII)
_NUMBERED = re.compile(r"main\.log\.(\d+)", re.ASCII)


class LogFileError(CliproxyError):
    """A log file or the directory cannot be read or changed (500); ``text`` names it and says why."""

    code = "log_file"


@dataclass(frozen=True, slots=True)
class LogPage:
    """``lines`` that were asked for, how many lines all files have, and the largest time among those read (Unix)."""

    lines: list[str]
    line_count: int
    latest: int


@dataclass(frozen=True, slots=True)
class LogFile:
    """An error log: its size in bytes, its modification time in Unix seconds."""

    name: str
    size: int
    modified: float


def read_log(directory: Path, after: int = 0, limit: int = 0, end: int | None = None) -> LogPage:
    """Lines of the application log, oldest first (management-api.md 16.1). A missing directory has none.

    :param after: only lines later than this Unix second, and the lines without a time that follow such a line; 0 = all.
    :param limit: only the last so many of them; 0 = all.
    :param end: of ``main.log`` read only so many bytes.
    :raises LogFileError: a file cannot be read, or has a line of more than 8 MiB.
    """
    files = log_files(directory)
    if limit > 0 and after <= 0:
        return _read_from_end(files, limit, end)
    return _read_forward(files, max(0, after), limit, end)


def log_files(directory: Path) -> list[Path]:
    """``main.log`` and the files that it rotated into, oldest first.

    :raises LogFileError: the directory cannot be listed.
    """
    stamped, numbered = [], []
    for name in _names(directory, "failed to list log files"):
        if match := _STAMPED.fullmatch(name):
            stamped.append((match[1], match[2] or "", name))
        elif match := _NUMBERED.fullmatch(name):
            numbered.append((-int(match[1]), name))
    names = [name for *_, name in sorted(stamped)] + [name for _, name in sorted(numbered)]
    current = directory / MAIN_LOG
    return [*(directory / name for name in names), *([current] if current.is_file() else [])]


def clear_log(directory: Path) -> int:
    """Empty ``main.log`` and delete the rotated files; how many those were (management-api.md 16.2).

    :raises RequestError: there is no such directory (404).
    :raises LogFileError: something could not be done.
    """
    if not directory.is_dir():
        raise RequestError("log directory not found", status=404)
    removed = 0
    for path in log_files(directory):
        try:
            if path.name == MAIN_LOG:
                os.truncate(path, 0)
            else:
                path.unlink()
                removed += 1
        except FileNotFoundError:
            continue
        except OSError as error:
            done = "truncate log file" if path.name == MAIN_LOG else f"remove {path.name}"
            raise LogFileError(f"failed to {done}: {error.strerror or error}") from error
    return removed


def error_logs(directory: Path) -> list[LogFile]:
    """The ``error-*.log`` files, newest first; none when the directory is missing (management-api.md 16.3).

    :raises LogFileError: the directory or a file cannot be looked at.
    """
    found = []
    for name in _names(directory, "failed to list request error logs"):
        if not _is_error_log(name):
            continue
        try:
            status = os.lstat(directory / name)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise LogFileError(f"failed to read log info for {name}: {error.strerror or error}") from error
        if stat.S_ISREG(status.st_mode):
            found.append(LogFile(name, status.st_size, status.st_mtime))
    return sorted(found, key=lambda file: (-file.modified, file.name))


def error_log_path(directory: Path, name: str) -> Path:
    """The file of an error log (management-api.md 16.4).

    :raises RequestError: the name is none (400), or there is no such file (404).
    """
    if not name.strip() or "/" in name or "\\" in name:
        raise RequestError("invalid log file name")
    path = directory / name
    if not _is_error_log(name) or not os.path.lexists(path):
        raise RequestError("log file not found", status=404)
    return _inside(directory, path)


def request_log_path(directory: Path, request_id: str) -> Path:
    """The log of one request, by the id that log lines show: the first file named ``*-<id>.log`` (16.5).

    :raises RequestError: the id is none (400), or there is no such file (404).
    """
    wanted = request_id.strip()
    if not wanted:
        raise RequestError("missing request ID")
    if "/" in wanted or "\\" in wanted:
        raise RequestError("invalid request ID")
    if not directory.is_dir():
        raise RequestError("log directory not found", status=404)
    for name in _names(directory, "failed to list log directory"):
        if name.endswith(f"-{wanted}.log") and os.path.isfile(directory / name):
            return _inside(directory, directory / name)
    raise RequestError("log file not found for the given request ID", status=404)


def _is_error_log(name: str) -> bool:
    return name.startswith("error-") and name.endswith(".log")


def _inside(directory: Path, path: Path) -> Path:
    real = os.path.realpath(path)
    if os.path.dirname(real) != os.path.realpath(directory):
        raise RequestError("invalid log file path")
    if not os.path.isfile(real):
        raise RequestError("invalid log file")
    return Path(real)


def _names(directory: Path, doing: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LogFileError(f"{doing}: {error.strerror or error}") from error


class Times:
    """The time at the beginning of a line, as Unix seconds; lines of one second are parsed once."""

    def __init__(self) -> None:
        self._text, self._value = b"", 0

    def of(self, line: bytes) -> int:
        """0 when the line has none."""
        text = line[1:20] if line.startswith(b"[") else line[:19]
        if text != self._text:
            self._text, self._value = text, _unix(text)
        return self._value


def _unix(text: bytes) -> int:
    if len(text) != 19 or text[4:5] != b"-" or text[10:11] != b" ":
        return 0
    try:
        return int(time.mktime(time.strptime(text.decode("ascii"), "%Y-%m-%d %H:%M:%S")))
    except (ValueError, OverflowError):
        return 0


def _read_forward(files: Iterable[Path], after: int, limit: int, end: int | None) -> LogPage:
    kept: deque[str] = deque(maxlen=limit or None)
    times, count, latest, wanted = Times(), 0, after, after == 0
    for path in files:
        for line in _lines(path, end):
            count += 1
            moment = times.of(line)
            latest = max(latest, moment)
            if moment and after:
                wanted = moment > after
            if wanted:
                kept.append(_text(line))
    return LogPage(list(kept), count, latest)


def _read_from_end(files: list[Path], limit: int, end: int | None) -> LogPage:
    """The last lines without looking at the others, which are only counted."""
    kept: deque[str] = deque()
    times, count, latest = Times(), 0, 0
    for path in reversed(files):
        if len(kept) < limit or not latest:
            lines = reversed(list(_lines(path, end))) if path.suffix == ".gz" else _lines_backwards(path, end)
            for line in lines:
                latest = max(latest, times.of(line))
                if len(kept) < limit:
                    kept.appendleft(_text(line))
                elif latest:
                    break
        count += _count(path, end)
    return LogPage(list(kept), count, latest)


def _text(line: bytes) -> str:
    return line.rstrip(b"\r").decode("utf-8", "replace")


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _limit_of(path: Path, end: int | None) -> int:
    return end if end is not None and path.name == MAIN_LOG else -1


def _blocks(path: Path, end: int | None) -> Iterator[bytes]:
    """The file's content. Files that vanish and archives that are broken end early.

    :raises LogFileError: it cannot be read.
    """
    left = _limit_of(path, end)
    try:
        with _open(path) as file:
            while block := file.read(_BLOCK if left < 0 else min(left, _BLOCK)):
                yield block
                left -= len(block) if left > 0 else 0
    except FileNotFoundError:  # rotated or deleted meanwhile
        return
    except (OSError, EOFError, zlib.error) as error:
        if path.suffix != ".gz" or isinstance(error, PermissionError):
            raise _unreadable(path, error) from error


def _lines(path: Path, end: int | None) -> Iterator[bytes]:
    """Lines without their ends."""
    rest: list[bytes] = []
    size = 0
    for block in _blocks(path, end):
        first, *others = block.split(b"\n")
        rest.append(first)
        size += len(first)
        if size > MAX_LINE:
            raise _too_long(path)
        if others:
            yield b"".join(rest)
            yield from others[:-1]
            rest, size = [others[-1]], len(others[-1])
    if last := b"".join(rest):
        yield last


def _lines_backwards(path: Path, end: int | None) -> Iterator[bytes]:
    """Lines without their ends, the last one first."""
    try:
        with path.open("rb") as file:
            limit, position = _limit_of(path, end), file.seek(0, os.SEEK_END)
            position = position if limit < 0 else min(position, limit)
            pieces: list[bytes] = []  # of a line whose beginning was not reached, the last piece first
            size, ended = 0, True
            while position:
                length = min(_BLOCK, position)
                position -= length
                file.seek(position)
                block = file.read(length)
                if ended and block.endswith(b"\n"):
                    block = block[:-1]
                ended = False
                first, *others = block.split(b"\n")
                if others:
                    *middle, last = others
                    yield b"".join([last, *reversed(pieces)])
                    yield from reversed(middle)
                    pieces, size = [], 0
                pieces.append(first)
                size += len(first)
                if size > MAX_LINE:
                    raise _too_long(path)
            if pieces:
                yield b"".join(reversed(pieces))
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unreadable(path, error) from error


def _count(path: Path, end: int | None) -> int:
    count, last = 0, b"\n"
    for block in _blocks(path, end):
        count += block.count(b"\n")
        last = block[-1:]
    return count + (last != b"\n")


def _too_long(path: Path) -> LogFileError:
    return LogFileError(f"failed to read log file {path}: a line is longer than {MAX_LINE >> 20} MiB")


def _unreadable(path: Path, error: Exception) -> LogFileError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return LogFileError(f"failed to read log file {path}: {reason}")
