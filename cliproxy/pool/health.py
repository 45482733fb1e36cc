"""The health of one credential: what its results do to it, and when it may be asked again (credentials.md 5.2, 6).

Pure state without locks or clocks: the pool holds its lock and passes the time (Unix seconds). States are keyed by
the base name of the route model, because ``m`` and ``m(high)`` share the upstream's quota.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from cliproxy.errors import CliproxyError
from cliproxy.providers.retry_delay import delay_in_body

LONGEST_BLOCK = 24 * 3600.0
MAX_BACKOFF = 30 * 60.0
FIRST_TRIAL = 10 * 60.0
LONGEST_TRIAL = 3600.0
"""Seconds (credentials.md 6.3, 6.6)."""

_ACCOUNT_STATUSES = (401, 402, 403, 429)
_ACCOUNT_CODES = frozenset(
    {
        "invalid_api_key", "token_expired", "invalid_grant", "account_deactivated", "insufficient_quota",
        "billing_error", "usage_limit_reached",
    }
)  # fmt: skip
_TRANSIENT = (408, 500, 502, 503, 504)
_LONGEST_MESSAGE = 2000


@dataclass(frozen=True, slots=True)
class Cooling:
    """What may cool a credential down: ``quota`` = a 429 without Retry-After; seconds after a 408 or 5xx, 0 = none."""

    quota: bool = True
    transient: float = 60.0


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong in one attempt; ``status`` 0 = none."""

    status: int
    message: str
    code: str = ""
    retry_after: float | None = None

    @classmethod
    def of(cls, error: CliproxyError) -> Failure:
        """The failure that an exception stands for."""
        retry_after = getattr(error, "retry_after", None)
        if error.status == 429 and retry_after is None:  # reported inside a stream: only the body can say
            retry_after = delay_in_body(error.text)
        return cls(error.status or 0, error.text[:_LONGEST_MESSAGE], error_code(error.text), retry_after)

    @property
    def names_account(self) -> bool:
        """True when the error itself is about the account, not the model (6.6)."""
        return self.status in _ACCOUNT_STATUSES and self.code in _ACCOUNT_CODES


def error_code(text: str) -> str:
    """The ``code`` or ``type`` of a JSON error body that says most; empty for anything else."""
    try:
        body = json.loads(text) if text.lstrip().startswith("{") else None
    except ValueError:
        return ""
    error = body.get("error") if isinstance(body, Mapping) else None
    words = [error.get("code"), error.get("type")] if isinstance(error, Mapping) else []
    names = [word for word in words if isinstance(word, str) and word]
    return next((name for name in names if name in _ACCOUNT_CODES), names[0] if names else "")


@dataclass(slots=True)
class Block:
    """A time during which a model or account is not asked. ``trial_at``: when one request may try all the same."""

    until: float
    quota: bool
    reason: str
    message: str = ""
    trial_at: float = 0.0
    distance: float = FIRST_TRIAL
    trial: bool = False

    def closed(self, now: float) -> bool:
        """True while nobody may pass."""
        return now < self.until and (self.trial or now < self.trial_at)


@dataclass(slots=True)
class ModelState:
    """One model of one credential."""

    block: Block | None = None
    backoff_level: int = 0
    last_error: Failure | None = None

    def has_error(self, now: float) -> bool:
        """True while the model is blocked after an error."""
        return self.block is not None and now < self.block.until


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why a credential cannot be asked now, and until when."""

    quota: bool
    until: float


@dataclass(frozen=True, slots=True)
class Marks:
    """What the registry's listings should show after a result."""

    quota: bool = False
    suspend: str = ""


_SPANS = {401: 1800.0, 402: 1800.0, 403: 1800.0, 404: 12 * 3600.0}
_MARKS = {
    401: Marks(suspend="unauthorized"), 402: Marks(suspend="payment_required"), 403: Marks(suspend="payment_required"),
    404: Marks(suspend="not_found"), 429: Marks(quota=True, suspend="quota"),
}  # fmt: skip


