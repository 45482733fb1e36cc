"""The pool's side of ``TokenKeeper``: providers are made before the pool, so it is bound afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable

from cliproxy.errors import LoginError, RefreshRejected, UpstreamError
from cliproxy.pool.pool import Pool
from cliproxy.pool.refresh import RefreshScheduler
from cliproxy.pool.refresh_rules import WHILE_RUNNING
from cliproxy.providers.base import Refreshes
from cliproxy.providers.credential import Credential
from cliproxy.providers.gemini_cli_token import owner_of


class PoolTokens:
    """Current and renewed records out of a pool."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._pool: Pool | None = None
        self._scheduler: RefreshScheduler | None = None

    def __repr__(self) -> str:
        return f"<PoolTokens of {self._pool!r}>"

    def bind(self, pool: Pool, scheduler: RefreshScheduler) -> None:
        """From now on answer out of these."""
        self._pool, self._scheduler = pool, scheduler

    def current(self, credential_id: str) -> Credential | None:
        """The record as it is now."""
        entry = self._pool.get(credential_id) if self._pool is not None else None
        return entry.credential if entry is not None else None

    def renewed(self, credential_id: str) -> Credential:
        """The record with new tokens.

        :raises UpstreamError: status 401 when the login is over; 429 as it came; none for anything else, so that a
            token endpoint's 400 never looks like a fault of the client's request.
        """
        if self._scheduler is None:
            raise UpstreamError("nothing refreshes tokens yet")
        try:
            return self._scheduler.refresh(credential_id)
        except RefreshRejected as error:
            raise UpstreamError(f"log in again: {error.text}", status=401) from error
        except UpstreamError as error:
            if error.status == 429:
                raise
            raise UpstreamError(f"the token could not be refreshed: {error.text}") from error
        except LoginError as error:
            raise UpstreamError(error.text) from error

    def after_refusal(self, used: Credential) -> Credential | None:
        """The record to try once more with after a 401; None when its tokens are as good as they get.

        They are renewed unless that was done a moment ago: somebody whose account is closed must not renew for ever.
        """
        if self._pool is None or used.account[0] == "api_key":
            return None
        owner_id = owner_of(used)
        now, owner = self.current(used.id), self._pool.get(owner_id)
        if now is None or owner is None or not isinstance(owner.provider, Refreshes):
            return None
        if now.metadata != used.metadata:
            return now  # renewed since this request began
        if self._clock() - owner.runtime.last_refreshed_at < WHILE_RUNNING:
            # One project of several: maybe refused with the token of before a sibling's renewal.
            return now if owner_id != used.id else None
        before = owner.credential.metadata
        try:
            after = self.renewed(owner_id)
        except UpstreamError:
            return None
        return self.current(used.id) if after.metadata != before else None
