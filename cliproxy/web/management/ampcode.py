"""The ``ampcode`` section: the whole, its mappings, its keys (management-api.md 10). Its scalars are in scalars.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from cliproxy.config.editing import ConfigEditor
from cliproxy.config.settings import Ampcode, AmpMapping, AmpUpstreamKey
from cliproxy.web.management.answers import OK, ManagementError
from cliproxy.web.management.api import Route
from cliproxy.web.management.bodies import field, json_object, strings
from cliproxy.web.management.config_json import config_json
from cliproxy.web.management.entries import Object, objects, text
from cliproxy.web.management.lists import put_at

T = TypeVar("T", AmpMapping, AmpUpstreamKey)

_MAPPINGS, _KEYS = "model-mappings", "upstream-api-keys"


class AmpcodeRoutes:
    """GET of the section; GET, PUT, PATCH and DELETE of its two lists."""

    def __init__(self, editor: ConfigEditor) -> None:
        self._editor = editor

    def routes(self) -> Iterator[Route]:
        """Three paths."""
        yield Route("ampcode", ("GET",), lambda: {"ampcode": self._shown()})
        yield Route(f"ampcode/{_MAPPINGS}", ("GET",), lambda: {_MAPPINGS: self._shown()[_MAPPINGS]})
        yield Route(f"ampcode/{_MAPPINGS}", ("PUT",), self._replace_mappings)
        yield Route(f"ampcode/{_MAPPINGS}", ("PATCH",), self._patch_mappings)
        yield Route(f"ampcode/{_MAPPINGS}", ("DELETE",), self._delete_mappings)
        yield Route(f"ampcode/{_KEYS}", ("GET",), lambda: {_KEYS: self._shown().get(_KEYS)})
        yield Route(f"ampcode/{_KEYS}", ("PUT",), self._replace_keys)
        yield Route(f"ampcode/{_KEYS}", ("PATCH",), self._patch_keys)
        yield Route(f"ampcode/{_KEYS}", ("DELETE",), self._delete_keys)

    def _shown(self) -> Any:
        return config_json(self._editor.live.current)["ampcode"]

    def _replace_mappings(self) -> Any:
        new = tuple(map(_mapping, _values()))
        return self._change(lambda amp: replace(amp, model_mappings=new))

    def _patch_mappings(self) -> Any:
        new = list(map(_mapping, _values()))
        return self._change(lambda amp: replace(amp, model_mappings=_merged(amp.model_mappings, new, _from)))

    def _delete_mappings(self) -> Any:
        """Remove those named; a body that names none, or cannot be read as JSON, removes all (10)."""
        try:
            names = {name.strip() for name in strings(json_object().get("value") or [])}
        except ManagementError:
            names = set()
        if not names:
            return self._change(lambda amp: replace(amp, model_mappings=()))
        return self._change(
            lambda amp: replace(amp, model_mappings=tuple(m for m in amp.model_mappings if _from(m) not in names))
        )

    def _replace_keys(self) -> Any:
        new = tuple(_upstream_keys(_values()))
        return self._change(lambda amp: replace(amp, upstream_api_keys=new))

    def _patch_keys(self) -> Any:
        new = list(_upstream_keys(_values()))
        return self._change(lambda amp: replace(amp, upstream_api_keys=_merged(amp.upstream_api_keys, new, _upstream)))

    def _delete_keys(self) -> Any:
        value = field(json_object(), "value", list)
        if value is None:
            raise ManagementError("missing value")
        names = {name.strip() for name in strings(value)} - {""}
        if value and not names:
            raise ManagementError("empty value")
        return self._change(
            lambda amp: replace(
                amp,
                upstream_api_keys=tuple(
                    entry for entry in amp.upstream_api_keys if value and _upstream(entry) not in names
                ),
            )
        )

    def _change(self, edit: Callable[[Ampcode], Ampcode]) -> Any:
        self._editor.change(lambda settings: replace(settings, ampcode=edit(settings.ampcode)))
        return OK


def _values() -> list[Object]:
    return objects(field(json_object(), "value", list) or [])


def _mapping(item: Object) -> AmpMapping:
    return AmpMapping(text(item, "from"), text(item, "to"), field(item, "regex", bool) or False)


def _upstream_keys(items: Iterable[Object]) -> Iterator[AmpUpstreamKey]:
    """Trimmed; without blank keys."""
    for item in items:
        key = text(item, "upstream-api-key").strip()
        clients = [client.strip() for client in strings(field(item, "api-keys", list) or [])]
        if key:
            yield AmpUpstreamKey(key, tuple(filter(None, clients)))


def _from(mapping: AmpMapping) -> str:
    return mapping.from_model.strip()


def _upstream(entry: AmpUpstreamKey) -> str:
    return entry.upstream_api_key.strip()


def _merged(items: tuple[T, ...], new: Iterable[T], name_of: Callable[[T], str]) -> tuple[T, ...]:
    """Each of ``new`` in the place of the item of its name, or behind the others."""
    for item in new:
        names = [name_of(known) for known in items]
        name = name_of(item)
        items = put_at(items, names.index(name) if name in names else len(items), item)
    return items
