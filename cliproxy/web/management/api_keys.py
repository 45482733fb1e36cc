"""The keys of the proxy's own clients (management-api.md 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from flask import request

from cliproxy.config.editing import ConfigEditor
from cliproxy.web.management.answers import OK, ManagementError
from cliproxy.web.management.api import Route
from cliproxy.web.management.bodies import field, json_object, strings
from cliproxy.web.management.config_json import config_json
from cliproxy.web.management.lists import index_in, list_body, put_at

_NAME = "api-keys"
_Keys = tuple[str, ...]


class ApiKeyRoutes:
    """GET, PUT, PATCH and DELETE of ``api-keys``."""

    def __init__(self, editor: ConfigEditor) -> None:
        self._editor = editor

    def routes(self) -> Iterator[Route]:
        """One path, four methods."""
        yield Route(_NAME, ("GET",), self._show)
        yield Route(_NAME, ("PUT",), self._replace)
        yield Route(_NAME, ("PATCH",), self._patch)
        yield Route(_NAME, ("DELETE",), self._delete)

    def _show(self) -> Any:
        return {_NAME: config_json(self._editor.live.current)[_NAME]}

    def _replace(self) -> Any:
        keys = tuple(strings(list_body()))
        return self._change(lambda _: keys)

    def _patch(self) -> Any:
        body = json_object()
        index, value = field(body, "index", int), field(body, "value", str)
        old, new = field(body, "old", str), field(body, "new", str)

        def patched(keys: _Keys) -> _Keys:
            if index is not None and value is not None and 0 <= index < len(keys):
                return put_at(keys, index, value)
            if old is None or new is None:
                raise ManagementError("missing fields")
            return put_at(keys, keys.index(old) if old in keys else len(keys), new)

        return self._change(patched)

    def _delete(self) -> Any:
        value = request.args.get("value", "").strip()

        def shortened(keys: _Keys) -> _Keys:
            index = index_in(keys)
            if index is not None:
                return put_at(keys, index)
            if not value:
                raise ManagementError("missing index or value")
            return tuple(key for key in keys if key.strip() != value)

        return self._change(shortened)

    def _change(self, edit: Callable[[_Keys], _Keys]) -> Any:
        self._editor.change(lambda settings: replace(settings, api_keys=edit(settings.api_keys)))
        return OK
