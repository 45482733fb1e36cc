"""The key lists of the providers: one table, four views for all of them (management-api.md 8)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from flask import request

from cliproxy.config.editing import ConfigEditor
from cliproxy.config.settings import CompatProvider, KeyEntry, Model
from cliproxy.web.management.answers import OK, ManagementError
from cliproxy.web.management.api import Route
from cliproxy.web.management.bodies import field, json_object, required
from cliproxy.web.management.config_json import config_json, json_answer
from cliproxy.web.management.entries import objects, read_changes, read_entry
from cliproxy.web.management.lists import index_in, list_body, put_at, setting, with_setting

_Entries = tuple[Any, ...]


def _trimmed(entry: KeyEntry) -> KeyEntry:
    return replace(
        entry, api_key=entry.api_key.strip(), base_url=entry.base_url.strip(), proxy_url=entry.proxy_url.strip()
    )


def _with_clean_models(entry: KeyEntry) -> KeyEntry:
    models = (Model(model.name.strip(), model.alias.strip()) for model in entry.models)
    return replace(_trimmed(entry), models=tuple(model for model in models if model.name or model.alias))


def _clean_provider(provider: CompatProvider) -> CompatProvider:
    keys = tuple(replace(key, api_key=key.api_key.strip()) for key in provider.api_key_entries)
    return replace(
        provider, name=provider.name.strip(), base_url=provider.base_url.strip(), api_key_entries=keys
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class KeyList:
    """One list and its rules (8.2, 8.4). ``config/normalise.py`` has those that hold for files too, removals included.

    ``clean`` is what PUT and PATCH do to an entry before; ``selector`` the field that names an entry in PATCH (there
    as ``match``) and DELETE.
    """

    name: str
    fields: tuple[str, ...]
    patchable: tuple[str, ...]
    clean: Callable[[Any], Any]
    kind: type[KeyEntry] | type[CompatProvider] = KeyEntry
    selector: str = "api-key"
    match: str = "match"
    blank_matches: bool = False
    """PATCH: an empty ``match`` is the entry with an empty key."""
    trims_selector: bool = False
    """DELETE: spaces around the selector do not count."""
    must_match: bool = False
    """DELETE: 404 when the selector finds nothing."""

    def key_of(self, entry: Any) -> str:
        """What names an entry."""
        key: str = getattr(entry, self.selector.replace("-", "_"))
        return key


_GEMINI = ("api-key", "prefix", "base-url", "proxy-url", "headers", "excluded-models")
_CLAUDE = (*_GEMINI, "models")
_VERTEX = ("api-key", "prefix", "base-url", "proxy-url", "headers", "models")
_COMPAT = ("name", "prefix", "base-url", "api-key-entries", "models", "headers")

LISTS = (
    KeyList(
        "gemini-api-key", (*_GEMINI, "priority", "models"), _GEMINI, _trimmed, trims_selector=True, must_match=True
    ),
    KeyList("claude-api-key", (*_CLAUDE, "priority", "cloak"), _CLAUDE, _with_clean_models, blank_matches=True),
    KeyList("codex-api-key", (*_CLAUDE, "priority"), _CLAUDE, _with_clean_models, blank_matches=True),
    KeyList("vertex-api-key", (*_VERTEX, "priority"), _VERTEX, _trimmed, trims_selector=True),
    KeyList(
        "openai-compatibility", (*_COMPAT, "priority"), _COMPAT, _clean_provider, CompatProvider,
        selector="name", match="name", blank_matches=True,
    ),
)  # fmt: skip


class ProviderKeyRoutes:
    """GET, PUT, PATCH and DELETE of each list."""

    def __init__(self, editor: ConfigEditor) -> None:
        self._editor = editor

    def routes(self) -> Iterator[Route]:
        """Four per list."""
        for keys in LISTS:
            yield Route(keys.name, ("GET",), partial(self._show, keys))
            yield Route(keys.name, ("PUT",), partial(self._replace, keys))
            yield Route(keys.name, ("PATCH",), partial(self._patch, keys))
            yield Route(keys.name, ("DELETE",), partial(self._delete, keys))

    def _show(self, keys: KeyList) -> Any:
        settings = self._editor.live.current
        if keys.kind is CompatProvider:  # a file may have spaces around its keys (8.3)
            settings = with_setting(settings, keys.name, tuple(map(keys.clean, setting(settings, keys.name))))
        return json_answer({keys.name: config_json(settings)[keys.name]})

    def _replace(self, keys: KeyList) -> Any:
        entries = tuple(keys.clean(read_entry(keys.kind, item, keys.fields)) for item in objects(list_body()))
        return self._change(keys, lambda _: entries)

    def _patch(self, keys: KeyList) -> Any:
        body = json_object()
        index, match = field(body, "index", int), field(body, keys.match, str)
        changes = read_changes(required(body, "value", dict), keys.patchable)

        def patched(entries: _Entries) -> _Entries:
            at = index if index is not None and 0 <= index < len(entries) else _position(keys, entries, match)
            return put_at(entries, at, keys.clean(replace(entries[at], **changes)))

        return self._change(keys, patched)

    def _delete(self, keys: KeyList) -> Any:
        wanted = request.args.get(keys.selector, "")
        wanted = wanted.strip() if keys.trims_selector else wanted

        def shortened(entries: _Entries) -> _Entries:
            if not wanted:
                return _without_index(keys, entries)
            kept = tuple(entry for entry in entries if keys.key_of(entry) != wanted)
            if keys.must_match and len(kept) == len(entries):
                raise _not_found()
            return kept

        return self._change(keys, shortened)

    def _change(self, keys: KeyList, edit: Callable[[_Entries], _Entries]) -> Any:
        self._editor.change(lambda settings: with_setting(settings, keys.name, edit(setting(settings, keys.name))))
        return OK


def _position(keys: KeyList, entries: _Entries, match: str | None) -> int:
    wanted = (match or "").strip()
    if match is not None and (wanted or keys.blank_matches):
        for index, entry in enumerate(entries):
            if keys.key_of(entry) == wanted:
                return index
    raise _not_found()


def _without_index(keys: KeyList, entries: _Entries) -> _Entries:
    index = index_in(entries)
    if index is None:
        raise ManagementError(f"missing {keys.selector} or index")
    return put_at(entries, index)


def _not_found() -> ManagementError:
    return ManagementError("item not found", 404)
