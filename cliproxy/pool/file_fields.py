"""Fields of an auth file that people set: which they are, and what may stand in them (management-api.md 23).

Whatever is not known here is kept in the file as it comes; a login and what belongs to it is never changed this way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from cliproxy.config.normalise import prefix_of
from cliproxy.errors import RequestError
from cliproxy.providers.header_syntax import is_header
from cliproxy.providers.http import usable_proxy

_LOGIN = frozenset(
    {
        "type", "token", "accesstoken", "refreshtoken", "idtoken", "sessionid", "sessiontoken", "apikey", "cookie",
        "serviceaccount", "privatekey", "clientid", "clientsecret", "tokentype", "tokenuri", "expired", "expire",
        "expiresat", "expiry", "expires", "expiresin", "timestamp", "lastrefresh", "lastrefreshedat", "usercode",
        "devicecode", "verificationuri", "verificationuricomplete",
    }
)  # fmt: skip
"""Names without case, ``_`` and ``-``: tokens, where they are renewed, and when they end."""
_ELSEWHERE = {"disabled": "use PATCH auth-files/status", "virtual": "it is made by the server"}


class FieldError(RequestError):
    """A field cannot get this value, or none at all; ``field`` is its name."""

    code = "invalid_field"

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field} cannot be changed: {why}")
        self.field = field


def checked(changes: Mapping[str, Any]) -> None:
    """Raise for changes that cannot be made. ``changes``: JSON values by field; null or ``""`` removes one.

    :raises FieldError: a field is part of the login, or its value makes no sense.
    """
    for name, value in changes.items():
        plain = name.strip().lower().replace("_", "").replace("-", "")
        if not plain:
            raise FieldError(repr(name), "a field needs a name")
        if plain in _LOGIN:
            raise FieldError(name, "it is part of the login; log in again or upload the file")
        if plain in _ELSEWHERE:
            raise FieldError(name, _ELSEWHERE[plain])
        if not _removes(value) and name in _CHECKS and (why := _CHECKS[name](value)):
            raise FieldError(name, why)
        try:
            orjson.dumps({name: value})
        except TypeError as error:  # half a surrogate pair, a number of more than 64 bits, no end of brackets
            raise FieldError(repr(name), f"no file can hold it: {error}") from None


def changed(content: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a file with changes that ``checked`` lets pass; ``headers`` are merged one by one."""
    found = dict(content)
    for name, value in changes.items():
        if name == "headers" and isinstance(value, Mapping):
            value = _merged(found.get(name), value)
        if _removes(value):
            found.pop(name, None)
        else:
            found[name] = value
    return found


def _removes(value: object) -> bool:
    return value is None or value == ""


def _merged(old: object, new: Mapping[str, Any]) -> dict[str, Any] | None:
    """Headers by name whatever the case; None when none is left."""
    names = {name.lower() for name in new}
    kept = {name: value for name, value in old.items() if name.lower() not in names} if isinstance(old, Mapping) else {}
    return {**kept, **{name: value for name, value in new.items() if not _removes(value)}} or None


def _text(value: object) -> str:
    return "" if isinstance(value, str) else "it must be a string"


def _prefix(value: object) -> str:
    if not isinstance(value, str):
        return _text(value)
    return "" if prefix_of(value) else "it must be one word without slashes inside"


def _proxy(value: object) -> str:
    if not isinstance(value, str):
        return _text(value)
    words = "it must be a URL such as socks5://host:1080 (http, https, socks5 or socks5h)"
    return "" if usable_proxy(value) else words


def _whole(value: object) -> str:
    return "" if type(value) is int and abs(value) < 2**31 else "it must be a whole number"


def _flag(value: object) -> str:
    return "" if type(value) is bool else "it must be true or false"


def _headers(value: object) -> str:
    if not isinstance(value, Mapping):
        return "it must be an object of strings"
    for name, text in value.items():
        if not (text is None or isinstance(text, str)) or not is_header(name, text or ""):
            return f"{name!r} must be a header's name, and its value a string of one line"
    return ""


_CHECKS: Mapping[str, Callable[[object], str]] = {
    "prefix": _prefix, "proxy_url": _proxy, "note": _text, "priority": _whole, "headers": _headers, "label": _text,
    "email": _text, "project_id": _text, "request_retry": _whole, "disable_cooling": _flag,
}  # fmt: skip
"""Why a value cannot stand in a field; empty when it can."""
