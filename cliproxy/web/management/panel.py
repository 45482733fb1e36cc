"""The control panel: ``/management.html``, and below ``/management/`` what our page loads (management-api.md 20).

Everything is served as it lies on disk, without a key: the page asks for it and sends it along with its own calls.
"""

from __future__ import annotations

import hashlib
import logging
import mimetypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flask import Blueprint, Response, abort, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.security import safe_join

from cliproxy.blocking import off_hub
from cliproxy.config.settings import Settings

log = logging.getLogger(__name__)

PAGE = "management.html"
FOLDER = Path(__file__).parent.parent / "panel"
"""What ships with the package."""
POLICY = "; ".join([
    "default-src 'self'", "object-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
])  # fmt: skip
"""Content-Security-Policy of our page: nothing inline or foreign, no form sent without our script."""
_KINDS = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}  # fmt: skip
_PARTS = (".js", ".css", ".svg")
_GUARDS = {
    "Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _File:
    data: bytes
    modified: float


def panel_blueprint(settings: Callable[[], Settings], environ: Mapping[str, str]) -> Blueprint:
    """Both routes.

    :param settings: the current settings; ``disable-control-panel`` counts at once.
    :param environ: read once: ``MANAGEMENT_STATIC_PATH``, a directory with another ``management.html``, or its path.
    """
    panel = Panel(settings, environ.get("MANAGEMENT_STATIC_PATH", "").strip())
    blueprint = Blueprint("panel", __name__)
    blueprint.add_url_rule(f"/{PAGE}", view_func=panel.page, methods=["GET"])
    blueprint.add_url_rule("/management/<path:name>", view_func=panel.part, methods=["GET"])
    return blueprint


class Panel:
    """The views. ``replaced`` is a file or directory that takes the place of our page, empty for none."""

    def __init__(self, settings: Callable[[], Settings], replaced: str) -> None:
        self._settings = settings
        self._replaced = _page_in(Path(replaced)) if replaced else None

    def __repr__(self) -> str:
        return f"<Panel {self._replaced or FOLDER}>"

    def page(self) -> Response:
        """``GET /management.html``. Somebody else's page gets no policy of ours: it may need what ours does not."""
        if self._replaced is not None:
            return self._serve(self._replaced, {})
        return self._serve(FOLDER / PAGE, _GUARDS)

    def part(self, name: str) -> Response:
        """``GET /management/<name>``: a script, style sheet or image of our page; the common 404 for anything else."""
        path = safe_join(str(FOLDER), name) if name.endswith(_PARTS) else None
        return self._serve(Path(path) if path is not None else None, _GUARDS)

    def _serve(self, path: Path | None, headers: Mapping[str, str]) -> Response:
        """The file; ``path`` None is none of ours."""
        if self._settings().remote_management.disable_control_panel:
            return Response(status=404)
        if path is None:
            abort(404)
        try:
            file = off_hub(lambda: _read(path))
        except (FileNotFoundError, NotADirectoryError):
            abort(404)
        except OSError as error:
            log.error("control panel: cannot read %s: %s", path, error.strerror)
            return Response(status=500)
        return _answer(file, _KINDS.get(path.suffix) or mimetypes.guess_type(path.name)[0], headers)


def _page_in(path: Path) -> Path:
    return path if path.name == PAGE else path / PAGE


def _read(path: Path) -> _File:
    with path.open("rb") as file:
        return _File(file.read(), path.stat().st_mtime)


def _answer(file: _File, kind: str | None, headers: Mapping[str, str]) -> Response:
    """The file, a range of it, or 304; asked about anew each time, so that an update is seen at once."""
    response = Response(file.data, content_type=kind, headers=dict(headers))
    response.headers["Cache-Control"] = "no-cache"
    response.last_modified = datetime.fromtimestamp(file.modified, UTC)
    response.set_etag(hashlib.sha256(file.data).hexdigest()[:16])
    try:
        response.make_conditional(request.environ, accept_ranges=True, complete_length=len(file.data))
    except RequestedRangeNotSatisfiable as error:
        return Response(status=416, headers={"Content-Range": f"bytes */{error.length}"})
    return response
