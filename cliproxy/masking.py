"""What logs may show of secrets (logging.md 8, config.md 14, 22.3)."""

from __future__ import annotations

from urllib.parse import quote_plus, unquote_plus, urlsplit

_SECRET_PARTS = ("api-key", "apikey", "token", "secret")
_QUERY_NAMES = ("key", "code", "redirect_url")
"""The last two: what a provider sends back at the end of a login (ours)."""
_QUERY_PARTS = ("api-key", "apikey", "api_key", "token", "secret")


def mask_key(key: str) -> str:
    """First and last characters only: four, two or one by length; up to two characters stay."""
    for longer_than, shown in ((8, 4), (4, 2), (2, 1)):
        if len(key) > longer_than:
            return f"{key[:shown]}...{key[-shown:]}"
    return key


def mask_header(name: str, value: str) -> str:
    """A header's value as logs may show it."""
    lower = name.lower()
    if "authorization" in lower:
        scheme, space, rest = value.strip().partition(" ")
        return f"{scheme} {mask_key(rest)}" if space else mask_key(scheme)
    if lower in ("cookie", "set-cookie") or any(part in lower for part in _SECRET_PARTS):
        return mask_key(value)
    return value


def mask_query(query: str) -> str:
    """A query string with the values of secret parameters masked, all others byte for byte."""
    return "&".join(map(_mask_parameter, query.split("&"))) if query else query


def _mask_parameter(parameter: str) -> str:
    name, _, value = parameter.partition("=")
    plain = unquote_plus(name).strip().lower().removesuffix("[]")
    if plain in _QUERY_NAMES or any(part in plain for part in _QUERY_PARTS):
        return f"{name}={quote_plus(mask_key(unquote_plus(value).strip()))}"
    return parameter


def redact_proxy(proxy_url: str) -> str:
    """``scheme://host:port`` of a proxy URL; ``<none>`` for a blank one, ``<redacted>`` when it makes no sense."""
    text = proxy_url.strip()
    if not text:
        return "<none>"
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return "<redacted>"
    if not host:
        return "<redacted>"
    place = f"[{host}]" if ":" in host else host
    place = f"{place}:{port}" if port is not None else place
    return f"{parts.scheme}://{place}" if parts.scheme else place
