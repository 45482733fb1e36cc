"""The pool's side of ``TokenKeeper``: providers are made before the pool, so it is bound afterwards."""

from __future__ import annotations

from cliproxy.errors import UpstreamError
from cliproxy.pool.pool import Pool
from cliproxy.pool.refresh import RefreshScheduler
from cliproxy.providers.credential import Credential


class PoolTokens:
    """Current and renewed records out of a pool."""

    def __init__(self) -> None:
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
        """The record with new tokens. Raises as ``RefreshScheduler.refresh``."""
        if self._scheduler is None:
            raise UpstreamError("nothing refreshes tokens yet")
        return self._scheduler.refresh(credential_id)
