"""Files as downloads: dates, ranges and conditional requests, read beside the hub (management-api.md 16.4)."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, BinaryIO, cast
from urllib.parse import quote

from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wsgi import FileWrapper

from cliproxy.blocking import off_hub

TEXT = "text/plain; charset=utf-8"
_BLOCK = 1 << 18
"""Bytes that are read, and sent, at once."""


def download(path: Path, content_type: str = TEXT) -> Response:
    """The answer to the current request: a file under its own name, or the part of it that is asked for.

    A request for several ranges at once gets the whole file.

    :raises OSError: it cannot be opened.
    """
    file, status = off_hub(lambda: _opened(path))
    response = Response(
        FileWrapper(cast("IO[bytes]", _BesideHub(file)), _BLOCK), content_type=content_type, direct_passthrough=True
    )
    response.content_length = status.st_size
    response.last_modified = datetime.fromtimestamp(int(status.st_mtime), UTC)
    response.headers["Content-Disposition"] = disposition(path.name)
    several = "," in request.headers.get("Range", "")
    try:
        response.make_conditional(request, accept_ranges=not several, complete_length=status.st_size)
    except RequestedRangeNotSatisfiable:
        file.close()
        return Response(status=416, headers={"Content-Range": f"bytes */{status.st_size}"})
    return response


def disposition(name: str) -> str:
    """The ``Content-Disposition`` that saves a file under ``name``."""
    safe = "".join(char if " " <= char <= "~" else "_" for char in name).replace("\\", "\\\\").replace('"', '\\"')
    header = f'attachment; filename="{safe}"'
    if name.isascii():
        return header
    return f"{header}; filename*=UTF-8''{quote(name.encode('utf-8', 'surrogateescape'), safe='')}"


def _opened(path: Path) -> tuple[BinaryIO, os.stat_result]:
    file = path.open("rb")
    return file, os.fstat(file.fileno())


class _BesideHub:
    """A file whose reading lets other greenlets go on."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.close = file.seek, file.tell, file.close

    def __repr__(self) -> str:
        return f"<_BesideHub {self._file!r}>"

    def read(self, size: int) -> bytes:
        """As a file's."""
        return off_hub(lambda: self._file.read(size))
