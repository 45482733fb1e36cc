"""``latest-version`` and ``model-definitions`` (management-api.md 19)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from cliproxy.config.settings import TimeLimits
from cliproxy.errors import UpstreamError
from cliproxy.providers.free_call import Answered, call
from cliproxy.providers.http import HttpClient, Outgoing
from cliproxy.routing.tables import TABLES, full_form
from cliproxy.web.management.answers import ManagementError
from cliproxy.web.management.api import Route

LATEST = "https://api.github.com/repos/router-for-me/CLIProxyAPI/releases/latest"
_HEADERS = {"Accept": "application/vnd.github+json", "User-Agent": "CLIProxyAPI"}
_SECONDS = 10.0
_QUOTED = 1024
_CHANNELS = frozenset({"claude", "gemini", "vertex", "gemini-cli", "aistudio", "codex", "qwen", "iflow", "antigravity"})


class VersionRoutes:
    """Their routes. ``latest``: where the newest release is described; ``seconds`` limits that call."""

    def __init__(self, http: HttpClient, latest: str = LATEST, seconds: float = _SECONDS) -> None:
        self._http, self._latest, self._seconds = http, latest, seconds

    def routes(self) -> Iterator[Route]:
        """GET of each."""
        yield Route("latest-version", ("GET",), self._latest_version)
        yield Route("model-definitions/<channel>", ("GET",), definitions)

    def _latest_version(self) -> Any:
        request = Outgoing(self._latest, _HEADERS, None, TimeLimits(), method="GET")
        try:
            answered = call(self._http, request, self._seconds)
        except UpstreamError as error:
            raise _failed("request_failed", error.text) from error
        return {"latest-version": _version(answered)}


def definitions(channel: str) -> Any:
    """The built-in models of a channel, whatever credentials there are."""
    name = channel.strip().lower()
    if not name:
        raise ManagementError("channel is required")
    if name not in _CHANNELS:
        raise ManagementError("unknown channel", channel=channel)
    models = TABLES[name]
    if name == "antigravity":
        models = tuple(sorted(models, key=lambda model: model.id.lower()))
    return {"channel": name, "models": [full_form(model) for model in models]}


def _version(answered: Answered) -> str:
    if answered.status != 200:
        text = answered.body[:_QUOTED].decode("utf-8", "replace").strip()
        raise _failed("unexpected_status", f"status {answered.status}: {text}")
    try:
        content = orjson.loads(answered.body)
    except orjson.JSONDecodeError as error:
        raise _failed("decode_failed", str(error)) from None
    if not isinstance(content, dict):
        raise _failed("decode_failed", "the answer is not a JSON object")
    names = (content.get("tag_name"), content.get("name"))
    version = next((name.strip() for name in names if isinstance(name, str) and name.strip()), "")
    if not version:
        raise _failed("invalid_response", "missing release version")
    return version


def _failed(error: str, message: str) -> ManagementError:
    return ManagementError(error, 502, message=message)
