"""When a token expires and when it was renewed, as auth files of many makers say it (credentials.md 2.3)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from cliproxy.config.durations import parse_duration
from cliproxy.providers.credential import Credential

EXPIRY_KEYS = ("expired", "expire", "expires_at", "expiresAt", "expiry", "expires")
LAST_REFRESH_KEYS = ("last_refresh", "lastRefresh", "last_refreshed_at", "lastRefreshedAt")
INTERVAL_KEYS = ("refresh_interval_seconds", "refreshIntervalSeconds", "refresh_interval", "refreshInterval")

_MILLISECONDS_FROM = 1e12
_LATEST = 253402300800.0  # the year 10000, where dates end


def expiry(credential: Credential) -> float | None:
    """When the access token ends, Unix seconds; also looked for inside ``token``."""
    metadata = credential.metadata
    for place in (metadata, metadata.get("token"), metadata.get("Token")):
        if isinstance(place, Mapping) and (moment := _first_time(place, EXPIRY_KEYS)) is not None:
            return moment
    return None


def last_refresh(credential: Credential) -> float | None:
    """When the tokens were renewed according to the file, Unix seconds."""
    found = _first_time(credential.metadata, LAST_REFRESH_KEYS)
    return found if found is not None else _first_time(credential.attributes, LAST_REFRESH_KEYS)


def preferred_interval(credential: Credential) -> float | None:
    """Seconds between refreshes, where the file asks for it."""
    for place in (credential.metadata, credential.attributes):
        for key in INTERVAL_KEYS:
            if seconds := _seconds(place.get(key)):
                return seconds
    return None


def parse_time(value: object) -> float | None:
    """Unix seconds of RFC 3339 text, ``YYYY-MM-DD HH:MM[:SS]`` (UTC), or Unix seconds or milliseconds."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _unix(float(value))
    if not isinstance(value, str) or not (text := value.strip()):
        return None
    try:
        return _unix(int(text))
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return _unix((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _unix(number: float) -> float | None:
    if not math.isfinite(number) or number <= 0:
        return None
    seconds = number / 1000 if number > _MILLISECONDS_FROM else float(number)
    return seconds if seconds < _LATEST else None


def _first_time(place: Mapping[str, Any], keys: Iterable[str]) -> float | None:
    return next((moment for key in keys if (moment := parse_time(place.get(key))) is not None), None)


def _seconds(value: object) -> float | None:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0:
        return float(value)
    return None
