"""How statistics and metrics name a route: ``/v1beta/models/*action`` (management-api.md 17.1)."""

from __future__ import annotations

import re
from functools import lru_cache

_VARIABLE = re.compile(r"<(?:(?P<kind>[^:<>]+):)?(?P<name>[^<>]+)>")


@lru_cache(maxsize=1024)
def route_pattern(rule: str) -> str:
    """The pattern of a Flask rule: ``<path:action>`` (``rest`` too) becomes ``*action``, other variables ``:name``."""
    return _VARIABLE.sub(lambda found: ("*" if found["kind"] in ("path", "rest") else ":") + found["name"], rule)
