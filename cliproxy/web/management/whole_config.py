"""The configuration as a whole: as JSON, as the file's own text, and what is wrong with it (management-api.md 5)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from flask import Response

from cliproxy.blocking import off_hub
from cliproxy.config.editing import ConfigEditor, SaveError
from cliproxy.config.load import load_text
from cliproxy.errors import ConfigError, RequestError
from cliproxy.records.moments import Moment
from cliproxy.web.management.answers import ManagementError
from cliproxy.web.management.api import Route
from cliproxy.web.management.bodies import raw_body
from cliproxy.web.management.config_json import config_json, json_answer

log = logging.getLogger(__name__)


class WholeConfigRoutes:
    """``config``, ``config.yaml`` and ``config-status``."""

    def __init__(self, editor: ConfigEditor) -> None:
        self._editor = editor

    def routes(self) -> Iterator[Route]:
        """Three paths."""
        yield Route("config", ("GET",), lambda: json_answer(config_json(self._editor.live.current)))
        yield Route("config.yaml", ("GET",), self._file)
        yield Route("config.yaml", ("PUT",), self._upload)
        yield Route("config-status", ("GET",), self._status)

    def _file(self) -> Response:
        path = self._editor.path
        if path is None:
            raise _no_file()
        try:
            data = off_hub(path.read_bytes)
        except FileNotFoundError:
            raise _no_file() from None
        except OSError as error:
            raise ManagementError("read_failed", 500, message=error.strerror or str(error)) from error
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return Response(data, content_type="application/yaml; charset=utf-8", headers=headers)

    def _upload(self) -> Any:
        if self._editor.path is None:
            raise _no_file()
        text = _text()
        try:
            loaded = off_hub(lambda: load_text(text))
        except ConfigError as error:
            raise ManagementError("invalid_yaml", message=error.text) from error
        if loaded.empty:  # it would end every service, and is never meant (5.3)
            raise ManagementError("invalid_yaml", message="the body is empty")
        try:
            self._editor.replace(text)
        except ConfigError as error:  # well-formed, but not to be used: keys of the example, an endless management key
            raise ManagementError("invalid_config", 422, message=error.text) from error
        except SaveError as error:
            log.error("management: failed to write config: %s", error.text)
            raise ManagementError("write_failed", 500, message="failed to write config") from error
        return {"ok": True, "changed": ["config"]}

    def _status(self) -> Any:
        live = self._editor.live
        return {
            "path": None if self._editor.path is None else str(self._editor.path),
            "loaded-at": Moment.of(live.loaded_at).text,
            "errors": [
                {"line": problem.line or None, "key": problem.key, "message": problem.message}
                for problem in live.problems
            ],
        }


def _text() -> str:
    """The uploaded text."""
    try:
        data = raw_body()
    except RequestError as error:
        if error.status == 400:
            raise ManagementError("invalid_yaml", message="cannot read request body") from error
        raise
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ManagementError("invalid_yaml", message=f"line {line}: not UTF-8 text") from error


def _no_file() -> ManagementError:
    return ManagementError("not_found", 404, message="config file not found")
