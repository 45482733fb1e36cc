"""Settings of one value: ``GET`` ``{"<name>": v}``, ``PUT`` and ``PATCH`` ``{"value": v}`` (management-api.md 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from cliproxy.config.editing import ConfigEditor
from cliproxy.config.settings import Settings
from cliproxy.web.management.answers import OK, ManagementError
from cliproxy.web.management.api import Route
from cliproxy.web.management.bodies import json_object, required

_ERROR_LOGS = 10


def _same(value: Any) -> Any:
    return value


def _strategy(value: str) -> str:
    found = _STRATEGIES.get(value.strip().lower())
    if found is None:
        raise ManagementError("invalid strategy")
    return found


_STRATEGIES = {
    "": "round-robin", "round-robin": "round-robin", "roundrobin": "round-robin", "rr": "round-robin",
    "fill-first": "fill-first", "fillfirst": "fill-first", "ff": "fill-first",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scalar:
    """One setting: its path, type, and the way from what is sent to what is stored and from that to what is shown.

    ``section`` is the settings object that holds it, empty for the settings themselves.
    """

    path: str
    kind: type
    stored: Callable[[Any], Any] = _same
    shown: Callable[[Any], Any] = _same
    section: str = ""
    deletable: bool = False

    @property
    def name(self) -> str:
        """The field in the answer."""
        return self.path.rpartition("/")[2]

    def get(self, settings: Settings) -> Any:
        """The value as it is shown."""
        holder = getattr(settings, self.section) if self.section else settings
        return self.shown(getattr(holder, self._attribute))

    def put(self, settings: Settings, value: Any) -> Settings:
        """Settings with another value."""
        change = {self._attribute: value}
        if not self.section:
            return replace(settings, **change)
        return replace(settings, **{self.section: replace(getattr(settings, self.section), **change)})

    @property
    def _attribute(self) -> str:
        return self.name.replace("-", "_")


SCALARS = (
    Scalar("debug", bool),
    Scalar("logging-to-file", bool),
    Scalar("logs-max-total-size-mb", int, stored=lambda value: max(0, value)),
    Scalar("error-logs-max-files", int, stored=lambda value: _ERROR_LOGS if value < 0 else value),
    Scalar("usage-statistics-enabled", bool),
    Scalar("request-log", bool),
    Scalar("ws-auth", bool),
    Scalar("request-retry", int),
    Scalar("max-retry-interval", int),
    Scalar("force-model-prefix", bool),
    Scalar("quota-exceeded/switch-project", bool, section="quota_exceeded"),
    Scalar("quota-exceeded/switch-preview-model", bool, section="quota_exceeded"),
    Scalar("proxy-url", str, deletable=True),
    Scalar(
        "routing/strategy", str, stored=_strategy, section="routing",
        shown=lambda value: _STRATEGIES.get(value.strip().lower(), value.strip()),
    ),
    Scalar("ampcode/upstream-url", str, stored=str.strip, section="ampcode", deletable=True),
    Scalar("ampcode/upstream-api-key", str, stored=str.strip, section="ampcode", deletable=True),
    Scalar("ampcode/restrict-management-to-localhost", bool, section="ampcode"),
    Scalar("ampcode/force-model-mappings", bool, section="ampcode"),
)  # fmt: skip
"""Also those of section 10, which follow the same rules."""


class ScalarRoutes:
    """Their routes."""

    def __init__(self, editor: ConfigEditor) -> None:
        self._editor = editor

    def routes(self) -> Iterator[Route]:
        """GET, PUT and PATCH of each, DELETE of some."""
        for scalar in SCALARS:
            yield Route(scalar.path, ("GET",), partial(self._show, scalar))
            yield Route(scalar.path, ("PUT", "PATCH"), partial(self._set, scalar))
            if scalar.deletable:
                yield Route(scalar.path, ("DELETE",), partial(self._clear, scalar))

    def _show(self, scalar: Scalar) -> Any:
        return {scalar.name: scalar.get(self._editor.live.current)}

    def _set(self, scalar: Scalar) -> Any:
        value = scalar.stored(required(json_object(), "value", scalar.kind))
        self._editor.change(lambda settings: scalar.put(settings, value))
        return OK

    def _clear(self, scalar: Scalar) -> Any:
        self._editor.change(lambda settings: scalar.put(settings, scalar.kind()))
        return OK
