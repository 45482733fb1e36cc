"""What OAuth accounts offer under which name: exclusions and aliases by provider (management-api.md 9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import request

from cliproxy.config.editing import ConfigEditor
from cliproxy.config.normalise import aliases_of, exclusions_of
from cliproxy.config.settings import OAuthAlias
from cliproxy.web.management.answers import OK, ManagementError, invalid_body
from cliproxy.web.management.api import Route
from cliproxy.web.management.bodies import field, json_object, strings
from cliproxy.web.management.config_json import config_json
from cliproxy.web.management.entries import objects, text
from cliproxy.web.management.lists import raw_value, setting, with_setting

_Map = Mapping[str, tuple[Any, ...]]


def _aliases(value: list[Any]) -> tuple[OAuthAlias, ...]:
    return tuple(
        OAuthAlias(text(item, "name"), text(item, "alias"), field(item, "fork", bool) or False)
        for item in objects(value)
    )


def _patterns(value: list[Any]) -> tuple[str, ...]:
    return tuple(strings(value))


@dataclass(frozen=True, slots=True)
class OAuthMap:
    """One map. ``keys``: fields that name a provider, the first that is there counts; ``values``: that of its list."""

    name: str
    keys: tuple[str, ...]
    values: str
    read: Callable[[list[Any]], tuple[Any, ...]]
    normalise: Callable[[Any], _Map]
    needs_key: bool = False
    """PATCH without any of ``keys`` is an unusable body, not just a blank name."""

    def parse(self, value: Any) -> _Map:
        """A JSON object of lists; null is an empty one.

        :raises ManagementError: 400 ``invalid body``.
        """
        lists = {} if value is None else value
        if not isinstance(lists, dict):
            raise invalid_body()
        return {name: self.read(field(lists, name, list) or []) for name in lists}


MAPS = (
    OAuthMap("oauth-excluded-models", ("provider",), "models", _patterns, exclusions_of, needs_key=True),
    OAuthMap("oauth-model-alias", ("channel", "provider"), "aliases", _aliases, aliases_of),
)


class OAuthMapRoutes:
    """GET, PUT, PATCH and DELETE of each map."""

    def __init__(self, editor: ConfigEditor) -> None:
        self._editor = editor

    def routes(self) -> Iterator[Route]:
        """Four per map."""
        for kind in MAPS:
            yield Route(kind.name, ("GET",), partial(self._show, kind))
            yield Route(kind.name, ("PUT",), partial(self._replace, kind))
            yield Route(kind.name, ("PATCH",), partial(self._patch, kind))
            yield Route(kind.name, ("DELETE",), partial(self._delete, kind))

    def _show(self, kind: OAuthMap) -> Any:
        return {kind.name: config_json(self._editor.live.current).get(kind.name)}

    def _replace(self, kind: OAuthMap) -> Any:
        entries = _map_body(kind)
        return self._change(kind, lambda _: entries)

    def _patch(self, kind: OAuthMap) -> Any:
        body = json_object()
        named = [name for key in kind.keys if (name := field(body, key, str)) is not None]
        values = kind.read(field(body, kind.values, list) or [])
        if kind.needs_key and not named:
            raise invalid_body()
        provider = named[0].strip().lower() if named else ""
        if not provider:
            raise ManagementError(f"invalid {kind.keys[0]}")
        kept = kind.normalise({provider: values})
        if kept:
            return self._change(kind, lambda current: {**current, **kept})
        return self._change(kind, lambda current: _without(kind, current, provider))

    def _delete(self, kind: OAuthMap) -> Any:
        named = [name for key in kind.keys if (name := request.args.get(key, "").strip().lower())]
        if not named:
            raise ManagementError(f"missing {kind.keys[0]}")
        return self._change(kind, lambda current: _without(kind, current, named[0]))

    def _change(self, kind: OAuthMap, edit: Callable[[_Map], _Map]) -> Any:
        self._editor.change(lambda settings: with_setting(settings, kind.name, edit(setting(settings, kind.name))))
        return OK


def _map_body(kind: OAuthMap) -> _Map:
    """The body itself, or, when that is no map of lists, what it has as ``items``."""
    value = raw_value()
    try:
        return kind.parse(value)
    except ManagementError:
        if not isinstance(value, dict) or not isinstance(value.get("items"), dict):
            raise
    return kind.parse(value["items"])


def _without(kind: OAuthMap, current: _Map, provider: str) -> _Map:
    if provider not in current:
        raise ManagementError(f"{kind.keys[0]} not found", 404)
    return {name: values for name, values in current.items() if name != provider}
