"""When a credential's tokens are renewed (credentials.md 10). Pure rules; times in Unix seconds."""

from __future__ import annotations

from collections.abc import Mapping

from cliproxy.providers.credential import Credential
from cliproxy.providers.token_times import expiry, last_refresh, preferred_interval

LEADS: Mapping[str, float] = {
    "codex": 5 * 86400.0,
    "claude": 4 * 3600.0,
    "qwen": 3 * 3600.0,
    "iflow": 24 * 3600.0,
    "antigravity": 5 * 60.0,
}
"""Seconds before its end at which a token is renewed; the other providers get theirs when a request needs them."""

WHILE_RUNNING = 60.0
FIRST_BACKOFF, LONGEST_BACKOFF = 5 * 60.0, 3600.0
"""Seconds until the next try: while one runs, after a failure, after many."""


def is_due(credential: Credential, refreshed_at: float, now: float) -> bool:
    """True when the tokens should be renewed. ``refreshed_at``: when we did it last, 0 = the file knows better."""
    ends, last = expiry(credential), refreshed_at or last_refresh(credential)
    interval, lead = preferred_interval(credential), LEADS.get(credential.provider)
    if interval is not None:
        return (ends is not None and ends - now <= interval) or not last or now - last >= interval
    if lead is None:
        return False
    if ends is not None:
        return ends - now <= lead
    return not last or now - last >= lead


def pause_after_success(credential: Credential, now: float) -> float:
    """Seconds until the next refresh at the earliest: a minute (oauth-login.md 12).

    Half of its life for a token that lives shorter than the lead and would be due again at once.
    """
    ends, lead = expiry(credential), LEADS.get(credential.provider, 0.0)
    if ends is None or ends - now > lead:
        return WHILE_RUNNING
    return max(WHILE_RUNNING, (ends - now) / 2)


def backoff(failures: int) -> float:
    """Seconds to leave a credential alone after so many failures in a row."""
    return min(FIRST_BACKOFF * 2.0 ** min(max(0, failures - 1), 10), LONGEST_BACKOFF)
