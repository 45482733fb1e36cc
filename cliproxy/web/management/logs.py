"""The application log, error logs and request logs (management-api.md 16)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flask import Response, request

from cliproxy.blocking import off_hub
from cliproxy.config.settings import Settings
from cliproxy.records.log_reader import clear_log, error_log_path, error_logs, read_log, request_log_path
from cliproxy.records.request_log.listing import request_logs
from cliproxy.web.management.answers import ManagementError
from cliproxy.web.management.api import Route
from cliproxy.web.management.downloads import download
from cliproxy.web.management.queries import number

_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_DEFAULT, _MOST = 100, 500
"""Request logs in one list."""


class LogRoutes:
    """Their routes. ``directory`` says where the log files are now; ``settings`` is asked for each request."""

    def __init__(self, settings: Callable[[], Settings], directory: Callable[[], Path]) -> None:
        self._settings, self._directory = settings, directory

    def routes(self) -> Iterator[Route]:
        """Those of section 16, and GET ``request-logs`` (ours)."""
        yield Route("logs", ("GET",), self._show)
        yield Route("logs", ("DELETE",), self._clear)
        yield Route("request-error-logs", ("GET",), self._list_errors)
        yield Route("request-error-logs/<name>", ("GET",), self._error_log)
        yield Route("request-log-by-id/<request_id>", ("GET",), self._request_log)
        yield Route("request-logs", ("GET",), self._list_requests)

    def _show(self) -> Any:
        self._needs_file()
        directory, after = self._directory(), _after()
        if not off_hub(directory.is_dir):
            return {"lines": [], "line-count": 0, "latest-timestamp": after}
        limit = _line_limit()
        page = off_hub(lambda: read_log(directory, after, limit))
        return {"lines": page.lines, "line-count": page.line_count, "latest-timestamp": page.latest}

    def _clear(self) -> Any:
        self._needs_file()
        directory = self._directory()
        removed = off_hub(lambda: clear_log(directory))
        return {"success": True, "message": "Logs cleared successfully", "removed": removed}

    def _needs_file(self) -> None:
        if not self._settings().logging_to_file:
            raise ManagementError("logging to file disabled")

    def _list_errors(self) -> Any:
        directory = self._directory()
        found = [] if self._settings().request_log else off_hub(lambda: error_logs(directory))
        return {"files": [{"name": file.name, "size": file.size, "modified": int(file.modified)} for file in found]}

    def _error_log(self, name: str) -> Response:
        directory = self._directory()
        return _sent(lambda: error_log_path(directory, name), "log file not found")

    def _request_log(self, request_id: str) -> Response:
        directory = self._directory()
        return _sent(
            lambda: request_log_path(directory, request_id), "log file not found for the given request ID"
        )  # fmt: skip

    def _list_requests(self) -> Any:
        """``{"files": [...]}``, newest first; as many as ``limit`` says (1 to 500, else 100)."""
        directory, limit = self._directory(), number("limit", _DEFAULT, 1, _MOST)
        return {"files": [asdict(file) for file in off_hub(lambda: request_logs(directory, limit))]}


def _sent(find: Callable[[], Path], missing: str) -> Response:
    try:
        return download(off_hub(find))
    except FileNotFoundError:  # deleted since it was found
        raise ManagementError(missing, 404) from None
    except OSError as error:
        raise ManagementError(f"failed to read log file: {error.strerror or error}", 500) from error


def _after() -> int:
    """Unix seconds; 0 for whatever is no positive number."""
    text = request.args.get("after", "").strip()
    return max(0, int(text)) if _INTEGER.fullmatch(text) else 0


def _line_limit() -> int:
    """0 = all."""
    text = request.args.get("limit", "").strip()
    if not text:
        return 0
    if not _INTEGER.fullmatch(text):
        raise ManagementError("invalid limit: must be a positive integer")
    if (limit := int(text)) <= 0:
        raise ManagementError("invalid limit: must be greater than zero")
    return limit
