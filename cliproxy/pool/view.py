"""A credential as listings show it: a copy of the record with its state (credentials.md 2.1, 6.5)."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cliproxy.masking import mask_key
from cliproxy.pool.entry import Counters, Entry
from cliproxy.pool.health import Block, Failure, Health
from cliproxy.pool.recent import RecentAttempts
from cliproxy.providers.credential import Credential
from cliproxy.providers.token_times import expiry, last_refresh


@dataclass(frozen=True, slots=True)
class Cooldown:
    """One block: ``model`` empty for the whole account; ``until`` and ``trial_at`` in Unix seconds."""

    model: str
    reason: str
    message: str
    quota: bool
    until: float
    trial_at: float
    """When one request may try all the same; not before ``until`` for short blocks."""

    def as_json(self) -> dict[str, Any]:
        """The shape of ``cooldowns`` in management-api.md 11.1."""
        return {"model": self.model, "reason": self.reason, "message": self.message, "until": timestamp(self.until)}


@dataclass(frozen=True, slots=True)
class CredentialView:
    """A copy: nothing that a caller does with it reaches the pool. Times in Unix seconds, 0 = never or unknown."""

    credential: Credential
    status: str
    status_message: str
    unavailable: bool
    models: int
    cooldowns: tuple[Cooldown, ...]
    backoff_level: int
    last_error: Failure | None
    refresh_error: str
    expires_at: float
    last_refreshed_at: float
    next_refresh_after: float
    created_at: float
    updated_at: float
    counters: Counters
    recent: RecentAttempts

    @property
    def next_retry_after(self) -> float:
        """When the first of its blocks ends."""
        return min((cooldown.until for cooldown in self.cooldowns), default=0.0)

    @property
    def state(self) -> str:
        """One word: disabled, blocked (nothing can be asked), cooling (some models), error (the last call), active."""
        if self.credential.disabled:
            return "disabled"
        if self.cooldowns:
            return "blocked" if self.unavailable else "cooling"
        return "error" if self.status == "error" else "active"

    @property
    def account(self) -> str:
        """The account for people: an address, or a key with its middle left out."""
        kind, label = self.credential.account
        return mask_key(label) if kind == "api_key" else label

    def as_json(self) -> dict[str, Any]:
        """Without secrets, for scripts; names as in credentials.md 2.1, times in RFC 3339, null = none."""
        credential, quota = self.credential, [cooldown for cooldown in self.cooldowns if cooldown.quota]
        recovers = min((cooldown.until for cooldown in quota), default=0.0)
        error = self.last_error
        return {
            "id": credential.id, "auth_index": credential.index, "provider": credential.provider,
            "prefix": credential.prefix, "label": credential.label, "account_type": credential.account[0],
            "account": self.account, "status": self.status, "status_message": self.status_message,
            "disabled": credential.disabled, "unavailable": self.unavailable, "models": self.models,
            "quota": {
                "exceeded": bool(quota), "next_recover_at": timestamp(recovers), "backoff_level": self.backoff_level,
            },
            "cooldowns": [cooldown.as_json() for cooldown in self.cooldowns],
            "last_error": None if error is None else {
                "code": error.code, "message": error.message, "http_status": error.status,
            },
            "refresh_error": self.refresh_error,
            "usage": {
                "attempts": self.counters.attempts, "failed": self.counters.failed,
                "input_tokens": self.counters.input_tokens, "output_tokens": self.counters.output_tokens,
                "last_used": timestamp(self.counters.last_used),
            },
            **{
                name: timestamp(getattr(self, name))
                for name in (
                    "created_at", "updated_at", "expires_at", "last_refreshed_at", "next_refresh_after",
                    "next_retry_after",
                )
            },
        }  # fmt: skip


def view_of(entry: Entry, models: Set[str], now: float) -> CredentialView:
    """The view of an entry that offers ``models`` (lower-case names)."""
    credential, health, runtime = entry.credential, entry.health, entry.runtime
    cooldowns = tuple(_cooldowns(health, now))
    counters = runtime.counters
    return CredentialView(
        credential=credential,
        status="disabled" if credential.disabled else health.status(now),
        status_message=_message(entry),
        unavailable=_unavailable(cooldowns, models),
        models=len(models),
        cooldowns=cooldowns,
        backoff_level=max((state.backoff_level for state in health.states.values()), default=0),
        last_error=health.last_error,
        refresh_error=runtime.refresh_error,
        expires_at=expiry(credential) or 0.0,
        last_refreshed_at=runtime.last_refreshed_at or last_refresh(credential) or 0.0,
        next_refresh_after=runtime.next_refresh_after,
        created_at=runtime.created_at,
        updated_at=runtime.updated_at,
        counters=Counters(
            counters.attempts, counters.failed, counters.input_tokens, counters.output_tokens, counters.last_used
        ),
        recent=runtime.recent.copy(),
    )


def timestamp(moment: float) -> str | None:
    """RFC 3339 in UTC, None for 0."""
    if not moment:
        return None
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _cooldowns(health: Health, now: float) -> Iterator[Cooldown]:
    blocks: list[tuple[str, Block | None]] = [("", health.account)]
    blocks += sorted(((model, state.block) for model, state in health.states.items()), key=lambda pair: pair[0])
    for model, block in blocks:
        if block is not None and now < block.until:
            yield Cooldown(
                model, block.reason, block.message, block.quota, block.until, min(block.trial_at, block.until)
            )


def _message(entry: Entry) -> str:
    if entry.credential.disabled and entry.runtime.off_because:
        return entry.runtime.off_because
    error = entry.health.last_error
    return error.message if error is not None else entry.runtime.refresh_error


def _unavailable(cooldowns: tuple[Cooldown, ...], models: Set[str]) -> bool:
    """True when nothing of what it offers can be asked."""
    blocked = {cooldown.model.lower() for cooldown in cooldowns}
    return "" in blocked or (bool(models) and models <= blocked)
