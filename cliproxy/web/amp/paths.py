"""Which paths are Amp's own (amp-routing.md 2.1, 2.2); also for what all routes have in common."""

from __future__ import annotations

API = ("internal", "user", "auth", "meta", "telemetry", "threads", "thread-actors", "otel", "tab")
"""Below ``/api``, with everything below them; any method."""
API_ALONE = ("ads",)
"""The same without sub-paths."""
PAGES = ("threads", "docs", "settings")
"""At the root, with everything below; GET, without a key."""
SIGN_IN = "auth"
"""The same for any method."""
FEEDS = ("threads.rss", "news.rss")
"""At the root; GET, with a key."""
GEMINI = "/api/provider/google/v1beta1/"
"""Gemini calls of Amp, and what goes with them; any method."""
ANY_METHOD = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE")


def is_management(path: str) -> bool:
    """True on the paths that belong to Amp's server."""
    first, slash, rest = path[1:].partition("/")
    if first != "api":
        return first in PAGES or first == SIGN_IN or (first in FEEDS and not slash)
    return rest.partition("/")[0] in API or rest in API_ALONE or path.startswith(GEMINI)


def takes_any_method(path: str) -> bool:
    """True on those of them that take HEAD too."""
    return path.startswith(("/api/", "/auth")) and is_management(path)


def is_open(path: str) -> bool:
    """True on those that a browser opens, without a key."""
    first = path[1:].partition("/")[0]
    return first in PAGES or first == SIGN_IN