@dataclass(slots=True)
class Health:
    """All that is known about a credential's health."""

    states: dict[str, ModelState] = field(default_factory=dict)
    account: Block | None = None
    last_error: Failure | None = None
    failing: bool = False

    def status(self, now: float) -> str:
        """``active`` or ``error``, as listings show it."""
        return "error" if self.failing or any(state.has_error(now) for state in self.states.values()) else "active"

    def blocked(self, model: str, now: float) -> Blocked | None:
        """The block that keeps the credential from a request for ``model``; None when it may be asked."""
        state = self.states.get(model)
        for block in (self.account, state.block if state is not None else None):
            if block is not None and block.closed(now):
                return Blocked(block.quota, block.until)
        return None

    def picked(self, model: str, now: float) -> None:
        """A request goes out. If that is the trial of a half-open block, nobody else passes until its result."""
        for block in self._blocks(model):
            if now < block.until:
                block.trial = True

    def released(self, model: str) -> None:
        """The request ended without a result (the client went away): a trial is free again."""
        for block in self._blocks(model):
            block.trial = False

    def clear(self) -> None:
        """Forget everything (by hand)."""
        self.states.clear()
        self.account = self.last_error = None
        self.failing = False

    def succeeded(self, model: str, now: float) -> None:
        """Forget everything about the model, and an account block (6.4)."""
        self.account = None
        self.states.pop(model, None)
        if not any(state.has_error(now) for state in self.states.values()):
            self.last_error, self.failing = None, False

    def failed(self, model: str, failure: Failure, now: float, cooling: Cooling) -> Marks:
        """Take over one failed attempt (6.1)."""
        state = self.states.setdefault(model, ModelState())
        state.last_error = self.last_error = failure
        self.failing = True
        trial = any(block.trial for block in self._blocks(model))
        span, marks = self._span(state, failure, now, cooling, trial=trial)
        if span is None:
            self.released(model)
            return marks
        until = now + min(span, LONGEST_BLOCK)
        if failure.names_account:
            self.account = _next_block(self.account, until, failure, now)
            state.block = None
        else:
            state.block = _next_block(state.block, until, failure, now)
        return marks

    def marks(self, now: float) -> dict[str, Marks]:
        """What listings should show of the models that are blocked at the moment."""
        return {
            model: _MARKS[state.last_error.status]
            for model, state in self.states.items()
            if state.has_error(now) and state.last_error is not None and state.last_error.status in _MARKS
        }

    def _span(
        self, state: ModelState, failure: Failure, now: float, cooling: Cooling, *, trial: bool
    ) -> tuple[float | None, Marks]:
        """(seconds of the block or None, marks) by the table of 6.1."""
        status = failure.status
        if status == 429:
            if failure.retry_after is None and not cooling.quota:
                return None, Marks()
            return self._quota_span(state, failure, now, trial=trial), _MARKS[429]
        if status in _SPANS:
            return _SPANS[status], _MARKS[status]
        if status in _TRANSIENT and cooling.transient > 0:
            return cooling.transient, Marks()
        return None, Marks()

    @staticmethod
    def _quota_span(state: ModelState, failure: Failure, now: float, *, trial: bool) -> float:
        if failure.retry_after is not None:
            return max(0.0, failure.retry_after)
        level = state.backoff_level
        span = min(2.0**level, MAX_BACKOFF) if level < 32 else MAX_BACKOFF
        block = state.block
        if block is not None and block.quota and now < block.until and not trial:
            return block.until - now  # several requests hit the same limit: one incident, one step
        if span < MAX_BACKOFF and not trial:
            state.backoff_level = level + 1
        return span

    def _blocks(self, model: str) -> list[Block]:
        state = self.states.get(model)
        found = (self.account, state.block if state is not None else None)
        return [block for block in found if block is not None]


def _next_block(old: Block | None, until: float, failure: Failure, now: float) -> Block:
    reason = failure.code or (str(failure.status) if failure.status else "error")
    trial_at, distance = now + FIRST_TRIAL, FIRST_TRIAL
    if old is not None and old.trial:  # a failed trial: the next one comes after twice the distance
        distance = min(old.distance * 2, LONGEST_TRIAL)
        trial_at = now + distance
    elif old is not None and now < old.until:
        until = max(until, old.until) if old.quota else until
        trial_at, distance = old.trial_at, old.distance
    return Block(until, failure.status == 429, reason, failure.message, trial_at, distance)
