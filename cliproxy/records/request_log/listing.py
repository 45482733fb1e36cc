"""Which request logs there are, and what their first and last lines say (written by ``layout.py``).

Plain functions over a directory that block: call them off the hub.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cliproxy.records.log_reader import LogFileError
from cliproxy.records.moments import Moment

_NAME = re.compile(r"(error-)?.+-\d{4}-\d\d-\d\dT\d{6}-([0-9A-Za-z]+)\.log", re.ASCII | re.DOTALL)
_FIRST, _LINE = b"=== REQUEST INFO ===\n", re.compile(r"([A-Z][A-Za-z ]*): (.*)")
_STATUS = re.compile(rb"\n=== RESPONSE ===\nStatus: (\d{3})\n")
_RESPONSE = b"\n=== RESPONSE ===\n"
_MILLISECONDS = re.compile(r"(\d{1,9}(?:\.\d+)?)ms", re.ASCII)
_HEAD = 1 << 14
_TAILS = (1 << 14, 1 << 20)
"""Bytes at the end in which the answer's status is looked for: most answers are short, streams are not."""


@dataclass(frozen=True, slots=True)
class RequestLog:
    """One file. ``modified`` in Unix seconds; what the file does not say (or is too far from its ends) is None.

    ``error`` = written because the request failed, while logs of all requests were off. ``ttfb_ms`` is there for
    streams. ``duration_ms`` runs from the request's arrival to the moment when the file was written, which is done at
    the end of the answer.
    """

    id: str
    name: str
    size: int
    modified: int
    error: bool
    method: str | None = None
    url: str | None = None
    status: int | None = None
    ttfb_ms: float | None = None
    duration_ms: float | None = None


@dataclass(frozen=True, slots=True, order=True)
class _Found:
    modified: float
    name: str
    size: int


def request_logs(directory: Path, limit: int) -> list[RequestLog]:
    """The ``limit`` newest ones, newest first; none when the directory is missing.

    :raises LogFileError: the directory cannot be listed.
    """
    try:
        found = heapq.nlargest(limit, _files(directory))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LogFileError(f"failed to list request logs: {error.strerror or error}") from error
    return [_described(directory, file) for file in found]


def _files(directory: Path) -> Iterator[_Found]:
    with os.scandir(directory) as entries:
        for entry in entries:
            if not _NAME.fullmatch(entry.name):
                continue
            with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    yield _Found(status.st_mtime, entry.name, status.st_size)


def _described(directory: Path, found: _Found) -> RequestLog:
    match = _NAME.fullmatch(found.name)
    assert match is not None
    lines: Mapping[str, str] = {}
    status = None
    with contextlib.suppress(OSError), (directory / found.name).open("rb") as file:
        lines = _head(file)
        status = _status(file, found.size)
    return RequestLog(
        match[2], _plain(found.name), found.size, int(found.modified), match[1] is not None, lines.get("Method"),
        lines.get("URL"), status, _milliseconds(lines.get("TTFB", "")),
        _duration(lines.get("Timestamp", ""), found.modified),
    )  # fmt: skip


def _plain(name: str) -> str:
    """A name that is no UTF-8 can be shown all the same."""
    return name.encode("utf-8", "replace").decode()


def _head(file: BinaryIO) -> Mapping[str, str]:
    """The fields of the first section; none when it is not there."""
    data = file.read(_HEAD)
    if not data.startswith(_FIRST):
        return {}
    section = data[len(_FIRST) :].partition(b"\n\n")[0].decode("utf-8", "replace")
    return {match[1]: match[2] for line in section.split("\n") if (match := _LINE.fullmatch(line))}


def _status(file: BinaryIO, size: int) -> int | None:
    """The status that the client got: it stands at the beginning of the last section."""
    for tail in _TAILS:
        file.seek(max(0, size - tail))
        data = file.read(tail)
        begin = data.rfind(_RESPONSE)
        if begin >= 0:
            match = _STATUS.match(data, begin)
            return int(match[1]) if match else None
        if tail >= size:
            break
    return None


def _milliseconds(text: str) -> float | None:
    match = _MILLISECONDS.fullmatch(text)
    return float(match[1]) if match else None


def _duration(arrived: str, written: float) -> float | None:
    """Milliseconds between them; None when that makes no sense."""
    try:
        moment = Moment.parse(arrived)
    except ValueError:
        return None
    seconds = written - moment.second - moment.nanosecond / 1e9
    return round(seconds * 1000, 1) if seconds >= 0 else None
